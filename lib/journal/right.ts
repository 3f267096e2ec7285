/** The right to write alone, as far as this instance has it. */
import type { Batch } from './batch.js';
import { NotWriterError } from './errors.js';
import type { Head } from './head.js';

export class Right {
  readonly #journal: string;
  readonly #id: string;
  /** Of this instance's right. */
  #epoch: number | undefined;

  constructor(journal: string, id: string) {
    this.#journal = journal;
    this.#id = id;
  }

  /** @throws {NotWriterError} `ERR_NOT_WRITER`, when another instance alone may write on this head. */
  require({ holder, epoch }: Head): void {
    if (this.#epoch !== undefined && (holder?.writer !== this.#id || epoch !== this.#epoch)) {
      throw new NotWriterError(this.#journal, 'another instance has taken over', holder?.writer, epoch);
    }
    if (this.#epoch === undefined && holder !== undefined) {
      throw new NotWriterError(this.#journal, 'another instance holds it alone', holder.writer, epoch);
    }
  }

  /**
   * Makes this instance the only one that may write.
   *
   * @throws {NotWriterError} `ERR_NOT_WRITER`, when it is decided: another one holds the journal, and `takeOver` is not set.
   */
  claim(takeOver: boolean): Batch {
    return {
      claims: true,
      decide: ({ image: { epoch, holder }, time }) => {
        if (holder !== undefined && !takeOver) {
          throw new NotWriterError(this.#journal, 'another instance holds it alone', holder.writer, epoch);
        }
        return { text: '', count: 0, holds: { epoch: epoch + 1, holder: { writer: this.#id, since: time } } };
      },
    };
  }

  /** Gives up the right, if this instance still has it. */
  giveUp(): Batch {
    return {
      claims: true,
      decide: ({ image: { epoch, holder } }) =>
        holder?.writer === this.#id ? { text: '', count: 0, holds: { epoch, holder: undefined } } : undefined,
    };
  }

  /** What a claim of this instance has made of the head. */
  claimed({ holder, epoch }: Head): void {
    this.#epoch = holder?.writer === this.#id ? epoch : undefined;
  }

  /** Writes as anybody again, and not as the one holder. */
  forget(): void {
    this.#epoch = undefined;
  }
}

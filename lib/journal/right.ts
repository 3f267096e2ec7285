/** The right to write alone, as far as this instance has it. */
import type { Batch } from './batch.js';
import { NotWriterError } from './errors.js';
import type { Head, Holder } from './head.js';

/** Who alone may write, and how that was decided. */
export interface HoldOptions {
  /** Takes the journal from whoever holds it. @defaultValue false */
  readonly takeOver?: boolean;
  /** Holds it for a migration, until that is done: another migration takes it over without being asked to. @defaultValue false */
  readonly isMigration?: boolean;
}

/** Since when a migration holds a journal: no time, which is its mark. Part of the format. */
const sinceMigration = 0;

/** Whether the journal is held for a migration. */
export function isMigrating(holder: Holder | undefined): boolean {
  return holder?.since === sinceMigration;
}

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
   * @throws {NotWriterError} `ERR_NOT_WRITER`, when it is decided: another one holds the journal, and is not to be taken over.
   */
  claim({ takeOver = false, isMigration = false }: HoldOptions): Batch {
    return {
      claims: true,
      decide: ({ image, time }) => {
        const { epoch, holder } = image;
        if (holder !== undefined && !takeOver && !(isMigration && isMigrating(holder))) {
          throw new NotWriterError(this.#journal, 'another instance holds it alone', holder.writer, epoch);
        }
        return {
          text: '',
          count: 0,
          holds: claimOf(image, this.#id, isMigration ? sinceMigration : Math.max(time, 1)),
        };
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

/** What the head says when this writer holds the journal for a migration. */
export function migrationHolds(head: Pick<Head, 'epoch'>, writer: string): Pick<Head, 'epoch' | 'holder'> {
  return claimOf(head, writer, sinceMigration);
}

function claimOf({ epoch }: Pick<Head, 'epoch'>, writer: string, since: number): Pick<Head, 'epoch' | 'holder'> {
  return { epoch: epoch + 1, holder: { writer, since } };
}

/**
 * The name of the writer here, and its numbers: they go up, and each names one content. A writer that finds itself retired goes on
 * under a new name; one whose commit has a fate that nobody can tell writes nothing more.
 */
import type { BodyRef } from './commit.js';
import { AppendUnknownError } from './errors.js';
import { type BodyName, isRetired, mayPutBody, type WriterNumbers } from './protocol.js';

/** The writer's number that a batch goes by, and its body if it has one. */
export interface Numbered extends BodyName {
  readonly ref?: BodyRef;
}

export class Numbering {
  /** Constant over renames: who holds the journal alone. */
  readonly id: string;
  readonly #journal: string;
  readonly #newName: () => string;
  #writer: string;
  /** The number of the last commit, and the next one to use. */
  #last = 0;
  #next = 1;
  /** Once an outcome is unknown for good. */
  #poison: AppendUnknownError | undefined;

  constructor(journal: string, newName: () => string) {
    this.#journal = journal;
    this.#newName = newName;
    this.#writer = newName();
    this.id = this.#writer;
  }

  get writer(): string {
    return this.#writer;
  }

  /** The number of the last commit. */
  get last(): number {
    return this.#last;
  }

  take(): BodyName {
    const n = this.#next;
    this.#next += 1;
    return { writer: this.#writer, n };
  }

  /** Numbers are committed in order: one of a name that is given up, or that was passed over, is of no use any more. */
  canCommit({ writer, n }: BodyName): boolean {
    return writer === this.#writer && n > this.#last;
  }

  /** Whether the next number may be that of a body. */
  get mayPutBody(): boolean {
    return mayPutBody(this.#next, this.#last);
  }

  committed({ n }: BodyName): void {
    this.#last = n;
  }

  /** A number that nothing stands under, in the journal or beside it, is used for the next batch. */
  giveBack({ writer, n, ref }: Numbered): void {
    if (ref === undefined && writer === this.#writer && this.#next === n + 1) this.#next = n;
  }

  isRetired(writers: WriterNumbers): boolean {
    return isRetired(writers, this.#writer, this.#last);
  }

  rename(): void {
    this.#writer = this.#newName();
    this.#last = 0;
    this.#next = 1;
  }

  /** Takes note that nobody can tell what became of a number. */
  giveUp({ writer, n }: BodyName, cause: unknown): AppendUnknownError {
    this.#poison = new AppendUnknownError(this.#journal, writer, n, cause);
    return this.#poison;
  }

  /** @throws {AppendUnknownError} `ERR_APPEND_UNKNOWN`, once an outcome is unknown for good. */
  requireKnown(): void {
    if (this.#poison !== undefined) throw this.#poison;
  }
}

/** A call of `append`. */
import type { WaitingFacts } from '../journal/index.js';
import { CommandIdReusedError } from './errors.js';
import type { RecordedEvent } from './event.js';
import { bytesOf, type EventLine, haveContents } from './event-line.js';
import { canBeMet, type ExpectedVersion, isMet } from './expected-version.js';
import type { Round } from './round.js';
import { type Outcome, type Verdict, Work } from './work.js';

/** What `append` answers. */
export interface Appended<E extends RecordedEvent = RecordedEvent> {
  /** Version of the stream after these events. */
  readonly version: number;
  /** The events as they were recorded. */
  readonly events: readonly E[];
  /** Epoch milliseconds of the commit. */
  readonly time: number;
  /** They were appended before, under the same command id; this call has changed nothing. */
  readonly repeated: boolean;
}

export interface AppendFacts extends WaitingFacts {
  readonly lines: readonly EventLine[];
  readonly expected: ExpectedVersion;
  readonly commandId: string | undefined;
}

export class AppendWork extends Work<Appended> {
  readonly bytes: number;
  readonly #stream: string;
  readonly #lines: readonly EventLine[];
  readonly #expected: ExpectedVersion;

  constructor(stream: string, { lines, expected, commandId, ...facts }: AppendFacts) {
    // What is expected does not change, so it is never decided differently: no limit is needed.
    super(facts, commandId, Number.POSITIVE_INFINITY);
    this.#stream = stream;
    this.#lines = lines;
    this.#expected = expected;
    this.bytes = bytesOf(lines);
  }

  decide({ version }: Round): Verdict {
    const expected = this.#expected;
    if (!isMet(expected, version)) return { kind: 'conflict', expected, version, final: !canBeMet(expected, version) };
    const anywhere = expected === 'any' || expected === 'exists';
    return { kind: 'append', lines: this.#lines, anywhere };
  }

  conclude({ contents, ...outcome }: Outcome): void {
    if (contents !== undefined && !haveContents(this.#lines, contents)) {
      this.refuse(new CommandIdReusedError(this.#stream, this.commandId as string, outcome.events));
      return;
    }
    this.settle({ outcome: 'done' });
    this.answer(outcome);
  }
}

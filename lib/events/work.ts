/** A call that waits on a stream to append something: what it decides in a round, and how it is told. */
import { WaitingCall, type WaitingFacts } from '../journal/index.js';
import { ConflictError } from './errors.js';
import type { RecordedEvent } from './event.js';
import type { EventContent, EventLine } from './event-line.js';
import type { ExpectedVersion } from './expected-version.js';
import type { Round } from './round.js';

/** What a call makes of the state of the stream. */
export type Verdict =
  /** `anywhere`: it would be the same on any later state. No lines: nothing is to happen. */
  | { readonly kind: 'append'; readonly lines: readonly EventLine[]; readonly anywhere: boolean }
  /** `final`: it would be the same on any later state. */
  | { readonly kind: 'refuse'; readonly error: unknown; readonly final: boolean }
  | {
      readonly kind: 'conflict';
      readonly expected: ExpectedVersion;
      readonly version: number;
      readonly final: boolean;
    };

/** What became of a call's events. */
export interface Outcome {
  readonly events: readonly RecordedEvent[];
  /** Version of the stream after them. */
  readonly version: number;
  readonly time: number;
  /** They were there before this call. */
  readonly repeated: boolean;
  /** What was stored of them, where they were there before. */
  readonly contents?: readonly EventContent[];
}

export abstract class Work<A = unknown> extends WaitingCall<A> {
  readonly commandId: string | undefined;
  /** Times that it was decided, and others were faster. */
  conflicts = 0;
  readonly conflictsMax: number;
  /** How often its stream's head had been asked for when it was called. */
  since = 0;

  constructor(facts: WaitingFacts, commandId: string | undefined, conflictsMax: number) {
    super(facts);
    this.commandId = commandId;
    this.conflictsMax = conflictsMax;
  }

  /** Bytes of the events, as far as they are known before it is decided. */
  abstract readonly bytes: number;

  /** Decides. Perhaps several times, on newer states. What it throws is an error of the store's, not a refusal. */
  abstract decide(round: Round): Verdict | Promise<Verdict>;

  /** Its events stand. Throws when they are not what it was about. */
  abstract conclude(outcome: Outcome): void;

  /** It is certain that nothing was appended. */
  refuse(error: unknown): void {
    this.fail(error, { outcome: 'not-done' });
  }

  /** Others were faster each time. */
  giveUp(stream: string, expected: number, actual: number, events: readonly RecordedEvent[]): void {
    this.refuse(new ConflictError({ stream, expected, actual, events, retries: this.conflicts - 1 }));
  }
}

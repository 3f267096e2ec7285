/** A call of `execute`: a command that waits to be decided, and is decided again when others were faster. */
import type { Journal, WaitingFacts } from '../../journal/index.js';
import type { EventMetadata, RecordedEvent } from '../event.js';
import { canBeMet, type ExpectedVersion, isMet } from '../expected-version.js';
import type { Round } from '../round.js';
import { type Outcome, type Verdict, Work } from '../work.js';
import type { AnyAggregateType } from './aggregate-type.js';
import { handleCommand, takeDecision } from './decision.js';
import type { Folded } from './fold.js';
import type { StreamState } from './stream-state.js';

/** What `execute` answers. */
export interface Executed<State, E extends RecordedEvent = RecordedEvent> {
  /** The state after the command; of one that was repeated, the state as it is now. */
  readonly state: State;
  /** Version of the stream after the command's events. */
  readonly version: number;
  /** The events that it led to, as they were recorded. */
  readonly events: readonly E[];
  /** Epoch milliseconds of the commit, or of the decision, when there was nothing to commit. */
  readonly time: number;
  /** It was executed before, under the same command id; this call has changed nothing. */
  readonly repeated: boolean;
}

export interface CommandFacts extends WaitingFacts {
  readonly stream: string;
  readonly command: unknown;
  readonly services: unknown;
  readonly metadata: EventMetadata | undefined;
  readonly commandId: string | undefined;
  readonly expected: ExpectedVersion;
  readonly retries: number;
  readonly signal: AbortSignal | undefined;
  readonly state: StreamState;
  readonly journal: () => Journal;
  /** The state as it is now, for a command that was repeated. */
  readonly stateNow: () => Promise<unknown>;
}

/** What the events of a command are taken to need, before it is decided. */
const bytesGuessed = 200;

export class CommandWork extends Work<Executed<unknown>> {
  readonly bytes: number = bytesGuessed;
  readonly #type: AnyAggregateType;
  readonly #facts: CommandFacts;
  #state: unknown;

  constructor(type: AnyAggregateType, facts: CommandFacts) {
    super(facts, facts.commandId, facts.retries);
    this.#type = type;
    this.#facts = facts;
  }

  async decide(round: Round): Promise<Verdict> {
    const { expected, state, journal } = this.#facts;
    const { version } = round;
    if (!isMet(expected, version)) return { kind: 'conflict', expected, version, final: !canBeMet(expected, version) };
    const type = this.#type;
    let folded: Folded;
    try {
      folded = await state.at(type, round, journal());
    } catch (error) {
      // On a newer head it may be there: of this one what is wanted may have been pruned.
      return { kind: 'refuse', error, final: false };
    }
    round.isTimed = true;
    const facts = { ...this.#facts, time: round.time, recorder: round.recorder, bytes: state.bytes };
    try {
      const decided = await handleCommand(type, folded, facts);
      if (state.isSpoiled()) return { kind: 'refuse', error: spoiled(type.name), final: true };
      const { lines, folded: next } = takeDecision(type, folded, decided, facts);
      this.#state = next.state;
      return { kind: 'append', lines, anywhere: false };
    } catch (error) {
      return { kind: 'refuse', error, final: false };
    }
  }

  conclude({ contents: _contents, ...outcome }: Outcome): void {
    this.settle({ outcome: 'done' });
    if (!outcome.repeated) {
      this.answer({ ...outcome, state: this.#state });
      return;
    }
    this.#facts.stateNow().then(
      (state) => this.answer({ ...outcome, state }),
      (error: unknown) => this.fail(error, { outcome: 'done' }),
    );
  }
}

function spoiled(type: string): TypeError {
  return new TypeError(
    `Cannot execute a command: bytes in the state of an aggregate of type ${type} were changed in place; copy them, and change the copy`,
  );
}

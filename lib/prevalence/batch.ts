/**
 * Calls that go into one commit together: what is decided of them, what the commit holds, and what each is told.
 *
 * A small batch takes along who has come while it waited for its turn, as far as the head has room. Whoever joins is answered
 * by the commit; if there is none, he waits for the next batch, because what confirms that nothing was to be committed may be
 * older than his call.
 */
import type { Appended, Base, Commit, Draft } from '../journal/index.js';
import { digestStateNow } from '../snapshot/index.js';
import type { Call } from './call.js';
import { type DecidedOn, type Decision, decideAll } from './decision.js';
import type { Handler } from './handler.js';
import type { Change, Replica } from './replica.js';

export interface BatchOptions<S, E, R> {
  readonly replica: Replica<S, E, R>;
  readonly handler: Handler<S, E, R>;
  readonly handlerVersion: string | undefined;
  /** Digest of the state with about every so many events; 0 = never. */
  readonly stateDigestEvery: number;
}

/** What is left of a batch when its fate is certain. */
interface Concluded<S, E, R> {
  /** Those who have to wait for the next one. */
  readonly later: readonly Call<S, E, R>[];
  /** Events that were committed, and their JSON text. */
  readonly events: number;
  readonly bytes: number;
}

export class Batch<S, E, R> {
  /** Grows as long as callers may join. */
  readonly calls: Call<S, E, R>[];
  /**
   * Places of the calls that may be accepted, in order: their events are in the body, or fit the head together. The others have to
   * wait if it turns out that they would be. Absent: all.
   */
  #room: readonly number[] | undefined;
  #bodyText: string | undefined;
  /** Decided before the body was written; still right if the state is the same. */
  #hint: Decision<S, R> | undefined;
  /** Whether it was decided on what another batch would leave: of the ids in that one nothing was known then. */
  #isHintAhead = false;
  #decision: Decision<S, R> | undefined;
  readonly #options: BatchOptions<S, E, R>;
  /** From here on they have joined. */
  readonly #joinedFrom: number;

  constructor(calls: Call<S, E, R>[], options: BatchOptions<S, E, R>) {
    this.calls = calls;
    this.#options = options;
    this.#joinedFrom = calls.length;
  }

  /** Texts of the events, if they are in a body. */
  get bodyText(): string | undefined {
    return this.#bodyText;
  }

  /** Texts of all events. */
  get text(): string {
    return this.calls.map(({ line }) => line.text).join('\n');
  }

  /** Whether callers may still join. */
  get isOpen(): boolean {
    return this.#room === undefined;
  }

  /**
   * Decides before the batch's turn has come, on the state that the one `before` will leave if nobody else is first, and returns the
   * texts of those that would be accepted. What would be refused as things are is not worth its bytes; it is decided again on the
   * state that counts.
   */
  preview(now: number, before: Batch<S, E, R> | undefined): string {
    const { state, seq, time } = before?.expected(now) ?? this.#options.replica;
    const hint = this.#decide({ state, seq, time: Math.max(now, time) });
    this.#hint = hint;
    this.#isHintAhead = before !== undefined;
    this.#room = [...this.calls.keys()].filter((index) => hint.outcomes[index]?.kind === 'accepted');
    return this.#room.map((index) => this.calls[index]?.line.text).join('\n');
  }

  /** What it will leave if nobody else is first. */
  expected(now: number): DecidedOn<S> {
    const { state, seq, time } = this.#options.replica;
    const decision = this.#decision ?? this.#hint ?? this.#decide({ state, seq, time: Math.max(now, time) });
    return { state: decision.state, seq: decision.on.seq + decision.accepted, time: decision.on.time };
  }

  /** The events of the preview go into a body. */
  useBody(text: string): void {
    this.#bodyText = text;
  }

  /** What to commit on the state after `base`, which is what the replica holds; `undefined` for nothing. */
  draft({ seq, time, image }: Base): Draft | undefined {
    const { replica, handlerVersion } = this.#options;
    const room = this.#room && new Set(this.#room);
    const decision = this.#isHintRight(seq, image.time)
      ? (this.#hint as Decision<S, R>)
      : this.#decide({ state: replica.state, seq, time }, room && ((index) => room.has(index)));
    this.#decision = decision;
    const { outcomes, accepted, on } = decision;
    const isAccepted = (index: number) => outcomes[index]?.kind === 'accepted';
    this.calls.forEach((call, index) => {
      call.markSent(isAccepted(index));
    });
    if (accepted === 0) return undefined;
    const texts = () => this.calls.filter((_, index) => isAccepted(index)).map(({ line }) => line.text);
    const skipped = () => this.#room?.flatMap((index, at) => (isAccepted(index) ? [] : [at]));
    return {
      text: this.#bodyText === undefined ? texts().join('\n') : '',
      skip: this.#bodyText === undefined ? undefined : skipped(),
      ...{ count: accepted, time: on.time, handlerVersion, stateDigest: this.#stateDigest(decision) },
    };
  }

  /** The commit is in, and what was decided is the state now. */
  adopt(commit: Commit): void {
    const decision = this.#decision as Decision<S, R>;
    this.#options.replica.adopt(commit, decision, () => this.#changes(commit.time, decision));
  }

  /** The fate of the batch is certain: everyone gets his answer but those who have to wait. */
  conclude({ status }: Appended): Concluded<S, E, R> {
    const { outcomes, on, accepted } = this.#decision as Decision<S, R>;
    const later: Call<S, E, R>[] = [];
    let bytes = 0;
    this.calls.forEach((call, index) => {
      const outcome = outcomes[index];
      // Who joined after the last decision has none.
      const waits = outcome === undefined || outcome.kind === 'later' || this.#isUnconfirmed(index, status);
      if (waits && !call.isOver) {
        later.push(call);
        return;
      }
      if (outcome?.kind === 'accepted') bytes += call.line.bytes + 1;
      call.conclude(outcome ?? { kind: 'gone' }, on.time);
    });
    return { later, bytes, events: status === 'applied' ? accepted : 0 };
  }

  #isUnconfirmed(index: number, status: Appended['status']): boolean {
    return status === 'nothing' && index >= this.#joinedFrom;
  }

  #isHintRight(seq: number, timeMin: number): boolean {
    const hint = this.#hint;
    return (
      hint !== undefined &&
      this.#decision === undefined &&
      hint.on.state === this.#options.replica.state &&
      hint.on.seq === seq &&
      hint.on.time >= timeMin &&
      !(this.#isHintAhead && this.calls.some(({ id }) => id !== undefined)) &&
      !this.calls.some(({ isOver }, index) => isOver && hint.outcomes[index]?.kind === 'accepted')
    );
  }

  #decide(on: DecidedOn<S>, mayAccept?: (index: number) => boolean): Decision<S, R> {
    const { handler, replica } = this.#options;
    return decideAll({ handler, known: replica.ids, bytes: replica.bytes }, this.calls, on, mayAccept);
  }

  /** Of the state after the decision, when it is the first one beyond a multiple of so many events. */
  #stateDigest({ state, accepted, on }: Decision<S, R>): string | undefined {
    const { stateDigestEvery: every } = this.#options;
    if (every === 0 || Math.floor((on.seq + accepted) / every) === Math.floor(on.seq / every)) return undefined;
    return digestStateNow(state);
  }

  #changes(time: number, { outcomes }: Decision<S, R>): Change<E>[] {
    return this.calls.flatMap((call, index) => {
      const outcome = outcomes[index];
      if (outcome?.kind !== 'accepted') return [];
      return [{ seq: outcome.seq, time, event: call.hand(), id: call.id }];
    });
  }
}

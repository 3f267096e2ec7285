/**
 * What one process of a run does: several callers, each in a closed loop, call the atoms by the seed, write each call
 * down, and ask again where they were told "unknown".
 *
 * Nothing here knows whether time and network are real: the same callers run in child processes before a fault proxy and on
 * a virtual clock in a simulation.
 */
import { type AtomSnapshot, type SwapOptions, UnknownOutcomeError } from '../../lib/atom/index.js';
import type { Clock, Random } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import type { CallKind, Journal, Told, Value } from './journal.js';
import type { Subject } from './subject.js';

export interface CallersOptions {
  /** Names the process; begins the id of each call. */
  readonly name: string;
  readonly subjects: readonly Subject[];
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  /** Calls under way at once. */
  readonly callers: number;
  /** Calls in all. */
  readonly calls: number;
  /** Told as calls begin. */
  readonly onCall?: (begun: number) => void;
}

/** What the callers of one process met. */
export interface CallersReport {
  readonly calls: number;
  /** Failures that are none of the documented outcomes. */
  readonly surprises: readonly string[];
  /** The longest that a call lasted beyond its deadline, and the longest that one lasted after the faults had ended. */
  readonly overtimeMs: number;
  readonly afterCalmMs: number;
  /** Unknown outcomes that could not be settled, with the reasons. */
  readonly unsettled: readonly string[];
}

/** The deadline of most calls: as by default. */
const timeoutMs = 30_000;

/** Relative frequencies of the calls. */
const mix: readonly (readonly [CallKind, number])[] = [
  ['swap', 36],
  ['read', 20],
  ['reset', 14],
  ['compareAndSet', 14],
  ['trySwap', 10],
  ['delete', 6],
];

/** What can be asked again: an error, or the result of `trySwap`. */
type Settleable = Pick<UnknownOutcomeError, 'settle'>;

/** Thrown by signals of callers that leave. */
class Left extends Error {}

export class Callers {
  readonly #options: CallersOptions;
  readonly #unsettled: { readonly id: string; readonly error: Settleable }[] = [];
  readonly #unclear = new WeakMap<Told, Settleable>();
  readonly #surprises: string[] = [];
  readonly #reasons: string[] = [];
  #begun = 0;
  #enough = false;
  #calmAt = Number.POSITIVE_INFINITY;
  #overtimeMs = 0;
  #afterCalmMs = 0;

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /** From now on nothing is disturbed any more: what is pending has to end soon. */
  calm(): void {
    this.#calmAt = this.#options.clock.monotonicMs();
  }

  /** Begins no more calls. */
  enough(): void {
    this.#enough = true;
  }

  /** Makes all calls. */
  async run(): Promise<void> {
    const { callers, calls } = this.#options;
    const one = async () => {
      while (this.#begun < calls && !this.#enough) await this.#oneCall();
    };
    await Promise.all(Array.from({ length: callers }, one));
  }

  /** Asks for every outcome that is still unknown. */
  async settleAll(): Promise<void> {
    await Promise.all(this.#unsettled.splice(0).map(({ id, error }) => this.#settle(id, error, 'truth')));
  }

  report(): CallersReport {
    return {
      calls: this.#begun,
      surprises: this.#surprises,
      overtimeMs: this.#overtimeMs,
      afterCalmMs: this.#afterCalmMs,
      unsettled: this.#reasons,
    };
  }

  async #oneCall(): Promise<void> {
    const { name, subjects, random, clock, onCall } = this.#options;
    this.#begun += 1;
    onCall?.(this.#begun);
    const id = `${name}#${this.#begun}`;
    const subject = subjects[random.int(subjects.length)] as Subject;
    const kind = this.#drawKind();
    const options = this.#drawOptions();
    if (kind === 'read') return this.#call(id, subject, kind, options);
    await subject.gate.within(kind === 'delete', () => this.#call(id, subject, kind, options));
    // A pause now and then, so that not everything is a storm.
    if (random.int(20) === 0) await clock.sleep(random.int(5));
  }

  #timed(startedAt: number, deadlineMs: number): void {
    const endedAt = this.#options.clock.monotonicMs();
    this.#overtimeMs = Math.max(this.#overtimeMs, endedAt - startedAt - deadlineMs);
    if (startedAt <= this.#calmAt) this.#afterCalmMs = Math.max(this.#afterCalmMs, endedAt - this.#calmAt);
  }

  #drawKind(): CallKind {
    let draw = this.#options.random.int(mix.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [kind, weight] of mix) {
      if (draw < weight) return kind;
      draw -= weight;
    }
    return 'read';
  }

  /** Some callers are in a hurry, some leave, some want a call of their own. */
  #drawOptions(): SwapOptions {
    const { random, clock } = this.#options;
    const draw = random.int(100);
    if (draw < 8) return { timeoutMs: 1 + random.int(200) };
    if (draw < 18) {
      const left = new AbortController();
      void clock.sleep(random.int(25), { background: true }).then(() => left.abort(new Left('the caller left')));
      return { signal: left.signal };
    }
    if (draw < 24) return { coalesce: false };
    if (draw < 30) return { from: 'read' };
    return {};
  }

  async #call(id: string, subject: Subject, kind: CallKind, options: SwapOptions): Promise<void> {
    const { journal, clock } = this.#options;
    const startedAt = clock.monotonicMs();
    journal.call(id, subject.key, kind);
    if (kind === 'delete') subject.deleting = id;
    let told: Told;
    try {
      told = await this.#perform(id, subject, kind, options);
    } catch (error) {
      told = this.#toldBy(error, id, subject, kind);
    }
    this.#timed(startedAt, options.timeoutMs ?? timeoutMs);
    if (told.made !== undefined) subject.seen = told.made;
    else if (kind === 'read' && told.found) subject.seen = told.found;
    journal.ret(id, told);
    const unclear = this.#unclear.get(told);
    if (unclear !== undefined) await this.#remember(id, unclear);
    subject.forget(id);
    if (kind === 'delete') subject.deleting = undefined;
  }

  async #perform(id: string, subject: Subject, kind: CallKind, options: SwapOptions): Promise<Told> {
    const { random } = this.#options;
    const { atom } = subject;
    const next = (value: Value | undefined): Value => ({ by: id, n: (value?.n ?? 0) + 1 });
    switch (kind) {
      case 'read': {
        if (random.int(3) === 0) return { outcome: 'done', found: (await atom.deref(options)) ?? null };
        const snapshot = await atom.snapshot(options);
        subject.snapshot = snapshot;
        return { outcome: 'done', ...told(snapshot) };
      }
      case 'swap': {
        const [old, made] = await atom.swapVals(next, options);
        return { outcome: 'done', found: old ?? null, made };
      }
      case 'reset': {
        const [old, made] = await atom.resetVals({ by: id, n: random.int(1_000) }, options);
        return { outcome: 'done', found: old ?? null, made };
      }
      case 'trySwap':
        return this.#trySwap(id, subject, next, options);
      case 'compareAndSet': {
        const { seen, snapshot } = subject;
        const bySnapshot = snapshot !== undefined && random.int(2) === 0;
        const made = next(bySnapshot ? snapshot.value : seen);
        const expected = bySnapshot ? told(snapshot) : { found: seen ?? null };
        const done = await atom.compareAndSet(bySnapshot ? snapshot : seen, made, options);
        return done ? { outcome: 'done', ...expected, made } : { outcome: 'false', ...expected };
      }
      case 'delete':
        return { outcome: (await atom.delete(options)) ? 'done' : 'false' };
    }
  }

  async #trySwap(id: string, subject: Subject, next: (value: Value | undefined) => Value, options: SwapOptions) {
    const tried = await subject.atom.trySwap(next, options);
    if (tried.status === 'conflict') return { outcome: 'not-done' } as const;
    const made = subject.madeBy(id);
    if (tried.status === 'applied')
      return { outcome: 'done', found: tried.old ?? null, ...(made && { made }) } as const;
    const told = { outcome: 'unknown', ...(made && { made }) } as const;
    this.#unclear.set(told, tried);
    return told;
  }

  #toldBy(error: unknown, id: string, subject: Subject, kind: CallKind): Told {
    const { name, message } = error as Error;
    const made = subject.madeBy(id);
    const words = { error: `${name}: ${message}`, ...(made !== undefined && { made }) };
    if (error instanceof Left) return { outcome: kind === 'read' ? 'failed' : 'not-done', ...words };
    const documented =
      isLeydenError(error) && ['ERR_DEADLINE', 'ERR_CONTENTION', 'ERR_UNKNOWN_OUTCOME'].includes(error.code);
    if (!documented) this.#surprises.push(`${kind} ${id}: ${words.error}`);
    if (kind === 'read') return { outcome: 'failed', ...words };
    if (error instanceof UnknownOutcomeError) {
      const told = { outcome: 'unknown', ...words } as const;
      this.#unclear.set(told, error);
      return told;
    }
    return { outcome: isLeydenError(error) && error.outcome === 'not-done' ? 'not-done' : 'unknown', ...words };
  }

  /** Some ask at once, in the middle of the storm, and some of these want it undone; the others ask in the end. */
  async #remember(id: string, error: Settleable): Promise<void> {
    const draw = this.#options.random.int(4);
    if (draw < 2) this.#unsettled.push({ id, error });
    else await this.#settle(id, error, draw === 2 ? 'cancel' : 'truth');
  }

  async #settle(id: string, error: Settleable, prefer: 'truth' | 'cancel'): Promise<void> {
    const settled = await error.settle({ prefer, timeoutMs: 20_000 });
    this.#options.journal.settled(id, settled.outcome);
    if (settled.outcome === 'unknown') this.#reasons.push(`${id}: ${settled.reason}`);
  }
}

/** What a snapshot tells. */
function told({ value, token = '' }: AtomSnapshot<Value | undefined>): Pick<Told, 'found' | 'token'> {
  return { found: value ?? null, token };
}

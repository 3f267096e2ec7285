/**
 * What the callers of one process have in common, whatever they call: each is a closed loop that draws its next deed from the seed;
 * some are in a hurry, some leave; what no documented error and no fault explains is a surprise.
 */
import { UnknownOutcomeError } from '../../lib/atom/index.js';
import type { Clock, Random } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';

export interface LoopOptions {
  /** Names the process; begins the id of each call. */
  readonly name: string;
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
export interface Met {
  readonly calls: number;
  /** Failures that are none of the documented outcomes. */
  readonly surprises: readonly string[];
  /** The longest that a call or another deed lasted after the faults had ended. */
  readonly afterCalmMs: number;
}

/** Deeds and their relative frequencies. */
export type Mix<Deed> = readonly (readonly [Deed, number])[];

/** How a caller gives up: in time, or when it leaves. */
interface Hurry {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a call was told by an error. */
interface Failed {
  readonly outcome: 'not-done' | 'unknown';
  readonly error: string;
}

/** Thrown by signals of callers that leave. */
class Left extends Error {}

export abstract class ClosedLoops<Options extends LoopOptions> {
  protected readonly options: Options;
  readonly #surprises: string[] = [];
  #begun = 0;
  #enough = false;
  #calmAt = Number.POSITIVE_INFINITY;
  #afterCalmMs = 0;

  constructor(options: Options) {
    this.options = options;
  }

  /** From now on nothing is disturbed any more: what is pending has to end soon. */
  calm(): void {
    this.#calmAt = this.options.clock.monotonicMs();
  }

  /** Something happened that no fault explains. */
  surprise(what: string): void {
    this.#surprises.push(what);
  }

  /** Begins no more calls. */
  enough(): void {
    this.#enough = true;
  }

  /** Calls that have begun. */
  protected get begun(): number {
    return this.#begun;
  }

  protected get calmAt(): number {
    return this.#calmAt;
  }

  protected get met(): Met {
    return { calls: this.#begun, surprises: this.#surprises, afterCalmMs: this.#afterCalmMs };
  }

  /** One deed after the other, until there were enough. */
  protected async loop(next: () => Promise<void>): Promise<void> {
    const { callers, calls, onCall } = this.options;
    const one = async () => {
      while (this.#begun < calls && !this.#enough) {
        this.#begun += 1;
        onCall?.(this.#begun);
        await next();
      }
    };
    await Promise.all(Array.from({ length: callers }, one));
  }

  protected drawDeed<Deed>(mix: Mix<Deed>): Deed {
    let draw = this.options.random.int(mix.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [deed, weight] of mix) {
      if (draw < weight) return deed;
      draw -= weight;
    }
    throw new RangeError('a mix of nothing');
  }

  /** Some callers are in a hurry, some leave. */
  protected drawHurry(): Hurry {
    const { random, clock } = this.options;
    const draw = random.int(100);
    if (draw < 8) return { timeoutMs: 1 + random.int(200) };
    if (draw >= 16) return {};
    const left = new AbortController();
    void clock.sleep(random.int(25), { background: true }).then(() => left.abort(new Left('the caller left')));
    return { signal: left.signal };
  }

  /** What a failed call was told. `refusals`: codes of documented errors after which nothing was done. */
  protected failed(error: unknown, what: string, refusals: ReadonlySet<string>): Failed {
    const { name, message } = error as Error;
    const words = { error: `${name}: ${message}` };
    if (error instanceof Left) return { outcome: 'not-done', ...words };
    if (error instanceof UnknownOutcomeError) return { outcome: 'unknown', ...words };
    if (isLeydenError(error) && error.code === 'ERR_APPEND_UNKNOWN') return { outcome: 'unknown', ...words };
    if (!isLeydenError(error) || !refusals.has(error.code)) this.surprise(`${what}: ${words.error}`);
    return { outcome: isLeydenError(error) && error.outcome === 'not-done' ? 'not-done' : 'unknown', ...words };
  }

  /** Something that began then has ended. */
  protected timed(startedAt: number): void {
    if (startedAt > this.#calmAt) return;
    this.#afterCalmMs = Math.max(this.#afterCalmMs, this.options.clock.monotonicMs() - this.#calmAt);
  }
}

/** What all processes together met. */
export function metByAll(reports: readonly Met[]): Pick<Met, 'surprises' | 'afterCalmMs'> {
  return {
    surprises: reports.flatMap(({ surprises }) => surprises),
    afterCalmMs: Math.max(...reports.map(({ afterCalmMs }) => afterCalmMs)),
  };
}

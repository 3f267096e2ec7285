/** What one measured window gave, in one process or summed over several. */
import { addLatency, type Latencies, mergeLatencies, noLatencies, quantile } from './statistics.js';

/** What was spent; only grows, so two readings are subtracted. */
export interface Counts {
  readonly requests: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  /** Conditional puts that failed, and writes that were applied. */
  readonly failedPuts: number;
  readonly commits: number;
  /** Transactions that were cancelled. */
  readonly cancelled?: number;
  /** Of all items that were stored, where they are weighed. */
  readonly bytesWritten?: number;
}

export const noCounts: Counts = { requests: 0, readUnits: 0, writeUnits: 0, failedPuts: 0, commits: 0 };

export interface Sample {
  /** Operations that ended within the window, for each caller. */
  readonly opsByCaller: readonly number[];
  readonly elapsedMs: number;
  /** CPU time of the process, user and system, within the window. */
  readonly cpuUs: number;
  readonly counts: Counts;
  readonly latencies: Latencies;
  /** All operations that ended, those after the window as well: what the final value is checked against. */
  readonly finished: number;
  /** Operations whose answer was not the right one. */
  readonly wrong: number;
}

export interface Loop<Result> {
  readonly callers: number;
  /** The window. A caller begins no operation after it. */
  readonly forMs?: number;
  /** So many operations in all, instead of a window. */
  readonly ops?: number;
  readonly counts?: () => Counts;
  /**
   * One operation of one caller. `over` tells that the window has closed.
   */
  readonly op: (caller: number, over: () => boolean) => Promise<Result>;
  /** `false` when it was given up or failed, `'wrong'` when the answer was wrong. Not in `op`, so that it costs no promise. */
  readonly judge?: (caller: number, result: Result) => boolean | 'wrong';
}

/** Each caller begins its next operation when its last one has ended: a closed loop without pauses. */
export async function closedLoop<Result>(loop: Loop<Result>): Promise<Sample> {
  const { callers, forMs, ops, counts = () => noCounts, op, judge = () => true } = loop;
  const latencies = noLatencies();
  const opsByCaller = new Array<number>(callers).fill(0);
  let left = ops ?? Number.POSITIVE_INFINITY;
  let finished = 0;
  let wrong = 0;
  const countsBefore = counts();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const endAt = startedAt + (forMs ?? Number.POSITIVE_INFINITY);
  let window: Pick<Sample, 'elapsedMs' | 'cpuUs' | 'counts'> | undefined;
  // Closed by the timer, or by the first caller to see the time: loops of microtasks alone let no timer fire.
  const close = () => {
    if (window !== undefined) return;
    const { user, system } = process.cpuUsage(cpuBefore);
    window = {
      elapsedMs: performance.now() - startedAt,
      cpuUs: user + system,
      counts: subtractCounts(counts(), countsBefore),
    };
  };
  const isOver = () => window !== undefined;
  const call = async (caller: number): Promise<void> => {
    while (!isOver() && left > 0) {
      left -= 1;
      const calledAt = performance.now();
      const result = await op(caller, isOver);
      const now = performance.now();
      const verdict = judge(caller, result);
      if (verdict === 'wrong') wrong += 1;
      if (verdict === false) continue;
      finished += 1;
      if (isOver()) return;
      opsByCaller[caller] = (opsByCaller[caller] as number) + 1;
      addLatency(latencies, now - calledAt);
      if (now >= endAt) close();
    }
  };
  const timer = forMs === undefined ? undefined : setTimeout(close, forMs);
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  clearTimeout(timer);
  close();
  return {
    ...(window as unknown as Pick<Sample, 'elapsedMs' | 'cpuUs' | 'counts'>),
    opsByCaller,
    latencies,
    finished,
    wrong,
  };
}

/** Adds up what several processes did in the same window. */
export function merge(samples: readonly Sample[]): Sample {
  return {
    opsByCaller: samples.flatMap((one) => one.opsByCaller),
    elapsedMs: Math.max(...samples.map((one) => one.elapsedMs)),
    cpuUs: sum(samples.map((one) => one.cpuUs)),
    counts: samples.map((one) => one.counts).reduce(add),
    latencies: mergeLatencies(samples.map((one) => one.latencies)),
    finished: sum(samples.map((one) => one.finished)),
    wrong: sum(samples.map((one) => one.wrong)),
  };
}

export const opsOf = (sample: Sample): number => sum(sample.opsByCaller);
export const perSecond = (sample: Sample): number => (opsOf(sample) * 1_000) / sample.elapsedMs;
export const p50 = (sample: Sample): number => quantile(sample.latencies, 0.5);
export const p99 = (sample: Sample): number => quantile(sample.latencies, 0.99);
export const cpuPerOp = (sample: Sample): number => sample.cpuUs / opsOf(sample);

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function add(one: Counts, other: Counts): Counts {
  return combine(one, other, 1);
}

export function subtractCounts(one: Counts, other: Counts): Counts {
  return combine(one, other, -1);
}

function combine(one: Counts, other: Counts, sign: number): Counts {
  return {
    requests: one.requests + sign * other.requests,
    readUnits: one.readUnits + sign * other.readUnits,
    writeUnits: one.writeUnits + sign * other.writeUnits,
    failedPuts: one.failedPuts + sign * other.failedPuts,
    commits: one.commits + sign * other.commits,
    cancelled: (one.cancelled ?? 0) + sign * (other.cancelled ?? 0),
    bytesWritten: (one.bytesWritten ?? 0) + sign * (other.bytesWritten ?? 0),
  };
}

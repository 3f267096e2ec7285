/** Figures from samples: medians with their spread, quantiles of latencies, fairness. Pure. */

/** The middle of several rounds, and how far they lay apart. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** Jain's fairness index: 1 when all shares are equal, 1/n when one has everything. */
export function jain(shares: readonly number[]): number {
  let sum = 0;
  let squares = 0;
  for (const share of shares) {
    sum += share;
    squares += share * share;
  }
  return squares === 0 ? 1 : (sum * sum) / (shares.length * squares);
}

/** Buckets are this fraction wide, so a quantile is exact to half of it. */
const bucketWidth = 0.01;
const leastMs = 1e-4;
const bucketCount = 2_200;

/** Latencies by logarithmic buckets: small, and those of several processes add up exactly. */
export type Latencies = Uint32Array;

export function noLatencies(): Latencies {
  return new Uint32Array(bucketCount);
}

export function addLatency(latencies: Latencies, ms: number): void {
  const bucket = Math.floor(Math.log(Math.max(ms, leastMs) / leastMs) / bucketWidth);
  const at = Math.min(bucket, bucketCount - 1);
  latencies[at] = (latencies[at] as number) + 1;
}

export function mergeLatencies(all: readonly Latencies[]): Latencies {
  const merged = noLatencies();
  for (const one of all)
    for (let at = 0; at < bucketCount; at += 1) merged[at] = (merged[at] as number) + (one[at] ?? 0);
  return merged;
}

/** The latency below which this share of all lies, in milliseconds. */
export function quantile(latencies: Latencies, share: number): number {
  let total = 0;
  for (const count of latencies) total += count;
  let left = total * share;
  for (let at = 0; at < bucketCount; at += 1) {
    left -= latencies[at] as number;
    if (left <= 0) return leastMs * Math.exp((at + 0.5) * bucketWidth);
  }
  return Number.NaN;
}

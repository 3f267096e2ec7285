/**
 * Calls that are due at given times, whether or not the ones before have been answered: a load that doesn't slow down with what it
 * loads. Latency counts from when a call was due, so that waiting for a busy process is in it.
 */
import { type Counts, noCounts, type Sample, subtractCounts } from './sample.js';
import { addLatency, noLatencies } from './statistics.js';

export interface OpenLoop {
  readonly perSecond: number;
  readonly forMs: number;
  /** Shifts all calls by this part of their distance, so that several processes don't call at the same time. */
  readonly phase: number;
  readonly counts?: () => Counts;
  readonly op: () => Promise<unknown>;
}

export async function openLoop({ perSecond, forMs, phase, counts = () => noCounts, op }: OpenLoop): Promise<Sample> {
  const latencies = noLatencies();
  const total = Math.floor((perSecond * forMs) / 1_000);
  const countsBefore = counts();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const dueAt = (call: number) => startedAt + ((call + phase) * 1_000) / perSecond;
  const call = async (dueMs: number) => {
    await op();
    addLatency(latencies, performance.now() - dueMs);
  };
  const calls: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const callDue = () => {
      while (calls.length < total && dueAt(calls.length) <= performance.now()) calls.push(call(dueAt(calls.length)));
      if (calls.length === total) resolve();
      else setTimeout(callDue, 1);
    };
    callDue();
  });
  await Promise.all(calls);
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    opsByCaller: [total],
    elapsedMs: performance.now() - startedAt,
    cpuUs: user + system,
    counts: subtractCounts(counts(), countsBefore),
    latencies,
    finished: total,
    wrong: 0,
  };
}

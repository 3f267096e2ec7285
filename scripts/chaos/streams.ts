/** `npm run chaos -- --streams N`: readers and members of groups in a simulated service, on a virtual clock; one process a processor. */
import { availableParallelism } from 'node:os';
import { chaosCommand } from '../../spec/histories/plans.js';
import { Child } from '../../spec/histories/processes.js';
import type { GroupReport } from '../../spec/streams/group/group-run.js';
import type { ReaderRunOptions, ReaderRunReport } from '../../spec/streams/simulation/reader-run.js';
import type { ChaosOptions } from './turns.js';

/** `hours`: an hour of a reader where a day of shards takes twenty minutes; `days`: whole days; `members`: ten minutes of a group. */
export const streamModes = ['hours', 'days', 'members'] as const;
type StreamMode = (typeof streamModes)[number];

export interface StreamChaosOptions extends ChaosOptions {
  readonly runs: number;
  readonly mode: StreamMode;
}

const profiles = ['calm', 'service', 'hostile'] as const;
const measures = {
  hours: { minutes: 60, isScaled: true, writeMs: 10_000, idleMsMax: 5_000 },
  days: { minutes: 24 * 60, isScaled: false, writeMs: 60_000, idleMsMax: 60_000 },
} as const;
const toldEvery = 100;

export async function streamsInMemory({ firstSeed, turns, fail, runs, mode }: StreamChaosOptions): Promise<void> {
  const startedAt = performance.now();
  const sums: Record<string, number> = {};
  const seeds = turns(runs)[Symbol.iterator]();
  let done = 0;
  const work = async (): Promise<void> => {
    const child = new Child(new URL('../../spec/streams/simulation/process.ts', import.meta.url));
    try {
      for (let next = seeds.next(); next.done !== true; next = seeds.next()) {
        const seed = firstSeed + next.value;
        const command = chaosCommand({ streams: 1, mode, seed });
        try {
          const { findings, ...counts } = await oneRun(child, mode, seed);
          for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + Number(count);
          if (findings.length > 0) fail(`${findings.slice(0, 5).join('\n')}\nrepeat: ${command}`);
        } catch (error) {
          fail(new Error(`the run broke off\nrepeat: ${command}`, { cause: error }));
        }
        done += 1;
        if (done % toldEvery === 0) console.log(`${done} runs in ${seconds(startedAt)}`);
      }
    } finally {
      await child.end();
    }
  };
  await Promise.all(Array.from({ length: Math.min(runs, availableParallelism()) }, work));
  console.log(`${done} runs in ${seconds(startedAt)}: ${JSON.stringify(sums)}`);
}

/** The seed alone says what becomes of it. */
async function oneRun(child: Child, mode: StreamMode, seed: number): Promise<{ readonly findings: readonly string[] }> {
  if (mode === 'members') return child.ask<GroupReport>('members', seed);
  const profile = profiles[seed % profiles.length] as (typeof profiles)[number];
  const options: ReaderRunOptions = { ...measures[mode], seed, profile, longAbsences: seed % 5 === 0 };
  const { complaints, ...counts } = await child.ask<ReaderRunReport>('reader', options);
  return { findings: complaints, ...counts };
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`;
}

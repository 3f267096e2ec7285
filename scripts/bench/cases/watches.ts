/** How soon a change is seen by who watches, and what it costs to watch what does not change. */
import { interleave, type Plan } from '../plan.js';
import { startWorker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import type { Case } from '../stage.js';
import type { Mark } from '../tasks/watches.js';

const size = '200 B';
const polling = { pollMsMin: 100, pollMsMax: 400 } as const;
/** Sum of the ladder's intervals, and a quarter more: whoever changes something after that meets the longest one. */
const calmMs = 1_000;

export const watches: Case = async (stage) => [...(await ofOthers(stage)), ...(await ofOwn(stage))];

const ofOthers: Case = async ({ plan, home, execArgv, worker, place }) => {
  const watcher = startWorker({ home, execArgv });
  try {
    const changes = 2 * plan.rounds + 1;
    const key = 'watched';
    const base = { place, key, size, changes } as const;
    const timeoutMs = 30_000 + 3 * calmMs * changes;
    const [{ seen, counts, elapsedMs }, made] = await Promise.all([
      watcher.run('watchChanges', { ...base, watch: polling, timeoutMs }),
      worker.run('changeNowAndThen', { ...base, pauseMs: calmMs }),
    ]);
    const delays = made.map(({ n, atMs }) => seenAt(seen, n) - atMs);
    const group = `watch of another process's changes, polling every ${polling.pollMsMin} to ${polling.pollMsMax} ms`;
    return [
      measure({ group, name: 'a change is seen after', values: delays, unit: ' ms' }),
      measure({
        group,
        name: 'the latest',
        values: [Math.max(...delays)],
        unit: ' ms',
        goal: { atMost: 1.5 * polling.pollMsMax },
      }),
      measure({ group, name: 'looks a second', values: [(counts.requests * 1_000) / elapsedMs], unit: '' }),
      measure({ group, name: 'read units a second', values: [(counts.readUnits * 1_000) / elapsedMs], unit: '' }),
    ];
  } finally {
    await watcher.close();
  }
};

/** States are conflated: what came later tells of those before it. */
function seenAt(seen: readonly Mark[], n: number): number {
  return seen.find((mark) => mark.n >= n)?.atMs ?? Number.POSITIVE_INFINITY;
}

const ofOwn: Case = async ({ plan, worker, place }) => {
  const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 3 : plan.windowMs });
  const { heard, swap } = await interleave(plan.rounds, {
    heard: (warm) => worker.run('swapAndHear', { place, key: 'heard', size, ...forMs(warm) }),
    swap: (warm) => worker.run('swap', { place, key: 'unheard', size, atoms: 'own', callers: 1, ...forMs(warm) }),
  });
  const group = 'watch of the own process';
  return [
    compare({ group, name: 'swap until the watch is told; swap', figure: 'p50', ours: heard, baseline: swap }),
    compare({ group, name: 'CPU', figure: 'cpu', ours: heard, baseline: swap }),
  ];
};

/** Without a store: what the ladder of intervals asks for when nothing happens. */
export async function watchesIdle(_plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const worker = startWorker({ home, execArgv });
  try {
    const rows: Row[] = [];
    for (const atoms of [1, 100]) {
      const { readUnitsPerAtomSecond, requestsPerSecond } = await worker.run('watchIdle', { atoms });
      const group = `watch of ${atoms === 1 ? 'an atom' : `${atoms} atoms`} that nobody changes, an hour of virtual time`;
      rows.push(
        measure({
          group,
          name: 'read units a second and atom',
          values: [readUnitsPerAtomSecond],
          unit: '',
          goal: { atMost: 0.05 },
        }),
        measure({ group, name: 'requests a second in all', values: [requestsPerSecond], unit: '' }),
      );
    }
    return rows;
  } finally {
    await worker.close();
  }
}

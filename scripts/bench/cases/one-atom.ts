/** Many callers of one process on one atom: combining, against one put at a time and against the ancestor's loops. */
import { interleave } from '../plan.js';
import { compare, measure, type Row } from '../row.js';
import { merge, opsOf, perSecond, type Sample } from '../sample.js';
import type { Case } from '../stage.js';
import { jain, median } from '../statistics.js';

const size = '200 B';

export const oneAtom: Case = async ({ plan, worker, place }) => {
  await worker.run('ancestorMake', { place, key: 'hot-ancestor', size });
  const before = await worker.run('look', { place, key: 'hot', size });
  const shared = { place, key: 'hot', size, atoms: 'one' } as const;
  const theirs = { place, key: 'hot-ancestor', size, callers: 64 } as const;
  let swapped = 0;
  const counted = async (sample: Promise<Sample>) => {
    swapped += (await sample).finished;
    return sample;
  };
  const short = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 3 : plan.windowMs });
  const long = (warm: boolean) => ({ forMs: warm ? plan.windowMs : plan.contendedMs });
  const samples = await interleave(plan.contendedRounds, {
    put: (warm) => worker.run('raw', { ...shared, callers: 1, request: 'put', ...short(warm) }),
    few: (warm) => counted(worker.run('swap', { ...shared, callers: 64, ...short(warm) })),
    many: (warm) => counted(worker.run('swap', { ...shared, callers: 1_000, ...short(warm) })),
    none: (warm) => worker.run('ancestor', { ...theirs, pause: 'none', ...long(warm) }),
    fixed: (warm) => worker.run('ancestor', { ...theirs, pause: 'fixed', ...long(warm) }),
    jitter: (warm) => worker.run('ancestor', { ...theirs, pause: 'jitter', ...long(warm) }),
  });
  const after = await worker.run('look', { place, key: 'hot', size });
  const { put, few, many, none, fixed, jitter } = samples;
  const best = [none, fixed, jitter].reduce((one, other) =>
    median(one.map(perSecond)) >= median(other.map(perSecond)) ? one : other,
  );
  const pauses = { none, 'fixed 500 ms': fixed, 'jitter 25..1,000 ms': jitter };
  return [
    ...sixtyFour(few, put, best),
    ...Object.entries(pauses).map(([pause, baseline]) =>
      compare({ group: '64 callers', name: `swap; the ancestor, pause ${pause}`, figure: 'rate', ours: few, baseline }),
    ),
    compare({
      group: '1,000 callers',
      name: 'swap; one raw put at a time',
      figure: 'rate',
      ours: many,
      baseline: put,
      goal: { atLeast: 400 },
    }),
    measure({
      group: '1,000 callers',
      name: 'swaps missing in the end',
      values: [before + swapped - after],
      unit: '',
      goal: { atMost: 0 },
    }),
  ];
};

function sixtyFour(few: readonly Sample[], put: readonly Sample[], best: readonly Sample[]): Row[] {
  const group = '64 callers';
  const all = merge(few);
  return [
    compare({
      group,
      name: 'swap; one raw put at a time',
      figure: 'rate',
      ours: few,
      baseline: put,
      goal: { atLeast: 40 },
    }),
    compare({
      group,
      name: 'swap; the best of the ancestor',
      figure: 'rate',
      ours: few,
      baseline: best,
      goal: { atLeast: 80 },
    }),
    measure({ group, name: 'failed puts', values: [all.counts.failedPuts], unit: '', goal: { atMost: 0 } }),
    measure({
      group,
      name: 'units per swap',
      values: few.map((sample) => (sample.counts.writeUnits + sample.counts.readUnits) / opsOf(sample)),
      unit: '',
      goal: { atMost: 0.05 },
    }),
    measure({
      group,
      name: 'Jain index of the callers; the best of the ancestor',
      values: few.map((sample) => jain(sample.opsByCaller)),
      unit: '',
      baseline: median(best.map((sample) => jain(sample.opsByCaller))).toFixed(2),
    }),
  ];
}

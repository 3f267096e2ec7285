/** One caller, one atom of its own, one request at a time. */
import { interleave } from '../plan.js';
import { compare, measure, type Row } from '../row.js';
import { cpuPerOp, merge, opsOf, p50 } from '../sample.js';
import type { Case } from '../stage.js';
import type { Size } from '../values.js';

const group = 'one caller';

export const uncontended: Case = async ({ plan, worker, place }) => {
  const size = '1 KB';
  const base = { place, key: 'alone', size, callers: 1 } as const;
  const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 3 : plan.windowMs });
  await worker.run('ancestorMake', { place, key: 'alone-ancestor', size });
  const samples = await interleave(plan.rounds, {
    swap: (warm) => worker.run('swap', { ...base, atoms: 'own', ...forMs(warm) }),
    put: (warm) => worker.run('raw', { ...base, request: 'put', ...forMs(warm) }),
    getPut: (warm) => worker.run('ancestor', { ...base, key: 'alone-ancestor', pause: 'none', ...forMs(warm) }),
    strong: (warm) => worker.run('deref', { ...base, consistency: 'strong', ...forMs(warm) }),
    get: (warm) => worker.run('raw', { ...base, request: 'get', ...forMs(warm) }),
    cached: (warm) => worker.run('deref', { ...base, consistency: 'cached', ...forMs(warm) }),
  });
  const { swap, put, getPut, strong, get, cached } = samples;
  const swaps = merge(swap);
  const more = swap.map((sample, round) => cpuPerOp(sample) - cpuPerOp(put[round] as typeof sample));
  const requests = swaps.counts.requests / opsOf(swaps);
  return [
    compare({
      group,
      name: `swap, warm, ${size}; raw put`,
      figure: 'p50',
      ours: swap,
      baseline: put,
      goal: { atMost: 1.1 },
    }),
    measure({ group, name: 'requests per swap', values: [requests], unit: '', goal: { atMost: 1 } }),
    compare({
      group,
      name: `swap, warm, ${size}; get + put`,
      figure: 'rate',
      ours: swap,
      baseline: getPut,
      goal: { atLeast: 1.6 },
    }),
    measure({
      group,
      name: `CPU per swap beyond a raw put, ${size}`,
      values: more,
      unit: ' us',
      samples: swap,
      goal: { atMost: 150 },
    }),
    compare({
      group,
      name: 'strong deref; raw get',
      figure: 'p50',
      ours: strong,
      baseline: get,
      goal: { atMost: 1.05 },
    }),
    measure({
      group,
      name: 'cached deref',
      values: cached.map((sample) => p50(sample) * 1_000),
      unit: ' us',
      samples: cached,
      goal: { atMost: 2 },
    }),
  ];
};

/** The same swap against the same put, for other sizes. */
export const sizes: Case = async ({ plan, worker, place }) => {
  const rows: Row[] = [];
  for (const size of ['200 B', '1 KB', '32 KB'] satisfies Size[]) {
    const base = { place, key: `size-${size}`, size, callers: 8 } as const;
    const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 3 : plan.windowMs });
    const { swap, put } = await interleave(plan.rounds, {
      swap: (warm) => worker.run('swap', { ...base, atoms: 'own', ...forMs(warm) }),
      put: (warm) => worker.run('raw', { ...base, request: 'put', ...forMs(warm) }),
    });
    const sides = { group: '8 callers, 8 atoms', ours: swap, baseline: put };
    rows.push(
      compare({ ...sides, name: `swap, ${size}; raw put`, figure: 'rate' }),
      compare({ ...sides, name: `CPU of a swap, ${size}; raw put`, figure: 'cpu' }),
    );
  }
  return rows;
};

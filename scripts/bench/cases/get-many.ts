/** Many atoms read by one call, against the SDK's own BatchGetItem. */
import { interleave } from '../plan.js';
import { compare, measure, type Row } from '../row.js';
import { merge } from '../sample.js';
import type { Case } from '../stage.js';

const size = '200 B';

export const getMany: Case = async ({ plan, worker, place }) => {
  const rows: Row[] = [];
  await worker.run('makeMany', { place, key: 'get-many', size, count: 1_000 });
  for (const count of [100, 1_000]) {
    const base = { place, key: 'get-many', size, count } as const;
    const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 3 : plan.windowMs });
    const { ours, raw } = await interleave(plan.rounds, {
      ours: (warm) => worker.run('getMany', { ...base, ...forMs(warm) }),
      raw: (warm) => worker.run('rawGetMany', { ...base, ...forMs(warm) }),
    });
    const group = `getMany of ${count.toLocaleString('en')} keys, ${size}`;
    const sides = { group, ours, baseline: raw };
    rows.push(
      compare({ ...sides, name: 'getMany; raw BatchGetItem', figure: 'rate' }),
      compare({ ...sides, name: 'p99', figure: 'p99' }),
      compare({ ...sides, name: 'CPU of a call', figure: 'cpu' }),
      measure({
        group,
        name: 'wrong answers',
        values: [merge([...ours, ...raw]).wrong],
        unit: '',
        goal: { atMost: 0 },
      }),
    );
  }
  return rows;
};

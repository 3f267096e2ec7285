/** 1,000 strong reads of one atom, called at once: they share requests. */
import { interleave } from '../plan.js';
import { measure } from '../row.js';
import type { Case } from '../stage.js';

const count = 1_000;

export const reads: Case = async ({ plan, worker, place }) => {
  const { together } = await interleave(plan.rounds, {
    together: () => worker.run('derefTogether', { place, key: 'read', size: '1 KB', count }),
  });
  return [
    measure({
      group: '1,000 strong derefs at once',
      name: 'requests in all',
      values: together.map((sample) => sample.counts.requests),
      unit: '',
      samples: together,
      goal: { atMost: 3 },
    }),
  ];
};

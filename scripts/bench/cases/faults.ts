/** 64 callers on 64 atoms through a proxy that loses one answer in twenty after the write was applied. */
import type { FaultKind } from '../../../lib/testing/index.js';
import { interleave, type Variant } from '../plan.js';
import { startProxy } from '../processes.js';
import { compare, measure } from '../row.js';
import type { Sample } from '../sample.js';
import type { Case } from '../stage.js';

const lost = 0.05;

export const faults: Case = async ({ plan, home, worker, place }) => {
  const proxy = await startProxy(place.endpoint, home);
  try {
    const through = { ...place, endpoint: proxy.endpoint };
    let [wrong, failed] = [0, 0];
    const under =
      (fault?: FaultKind): Variant =>
      async (warm): Promise<Sample> => {
        await proxy.setFaults({ rules: fault === undefined ? [] : [{ fault, probability: lost }] });
        const forMs = warm ? plan.windowMs : plan.contendedMs;
        const sample = await worker.run('swapUnderFaults', {
          place: through,
          key: `fault-${fault}`,
          size: '200 B',
          callers: 64,
          forMs,
        });
        wrong += sample.wrong;
        failed += sample.failed;
        return sample;
      };
    const { calm, reset, swallow } = await interleave(plan.contendedRounds, {
      calm: under(),
      reset: under('reset-after'),
      swallow: under('swallow-after'),
    });
    const group = '5 % of answers lost, 64 callers, 64 atoms';
    const rate = { group, figure: 'rate', baseline: calm } as const;
    return [
      compare({ ...rate, name: 'by reset; nothing lost', ours: reset, goal: { atLeast: 0.85 } }),
      compare({ ...rate, name: 'swallowed; nothing lost', ours: swallow, goal: { atLeast: 0.5 } }),
      measure({ group, name: 'wrong results', values: [wrong], unit: '', goal: { atMost: 0 } }),
      measure({ group, name: 'calls that failed', values: [failed], unit: '' }),
    ];
  } finally {
    await proxy.close();
  }
};

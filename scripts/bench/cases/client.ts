/** `createClient` against the SDK's client as it comes: the one comparison with different settings. */
import { interleave } from '../plan.js';
import { compare } from '../row.js';
import type { Case } from '../stage.js';

export const client: Case = async ({ plan, worker, place }) => {
  const base = { place, key: 'client', size: '1 KB', callers: 8 } as const;
  const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 3 : plan.windowMs });
  const { tunedPut, defaultPut, tunedGet, defaultGet } = await interleave(plan.rounds, {
    tunedPut: (warm) => worker.run('raw', { ...base, request: 'put', kind: 'tuned', ...forMs(warm) }),
    defaultPut: (warm) => worker.run('raw', { ...base, request: 'put', kind: 'default', ...forMs(warm) }),
    tunedGet: (warm) => worker.run('raw', { ...base, request: 'get', kind: 'tuned', ...forMs(warm) }),
    defaultGet: (warm) => worker.run('raw', { ...base, request: 'get', kind: 'default', ...forMs(warm) }),
  });
  const group = 'createClient, 8 in flight';
  const puts = { group, ours: tunedPut, baseline: defaultPut };
  return [
    compare({ ...puts, name: "CPU of a raw put, 1 KB; the SDK's default", figure: 'cpu' }),
    compare({ ...puts, name: "raw put, 1 KB; the SDK's default", figure: 'rate' }),
    compare({
      group,
      name: "CPU of a raw get, 1 KB; the SDK's default",
      figure: 'cpu',
      ours: tunedGet,
      baseline: defaultGet,
    }),
  ];
};

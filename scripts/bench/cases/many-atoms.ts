/** One swap of each of many atoms, 64 in flight. Each round takes its own part of the atoms, so all of them are held. */
import { interleave } from '../plan.js';
import { compare } from '../row.js';
import type { Case } from '../stage.js';

export const manyAtoms: Case = async ({ plan, worker, place }) => {
  const count = Math.floor(plan.atoms / plan.rounds);
  const all = { place, key: 'many', size: '200 B', inFlight: 64 } as const;
  // Makes them, and fills the cache.
  await worker.run('swapEach', { ...all, from: 0, count: count * plan.rounds });
  await worker.run('swapEachCold', { ...all, key: 'many-cold', from: 0, count: count * plan.rounds });
  await worker.run('rawEach', { ...all, from: 0, count: count * plan.rounds, read: false });
  const part = (short: boolean, round: number) => ({ ...all, from: count * round, count: short ? count >> 3 : count });
  const { warm, put, cold, getPut } = await interleave(plan.rounds, {
    warm: (short, round) => worker.run('swapEach', part(short, round)),
    put: (short, round) => worker.run('rawEach', { ...part(short, round), read: false }),
    cold: (short, round) => worker.run('swapEachCold', { ...part(short, round), key: 'many-cold' }),
    getPut: (short, round) => worker.run('rawEach', { ...part(short, round), read: true }),
  });
  const group = `${(count * plan.rounds).toLocaleString('en')} atoms, 64 in flight`;
  const goal = { atLeast: 0.9 };
  return [
    compare({ group, name: 'swap, warm; raw put', figure: 'rate', ours: warm, baseline: put, goal }),
    compare({ group, name: 'swap, cold; raw get + put', figure: 'rate', ours: cold, baseline: getPut, goal }),
    compare({ group, name: 'CPU of a swap, warm; raw put', figure: 'cpu', ours: warm, baseline: put }),
  ];
};

/** What compression and encryption cost a swap, and what they save in units, on records as they are. */
import { interleave } from '../plan.js';
import { compare, measure, type Row } from '../row.js';
import { merge } from '../sample.js';
import type { Case } from '../stage.js';
import type { Layer } from '../tasks/layers.js';
import type { Size } from '../values.js';

export const layers: Case = async ({ plan, worker, place }) => {
  const rows: Row[] = [];
  for (const size of ['1 KB of flights', '100 KB of flights'] satisfies Size[]) {
    const on = (layer: Layer) => (warm: boolean) =>
      worker.run('swapLayered', { place, key: 'layer', size, layer, forMs: warm ? plan.windowMs / 3 : plan.windowMs });
    const { none, ...others } = await interleave(plan.rounds, {
      none: on('none'),
      compressed: on('compressed'),
      encrypted: on('encrypted'),
      both: on('both'),
    });
    const group = `swap of ${size}, one caller`;
    for (const [layer, ours] of Object.entries(others)) {
      const name = layer === 'both' ? 'compressed and encrypted' : layer;
      const sides = { group, ours, baseline: none };
      rows.push(
        compare({ ...sides, name: `${name}; plain`, figure: 'p50' }),
        compare({ ...sides, name: `CPU of a swap, ${name}; plain`, figure: 'cpu' }),
      );
    }
    const wrong = merge([...none, ...Object.values(others).flat()]).wrong;
    rows.push(measure({ group, name: 'wrong answers', values: [wrong], unit: '', goal: { atMost: 0 } }));
  }
  return rows;
};

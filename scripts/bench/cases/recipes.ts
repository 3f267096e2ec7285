/** Every recipe alone: how long an operation takes beside a raw conditional put, and what it costs. */
import { interleave } from '../plan.js';
import { compare, type Row } from '../row.js';
import type { Case } from '../stage.js';
import { recipeNames } from '../tasks/recipes.js';

export const recipes: Case = async ({ plan, worker, place, engine, log }) => {
  const rows: Row[] = [];
  for (const recipe of recipeNames) {
    log(`${engine.name}: ${recipe}`);
    const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 3 : plan.windowMs });
    const { ours, raw } = await interleave(Math.min(plan.rounds, 3), {
      ours: (warm) => worker.run('recipe', { place, recipe, ...forMs(warm) }),
      raw: (warm) =>
        worker.run('raw', { place, key: 'recipes', size: '200 B', callers: 1, request: 'put', ...forMs(warm) }),
    });
    const group = 'recipes, one caller, nobody else; a raw conditional put';
    rows.push(compare({ group, name: recipe, figure: 'p50', ours, baseline: raw }));
  }
  return rows;
};

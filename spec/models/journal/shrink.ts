/**
 * Makes a counterexample shorter: leaves out steps, and plays the rest, as long as it still breaks something.
 */
import { seededRandom } from '../../../lib/engine/random.js';
import { play, rest, type Walked } from './walk.js';
import type { World } from './world.js';

export function shrink(open: () => World, walked: Walked, rests: boolean): Walked {
  let best = walked;
  const attempt = (names: readonly string[]) => {
    const shorter = replay(open(), names, rests);
    if (shorter.violation === walked.violation && shorter.wild < best.wild) best = shorter;
  };
  const wild = () => best.path.slice(0, best.wild);
  // Names begin with the letter of the actor: first without each of them.
  for (const letter of new Set(wild().map((name) => name[0]))) attempt(wild().filter((name) => name[0] !== letter));
  for (const size of [16, 4, 1, 1]) {
    for (let end = best.wild; end > 0; end = Math.min(end - size, best.wild)) {
      attempt([...wild().slice(0, Math.max(0, end - size)), ...wild().slice(end)]);
    }
  }
  return best;
}

/** Plays the steps of these names, as far as they can be taken. */
function replay(world: World, names: readonly string[], rests: boolean): Walked {
  const path: string[] = [];
  for (const name of names) {
    if (world.violation !== undefined) break;
    play(world, name, path);
  }
  const wild = path.length;
  if (rests && world.violation === undefined) rest(world, seededRandom(1), path);
  return { violation: world.violation, path, wild };
}

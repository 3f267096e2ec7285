/** Crashes: at any step, as often as the setting allows. */
import type { Action, World } from './world.js';

export function crashAction(world: World, who: string, down: (world: World) => void): Action[] {
  if (world.calm || world.crashes >= world.setting.crashes) return [];
  const run = (after: World) => {
    after.crashes += 1;
    down(after);
  };
  return [{ name: `${who} crashes`, weight: 0.04, run }];
}

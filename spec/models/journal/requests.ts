/**
 * Requests to the store. Each put and delete may be judged and answered; judged and answered while a second copy stays on
 * its way; or not answered, while the one copy stays on its way.
 */
import { audit, recordCommit } from './ledger.js';
import type { Action, HeadWrite, Item, Loose, World } from './world.js';

/** What came back of a put. */
export type Answer = 'stored' | 'exists' | 'unanswered';

export interface Put {
  readonly name: string;
  readonly key: string;
  readonly item: Item;
  /** Whether its condition is that nothing stands there. */
  readonly once: boolean;
}

export function putActions(world: World, put: Put, then: (world: World, answer: Answer) => void): Action[] {
  const { name, key, item, once } = put;
  const judged = (after: World) => then(after, judgePut(after, key, item, once));
  const copy: Loose = { text: `${once ? '' : '!'}${key}=${item.text}`, key, item, once };
  return requestActions(world, name, copy, judged, (after) => then(after, 'unanswered'));
}

export function deleteActions(
  world: World,
  name: string,
  key: string,
  then: (w: World, done: boolean) => void,
): Action[] {
  const judged = (after: World) => {
    judgeDelete(after, key);
    then(after, true);
  };
  return requestActions(world, name, { text: `-${key}`, key }, judged, (after) => then(after, false));
}

function requestActions(
  world: World,
  name: string,
  copy: Loose,
  judged: (world: World) => void,
  unanswered: (world: World) => void,
): Action[] {
  const actions: Action[] = [{ name, run: judged, weight: 1 }];
  if (!mayLose(world)) return actions;
  actions.push({
    name: `${name}, a copy stays on its way`,
    weight: 0.15,
    run: (after) => {
      after.losses += 1;
      after.leave(copy);
      judged(after);
    },
  });
  actions.push({
    name: `${name}, not answered`,
    weight: 0.35,
    run: (after) => {
      after.losses += 1;
      after.leave(copy);
      unanswered(after);
    },
  });
  return actions;
}

function judgePut(world: World, key: string, item: Item, once: boolean): Answer {
  if (once && world.items.has(key)) return 'exists';
  world.items.set(key, item);
  audit(world);
  return 'stored';
}

function judgeDelete(world: World, key: string): void {
  world.items.delete(key);
  if (!world.ledger.deleted.has(key)) {
    world.ledger = { ...world.ledger, deleted: new Set(world.ledger.deleted).add(key) };
  }
  audit(world);
}

/** Nobody is left who could find what comes to this key after its deletion. */
export function excuse(world: World, key: string): void {
  if (!world.ledger.late.has(key)) world.ledger = { ...world.ledger, late: new Set(world.ledger.late).add(key) };
}

/** The store accepts a swap of the head: its base stands there. */
function accept(world: World, { next, meant }: HeadWrite): void {
  recordCommit(world, next, meant);
  world.loose = world.loose.filter((copy) => copy.swap === undefined || copy.swap.base === next.place);
  audit(world);
}

/** A swap of the head that is judged at once, as nothing happens meanwhile that matters. */
export function swapHead(world: World, write: HeadWrite): boolean {
  if (world.head.place !== write.base) return false;
  accept(world, write);
  return true;
}

/** The copies that would have an effect now. */
export function looseActions(world: World): Action[] {
  return world.loose.flatMap((copy): Action[] => {
    const { text, swap, key, item, once } = copy;
    if (swap !== undefined) {
      if (swap.base !== world.head.place) return [];
      return [{ name: `${text} is accepted`, weight: 1, run: (after) => accept(after, swap) }];
    }
    if (world.calm) return [];
    const there = world.items.get(key);
    if (item === undefined) {
      if (there === undefined) return [];
      return [
        {
          name: `a late copy of ${text}`,
          weight: 0.3,
          run: (after) => {
            after.take(copy);
            judgeDelete(after, key);
          },
        },
      ];
    }
    if (once ? there !== undefined : there?.text === item.text) return [];
    return [
      {
        name: `a late copy of ${text}`,
        weight: 0.3,
        run: (after) => {
          after.take(copy);
          if (after.ledger.deleted.has(key)) excuse(after, key);
          judgePut(after, key, item, once);
        },
      },
    ];
  });
}

function mayLose({ calm, losses, setting }: World): boolean {
  return !calm && losses < setting.losses;
}

/** Something is destroyed that the protocol did not delete. */
export function rotActions({ setting, rotten, items }: World): Action[] {
  if (setting.rots !== true || rotten) return [];
  return Array.from(items.keys(), (key) => ({
    name: `${key} is destroyed`,
    weight: 0.02,
    run: (after) => {
      after.rotten = true;
      after.items.delete(key);
    },
  }));
}

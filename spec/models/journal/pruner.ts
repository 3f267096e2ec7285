/**
 * A pruner: says in the pointer what is to go, deletes it, says that it is gone. Several may be at it at once.
 *
 * Between prunes it retires writers, dead or alive: a commit, as any other, on a head that is folded to exactly. From
 * there on it is the one order that says so, and the bodies that the writer may have left are answered for by that commit.
 */
import type { Pruner } from './actors.js';
import { crashAction } from './crash.js';
import { audit } from './ledger.js';
import { limits } from './protocol.js';
import { foldOf, readAction, recovery } from './reading.js';
import { deleteActions, swapHead } from './requests.js';
import { type Fold, type Head, pageKey, partKey, type Snap, type Unnamed } from './shapes.js';
import type { Action, World } from './world.js';

const fresh = {
  phase: 'rest',
  reading: undefined,
  planned: undefined,
  page: 0,
  doomed: [],
  image: undefined,
  fold: undefined,
} as const;

export function openPruner(lane: number, left: number, retirements: number): Pruner {
  return { kind: 'pruner', lane, serial: 0, up: true, left, retirements, ...fresh };
}

export function prunerActions(world: World, actor: Pruner): Action[] {
  const { up, reading, phase, planned } = actor;
  const name = `P${actor.lane}`;
  if (!up) return [{ name: `${name} restarts`, weight: 1, run: (after) => after.set({ ...actor, up: true }) }];
  if (phase === 'rest' && reading === undefined) return rest(world, actor, name);
  const crash = crashAction(world, name, (after) => after.set({ ...actor, ...fresh, up: false }));
  if (reading !== undefined) {
    const read = readAction(name, reading, (after, result) => {
      if (result.phase === 'failed') after.set({ ...actor, ...fresh });
      else if (result.phase !== 'done') after.set({ ...actor, reading: result });
      else after.set({ ...actor, reading: undefined, phase: 'retire', image: result.head, fold: foldOf(result) });
    });
    return [...crash, read];
  }
  if (phase === 'retire') return [...crash, ...retire(actor, name)];
  return [...crash, ...sweep(world, actor, name, planned as Snap)];
}

function rest(world: World, actor: Pruner, name: string): Action[] {
  const { left, retirements } = actor;
  const actions: Action[] = [];
  if (left > 0) {
    const { making } = world.snap;
    actions.push({ name: `${name} plans`, weight: 1, run: (after) => plan(after, actor, []) });
    if (making.length > 0) {
      const run = (after: World) => plan(after, actor, making);
      actions.push({ name: `${name} plans, giving up ${making.length} snapshots`, weight: 0.3, run });
    }
  }
  if (retirements > 0) {
    const next = { ...actor, retirements: retirements - 1, reading: recovery(world.protocol) };
    actions.push({ name: `${name} looks for writers to retire`, weight: 0.5, run: (after) => after.set(next) });
  }
  return actions;
}

function plan(world: World, actor: Pruner, dead: readonly Unnamed[]): void {
  const { protocol, snap, setting } = world;
  const planned = protocol.plan(snap, setting.keep ?? 1, dead);
  if (planned.prunedTo > snap.prunedTo) world.meet('pages pruned');
  if (protocol.plansFirst) world.snap = planned;
  if (!protocol.finishesLast) world.snap = protocol.finish(world.snap, planned);
  world.set({ ...actor, left: actor.left - 1, phase: 'page', planned, page: planned.sweptFrom });
  audit(world);
}

function sweep(world: World, actor: Pruner, name: string, planned: Snap): Action[] {
  const { phase, page, doomed } = actor;
  const [key] = doomed;
  if (key !== undefined) {
    return deleteActions(world, `${name} deletes ${key}`, key, (after, isDone) => {
      if (isDone) after.set({ ...actor, doomed: doomed.slice(1) });
    });
  }
  if (phase === 'finish') {
    const run = (after: World) => {
      const { protocol, snap } = after;
      const before = protocol.plansFirst ? snap : { ...planned, readers: snap.readers };
      if (protocol.finishesLast) after.snap = protocol.finish(before, planned);
      after.set({ ...actor, ...fresh });
      audit(after);
    };
    return [{ name: `${name} finishes`, weight: 1, run }];
  }
  if (page >= planned.prunedTo) {
    const parts = planned.dropping.flatMap(({ id, parts: count }) =>
      Array.from({ length: count }, (_, part) => partKey(id, part)),
    );
    const next = { ...actor, phase: 'finish', doomed: parts } as const;
    return [{ name: `${name} is done with pages`, weight: 1, run: (after) => after.set(next) }];
  }
  const run = (after: World) => {
    const { protocol, items, head } = after;
    const item = items.get(pageKey(page));
    const commits = item !== undefined && 'commits' in item ? item.commits : [];
    const bodies = protocol.sweeps(commits, planned, head);
    const own = item === undefined ? [] : [pageKey(page)];
    const keys = protocol.sweepsBodiesFirst ? [...bodies, ...own] : [...own, ...bodies];
    after.set({ ...actor, page: page + 1, doomed: [...new Set(keys)] });
  };
  return [{ name: `${name} reads page ${page} to delete it`, weight: 1, run }];
}

function retire(actor: Pruner, name: string): Action[] {
  const image = actor.image as Head;
  const { writers } = actor.fold as Fold;
  const rested = { ...actor, ...fresh };
  const actions: Action[] = [{ name: `${name} retires nobody`, weight: 0.2, run: (after) => after.set(rested) }];
  if (image.tail.length >= limits.tailMax) return actions;
  for (const [writer, n] of writers) {
    const run = (after: World) => {
      const parts = { writer, n, prev: n, body: false, events: [], skip: [], count: 0, retires: true };
      const next = after.protocol.append(image, parts);
      if (swapHead(after, { base: image.place, next, meant: [] })) after.meet('writer retired');
      after.set(rested);
    };
    actions.push({ name: `${name} retires ${writer}`, weight: 1, run });
  }
  return actions;
}

/**
 * The journal as a model: who is there, what can happen next, and which worlds mean the same.
 */
import type { Model, Step } from '../search.js';
import type { Actor } from './actors.js';
import { keyOf, type Texts } from './key.js';
import { type Protocol, shipped } from './protocol.js';
import { openPruner, prunerActions } from './pruner.js';
import { expiryActions, followerActions, openFollower, openReader, readerActions } from './reader.js';
import { looseActions, rotActions } from './requests.js';
import { openSnapshotter, snapshotterActions } from './snapshotter.js';
import { type Action, type Setting, World } from './world.js';
import { openWriter, writerActions } from './writer.js';

/** A world in which nothing has happened yet. */
export function openWorld(setting: Setting, protocol: Protocol = shipped): World {
  const world = new World(setting, protocol);
  const { snapshotters = 1, snapshots = 0, pruners = 1, prunes = 0, retirements = 0, readers = 1, reads = 0 } = setting;
  const add = (count: number, open: (lane: number) => Actor) => {
    for (let one = 0; one < count; one += 1) world.set(open(world.actors.length));
  };
  add(setting.writers.length, openWriter);
  if (snapshots > 0) add(snapshotters, (lane) => openSnapshotter(lane, snapshots));
  if (prunes + retirements > 0) add(pruners, (lane) => openPruner(lane, prunes, retirements));
  if (reads > 0) add(readers, (lane) => openReader(lane, reads));
  if (setting.follows !== undefined) add(1, (lane) => openFollower(lane, setting.follows ?? 0));
  return world;
}

/** What `actor` can do next. */
export function actionsOf(world: World, actor: Actor): Action[] {
  switch (actor.kind) {
    case 'writer':
      return writerActions(world, actor);
    case 'snapshotter':
      return snapshotterActions(world, actor);
    case 'pruner':
      return prunerActions(world, actor);
    case 'reader':
      return readerActions(world, actor);
    case 'follower':
      return followerActions(world, actor);
  }
}

/** What can happen that no actor does. */
export function networkActions(world: World): Action[] {
  return [...looseActions(world), ...expiryActions(world), ...rotActions(world)];
}

/** For a search through all schedules. */
export class JournalModel implements Model<World> {
  readonly first: World;
  readonly #texts: Texts = new WeakMap();

  constructor(setting: Setting, protocol: Protocol = shipped) {
    this.first = openWorld(setting, protocol);
  }

  steps(world: World): Step<World>[] {
    const actions = [...networkActions(world), ...world.actors.flatMap((actor) => actionsOf(world, actor))];
    return actions.map(({ name, run }) => {
      const next = world.fork();
      run(next);
      return { name, next, violation: next.violation };
    });
  }

  key(world: World): string {
    return keyOf(world, this.#texts);
  }
}

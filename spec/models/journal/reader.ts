/** A reader, which starts from the pointer each time; and a follower, which starts from it once. */
import { unregister } from '../../../lib/snapshot/pointer-rules.js';
import type { Follower, Reader } from './actors.js';
import { crashAction } from './crash.js';
import { foldOf, readAction, readOn, recovery } from './reading.js';
import { noHead } from './shapes.js';
import type { Action, World } from './world.js';

export function openReader(lane: number, left: number): Reader {
  return { kind: 'reader', lane, serial: 0, up: true, reading: undefined, left };
}

export function openFollower(lane: number, left: number): Follower {
  return { kind: 'follower', lane, serial: 0, up: true, reading: undefined, left, base: noHead, fold: undefined };
}

export function readerActions(world: World, actor: Reader): Action[] {
  const { reading, left, serial } = actor;
  const name = `R${actor.lane}.${serial}`;
  if (reading === undefined) {
    if (left === 0) return [];
    const start = (registers: string | undefined): Action => ({
      name: `${name} starts${registers === undefined ? '' : ', registered'}`,
      weight: 1,
      run: (after) => after.set({ ...actor, left: left - 1, reading: recovery(after.protocol, registers) }),
    });
    return world.setting.registers === true ? [start(undefined), start(name)] : [start(undefined)];
  }
  const crash = crashAction(world, name, (after) => after.set({ ...actor, serial: serial + 1, reading: undefined }));
  const read = readAction(name, reading, (after, result) => {
    if (result.restarts > reading.restarts) after.meet('reader overtaken');
    if (result.phase !== 'done' && result.phase !== 'failed') return after.set({ ...actor, reading: result });
    if (reading.registers !== undefined) after.snap = unregister(after.snap, name);
    after.meet(result.phase === 'done' ? 'read' : 'loss reported');
    after.set({ ...actor, serial: serial + 1, reading: undefined });
  });
  return [...crash, read];
}

export function followerActions(world: World, actor: Follower): Action[] {
  const { reading, base, fold, left } = actor;
  const name = `F${actor.lane}`;
  if (reading !== undefined) {
    const crash = crashAction(world, name, (after) => after.set({ ...openFollower(actor.lane, left) }));
    const read = readAction(name, reading, (after, result) => {
      if (result.restarts > reading.restarts) after.meet('follower overtaken');
      if (result.phase === 'failed') after.set(openFollower(actor.lane, 0));
      else if (result.phase !== 'done') after.set({ ...actor, reading: result });
      else after.set({ ...actor, reading: undefined, base: result.head ?? noHead, fold: foldOf(result) });
    });
    return [...crash, read];
  }
  if (fold === undefined) {
    if (left === 0) return [];
    const next = { ...actor, reading: recovery(world.protocol) };
    return [{ name: `${name} starts`, weight: 1, run: (after) => after.set(next) }];
  }
  if (world.head.place <= base.place || (left === 0 && !world.calm)) return [];
  const run = (after: World) => {
    const next = readOn(after, fold, base.pages, after.head);
    const polled = { ...actor, left: Math.max(0, left - 1) };
    if (next.phase !== 'done') return after.set({ ...polled, reading: next });
    after.set({ ...polled, base: after.head, fold: foldOf(next) });
  };
  return [{ name: `${name} polls`, weight: 1, run }];
}

/** The time of a registration is over. */
export function expiryActions(world: World): Action[] {
  return world.snap.readers.flatMap(({ id }): Action[] => {
    const isAlive = world.actors.some(({ reading }) => reading?.registers === id);
    if (world.calm && isAlive) return [];
    const run = (after: World) => {
      after.snap = unregister(after.snap, id);
    };
    return [{ name: `the registration of ${id} expires`, weight: isAlive ? 0.05 : 0.5, run }];
  });
}

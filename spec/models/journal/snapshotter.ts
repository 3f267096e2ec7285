/** A snapshotter: folds up to a head, says what it is making, puts the parts, moves the pointer. */
import { abandon } from '../../../lib/snapshot/pointer-rules.js';
import type { Snapshotter } from './actors.js';
import { crashAction } from './crash.js';
import { audit } from './ledger.js';
import { foldOf, readAction, recovery } from './reading.js';
import { deleteActions, excuse, putActions } from './requests.js';
import { type Entry, type Fold, type Head, partKey } from './shapes.js';
import type { Action, World } from './world.js';

const fresh = {
  phase: 'rest',
  reading: undefined,
  image: undefined,
  fold: undefined,
  entry: undefined,
  part: 0,
  room: 0,
} as const;

export function openSnapshotter(lane: number, left: number): Snapshotter {
  return { kind: 'snapshotter', lane, serial: 0, up: true, left, ...fresh };
}

export function snapshotterActions(world: World, actor: Snapshotter): Action[] {
  const { up, reading, phase, left, part, room, serial } = actor;
  const name = `S${actor.lane}.${serial}`;
  if (!up) return [{ name: `${name} restarts`, weight: 1, run: (after) => after.set({ ...actor, up: true }) }];
  const crash = crashAction(world, name, (after) => goDown(after, actor));
  if (reading !== undefined) {
    const read = readAction(name, reading, (after, result) => {
      const { phase: at, head } = result;
      if (at === 'failed' || (at === 'done' && head?.place === 0)) after.set({ ...actor, ...fresh });
      else if (at !== 'done') after.set({ ...actor, reading: result });
      else after.set({ ...actor, reading: undefined, phase: 'begin', image: head, fold: foldOf(result) });
    });
    return [...crash, read];
  }
  if (phase === 'rest') {
    if (left === 0) return [];
    const next = { ...actor, left: left - 1, serial: serial + 1, reading: recovery(world.protocol) };
    return [{ name: `${name} starts`, weight: 1, run: (after) => after.set(next) }];
  }
  if (phase === 'begin') return [...crash, begin(world, actor, name)];
  if (phase === 'undo') return [...crash, ...undo(world, actor, name)];
  const { parts } = actor.entry as Entry;
  const actions = crash;
  if (part < parts && (part < room || !world.protocol.growsFirst)) actions.push(...putPart(world, actor, name));
  else if (part < parts) actions.push(grow(actor, name));
  if (part === parts || !world.protocol.awaitsParts) actions.push(movePointer(actor, name));
  return actions;
}

function begin(world: World, actor: Snapshotter, name: string): Action {
  const run = (after: World) => {
    const { protocol, snap } = after;
    const image = actor.image as Head;
    const entry = protocol.entryOf(protocol.snapshotId(name, actor.serial, image.place), image, image);
    const room = 1;
    after.snap = protocol.begin(snap, { id: entry.id, parts: room });
    after.set({ ...actor, phase: 'parts', entry, room });
  };
  return { name: `${name} begins a snapshot of ${world.head.place}`, weight: 1, run };
}

/** Nobody knows in advance how many parts there will be. */
function grow(actor: Snapshotter, name: string): Action {
  const run = (after: World) => {
    const room = actor.room + 1;
    const grown = after.protocol.grow(after.snap, { id: (actor.entry as Entry).id, parts: room });
    if (grown === 'swept') {
      after.meet('snapshot swept while it grew');
      after.set({ ...actor, phase: 'undo', part: 0 });
      return;
    }
    after.snap = grown;
    after.set({ ...actor, room });
  };
  return { name: `${name} makes room`, weight: 1, run };
}

function putPart(world: World, actor: Snapshotter, name: string): Action[] {
  const { id } = actor.entry as Entry;
  const { part } = actor;
  const fold = actor.fold as Fold;
  const item = { text: `${fold.place}.${fold.seq}`, fold };
  const put = { name: `${name} puts part ${part}`, key: partKey(id, part), item, once: false };
  return putActions(world, put, (after, answer) => {
    if (answer !== 'unanswered') after.set({ ...actor, part: part + 1 });
  });
}

function movePointer(actor: Snapshotter, name: string): Action {
  const run = (after: World) => {
    const { protocol, snap } = after;
    const entry = protocol.entryOf((actor.entry as Entry).id, actor.image as Head, after.head);
    const moved = protocol.movePointer(snap, entry);
    if (typeof moved === 'string') {
      after.meet(`snapshot ${moved}`);
      if (moved === 'overtaken') after.snap = abandon(snap, entry.id);
      after.set(moved === 'swept' ? { ...actor, phase: 'undo', part: 0 } : { ...actor, ...fresh });
      return;
    }
    after.meet('snapshot');
    after.snap = moved;
    after.set({ ...actor, ...fresh });
    audit(after);
  };
  return { name: `${name} moves the pointer`, weight: 1, run };
}

/** The pruner took it for dead, and may have deleted what was there: the rest is deleted here. */
function undo(world: World, actor: Snapshotter, name: string): Action[] {
  const { id, parts } = actor.entry as Entry;
  const { part } = actor;
  return deleteActions(world, `${name} deletes its part ${part}`, partKey(id, part), (after, isDone) => {
    if (!isDone) return;
    after.set(part + 1 < parts ? { ...actor, part: part + 1 } : { ...actor, ...fresh });
  });
}

function goDown(world: World, actor: Snapshotter): void {
  const { id = '', parts = 0 } = actor.entry ?? {};
  for (let part = 0; part < parts; part += 1) {
    if (world.ledger.deleted.has(partKey(id, part))) excuse(world, partKey(id, part));
  }
  world.set({ ...actor, ...fresh, up: false });
}

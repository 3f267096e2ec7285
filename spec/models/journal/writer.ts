/**
 * A writer: one process with a lane to the head, which also spills (`spiller.ts`).
 *
 *   call -> batch -> body put (large ones; also while the swap before is in flight) -> swap sent -> learns
 *                                                                                        |
 *      applied: base = what it wrote;   lost the race: reads on to the head that beat it, decides again, same number
 *      the head cannot tell: reads on as well, and looks for its own commit
 *
 * Two things wait: a refusal until it stands on a committed state looked at after the call, and a body's number until the
 * one before is committed.
 */

import type { Batch, Writer } from './actors.js';
import { crashAction } from './crash.js';
import { decide } from './fold.js';
import { recordCall, recordTold } from './ledger.js';
import { applied, settle } from './outcome.js';
import { limits } from './protocol.js';
import { foldOf, type Reading, readAction, readOn, recovery } from './reading.js';
import { excuse, putActions } from './requests.js';
import { bodyKey, type Commit, type Fold, type Head, noFold, noHead, pageKey } from './shapes.js';
import { spillActions } from './spiller.js';
import type { Action, HeadWrite, World } from './world.js';

const fresh = {
  reading: undefined,
  base: noHead,
  fold: noFold,
  last: 0,
  next: 1,
  batches: [],
  held: [],
  again: [],
  swap: undefined,
  known: undefined,
  spilling: undefined,
  placed: undefined,
} as const;

export function openWriter(lane: number): Writer {
  return { kind: 'writer', lane, serial: 1, name: `${'AB'[lane]}1`, up: true, done: 0, ...fresh };
}

export function writerActions(world: World, writer: Writer): Action[] {
  const { name, reading, batches, swap } = writer;
  if (!writer.up) return [{ name: `${name} restarts`, weight: 1, run: (after) => restart(after, writer) }];
  const actions = crashAction(world, name, (after) => goDown(after, writer));
  if (reading !== undefined) {
    actions.push(readAction(name, reading, (after, result) => learnRead(after, writer, result)));
    return actions;
  }
  if (batches.length < 2) actions.push(...call(world, writer));
  batches.forEach((batch, index) => {
    if (batch.large && batch.stored !== 'yes') actions.push(...putBody(world, writer, batch, index));
  });
  if (swap !== undefined) actions.push(...learn(world, writer));
  else if (batches.length > 0) actions.push(...send(world, writer));
  if (swap === undefined && wantsLook(world, writer)) {
    actions.push({ name: `${name} reads the head`, weight: 0.5, run: (after) => look(after, writer, true) });
  }
  actions.push(...spillActions(world, writer));
  return actions;
}

function wantsLook(world: World, { held, batches, placed, base }: Writer): boolean {
  return (held.length > 0 && batches.length === 0) || (placed !== undefined && world.head.place > base.place);
}

/** Reads on to the head as it is now. */
function look(world: World, writer: Writer, asks: boolean): void {
  const held = asks ? writer.held.map(({ event }) => ({ event, asked: true })) : writer.held;
  const reading = readOn(world, writer.fold, writer.base.pages, world.head);
  learnRead(world, { ...writer, held }, reading);
}

/** Callers call; or events are batched again whose refusal did not last. */
function call(world: World, writer: Writer): Action[] {
  const { name, lane, done, again } = writer;
  const line = world.setting.writers[lane]?.[done];
  if (again.length === 0 && line === undefined) return [];
  const isLarge = again.length === 0 && line?.startsWith('*') === true;
  const tokens = line?.replace('*', '').split(' ') ?? [];
  const events =
    again.length > 0 ? again : tokens.map((t, i) => `${'AB'[lane]}${done}${'abc'[i]}${t === '.' ? '' : t}`);
  const run = (after: World) => {
    if (again.length === 0) recordCall(after, events);
    const { protocol } = after;
    const uncommitted = writer.batches.flatMap((batch) => batch.events);
    const { accepted, refused } = decide(decide(writer.fold.state, uncommitted).state, events);
    const told = protocol.mayRefuse({ speculative: uncommitted.length > 0, asked: false }) ? refused : [];
    for (const event of told) recordTold(after, event, 'refused');
    const held = refused.filter((event) => !told.includes(event)).map((event) => ({ event, asked: false }));
    const n = writer.next;
    const large = isLarge && protocol.mayPutBody(n, writer.last);
    const batch: Batch = { n, events: accepted, large, stored: 'no' };
    if (refused.length > 0 && uncommitted.length > 0) after.meet('refused while undecided');
    after.set({
      ...writer,
      done: again.length > 0 ? done : done + 1,
      again: [],
      held: [...writer.held, ...held],
      batches: accepted.length > 0 ? [...writer.batches, batch] : writer.batches,
      next: accepted.length > 0 ? n + 1 : n,
    });
  };
  return [{ name: `${name} is called: ${events.join(' ')}${isLarge ? ', large' : ''}`, weight: 1, run }];
}

function putBody(world: World, writer: Writer, batch: Batch, index: number): Action[] {
  const key = bodyKey(writer.name, batch.n);
  const item = { text: batch.events.join(), events: batch.events };
  const put = { name: `${writer.name} puts body ${batch.n}`, key, item, once: false };
  return putActions(world, put, (after, answer) => {
    if (answer !== 'unanswered' && after.ledger.deleted.has(key)) excuse(after, key);
    const stored = answer === 'unanswered' ? 'unsure' : 'yes';
    const { swap } = writer;
    after.set({
      ...writer,
      batches: writer.batches.with(index, { ...batch, stored }),
      swap: swap?.batch.n === batch.n ? { ...swap, batch: { ...batch, stored } } : swap,
    });
  });
}

function send(world: World, writer: Writer): Action[] {
  const { protocol } = world;
  const { name, base, fold, last, batches, known } = writer;
  if (protocol.isRetired(fold, name, last)) {
    return [{ name: `${name} finds itself retired`, weight: 1, run: (after) => rename(after, writer) }];
  }
  const isReady = ({ large, stored }: Batch) => !large || protocol.mayName(stored);
  const batch = batches[protocol.nextBatch(batches.map(isReady))] as Batch;
  if (!isReady(batch)) return [];
  const { n, events, large } = batch;
  const { accepted, refused } = decide(fold.state, events);
  const told = protocol.mayRefuse({ speculative: false, asked: false }) ? refused : [];
  const waiting = refused.filter((event) => !told.includes(event));
  if (accepted.length === 0) {
    const held = [...writer.held, ...waiting.map((event) => ({ event, asked: false }))];
    const run = (after: World) => {
      for (const event of told) recordTold(after, event, 'refused');
      after.set({ ...writer, held, batches: batches.filter((other) => other !== batch) });
    };
    return [{ name: `${name} drops batch ${n}`, weight: 1, run }];
  }
  const skip = large ? protocol.skipped(refused.map((event) => events.indexOf(event))) : [];
  const parts = { writer: name, n, prev: last, body: large, events: large ? [] : accepted, skip };
  const next = protocol.append(protocol.trim(base, known), { ...parts, count: accepted.length, retires: false });
  if (next.tail.length > limits.tailMax) return [];
  const write: HeadWrite = { base: base.place, next, meant: accepted };
  const run = (after: World) => {
    if (skip.length > 0) after.meet('events skipped');
    for (const event of told) recordTold(after, event, 'refused');
    after.leave({ text: `${name}'s swap ${n} on ${base.place}`, swap: write });
    after.set({
      ...writer,
      held: writer.held.map(({ event }) => ({ event, asked: true })),
      swap: { write, batch, refused: waiting, lost: false },
    });
  };
  const trims = next.pages > base.pages ? `, trimming page ${base.pages}` : '';
  return [{ name: `${name} sends swap ${n} on ${base.place}${trims}`, weight: 1, run }];
}

/** The register settles the swap: applied, lost, or its evidence is gone. */
function learn(world: World, writer: Writer): Action[] {
  const { name, swap } = writer;
  if (swap === undefined || world.head.place <= swap.write.base) return [];
  const { write, batch } = swap;
  const winner = world.ledger.commits[write.base] as Commit;
  const isMine = winner.writer === name && winner.n === batch.n && !winner.retires;
  const actions: Action[] = [];
  if (isMine) {
    const run = (after: World) => after.set(settle(after, applied(after, writer, true)));
    actions.push({ name: `${name} learns that swap ${batch.n} is applied`, weight: 1, run });
  } else {
    const run = (after: World) => {
      after.meet('race lost');
      if (after.protocol.catchesUp) look(after, { ...writer, swap: undefined }, false);
      else after.set(settle(after, { ...writer, swap: undefined, base: after.head }));
    };
    actions.push({ name: `${name} learns that swap ${batch.n} lost the race`, weight: 1, run });
  }
  if (world.setting.losesEvidence === true && !world.calm) {
    const run = (after: World) => look(after, { ...writer, swap: { ...swap, lost: true } }, false);
    actions.push({ name: `${name} finds no evidence of swap ${batch.n}`, weight: 0.4, run });
  }
  return actions;
}

/** Something was read: on the way to a later head, after a restart, or in search of an own commit. */
function learnRead(world: World, writer: Writer, reading: Reading): void {
  if (reading.phase === 'failed') goDown(world, writer);
  else if (reading.phase === 'done') arrive(world, writer, reading);
  else world.set({ ...writer, reading });
}

function arrive(world: World, writer: Writer, reading: Reading): void {
  const fold: Fold = foldOf(reading);
  let after: Writer = writer;
  if (writer.swap?.lost === true) {
    const { protocol } = world;
    const { batch } = writer.swap;
    const commits = protocol.lookUp(reading.commits, reading.firstPage);
    const fate = protocol.fateOf(commits, reading.whole, fold, writer.name, batch.n);
    world.meet(`looked up: ${fate}${reading.whole ? '' : ' after a recovery'}`);
    if (fate === 'unknown') {
      goDown(world, writer);
      return;
    }
    after = fate === 'applied' ? applied(world, writer, false) : { ...writer, swap: undefined };
  }
  world.set(settle(world, { ...after, reading: undefined, base: reading.head as Head, fold }));
}

/** Takes a new name; what waits is written again under it. */
function rename(world: World, writer: Writer): void {
  world.meet('retired alive');
  const serial = writer.serial + 1;
  const batches = writer.batches.map((batch, index): Batch => {
    const large = batch.large && world.protocol.mayPutBody(index + 1, 0);
    return { ...batch, n: index + 1, large, stored: 'no' };
  });
  const name = `${writer.name[0]}${serial}`;
  world.set({ ...writer, serial, name, last: 0, next: batches.length + 1, batches });
}

function goDown(world: World, writer: Writer): void {
  const { placed } = writer;
  if (placed !== undefined && world.ledger.deleted.has(pageKey(placed))) excuse(world, pageKey(placed));
  world.set({ ...writer, ...fresh, up: false });
}

function restart(world: World, writer: Writer): void {
  const serial = writer.serial + 1;
  const name = world.protocol.rename(writer.name, serial);
  world.set({ ...writer, up: true, serial, name, reading: recovery(world.protocol) });
}

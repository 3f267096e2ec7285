/**
 * How anybody reads: from the pointer (recovery), or on from what is known (a follower; a writer that lost a race).
 *
 *   pointer -> parts -> head -> pages -> tail of that head -> bodies -> done
 *                                 |  something is missing, or does not join on
 *                                 v
 *                               pointer once more -> from the start, or an error
 *
 * Each request is a step. Whoever reads on has no snapshot to lose, only pages.
 */
import * as journal from '../../../lib/journal/protocol.js';
import { register } from '../../../lib/snapshot/pointer-rules.js';
import { apply } from './fold.js';
import { recordRead, violations } from './ledger.js';
import type { Protocol, Trouble } from './protocol.js';
import {
  bodyKey,
  type Commit,
  type Entry,
  type Event,
  type Fold,
  type Head,
  noFold,
  pageKey,
  partKey,
} from './shapes.js';
import type { Action, World } from './world.js';

export interface Reading {
  readonly phase: 'pointer' | 'part' | 'head' | 'page' | 'body' | 'doubt' | 'done' | 'failed';
  readonly entry: Entry | undefined;
  readonly part: number;
  /** What it starts from, the lowest page that it wants, and the next page to read. */
  readonly start: Fold;
  readonly page: number;
  readonly next: number;
  readonly head: Head | undefined;
  readonly commits: readonly Commit[];
  /** How many of `commits` are from the first page read; no limit if none was. */
  readonly firstPage: number;
  /** Events of the first of `commits`. */
  readonly events: readonly (readonly Event[])[];
  /** Whether it reads on from what its actor knew. */
  readonly whole: boolean;
  readonly trouble: Trouble | undefined;
  readonly restarts: number;
  /** The name under which it registers, so as not to be overtaken. */
  readonly registers: string | undefined;
}

const fresh: Reading = {
  phase: 'pointer',
  entry: undefined,
  part: 0,
  start: noFold,
  page: 0,
  next: 0,
  head: undefined,
  commits: [],
  firstPage: Number.POSITIVE_INFINITY,
  events: [],
  whole: false,
  trouble: undefined,
  restarts: 0,
  registers: undefined,
};

/** From the pointer. */
export function recovery(protocol: Protocol, registers?: string, restarts = 0): Reading {
  return { ...fresh, phase: protocol.readsHeadFirst ? 'head' : 'pointer', registers, restarts };
}

/** From `start`, the commits after which are in page `page`, or a later one, or the tail. */
export function readOn(world: World, start: Fold, page: number, head: Head): Reading {
  return checked(world, atHead(world.protocol, { ...fresh, start, page, whole: true }, head));
}

/** What was read, once `phase` is `done`. */
export function foldOf({ start, commits, events }: Reading): Fold {
  return commits.reduce((fold, commit, index) => apply(fold, commit, events[index] as readonly Event[]), start);
}

/** The next step of `reading`; `then` takes what has become of it. */
export function readAction(who: string, reading: Reading, then: (w: World, r: Reading) => void): Action {
  const what =
    reading.phase === 'page' ? `page ${reading.next}` : reading.phase === 'doubt' ? 'the pointer again' : reading.phase;
  return {
    name: `${who} reads ${what}`,
    weight: 1,
    run: (after) => {
      then(after, checked(after, proceed(after, reading)));
    },
  };
}

function checked(world: World, reading: Reading): Reading {
  if (reading.phase === 'done') recordRead(world, foldOf(reading), reading.head as Head);
  if (reading.phase === 'failed' && !world.rotten) world.fail(violations.gap);
  return reading;
}

function proceed(world: World, reading: Reading): Reading {
  const { protocol, items } = world;
  const { entry } = reading;
  switch (reading.phase) {
    case 'pointer':
      return atPointer(world, reading);
    case 'part': {
      const item = items.get(partKey((entry as Entry).id, reading.part));
      if (item === undefined || !('fold' in item)) return { ...reading, phase: 'doubt', trouble: 'missing' };
      const part = reading.part + 1;
      if (part < (entry as Entry).parts) return { ...reading, part };
      return afterParts(protocol, { ...reading, part, start: item.fold });
    }
    case 'head':
      if (protocol.readsHeadFirst) return { ...reading, phase: 'pointer', head: world.head };
      return atHead(protocol, reading, world.head);
    case 'page': {
      const item = items.get(pageKey(reading.next));
      if (item === undefined || !('commits' in item)) return { ...reading, phase: 'doubt', trouble: 'missing' };
      const after = join({ ...reading, next: reading.next + 1 }, item.commits);
      return atPages(reading.next === reading.page ? { ...after, firstPage: after.commits.length } : after);
    }
    case 'body': {
      const { writer, n } = reading.commits[reading.events.length] as Commit;
      const item = items.get(bodyKey(writer, n));
      if (item === undefined || !('events' in item)) return { ...reading, phase: 'doubt', trouble: 'missing' };
      return atBodies({ ...reading, events: [...reading.events, item.events] });
    }
    default: {
      const wanted = { snapshot: entry?.id, page: reading.page };
      const advice = protocol.afterTrouble(world.snap, wanted, reading.trouble as Trouble);
      if (advice === 'error') return { ...reading, phase: 'failed' };
      return recovery(protocol, reading.registers, reading.restarts + 1);
    }
  }
}

/** Takes the current snapshot, and in the same swap registers, if it does. */
function atPointer(world: World, reading: Reading): Reading {
  const { snap, protocol } = world;
  const entry = snap.kept.at(-1);
  const page = entry?.page ?? 0;
  if (page < snap.prunedTo) world.fail(violations.pointer);
  const id = reading.registers;
  if (id !== undefined) {
    const registered = register(snap, { id, page, from: entry?.from ?? 1 }, entry?.id);
    if (registered === 'pruned') world.fail(violations.reader);
    else world.snap = registered;
  }
  const after = { ...reading, entry, page };
  return entry === undefined ? afterParts(protocol, after) : { ...after, phase: 'part' };
}

function afterParts(protocol: Protocol, reading: Reading): Reading {
  if (reading.head === undefined) return { ...reading, phase: 'head' };
  return atHead(protocol, reading, reading.head);
}

function atHead(protocol: Protocol, reading: Reading, head: Head): Reading {
  const next = protocol.catchUpFrom(reading.start, reading.page, head);
  return atPages({ ...reading, phase: 'page', head, next });
}

function atPages(reading: Reading): Reading {
  const head = reading.head as Head;
  if (reading.trouble !== undefined || reading.next < head.pages) return reading;
  return atBodies(join(reading, head.tail));
}

function atBodies(reading: Reading): Reading {
  if (reading.trouble !== undefined) return reading;
  const events = [...reading.events];
  for (let commit = reading.commits[events.length]; commit !== undefined; commit = reading.commits[events.length]) {
    if (commit.body) return { ...reading, phase: 'body', events };
    events.push(commit.events);
  }
  return { ...reading, phase: 'done', events };
}

/** Takes those of `commits` that are new; they must follow on what there is. */
function join(reading: Reading, commits: readonly Commit[]): Reading {
  const last = reading.commits.at(-1);
  const joined = journal.join(last === undefined ? reading.start : journal.positionAfter(last), commits);
  if (joined === 'gap') return { ...reading, phase: 'doubt', trouble: 'gap' };
  return { ...reading, commits: [...reading.commits, ...joined] };
}

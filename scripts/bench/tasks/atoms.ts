/** What a worker does with the library: swaps and reads of atoms that stay warm between windows. */
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { AtomTable, diagnosticsChannels, type ItemAtom } from '../../../lib/atom/index.js';
import { clientOf, type Place } from '../clients.js';
import { CountedEngine } from '../counted-engine.js';
import { atomOf, type Opened, open } from '../opened.js';
import { closedLoop, noCounts, type Sample } from '../sample.js';
import { increment, makeValue, type Size, type Value } from '../values.js';

export interface SwapArguments {
  readonly place: Place;
  readonly key: string;
  /** Each caller has an atom of its own, or all have the same. */
  readonly atoms: 'one' | 'own';
  readonly callers: number;
  readonly size: Size;
  readonly forMs: number;
}

/** Swaps in a closed loop. Wrong is an answer that is not the one before plus 1 (own atom), or not more (shared). */
export async function swap({ place, key, atoms, callers, size, forMs }: SwapArguments): Promise<Sample> {
  const opened = open(place);
  const list = Array.from({ length: callers }, (_, caller) =>
    atomOf(opened, atoms === 'one' ? key : `${key}-${caller}`, size),
  );
  const last =
    atoms === 'one'
      ? new Array<number>(callers).fill(-1)
      : await Promise.all(list.map(async (atom) => (await atom.swap(increment)).n));
  return closedLoop({
    callers,
    forMs,
    counts: () => opened.engine.counts(),
    op: (caller) => (list[caller] as ItemAtom<Value, Value>).swap(increment),
    judge(caller, { n }) {
      const before = last[caller] as number;
      last[caller] = n;
      return atoms === 'own' ? n === before + 1 || 'wrong' : n > before || 'wrong';
    },
  });
}

/** The counter of an atom as it stands. */
export async function look({ place, key, size }: { place: Place; key: string; size: Size }): Promise<number> {
  return (await atomOf(open(place), key, size).deref()).n;
}

export interface DerefArguments {
  readonly place: Place;
  readonly key: string;
  readonly consistency: 'strong' | 'cached';
  readonly size: Size;
  readonly forMs: number;
}

export async function deref({ place, key, consistency, size, forMs }: DerefArguments): Promise<Sample> {
  const opened = open(place);
  const atom = atomOf(opened, key, size);
  await atom.swap(increment);
  return closedLoop({
    callers: 1,
    forMs,
    counts: () => opened.engine.counts(),
    op: () => atom.deref({ consistency }),
  });
}

/** So many strong reads of one atom, all called at once. */
export async function derefTogether(args: { place: Place; key: string; size: Size; count: number }): Promise<Sample> {
  const opened = open(args.place);
  const atom = atomOf(opened, args.key, args.size);
  await atom.swap(increment);
  return closedLoop({
    callers: args.count,
    ops: args.count,
    counts: () => opened.engine.counts(),
    op: () => atom.deref(),
  });
}

export interface EachArguments {
  readonly place: Place;
  readonly key: string;
  readonly size: Size;
  readonly from: number;
  readonly count: number;
  readonly inFlight: number;
}

/** One swap of each of many atoms. */
export async function swapEach({ place, key, size, from, count, inFlight }: EachArguments): Promise<Sample> {
  return eachOf(open(place), { place, key, size, from, count, inFlight });
}

/** The same, by a process that knows none of them. */
export async function swapEachCold({ place, ...rest }: EachArguments): Promise<Sample> {
  const engine = new CountedEngine(clientOf(place.endpoint));
  const opened = { table: new AtomTable({ engine, tableName: place.table }), engine, atoms: new Map() };
  return eachOf(opened, { place, ...rest });
}

function eachOf(opened: Opened, { key, size, from, count, inFlight }: EachArguments): Promise<Sample> {
  let next = from;
  return closedLoop({
    callers: inFlight,
    ops: count,
    counts: () => opened.engine.counts(),
    op() {
      const atom = atomOf(opened, `${key}-${next}`, size);
      next += 1;
      return atom.swap(increment);
    },
  });
}

/** Swaps under faults: counts what is wrong, and in `failed` what was rejected with a typed error. */
export async function swapUnderFaults(args: Omit<SwapArguments, 'atoms'>): Promise<Sample & { failed: number }> {
  const opened = open(args.place);
  const list = Array.from({ length: args.callers }, (_, caller) => atomOf(opened, `${args.key}-${caller}`, args.size));
  const last = await Promise.all(list.map(async (atom) => (await atom.swap(increment)).n));
  const first = [...last];
  const done = new Array<number>(args.callers).fill(0);
  let failed = 0;
  const sample = await closedLoop({
    callers: args.callers,
    forMs: args.forMs,
    counts: () => opened.engine.counts(),
    op: (caller) => (list[caller] as ItemAtom<Value, Value>).swap(increment).catch(() => undefined),
    judge(caller, value) {
      if (value === undefined) {
        failed += 1;
        return false;
      }
      const right = value.n === (last[caller] as number) + 1;
      last[caller] = value.n;
      done[caller] = (done[caller] as number) + 1;
      return right || 'wrong';
    },
  });
  let wrong = sample.wrong;
  const ends = await Promise.all(list.map((atom) => atom.deref()));
  if (failed === 0)
    ends.forEach(({ n }, caller) => {
      if (n !== (first[caller] as number) + (done[caller] as number)) wrong += 1;
    });
  return { ...sample, wrong, failed };
}

export interface StubArguments {
  readonly size: Size;
  readonly ops: number;
  /** Whether somebody listens on all diagnostics channels. */
  readonly listen?: boolean;
}

/** Swaps on an engine that answers at once: the library's own time. */
export async function swapOnStub({ size, ops, listen = false }: StubArguments): Promise<Sample> {
  const { StubEngine } = await import('../stub-engine.js');
  const stop = listen ? listenToAll() : () => {};
  const atom = new AtomTable({ engine: new StubEngine(), tableName: 'none' }).atom('stub', {
    initial: makeValue(size),
  });
  const sample = await closedLoop({ callers: 1, ops, counts: () => noCounts, op: () => atom.swap(increment) });
  stop();
  return sample;
}

function listenToAll(): () => void {
  const { operations, ...plain } = diagnosticsChannels;
  const ends = Object.values(operations).map((name) => tracingChannel(name).asyncEnd);
  const hear = () => {};
  for (const end of ends) end.subscribe(hear);
  for (const name of Object.values(plain)) subscribe(name, hear);
  return () => {
    for (const end of ends) end.unsubscribe(hear);
    for (const name of Object.values(plain)) unsubscribe(name, hear);
  };
}

/** What a worker does with several atoms at once, all or none. */
import { randomInt } from 'node:crypto';
import type { ItemAtom } from '../../../lib/atom/index.js';
import { RawTransaction } from '../baselines/raw-transaction.js';
import { clientOf, type Place } from '../clients.js';
import { atomOf, open } from '../opened.js';
import { closedLoop, type Sample } from '../sample.js';
import { increment, type Size, type Value } from '../values.js';

export interface TransactArguments {
  readonly place: Place;
  readonly key: string;
  readonly size: Size;
  readonly atoms: number;
  readonly forMs: number;
}

const namesOf = (key: string, atoms: number) => Array.from({ length: atoms }, (_, at) => `${key}-${at}`);

/** One caller increments all of them in one transaction. Wrong is a last one that is not the one before plus 1. */
export async function transact({ place, key, size, atoms, forMs }: TransactArguments): Promise<Sample> {
  const opened = open(place);
  const list = namesOf(key, atoms).map((name) => atomOf(opened, name, size));
  const all = () =>
    opened.table.transact(async (tx) => {
      for (const atom of list.slice(1)) void tx.swap(atom, increment);
      return (await tx.swap(list[0] as ItemAtom<Value, Value>, increment)).n;
    });
  let last = await all();
  return closedLoop({
    callers: 1,
    forMs,
    counts: () => opened.engine.counts(),
    op: all,
    judge(_caller, n) {
      const isNext = n === last + 1;
      last = n;
      return isNext || 'wrong';
    },
  });
}

const raws = new Map<string, RawTransaction>();

/** The SDK's own call that writes the same. */
export async function rawTransact({ place, key, size, atoms, forMs }: TransactArguments): Promise<Sample> {
  const name = `${place.endpoint} ${place.table} ${key} ${atoms}`;
  const names = namesOf(`raw-${key}`, atoms);
  const raw = raws.get(name) ?? (await RawTransaction.make(clientOf(place.endpoint), place, names, size));
  raws.set(name, raw);
  return closedLoop({
    callers: 1,
    forMs,
    counts: () => raw.counts(),
    op: () => raw.put(),
    judge: (_caller, done) => done,
  });
}

/** Each caller increments two of all the atoms, drawn anew each time. */
export async function transactPairs(args: TransactArguments & { readonly callers: number }): Promise<Sample> {
  const { place, key, size, atoms, callers, forMs } = args;
  const opened = open(place);
  const list = namesOf(key, atoms).map((name) => atomOf(opened, name, size));
  return closedLoop({
    callers,
    forMs,
    counts: () => opened.engine.counts(),
    op() {
      const first = randomInt(atoms);
      const second = (first + 1 + randomInt(atoms - 1)) % atoms;
      return opened.table.transact((tx) => {
        for (const at of [first, second]) void tx.swap(list[at] as ItemAtom<Value, Value>, increment);
      });
    },
  });
}

/** The counters of all of them together, as they stand. */
export async function lookAll({ place, key, size, atoms }: Omit<TransactArguments, 'forMs'>): Promise<number> {
  const opened = open(place);
  const values = await Promise.all(namesOf(key, atoms).map((name) => atomOf(opened, name, size).deref()));
  return values.reduce((sum, { n }) => sum + n, 0);
}

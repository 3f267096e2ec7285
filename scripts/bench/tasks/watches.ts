/** What a worker does with watches. Times are those of the machine's monotonic clock, which all its processes share. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AtomTable, type WatchPollOptions } from '../../../lib/atom/index.js';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { clientOf, type Place } from '../clients.js';
import { CountedEngine } from '../counted-engine.js';
import { atomOf, open } from '../opened.js';
import { type Counts, closedLoop, type Sample } from '../sample.js';
import { increment, makeValue, type Size, type Value } from '../values.js';

export interface ChangeArguments {
  readonly place: Place;
  readonly key: string;
  readonly size: Size;
  readonly changes: number;
}

/** When a state was made, or first seen. */
export interface Mark {
  readonly n: number;
  readonly atMs: number;
}

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Watches an atom until it has seen so many changes, and tells when, and what all the looks cost. */
export async function watchChanges(
  args: ChangeArguments & { readonly watch: WatchPollOptions; readonly timeoutMs: number },
): Promise<{ readonly seen: readonly Mark[]; readonly counts: Counts; readonly elapsedMs: number }> {
  const { place, key, size, changes, watch, timeoutMs } = args;
  const engine = new CountedEngine(clientOf(place.endpoint));
  await using table = new AtomTable({ engine, tableName: place.table, watch });
  const atom = table.atom<Value>(key, { initial: makeValue(size) });
  const startedAt = nowMs();
  const seen: Mark[] = [];
  for await (const { n } of atom.watch({ signal: AbortSignal.timeout(timeoutMs) })) {
    seen.push({ n, atMs: nowMs() });
    if (n >= changes) break;
  }
  return { seen, counts: engine.counts(), elapsedMs: nowMs() - startedAt };
}

/** Changes an atom so often, with a pause before each change that is long enough for those who watch to have calmed down. */
export async function changeNowAndThen(args: ChangeArguments & { readonly pauseMs: number }): Promise<readonly Mark[]> {
  const { place, key, size, changes, pauseMs } = args;
  const atom = atomOf(open(place), key, size);
  const made: Mark[] = [];
  while (made.length < changes) {
    await sleep(pauseMs * (1 + Math.random() / 2));
    const { n } = await atom.swap(increment);
    made.push({ n, atMs: nowMs() });
  }
  return made;
}

/** Swaps one after the other, each until the watch of the same process has told of it. */
export async function swapAndHear(args: Omit<ChangeArguments, 'changes'> & { forMs: number }): Promise<Sample> {
  const { place, key, size, forMs } = args;
  const opened = open(place);
  const atom = atomOf(opened, key, size);
  let heard: ((n: number) => void) | undefined;
  atom.addWatch('bench', (_id, _atom, _old, { n }) => heard?.(n));
  let last = (await atom.swap(increment)).n;
  try {
    return await closedLoop({
      callers: 1,
      forMs,
      counts: () => opened.engine.counts(),
      op: async () => {
        const told = new Promise<number>((resolve) => {
          heard = resolve;
        });
        await atom.swap(increment);
        return told;
      },
      judge(_caller, n) {
        const isNext = n === last + 1;
        last = n;
        return isNext || 'wrong';
      },
    });
  } finally {
    atom.removeWatch('bench');
  }
}

export interface IdleCost {
  readonly readUnitsPerAtomSecond: number;
  readonly requestsPerSecond: number;
}

/** What it costs a second to watch so many atoms that nobody changes, with the defaults, over an hour of virtual time. */
export async function watchIdle({ atoms }: { readonly atoms: number }): Promise<IdleCost> {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  const table = new AtomTable({ engine, tableName: 'state', clock });
  await clock.run(table.create());
  const watched = Array.from({ length: atoms }, (_, at) => table.atom<number>(`a${at}`, { initial: 0 }));
  for (const atom of watched) atom.addWatch('bench', () => {});
  const minuteMs = 60_000;
  await clock.advance(minuteMs);
  const before = engine.spent();
  await clock.advance(60 * minuteMs);
  const after = engine.spent();
  await clock.run(table.close());
  return {
    readUnitsPerAtomSecond: (after.readUnits - before.readUnits) / atoms / 3_600,
    requestsPerSecond: (after.requests - before.requests) / 3_600,
  };
}

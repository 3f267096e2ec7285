/** What the specs of migrations share: a system whose state shows times, and what it is to be the same in. */
import { expect } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Clock, type Engine, MemoryEngine, systemClock } from '../../lib/engine/index.js';
import {
  type AtomStorageOptions,
  atomStorage,
  type Change,
  type Log,
  openPrevayler,
  type Prevayler,
  type PrevaylerOptions,
  type Storage,
  withResult,
} from '../../lib/prevalence/index.js';
import { errorOf, type HandClock, handClock, noise, range } from '../support/prevalent.js';

export const tableName: string = 'state';
export const clock: HandClock = handClock(systemClock);

export interface Bank {
  readonly sum: number;
  readonly at: readonly number[];
}
export type Event = { readonly pay: number; readonly note?: string };

/** Each event's time is in the state, and its result is the sum. */
const bank = {
  initialState: { sum: 0, at: [] } as Bank,
  handler: ({ sum, at }: Bank, { pay }: Event, { time }: { readonly time: number }) =>
    withResult({ sum: sum + pay, at: [...at, time] }, sum + pay),
};

export type System = Prevayler<Bank, Event, number>;
export function open(storage: Storage, more: Partial<PrevaylerOptions<Bank, Event, number>> = {}): Promise<System> {
  return openPrevayler({ storage, clock, follow: false, snapshots: false, ...bank, ...more });
}

export async function newEngine(): Promise<Engine> {
  const engine = new MemoryEngine();
  await new AtomTable({ engine, tableName }).create();
  return engine;
}

/** Timers of processes that die are left behind: none of them keeps the run alive. */
const mortalClock: Clock = {
  ...systemClock,
  sleep: (ms, options) => systemClock.sleep(ms, { ...options, background: true }),
};

/** A storage as a process has it that may die. */
export const onEngine = (engine: Engine, options?: AtomStorageOptions): Storage =>
  atomStorage(new AtomTable({ engine, tableName, clock: mortalClock }), 'bank', options);

/** Four events each round, some in a commit of their own, with ids and without, at times of their own; pruned after half of them. */
export async function fill(storage: Storage, { isPruned = false, rounds = 8 }: FillOptions = {}): Promise<void> {
  const one = await open(storage, { handlerVersion: 'v1', stateDigestEvery: 5, retention: { keep: 1 } });
  for (const round of range(rounds)) {
    clock.set(round * 1_000);
    const event = (pay: number): Event => ({ pay, note: noise(round % 4 === 3 ? 10_000 : 150, round * 10 + pay) });
    await one.handle(event(1), { id: `${round}/1` });
    await one.handle(event(2));
    await Promise.all([one.handle(event(3)), one.handle({ pay: 4 }, { id: `${round}/4` })]);
    if (!isPruned || round !== Math.ceil(rounds / 2)) continue;
    await one.snapshot();
    await one.prune();
  }
  await one.close();
}

interface FillOptions {
  readonly isPruned?: boolean;
  readonly rounds?: number;
}

interface SameOptions {
  /** What is older can't be had. */
  readonly since?: number;
  /** Whether the old place was. */
  readonly isFenced?: boolean;
}

/** Both say the same of all that can be asked for. */
export async function expectSame(
  from: Storage,
  to: Storage,
  { since = 0, isFenced = false }: SameOptions = {},
): Promise<void> {
  const [old, moved] = [await open(from, { mode: 'read-only' }), await open(to)];
  expect([moved.seq, moved.state]).toEqual([old.seq, old.state]);
  // The fence is newer.
  if (!isFenced) expect(moved.time).toBe(old.time);
  for (const seq of new Set([since, since + 1, since + 2, old.seq].filter((one) => one <= old.seq)))
    expect(await moved.at({ seq })).toEqual(await old.at({ seq }));
  expect(await changesOf(moved, since)).toEqual(await changesOf(old, since));
  const { seq } = moved;
  expect(await moved.handle({ pay: 100 }, { id: '2/1' })).toMatchObject({ status: 'known', result: 11 });
  expect(await moved.handle({ pay: 1 })).toMatchObject({ status: 'journalled', seq: seq + 1 });
  await old.close();
  await moved.close();
}

/** A part of a system may be read, and nobody goes on with it. The number of events that there are. */
export async function expectNotHalf(to: Storage, total: number): Promise<number> {
  const early = await open(to).catch((error: unknown) => error);
  if (early instanceof Error) {
    expect(early).toMatchObject({ code: 'ERR_LOG_UNFINISHED' });
    return 0;
  }
  const one = early as System;
  if (one.seq > 0 && one.seq < total) {
    expect(await errorOf(one.handle({ pay: 1 }))).toMatchObject({ code: 'ERR_NOT_WRITER', outcome: 'not-done' });
  }
  const { seq } = one;
  await one.close();
  return seq;
}

async function changesOf(system: System, since: number) {
  const all: Change<Event>[] = [];
  if (system.seq === since) return all;
  for await (const change of system.changes({ from: since + 1 })) if (all.push(change) === system.seq - since) break;
  return all;
}

/** A storage whose log does what `change` says, in place of what it would do. */
export function changed(storage: Storage, change: (log: Log) => Partial<Log>): Storage {
  const { name, clock: own } = storage;
  return {
    ...{ name, clock: own },
    open(request) {
      const log = storage.open(request);
      const instead = change(log);
      return new Proxy(log, {
        get(target, member) {
          const value: unknown = Reflect.get(instead, member) ?? Reflect.get(target, member, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}

/** Does something before each append of events, which is told how many there were. */
export function steppedCopy(storage: Storage, before: (n: number) => Promise<void>): Storage {
  let appends = 0;
  return changed(storage, (log) => ({
    async append(batch, body) {
      if (batch.claims !== true) {
        appends += 1;
        await before(appends);
      }
      return log.append(batch, body);
    },
  }));
}

/** What a worker does with locks: ours, and those of other packages. */
import {
  type HeldLock,
  type Locker,
  type LockPackage,
  type LockTerms,
  lockerOf,
  makeLockTable,
} from '../baselines/lock-packages.js';
import { RawItem } from '../baselines/raw.js';
import { clientOf, type Place } from '../clients.js';
import { type Counts, closedLoop, type Sample, subtractCounts } from '../sample.js';

export interface LockArguments {
  readonly place: Place;
  readonly of: LockPackage;
  readonly terms: LockTerms;
}

/** A grant as its process saw it, in milliseconds of the machine's clock. */
export interface GrantMark {
  readonly token: number | undefined;
  readonly askedAt: number;
  readonly grantedAt: number;
  readonly releasedAt: number;
}

const lockers = new Map<string, Locker>();
const held: HeldLock[] = [];
const nowMs = () => performance.timeOrigin + performance.now();
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function open({ place, of, terms }: LockArguments): Locker {
  const name = JSON.stringify([place, of, terms]);
  const locker = lockers.get(name) ?? lockerOf(of, place, terms);
  lockers.set(name, locker);
  return locker;
}

export async function setupLocks({ endpoint }: Place): Promise<void> {
  await makeLockTable(clientOf(endpoint));
}

/** One caller acquires and releases a lock that nobody else wants. */
export async function lockCycle(
  args: LockArguments & { readonly name: string; readonly forMs: number },
): Promise<Sample> {
  const locker = open(args);
  return closedLoop({
    callers: 1,
    forMs: args.forMs,
    counts: () => locker.counts(),
    op: async () => (await locker.acquire(args.name)).release(),
  });
}

const pairs = new Map<string, RawItem>();

/** Two raw conditional puts, one after the other. */
export async function rawPutPair({ place, forMs }: { readonly place: Place; readonly forMs: number }): Promise<Sample> {
  const raw = pairs.get(place.endpoint) ?? (await RawItem.make(clientOf(place.endpoint), place, 'put-pair', '200 B'));
  pairs.set(place.endpoint, raw);
  return closedLoop({
    callers: 1,
    forMs,
    counts: () => raw.counts(),
    op: async () => (await raw.put()) && (await raw.put()),
    judge: (_caller, done) => done,
  });
}

/** Holds `locks` locks for a while, and tells what that cost once all were acquired. */
export async function holdLocks(
  args: LockArguments & { readonly name: string; readonly locks: number; readonly forMs: number },
): Promise<Counts> {
  const locker = open(args);
  const all: HeldLock[] = [];
  for (let lock = 0; lock < args.locks; lock += 1) all.push(await locker.acquire(`${args.name}-${lock}`));
  const before = locker.counts();
  await pause(args.forMs);
  const spent = subtractCounts(locker.counts(), before);
  for (const lock of all) await lock.release();
  return spent;
}

/** Callers of one process want one lock again and again, each holding it for a moment; until the window has passed. */
export async function contendForLock(
  args: LockArguments & {
    readonly name: string;
    readonly callers: number;
    readonly holdMs: number;
    readonly forMs: number;
    readonly grantsMax?: number;
  },
): Promise<{ readonly grants: GrantMark[]; readonly counts: Counts }> {
  const locker = open(args);
  // What is opened once is not what is measured.
  await (await locker.acquire(`${args.name}-${process.pid}`)).release();
  const before = locker.counts();
  const grants: GrantMark[] = [];
  const endAt = nowMs() + args.forMs;
  const call = async () => {
    for (let done = 0; done < (args.grantsMax ?? Number.POSITIVE_INFINITY) && nowMs() < endAt; done += 1) {
      const askedAt = nowMs();
      const lock = await locker.acquire(args.name);
      const grantedAt = nowMs();
      if (args.holdMs > 0) await pause(args.holdMs);
      const releasedAt = nowMs();
      await lock.release();
      grants.push({ token: lock.token, askedAt, grantedAt, releasedAt });
    }
  };
  await Promise.all(Array.from({ length: args.callers }, call));
  return { grants, counts: subtractCounts(locker.counts(), before) };
}

/** Acquires and keeps it. */
export async function takeLock(
  args: LockArguments & { readonly name: string },
): Promise<{ grantedAt: number; token: number | undefined }> {
  const lock = await open(args).acquire(args.name);
  held.push(lock);
  return { grantedAt: nowMs(), token: lock.token };
}

/** What the first lock that is kept here says of itself. */
export async function keptLock(): Promise<{ isHeld: boolean | undefined; token: number | undefined }> {
  const [lock] = held;
  return { isHeld: lock?.isHeld(), token: lock?.token };
}

export async function closeLocks(): Promise<void> {
  held.length = 0;
  for (const locker of lockers.values()) await locker.close();
  lockers.clear();
}

/**
 * Goal: what a user of sessions and locks relies on, between processes that share a store. Method: processes with clocks of their own on one
 * memory engine, in virtual time.
 */
import { describe, expect, it } from '@jest/globals';
import { type EngineFaultRule, MemoryEngine } from '../../lib/engine/index.js';
import {
  LeaseLostError,
  Lock,
  type LockOptions,
  LockTimeoutError,
  ReentrantLockError,
  Session,
  type SessionOptions,
  withLocks,
} from '../../lib/recipes/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { Machine } from '../support/machine.js';

type MachineOptions = ConstructorParameters<typeof Machine>[2] & {
  readonly session?: SessionOptions;
  readonly lock?: LockOptions;
};

async function world({ latencyMs = 0 } = {}) {
  const clock = new VirtualClock({ runMsMax: 86_400_000 });
  const engine = new MemoryEngine({ clock, ...(latencyMs > 0 && { latency: () => latencyMs }) });
  let seed = 100;
  const process = ({ session: terms, lock: options, ...rest }: MachineOptions = {}) => {
    seed += 1;
    const machine = new Machine(engine, clock, { seed, ...rest });
    const session = new Session(machine.table, { leaseMs: 15_000, ...terms });
    return { machine, table: machine.table, session, lock: new Lock(session, 'report', options) };
  };
  const first = process();
  await clock.run(first.table.create());
  /** Somebody who writes items by hand. */
  const byHand = new Machine(engine, clock).table;
  return { clock, process, first, byHand };
}

/** No answer within two hours. */
const silence: EngineFaultRule = { fault: { kind: 'delay', delayMs: 2 * 3_600_000 } };

describe('Lock', () => {
  it('is granted to one at a time, with tokens that grow', async () => {
    const { clock, process, first } = await world();
    await clock.run(
      (async () => {
        const second = process();
        const one = await first.lock.acquire();
        expect(one.token).toBe(1n);
        expect(await second.lock.tryAcquire()).toBeUndefined();
        const waiting = second.lock.acquire({ waitMs: 60_000 });
        await clock.sleep(3_000);
        expect(one.isHeld).toBe(true);
        expect(await one.release()).toBe(true);
        const two = await waiting;
        expect(two.token).toBe(2n);
        expect(await one.release()).toBe(true);
        expect(two.isHeld).toBe(true);
        await two.release();
      })(),
    );
  });

  it('goes to who waits once its holder was silent for a lease', async () => {
    const { clock, process, first } = await world();
    await clock.run(
      (async () => {
        const silent = new Session(first.table, { leaseMs: 15_000, renewal: 'manual' });
        const one = await new Lock(silent, 'report').acquire();
        const second = process();
        const startedAt = clock.monotonicMs();
        const two = await second.lock.acquire();
        expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(16_100);
        expect(clock.monotonicMs() - startedAt).toBeGreaterThanOrEqual(15_000);
        expect(one.isHeld).toBe(false);
        expect(one.signal.aborted).toBe(true);
        expect(await one.release()).toBe(false);
        expect(two.isHeld).toBe(true);
      })(),
    );
  });

  it('needs two requests when nobody else wants it', async () => {
    const { clock, first } = await world();
    await clock.run(
      (async () => {
        await (await first.lock.acquire()).release();
        const before = first.table.spent().requests;
        await (await first.lock.acquire()).release();
        expect(first.table.spent().requests - before).toBe(2);
      })(),
    );
  });

  it('is handed on in the order of the tickets', async () => {
    const { clock, process } = await world({ latencyMs: 2 });
    const order: number[] = [];
    const callers = Array.from({ length: 10 }, async (_, index) => {
      const { lock } = process();
      await clock.sleep(100 * index);
      await lock.withLock(async ({ token }) => {
        order.push(index);
        expect(token).toBe(BigInt(order.length));
        await clock.sleep(2_000);
      });
    });
    await clock.run(Promise.all(callers));
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('leaves nothing behind when a wait is over: no ticket, no timer, no observation', async () => {
    const { clock, process, first } = await world({ latencyMs: 1 });
    const holder = process({ session: { renewal: 'manual' } });
    const grant = await clock.run(holder.lock.acquire());
    const timeout = clock.run(first.lock.acquire({ waitMs: 1_000 }));
    await expect(timeout).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT', ahead: 0, holder: { token: 1n } });
    const reason = new Error('no longer wanted');
    const abort = new AbortController();
    const aborted = expect(first.lock.acquire({ signal: abort.signal })).rejects.toBe(reason);
    await clock.advance(1_000);
    abort.abort(reason);
    await clock.advance(10);
    await aborted;
    expect(await clock.run(first.lock.holder())).toMatchObject({ waiting: 0 });
    await clock.run(grant.release());
    await clock.run(Promise.all([first.session.close(), holder.session.close()]));
    await clock.advance(1_000);
    expect(clock.pending).toBe(0);
  });

  it('keeps a grant that is found at the deadline', async () => {
    const { clock, process, first } = await world();
    const second = process();
    const held = await clock.run(first.lock.acquire());
    const waiting = second.lock.acquire({ waitMs: 10_000 });
    await clock.advance(9_999.5);
    await held.release();
    const grant = await clock.run(waiting);
    expect(grant.isHeld).toBe(true);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(10_001);
    await clock.run(grant.release());
  });

  it('ends within seconds of its deadline when the store is silent, and says that it timed out', async () => {
    const { clock, process, first } = await world();
    const second = process();
    const held = await clock.run(first.lock.acquire());
    await clock.run(second.lock.tryAcquire());
    for (const waits of [false, true]) {
      const startedAt = clock.monotonicMs();
      if (!waits) second.machine.faulty.setRules([silence]);
      const call = second.lock.acquire({ waitMs: 5_000 });
      call.catch(() => {});
      await clock.advance(1_000);
      second.machine.faulty.setRules([silence]);
      await expect(clock.run(call)).rejects.toThrow(LockTimeoutError);
      expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(10_000);
      second.machine.faulty.setRules([]);
      await clock.advance(5_000);
      expect(await clock.run(first.lock.holder())).toMatchObject({ waiting: 0 });
    }
    await clock.run(held.release());
  });

  it('is not waited for beyond the end of its table, of its session, or of the lease', async () => {
    const { clock, process, first } = await world();
    const held = await clock.run(first.lock.acquire());
    const [closing, ending, losing] = [process(), process(), process()];
    const outcomes = Promise.all([
      expect(closing.lock.acquire()).rejects.toMatchObject({ code: 'ERR_CLOSED' }),
      expect(ending.lock.acquire()).rejects.toMatchObject({ code: 'ERR_SESSION_CLOSED' }),
      expect(losing.lock.acquire()).rejects.toBeInstanceOf(LeaseLostError),
    ]);
    await clock.advance(1_000);
    await clock.run(closing.table.close());
    await clock.run(ending.session.close());
    losing.machine.faulty.setRules([silence]);
    await clock.advance(60_000);
    losing.machine.faulty.setRules([]);
    await clock.run(outcomes);
    await clock.advance(70_000);
    expect(await clock.run(first.lock.holder())).toMatchObject({ waiting: 0, token: 1n });
    await clock.run(held.release());
  });

  it('is not waited for once its signal has aborted, at whatever moment of the call that was', async () => {
    const outcomes = new Set<unknown>();
    for (let turns = 0; turns < 60; turns += 1) {
      const { clock, process, first } = await world();
      const second = process();
      await clock.run(first.lock.acquire());
      await clock.run(Promise.all([second.session.lease(), second.lock.holder()]));
      const abort = new AbortController();
      const reason = new Error('no longer wanted');
      let outcome: unknown = 'waits';
      void second.lock.acquire({ signal: abort.signal }).catch((error: unknown) => {
        outcome = error === reason ? 'gave up' : error;
      });
      for (let turn = 0; turn < turns; turn += 1) await undefined;
      abort.abort(reason);
      await clock.advance(5_000);
      outcomes.add(outcome);
      expect(await clock.run(first.lock.holder())).toMatchObject({ waiting: 0 });
    }
    expect([...outcomes]).toEqual(['gave up']);
  });

  it('leaves no ticket behind when its table is closed, at whatever moment of the call that is', async () => {
    for (let afterMs = 0; afterMs <= 24; afterMs += 2) {
      const { clock, process, first } = await world({ latencyMs: 3 });
      const held = await clock.run(first.lock.acquire());
      const closing = process();
      const refused = expect(closing.lock.acquire()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
      await clock.advance(afterMs);
      await clock.run(Promise.all([closing.table.close(), refused]));
      await clock.run(held.release());
      expect(await clock.run(first.lock.holder())).toBeUndefined();
    }
  });

  it('gives a lost grant no other face to those who hear of the loss first', async () => {
    const { clock, process } = await world();
    const { lock, session } = process({ session: { renewal: 'manual' } });
    const seen: unknown[] = [];
    session.onLost(() => seen.push(grant.isHeld));
    const { signal } = await clock.run(session.lease());
    signal.addEventListener('abort', () => seen.push(grant.isHeld, grant.signal.aborted));
    const grant = await clock.run(lock.acquire());
    await clock.advance(12_001);
    expect(seen).toEqual([false, true, false]);
    await expect(clock.run(grant.release())).resolves.toBe(false);
  });

  it('leaves its session no trace of what was released', async () => {
    const { clock, first } = await world();
    const lease = await clock.run(first.session.lease());
    const onEnd = lease.onEnd.bind(lease);
    let listening = 0;
    Object.defineProperty(lease, 'onEnd', {
      value: (call: (error: Error) => void) => {
        const leave = onEnd(call);
        listening += 1;
        return () => {
          leave();
          listening -= 1;
        };
      },
    });
    for (let turn = 0; turn < 100; turn += 1) await clock.run(first.lock.withLock(() => turn));
    expect(listening).toBe(0);
    await clock.run(first.session.close());
  });

  it('is taken over by who only ever tries, whoever has the longer lease', async () => {
    const { clock, process } = await world();
    for (const [theirs, ours] of [
      [15_000, 300],
      [300, 15_000],
      [3_000, 3_000],
    ] as const) {
      const dead = process({ session: { leaseMs: theirs } });
      await clock.run(dead.lock.acquire());
      dead.machine.die();
      const trying = process({ session: { leaseMs: ours } });
      const startedAt = clock.monotonicMs();
      for (;;) {
        const grant = await clock.run(trying.lock.tryAcquire());
        if (grant !== undefined) {
          await clock.run(grant.release());
          break;
        }
        await clock.advance(10_000);
        expect(clock.monotonicMs() - startedAt).toBeLessThan(theirs + 30_001);
      }
      await clock.run(trying.session.close());
    }
  });

  it('is taken over within one and a half leases by who has tried again and again while its holder lived, too', async () => {
    const { clock, process } = await world();
    for (const livesMs of [1_000, 8_000, 31_000]) {
      const dead = process({ session: { renewal: 'manual' } });
      await clock.run(dead.lock.acquire());
      const trying = process();
      const startedAt = clock.monotonicMs();
      let lastBeatAt = startedAt;
      for (;;) {
        const grant = await clock.run(trying.lock.tryAcquire());
        if (grant !== undefined) {
          await clock.run(grant.release());
          break;
        }
        await clock.advance(1_000);
        if (clock.monotonicMs() - startedAt <= livesMs) {
          await clock.run(dead.session.beat());
          lastBeatAt = clock.monotonicMs();
        }
        expect(clock.monotonicMs() - lastBeatAt).toBeLessThan(1.5 * 15_000 + 2_000);
      }
      dead.machine.die();
      await clock.run(trying.session.close());
    }
  });

  it('waits for the grace of a lock, by whichever way it is taken over', async () => {
    const { clock, process } = await world();
    for (const tries of [false, true]) {
      const lock = { graceMs: 5_000 };
      const dead = process({ lock });
      const next = process({ lock });
      await clock.run(dead.lock.acquire());
      await clock.run(dead.session.close());
      const startedAt = clock.monotonicMs();
      let grant = tries ? undefined : await clock.run(next.lock.acquire());
      while (grant === undefined) {
        grant = await clock.run(next.lock.tryAcquire());
        await clock.advance(500);
      }
      expect(clock.monotonicMs() - startedAt).toBeGreaterThanOrEqual(5_000);
      expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(7_500);
      await clock.run(grant.release());
      await clock.run(next.session.close());
    }
  });

  it('is waited for without a ticket where there is no room, at no write, and had when there is', async () => {
    const { clock, process, first } = await world();
    const lock = { queueMax: 1 };
    const [one, two] = [process({ lock }), process({ lock })];
    const held = await clock.run(first.lock.acquire());
    const waiting = one.lock.acquire();
    await clock.advance(1_000);
    const without = two.lock.acquire();
    await clock.advance(5_000);
    const before = two.machine.writes;
    await clock.advance(60_000);
    // Those of the session.
    expect(two.machine.writes - before).toBeLessThanOrEqual(22);
    await clock.run(held.release());
    await clock.run((await clock.run(waiting)).release());
    expect((await clock.run(without)).token).toBe(3n);
  });

  it('is taken from a session that is over with all that was claimed under it', async () => {
    const { clock, process, byHand } = await world();
    const dead = process();
    const waits = process();
    await clock.run(dead.lock.acquire());
    const { id } = await dead.session.lease();
    const waiting = waits.lock.acquire();
    await clock.advance(2_000);
    // As a process that was stopped between its request and the end of its lease.
    const late = { nonce: 'late', session: id, host: 'here', pid: 1 };
    const atom = byHand.atom<{ queue: unknown[] }>('lock:report');
    await clock.run(dead.session.close());
    await clock.run(atom.swap((state) => ({ ...state, queue: [late, ...(state?.queue ?? [])] })));
    expect((await clock.run(waiting)).isHeld).toBe(true);
  });

  it('cannot be released by force but under the token that is held; the holder learns of it by extend()', async () => {
    const { clock, process, first } = await world();
    const grant = await clock.run(first.lock.acquire());
    const { lock } = process();
    expect(await clock.run(lock.forceRelease({ token: 2n }))).toBe(false);
    await clock.run(grant.extend());
    expect(await clock.run(lock.forceRelease({ token: 1n }))).toBe(true);
    expect(grant.isHeld).toBe(true);
    await expect(clock.run(grant.extend())).rejects.toMatchObject({
      code: 'ERR_LEASE_LOST',
      reason: 'taken',
      token: 1n,
    });
    expect(grant.signal.aborted).toBe(true);
    expect(await clock.run(grant.release())).toBe(false);
    await expect(lock.forceRelease({ token: 1 as never })).rejects.toThrow(TypeError);
  });

  it('of another kind is refused, and written by nobody', async () => {
    const { clock, first, byHand } = await world();
    await clock.run(byHand.atom('lock:report').reset({ kind: 'semaphore' }));
    await expect(clock.run(first.lock.acquire({ waitMs: 1_000 }))).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
    await expect(clock.run(first.lock.tryAcquire())).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
    await clock.advance(1_000);
    // That of the session.
    expect(first.machine.writes).toBe(1);
  });

  it.each([
    [{ waitMs: -1 }, RangeError],
    [{ waitMs: '5' }, RangeError],
    [{ waitMs: Number.NaN }, RangeError],
  ])('refuses to wait for %j', async (options, error) => {
    const { first } = await world();
    await expect(first.lock.acquire(options as object)).rejects.toThrow(error);
    expect(first.machine.requests).toBeLessThanOrEqual(3);
  });

  it.each([
    ['', {}, RangeError],
    ['x'.repeat(513), {}, RangeError],
    [7, {}, TypeError],
    ['a', { queueMax: -1 }, RangeError],
    ['a', { queueMax: 1.5 }, RangeError],
    ['a', { queueMax: 1_001 }, RangeError],
    ['a', { graceMs: '5' }, RangeError],
    ['a', { graceMs: Number.POSITIVE_INFINITY }, RangeError],
    ['a', { purpose: {} }, TypeError],
    ['a', { purpose: 'x'.repeat(257) }, RangeError],
  ])('refuses the name or option %#', async (name, options, error) => {
    const { first } = await world();
    expect(() => new Lock(first.session, name as string, options as LockOptions)).toThrow(error);
  });
});

describe('withLock()', () => {
  it('releases whatever the function does, and passes on what it returns or throws', async () => {
    const { clock, first } = await world();
    const failure = new Error('of the function');
    expect(await clock.run(first.lock.withLock(({ token }) => token))).toBe(1n);
    await expect(clock.run(first.lock.withLock(() => Promise.reject(failure)))).rejects.toBe(failure);
    const throwing = first.lock.withLock(() => {
      throw failure;
    });
    await expect(clock.run(throwing)).rejects.toBe(failure);
    expect(await clock.run(first.lock.holder())).toBeUndefined();
  });

  it('throws the loss that came before the end of the function', async () => {
    const { clock, process } = await world();
    const { lock } = process({ session: { renewal: 'manual' } });
    await expect(clock.run(lock.withLock(() => clock.sleep(12_001)))).rejects.toThrow(LeaseLostError);
  });

  it('inside itself is refused at once instead of waiting for itself', async () => {
    const { clock, process, first } = await world();
    const sameName = new Lock(first.session, 'report');
    const other = new Lock(first.session, 'other');
    const elsewhere = process().lock;
    await clock.run(
      first.lock.withLock(async () => {
        await expect(first.lock.withLock(() => 1)).rejects.toThrow(ReentrantLockError);
        await expect(sameName.acquire()).rejects.toMatchObject({ code: 'ERR_LOCK_REENTRANT', outcome: 'not-done' });
        expect(await sameName.tryAcquire()).toBeUndefined();
        expect(await other.withLock(() => sameName.withLock(() => 1).catch(() => 2))).toBe(2);
        await expect(elsewhere.acquire({ waitMs: 100 })).rejects.toThrow(LockTimeoutError);
      }),
    );
    // In the same context, but after its end.
    let late: Promise<bigint> | undefined;
    await clock.run(
      first.lock.withLock(() => {
        late = clock.sleep(1_000).then(() => first.lock.withLock(({ token }) => token));
      }),
    );
    expect(await clock.run(late as Promise<bigint>)).toBe(3n);
  });

  it('inside itself runs under the same grant where that was asked for, and the last to end releases it', async () => {
    const { clock, process, first } = await world();
    const lock = new Lock(first.session, 'report', { reentrant: true });
    const tokens: bigint[] = [];
    let inner: Promise<void> | undefined;
    await clock.run(
      lock.withLock(async (outer) => {
        tokens.push(outer.token);
        await lock.withLock(async (nested) => {
          tokens.push(nested.token);
          expect(nested).toBe(outer);
        });
        expect(outer.isHeld).toBe(true);
        inner = lock.withLock(async (nested) => {
          await clock.sleep(5_000);
          expect(nested.isHeld).toBe(true);
        });
      }),
    );
    expect(await clock.run(process().lock.tryAcquire())).toBeUndefined();
    await clock.run(inner as Promise<void>);
    expect(await clock.run(first.lock.holder())).toBeUndefined();
    expect(tokens).toEqual([1n, 1n]);
  });
});

describe('withLocks()', () => {
  it('takes them in one order whatever order they are given in, so nobody waits in a circle', async () => {
    const { clock, process } = await world({ latencyMs: 3 });
    const names = ['a', 'b', 'c', 'd'];
    let inside = 0;
    const callers = Array.from({ length: 12 }, async (_, caller) => {
      const { session, machine } = process();
      const locks = names.map((name) => new Lock(session, name));
      const order = locks.sort(() => machine.random.next() - 0.5).slice(0, 2 + (caller % 3));
      await withLocks(order, async ({ grants, signal }) => {
        expect(grants.map(({ name }) => name)).toEqual(order.map(({ name }) => name));
        expect(grants.every(({ isHeld }) => isHeld) && !signal.aborted).toBe(true);
        inside += 1;
        await clock.sleep(100);
      });
    });
    await clock.run(Promise.all(callers));
    expect(inside).toBe(12);
    const { session } = process();
    for (const name of names) expect(await clock.run(new Lock(session, name).holder())).toBeUndefined();
  });

  it('gives up all when one is not to be had in time, within one time for all', async () => {
    const { clock, process, first } = await world();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => new Lock(first.session, name)) as [Lock, Lock, Lock];
    const { session } = process();
    const holds = await clock.run(Promise.all(['b', 'c'].map((name) => new Lock(session, name).acquire())));
    const startedAt = clock.monotonicMs();
    const call = clock.run(withLocks([c, a, b], () => 1, { waitMs: 2_000 }));
    void clock.sleep(1_500).then(() => holds[0]?.release());
    await expect(call).rejects.toThrow(LockTimeoutError);
    expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(2_100);
    for (const lock of [a, b]) expect(await clock.run(lock.holder())).toBeUndefined();
    await clock.run(holds[1]?.release() as Promise<boolean>);
  });

  it('tells by one signal of the loss of any', async () => {
    const { clock, process, first } = await world();
    const manual = new Session(first.table, { renewal: 'manual' });
    const locks = [new Lock(first.session, 'a'), new Lock(manual, 'b')];
    let seen: unknown;
    const call = withLocks(locks, async ({ signal }) => {
      await clock.sleep(12_000);
      seen = signal.aborted;
    });
    await expect(clock.run(call)).rejects.toThrow(LeaseLostError);
    expect(seen).toBe(true);
    void process;
  });

  it('begins nothing when one was lost while another was waited for', async () => {
    const { clock, process, first } = await world();
    const closing = new Session(first.table);
    const held = await clock.run(new Lock(process().session, 'b').acquire());
    let begun = false;
    const call = withLocks([new Lock(closing, 'a'), new Lock(first.session, 'b')], () => {
      begun = true;
    });
    const refused = expect(call).rejects.toMatchObject({ code: 'ERR_SESSION_CLOSED' });
    await clock.advance(2_000);
    await clock.run(closing.close());
    await clock.run(held.release());
    await clock.advance(5_000);
    await refused;
    expect(begun).toBe(false);
    expect(await clock.run(new Lock(first.session, 'b').holder())).toBeUndefined();
  });

  it('refuses none, one twice, and those of several tables', async () => {
    const { process, first } = await world();
    await expect(withLocks([], () => 1)).rejects.toThrow(TypeError);
    await expect(withLocks([first.lock, new Lock(first.session, 'report')], () => 1)).rejects.toThrow(/twice/);
    const other = new Lock(process().session, 'other');
    await expect(withLocks([first.lock, other], () => 1)).rejects.toThrow(/several tables/);
  });
});

describe('costs', () => {
  it('a hundred locks that one process holds: one write a heartbeat', async () => {
    const { clock, first } = await world();
    const locks = Array.from({ length: 100 }, (_, index) => new Lock(first.session, `lock-${index}`));
    const grants = await clock.run(Promise.all(locks.map((lock) => lock.acquire())));
    const before = first.table.spent();
    await clock.advance(300_000);
    const { requests, writeUnits } = first.table.spent();
    expect(grants.every(({ isHeld }) => isHeld)).toBe(true);
    expect(requests - before.requests).toBeLessThanOrEqual(112);
    expect(writeUnits - before.writeUnits).toBe(requests - before.requests);
    await clock.run(first.session.close());
  });

  it('busy and only tried for: two reads', async () => {
    const { clock, process, first } = await world();
    await clock.run(first.lock.acquire());
    const { lock, table } = process();
    await clock.run(lock.tryAcquire());
    const before = table.spent();
    await clock.run(lock.tryAcquire());
    const after = table.spent();
    expect([after.requests - before.requests, after.writeUnits - before.writeUnits]).toEqual([2, 0]);
  });

  it('L8: 32 who wait, in 4 processes, are served in order, at less than one request for each grant and caller', async () => {
    const { clock, process } = await world({ latencyMs: 5 });
    const processes = Array.from({ length: 4 }, () => process());
    const [first] = processes as [(typeof processes)[0]];
    await clock.run(Promise.all(processes.map(({ session }) => session.lease())));
    const held = await clock.run(first.lock.acquire());
    const order: number[] = [];
    const callers = Array.from({ length: 32 }, async (_, index) => {
      await clock.sleep(300 * index);
      await (processes[index % 4] as typeof first).lock.withLock(async () => {
        order.push(index);
        await clock.sleep(500);
      });
    });
    await clock.advance(10_000);
    const requests = () => processes.reduce((sum, { machine }) => sum + machine.requests, 0);
    const before = requests();
    await clock.run(Promise.all([held.release(), ...callers]));
    expect(order).toEqual(Array.from({ length: 32 }, (_, index) => index));
    const each = (requests() - before) / 32;
    console.log(`L8: ${each.toFixed(1)} requests for each grant, in 4 processes with 32 who wait`);
    expect(each).toBeLessThanOrEqual(32);
  });

  it('tells by its error whether something may have been done when it was lost', async () => {
    const { clock, first } = await world();
    await clock.run(
      (async () => {
        const silent = new Session(first.table, { leaseMs: 15_000, renewal: 'manual' });
        const lock = new Lock(silent, 'report');
        const late = lock.withLock(async (grant) => {
          await clock.sleep(20_000);
          expect(() => grant.assertHeld()).toThrow('Cannot rely on lock report');
          expect(grant.loss).toMatchObject({ code: 'ERR_LEASE_LOST', outcome: 'not-done', token: 1n });
          expect(grant.signal.reason).toBe(grant.loss);
        });
        await expect(late).rejects.toMatchObject({
          code: 'ERR_LEASE_LOST',
          reason: 'silent',
          outcome: 'unknown',
          retryable: false,
          token: 1n,
        });
      })(),
    );
  });
});

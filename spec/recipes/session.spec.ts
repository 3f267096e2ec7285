/**
 * Goal: a session is lost when it must be and only then, tells all who hang on it, and leaves nothing behind. Method: processes with clocks
 * of their own on one memory engine, in virtual time; each spec is a way in which a session could be wrong.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, describe, expect, it } from '@jest/globals';
import { type EngineFaultRule, MemoryEngine, seededRandom } from '../../lib/engine/index.js';
import { LeaseLostError, openSession, Session, SessionClosedError } from '../../lib/recipes/index.js';
import { isDeadHere, localProcess } from '../../lib/recipes/session/local-death.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { Machine } from '../support/machine.js';
import type { Step } from '../support/stepped-engine.js';
import { catchUncaught } from '../support/uncaught.js';

/** No answer within an hour. */
const silence: EngineFaultRule = { fault: { kind: 'delay', delayMs: 2 * 3_600_000 } };
const week = 7 * 24 * 60 * 60 * 1_000;

async function world() {
  const clock = new VirtualClock({ runMsMax: 30 * 86_400_000 });
  const engine = new MemoryEngine({ clock });
  const machine = (options: ConstructorParameters<typeof Machine>[2] = {}) => new Machine(engine, clock, options);
  await machine().table.create();
  let seed = 10;
  const process = (options: ConstructorParameters<typeof Machine>[2] = {}) => machine({ seed: seed++, ...options });
  return { clock, engine, process };
}

/** When `observed` is called back. */
function overAt(session: Session, id: string, now: () => number): { at: number | undefined } {
  const over: { at: number | undefined } = { at: undefined };
  session.observe(id, () => {
    over.at = now();
  });
  return over;
}

describe('Session', () => {
  it('sends nothing until it is needed, one write a heartbeat from then on, and nothing after it was closed', async () => {
    const { clock, process } = await world();
    const one = process();
    const session = new Session(one.table, { leaseMs: 15_000, heartbeatMs: 3_000 });
    await clock.advance(60_000);
    expect(one.requests).toBe(0);
    await clock.run(session.lease());
    expect(one.requests).toBe(2);
    const before = one.requests;
    await clock.advance(300_000);
    expect(one.requests - before).toBeGreaterThanOrEqual(100);
    expect(one.requests - before).toBeLessThanOrEqual(112);
    expect(await clock.run(session.close())).toBe(true);
    expect(clock.pending).toBe(0);
    const closed = one.requests;
    await clock.advance(60_000);
    expect(one.requests).toBe(closed);
  });

  it('lives on a store whose answers take longer than the interval of its heartbeats', async () => {
    const clock = new VirtualClock({ runMsMax: 30 * 86_400_000 });
    const latencies = seededRandom(7);
    const engine = new MemoryEngine({ clock, latency: () => 210 + 30 * latencies.next() });
    const { table } = new Machine(engine, clock);
    await clock.run(table.create());
    const session = new Session(table, { leaseMs: 1_000, heartbeatMs: 200 });
    const lease = await clock.run(session.lease());
    await clock.advance(100_000);
    expect(lease.isLive()).toBe(true);
    await clock.run(session.close());
  });

  it('is closed within its time when the store does not answer, while it is being opened as well', async () => {
    const { clock, process } = await world();
    const one = process({ rules: [silence] });
    const session = new Session(one.table);
    const opening = expect(session.lease()).rejects.toThrow(SessionClosedError);
    await clock.advance(100);
    const startedAt = clock.monotonicMs();
    expect(await clock.run(session.close())).toBe(false);
    expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(7_100);
    await clock.advance(60_000);
    await opening;
    expect(clock.pending).toBe(0);
  });

  it('closed while it is being opened leaves no live item', async () => {
    const { clock, process } = await world();
    const one = process({ rules: [{ fault: { kind: 'delay', delayMs: 100 } }] });
    const session = new Session(one.table);
    const opening = expect(session.lease()).rejects.toMatchObject({ code: 'ERR_SESSION_CLOSED' });
    await clock.advance(70);
    expect(await clock.run(session.close())).toBe(true);
    await opening;
    const states: unknown[] = [];
    for await (const { value } of process().table.scan<{ state: string }>()) states.push(value.state);
    expect(states).toEqual(['closed']);
  });

  it('opens for each caller as long as that one waits, and for the next all the same', async () => {
    const { clock, process } = await world();
    const one = process({ rules: [silence] });
    const session = new Session(one.table);
    const hasty = expect(session.lease({ timeoutMs: 10 })).rejects.toMatchObject({ code: 'ERR_DEADLINE' });
    const reason = new Error('no longer wanted');
    const abort = new AbortController();
    const gone = expect(session.lease({ signal: abort.signal })).rejects.toBe(reason);
    const patient = session.lease();
    await clock.advance(1);
    abort.abort(reason);
    await gone;
    await clock.advance(2_500);
    await hasty;
    one.faulty.setRules([]);
    expect((await clock.run(patient)).isLive()).toBe(true);
    await clock.run(session.close());
  });

  it('tells all who listen, whatever one of them throws', async () => {
    const { clock, process } = await world();
    const session = await clock.run(openSession(process().table, { renewal: 'manual' }));
    const told: string[] = [];
    session.onLost(() => {
      throw new Error('a listener that throws');
    });
    session.onLost(({ code }) => told.push(code));
    const lease = await session.lease();
    lease.onEnd(() => told.push('lease'));
    const { uncaught, restore } = catchUncaught();
    try {
      await clock.advance(12_001);
    } finally {
      restore();
    }
    expect(told).toEqual(['ERR_LEASE_LOST', 'lease']);
    expect(uncaught).toHaveLength(1);
    await session.close();
  });

  it('goes on under a new lease after a loss; what was held stays lost', async () => {
    const { clock, process } = await world();
    const one = process();
    const session = await clock.run(openSession(one.table));
    const first = await session.lease();
    one.stop(13_000);
    await clock.advance(12_500);
    expect(first.isLive()).toBe(false);
    expect(() => first.assertLive()).toThrow(LeaseLostError);
    await clock.advance(1_000);
    const second = await clock.run(session.lease());
    expect(second.id).not.toBe(first.id);
    expect(second.isLive()).toBe(true);
    expect(first.isLive()).toBe(false);
    await clock.run(session.close());
  });

  it('is lost at the first look after a stop, before any timer has fired', async () => {
    const { clock, process } = await world();
    const one = process();
    const session = await clock.run(openSession(one.table));
    const { signal } = await session.lease();
    one.stop(12_000);
    await clock.advance(11_900);
    expect(signal.aborted).toBe(false);
    // The clocks have gone on, and nothing of the process has run.
    one.stop(1_000);
    await clock.advance(200);
    let heard = false;
    signal.addEventListener('abort', () => {
      heard = true;
    });
    expect(signal.aborted).toBe(true);
    expect(heard).toBe(true);
    await clock.advance(5_000);
    await clock.run(session.close());
  });

  it('counts from before a beat was sent, however late the answer is', async () => {
    const { clock, process } = await world();
    const one = process({ rules: [{ fault: { kind: 'delay', delayMs: 900 }, on: 'writes' }] });
    const session = await clock.run(openSession(one.table, { renewal: 'manual' }));
    const lease = await session.lease();
    for (let beat = 0; beat < 3; beat += 1) {
      expect(lease.leftMs).toBeLessThanOrEqual(12_000 - 900);
      await clock.advance(2_000);
      await clock.run(session.beat());
    }
    // A beat that is answered when the lease that it was to renew has ended.
    await clock.advance(11_000);
    const beat = expect(clock.run(session.beat())).rejects.toThrow(LeaseLostError);
    one.stop(13_000);
    await beat;
    expect(lease.isLive()).toBe(false);
    await clock.run(session.close());
  });

  it('is not lost by beats that fail, as long as one comes through in time', async () => {
    const { clock, process } = await world();
    const denied = { status: 'not-applied', kind: 'refused', error: new Error('no access') };
    let isDenied = false;
    const one = process({ onStep: ({ kind }) => (isDenied && kind === 'put' ? Promise.resolve(denied) : undefined) });
    const session = await clock.run(openSession(one.table));
    const lease = await session.lease();
    for (let turn = 0; turn < 5; turn += 1) {
      isDenied = true;
      await clock.advance(8_000);
      isDenied = false;
      await clock.advance(4_000);
    }
    expect(lease.isLive()).toBe(true);
    isDenied = true;
    await clock.advance(16_000);
    expect(lease.end).toMatchObject({ reason: 'silent' });
    expect(lease.end?.cause).toBe(denied.error);
    await clock.run(session.close());
  });

  it('is lost in time when its wall clock was put back', async () => {
    const { clock, process } = await world();
    const one = process();
    const session = await clock.run(openSession(one.table, { renewal: 'manual' }));
    const lease = await session.lease();
    one.stepWallClock(-3_600_000);
    await clock.advance(11_999);
    expect(lease.isLive()).toBe(true);
    await clock.advance(1);
    expect(lease.isLive()).toBe(false);
    await clock.run(session.close());
  });

  it('is lost when its wall clock jumps ahead, and not when that is put back', async () => {
    const { clock, process } = await world();
    const one = process();
    const session = await clock.run(openSession(one.table));
    const lease = await session.lease();
    one.stepWallClock(-3_600_000);
    expect(lease.isLive()).toBe(true);
    await clock.advance(60_000);
    expect(lease.isLive()).toBe(true);
    one.stepWallClock(3_600_000);
    expect(lease.isLive()).toBe(false);
    await clock.run(session.close());
  });

  it('is lost at the beat that finds it expired or removed', async () => {
    const { clock, process } = await world();
    for (const damage of ['expired', 'removed']) {
      const one = process();
      const session = await clock.run(openSession(one.table));
      const lease = await session.lease();
      const atom = process().table.atom<{ state: string }>(`session:${lease.id}`);
      if (damage === 'removed') await clock.run(atom.delete());
      else await clock.run(atom.swap((state) => ({ ...(state as object), state: damage })));
      await clock.advance(3_000);
      expect(lease.end).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'expired' });
      await clock.run(session.close());
    }
  });

  it('renewed by hand or by progress alone is lost without', async () => {
    const { clock, process } = await world();
    const manual = await clock.run(openSession(process().table, { renewal: 'manual' }));
    const progress = await clock.run(openSession(process().table, { renewal: 'progress' }));
    const leases = [await manual.lease(), await progress.lease()];
    for (let turn = 0; turn < 5; turn += 1) {
      progress.tick();
      await clock.run(manual.beat());
      await clock.advance(3_000);
    }
    expect(leases.map((lease) => lease.isLive())).toEqual([true, true]);
    await clock.advance(15_001);
    expect(leases.map((lease) => lease.isLive())).toEqual([false, false]);
    await expect(manual.beat()).rejects.toThrow(LeaseLostError);
    await clock.run(Promise.all([manual.close(), progress.close()]));
    await expect(manual.beat()).rejects.toThrow(SessionClosedError);
  });

  it.each([
    [{ leaseMs: '15000' }, RangeError],
    [{ leaseMs: 299 }, RangeError],
    [{ leaseMs: 3_600_001 }, RangeError],
    [{ leaseMs: Number.NaN }, RangeError],
    [{ heartbeatMs: 0 }, RangeError],
    [{ heartbeatMs: '10' }, RangeError],
    [{ heartbeatMs: 5_001 }, RangeError],
    [{ renewal: 'sometimes' }, TypeError],
    [{ purpose: 7 }, TypeError],
    [{ purpose: 'x'.repeat(257) }, RangeError],
  ])('refuses %j', async (options, error) => {
    const { process } = await world();
    expect(() => new Session(process().table, options as object)).toThrow(error);
  });
});

describe('observe()', () => {
  it('is told at the next look of a session that was closed, and after a lease of one that is silent', async () => {
    const { clock, process } = await world();
    const observer = new Session(process().table);
    const closing = await clock.run(openSession(process().table));
    const silent = await clock.run(openSession(process().table, { renewal: 'manual' }));
    const startedAt = clock.monotonicMs();
    const now = () => clock.monotonicMs() - startedAt;
    const closedAt = overAt(observer, (await closing.lease()).id, now);
    const silentAt = overAt(observer, (await silent.lease()).id, now);
    await clock.advance(5_000);
    expect([closedAt.at, silentAt.at]).toEqual([undefined, undefined]);
    await clock.run(closing.close());
    await clock.advance(1_001);
    expect(closedAt.at).toBeLessThanOrEqual(6_001);
    await clock.advance(8_900);
    expect(silentAt.at).toBeUndefined();
    await clock.advance(200);
    expect(silentAt.at).toBeGreaterThanOrEqual(15_000);
    await clock.advance(5_000);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['removed by hand', 0],
    ['past its time by a wall clock that is a year behind', -365 * 24 * 3_600_000],
    ['past its time by a wall clock that is a year ahead', 365 * 24 * 3_600_000],
  ])('waits a whole lease for an item that is %s', async (_, offsetMs) => {
    const { clock, process } = await world();
    const one = process({ offsetMs: offsetMs < 0 ? offsetMs : 0 });
    const session = await clock.run(openSession(one.table, { leaseMs: 15_000 }));
    const lease = await session.lease();
    if (offsetMs === 0) await clock.run(process().table.atom(`session:${lease.id}`).delete());
    const observer = new Session(process({ offsetMs: offsetMs > 0 ? offsetMs : 0 }).table);
    const over = overAt(observer, lease.id, () => (lease.isLive() ? -1 : clock.monotonicMs()));
    await clock.advance(60_000);
    if (offsetMs === 0) expect(over.at).toBeGreaterThanOrEqual(15_000);
    else expect({ over: over.at, isLive: lease.isLive() }).toEqual({ over: undefined, isLive: true });
    await clock.run(session.close());
  });

  it('counts anew from each sign of life', async () => {
    const { clock, process } = await world();
    const one = process();
    const session = await clock.run(openSession(one.table));
    const over = overAt(new Session(process().table), (await session.lease()).id, () => clock.monotonicMs());
    await clock.advance(20_000);
    one.die();
    await clock.advance(11_900);
    expect(over.at).toBeUndefined();
    await clock.advance(5_000);
    expect(over.at).toBeLessThanOrEqual(20_000 + 15_000 + 1_100);
  });

  it('waits a whole lease for one that died and was removed a week later', async () => {
    const { clock, process } = await world();
    const silent = await clock.run(openSession(process().table, { leaseMs: 3_000, renewal: 'manual' }));
    const { id } = await silent.lease();
    await clock.advance(week + 1);
    const startedAt = clock.monotonicMs();
    const over = overAt(new Session(process().table), id, () => clock.monotonicMs() - startedAt);
    await clock.advance(4_000);
    expect(over.at).toBeGreaterThanOrEqual(3_000);
    expect(over.at).toBeLessThanOrEqual(3_100);
  });

  it('calls everybody back, whatever one of them throws, and nobody who has closed', async () => {
    const { clock, process } = await world();
    const session = await clock.run(openSession(process().table));
    const observer = new Session(process().table);
    const { id } = await session.lease();
    const told: number[] = [];
    const { uncaught, restore } = catchUncaught();
    try {
      observer.observe(id, () => {
        throw new Error('a callback that throws');
      });
      observer.observe(id, () => told.push(1));
      observer.observe(id, () => told.push(2)).close();
      await clock.run(session.close());
      await clock.advance(2_000);
    } finally {
      restore();
    }
    expect(told).toEqual([1]);
    expect(uncaught).toHaveLength(1);
    observer.observe(id, () => told.push(3));
    await clock.advance(10);
    expect(told).toEqual([1, 3]);
  });

  it('asks at most once a second when it may not expire what is silent', async () => {
    const { clock, process } = await world();
    const silent = await clock.run(openSession(process().table, { leaseMs: 300, renewal: 'manual' }));
    const denied = { status: 'not-applied', kind: 'refused', error: new Error('no access') };
    const readOnly = process({ onStep: (step: Step) => (step.kind === 'put' ? Promise.resolve(denied) : undefined) });
    const over = overAt(new Session(readOnly.table), (await silent.lease()).id, () => 0);
    await clock.advance(1_000);
    const before = readOnly.requests;
    await clock.advance(60_000);
    expect(readOnly.requests - before).toBeLessThanOrEqual(2 * 68);
    expect(over.at).toBeUndefined();
  });

  it('is looked at twice a lease while nobody waits, and at once and often when somebody does', async () => {
    const { clock, process } = await world();
    const leaseMs = 3_600_000;
    const silent = await clock.run(openSession(process().table, { leaseMs, renewal: 'manual' }));
    const { id } = await silent.lease();
    const one = process();
    const observer = new Session(one.table);
    const startedAt = clock.monotonicMs();
    const told: number[] = [];
    observer.observe(id, () => told.push(clock.monotonicMs() - startedAt), { unhurried: true });
    await clock.advance(leaseMs - 1_000);
    expect([one.requests, told]).toEqual([2, []]);
    const waiting = observer.observe(id, () => told.push(0));
    await clock.advance(500);
    expect(one.requests).toBe(3);
    waiting.close();
    await clock.advance(1_000);
    // It is silent: told after its lease, and expired.
    expect(one.requests).toBe(5);
    expect(told).toHaveLength(1);
    expect(told[0]).toBeGreaterThanOrEqual(leaseMs);
    expect(clock.pending).toBe(0);
  });

  it('ends when its table is closed', async () => {
    const { clock, process } = await world();
    const session = await clock.run(openSession(process().table));
    const one = process();
    const over = overAt(new Session(one.table), (await session.lease()).id, () => 0);
    await clock.advance(5_000);
    await clock.run(one.table.close());
    await clock.advance(2_000);
    const before = one.requests;
    await clock.advance(60_000);
    expect(one.requests).toBe(before);
    expect(over.at).toBeUndefined();
    await clock.run(session.close());
  });

  it('of a hundred sessions costs one batch read for all', async () => {
    const { clock, process } = await world();
    const sessions = await clock.run(Promise.all(Array.from({ length: 100 }, () => openSession(process().table))));
    const one = process();
    const observer = new Session(one.table);
    for (const session of sessions) observer.observe((await session.lease()).id, () => {});
    await clock.advance(1_000);
    const before = one.requests;
    await clock.advance(60_000);
    expect(one.requests - before).toBeLessThanOrEqual(68);
    await clock.run(Promise.all(sessions.map((session) => session.close())));
    await clock.advance(2_000);
    expect(clock.pending).toBe(0);
  });
});

const onLinux = localProcess() === undefined ? describe.skip : describe;

onLinux('localDeath', () => {
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  const start = async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    children.push(child);
    await once(child, 'spawn');
    const local = localProcess(child.pid as number);
    if (local === undefined) throw new Error('a child of ours is not to be seen in /proc');
    const kill = async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    };
    return { local, kill };
  };

  it('believes a process dead that is gone, or whose pid has another start', async () => {
    const { local, kill } = await start();
    expect(isDeadHere(local)).toBe(false);
    expect(isDeadHere({ ...local, startedAt: `${Number(local.startedAt) - 1}` })).toBe(true);
    await kill();
    expect(isDeadHere(local)).toBe(true);
  });

  it('believes nothing of a process elsewhere', async () => {
    const { local, kill } = await start();
    await kill();
    const parts = local.where.split(' ');
    for (let part = 0; part < parts.length; part += 1) {
      expect(isDeadHere({ ...local, where: parts.with(part, 'another').join(' ') })).toBe(false);
    }
    expect(isDeadHere({ ...local, pid: 0 })).toBe(false);
    expect(isDeadHere({ ...local, pid: Number.NaN })).toBe(false);
  });

  it('spares the wait for a lease where both sides ask for it', async () => {
    const { clock, process: machine } = await world();
    const { local, kill } = await start();
    const names = { both: true, holder: false };
    for (const [name, localDeath] of Object.entries(names)) {
      const info = { host: 'here', pid: local.pid, local };
      const state = { kind: 'session', state: 'live', beat: 3, leaseMs: 15_000, info };
      await clock.run(machine().table.atom(`session:${name}.15000`).reset(state));
      const over = overAt(new Session(machine().table, { localDeath }), `${name}.15000`, () => clock.monotonicMs());
      await clock.advance(2_000);
      expect(over.at).toBeUndefined();
      if (name === 'both') await kill();
      await clock.advance(1_100);
      if (localDeath) expect(over.at).toBeGreaterThan(0);
      else expect(over.at).toBeUndefined();
    }
  });

  it('stands in the item only where it was asked for', async () => {
    const { process: machine } = await world();
    expect(new Session(machine().table).info.local).toBeUndefined();
    expect(new Session(machine().table, { localDeath: true }).info.local).toEqual(localProcess());
  });
});

// Goal: a migration loses nothing, whatever happens meanwhile, and changes nothing where it has no business. Method: a death at each request
// on either side; writers that go on, with a fence and without; events that are cut, pruned, altered; places with something else in them.
import { describe, expect, it } from '@jest/globals';
import type { Engine } from '../../lib/engine/index.js';
import { type MigrateProgress, migrate, type Storage, transientStorage } from '../../lib/prevalence/index.js';
import { errorOf, noise, range } from '../support/prevalent.js';
import { dyingEngine, steppedEngine } from '../support/stepped-engine.js';
import {
  changed,
  clock,
  type Event,
  expectNotHalf,
  expectSame,
  fill,
  newEngine,
  onEngine,
  open,
  type System,
  steppedCopy,
  tableName,
} from './migrating.js';

describe('migrate()', () => {
  it('of a system without events leaves one without events', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    expect(await migrate({ from, to })).toMatchObject({ seq: 0, copied: 0, startsAt: 0 });
    const one = await open(to);
    expect(await one.handle({ pay: 1 })).toMatchObject({ seq: 1 });
    await one.close();
  });

  describe.each([false, true])('cut short (beginning pruned: %p)', (isPruned) => {
    it.each(['before', 'after'] as const)('by a death %s any request at the new place, goes on', async (when) => {
      const from = onEngine(await newEngine());
      await fill(from, { isPruned, rounds: 3 });
      let deaths = 0;
      const startsAt = new Set<number>();
      for (let at = 0; ; at += 1) {
        const engine = await newEngine();
        const { engine: dying, died } = dyingEngine(engine, at, when);
        const end = await Promise.race([migrate({ from, to: onEngine(dying) }).then(() => 'done'), died]);
        if (end === 'done') break;
        deaths += 1;
        const to = onEngine(engine);
        await expectNotHalf(to, 12);
        const report = await migrate({ from, to });
        startsAt.add(report.startsAt);
        expect(report.seq).toBe(12);
        await expectSame(from, to, { since: report.startsAt });
      }
      expect(deaths).toBeGreaterThan(12);
      expect([...startsAt]).toEqual([isPruned ? 8 : 0]);
    });

    it('by a failure of any request at the old place, goes on', async () => {
      const engine = await newEngine();
      await fill(onEngine(engine), { isPruned, rounds: 3 });
      for (let at = 0; ; at += 1) {
        let sent = 0;
        const failing = steppedEngine(engine, () => {
          sent += 1;
          return sent === at + 1 ? Promise.reject(new Error('no')) : undefined;
        });
        const to = transientStorage();
        const failure = await migrate({ from: onEngine(failing), to }).catch((error: unknown) => error);
        if (sent <= at) break;
        expect(failure).toMatchObject({ message: 'no' });
        const report = await migrate({ from: onEngine(engine), to });
        await expectSame(onEngine(engine), to, { since: report.startsAt });
      }
    });
  });

  it('goes on where it was aborted, and tells how far it is', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    const abort = new AbortController();
    const told: MigrateProgress[] = [];
    const slow = { ...to, clock: { ...to.clock, monotonicMs: () => told.length * 1_000 + Math.random() } };
    let asked = 0;
    const onProgress = (progress: MigrateProgress) => {
      told.push(progress);
      asked += 1;
      if (asked === 4) abort.abort(new Error('enough'));
    };
    expect((await errorOf(migrate({ from, to: slow, onProgress, signal: abort.signal }))).message).toBe('enough');
    // Nobody writes to half of a system.
    const half = await open(to);
    expect(half.seq).toBeGreaterThan(0);
    expect(half.seq).toBeLessThan(32);
    expect(await errorOf(half.handle({ pay: 1 }))).toMatchObject({ code: 'ERR_NOT_WRITER' });
    const report = await migrate({ from, to, onProgress });
    expect(report.copied).toBe(32 - half.seq);
    await half.close();
    await expectSame(from, to);
    expect(new Set(told.map(({ phase }) => phase))).toEqual(new Set(['compare', 'copy', 'verify']));
    expect(told.at(-1)).toEqual({ phase: 'verify', seq: 32, seqTotal: 32 });
    await expect(migrate({ from, to, signal: abort.signal })).rejects.toThrow('enough');
  });

  it('cuts a commit that is larger than the new place takes', async () => {
    const from = transientStorage({ appendBytesMax: 100_000 });
    const one = await open(from, { stateDigestEvery: 1 });
    const events = range(30).map((n): Event => ({ pay: n, note: noise(2_000, n) }));
    await Promise.all(events.map((event, n) => one.handle(event, { id: `${n}` })));
    expect(one.stats().commits).toBe(1);
    await one.close();
    const to = transientStorage({ appendBytesMax: 8_000 });
    const report = await migrate({ from, to });
    expect(await migrate({ from, to })).toEqual({ ...report, copied: 0 });
    const moved = await open(to);
    expect([moved.seq, moved.state.sum]).toEqual([30, 465]);
    await moved.close();
    const tooSmall = transientStorage({ appendBytesMax: 1_500 });
    expect(await errorOf(migrate({ from, to: tooSmall }))).toMatchObject({ reason: 'too-large', seq: 1 });
  });

  it('goes on in the middle of a commit that was cut', async () => {
    const from = transientStorage({ appendBytesMax: 100_000 });
    const one = await open(from, { stateDigestEvery: 1 });
    await Promise.all(range(12).map((n) => one.handle({ pay: n, note: noise(2_000, n) })));
    await one.close();
    for (let at = 0; ; at += 1) {
      const engine = await newEngine();
      const small = (on: Engine) => onEngine(on, { appendBytesMax: 5_000 });
      const { engine: dying, died } = dyingEngine(engine, at, 'after');
      const end = await Promise.race([migrate({ from, to: small(dying) }).then(() => 'done'), died]);
      if (end === 'done') break;
      expect((await migrate({ from, to: small(engine) })).seq).toBe(12);
      const moved = await open(small(engine));
      expect(moved.state.sum).toBe(78);
      await moved.close();
    }
  });
});

describe('migrate() of a system that is written meanwhile', () => {
  /** A system at work: handles events, one after the other, until it is refused; what was acknowledged. */
  async function work(one: System, acknowledged: number[]): Promise<unknown> {
    try {
      for (;;) {
        acknowledged.push((await one.handle({ pay: 1 })).seq);
        await new Promise(setImmediate);
      }
    } catch (error) {
      return error;
    }
  }

  it('with a fence nothing that was acknowledged is missing', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    const workers = [await open(from), await open(from)];
    const acknowledged: number[] = [];
    const worked = Promise.all(workers.map((one) => work(one, acknowledged)));
    const report = await migrate({ from, to, fence: true });
    for (const error of await worked) expect(error).toMatchObject({ code: 'ERR_NOT_WRITER', outcome: 'not-done' });
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(report.seq).toBe(Math.max(...acknowledged));
    for (const one of workers) await one.close();
    // And nobody else may write there either.
    const late = await open(from);
    expect(await errorOf(late.handle({ pay: 1 }))).toMatchObject({ code: 'ERR_NOT_WRITER' });
    await late.close();
    await expectSame(from, to, { isFenced: true });
  });

  it('without one it has all that was there at some moment, and a later call the rest', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    const one = await open(from);
    const slow = steppedCopy(to, async (n) => {
      if (n <= 5) await one.handle({ pay: n });
    });
    const { seq } = await migrate({ from, to: slow });
    expect(seq).toBe(37);
    await one.handle({ pay: 6 });
    expect(await migrate({ from, to })).toMatchObject({ seq: 38, copied: 1 });
    await one.close();
    await expectSame(from, to);
  });

  it('is refused when what comes next is pruned, and goes on where that is not so', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    const one = await open(from, { retention: { keep: 1 } });
    const cut = steppedCopy(to, async (n) => {
      if (n !== 2) return;
      await one.snapshot();
      for (const k of range(300)) await one.handle({ pay: k, note: noise(100, k) });
      await one.snapshot();
      await one.prune();
    });
    const failure = await migrate({ from, to: cut }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ERR_MIGRATE', reason: 'pruned', outcome: 'not-done' });
    expect(await errorOf(migrate({ from, to }))).toMatchObject({ reason: 'pruned' });
    const other = transientStorage();
    const { startsAt } = await migrate({ from, to: other });
    expect(startsAt).toBeGreaterThan(0);
    await one.close();
    await expectSame(from, other, { since: startsAt });
  });

  it('a system that one instance holds alone is left to it, or taken from it', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    const alone = await open(from, { mode: 'single-writer' });
    expect(await errorOf(migrate({ from, to, fence: true }))).toMatchObject({ code: 'ERR_MIGRATE', reason: 'held' });
    // What comes next there is missing at the new place: nobody may go on with it.
    const early = await open(to);
    expect(await errorOf(early.handle({ pay: 1 }))).toMatchObject({ code: 'ERR_NOT_WRITER' });
    await early.close();
    await alone.handle({ pay: 1 });
    expect(await migrate({ from, to, fence: 'take-over' })).toMatchObject({ seq: 33, copied: 1 });
    expect(await errorOf(alone.handle({ pay: 1 }))).toMatchObject({ code: 'ERR_NOT_WRITER' });
    await alone.close();
    await expectSame(from, to, { isFenced: true });
  });

  it('a place that has begun with a state is nobody else’s, whatever fails after that', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from, { isPruned: true });
    const failing = changed(to, () => ({ snapshots: () => Promise.reject(new Error('no')) }));
    expect(await errorOf(migrate({ from, to: failing }))).toMatchObject({ message: 'no' });
    const early = await open(to);
    expect(await errorOf(early.handle({ pay: 1 }))).toMatchObject({ code: 'ERR_NOT_WRITER' });
    await early.close();
    const { startsAt } = await migrate({ from, to });
    await expectSame(from, to, { since: startsAt });
  });

  it('closes all that it has opened when the fence can not be had', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    let closed = 0;
    const watched = (storage: Storage) =>
      changed(storage, (log) => ({
        close() {
          closed += 1;
          return log.close();
        },
      }));
    let opened = 0;
    const refusing: Storage = {
      ...watched(from),
      open(request) {
        opened += 1;
        const log = watched(from).open(request);
        if (opened === 1) return log;
        log.recover = log.release = () => Promise.reject(new Error('held elsewhere'));
        return log;
      },
    };
    const work = migrate({ from: refusing, to: watched(to), fence: true });
    expect(await errorOf(work)).toMatchObject({ message: 'held elsewhere' });
    expect(closed).toBe(3);
  });

  it('gives the right to write back when it fails after it was taken', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    const forged = changed(to, (log) => ({
      async *read(seq, signal) {
        for await (const read of log.read(seq, signal))
          yield { ...read, text: read.text.replace('"pay":3', '"pay":4') };
      },
    }));
    expect(await errorOf(migrate({ from, to: forged, fence: true }))).toMatchObject({ reason: 'altered', seq: 32 });
    const one = await open(from);
    expect(await one.handle({ pay: 1 })).toMatchObject({ seq: 33 });
    await one.close();
  });

  it('gives back nothing that an earlier call has taken: who wrote at the old place may write at the new one by now', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    const old = await open(from);
    await migrate({ from, to, fence: true });
    let isHeld = false;
    const failing = changed(from, (log) => ({
      async hold(options) {
        await log.hold(options);
        isHeld = true;
      },
      read(seq, signal) {
        if (isHeld) throw new Error('no');
        return log.read(seq, signal);
      },
    }));
    expect(await errorOf(migrate({ from: failing, to, fence: true }))).toMatchObject({ message: 'no' });
    expect(await errorOf(old.handle({ pay: 1 }))).toMatchObject({ code: 'ERR_NOT_WRITER', outcome: 'not-done' });
    await old.close();
    expect(await migrate({ from, to, fence: true })).toMatchObject({ seq: 32, copied: 0 });
  });
});

describe('migrate() to a place where all is already', () => {
  it.each([false, true, 'take-over'] as const)('is in nobody’s way who writes there (fence: %p)', async (fence) => {
    const [from, engine] = [transientStorage(), await newEngine()];
    await fill(from);
    const to = onEngine(engine);
    await migrate({ from, to, fence });
    const alone = await open(to, { mode: 'single-writer' });
    const before = (await engine.scan({ table: tableName, consistent: true })).items;
    expect(await migrate({ from, to, fence })).toMatchObject({ seq: 32, copied: 0 });
    expect((await engine.scan({ table: tableName, consistent: true })).items).toEqual(before);
    expect(await alone.handle({ pay: 1 })).toMatchObject({ seq: 33 });
    await alone.close();
  });

  it('of what one holds alone nothing is taken from it when there is more to copy', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    await migrate({ from, to });
    const alone = await open(to, { mode: 'single-writer' });
    const old = await open(from);
    await old.handle({ pay: 1 });
    await old.close();
    expect(await errorOf(migrate({ from, to }))).toMatchObject({ reason: 'in-use', seq: 32, retryable: true });
    await alone.close();
    expect(await migrate({ from, to })).toMatchObject({ seq: 33, copied: 1 });
  });
});

describe('migrate() to a place with something else in it', () => {
  /** Refused, and all that is there is as it was. */
  async function expectRefused(from: Storage, engine: Engine, facts: object): Promise<void> {
    const before = (await engine.scan({ table: tableName, consistent: true })).items;
    expect(await errorOf(migrate({ from, to: onEngine(engine) }))).toMatchObject({ outcome: 'not-done', ...facts });
    expect((await engine.scan({ table: tableName, consistent: true })).items).toEqual(before);
  }

  const different = { code: 'ERR_MIGRATE', reason: 'different' };

  it.each([false, true])('another system is refused (beginning pruned: %p)', async (isPruned) => {
    const from = transientStorage();
    await fill(from, { isPruned });
    const engine = await newEngine();
    const other = await open(onEngine(engine));
    for (const n of range(30)) await other.handle({ pay: n });
    await other.close();
    await expectRefused(from, engine, different);
  });

  it('the same events at other times are another system', async () => {
    const [from, engine] = [transientStorage(), await newEngine()];
    for (const [storage, time] of [
      [from, 1_000],
      [onEngine(engine), 1_001],
    ] as const) {
      clock.set(time);
      const one = await open(storage);
      await one.handle({ pay: 1 });
      await one.close();
    }
    await expectRefused(from, engine, different);
  });

  it('one that has gone on by itself is refused', async () => {
    const [from, engine] = [transientStorage(), await newEngine()];
    await fill(from);
    await migrate({ from, to: onEngine(engine) });
    const moved = await open(onEngine(engine));
    await moved.handle({ pay: 1 });
    await moved.close();
    await expectRefused(from, engine, different);
    const old = await open(from);
    for (const n of range(3)) await old.handle({ pay: n + 1 });
    await old.close();
    await expectRefused(from, engine, different);
  });

  it('what another one writes before the place is held is left, and refused', async () => {
    const [from, to] = [transientStorage(), transientStorage()];
    await fill(from);
    const beaten = changed(to, (log) => ({
      async hold(options) {
        const other = await open(to);
        await other.handle({ pay: 7 });
        await other.close();
        return log.hold(options);
      },
    }));
    expect(await errorOf(migrate({ from, to: beaten }))).toMatchObject(different);
    const other = await open(to, { mode: 'read-only' });
    expect([other.seq, other.state.sum]).toEqual([1, 7]);
    await other.close();
  });

  it.each([false, true])(
    'one where somebody held a right after what is to come is refused, and not held (beginning pruned: %p)',
    async (isPruned) => {
      const [from, engine] = [transientStorage(), await newEngine()];
      await fill(from, { isPruned });
      clock.set(1_000_000);
      const alone = await open(onEngine(engine), { mode: 'single-writer' });
      await alone.close();
      await expectRefused(from, engine, { code: isPruned ? 'ERR_LOG_NOT_EMPTY' : 'ERR_MIGRATE' });
      const other = await open(onEngine(engine));
      expect(await other.handle({ pay: 1 })).toMatchObject({ seq: 1 });
      await other.close();
    },
  );

  it('another state with as many events is refused', async () => {
    const [from, other, engine] = [transientStorage(), transientStorage(), await newEngine()];
    await fill(from, { isPruned: true });
    const one = await open(other, { retention: { keep: 1 }, initialState: { sum: 1, at: [] } });
    await one.close();
    const { startsAt } = await migrate({ from, to: other });
    const consumer = { apply() {}, capture: () => undefined, restore() {} };
    const request = { consumer, format: '', clock, retention: {}, readOnly: false, onWarning() {} };
    const log = onEngine(engine).open(request);
    await log.begin({ captured: { state: { sum: 1, at: [] }, ids: [] }, seq: startsAt, time: 0 });
    await log.close();
    await expectRefused(from, engine, different);
  });

  it('another application is refused by its format, on either side', async () => {
    const [from, engine] = [transientStorage(), await newEngine()];
    await fill(from);
    const other = await open(onEngine(engine), { format: 'shop/1' });
    await other.handle({ pay: 1 });
    await other.close();
    await expectRefused(from, engine, { code: 'ERR_JOURNAL_FORMAT' });
    const to = transientStorage();
    expect(await errorOf(migrate({ from, to, format: 'shop/1' }))).toMatchObject({ code: 'ERR_JOURNAL_FORMAT' });
  });

  it('wrong arguments are refused before anything is sent', async () => {
    const from = transientStorage();
    const untouched: Storage = { ...transientStorage(), open: () => Promise.reject(new Error('sent')) as never };
    const both = { from: untouched, to: untouched };
    const wrong = [undefined, null, { from, to: from }, { from }, { to: from }, { from: {}, to: from }];
    for (const options of wrong) expect(await refusal(options)).toBeInstanceOf(TypeError);
    expect((await refusal({ ...both, to: { ...untouched }, fenced: true })).message).toMatch('no option fenced');
    const members = { fence: ['takeover', 1], format: [7], onProgress: ['loud'], onWarning: [{}], signal: ['no', {}] };
    for (const [name, values] of Object.entries(members)) {
      for (const value of [...values, null]) {
        const error = await refusal({ ...both, to: { ...untouched }, [name]: value });
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toMatch(`: ${name} must be `);
      }
    }

    function refusal(options: unknown) {
      return errorOf(migrate(options as { from: Storage; to: Storage }));
    }
  });
});

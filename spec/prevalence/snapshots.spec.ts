// Goal: a snapshot that fails at any step harms nothing (P2); one that is damaged is never loaded: the one before and a longer replay, or a
// full replay, or a loud error (P6); those that are made in the background come when due, from one of many.
// Method: a store whose k-th call fails in several ways, for every k; stored parts that are cut, flipped, removed, exchanged.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/index.js';
import type { Prevayler } from '../../lib/prevalence/index.js';
import type { SnapshotStore } from '../../lib/snapshot/index.js';
import { type Entry, errorOf, type Ledger, ledger, noise, range } from '../support/prevalent.js';
import { steppedEngine } from '../support/stepped-engine.js';
import { type Bench, openBench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

/** Parts in memory, small ones. */
class Parts implements SnapshotStore {
  readonly partBytesMax = 1_024;
  readonly stored = new Map<string, Uint8Array>();

  async put(id: string, part: number, bytes: Uint8Array, _options?: unknown): Promise<void> {
    this.stored.set(`${id}/${part}`, Uint8Array.from(bytes));
  }

  async get(id: string, part: number, _options?: unknown): Promise<Uint8Array | undefined> {
    return this.stored.get(`${id}/${part}`);
  }

  async delete(id: string, part: number, _options?: unknown): Promise<void> {
    this.stored.delete(`${id}/${part}`);
  }
}

interface Notes {
  readonly sum: number;
  readonly notes: readonly string[];
}

/**
 * A state of several KB that can't be packed, so that its snapshots have several parts; of events that soon fill a page, so that there
 * is something to prune.
 */
const notes = {
  initialState: { sum: 0, notes: [] } as Notes,
  handler: ({ sum, notes }: Notes, event: string): Notes => {
    const n = Number.parseInt(event, 10);
    return { sum: sum + n, notes: [...notes, noise(700, n)] };
  },
};

const eventOf = (n: number) => `${n} ${noise(300, n)}`;

async function write(one: Prevayler<Notes, string>, count: number): Promise<void> {
  for (const n of range(count, one.seq + 1)) await bench.run(one.handle(eventOf(n)));
}

/** What an instance that does not know of snapshots would have. */
async function expectAll(one: Prevayler<Notes, string>, seq: number): Promise<void> {
  expect(one.seq).toBe(seq);
  expect(one.state).toEqual({ sum: (seq * (seq + 1)) / 2, notes: range(seq).map((n) => noise(700, n)) });
}

describe('P2: a store that fails', () => {
  type Failure = 'throws' | 'loses the answer' | 'throws for ever';
  const failing = (parts: Parts, at: number, how: Failure) => {
    let calls = 0;
    const call = async <T>(work: () => Promise<T>): Promise<T> => {
      const index = calls;
      calls += 1;
      if (index < at || (index > at && how !== 'throws for ever')) return work();
      if (how === 'loses the answer') await work();
      throw new Error(`the store failed at call ${index}`);
    };
    const store: SnapshotStore = {
      partBytesMax: parts.partBytesMax,
      put: (...args) => call(() => parts.put(...args)),
      get: (...args) => call(() => parts.get(...args)),
      delete: (...args) => call(() => parts.delete(...args)),
    };
    return { store, calls: () => calls };
  };

  it.each<Failure>(['throws', 'loses the answer', 'throws for ever'])(
    'P2: at each of its calls of a snapshot (%s): state, journal and the snapshot before are unharmed, and the next one works',
    async (how) => {
      let at = 0;
      for (let failed = true; failed; at += 1) {
        await bench.close();
        bench = await openBench();
        const parts = new Parts();
        const before = await bench.open(notes, { snapshots: parts });
        await write(before, 4);
        const first = await bench.run(before.snapshot());
        expect(first.parts).toBeGreaterThan(2);
        const stored = new Map(parts.stored);
        const { store } = failing(parts, at, how);
        const one = await bench.open(notes, { snapshots: { ...store, get: (...args) => parts.get(...args) } });
        await write(one, 2);
        const [made] = await bench.run(Promise.allSettled([one.snapshot(), one.handle(eventOf(7))]));
        failed = made.status === 'rejected';
        if (made.status === 'rejected') {
          expect(made.reason).toMatchObject({
            code: 'ERR_SNAPSHOT',
            cause: { message: `the store failed at call ${at}` },
          });
          expect((await bench.run(one.snapshots())).map(({ id }) => id)).toEqual([first.id]);
          for (const [key, bytes] of stored) expect(parts.stored.get(key)).toEqual(bytes);
        }
        await expectAll(one, 7);
        const fresh = await bench.open(notes, { snapshots: parts });
        await expectAll(fresh, 7);
        await bench.run(fresh.snapshot());
        await bench.run(fresh.prune());
        await expectAll(await bench.open({ ...notes, handler: () => notes.initialState }, { snapshots: parts }), 7);
        // What the failed one left behind is gone.
        const ids = new Set([...parts.stored.keys()].map((key) => key.split('/')[0]));
        expect(ids.size).toBe(2);
        expect(at).toBeLessThan(50);
      }
      expect(at).toBeGreaterThan(4);
      expect(bench.warnings).toEqual([]);
    },
  );

  it.each<Failure>(['throws', 'loses the answer'])(
    'P2: at each of its calls of a prune (%s): the next prune goes over it again',
    async (how) => {
      let at = 0;
      for (let failed = true; failed; at += 1) {
        await bench.close();
        bench = await openBench();
        const parts = new Parts();
        const { store } = failing(parts, at, how);
        const writer = await bench.open({ ...notes, retention: { keep: 1 } }, { snapshots: parts });
        for (const _ of range(2)) {
          await write(writer, 4);
          await bench.run(writer.snapshot());
        }
        const one = await bench.open(
          { ...notes, retention: { keep: 1 } },
          { snapshots: { ...store, get: (...args) => parts.get(...args) } },
        );
        const [report] = await bench.run(Promise.allSettled([one.prune()]));
        failed = report.status === 'rejected';
        await expectAll(await bench.open(notes, { snapshots: parts }), 8);
        await bench.run(writer.prune());
        const [newest] = await bench.run(writer.snapshots());
        expect(new Set([...parts.stored.keys()].map((key) => key.split('/')[0]))).toEqual(new Set([newest?.id]));
      }
      expect(at).toBeGreaterThan(3);
    },
  );

  it('P2: at each request of the pointer that is refused: the caller is told, and the next one works', async () => {
    let at = 0;
    for (let failed = true; failed; at += 1) {
      await bench.close();
      bench = await openBench();
      let requests = 0;
      let isArmed = false;
      const engine = steppedEngine(bench.memory, ({ kind, text }) => {
        if (!isArmed || !text.includes('bank/snap')) return undefined;
        requests += 1;
        if (requests - 1 !== at) return undefined;
        const error = Object.assign(new Error('no access'), { name: 'AccessDeniedException' });
        return kind === 'get'
          ? Promise.reject(error)
          : Promise.resolve({ status: 'not-applied', kind: 'refused', error });
      });
      const one = await bench.open(notes, { engine });
      await write(one, 3);
      isArmed = true;
      const [made] = await bench.run(Promise.allSettled([one.snapshot()]));
      isArmed = false;
      failed = made.status === 'rejected';
      await write(one, 1);
      const next = await bench.run(one.snapshot());
      expect(next.seq).toBe(4);
      expect((await bench.run(one.snapshots())).at(-1)?.id).toBe(next.id);
      await expectAll(await bench.open(notes), 4);
    }
    expect(at).toBeGreaterThan(2);
  });

  it('a snapshot that is given up by its caller', async () => {
    const one = await bench.open(notes);
    await write(one, 3);
    const abort = new AbortController();
    const parts = new Parts();
    const store: SnapshotStore = {
      partBytesMax: 1_024,
      put(...args) {
        abort.abort(new Error('enough'));
        return parts.put(...args);
      },
      get: (...args) => parts.get(...args),
      delete: (...args) => parts.delete(...args),
    };
    const other = await bench.open(notes, { snapshots: store });
    expect(await errorOf(bench.run(other.snapshot({ signal: abort.signal })))).toMatchObject({ code: 'ERR_SNAPSHOT' });
    expect(await bench.run(other.snapshots())).toEqual([]);
    expect((await bench.run(other.snapshot())).seq).toBe(3);
  });
});

describe('P6: a snapshot that is damaged', () => {
  let parts: Parts;
  let ids: readonly string[];

  /** Two snapshots, at 4 and 8, and two events more. */
  async function prepare(prune: boolean): Promise<void> {
    parts = new Parts();
    const one = await bench.open(notes, { snapshots: parts });
    await write(one, 2);
    if (prune) await bench.run(one.snapshot());
    await write(one, 2);
    const first = await bench.run(one.snapshot());
    await write(one, 4);
    const second = await bench.run(one.snapshot());
    if (prune) expect(await bench.run(one.prune())).toMatchObject({ snapshotsRemoved: 1 });
    await write(one, 2);
    ids = [first.id, second.id];
  }

  const keysOf = (id: string | undefined) => [...parts.stored.keys()].filter((key) => key.startsWith(`${id}/`));

  /** Opens, and looks that what comes out is right and what happened was told. */
  async function expectRight(replayed: number, warnings: number): Promise<void> {
    bench.warnings.length = 0;
    const one = await bench.open(notes, { snapshots: parts });
    await expectAll(one, 10);
    expect(one.stats().replayed).toBe(replayed);
    expect(bench.warnings.length).toBe(warnings);
    for (const warning of bench.warnings) expect(warning).toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED' });
    await bench.run(one.close());
  }

  type Damage = readonly [name: string, change: (bytes: Uint8Array, key: string) => Uint8Array | undefined];
  const damages: readonly Damage[] = [
    ['a part is missing', () => undefined],
    ['a part is empty', () => new Uint8Array()],
    ['a part has a byte too many', (bytes) => Uint8Array.from([...bytes, 0])],
    ['a part is of something else', () => new TextEncoder().encode('{"json":1}'.repeat(50))],
    [
      'a part is in the place of another',
      (_bytes, key) => parts.stored.get(keysOf(ids[1]).find((one) => one !== key) ?? ''),
    ],
    ['a part is of an earlier snapshot', (_bytes, key) => parts.stored.get(`${ids[0]}/${key.split('/')[1]}`)],
  ];

  it.each(damages)('P6: %s: the one before and a longer replay, with a warning', async (_name, change) => {
    await prepare(true);
    for (const key of keysOf(ids[1])) {
      const whole = parts.stored.get(key) as Uint8Array;
      const changed = change(whole, key);
      if (changed === undefined) parts.stored.delete(key);
      else parts.stored.set(key, changed);
      await expectRight(6, 1);
      parts.stored.set(key, whole);
    }
    await expectRight(2, 0);
  });

  it('P6: cut anywhere, any byte flipped (sampled): never a wrong state', async () => {
    await prepare(true);
    const random = seededRandom(Number(process.env.LEYDEN_SEED ?? 6));
    for (const key of keysOf(ids[1])) {
      const whole = parts.stored.get(key) as Uint8Array;
      for (let sample = 0; sample < 10; sample += 1) {
        const at = sample === 0 ? 0 : random.int(whole.length);
        const flipped = Uint8Array.from(whole, (byte, index) => (index === at ? byte ^ (1 << random.int(8)) : byte));
        parts.stored.set(key, sample % 2 === 0 ? flipped : whole.slice(0, at));
        await expectRight(6, 1);
      }
      parts.stored.set(key, whole);
    }
  });

  it('P6: all are damaged and the journal is whole: a full replay', async () => {
    await prepare(false);
    for (const key of [...parts.stored.keys()]) parts.stored.delete(key);
    await expectRight(10, 2);
  });

  it('P6: all are damaged and the journal was pruned: a loud error, and nothing is written', async () => {
    await prepare(true);
    const stored = new Map(parts.stored);
    for (const key of stored.keys()) parts.stored.delete(key);
    const before = bench.memory.spent().writeUnits;
    const error = await errorOf(bench.open(notes, { snapshots: parts }));
    expect(error).toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED', reason: 'missing', outcome: 'not-done' });
    expect(bench.memory.spent().writeUnits).toBe(before);
    for (const [key, bytes] of stored) parts.stored.set(key, bytes);
    await expectRight(2, 0);
  });
});

describe('a state that can not be stored', () => {
  /** What freezing does not look at, and no stored form has. */
  const hidden = {
    initialState: { n: 0 },
    handler: (state: { readonly n: number }, event: string) => {
      const next = { n: state.n + 1 };
      return event === 'hide' ? Object.defineProperty(next, 'hidden', { value: 1, enumerable: false }) : next;
    },
  };

  it('says so, and writers go on', async () => {
    const one = await bench.open(hidden);
    await bench.run(one.handle('a'));
    const first = await bench.run(one.snapshot());
    await bench.run(one.handle('hide'));
    const error = await errorOf(bench.run(one.snapshot()));
    expect(error).toMatchObject({ code: 'ERR_SNAPSHOT', cause: { code: 'ERR_UNSUPPORTED_VALUE' } });
    expect((await bench.run(one.snapshots())).map(({ id }) => id)).toEqual([first.id]);
    expect(await bench.run(one.handle('b'))).toMatchObject({ seq: 3 });
    expect((await bench.run(one.snapshot())).seq).toBe(3);
  });

  it('refuses the event that would make it, when a digest is due, and the next one works', async () => {
    const one = await bench.open({ ...hidden, stateDigestEvery: 2 });
    await bench.run(one.handle('a'));
    expect(await errorOf(bench.run(one.handle('hide')))).toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' });
    expect(await bench.run(one.handle('b'))).toMatchObject({ seq: 2 });
  });
});

describe('in the background', () => {
  const often = { eventsMin: 4, bytesMin: Number.MAX_SAFE_INTEGER, spread: 0 };

  /** Lets all that goes on in the background come to rest. */
  const rest = () => bench.clock.advance(1);
  const seqs = async (one: Prevayler<Ledger, Entry>) => (await bench.run(one.snapshots())).map(({ seq }) => seq);

  it('they are made when due', async () => {
    const one = await bench.open({ ...ledger, snapshots: { ...often, replayMsMax: Number.POSITIVE_INFINITY } });
    for (const n of range(3)) await bench.run(one.handle(n));
    await rest();
    expect(await seqs(one)).toEqual([]);
    await bench.run(one.handle(4));
    await rest();
    expect(await seqs(one)).toEqual([4]);
    expect(bench.warnings).toEqual([]);
  });

  it.each<[string, (other: Prevayler<Ledger, Entry>) => Promise<unknown>]>([
    ['by a sync', (other) => other.sync()],
    ['while it decides on its own', (other) => other.handle('same')],
  ])('of commits of others, seen %s: what is stored is exactly the state of its place', async (_name, look) => {
    const [one, other] = [await bench.open(ledger), await bench.open({ ...ledger, snapshots: often })];
    for (const n of range(12)) {
      await bench.run(one.handle({ pay: n, note: noise(800, n) }));
      await bench.run(look(other));
      await rest();
      const [newest] = (await bench.run(one.snapshots())).toReversed();
      if (newest === undefined) continue;
      const fresh = await bench.open(ledger);
      expect([fresh.seq, fresh.state.seen]).toEqual([n, range(n)]);
    }
    expect((await seqs(one)).length).toBe(3);
    expect(bench.warnings).toEqual([]);
    expect(await bench.run(one.verify())).toBe(3);
  });

  it('one of several instances makes it', async () => {
    const instances = await bench.run(Promise.all(range(4).map(() => bench.start({ ...ledger, snapshots: often }))));
    const [one] = instances as [Prevayler<Ledger, Entry>];
    for (const n of range(4)) await bench.run(one.handle(n));
    const writes = bench.memory.spent().writeUnits;
    for (const other of instances) await bench.run(other.sync());
    await rest();
    expect((await bench.keys()).filter((key) => key.includes('/part/')).length).toBe(1);
    expect(await seqs(one)).toEqual([4]);
    expect(bench.memory.spent().writeUnits - writes).toBeLessThan(6);
    for (const instance of instances) await bench.run(instance.close());
  });

  it('with prune, old ones and old journal go', async () => {
    const automatic = { ...often, prune: true };
    const one = await bench.open({ ...ledger, snapshots: automatic, retention: { keep: 1 } });
    for (const n of range(40)) {
      await bench.run(one.handle({ pay: n, note: noise(150, n) }));
      await rest();
    }
    expect((await seqs(one)).length).toBe(1);
    const keys = await bench.keys();
    expect(keys.filter((key) => key.includes('/page/')).length).toBeLessThan(3);
    expect(keys.filter((key) => key.includes('/part/')).length).toBe(1);
    expect((await bench.open(ledger)).state.seen).toEqual(range(40));
  });

  it('a failure is told as a warning, and tried again later', async () => {
    let isDown = true;
    const parts = new Parts();
    const store: SnapshotStore = {
      partBytesMax: 1_024,
      put: (...args) => (isDown ? Promise.reject(new Error('down')) : parts.put(...args)),
      get: (...args) => parts.get(...args),
      delete: (...args) => parts.delete(...args),
    };
    const one = await bench.open({ ...ledger, snapshots: often }, { snapshots: store });
    for (const n of range(6)) await bench.run(one.handle(n));
    await rest();
    expect(bench.warnings).toMatchObject([{ code: 'ERR_SNAPSHOT', cause: { message: 'down' } }]);
    isDown = false;
    await bench.clock.advance(60_000);
    await bench.run(one.handle(7));
    await rest();
    expect(await seqs(one)).toEqual([7]);
    expect(bench.warnings.length).toBe(1);
  });

  it.each([true, false])(
    'a store that is silent for ever (in the background: %p) holds close up for closeTimeoutMs at most',
    async (background) => {
      const silent = new Promise<never>(() => {});
      const parts = new Parts();
      const store = { partBytesMax: 1_024, put: () => silent, get: () => silent, delete: () => parts.delete('', 0) };
      const one = await bench.open(
        { ...ledger, snapshots: background && often, closeTimeoutMs: 5_000 },
        { snapshots: store },
      );
      for (const n of range(4)) await bench.run(one.handle({ pay: n, note: noise(800, n) }));
      await rest();
      if (!background) void one.snapshot();
      const before = bench.clock.monotonicMs();
      await bench.run(one.close());
      expect(bench.clock.monotonicMs() - before).toBe(5_000);
      expect((await bench.open(ledger)).state.seen).toEqual(range(4));
    },
  );

  it('close waits for the one under way, and none is begun after', async () => {
    const one = await bench.open({ ...ledger, snapshots: often });
    const handled = range(4).map((n) => one.handle(n));
    const closed = one.close();
    await bench.run(Promise.all([...handled, closed]));
    const writes = bench.memory.spent().writeUnits;
    await bench.clock.advance(3_600_000);
    expect(bench.memory.spent().writeUnits).toBe(writes);
    expect(bench.warnings).toEqual([]);
  });
});

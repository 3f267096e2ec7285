// Goal: what prevayler-clj (H-PC) and its version on DynamoDB and S3 (H-PA) got wrong holds here. One spec a fault, named by its
// number. Where a fault was of another storage, the sentence that has to hold on every storage is tested on this one.
// Method: one memory engine on a virtual clock, each instance behind an engine of its own that loses, holds or counts.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { FaultyEngine } from '../../lib/engine/index.js';
import { atomStorage, openPrevayler } from '../../lib/prevalence/index.js';
import { errorOf, handClock, ledger, noise, range } from '../support/prevalent.js';
import { dyingEngine, isWriteStep, steppedEngine } from '../support/stepped-engine.js';
import { type Bench, openBench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

/** Each event takes about a fifth of a page. */
async function write(count: number, from = 1) {
  const one = await bench.open(ledger);
  for (const n of range(count, from)) await bench.run(one.handle({ pay: n, note: noise(150, n) }));
  return one;
}

const flip = (bytes: Uint8Array) => bytes.map((byte, index) => (index === bytes.length >> 1 ? byte ^ 1 : byte));

describe('H-PC1', () => {
  it.each([
    ['a page in the middle is damaged', 'bank/page/1', 'damage'],
    ['the first page is gone', 'bank/page/0', 'remove'],
    ['the last page is gone', 'bank/page/2', 'remove'],
  ] as const)('H-PC1: %s: refuses to start, names the item, and skips nothing', async (_name, key, how) => {
    await write(20);
    expect(await bench.keys()).toContain(key);
    if (how === 'remove') await bench.remove(key);
    else await bench.damage(key, flip);
    expect(await errorOf(bench.open(ledger))).toMatchObject({ code: 'ERR_JOURNAL_GAP', key, outcome: 'not-done' });
  });

  it('H-PC1: the body of an event in the middle is damaged or gone: refuses to start', async () => {
    const one = await bench.open(ledger);
    for (const n of range(3)) await bench.run(one.handle({ pay: n, note: noise(5_000, n) }));
    const [first, second] = (await bench.keys()).filter((key) => key.includes('/body/')) as [string, string];
    await bench.damage(second, flip);
    expect(await errorOf(bench.open(ledger))).toMatchObject({
      code: 'ERR_JOURNAL_GAP',
      key: second,
      reason: 'damaged',
    });
    await bench.remove(first);
    expect(await errorOf(bench.open(ledger))).toMatchObject({ code: 'ERR_JOURNAL_GAP', key: first, reason: 'missing' });
  });
});

describe('H-PC2', () => {
  it('H-PC2: two instances acknowledge in one order, and a snapshot of either has the events of both', async () => {
    const [one, other] = [await bench.open(ledger), await bench.open(ledger)];
    const answers = await bench.run(Promise.all([one.handle(1), other.handle(2), one.handle(3), other.handle(4)]));
    expect(answers.map(({ seq }) => seq).sort()).toEqual([1, 2, 3, 4]);
    const { seq } = await bench.run(one.snapshot());
    expect(seq).toBeLessThanOrEqual(4);
    await bench.run(other.snapshot());
    const fresh = await bench.open(ledger);
    expect([...fresh.state.seen].sort()).toEqual([1, 2, 3, 4]);
    for (const instance of [one, other]) expect(await bench.run(instance.sync())).toEqual(fresh.state);
  });

  it('H-PC2: the append of a deposed writer fails, and nothing of it is in the journal', async () => {
    const old = await bench.open({ ...ledger, mode: 'single-writer' });
    await bench.run(old.handle(1));
    const next = await bench.open({ ...ledger, mode: 'single-writer', takeOver: true });
    for (const _ of range(2)) {
      expect(await errorOf(bench.run(old.handle(9)))).toMatchObject({ code: 'ERR_NOT_WRITER', outcome: 'not-done' });
    }
    await bench.run(next.handle(2));
    expect((await bench.open(ledger)).state.seen).toEqual([1, 2]);
  });
});

it('H-PC3: at no request of a snapshot and a prune is there a moment from which an instance could not recover all', async () => {
  for (let at = 0; ; at += 1) {
    await bench.close();
    bench = await openBench();
    const one = await write(12);
    await bench.run(one.snapshot());
    const digest = await bench.run((await write(12, 13)).stateDigest());
    const { engine, died } = dyingEngine(bench.memory, at, 'after');
    const retention = { keep: 1 };
    const doomed = bench.start({ ...ledger, retention }, { engine }).then(async (two) => {
      await two.snapshot();
      await two.prune();
      return 'done';
    });
    const end = await bench.run(Promise.race([doomed, died]));
    const fresh = await bench.open(ledger);
    expect([fresh.seq, await bench.run(fresh.stateDigest())]).toEqual([24, digest]);
    if (end === 'done') break;
    expect(at).toBeLessThan(100);
  }
  expect((await bench.keys()).filter((key) => key.includes('/page/')).length).toBeLessThan(3);
});

describe('H-PC4', () => {
  it('H-PC4: close flushes what waits; or, when the store is silent for closeTimeoutMs, says that it is unknown', async () => {
    let isSilent = false;
    const engine = steppedEngine(bench.memory, (step) =>
      isSilent && isWriteStep(step) ? new Promise<never>(() => {}) : undefined,
    );
    const one = await bench.open({ ...ledger, closeTimeoutMs: 5_000 }, { engine });
    const flushed = [one.handle(1), one.handle(2)];
    await bench.run(one.close());
    expect((await Promise.all(flushed)).map(({ seq }) => seq)).toEqual([1, 2]);
    const two = await bench.open({ ...ledger, closeTimeoutMs: 5_000 }, { engine });
    isSilent = true;
    const lost = [two.handle(3), two.handle(4)].map(errorOf);
    const before = bench.clock.monotonicMs();
    await bench.run(two.close());
    expect(bench.clock.monotonicMs() - before).toBeLessThan(6_000);
    for (const error of await Promise.all(lost)) expect(error).toMatchObject({ outcome: 'unknown' });
    expect(() => two.state).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }) as unknown as Error);
  });
});

it('H-PC5: nothing is written behind an append that failed: what is acknowledged after a failure is there after a restart', async () => {
  let refuse = false;
  const engine = steppedEngine(bench.memory, (step) =>
    refuse && isWriteStep(step)
      ? Promise.resolve({ status: 'not-applied', kind: 'refused', error: new Error('no access') })
      : undefined,
  );
  const one = await bench.open(ledger, { engine });
  await bench.run(one.handle(1));
  refuse = true;
  expect((await errorOf(bench.run(one.handle(2)))).message).toContain('no access');
  refuse = false;
  expect(await bench.run(one.handle(3))).toMatchObject({ seq: 2 });
  expect((await bench.open(ledger)).state.seen).toEqual([1, 3]);
});

describe('H-PC6', () => {
  it('H-PC6: a handler that rebuilds an equal state journals an event, which is harmless', async () => {
    const system = { initialState: { n: 0 }, handler: (state: { readonly n: number }) => ({ ...state }) };
    const one = await bench.open(system);
    expect(await bench.run(one.handle(null as never))).toMatchObject({ status: 'journalled', seq: 1 });
    expect((await bench.open(system)).state).toEqual({ n: 0 });
  });

  it('H-PC6: a handler that changes the state in place is refused each time, and loses no event', async () => {
    type Wrong = { n: number; list: number[]; map: Map<string, number>; at: Date };
    const initialState: Wrong = { n: 0, list: [0], map: new Map(), at: new Date(0) };
    const wrongs: ((state: Wrong) => unknown)[] = [
      (state) => ++state.n,
      (state) => state.list.push(1),
      (state) => state.map.set('a', 1),
      (state) => state.at.setTime(1),
    ];
    const handler = (state: Wrong, which: number): Wrong => {
      if (which < 0)
        return { ...state, n: state.n + 1, list: [...state.list, 1], map: new Map(state.map), at: new Date(0) };
      wrongs[which]?.(state);
      return state;
    };
    const one = await bench.open({ initialState, handler });
    for (const round of [0, 1]) {
      for (const which of wrongs.keys()) expect(await errorOf(bench.run(one.handle(which)))).toBeInstanceOf(TypeError);
      expect(await bench.run(one.handle(-1))).toMatchObject({ seq: round + 1 });
    }
    expect(one.state).toMatchObject({ n: 2, list: [0, 1, 1] });
    expect([one.state.map.size, one.state.at.getTime()]).toEqual([0, 0]);
  });
});

it('H-PC7: memory changes only after the event is durable', async () => {
  const faulty = new FaultyEngine(bench.memory, { clock: bench.clock });
  const one = await bench.open(ledger, { engine: faulty });
  await bench.run(one.handle(1));
  const changes = one.changes();
  const next = changes.next();
  faulty.hold(['put']);
  const handled = one.handle(2);
  const message = await faulty.message(0);
  expect([one.state.seen, one.seq]).toEqual([[1], 1]);
  await message.deliver();
  expect(one.state.seen).toEqual([1]);
  message.answer();
  faulty.release();
  await bench.run(handled);
  expect([one.state.seen, one.seq]).toEqual([[1, 2], 2]);
  expect((await bench.run(next)).value).toMatchObject({ seq: 2 });
  await changes.return(undefined);
});

describe('H-PC8', () => {
  let drawn = 0;
  const impure = {
    initialState: [] as readonly number[],
    handler: (list: readonly number[], n: number) => {
      drawn += 1;
      return [...list, n === 5 ? drawn : n];
    },
  };

  it('H-PC8: an impure handler is found by another instance, with the first range that differs and the versions', async () => {
    drawn = 0;
    const versions = { stateDigestEvery: 2, handlerVersion: 'v1' };
    const one = await bench.open({ ...impure, ...versions });
    for (const n of range(8)) await bench.run(one.handle(n));
    drawn = 100;
    const error = await errorOf(bench.open({ ...impure, handlerVersion: 'v2' }));
    expect(error).toMatchObject({ code: 'ERR_STATE_DIVERGED', from: 5, to: 6, handlerVersions: ['v1'] });
    expect(error.message).toMatch(/events 5 to 6.*v1.*v2/);
  });

  it('H-PC8: an instance that follows is put out of use when its state differs', async () => {
    drawn = 0;
    const one = await bench.open({ ...impure, stateDigestEvery: 1 });
    const other = await bench.open(impure);
    await bench.run(one.handle(1));
    await bench.run(other.sync());
    drawn = 100;
    await bench.run(one.handle(5));
    expect(await errorOf(bench.run(other.sync()))).toMatchObject({ code: 'ERR_STATE_DIVERGED', from: 2, to: 2 });
    expect(await errorOf(bench.run(other.handle(1)))).toMatchObject({ code: 'ERR_POISONED' });
    expect(() => other.state).toThrow('give another state here');
  });

  it('H-PC8: an audit finds it at the snapshots', async () => {
    drawn = 0;
    const one = await bench.open({ ...impure, handlerVersion: 'v1' });
    for (const n of range(3)) await bench.run(one.handle(n));
    await bench.run(one.snapshot());
    for (const n of range(3, 4)) await bench.run(one.handle(n));
    await bench.run(one.snapshot());
    drawn = 100;
    expect(await errorOf(bench.run(one.verify()))).toMatchObject({
      ...{ code: 'ERR_STATE_DIVERGED', from: 4, to: 6, handlerVersions: ['v1'] },
    });
  });
});

it('H-PC9: time never goes back, whatever the clocks say: across instances, restarts and batches', async () => {
  const clocks = [handClock(bench.clock), handClock(bench.clock)] as const;
  const [one, other] = [
    await bench.open({ ...ledger, clock: clocks[0] }),
    await bench.open({ ...ledger, clock: clocks[1] }),
  ];
  const times: number[] = [];
  for (const [nowA, nowB] of [
    [5_000, 1_000],
    [4_000, 9_000.7],
    [-1, 0],
    [10_000, 2_000],
  ] as const) {
    clocks[0].set(nowA);
    clocks[1].set(nowB);
    times.push((await bench.run(one.handle(1))).time, (await bench.run(other.handle(1))).time);
    // One with a body, whose time is looked at before it is put.
    times.push((await bench.run(one.handle({ pay: 1, note: noise(5_000) }))).time);
  }
  expect(times).toEqual([5_000, 5_000, 5_000, 5_000, 9_000, 9_000, 9_000, 9_000, 9_000, 10_000, 10_000, 10_000]);
  const later = await bench.open({ ...ledger, clock: handClock(bench.clock, 3) });
  expect(later.time).toBe(10_000);
  expect((await bench.run(later.handle(1))).time).toBe(10_000);
});

it('H-PC10: who does not hold the system does not set it free: a refused or deposed instance closes without effect', async () => {
  const alone = await bench.open({ ...ledger, mode: 'single-writer' });
  const writes = () => bench.memory.spent().writeUnits;
  const before = writes();
  await errorOf(bench.open({ ...ledger, mode: 'single-writer' }));
  expect(writes()).toBe(before);
  const next = await bench.open({ ...ledger, mode: 'single-writer', takeOver: true });
  await bench.run(alone.close());
  const other = await bench.open(ledger);
  expect(await errorOf(bench.run(other.handle(1)))).toMatchObject({ code: 'ERR_NOT_WRITER' });
  expect(await bench.run(next.handle(2))).toMatchObject({ seq: 1 });
});

it('H-PA1: a snapshot that fails reaches the caller, moves nothing, and events go on into what recovery reads', async () => {
  let broken = false;
  const engine = steppedEngine(bench.memory, ({ text }) => {
    if (broken && text.includes('/part/')) throw new Error('upload failed');
    return undefined;
  });
  const one = await bench.open(ledger, { engine });
  await bench.run(one.handle(1));
  const first = await bench.run(one.snapshot());
  await bench.run(one.handle(2));
  broken = true;
  const error = await errorOf(bench.run(one.snapshot()));
  expect(error).toMatchObject({ code: 'ERR_SNAPSHOT', outcome: 'not-done', retryable: true });
  expect(error.cause).toMatchObject({ message: 'upload failed' });
  await bench.run(one.handle(3));
  expect((await bench.run(one.snapshots())).map(({ id }) => id)).toEqual([first.id]);
  expect((await bench.open(ledger)).state.seen).toEqual([1, 2, 3]);
  broken = false;
  expect((await bench.run(one.snapshot())).seq).toBe(3);
});

it('H-PA2: instances that are started together overwrite nothing of each other', async () => {
  const opened = await bench.run(Promise.all(range(3).map(() => bench.open(ledger))));
  const answers = await bench.run(Promise.all(opened.map((one, index) => one.handle(index + 1))));
  expect(answers.map(({ seq }) => seq).sort()).toEqual([1, 2, 3]);
  expect([...(await bench.open(ledger)).state.seen].sort()).toEqual([1, 2, 3]);
});

it('H-PA3: what an old instance writes after a new one has taken over is refused, whatever was pruned', async () => {
  const old = await bench.open({ ...ledger, mode: 'single-writer' });
  await bench.run(old.handle(1));
  const next = await bench.open({ ...ledger, mode: 'single-writer', takeOver: true, retention: { keep: 1 } });
  for (const n of range(20, 2)) await bench.run(next.handle({ pay: n, note: noise(150, n) }));
  await bench.run(next.snapshot());
  expect((await bench.run(next.prune())).pagesRemoved).toBeGreaterThan(1);
  for (const event of [5, { pay: 5, note: noise(5_000) }]) {
    expect(await errorOf(bench.run(old.handle(event)))).toMatchObject({ code: 'ERR_NOT_WRITER', outcome: 'not-done' });
  }
  expect((await bench.open(ledger)).state).toEqual(next.state);
});

it.each(['reset-after', '5xx-after', 'duplicate', 'late'] as const)(
  'H-PA4: answers that are lost (%s) cost nothing but time: each event once, and the next start is fine',
  async (kind) => {
    const rules = [{ fault: { kind }, on: 'writes', probability: 0.4 }] as const;
    const faulty = new FaultyEngine(bench.memory, { rules, seed: 3, clock: bench.clock });
    const one = await bench.open(ledger, { engine: faulty });
    for (const n of range(15)) await bench.run(one.handle(n % 4 === 0 ? { pay: n, note: noise(5_000, n) } : n));
    await bench.run(faulty.settled());
    expect(one.state.seen).toEqual(range(15));
    expect((await bench.open(ledger)).state).toEqual(one.state);
  },
);

it('H-PA5: recovery reads what is newest, although other reads of the store are stale', async () => {
  await bench.close();
  bench = await openBench({ staleness: () => 3 });
  const one = await write(12);
  const two = await bench.open(ledger);
  expect(two.state).toEqual(one.state);
  await bench.run(two.snapshot());
  await bench.run(one.handle(13));
  expect((await bench.open(ledger)).state.seen).toEqual(range(13));
});

it.each([null, false, 0, ''])(
  'H-PA6: a state that is %p is there after a restart, and is no initial state',
  async (last) => {
    const system = { initialState: 'initial' as unknown, handler: (_: unknown, next: unknown) => next };
    const one = await bench.open(system);
    await bench.run(one.handle(last));
    expect((await bench.open(system)).state).toBe(last);
    await bench.run(one.snapshot());
    expect((await bench.open(system)).state).toBe(last);
  },
);

it('H-PA7: what another release wrote in a later format is refused, and hides nothing', async () => {
  const one = await write(3);
  await bench.run(one.close());
  const head = (await bench.item('bank/head')) as NonNullable<Awaited<ReturnType<Bench['item']>>>;
  const data = head.d as { M: Record<string, unknown> };
  await bench.put({ ...head, d: { M: { ...data.M, format: { N: '2' } } } as never });
  expect(await errorOf(bench.open(ledger))).toMatchObject({ code: 'ERR_JOURNAL_FORMAT', found: '2', wanted: '1' });
  await bench.put(head);
  expect((await bench.open(ledger)).state.seen).toEqual([1, 2, 3]);
});

it('H-PA8: digests are canonical: of a state as it was made, replayed or loaded there is one, of another one another', async () => {
  type Bag = ReadonlyMap<string, unknown>;
  const system = {
    initialState: new Map() as Bag,
    handler: (bag: Bag, [name, value]: readonly [string, unknown]): Bag => new Map([...bag, [name, value]]),
  };
  const shared = { at: new Date(5), list: [1n, undefined, -0] };
  const values = [1, '1', [1], { n: 1 }, { n: '1' }, new Set([1]), null, shared, { one: shared, other: shared }];
  const one = await bench.open(system);
  const digests = [await bench.run(one.stateDigest())];
  for (const value of values) {
    await bench.run(one.handle(['value', value]));
    digests.push(await bench.run(one.stateDigest()));
    expect(await bench.run((await bench.open(system)).stateDigest())).toBe(digests.at(-1));
    await bench.run(one.snapshot());
    expect(await bench.run((await bench.open(system)).stateDigest())).toBe(digests.at(-1));
  }
  expect(new Set(digests).size).toBe(values.length + 1);
});

describe('H-PA9', () => {
  it('H-PA9: numbers are dense: refusals, no-ops and failed appends leave no hole', async () => {
    const [one, other] = [await bench.open(ledger), await bench.open(ledger)];
    for (const n of range(5)) {
      await errorOf(bench.run(one.handle('refuse')));
      await bench.run(other.handle('same'));
      expect(await bench.run((n % 2 === 0 ? one : other).handle(n))).toMatchObject({ seq: n });
    }
    const seqs: number[] = [];
    const changes = other.changes({ from: 1 });
    for (const _ of range(5)) seqs.push((await bench.run(changes.next())).value?.seq ?? 0);
    expect(seqs).toEqual(range(5));
    await changes.return(undefined);
  });

  it('H-PA9: a head that was put back to an older one is found by those who have seen the newer', async () => {
    const one = await write(2);
    const head = (await bench.item('bank/head')) as NonNullable<Awaited<ReturnType<Bench['item']>>>;
    await bench.run(one.handle(3));
    await bench.put(head);
    const error = await errorOf(bench.run(one.handle(4)));
    expect(error).toMatchObject({ code: 'ERR_JOURNAL_GAP' });
    expect(await errorOf(bench.run(one.handle(5)))).toMatchObject({ code: 'ERR_POISONED' });
  });
});

it('H-PA10: a reader writes nothing, from its opening to its end, also when it is overtaken by snapshots and prunes', async () => {
  const one = await bench.open({ ...ledger, retention: { keep: 1 } });
  const next = async (n: number) => {
    for (const step of range(6)) await one.handle({ pay: n, note: noise(600, n * 10 + step) });
    await one.snapshot();
    await one.prune();
  };
  await bench.run(next(1));
  let writes = 0;
  let overtaken = 0;
  // Five times the snapshot is removed under its hands, right before it reads a part.
  const engine = steppedEngine(bench.memory, (step) => {
    if (isWriteStep(step)) writes += 1;
    if (!step.text.includes('/part/') || overtaken === 5) return undefined;
    overtaken += 1;
    return next(overtaken + 1).then(() => step.send());
  });
  const reader = await bench.open(
    { ...ledger, mode: 'read-only', snapshots: { eventsMin: 1, bytesMin: 0 } },
    { engine },
  );
  expect([overtaken, reader.state]).toEqual([5, one.state]);
  await bench.run(next(9));
  expect(await bench.run(reader.sync())).toEqual(one.state);
  // Nor does it make the snapshot that is due now.
  for (const step of range(8)) await bench.run(one.handle({ pay: 1, note: noise(900, step) }));
  expect(await bench.run(reader.sync())).toEqual(one.state);
  await bench.run(reader.close());
  expect(writes).toBe(0);
});

it('H-PA11: after close nothing is written, and the table and the engine of the caller go on', async () => {
  const table = new AtomTable({ engine: bench.memory, tableName: 'state', clock: bench.clock });
  const open = () =>
    bench.run(openPrevayler({ ...ledger, storage: atomStorage(table, 'bank'), follow: false, snapshots: false }));
  const one = await open();
  await bench.run(one.handle(1));
  await bench.run(one.close());
  const before = bench.memory.spent().requests;
  expect(await errorOf(one.handle(2))).toMatchObject({ code: 'ERR_CLOSED' });
  expect(bench.memory.spent().requests).toBe(before);
  const two = await open();
  expect(await bench.run(two.handle(2))).toMatchObject({ seq: 2 });
  expect(await bench.run(table.atom<number>('other', { initial: 0 }).swap((n) => n + 1))).toBe(1);
  await bench.run(two.close());
});

it('H-PA12: a long journal is read as it is consumed', async () => {
  await bench.close();
  bench = await openBench();
  const one = await bench.open(ledger, { headBytesMax: 512 });
  for (const n of range(530)) await bench.run(one.handle({ pay: n, note: noise(150, n) }));
  const pages = (await bench.keys()).filter((key) => key.includes('/page/')).length;
  expect(pages).toBeGreaterThan(500);
  let requests = 0;
  const engine = steppedEngine(bench.memory, ({ kind }) => {
    if (kind === 'batchGet') requests += 1;
    return undefined;
  });
  const reader = await bench.open(ledger, { engine });
  const all = requests;
  requests = 0;
  const changes = reader.changes({ from: 1 });
  expect((await bench.run(changes.next())).value).toMatchObject({ seq: 1 });
  expect(requests).toBeLessThan(all - 1);
  await changes.return(undefined);
});

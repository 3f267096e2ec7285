// Goal: promises that were broken once stay kept: deadlines of large events, waits for an outcome, first results after a crash, tables that
// were put back, journals that were made again, listeners that throw. Method: each as small as it can be had.
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AtomTable, type UnknownOutcomeError } from '../../lib/atom/index.js';
import { type Engine, FaultyEngine, MemoryEngine } from '../../lib/engine/index.js';
import { Journal } from '../../lib/journal/index.js';
import { type Storage, withResult } from '../../lib/prevalence/index.js';
import { type Entry, errorOf, ledger, noise } from '../support/prevalent.js';
import { type Bench, openBench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const large = (pay: number): Entry => ({ pay, note: noise(5_000, pay) });

describe('waiting', () => {
  it('a caller whose event is in a body leaves at the deadline, also while the head is being swapped', async () => {
    const faulty = new FaultyEngine(bench.memory, { clock: bench.clock });
    const one = await bench.open(ledger, { engine: faulty });
    await bench.run(one.handle(1));
    const before = faulty.messages.length;
    faulty.hold(['put']);
    const leaving = errorOf(one.handle(large(2), { timeoutMs: 1_000 }));
    const body = await bench.run(faulty.message(before));
    expect(JSON.stringify(body.request)).toContain('/body/');
    await body.pass();
    const head = await bench.run(faulty.message(before + 1));
    expect(JSON.stringify(head.request)).toContain('/head');
    await bench.clock.advance(1_000);
    const error = await leaving;
    expect(error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'in-flight' });
    faulty.release();
    await head.pass();
    expect(await bench.run((error as unknown as UnknownOutcomeError).settle())).toEqual({ outcome: 'done' });
  });

  it('who settles waits no longer than he wants to', async () => {
    const faulty = new FaultyEngine(bench.memory, { clock: bench.clock });
    const one = await bench.open(ledger, { engine: faulty });
    await bench.run(one.handle(1));
    const before = faulty.messages.length;
    faulty.hold(['put']);
    const leaving = errorOf(one.handle(2, { timeoutMs: 1_000 }));
    const head = await bench.run(faulty.message(before));
    await bench.clock.advance(1_000);
    const error = (await leaving) as unknown as UnknownOutcomeError;
    const unsettled = { outcome: 'unknown', reason: 'in-flight' };
    const [first, second, last] = [error.settle({ timeoutMs: 500 }), new AbortController(), error.settle()];
    const aborted = error.settle({ signal: second.signal });
    second.abort();
    expect(await aborted).toEqual(unsettled);
    await bench.clock.advance(500);
    expect(await first).toEqual(unsettled);
    faulty.release();
    await head.pass();
    expect(await bench.run(last)).toEqual({ outcome: 'done' });
    expect(await error.settle({ timeoutMs: 0 })).toEqual({ outcome: 'done' });
  });

  it('many calls under one signal are one listener', async () => {
    const one = await bench.open(ledger);
    const { signal } = new AbortController();
    const calls = Promise.all(Array.from({ length: 100 }, () => one.handle(1, { signal })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await bench.run(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

it('an id that is under way, and again in a body that is prepared meanwhile, counts once', async () => {
  const faulty = new FaultyEngine(bench.memory, { clock: bench.clock });
  const one = await bench.open(ledger, { engine: faulty });
  await bench.run(one.handle(large(1)));
  const before = faulty.messages.length;
  faulty.hold(['put']);
  const first = one.handle(large(2), { id: 'a' });
  await (await bench.run(faulty.message(before))).pass();
  const head = await bench.run(faulty.message(before + 1));
  const again = one.handle(large(2), { id: 'a' });
  const body = await bench.run(faulty.message(before + 2));
  expect(JSON.stringify(body.request)).toContain('/body/');
  faulty.release();
  await body.pass();
  await head.pass();
  expect(await bench.run(first)).toMatchObject({ status: 'journalled' });
  expect(await bench.run(again)).toMatchObject({ status: 'known' });
  expect(one.state.seen).toEqual([1, 2]);
});

it('a first result can be changed by nobody, also after a recovery from a snapshot', async () => {
  const handler = (sum: number, add: number) => withResult(sum + add, [sum]);
  const one = await bench.open<number, number, number[]>({ initialState: 0, handler });
  await bench.run(one.handle(1, { id: 'a' }));
  await bench.run(one.snapshot());
  const other = await bench.open<number, number, number[]>({ initialState: 0, handler });
  const { result } = await bench.run(other.handle(1, { id: 'a' }));
  expect(() => result.push(7)).toThrow(TypeError);
  expect(await bench.run(other.handle(1, { id: 'a' }))).toMatchObject({ status: 'known', result: [0] });
});

describe('a table that was put back', () => {
  /** What `before` holds, on a table of its own. */
  async function copyOf(before: MemoryEngine): Promise<MemoryEngine> {
    const copy = new MemoryEngine({ clock: bench.clock });
    const table = 'state';
    const { items } = await before.scan({ table, consistent: true });
    await bench.run(new AtomTable({ engine: copy, tableName: table }).create().then(() => {}));
    for (const item of items) await copy.put({ table, item });
    return copy;
  }

  /** An instance with six events, on a table that is put back to the first three of them. */
  async function openPutBack() {
    let engine: Engine = bench.memory;
    const switched = new Proxy({} as Engine, {
      get: (_, name) => (Reflect.get(engine, name) as (...args: unknown[]) => unknown).bind(engine),
    });
    const one = await bench.open(ledger, { engine: switched });
    for (const n of [1, 2, 3]) await bench.run(one.handle(n));
    const backup = await copyOf(bench.memory);
    for (const n of [4, 5, 6]) await bench.run(one.handle(n));
    engine = backup;
    return { one, other: await bench.open(ledger, { engine: backup }) };
  }

  const gap = (reason: string) => ({ code: 'ERR_JOURNAL_GAP', key: 'bank/head', reason });

  it('is found by a sync while it is behind', async () => {
    const { one, other } = await openPutBack();
    await bench.run(other.handle(7));
    expect(await errorOf(bench.run(one.sync()))).toMatchObject(gap('gap'));
    expect(() => one.state).toThrow(expect.objectContaining({ code: 'ERR_POISONED' }) as unknown as Error);
  });

  it.each(['a sync', 'an event'])(
    'is found by %s when others have come as far, and nothing is journalled',
    async (use) => {
      const { one, other } = await openPutBack();
      for (const n of [7, 8, 9]) await bench.run(other.handle(n));
      const error = await errorOf(bench.run<unknown>(use === 'a sync' ? one.sync() : one.handle(10)));
      expect(error).toMatchObject(gap('diverged'));
      expect(await bench.run(other.sync())).toMatchObject({ seen: [1, 2, 3, 7, 8, 9] });
    },
  );

  it('a journal that was made again beside the snapshots of the one before is not opened with their state', async () => {
    const one = await bench.open(ledger);
    for (const n of [1, 2, 3]) await bench.run(one.handle(n));
    await bench.run(one.snapshot());
    await bench.remove('bank/head');
    const journal = new Journal(bench.table(), 'bank', { consumer: { apply() {} } });
    await bench.run(journal.append({ decide: () => ({ text: '7', count: 1 }) }));
    expect(await errorOf(bench.open({ ...ledger, mode: 'read-only' }))).toMatchObject(gap('gap'));
    for (const n of [8, 9]) {
      await bench.run(journal.append({ decide: () => ({ text: `${n}`, count: 1 }) }));
    }
    expect(await errorOf(bench.open({ ...ledger, mode: 'read-only' }))).toMatchObject(gap('diverged'));
  });
});

it('who follows an instance that can not be trusted any more is told so, also when it was closed since', async () => {
  const picky = (sum: number, n: number) => {
    if (n === 13) throw new RangeError('not here');
    return sum + n;
  };
  const one = await bench.open({ initialState: 0, handler: picky });
  const other = await bench.open({ initialState: 0, handler: (sum: number, n: number) => sum + n });
  await bench.run(one.handle(1));
  const changes = one.changes({ from: 1 });
  expect(await bench.run(changes.next())).toMatchObject({ value: { event: 1 } });
  await bench.run(other.handle(13));
  expect(await errorOf(bench.run(one.sync()))).toMatchObject({ code: 'ERR_REPLAY' });
  await bench.run(one.close());
  expect(await errorOf(bench.run(changes.next()))).toMatchObject({ code: 'ERR_POISONED' });
});

it('who follows slowly holds no more of large events in memory than of small ones, and misses none', async () => {
  const handler = (sum: number) => sum + 1;
  const one = await bench.open({ initialState: 0, handler });
  const changes = one.changes();
  const first = changes.next();
  const numbers = Array.from({ length: 12 }, (_, index) => index + 1);
  const text = 'x'.repeat(2 * 1_024 * 1_024);
  const event = (n: number) => ({ n, text });
  for (const n of numbers) await bench.run(one.handle(event(n)));
  const before = bench.memory.spent().requests;
  const seen = [await first];
  while (seen.length < numbers.length) seen.push(await bench.run(changes.next()));
  expect(seen.map(({ value }) => (value as { event: { n: number } }).event.n)).toEqual(numbers);
  // What is not in memory any more was read.
  expect(bench.memory.spent().requests).toBeGreaterThan(before);
});

it('an audit passes over a snapshot that is pruned meanwhile', async () => {
  const keepOne = { ...ledger, retention: { keep: 1 } };
  const one = await bench.open(keepOne);
  const write = async () => {
    for (const n of Array.from({ length: 20 }, (_, index) => index)) await one.handle({ pay: n, note: noise(150, n) });
    await one.snapshot();
  };
  await bench.run(write());
  await bench.run(write());
  const storage = bench.storage();
  const slow: Storage = {
    ...storage,
    open(request) {
      const log = storage.open(request);
      const { snapshots } = log;
      log.snapshots = async (signal) => {
        const kept = await snapshots.call(log, signal);
        await write();
        await one.prune();
        return kept;
      };
      return log;
    },
  };
  const auditor = await bench.open({ ...keepOne, storage: slow });
  expect(await bench.run(auditor.verify())).toBe(0);
});

describe('an instance that is to write alone', () => {
  it('is given up by the signal of its opening, also while it waits for the right to', async () => {
    const faulty = new FaultyEngine(bench.memory, { clock: bench.clock });
    faulty.hold(['put']);
    const abort = new AbortController();
    const { signal } = abort;
    const opening = errorOf(
      bench.start({ ...ledger, mode: 'single-writer', signal, closeTimeoutMs: 500 }, { engine: faulty }),
    );
    const head = await bench.run(faulty.message(0));
    abort.abort(new Error('enough'));
    await bench.clock.advance(3_000);
    expect((await opening).message).toBe('enough');
    faulty.release();
    await head.pass();
  });

  it('gives up that right when it is closed, also when its state was spoiled', async () => {
    const handler = ({ bytes, sum }: { bytes: Uint8Array; sum: number }, n: number) => {
      if (n === 13) bytes[0] = n;
      return { bytes, sum: sum + n };
    };
    const alone = { initialState: { bytes: new Uint8Array(4), sum: 0 }, handler, mode: 'single-writer' as const };
    const one = await bench.open(alone);
    expect(await errorOf(bench.run(one.handle(13)))).toMatchObject({ code: 'ERR_STATE_SPOILED' });
    await bench.run(one.close());
    const other = await bench.open(alone);
    expect(await bench.run(other.handle(1))).toMatchObject({ seq: 1, state: { sum: 1 } });
  });
});

it('a listener for warnings that throws stops nothing', async () => {
  const emitted: unknown[] = [];
  const emit = jest.spyOn(process, 'emitWarning').mockImplementation((warning) => void emitted.push(warning));
  const onWarning = () => {
    throw new Error('the listener is broken');
  };
  const onProgress = () => {
    throw new Error('the other one too');
  };
  const down = async () => {
    throw new Error('the store is down');
  };
  const store = { partBytesMax: 100_000, put: down, get: async () => undefined, delete: async () => {} };
  const automatic = { eventsMin: 1, bytesMin: 1 };
  const one = await bench.open({ ...ledger, onWarning, onProgress, snapshots: automatic }, { snapshots: store });
  for (const n of [1, 2, 3]) await bench.run(one.handle(n));
  await bench.run(one.close());
  emit.mockRestore();
  // Of the progress, and of a snapshot at least.
  expect(emitted).toEqual(Array.from({ length: emitted.length }, () => 'the listener is broken'));
  expect(emitted.length).toBeGreaterThan(1);
});

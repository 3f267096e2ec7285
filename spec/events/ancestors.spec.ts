// Goal: what cqrs-es and its store on DynamoDB (H-DE) got wrong holds here. One spec a fault, named by its number. Of views (6 in part, 7, 9,
// 10) `ancestors-views.spec.ts` tells.
// Method: memory engines, one store object for each process; engines that lose answers, and that fail.
import { describe, expect, it } from '@jest/globals';
import { AtomTable, type UnknownOutcomeError } from '../../lib/atom/index.js';
import { type Engine, MemoryEngine } from '../../lib/engine/index.js';
import {
  AggregateType,
  EventStore,
  type EventStoreOptions,
  type Truth,
  transientEventStore,
} from '../../lib/events/index.js';
import { all, noise, seqs, upTo } from '../contract/event-store-bench.js';
import { isWriteStep, type OnStep, steppedEngine } from '../support/stepped-engine.js';

const tableName = 'state';

async function openMemory(): Promise<MemoryEngine> {
  const engine = new MemoryEngine();
  await new AtomTable({ engine, tableName }).create();
  return engine;
}

/** Another process. */
const storeOn = (engine: Engine, options: EventStoreOptions = {}) =>
  new EventStore(new AtomTable({ engine, tableName }), options);

type Counted = { type: 'counted'; data: number };
const counterBy = (truth: Truth, options: { stateVersion?: number; padding?: string } = {}) =>
  new AggregateType<{ sum: number; padding: string }, number[], Counted>({
    name: 'counter',
    initial: { sum: 0, padding: '' },
    handle: (_state, adds) => adds.map((data) => ({ type: 'counted', data })),
    apply: ({ sum }, { data }) => ({ sum: sum + data, padding: options.padding ?? '' }),
    truth,
    stateVersion: options.stateVersion ?? 1,
  });
const truths: readonly Truth[] = ['events', { snapshotEvery: 2 }, { snapshotEvery: 5 }, 'aggregate'];
/** States that fit in the head, and states that do not. */
const paddings = ['', noise(3_000)];

describe('H-DE1', () => {
  it.each(truths.flatMap((truth) => paddings.map((padding) => [truth, padding.length, padding] as const)))(
    'H-DE1: with %j, states of %i bytes: each event is applied once, to the state that is answered and to the one that is loaded',
    async (truth, _length, padding) => {
      const engine = await openMemory();
      const counter = counterBy(truth, { padding });
      const store = storeOn(engine);
      for (const n of upTo(7)) {
        expect((await store.execute(counter, '1', [1])).state.sum).toBe(n);
        expect(await storeOn(engine).load(counter, '1')).toMatchObject({ state: { sum: n }, version: n });
      }
    },
  );
});

describe('H-DE2', () => {
  it.each(paddings.map((padding) => [padding.length, padding] as const))(
    'H-DE2: a command whose events cross the size of a snapshot is in the state with all of them (state of %i bytes)',
    async (_length, padding) => {
      const engine = await openMemory();
      const counter = counterBy({ snapshotEvery: 2 }, { padding });
      const store = storeOn(engine);
      let sum = 0;
      for (const adds of [[1, 1, 1], [1], [1, 1, 1, 1, 1], [1, 1]]) {
        await store.execute(counter, '1', adds);
        sum += adds.length;
        expect(await storeOn(engine).load(counter, '1')).toMatchObject({ state: { sum }, version: sum });
      }
    },
  );
});

describe('H-DE3', () => {
  it.each(paddings.map((padding) => [padding.length, padding] as const))(
    'H-DE3: a snapshot of another version of the state is made anew from the events, and commands go on (state of %i bytes)',
    async (_length, padding) => {
      const engine = await openMemory();
      await storeOn(engine).execute(counterBy('aggregate', { padding }), '1', [1, 2, 3]);
      const next = counterBy('aggregate', { padding, stateVersion: 2 });
      const store = storeOn(engine);
      expect(await store.load(next, '1')).toMatchObject({ state: { sum: 6 }, version: 3 });
      expect(await store.execute(next, '1', [4])).toMatchObject({ state: { sum: 10 }, version: 4 });
      expect(await storeOn(engine).execute(next, '1', [5])).toMatchObject({ state: { sum: 15 }, version: 5 });
    },
  );

  it('H-DE3: a note that can not be read is passed over with a warning, and the version is kept', async () => {
    const engine = await openMemory();
    const counter = counterBy('aggregate');
    await storeOn(engine).execute(counter, '1', [1, 2, 3]);
    const key = { id: { S: 'events/counter-1/head' } };
    const item = await engine.get({ table: tableName, key, consistent: true });
    const head = item?.d as { readonly M: object };
    const spoilt = { ...head.M, note: { B: new Uint8Array([1, 2, 3, 4]) } };
    await engine.put({ table: tableName, item: { ...item, ...key, d: { M: spoilt } } as never });
    const warnings: unknown[] = [];
    const store = storeOn(engine, { onWarning: (warning) => warnings.push(warning) });
    expect(await store.execute(counter, '1', [4])).toMatchObject({ state: { sum: 10 }, version: 4 });
    expect(warnings.length).toBeGreaterThan(0);
    expect(await storeOn(engine).load(counter, '1')).toMatchObject({ state: { sum: 10 }, version: 4 });
  });
});

describe('H-DE4', () => {
  it('H-DE4: an aggregate of several MB loads whole, and takes commands', async () => {
    const engine = await openMemory();
    const store = storeOn(engine);
    const counter = counterBy('events');
    for (const n of upTo(8)) {
      await store.append(
        'counter-1',
        upTo(4).map((part) => ({ type: 'counted', data: 1, metadata: { noise: noise(90_000, 4 * n + part) } })),
      );
    }
    for (const process of [store, storeOn(engine)]) {
      expect(await process.load(counter, '1')).toMatchObject({ state: { sum: 32 }, version: 32 });
    }
    expect(await storeOn(engine).execute(counter, '1', [1])).toMatchObject({ state: { sum: 33 }, version: 33 });
    expect(seqs(await all(storeOn(engine).read('counter-1')))).toEqual(upTo(33));
  });
});

describe('H-DE5', () => {
  it('H-DE5: what was acknowledged is seen by each read after it, on a store whose eventual reads are behind', async () => {
    const engine = new MemoryEngine({ staleness: () => 5 });
    await new AtomTable({ engine, tableName }).create();
    const store = storeOn(engine);
    for (const n of upTo(40)) {
      await store.append('s', [{ type: 'n', data: noise(60, n) }]);
      expect(await all(storeOn(engine).read('s', { from: n }))).toHaveLength(1);
    }
    expect(seqs(await all(storeOn(engine).read('s')))).toEqual(upTo(40));
  });
});

describe('H-DE6, H-DE7', () => {
  it('H-DE6: listing passes over what is not of the store, and tells of what can not be read', async () => {
    const engine = await openMemory();
    const table = new AtomTable({ engine, tableName });
    const store = storeOn(engine);
    await table.atom('events/x').reset(1);
    await table.atom('other').reset(1);
    await storeOn(engine, { name: 'events2' }).append('theirs', [{ type: 'a' }]);
    await store.append('ours', [{ type: 'a' }]);
    await engine.put({ table: tableName, item: { id: { S: 'events/foreign/head' }, what: { S: 'no atom' } } });
    expect((await all(store.streams())).map(({ stream }) => stream)).toEqual(['ours']);
    await table.atom('events/damaged/head').reset({ not: 'a head' });
    await expect(all(store.streams())).rejects.toMatchObject({
      code: 'ERR_JOURNAL_FORMAT',
      journal: 'events/damaged/head',
    });
    const key = { id: { S: 'events/ours/head' } };
    const item = await engine.get({ table: tableName, key, consistent: true });
    const head = item?.d as { readonly M: object };
    const spoilt = { ...item, ...key, d: { M: { ...head.M, tail: { S: '' } } } };
    await engine.put({ table: tableName, item: spoilt as never });
    await expect(all(store.streams({ prefix: 'ours' }))).rejects.toMatchObject({ code: 'ERR_DECODE' });
  });

  it('H-DE7: a scan and a read that fail on a later page end with the error, after a bounded number of requests', async () => {
    const engine = await openMemory();
    const store = storeOn(engine);
    for (const n of upTo(6)) await store.append('s', [{ type: 'n', data: noise(900_000, n) }]);
    let [fails, requests] = [false, 0];
    const onStep: OnStep = (step) => {
      requests += 1;
      const isLater = step.kind === 'scan' ? step.text.includes('startKey') : step.text.includes('/body/');
      if (!isLater && !fails) return undefined;
      fails = true;
      return Promise.reject(
        Object.assign(new Error('no such key'), { name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } }),
      );
    };
    for (const loop of ['streams', 'read'] as const) {
      [fails, requests] = [false, 0];
      const failing = storeOn(steppedEngine(engine, onStep));
      await expect(all<unknown>(loop === 'streams' ? failing.streams() : failing.read('s'))).rejects.toThrow(
        'no such key',
      );
      expect(requests).toBeLessThan(10);
    }
  });
});

describe('H-DE8', () => {
  it('H-DE8: "a:b" with "c" is not "a" with "b:c", nor is any other pair of type and id another one', async () => {
    const store = transientEventStore();
    const typeNamed = (name: string) =>
      new AggregateType<number, number, Counted>({
        name,
        initial: 0,
        handle: (_sum, data) => ({ type: 'counted', data }),
        apply: (sum, { data }) => sum + data,
      });
    const pairs = [
      ...[
        ['a:b', 'c'],
        ['a', 'b:c'],
        ['a-b', 'c'],
        ['a', 'b-c'],
        ['a/b', 'c'],
        ['a', 'b/c'],
        ['a%2Db', 'c'],
        ['a%2D', 'b-c'],
      ],
      ...[
        ['a', '-b'],
        ['a-', 'b'],
        ['@a', 'b'],
        ['%40a', 'b'],
        ['a%', '2Fb'],
        ['a%2F', 'b'],
      ],
    ] as [string, string][];
    for (const [at, [type, id]] of pairs.entries()) {
      expect(await store.execute(typeNamed(type), id, at + 1)).toMatchObject({ version: 1, state: at + 1 });
    }
    for (const [at, [type, id]] of pairs.entries()) {
      expect(await store.load(typeNamed(type), id)).toEqual({ version: 1, state: at + 1 });
    }
  });
});

describe('H-DE11', () => {
  it.each(['append', 'execute'] as const)(
    'H-DE11: %s of which the answers get lost happens once, also when it is called again',
    async (call) => {
      const engine = await openMemory();
      const counter = counterBy('events');
      let writes = 0;
      // A put of which no answer came is sent again as it is: the answer to that comes.
      const lose: OnStep = (step) => {
        if (!isWriteStep(step)) return undefined;
        writes += 1;
        return writes % 2 === 0
          ? undefined
          : step.send().then(() => ({ status: 'unclear', error: new Error('reset') }));
      };
      const run = (store: EventStore) =>
        call === 'append'
          ? store.append('counter-1', [{ type: 'counted', data: 5 }], { commandId: 'once', expected: 'no-stream' })
          : store.execute(counter, '1', [5], { commandId: 'once', expected: 'no-stream' });
      expect(await run(storeOn(steppedEngine(engine, lose)))).toMatchObject({ version: 1 });
      // The caller died before it was told, and another process does it again.
      expect(await run(storeOn(engine))).toMatchObject({ version: 1, repeated: true });
      expect(await all(storeOn(engine).read('counter-1'))).toMatchObject([{ data: 5, commandId: 'once' }]);
    },
  );
});

describe('H-DE12', () => {
  it('H-DE12: a conflict, a throttle and an unknown outcome are three different answers', async () => {
    const engine = await openMemory();
    await storeOn(engine).append('s', [{ type: 'a' }]);
    const conflict = storeOn(engine).append('s', [{ type: 'b' }], { expected: 'no-stream' });
    await expect(conflict).rejects.toMatchObject({ code: 'ERR_CONFLICT', outcome: 'not-done' });
    let trouble: 'throttled' | 'silent' | undefined = 'throttled';
    const onStep: OnStep = (step) => {
      if (trouble === undefined || !isWriteStep(step)) return undefined;
      const error = new Error(trouble);
      return Promise.resolve(
        trouble === 'throttled' ? { status: 'not-applied', kind: 'throttled', error } : { status: 'unclear', error },
      );
    };
    const store = storeOn(steppedEngine(engine, onStep));
    for (trouble of ['throttled', 'silent'] as const) {
      const late = store.append('s', [{ type: trouble }], { timeoutMs: 100 });
      const error = (await late.catch((reason: unknown) => reason)) as UnknownOutcomeError;
      expect(error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', outcome: 'unknown' });
      expect(await all(storeOn(engine).read('s', { from: 2 }))).toHaveLength(trouble === 'silent' ? 1 : 0);
      // The write goes on; who asks is told of its end.
      const settled = error.settle();
      trouble = undefined;
      expect(await settled).toMatchObject({ outcome: 'done' });
    }
    expect((await all(storeOn(engine).read('s'))).map(({ type }) => type)).toEqual(['a', 'throttled', 'silent']);
  });
});

describe('H-DE13', () => {
  it('H-DE13: sizes and versions that are none are refused; a command without events stores nothing', async () => {
    for (const every of [0, -1, 1.5, Number.NaN]) expect(() => counterBy({ snapshotEvery: every })).toThrow(RangeError);
    const engine = await openMemory();
    const store = storeOn(engine);
    for (const expected of [-1, 1.5, Number.NaN])
      await expect(store.append('s', [{ type: 'a' }], { expected })).rejects.toThrow(RangeError);
    expect(await store.execute(counterBy('aggregate'), '1', [])).toMatchObject({
      version: 0,
      events: [],
      state: { sum: 0 },
    });
    const { items } = await engine.scan({ table: tableName, consistent: true });
    expect(items).toEqual([]);
  });
});

describe('H-DE14', () => {
  it('H-DE14: the store in memory refuses the conflicts that one on a table refuses', async () => {
    const memory = new MemoryEngine();
    const [one, other] = [transientEventStore({ engine: memory }), transientEventStore({ engine: memory })];
    const { version } = await one.append('s', [{ type: 'a' }]);
    await other.append('s', [{ type: 'b' }], { expected: version });
    await expect(one.append('s', [{ type: 'c' }], { expected: version })).rejects.toMatchObject({
      ...{ code: 'ERR_CONFLICT', actual: 2, events: [{ type: 'b' }] },
    });
  });

  it('H-DE14: times of the store in memory are the same in each run, or those of a clock that it is given', async () => {
    const times = async () => {
      const store = transientEventStore();
      for (const n of upTo(5)) await store.append('s', [{ type: 'n', data: n }]);
      return (await all(store.read('s'))).map(({ time }) => time);
    };
    expect(await times()).toEqual(await times());
  });
});

describe('H-DE15', () => {
  it('H-DE15: an aggregate whose old events are gone does not load as another one: it fails', async () => {
    const engine = await openMemory();
    const store = storeOn(engine);
    for (const n of upTo(40))
      await store.append('counter-1', [{ type: 'counted', data: 1, metadata: { noise: noise(100, n) } }]);
    await engine.delete({ table: tableName, key: { id: { S: 'events/counter-1/page/0' } } });
    await expect(storeOn(engine).load(counterBy('events'), '1')).rejects.toMatchObject({
      code: 'ERR_JOURNAL_GAP',
      reason: 'missing',
    });
    await expect(all(storeOn(engine).read('counter-1'))).rejects.toMatchObject({ code: 'ERR_JOURNAL_GAP' });
  });
});

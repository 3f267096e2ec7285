// Goal: what no store can take is refused at once, by an error that says the rule, and nothing is written or even asked; what is found in
// the table and is none of the store's is told of by name.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { encrypted, keyRing } from '../../lib/codec/index.js';
import { FaultyEngine, MemoryEngine } from '../../lib/engine/index.js';
import {
  AggregateType,
  type AggregateTypeOptions,
  EventStore,
  type EventStoreOptions,
  transientEventStore,
  View,
} from '../../lib/events/index.js';
import { Journal } from '../../lib/journal/index.js';
import { atomStorage, openPrevayler } from '../../lib/prevalence/index.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { all } from '../contract/event-store-bench.js';

const tableName = 'state';
const circle: { self?: unknown } = {};
circle.self = circle;
class Money {
  readonly cents = 5;
}

async function openStore(options: EventStoreOptions = {}) {
  const engine = new MemoryEngine();
  const table = new AtomTable({ engine, tableName });
  await table.create();
  const before = engine.spent().requests;
  return { engine, table, store: new EventStore(table, options), sent: () => engine.spent().requests - before };
}

/** Not typed, as callers of plain JavaScript are not. */
type Untyped = Record<string, (...args: readonly unknown[]) => unknown>;

const event = { type: 'a' };
const type = new AggregateType<number, number>({ name: 'counter', initial: 0, handle: () => [], apply: (n) => n });

const view = new View<number>({ name: 'v', initial: 0, apply: (n) => n });

/** What is called, how it is refused, by which words. */
const refusals: readonly (readonly [
  method: string,
  args: readonly unknown[],
  error: new () => Error,
  words: RegExp,
])[] = [
  ['append', [5, [event]], TypeError, /name of a stream must be a string/],
  ['append', [undefined, [event]], TypeError, /name of a stream must be a string/],
  ['append', ['', [event]], RangeError, /must not be empty/],
  ['append', ['x'.repeat(600), [event]], RangeError, /limit is 512/],
  ['append', ['\ud800', [event]], RangeError, /surrogate/],
  ['append', ['s'], TypeError, /events must be an array/],
  ['append', ['s', event], TypeError, /events must be an array/],
  ['append', ['s', 'ab'], TypeError, /events must be an array/],
  ['append', ['s', [null]], TypeError, /must be an object with a type/],
  ['append', ['s', ['a']], TypeError, /must be an object with a type/],
  ['append', ['s', [{}]], TypeError, /type of an event must be a string/],
  ['append', ['s', [{ type: 5 }]], TypeError, /type of an event must be a string/],
  ['append', ['s', [{ type: '' }]], RangeError, /1 to 512 bytes/],
  ['append', ['s', [{ type: 'ä'.repeat(300) }]], RangeError, /1 to 512 bytes/],
  ['append', ['s', [{ type: 'a', id: 5 }]], TypeError, /id of an event must be a string/],
  ['append', ['s', [{ type: 'a', id: 'x'.repeat(300) }]], RangeError, /1 to 256 bytes/],
  ['append', ['s', [{ type: 'a', schemaVersion: 2 }]], TypeError, /schemaVersion of an event must be a string/],
  ['append', ['s', [{ type: 'a', metadata: [] }]], TypeError, /metadata must be an object/],
  [
    'append',
    ['s', [event, { type: 'b', data: circle, extra: () => {} }, { type: 'c', data: () => {} }]],
    Error,
    /data/,
  ],
  ['append', ['s', [{ type: 'b', data: new Money() }]], Error, /Money/],
  ['append', ['s', [{ type: 'b', data: Symbol('x') }]], Error, /symbol/i],
  ['append', ['s', [event], { expected: '3' }], TypeError, /expected must be a whole number/],
  ['append', ['s', [event], { expected: 3n }], TypeError, /3n/],
  ['append', ['s', [event], { expected: -1 }], RangeError, /expected must be a whole number/],
  ['append', ['s', [event], { expected: Number.NaN }], RangeError, /NaN/],
  ['append', ['s', [event], { expected: null }], TypeError, /expected must be/],
  ['append', ['s', [event], { commandId: '' }], RangeError, /commandId must have 1 to 256 bytes/],
  ['append', ['s', [event], { commandId: 5 }], TypeError, /commandId must be a string/],
  ['append', ['s', [event], { commandId: 'x'.repeat(257) }], RangeError, /1 to 256/],
  ['append', ['s', [event], { metadata: 'x' }], TypeError, /metadata must be an object/],
  ['append', ['s', [{ type: 'a', payload: 5 }]], TypeError, /no "payload", it would be lost; .* data/],
  ['append', ['s', [{ type: 'a', timestamp: 5 }]], TypeError, /no "timestamp".* metadata/],
  ['append', ['s', [event], { metadata: new Map([['by', 'ann']]) }], TypeError, /an instance of Map/],
  ['append', ['s', [event], { metadata: new Date() }], TypeError, /an instance of Date/],
  ['append', ['s', [event], 3], TypeError, /options must be an object: number/],
  ['append', ['s', [event], null], TypeError, /options must be an object: null/],
  ['append', ['s', [event], [3]], TypeError, /options must be an object: \[3\]/],
  ['append', ['s', [event], { expectedVersion: 3 }], TypeError, /no option expectedVersion; there are expected, /],
  ['append', ['s', [event], { expected: undefined }], TypeError, /expected is undefined; leave it out/],
  ['append', ['s', [event], { signal: new AbortController() }], TypeError, /signal must be an AbortSignal/],
  ['append', ['s', [event], { signal: null }], TypeError, /signal must be an AbortSignal/],
  ['append', ['s', [event], { timeoutMs: '5' }], RangeError, /timeoutMs must be a positive number/],
  ['append', ['s', [event], { timeoutMs: 0 }], RangeError, /timeoutMs must be a positive number/],
  ['append', ['s', [{ type: 'large', data: 'x'.repeat(9_000_000) }]], Error, /limit of one commit is 8388608/],
  ['execute', [{}, '1', 5], TypeError, /must be an AggregateType/],
  ['execute', [type, 5, 5], TypeError, /must be a string/],
  ['execute', [type, '', 5], RangeError, /must not be empty/],
  ['execute', [{ ...type }, '1', 5], TypeError, /must be an AggregateType/],
  ['execute', [type, 7, 5], TypeError, /the id of an aggregate must be a string: number/],
  ['execute', [type, '1', 5, { service: {} }], TypeError, /no option service; there are .*services/],
  ['execute', [type, '1', 5, { expected: undefined }], TypeError, /expected is undefined/],
  ['execute', [type, '1', 5, { retries: -1 }], RangeError, /retries must be a whole number/],
  ['load', [undefined, '1'], TypeError, /must be an AggregateType/],
  ['load', [type, '1', { version: 5 }], TypeError, /no option version/],
  ['appendAll', [[null]], TypeError, /options must be an object: null/],
  ['appendAll', [[{ stream: 's', events: [event], version: 3 }]], TypeError, /no option version; there are .*expected/],
  ['appendAll', [[{ stream: 's', events: [event], expected: undefined }]], TypeError, /expected is undefined/],
  ['appendAll', [[{ stream: 's', events: [event] }], { expected: 3 }], TypeError, /no option expected/],
  ['info', ['s', 5], TypeError, /options must be an object/],
  ['exists', ['s', { eventual: true }], TypeError, /no option eventual/],
  ['info', [5], TypeError, /must be a string/],
  ['exists', [''], RangeError, /must not be empty/],
  ['delete', [5], TypeError, /must be a string/],
  ['delete', ['s', { expected: 'nothing' }], TypeError, /expected must be/],
  ['delete', ['s', 3], TypeError, /options must be an object: number/],
  ['delete', ['s', { expected: undefined }], TypeError, /expected is undefined/],
  ['unarchive', ['s', { expected: 3 }], TypeError, /no option expected/],
  ['prune', [type, '1', { keep: 1 }], TypeError, /no option keep; there are keepSnapshots/],
  ['archive', ['s', { expected: -1 }], RangeError, /expected must be/],
  ['unarchive', [''], RangeError, /must not be empty/],
  ['read', [5], TypeError, /must be a string/],
  ['read', ['s', { maxCount: 10 }], TypeError, /no option maxCount; there are from, to, direction/],
  ['readAll', ['account'], TypeError, /options must be an object: string/],
  ['readAll', [{ stream: 's' }], TypeError, /no option stream/],
  ['readAll', [{ category: 5 }], TypeError, /category must be a string: number/],
  ['subscribeAll', [], TypeError, /options must be an object: undefined/],
  ['subscribeAll', [{ categories: ['s'] }], TypeError, /no option categories/],
  ['subscribe', ['s', { after: 5 }], TypeError, /no option after/],
  ['order', ['s', 5], TypeError, /options must be an object/],
  ['read', ['s', { from: -1 }], RangeError, /from must be a whole number/],
  ['read', ['s', { to: 1.5 }], RangeError, /to must be a whole number/],
  ['read', ['s', { direction: 'up' }], TypeError, /direction must be/],
  ['subscribe', ['s', { from: 'start' }], RangeError, /from must be a whole number/],
  ['subscribe', ['s', { pollMsMax: 0 }], RangeError, /pollMsMax must be/],
  ['streams', ['s'], TypeError, /options must be an object: string/],
  ['streams', [{ consistency: 'weak' }], TypeError, /consistency must be/],
  ['project', [view, { scanEvery: 5 }], TypeError, /no option scanEvery; there are .*scanEveryMs/],
  ['project', [view, { source: [] }], TypeError, /source must be an async iterable: object/],
  ['rebuild', [view, { id: 'ada' }], TypeError, /no option id; there are ids/],
  ['rebuild', [view, { ids: 'ada' }], TypeError, /ids must be an array: string/],
  ['projector', [], TypeError, /none is given/],
  ['streams', [{ prefix: 5 }], TypeError, /prefix must be a string/],
  ['streams', [{ category: 5 }], TypeError, /category must be a string/],
  ['streams', [{ closed: true }], TypeError, /closed must be/],
];

describe('a call', () => {
  it.each(refusals)('%s(%j) is refused before anything is sent', async (method, args, error, words) => {
    const { store, sent } = await openStore();
    const made = async (): Promise<void> => {
      const answer: unknown = await (store as unknown as Untyped)[method]?.apply(store, args as unknown[]);
      if (Symbol.asyncIterator in Object(answer)) await all(answer as AsyncIterable<unknown>);
    };
    const refusal: unknown = await made().catch((reason: unknown) => reason);
    expect(refusal).toBeInstanceOf(error);
    expect((refusal as Error).message).toMatch(words);
    expect((refusal as Error).message).toMatch(/^Cannot /);
    expect(sent()).toBe(0);
  });
});

describe('a store', () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ name: 5 }, /must be a string/],
    [{ name: '' }, /must not be empty/],
    [{ upcaster: [] }, /no option upcaster; there are name, upcasters/],
    [{ onWarning: true }, /onWarning must be a function: boolean/],
    [{ upcasters: {} }, /must be an array/],
    [{ upcasters: [null] }, /must be a string, upcast a function/],
    [{ ordered: 'account' }, /ordered must be true, or an array of names/],
    [{ ordered: [5] }, /ordered must be true, or an array of names/],
    [{ ordered: ['gift-card'] }, /no stream is in category "gift-card".* are in "gift%2Dcard"/],
    [{ headBytesMax: 300_000 }, /headBytesMax must be a whole number from 512 to 262144/],
    [{ headBytesMax: 100 }, /headBytesMax/],
    [{ appendBytesMax: 5 }, /appendBytesMax/],
    [{ appendBytesMax: 1e9 }, /appendBytesMax/],
    [{ openStreamsMax: 0 }, /openStreamsMax/],
    [{ upcasters: [{ type: 'a', to: 'two', upcast: () => ({}) }] }, /semantic version/],
    [{ upcasters: [{ type: 'a', to: '2.0.0' }] }, /must be a string, upcast a function/],
    [
      {
        upcasters: [
          { type: 'a', to: '2.0.0', upcast: () => ({}) },
          { type: 'a', to: '2.0.0+build', upcast: () => ({}) },
        ],
      },
      /two to version/,
    ],
  ];

  it.each(wrong)('with options %j is refused when it is opened', async (options, words) => {
    const { table, sent } = await openStore();
    expect(() => new EventStore(table, options as EventStoreOptions)).toThrow(words);
    expect(sent()).toBe(0);
  });

  it('whose categoryOf gives none is told of it, by the call that needs one', async () => {
    const categoryOf = (() => undefined) as unknown as NonNullable<EventStoreOptions['categoryOf']>;
    const { store, sent } = await openStore({ ordered: ['a'], categoryOf });
    await expect(store.append('a-1', [event])).rejects.toThrow(/categoryOf must return a string: undefined/);
    expect(sent()).toBe(0);
  });

  it('in memory is opened on an engine in memory', () => {
    const onTable = (engine: unknown) => () => transientEventStore({ engine: engine as MemoryEngine });
    expect(onTable({})).toThrow(/engine must be a MemoryEngine; on a table use new EventStore/);
    expect(() => transientEventStore({ upcaster: [] } as object)).toThrow(/no option upcaster/);
  });

  it('takes an event that was read, as a copy with a place of its own', async () => {
    const { store } = await openStore();
    const { events } = await store.append('s', [{ type: 'a', data: 1 }], { commandId: 'c' });
    expect(await store.append('t', events)).toMatchObject({ version: 1, events: [{ id: 's/1', stream: 't', seq: 1 }] });
  });

  it('on what is no table, or one that encrypts, is refused', () => {
    expect(() => new EventStore({} as AtomTable)).toThrow(/must be an AtomTable/);
    expect(() => new EventStore(undefined as unknown as AtomTable)).toThrow(/must be an AtomTable/);
    const keys = keyRing({ current: 'k1', keys: { k1: randomBytes(32) } });
    const table = new AtomTable({ engine: new MemoryEngine(), tableName, codec: encrypted({ keys }) });
    expect(() => new EventStore(table)).toThrow(/codec encrypts/);
  });
});

describe('a store that is not where it is looked for', () => {
  it('is told of when the time is up: the error says what stood in the way', async () => {
    const clock = new VirtualClock();
    const rules = [{ fault: { kind: 'unreachable' } }] as const;
    const engine = new FaultyEngine(new MemoryEngine(), { seed: 1, clock, rules });
    const store = new EventStore(new AtomTable({ engine, tableName, clock }));
    const timeoutMs = 5_000;
    for (const call of [
      () => store.append('s', [event], { timeoutMs }),
      () => store.execute(type, '1', 5, { timeoutMs }),
    ]) {
      const refusal: unknown = await clock.run(call().catch((error: unknown) => error));
      expect(refusal).toMatchObject({
        code: 'ERR_DEADLINE',
        message: expect.stringMatching(/stream .* last obstacle: connect ECONNREFUSED; nothing was written/),
      });
    }
  });
});

describe('AggregateType, View', () => {
  const handle = () => [];
  const apply = (n: number) => n;
  const wrong: readonly (readonly [options: unknown, words: RegExp])[] = [
    [undefined, /options must be an object/],
    [{ name: 'a', initial: 0, decide: handle, apply }, /no option decide; there are name, initial, handle/],
    [{ name: 'a', handle, apply }, /initial must be given/],
    [{ name: 'a', initial: 0, handle, apply, eventTypes: 'added' }, /eventTypes must be an array of strings/],
    [{ name: 'a', initial: 0, handle, apply, eventTypes: [5] }, /eventTypes must be an array of strings/],
    [{ name: 'a', initial: 0, handle, apply, truth: 'snapshots' }, /truth must be/],
  ];
  it.each(wrong)('an aggregate type with options %j is refused when it is made', (options, words) => {
    expect(() => new AggregateType(options as AggregateTypeOptions<number, number, never, undefined>)).toThrow(words);
  });

  it('a view is refused when it is made, by the rule that is broken', () => {
    const make = (options: unknown) => () => new View(options as ConstructorParameters<typeof View<number>>[0]);
    expect(make(undefined)).toThrow(/options must be an object/);
    expect(make({ name: 5, initial: 0, apply })).toThrow(/its name must be a string: number/);
    expect(make({ name: 'v', initial: 0, apply, ids: () => 'x' })).toThrow(
      /no option ids; there are name, initial, id/,
    );
  });

  it('a document is asked for by an array of ids', async () => {
    const { store } = await openStore();
    await expect(store.view(view).getMany('ada' as never)).rejects.toThrow(/ids must be an array: string/);
    await expect(store.view(view).get(5 as never)).rejects.toThrow(/an id must be a string: number/);
  });
});

describe('a handler', () => {
  const wrong: readonly (readonly [decided: () => unknown, words: RegExp])[] = [
    [() => true, /not a boolean/],
    [() => ({ n: 1 }), /an object without a type \(n\)/],
    [() => [Promise.resolve(event)], /an array with a promise; wait for it/],
    [() => [[event]], /an array with another array/],
    [() => [event].values(), /not what gives them one after the other/],
    [() => ({ type: 'a', payload: 5 }), /no "payload", it would be lost/],
  ];
  it.each(wrong)('that returns %s is told so, and nothing is appended', async (decided, words) => {
    const { store } = await openStore();
    const handle = decided as AggregateTypeOptions<number, number, { type: string }, undefined>['handle'];
    const wrongly = new AggregateType<number, number, { type: string }>({
      name: 'w',
      initial: 0,
      handle,
      apply: (n) => n,
    });
    await expect(store.execute(wrongly, '1', 5)).rejects.toThrow(words);
    expect(await store.info('w-1')).toBeUndefined();
  });
});

describe('an event of the past', () => {
  const up = (upcast: () => unknown) =>
    [{ type: 'a', to: '2.0.0', upcast }] as NonNullable<EventStoreOptions['upcasters']>;

  type Row = readonly [name: string, schemaVersion: string, upcast: () => unknown, words: RegExp];
  const rows: readonly Row[] = [
    ['with a version that is none', 'two', () => ({}), /no semantic version/],
    [
      'whose upcaster throws',
      '1.0.0',
      () => {
        throw new Error('no such field');
      },
      /threw: no such field/,
    ],
    ['whose upcaster gives nothing', '1.0.0', () => undefined, /returned no object/],
    [
      'whose upcaster gives data without saying so',
      '1.0.0',
      () => ({ amount: 5 }),
      /returned "amount"; return \{ data \}/,
    ],
    ['whose upcaster is asynchronous', '1.0.0', async () => ({}), /returned no object/],
    ['whose upcaster leads in a circle', '1.0.0', () => ({ type: 'b' }), /lead back to type a/],
  ];
  it.each(rows)(
    '%s: ERR_UPCAST names the event, and the stored one stays',
    async (_name, schemaVersion, upcast, words) => {
      const { table } = await openStore();
      const plain = new EventStore(table);
      await plain.append('s', [{ type: 'other' }, { type: 'a', schemaVersion }]);
      const back = { type: 'b', to: '2.0.0', upcast: () => ({ type: 'a' }) };
      const store = new EventStore(table, { upcasters: [...up(upcast), { ...back, to: '3.0.0' }] });
      const isCircle = /circle|lead/.test(String(words));
      const refused = {
        code: 'ERR_UPCAST',
        stream: 's',
        seq: 2,
        outcome: 'not-done',
        message: expect.stringMatching(words),
      };
      await expect(all(store.read('s'))).rejects.toMatchObject(
        isCircle ? { code: 'ERR_UPCAST', message: expect.stringMatching(words) } : refused,
      );
      expect(await all(store.read('s', { to: 1 }))).toHaveLength(1);
      expect(await all(plain.read('s'))).toHaveLength(2);
    },
  );
});

describe('what stands under the name of a stream', () => {
  it('a prevalent system: ERR_JOURNAL_FORMAT for every call, and its events are as they were', async () => {
    const { engine, table } = await openStore();
    const storage = atomStorage(table, 'events/s');
    const system = await openPrevayler({
      storage,
      initialState: 0,
      handler: (sum: number, n: number) => sum + n,
      snapshots: false,
    });
    await system.handle(1);
    const store = new EventStore(table);
    for (const call of [
      () => store.append('s', [event]),
      () => all(store.read('s')),
      () => store.info('s'),
      () => store.load(type, 's').then(() => store.delete('s')),
      () => store.archive('s'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_JOURNAL_FORMAT', outcome: 'not-done' });
    }
    await system.close();
    await store.append('t', [event]);
    expect((await all(store.streams())).map(({ stream }) => stream)).toEqual(['t']);
    const again = await openPrevayler({
      storage: atomStorage(new AtomTable({ engine, tableName }), 'events/s'),
      initialState: 0,
      handler: (sum: number, n: number) => sum + n,
      snapshots: false,
    });
    expect(again.state).toBe(1);
    await again.close();
  });

  it('a journal without a label: likewise', async () => {
    const { table } = await openStore();
    const journal = new Journal(table, 'events/s', { consumer: { apply: () => {} } });
    await journal.append({ decide: () => ({ text: '{}', count: 1 }) });
    await expect(new EventStore(table).append('s', [event])).rejects.toMatchObject({ code: 'ERR_JOURNAL_FORMAT' });
    await expect(new EventStore(table).delete('s')).rejects.toMatchObject({ code: 'ERR_JOURNAL_FORMAT' });
  });

  it('an item of another program: ERR_DECODE, and it stays', async () => {
    const { engine, table } = await openStore();
    const item = { id: { S: 'events/s/head' }, d: { S: 'theirs' }, e: { S: 'x' } };
    await engine.put({ table: tableName, item });
    const store = new EventStore(table);
    for (const call of [() => store.append('s', [event]), () => all(store.read('s')), () => store.delete('s')]) {
      await expect(call()).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(DECODE|JOURNAL_FORMAT|FOREIGN)/),
      });
    }
    expect(await engine.get({ table: tableName, key: { id: item.id }, consistent: true })).toEqual(item);
  });

  it('a page that is none: ERR_JOURNAL_GAP names it, and nothing is skipped', async () => {
    const { engine, table } = await openStore();
    const store = new EventStore(table);
    for (let n = 0; n < 40; n += 1) await store.append('s', [{ type: 'n', data: randomBytes(80).toString('hex') }]);
    await engine.put({ table: tableName, item: { id: { S: 'events/s/page/0' }, d: { B: new Uint8Array(50) } } });
    const damaged = { code: 'ERR_JOURNAL_GAP', key: 'events/s/page/0', reason: 'damaged' };
    await expect(all(new EventStore(table).read('s'))).rejects.toMatchObject(damaged);
    await expect(all(store.read('s', { direction: 'backwards' }))).rejects.toMatchObject(damaged);
    expect(await store.append('s', [{ type: 'n' }])).toMatchObject({ version: 41 });
  });
});

// Goal: a handler decides, and nothing else: it can't change a state, what it returns is checked, what it throws reaches the caller as
// it is; and nobody waits for one that hangs but its caller.
// Method: handlers that do what they should not, one by one; after each the stream and the state are what they were.
import { describe, expect, it } from '@jest/globals';
import { foldAll } from '../../../lib/events/aggregate/fold.js';
import { AggregateType, type CommandContext, type EventInput } from '../../../lib/events/index.js';
import { type Added, type Count, counter, openMemory, openProcess } from './counting.js';

type Handle = AggregateType<State, unknown, EventInput, unknown>['handle'];
interface State {
  n: number;
  list: number[];
  map: Map<string, { n: number }>;
  date: Date;
  bytes: Uint8Array;
}
const initial = (): State => ({
  n: 0,
  list: [1],
  map: new Map([['a', { n: 1 }]]),
  date: new Date(5),
  bytes: Buffer.from('abc'),
});
const typeWith = (handle: Handle, apply = (state: State) => ({ ...state, n: state.n + 1 })) =>
  new AggregateType<State, unknown, EventInput, unknown>({ name: 'odd', initial: initial(), handle, apply });
const noted: EventInput = { type: 'noted' };

describe('what a handler returns', () => {
  it.each<[string, unknown, number]>([
    ['an event', noted, 1],
    ['an array', [noted, noted], 2],
    ['an empty array', [], 0],
    ['nothing', undefined, 0],
    ['null', null, 0],
    ['a promise of an event', Promise.resolve(noted), 1],
    ['a promise of nothing', Promise.resolve(), 0],
  ])('may be %s', async (_name, returned, count) => {
    const { store } = openProcess(await openMemory());
    const { events, version, state } = await store.execute(
      typeWith(() => returned as never),
      '1',
      {},
    );
    expect([events.length, version, state.n]).toEqual([count, count, count]);
  });

  it.each<[string, unknown, string]>([
    ['a number', 7, 'not a number'],
    ['a text', 'deposited', 'not a string'],
    ['the state', initial(), 'not an object without a type (n, list, map)'],
    ['an array with nothing in it', [noted, undefined], 'not an array with undefined'],
    ['an array with null', [null], 'not an array with null'],
    ['a type that is no text', { type: 7 }, 'an object without a type'],
    ['a function', () => noted, 'not a function'],
    ['a generator', (function* () {})(), 'one after the other'],
  ])('may not be %s', async (_name, returned, text) => {
    const { store } = openProcess(await openMemory());
    const failed = store.execute(
      typeWith(() => returned as never),
      '1',
      {},
    );
    await expect(failed).rejects.toThrow(TypeError);
    await expect(failed).rejects.toThrow('handle of aggregate type odd must return');
    await expect(failed).rejects.toThrow(text);
    expect(await store.exists('odd-1')).toBe(false);
  });

  it('is refused as a whole when one of its events can not be stored or applied', async () => {
    const { store } = openProcess(await openMemory());
    const badly: readonly [Handle, object][] = [
      [() => [noted, { type: 'x', data: () => 1 }], { code: 'ERR_UNSUPPORTED_VALUE' }],
      [() => [noted, { type: '' }], { name: 'RangeError' }],
    ];
    for (const [handle, error] of badly) {
      await expect(store.execute(typeWith(handle), '1', {})).rejects.toMatchObject(error);
    }
    const picky = typeWith(
      () => [noted, noted],
      (state) => {
        if (state.n === 1) throw new Error('one is enough');
        return { ...state, n: state.n + 1 };
      },
    );
    await expect(store.execute(picky, '1', {})).rejects.toThrow('one is enough');
    const listed = new AggregateType({
      name: 'odd',
      initial: 0,
      handle: () => noted,
      apply: (n) => n,
      eventTypes: ['x'],
    });
    await expect(store.execute(listed, '1', {})).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_EVENT_TYPE',
      type: 'noted',
    });
    expect(await store.exists('odd-1')).toBe(false);
  });

  it('that is thrown reaches the caller as it is', async () => {
    const { store } = openProcess(await openMemory());
    for (const thrown of [new RangeError('no'), 'a text', undefined, { code: 7 }]) {
      const sync = typeWith(() => {
        throw thrown;
      });
      const later = typeWith(() => Promise.reject(thrown));
      for (const type of [sync, later]) {
        const caught = await store.execute(type, '1', {}).then(
          () => 'done',
          (error: unknown) => [error],
        );
        expect((caught as unknown[])[0]).toBe(thrown);
      }
    }
    expect(await store.exists('odd-1')).toBe(false);
  });
});

describe('what a handler is told', () => {
  it('is the state, the command, the services, and where it is', async () => {
    const { store } = openProcess(await openMemory());
    const told: [unknown, unknown, CommandContext][] = [];
    const type = typeWith((_state, command, services, context) => {
      told.push([command, services, context]);
      return noted;
    });
    const { signal } = new AbortController();
    const options = { services: { a: 1 }, metadata: { by: 'ann' }, commandId: 'c1', signal };
    const { events, time } = await store.execute(type, '1', { go: 1 }, options);
    expect(told).toEqual([
      [{ go: 1 }, { a: 1 }, { stream: 'odd-1', version: 0, time, commandId: 'c1', metadata: { by: 'ann' }, signal }],
    ]);
    expect(events).toMatchObject([{ type: 'noted', metadata: { by: 'ann' }, commandId: 'c1', time }]);
    await store.execute(type, '1', {});
    expect(told[1]?.[2]).toMatchObject({ version: 1, metadata: {}, commandId: undefined });
  });

  it('is not asked at all when the stream is not as expected', async () => {
    const { store } = openProcess(await openMemory());
    let calls = 0;
    const type = typeWith(() => {
      calls += 1;
      return noted;
    });
    await expect(store.execute(type, '1', {}, { expected: 1 })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      actual: 0,
    });
    await expect(store.execute(type, '1', {}, { expected: 'exists' })).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
    await store.execute(type, '1', {}, { expected: 'no-stream' });
    await expect(store.execute(type, '1', {}, { expected: 'no-stream' })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
    });
    await store.execute(type, '1', {}, { expected: 1 });
    expect(calls).toBe(2);
  });

  it('is told again when others were faster, as often as retries allow', async () => {
    const engine = await openMemory();
    const [one, other] = [openProcess(engine), openProcess(engine)];
    const type = counter(undefined);
    let rivals = 0;
    const slow = new AggregateType<Count, number, Added>({
      name: 'counter',
      initial: type.initial,
      apply: type.apply,
      handle: async (state, most: number) => {
        if (rivals < most) {
          rivals += 1;
          await other.store.execute(type, '1', [10]);
        }
        return { type: 'added' as const, data: { by: state.sum } };
      },
    });
    expect((await one.store.execute(slow, '1', 3, { retries: 3 })).state.sum).toBe(60);
    rivals = 0;
    const failed = one.store.execute(slow, '1', 9, { retries: 2 });
    await expect(failed).rejects.toMatchObject({ code: 'ERR_CONFLICT', events: [{ type: 'added', data: { by: 10 } }] });
    expect(rivals).toBe(3);
    await expect(one.store.execute(slow, '1', 0, { retries: -1 })).rejects.toThrow(RangeError);
  });

  it('does not hold up others by not answering', async () => {
    const { store } = openProcess(await openMemory());
    const never = typeWith(() => new Promise<never>(() => {}));
    const hanging = store.execute(never, '1', {}, { timeoutMs: 20 });
    const left = new AbortController();
    const aborted = store.execute(never, '1', {}, { signal: left.signal });
    const other = store.execute(
      typeWith(() => noted),
      '1',
      {},
    );
    left.abort(new Error('gone'));
    const [late, gone] = await Promise.allSettled([hanging, aborted]);
    expect([late, gone]).toMatchObject([{ reason: { code: 'ERR_DEADLINE' } }, { reason: { message: 'gone' } }]);
    expect((await other).version).toBe(1);
  });
});

describe('a state', () => {
  const mutations: readonly [string, (state: State) => unknown][] = [
    ['a member', (state) => (state.n = 7)],
    ['a member further in', (state) => state.list.push(2)],
    ['a Map', (state) => state.map.set('b', { n: 2 })],
    ['a value in a Map', (state) => ((state.map.get('a') as { n: number }).n = 7)],
    ['a Date', (state) => state.date.setTime(7)],
    ['bytes', (state) => state.bytes.fill(7)],
  ];
  const wellBehaved = typeWith(() => noted);

  it.each(mutations)('is not changed by a handler: %s', async (_name, mutate) => {
    const engine = await openMemory();
    const { store } = openProcess(engine);
    await store.execute(wellBehaved, '1', {});
    const bad = typeWith((state) => {
      mutate(state);
      return noted;
    });
    // Decided twice, on a state that was loaded and on one that was kept.
    for (let n = 0; n < 2; n += 1)
      await expect(store.execute(bad, '1', {})).rejects.toMatchObject({ name: 'TypeError' });
    const { state, version } = await store.execute(wellBehaved, '1', {});
    expect([{ ...state, n: 0 }, state.n, version]).toEqual([initial(), 2, 2]);
    expect((await openProcess(engine).store.load(wellBehaved, '1')).state).toEqual({ ...initial(), n: 2 });
  });

  it.each(mutations.slice(0, 5))('is not changed by apply: %s', async (_name, mutate) => {
    const { store } = openProcess(await openMemory());
    await store.execute(wellBehaved, '1', {});
    const bad = typeWith(
      () => noted,
      (state) => {
        mutate(state);
        return state;
      },
    );
    await expect(store.execute(bad, '1', {})).rejects.toMatchObject({ name: 'TypeError' });
    const { name, initial: first, handle, apply } = bad;
    const anew = new AggregateType({ name, initial: first, handle, apply, truth: 'events' });
    await expect(store.load(anew, '1')).rejects.toMatchObject({ name: 'TypeError' });
    expect((await store.load(wellBehaved, '1')).version).toBe(1);
  });

  it.each(mutations)('is not changed by whoever was given it: %s', async (_name, mutate) => {
    const { store } = openProcess(await openMemory());
    const { state } = await store.execute(wellBehaved, '1', {});
    try {
      mutate(state);
    } catch (error) {
      expect(error).toMatchObject({ name: 'TypeError' });
    }
    expect((await store.execute(wellBehaved, '1', {})).state).toEqual({ ...initial(), n: 2 });
    expect((await store.load(wellBehaved, '1')).state).toEqual({ ...initial(), n: 2 });
    expect((await store.load(wellBehaved, 'other')).state).toEqual(initial());
  });

  it('is data: what can not be stored is refused, whatever its truth', async () => {
    const { store } = openProcess(await openMemory());
    const odd = (next: unknown) =>
      typeWith(
        () => noted,
        () => next as State,
      );
    for (const next of [() => 1, { f: () => 1 }, new (class Odd {})(), Promise.resolve(1), Symbol('s')]) {
      await expect(store.execute(odd(next), '1', {})).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' });
    }
    await expect(store.execute(odd(undefined), '1', {})).rejects.toThrow(
      'apply of aggregate type odd returned nothing for noted',
    );
    expect(await store.exists('odd-1')).toBe(false);
    expect(
      () => new AggregateType({ name: 'x', initial: { f: () => 1 }, handle: () => noted, apply: (s) => s }),
    ).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED_VALUE' }) as unknown as Error);
  });
});

describe('foldAll()', () => {
  it('refuses events that do not follow on to the state', () => {
    const event = (seq: number) =>
      ({
        type: 'noted',
        data: 1,
        seq,
        stream: 'odd-1',
        metadata: {},
        id: 'x',
        time: 1,
        schemaVersion: '1.0.0',
      }) as never;
    const type = typeWith(() => noted);
    const from = { state: type.initial, seq: 1 };
    expect(foldAll(type, from, [event(2), event(3)])).toMatchObject({ seq: 3, state: { n: 2 } });
    expect(() => foldAll(type, from, [event(3)])).toThrow('event 3 does not follow on to a state of 1 events');
    expect(() => foldAll(type, from, [event(1)])).toThrow('does not follow on');
    expect(() => foldAll(type, from, [event(2), event(4)])).toThrow('does not follow on');
  });
});

describe('AggregateType', () => {
  it.each([
    ['name', { name: '' }],
    ['handle', { handle: undefined }],
    ['apply', { apply: 7 }],
    ['truth', { truth: 'snapshot' }],
    ['truth', { truth: { snapshotEvery: 0 } }],
    ['truth', { truth: { snapshotEvery: 1.5 } }],
    ['truth', { truth: {} }],
    ['truth', { truth: null }],
    ['stateVersion', { stateVersion: 0 }],
  ])('refuses a wrong %s', (name, wrong) => {
    const make = () =>
      new AggregateType({
        name: 'a',
        initial: 0,
        handle: () => noted,
        apply: (n: number) => n,
        ...(wrong as object),
      } as never);
    expect(make).toThrow(name);
  });

  it('names streams', () => {
    const type = new AggregateType({ name: 'my-type', initial: 0, handle: () => noted, apply: (n) => n });
    expect(type.streamOf('a-b')).toBe('my%2Dtype-a-b');
    expect(() => type.streamOf('')).toThrow(RangeError);
  });
});

// Goal: what views promise beside being right: what is refused, parked, replaced, told.
import { describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { type AnyView, EventStore, type EventStoreOptions, View, type ViewOptions } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';
import { FrozenEngine } from '../../journal/frozen-engine.js';
import { type Added, added, expectedOf, foundIn, named, perStream, type Trace } from './sample.js';

async function world(options: EventStoreOptions = {}, tableOptions: { sortKeyName?: string } = {}) {
  const engine = new MemoryEngine();
  const table = new AtomTable({ engine, tableName: 'state', ...tableOptions });
  await table.create();
  return { engine, table, store: new EventStore(table, options) };
}

/** Brings a view up to the log, once. */
async function catchUp(store: EventStore, view: AnyView, options = {}) {
  const projection = store.project(view, options);
  await projection.caughtUp;
  await projection.stop();
  return projection;
}

const poisoned = (options: Partial<ViewOptions<Trace, Added>> = {}) =>
  new View<Trace, Added>({
    ...perStream,
    apply: (trace, event) => {
      if (event.data < 0) throw new RangeError('below zero');
      return perStream.apply(trace, event);
    },
    ...options,
  });

describe('View', () => {
  it.each([
    [{ name: '' }, RangeError],
    [{ name: 7 }, TypeError],
    [{ initial: undefined }, TypeError],
    [{ apply: undefined }, TypeError],
    [{ id: 'x' }, TypeError],
    [{ version: 0 }, RangeError],
    [{ version: 1.5 }, RangeError],
  ])('refuses %j', (options, error) => {
    expect(() => new View({ ...perStream, ...options } as never)).toThrow(error);
  });
});

describe('Projection', () => {
  it('ends loudly at an event that can not be applied, and applies nothing after it', async () => {
    const warnings: unknown[] = [];
    const { store } = await world({ onWarning: (warning) => warnings.push(warning) });
    await store.append('a', [added(1), added(-1), added(2)]);
    const projection = store.project(poisoned());
    await expect(projection.done).rejects.toMatchObject({
      code: 'ERR_PROJECTION',
      view: 'per-stream',
      id: 'a',
      event: { stream: 'a', seq: 2 },
      cause: { message: 'below zero' },
    });
    expect(warnings).toMatchObject([{ code: 'ERR_PROJECTION' }]);
    await expect(projection.caughtUp).rejects.toMatchObject({ code: 'ERR_PROJECTION' });
    await expect(projection.refresh()).rejects.toMatchObject({ code: 'ERR_PROJECTION' });
    // The view is mended.
    await catchUp(store, perStream);
    expect(await store.view(perStream).get('a')).toEqual(['a/1', 'a/2', 'a/3']);
  });

  it('parks the stream of such an event where that is asked for, and goes on with the others', async () => {
    const { store } = await world();
    await store.append('a', [added(1), added(-1), added(2)]);
    await store.append('b', [added(1), added(2)]);
    const projection = store.project(poisoned(), { onError: 'park' });
    await projection.refresh();
    await store.append('a', [added(3)]);
    await projection.refresh();
    expect([...projection.parked].map(([stream, { event }]) => [stream, event.seq])).toEqual([['a', 2]]);
    expect(await projection.lag()).toMatchObject({ events: 3, streams: 1 });
    await projection.stop();
    await projection.done;
    expect(await store.view(perStream).getMany(['a', 'b'])).toEqual([['a/1'], ['b/1', 'b/2']]);
    await catchUp(store, perStream);
    expect(await store.view(perStream).get('a')).toEqual(['a/1', 'a/2', 'a/3', 'a/4']);
  });

  it.each([
    ['a promise', { apply: async () => [] }, /must not wait/],
    ['what can not be stored', { apply: () => (() => 1) as never }, /can not be stored/],
    ['an id that is none', { id: () => '' }, /id threw/],
    ['an id of a wrong type', { id: () => 7 }, /id threw/],
  ])('refuses %s', async (_what, options, message) => {
    const { store } = await world();
    await store.append('a', [added(1)]);
    const view = new View<Trace, Added>({ ...perStream, ...(options as object) });
    const { done } = store.project(view);
    await expect(done).rejects.toThrow(message);
    await expect(done).rejects.toMatchObject({ code: 'ERR_PROJECTION' });
  });

  it('refuses a document that is fed by too many streams before it grows too large', async () => {
    const { store } = await world();
    const view = new View<number, Added>({ name: 'wide', initial: 0, id: () => 'all', apply: (n) => n + 1 });
    const name = (n: number) => `${n}-${'x'.repeat(400)}`;
    const count = 260;
    const events = (n: number) => ({ stream: name(n), events: [added(n)].map((event) => ({ ...event, seq: 1 })) });
    const feed = store.projector(view);
    const records = Array.from({ length: count }, (_, n) => ({ value: { ...events(n), version: 1, time: 0 } }));
    await expect(
      feed({
        records: records.map(({ value }) => ({
          value: {
            ...value,
            events: value.events.map((e) => ({
              ...e,
              stream: value.stream,
              schemaVersion: '1.0.0',
              id: '',
              time: 0,
              commandId: undefined,
              metadata: {},
            })),
          },
        })),
      }),
    ).rejects.toMatchObject({ code: 'ERR_PROJECTION', cause: { code: 'ERR_VIEW_STREAMS', id: 'all' } });
  });

  it('is stopped by its signal, by stop(), and with its store', async () => {
    const { store } = await world();
    const stopping = new AbortController();
    const [one, other, third] = [
      store.project(perStream, { signal: stopping.signal }),
      store.project(named),
      store.project(named),
    ];
    await one.caughtUp;
    stopping.abort();
    await one.done;
    await other.stop();
    await other.done;
    await store.close();
    await third.done;
    await expect(one.refresh()).rejects.toThrow('was stopped');
    expect(() => store.project(perStream)).toThrow('is closed');
  });

  it('refuses wrong options', async () => {
    const { store } = await world();
    for (const options of [{ onError: 'skip' }, { category: 'a' }]) {
      expect(() => store.project(perStream, options as never)).toThrow(TypeError);
    }
    expect(() => store.project(perStream, { scanEveryMs: 0 })).toThrow(RangeError);
    expect(() => store.project({} as never)).toThrow(TypeError);
    expect(() => store.view({} as never)).toThrow(TypeError);
    expect(() => store.projector({} as never)).toThrow(TypeError);
    await expect(store.rebuild({} as never)).rejects.toThrow(TypeError);
    await expect(store.rebuild(perStream, { category: 'a' })).rejects.toThrow(TypeError);
    await expect(store.view(perStream).get('')).rejects.toThrow(RangeError);
  });
});

describe('versions and sources', () => {
  it('are not mixed in one generation', async () => {
    const { store } = await world({ ordered: ['a'] });
    await store.append('a-1', [added(1)]);
    await catchUp(store, perStream);
    const next = new View<Trace, Added>({ ...perStream, version: 2 });
    await expect(store.project(next).done).rejects.toMatchObject({ code: 'ERR_VIEW_VERSION', version: 2, stands: 1 });
    await expect(store.project(perStream, { category: 'a' }).done).rejects.toMatchObject({
      code: 'ERR_VIEW_SOURCE',
      stands: 'streams',
    });
    await store.rebuild(next, { category: 'a' });
    await expect(store.project(perStream).done).rejects.toMatchObject({
      code: 'ERR_VIEW_VERSION',
      version: 1,
      stands: 2,
    });
    await expect(store.project(next).done).rejects.toMatchObject({ code: 'ERR_VIEW_SOURCE', stands: 'category a' });
    await catchUp(store, next, { category: 'a' });
    expect(await store.view(next).get('a-1')).toEqual(['a-1/1']);
  });
});

describe('ordered categories', () => {
  it('feed documents in the order of the category, with one number in each', async () => {
    const { store, table } = await world({ ordered: ['a'] });
    const all: string[] = [];
    for (let n = 0; n < 30; n += 1) {
      const { events } = await store.append(`a-${n % 4}`, [added(n, 'all')]);
      all.push(...events.map(({ stream, seq }) => `${stream}/${seq}`));
    }
    const projection = store.project(named, { category: 'a' });
    await projection.refresh();
    expect(await store.view(named).get('all')).toEqual(all);
    const { events } = await store.append('a-9', [added(1, 'all')]);
    expect(await projection.lag()).toMatchObject({ events: 1, streams: 1 });
    await projection.refresh();
    await projection.stop();
    expect(await store.view(named).get('all')).toEqual([...all, `${events[0]?.stream}/1`]);
    const stored = await table.atom<{ seen: object }>('events/@view/named/1/doc/all').deref();
    expect(stored?.seen).toEqual({ 'category a': 31 });
    expect(await store.view(named).lag()).toEqual({ events: 0, streams: 0, ageMs: 0 });
    await store.rebuild(named, { category: 'a' });
    expect((await store.view(named).get('all'))?.length).toBe(31);
  });

  it('are gone on with by a projection that runs when a rebuild turns', async () => {
    const { store } = await world({ ordered: ['a'] });
    for (let n = 0; n < 10; n += 1) await store.append(`a-${n % 4}`, [added(n, 'all')]);
    const projection = store.project(named, { category: 'a' });
    await projection.refresh();
    const rebuilding = store.rebuild(named, { category: 'a' });
    for (let n = 0; n < 10; n += 1) await store.append(`a-${n % 4}`, [added(n, 'all')]);
    await rebuilding;
    for (let n = 0; n < 5; n += 1) await store.append(`a-${n % 4}`, [added(n, 'all')]);
    await projection.refresh();
    await projection.stop();
    expect(await foundIn(store, named)).toEqual(await expectedOf(store, named));
  });
});

describe('a generation that is begun', () => {
  it('is fed by nobody but its rebuild before it has what came before', async () => {
    const { engine, store } = await world({ ordered: ['a'] });
    for (let n = 0; n < 10; n += 1) await store.append(`a-${n % 4}`, [added(n, 'all')]);
    const projection = store.project(named, { category: 'a' });
    await projection.refresh();
    const frozen = new FrozenEngine(engine, { request: 3, delivers: false });
    const own = new EventStore(new AtomTable({ engine: frozen.engine, tableName: 'state' }), { ordered: ['a'] });
    const asleep = own.rebuild(named, { category: 'a' }).catch((error) => error);
    await frozen.frozen;
    await store.append('a-1', [added(1, 'all')]);
    await projection.refresh();
    expect(await store.rebuild(named, { category: 'a', takeOver: true })).toMatchObject({ resumed: true });
    await projection.stop();
    expect(await foundIn(store, named)).toEqual(await expectedOf(store, named));
    frozen.thaw();
    expect(await asleep).toMatchObject({ code: 'ERR_VIEW_REBUILDING' });
    expect(await foundIn(store, named)).toEqual(await expectedOf(store, named));
  });
});

describe('EventStore.rebuild with ids', () => {
  it('makes some documents anew, while others come to be', async () => {
    const { store } = await world();
    for (let n = 0; n < 12; n += 1) await store.append(`s-${n % 3}`, [added(n, 'x', `d-${n % 2}`)]);
    const wrong = new View<Trace, Added>({ ...named, apply: () => ['wrong'] });
    await catchUp(store, wrong);
    const projection = store.project(named);
    await projection.caughtUp;
    const replaying = store.rebuild(named, { ids: ['x', 'd-0', 'd-1', 'none'] });
    for (let n = 0; n < 6; n += 1) await store.append(`s-${n % 3}`, [added(n, 'x', `d-${n % 2}`)]);
    expect(await replaying).toMatchObject({ documents: 3 });
    await projection.refresh();
    await projection.stop();
    expect(await foundIn(store, named)).toEqual(await expectedOf(store, named));
  });

  it('leaves a document as it is when a stream that is in it was deleted', async () => {
    const { store } = await world();
    await store.append('a', [added(1)]);
    await catchUp(store, perStream);
    await store.delete('a');
    await expect(store.rebuild(perStream, { ids: ['a'] })).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    expect(await store.view(perStream).get('a')).toEqual(['a/1']);
  });
});

describe('ViewReader', () => {
  it('reads the documents of one generation at a time while views are rebuilt', async () => {
    const { store } = await world();
    const ids = Array.from({ length: 20 }, (_, n) => `s-${n}`);
    for (const id of ids) await store.append(id, [added(1)]);
    await catchUp(store, perStream);
    const view = store.view(perStream);
    let isOver = false;
    const rebuilding = (async () => {
      for (let n = 0; n < 4; n += 1) await store.rebuild(perStream);
      isOver = true;
    })();
    while (!isOver) {
      const found = await view.getMany(ids);
      expect(found.every((one) => one?.length === 1)).toBe(true);
    }
    await rebuilding;
  });

  it('tells of a listing that a rebuild has cut short', async () => {
    const { store } = await world();
    for (let n = 0; n < 5; n += 1) await store.append(`s-${n}`, [added(1)]);
    await catchUp(store, perStream);
    const listing = async () => {
      for await (const _ of store.view(perStream).entries()) await store.rebuild(perStream);
    };
    await expect(listing()).rejects.toMatchObject({ code: 'ERR_VIEW_SWITCHED', retryable: true });
  });
});

describe('a table with a sort key', () => {
  it('keeps views as any other', async () => {
    const { store } = await world({}, { sortKeyName: 'sk' });
    for (let n = 0; n < 12; n += 1) await store.append(`s/${n % 3}`, [added(n, 'x', `__proto__`)]);
    await store.append('__proto__', [added(1, '@x', '%')]);
    for (const view of [perStream, named]) {
      await catchUp(store, view);
      expect(await foundIn(store, view)).toEqual(await expectedOf(store, view));
      await store.rebuild(view);
      expect(await foundIn(store, view)).toEqual(await expectedOf(store, view));
      await store.rebuild(view, { ids: ['x', '__proto__', 's/1'] });
      expect(await foundIn(store, view)).toEqual(await expectedOf(store, view));
    }
  });
});

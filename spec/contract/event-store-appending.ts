/** Appending: versions, expectations, what is recorded, sizes, several at once. */
import { expect, it } from '@jest/globals';
import type { ExpectedVersion } from '../../lib/events/index.js';
import { all, noise, type OpenStore, seqs, upTo } from './event-store-bench.js';

type Row = readonly [state: string, expected: ExpectedVersion, version: number];

/** What is to become of an append to a stream of two events, to none, to an archived and to a deleted one. */
const met: readonly Row[] = [
  ['none', 'any', 0],
  ['none', 'no-stream', 0],
  ['none', 0, 0],
  ['two events', 'any', 2],
  ['two events', 'exists', 2],
  ['two events', 2, 2],
];
const unmet: readonly Row[] = [
  ['none', 'exists', 0],
  ['none', 1, 0],
  ['two events', 'no-stream', 2],
  ['two events', 0, 2],
  ['two events', 1, 2],
  ['two events', 3, 2],
];
const closed = (['archived', 'deleted'] as const).flatMap((state) =>
  (['any', 'no-stream', 'exists', 0, 2, 3] as const).map((expected) => [state, expected] as const),
);

export function appendingContract(newStore: () => OpenStore): void {
  it.each(met)('to a stream that has %s: expected %p is met', async (_state, expected, version) => {
    const open = newStore();
    const [store, other] = [open(), open()];
    if (version > 0) await store.append('s', [{ type: 'a' }, { type: 'b' }]);
    const appended = await other.append('s', [{ type: 'c' }], { expected });
    expect(appended).toMatchObject({
      version: version + 1,
      repeated: false,
      events: [{ seq: version + 1, type: 'c' }],
    });
    expect((await all(store.read('s'))).at(-1)).toEqual(appended.events[0]);
  });

  it.each(unmet)('to a stream that has %s: expected %p is a conflict', async (_state, expected, version) => {
    const open = newStore();
    const [store, other] = [open(), open()];
    if (version > 0) await store.append('s', [{ type: 'a' }, { type: 'b' }]);
    for (const one of [store, other]) {
      await expect(one.append('s', [{ type: 'c' }], { expected })).rejects.toMatchObject({
        ...{ name: 'ConflictError', code: 'ERR_CONFLICT', stream: 's', expected, actual: version },
        ...{ outcome: 'not-done', retryable: false },
      });
      await expect(one.append('s', [], { expected })).rejects.toMatchObject({ code: 'ERR_CONFLICT', actual: version });
    }
    expect(await all(store.read('s'))).toHaveLength(version);
  });

  it.each(closed)('to a stream that is %s, expected %p: is refused as closed', async (state, expected) => {
    const open = newStore();
    const [store, other] = [open(), open()];
    await store.append('s', [{ type: 'a' }, { type: 'b' }]);
    await (state === 'archived' ? store.archive('s') : store.delete('s'));
    // Who knows the stream from before may find that the expectation can't be met any more, and need not look.
    for (const one of [other, open()]) {
      await expect(one.append('s', [{ type: 'c' }], { expected })).rejects.toMatchObject({
        ...{ code: 'ERR_STREAM_CLOSED', stream: 's', closed: state, outcome: 'not-done' },
      });
    }
  });

  it('a conflict carries the events that were faster', async () => {
    const open = newStore();
    const [store, other] = [open(), open()];
    const { version } = await store.append('s', [{ type: 'a' }]);
    const { events } = await other.append('s', [{ type: 'b', data: { n: 1 } }, { type: 'c' }], { expected: version });
    await expect(store.append('s', [{ type: 'd' }], { expected: version })).rejects.toMatchObject({ events });
    await expect(store.append('s', [{ type: 'd' }], { expected: 'no-stream' })).rejects.toMatchObject({
      events: [{ type: 'a' }, { type: 'b' }, { type: 'c' }],
    });
  });

  it('records what was given, frozen, under numbers from 1', async () => {
    const store = newStore()();
    const events = [
      {
        type: 'opened',
        data: { owner: 'ann' },
        metadata: { user: 'x', trace: null },
        schemaVersion: '2.1.0',
        id: 'e-1',
      },
      { type: 'noted' },
    ];
    const appended = await store.append('account-7', events, { metadata: { user: 'y', cause: 'z' } });
    expect(appended.version).toBe(2);
    expect(appended.events).toEqual([
      {
        ...{ type: 'opened', data: { owner: 'ann' }, metadata: { user: 'x', cause: 'z', trace: null } },
        ...{ schemaVersion: '2.1.0', id: 'e-1', stream: 'account-7', seq: 1, time: appended.time, commandId: 'e-1' },
      },
      {
        ...{ type: 'noted', data: undefined, metadata: { user: 'y', cause: 'z' } },
        ...{ schemaVersion: '1.0.0', id: 'account-7/2', stream: 'account-7', seq: 2, time: appended.time },
        commandId: 'e-1',
      },
    ]);
    expect(Object.isFrozen(appended.events[0])).toBe(true);
    expect(Object.isFrozen(appended.events[0]?.data)).toBe(true);
    expect(await all(store.read('account-7'))).toEqual(appended.events);
  });

  it('keeps values of all kinds, and takes copies', async () => {
    const store = newStore()();
    const data = {
      ...{ at: new Date(5), big: 12_345_678_901_234_567_890n, bytes: new Uint8Array([1, 2, 255]), not: undefined },
      ...{ map: new Map([['a', new Set([1])]]), url: new URL('https://a.b/c'), re: /x/g, nan: Number.NaN, zero: -0 },
      ...{
        text: 'ä\n"\\\u2028😀',
        deep: [[{ a: [null, true, 1.5] }]],
        proto: JSON.parse('{"__proto__":{"x":1}}') as object,
      },
    };
    const plain = { list: [1, 2] };
    await store.append('s', [
      { type: 'rich', data },
      { type: 'plain', data: plain },
    ]);
    plain.list.push(3);
    data.map.clear();
    const [rich, copied] = await all(store.read('s'));
    expect(rich?.data).toEqual({ ...data, map: new Map([['a', new Set([1])]]) });
    expect(copied?.data).toEqual({ list: [1, 2] });
    for (const value of [null, 0, '', false, [], 'text', 1e300]) await store.append('t', [{ type: 'x', data: value }]);
    expect((await all(store.read('t'))).map((event) => event.data)).toEqual([null, 0, '', false, [], 'text', 1e300]);
  });

  it('of no events changes nothing, and says whether the expectation is met', async () => {
    const store = newStore()();
    expect(await store.append('s', [])).toMatchObject({ version: 0, events: [], repeated: false });
    expect(await store.append('s', [], { expected: 'no-stream' })).toMatchObject({ version: 0 });
    expect(await store.info('s')).toBeUndefined();
    await store.append('s', [{ type: 'a' }]);
    expect(await store.append('s', [], { expected: 1 })).toMatchObject({ version: 1, events: [] });
    expect(await store.exists('s')).toBe(true);
  });

  it('takes events of 1 MB and more, whole or not at all', async () => {
    const open = newStore();
    const store = open();
    const large = noise(1_200_000);
    await store.append('s', [{ type: 'large', data: large }]);
    await store.append('s', [{ type: 'small' }, { type: 'large', data: large }, { type: 'small' }], { expected: 1 });
    const events = await all(open().read('s'));
    expect(events.map(({ type }) => type)).toEqual(['large', 'small', 'large', 'small']);
    expect(events.every(({ type, data }) => type === 'small' || data === large)).toBe(true);
    const tooLarge = { type: 'large', data: 'x'.repeat(9_000_000) };
    await expect(store.append('s', [tooLarge])).rejects.toMatchObject({
      code: 'ERR_APPEND_TOO_LARGE',
      outcome: 'not-done',
    });
    expect((await store.info('s'))?.version).toBe(4);
  });

  it('takes 10,000 events at once', async () => {
    const open = newStore();
    const events = upTo(10_000).map((n) => ({ type: 'counted', data: { n } }));
    const { version, events: recorded } = await open().append('s', events, { expected: 'no-stream' });
    expect(version).toBe(10_000);
    expect(recorded).toHaveLength(10_000);
    expect((await all(open().read<{ type: 'counted'; data: { n: number } }>('s'))).map(({ data }) => data.n)).toEqual(
      upTo(10_000),
    );
  });

  it('several processes at one stream: every event once, each append in one piece, in the order of its caller', async () => {
    const open = newStore();
    const stores = [open(), open(), open()];
    const appends = stores.flatMap((store, who) =>
      upTo(20).map((n) =>
        store.append('s', [
          { type: 'x', data: [who, n, 1] },
          { type: 'x', data: [who, n, 2] },
        ]),
      ),
    );
    await Promise.all(appends);
    const events = await all(open().read('s'));
    expect(seqs(events)).toEqual(upTo(120));
    for (const who of [0, 1, 2]) {
      const own = events.map(({ data }) => data as number[]).filter(([by]) => by === who);
      expect(own).toEqual(
        upTo(20).flatMap((n) => [
          [who, n, 1],
          [who, n, 2],
        ]),
      );
    }
    for (let at = 0; at < 120; at += 2) expect(events[at]?.data).toMatchObject({ 2: 1 });
    expect([...events].sort((a, b) => a.time - b.time)).toEqual(events);
  });

  it('of several with one expectation one wins', async () => {
    const open = newStore();
    const stores = [open(), open(), open(), open()];
    await stores[0]?.append('s', [{ type: 'a' }]);
    const won = await Promise.allSettled(
      stores.map((store, who) => store.append('s', [{ type: 'b', data: who }], { expected: 1 })),
    );
    expect(won.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of won)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'ERR_CONFLICT', actual: 2 });
    expect(await all(open().read('s'))).toHaveLength(2);
  });

  it('one after the other without waiting, each expecting the one before: all are met', async () => {
    const store = newStore()();
    const appends = upTo(30).map((n) => store.append('s', [{ type: 'n', data: n }], { expected: n - 1 }));
    expect((await Promise.all(appends)).map(({ version }) => version)).toEqual(upTo(30));
  });

  it('does nothing for a signal that has aborted; one that aborts on the way tells what may have happened', async () => {
    const store = newStore()();
    const gone = AbortSignal.abort(new Error('gone'));
    await expect(store.append('s', [{ type: 'a' }], { signal: gone })).rejects.toThrow('gone');
    expect(await store.exists('s')).toBe(false);
    const leaver = new AbortController();
    const left = store.append('s', [{ type: 'b' }], { signal: leaver.signal });
    leaver.abort(new Error('left'));
    const error: unknown = await left.catch((reason: unknown) => reason);
    const told = (error as { readonly code?: string }).code;
    if (told === 'ERR_UNKNOWN_OUTCOME') {
      const { outcome } = await (error as { settle(): Promise<{ outcome: string }> }).settle();
      expect(await store.exists('s')).toBe(outcome === 'done');
    } else {
      expect(error).toMatchObject({ message: 'left' });
      expect(await store.exists('s')).toBe(false);
    }
  });

  it('is refused by a store that was closed; what was under way is waited for', async () => {
    const open = newStore();
    const store = open();
    const appended = store.append('s', [{ type: 'a' }]);
    await store.close();
    expect(await appended).toMatchObject({ version: 1 });
    const refused = { code: 'ERR_EVENT_STORE_CLOSED', outcome: 'not-done' };
    await expect(store.append('s', [{ type: 'b' }])).rejects.toMatchObject(refused);
    await expect(all(store.read('s'))).rejects.toMatchObject(refused);
    await expect(store.info('s')).rejects.toMatchObject(refused);
    await expect(store.delete('s')).rejects.toMatchObject(refused);
    await store.close();
    expect(await all(open().read('s'))).toHaveLength(1);
  });
}

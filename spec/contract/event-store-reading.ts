/** Reading: directions, ranges, streams of many MB, subscriptions. */
import { expect, it } from '@jest/globals';
import type { EventStore } from '../../lib/events/index.js';
import { all, noise, type OpenStore, seqs, take, upTo } from './event-store-bench.js';

/** Commits of 1 to 4 events; some in the head, some in pages, one in a body. */
async function fill(store: EventStore, count: number): Promise<void> {
  for (let version = 0; version < count; ) {
    const size = Math.min((version % 4) + 1, count - version);
    const bytes = version === 12 ? 5_000 : 60;
    const events = upTo(size).map((n) => ({ type: 'n', data: { n: version + n, text: noise(bytes, version + n) } }));
    ({ version } = await store.append('s', events, { expected: version }));
  }
}

export function readingContract(newStore: () => OpenStore): void {
  it('gives each event once, in the order of numbers, forwards and backwards', async () => {
    const open = newStore();
    await fill(open(), 60);
    const store = open();
    expect(seqs(await all(store.read('s')))).toEqual(upTo(60));
    expect(seqs(await all(store.read('s', { direction: 'backwards' })))).toEqual(upTo(60).reverse());
    const events = await all(store.read<{ type: 'n'; data: { n: number } }>('s'));
    expect(events.every(({ seq, data }) => data.n === seq)).toBe(true);
  });

  it('gives any range, in both directions', async () => {
    const open = newStore();
    await fill(open(), 40);
    const store = open();
    for (const [from, to] of [
      [1, 1],
      [1, 40],
      [2, 39],
      [7, 7],
      [13, 30],
      [38, 40],
      [40, 40],
    ] as const) {
      const wanted = upTo(40).filter((seq) => seq >= from && seq <= to);
      expect(seqs(await all(store.read('s', { from, to })))).toEqual(wanted);
      expect(seqs(await all(store.read('s', { from: to, to: from, direction: 'backwards' })))).toEqual(
        wanted.reverse(),
      );
    }
    expect(seqs(await all(store.read('s', { from: 39 })))).toEqual([39, 40]);
    expect(seqs(await all(store.read('s', { to: 2 })))).toEqual([1, 2]);
    expect(seqs(await all(store.read('s', { from: 2, direction: 'backwards' })))).toEqual([2, 1]);
    expect(seqs(await all(store.read('s', { to: 39, direction: 'backwards' })))).toEqual([40, 39]);
    for (const [from, to] of [
      [41, 50],
      [3, 2],
      [0, 0],
    ] as const)
      expect(await all(store.read('s', { from, to }))).toEqual([]);
    expect(seqs(await all(store.read('s', { from: 0, to: Number.POSITIVE_INFINITY })))).toEqual(upTo(40));
  });

  it('gives nothing of a stream that there is not', async () => {
    const store = newStore()();
    expect(await all(store.read('s'))).toEqual([]);
    expect(await all(store.read('s', { direction: 'backwards' }))).toEqual([]);
  });

  it('reads streams of several MB to the end', async () => {
    const open = newStore();
    const store = open();
    for (const n of upTo(12))
      await store.append(
        's',
        upTo(3).map((part) => ({ type: 'n', data: noise(100_000, 3 * n + part) })),
      );
    expect(seqs(await all(open().read('s')))).toEqual(upTo(36));
    expect(seqs(await all(open().read('s', { direction: 'backwards' })))).toEqual(upTo(36).reverse());
    expect(seqs(await take(2, open().read('s', { from: 20 })))).toEqual([20, 21]);
  });

  it('sees what was acknowledged before the call, whoever appended it', async () => {
    const open = newStore();
    const [store, other] = [open(), open()];
    for (const n of upTo(8)) {
      await store.append('s', [{ type: 'n' }]);
      expect(await all(other.read('s'))).toHaveLength(n);
    }
  });

  it('ends with the reason of its signal', async () => {
    const open = newStore();
    await fill(open(), 30);
    const store = open();
    await expect(all(store.read('s', { signal: AbortSignal.abort(new Error('gone')) }))).rejects.toThrow('gone');
  });

  it('a subscription gives what there is and what comes, from any number on, each event once', async () => {
    const open = newStore();
    const [store, reader] = [open(), open()];
    await fill(store, 20);
    const [whole, later, ending] = [
      take(60, reader.subscribe('s', { pollMsMax: 100 })),
      take(45, reader.subscribe('s', { from: 16, pollMsMax: 100 })),
      reader.subscribe('s', { from: 'end', pollMsMax: 100 }),
    ];
    const next = ending.next();
    // Its beginning is the end as of its first look.
    await reader.append('other', [{ type: 'x' }]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const n of upTo(40)) await store.append('s', [{ type: 'n', data: { n: 20 + n } }]);
    expect(seqs(await whole)).toEqual(upTo(60));
    expect(seqs(await later)).toEqual(upTo(60).slice(15));
    expect((await next).value?.seq).toBeGreaterThan(20);
    await ending.return();
  });

  it('a subscription waits for a stream that there is not yet; it ends with its signal, with the stream, with the store', async () => {
    const open = newStore();
    const [store, reader] = [open(), open()];
    const first = take(1, reader.subscribe('s', { pollMsMax: 100 }));
    await store.append('s', [{ type: 'a' }]);
    expect(await first).toMatchObject([{ seq: 1, type: 'a' }]);
    const leaver = new AbortController();
    const left = all(reader.subscribe('s', { signal: leaver.signal }));
    leaver.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    const deleted = expect(all(reader.subscribe('s', { pollMsMax: 100 }))).rejects.toMatchObject({
      ...{ code: 'ERR_STREAM_CLOSED', closed: 'deleted' },
    });
    const closed = all(reader.subscribe('t', { pollMsMax: 100 }));
    await store.delete('s');
    await deleted;
    await reader.close();
    expect(await closed).toEqual([]);
  });
}

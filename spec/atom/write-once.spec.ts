// Goal: items beside the atoms that are written once: a put is there for certain or told as unclear, a read sees all or asks again.
// Method: each answer that a store and a network can give, by a faulty engine on a virtual clock.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { WriteOnceItems } from '../../lib/atom/index.js';
import { type Item, itemBytes } from '../../lib/codec/index.js';
import { type BatchGetRequest, itemBytesMax } from '../../lib/engine/index.js';
import { type Bench, openBench, outcomeOf, overridden } from './bench.js';

let bench: Bench;
let items: WriteOnceItems;
let calm: WriteOnceItems;
beforeEach(async () => {
  bench = await openBench();
  items = bench.table({ retry: { timeoutMs: 2_000, attemptTimeoutMs: 100 } }).writeOnce();
  calm = bench.calm().writeOnce();
});
const bytes = (...values: number[]) => Uint8Array.from(values);
const requests = () => bench.faulty.spent().requests;
const errorOf = (promise: Promise<unknown>) => bench.run(promise.catch((error: unknown) => error));
const once = (
  kind: 'reset-before' | 'reset-after' | 'throttle' | 'unreachable' | 'conflict' | '5xx-after',
  times = 1,
) => bench.faulty.setRules([{ fault: { kind }, times }]);
const reason = new Error('enough');

describe('putIfAbsent', () => {
  it('stores what is not there, and what is there stays', async () => {
    expect(await items.putIfAbsent('k', bytes(1))).toBe('stored');
    expect(await items.putIfAbsent('k', bytes(2))).toBe('exists');
    expect(await items.get('k')).toEqual(bytes(1));
  });

  it.each(['reset-before', 'reset-after', '5xx-after'] as const)(
    'is unanswered after %s, at once: it is for the caller to read',
    async (kind) => {
      once(kind);
      expect(await bench.run(items.putIfAbsent('k', bytes(1)))).toBe('unanswered');
      expect(requests()).toBe(1);
      expect(await calm.get('k')).toEqual(kind === 'reset-before' ? undefined : bytes(1));
    },
  );

  it('is unanswered when no answer comes in time, and when it may have been doubled on the way', async () => {
    bench.faulty.hold();
    const put = outcomeOf(items.putIfAbsent('k', bytes(1)));
    await bench.message(0);
    await bench.run(put.done);
    expect(put.value).toBe('unanswered');
    bench.faulty.release();
    bench.faulty.setRules([{ fault: { kind: 'duplicate', answer: 'second' } }]);
    expect(await bench.run(items.putIfAbsent('l', bytes(1)))).toBe('unanswered');
  });

  it.each(['throttle', 'unreachable', 'conflict'] as const)(
    'goes on after %s, which proves that nothing was written',
    async (kind) => {
      once(kind, 3);
      expect(await bench.run(items.putIfAbsent('k', bytes(1)))).toBe('stored');
      expect(requests()).toBe(4);
    },
  );

  it('gives up at its deadline, with nothing written; a refusal is passed on', async () => {
    bench.faulty.setRules([{ fault: { kind: 'throttle' } }]);
    expect(await errorOf(items.putIfAbsent('k', bytes(1)))).toMatchObject({
      code: 'ERR_DEADLINE',
      outcome: 'not-done',
    });
    const nowhere = bench.table({ tableName: 'nowhere', engine: bench.memory }).writeOnce();
    expect(await errorOf(nowhere.putIfAbsent('k', bytes(1)))).toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('get, getMany', () => {
  it('give up at their deadline, with nothing read; a refusal is passed on', async () => {
    bench.faulty.setRules([{ fault: { kind: 'unreachable' } }]);
    for (const reading of [() => items.get('k'), () => items.getMany(['k', 'l'])]) {
      const failure = await errorOf(reading());
      expect(failure).toMatchObject({ code: 'ERR_DEADLINE', retryable: true, cause: { code: 'ECONNREFUSED' } });
    }
    const nowhere = bench.table({ tableName: 'nowhere', engine: bench.memory }).writeOnce();
    expect(await errorOf(nowhere.get('k'))).toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('put', () => {
  it.each(['reset-before', 'reset-after', 'throttle', '5xx-after'] as const)(
    'comes back when it is there for certain, after %s',
    async (kind) => {
      once(kind, 3);
      await bench.run(items.put('k', bytes(7)));
      expect([await calm.get('k'), requests()]).toEqual([bytes(7), 4]);
    },
  );

  it('gives up at its deadline; passes a refusal on', async () => {
    bench.faulty.setRules([{ fault: { kind: 'reset-before' } }]);
    expect(await errorOf(items.put('k', bytes(1)))).toMatchObject({ code: 'ERR_DEADLINE', key: 'k' });
    const nowhere = bench.table({ tableName: 'nowhere', engine: bench.memory }).writeOnce();
    expect(await errorOf(nowhere.put('k', bytes(1)))).toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('takes as much as one item holds, and a byte more is refused before it is sent', async () => {
    for (const key of ['k', 'a longer key', 'ключ']) {
      const most = items.bytesMax(key);
      await items.put(key, new Uint8Array(most));
      expect(itemBytes((await bench.item(key)) as Item)).toBe(itemBytesMax);
      const before = requests();
      for (const put of [
        () => items.put(key, new Uint8Array(most + 1)),
        () => items.putIfAbsent(key, new Uint8Array(most + 1)),
      ]) {
        await expect((async () => put())()).rejects.toMatchObject({ code: 'ERR_ITEM_TOO_LARGE' });
      }
      expect(requests()).toBe(before);
    }
  });

  it('of nothing is something', async () => {
    await items.put('k', bytes());
    expect(await items.get('k')).toEqual(bytes());
  });
});

describe('delete', () => {
  it.each(['reset-before', 'reset-after', 'throttle'] as const)(
    'comes back when it is gone for certain, after %s, there or not',
    async (kind) => {
      await calm.put('k', bytes(1));
      for (let time = 0; time < 2; time += 1) {
        once(kind);
        await bench.run(items.delete('k'));
        expect(await calm.get('k')).toBeUndefined();
      }
    },
  );
});

describe('reads', () => {
  it('are strongly consistent, one by one and many at once', async () => {
    bench = await openBench({ staleness: () => 5 });
    items = bench.calm().writeOnce();
    await items.put('k', bytes(1));
    expect(await items.get('k')).toEqual(bytes(1));
    expect([...(await items.getMany(['k', 'l']))]).toEqual([['k', bytes(1)]]);
    await items.delete('k');
    expect([await items.get('k'), (await items.getMany(['k'])).size]).toEqual([undefined, 0]);
  });

  it('of many are a hundred keys a request, each key once', async () => {
    const keys = Array.from({ length: 250 }, (_, index) => `k${index}`);
    for (const key of keys) await calm.put(key, Buffer.from(key));
    const found = await items.getMany([...keys, ...keys, 'none']);
    expect(new Map([...found].map(([key, value]) => [key, Buffer.from(value).toString()]))).toEqual(
      new Map(keys.map((key) => [key, key])),
    );
    expect(requests()).toBe(3);
    expect((await items.getMany([])).size).toBe(0);
    expect(requests()).toBe(3);
  });

  it('ask again for what was not processed, and pause when nothing was', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    for (const key of keys) await calm.put(key, Buffer.from(key));
    bench.faulty.setRules([{ fault: { kind: 'partial' } }]);
    expect((await bench.run(items.getMany(keys))).size).toBe(20);
    expect(requests()).toBeGreaterThan(3);
    let asked = 0;
    const busy = overridden(bench.memory, {
      batchGet: (request: BatchGetRequest) => {
        asked += 1;
        return asked < 4 ? Promise.resolve({ items: [], unprocessed: request.keys }) : bench.memory.batchGet(request);
      },
    });
    const started = bench.clock.monotonicMs();
    const slow = bench.table({ engine: busy }).writeOnce();
    expect((await bench.run(slow.getMany(keys))).size).toBe(20);
    expect([asked, bench.clock.monotonicMs() > started]).toEqual([4, true]);
    asked = Number.NEGATIVE_INFINITY;
    const never = bench.table({ engine: busy, retry: { timeoutMs: 500 } }).writeOnce();
    expect(await errorOf(never.getMany(keys))).toBeInstanceOf(Error);
  });

  it('go on after passing failures, and pass on what is none', async () => {
    await calm.put('k', bytes(1));
    for (const kind of ['reset-before', '5xx-after', 'throttle'] as const) {
      once(kind, 2);
      expect(await bench.run(items.get('k'))).toEqual(bytes(1));
      once(kind, 2);
      expect((await bench.run(items.getMany(['k']))).size).toBe(1);
    }
    const nowhere = bench.table({ tableName: 'nowhere', engine: bench.memory }).writeOnce();
    for (const read of [nowhere.get('k'), nowhere.getMany(['k'])]) {
      expect(await errorOf(read)).toMatchObject({ name: 'ResourceNotFoundException' });
    }
  });

  it('of what is none of ours give no bytes', async () => {
    await bench.put({ id: { S: 'k' }, d: { S: 'text' } });
    await bench.put({ id: { S: 'l' } });
    expect([await items.get('k'), (await items.getMany(['l'])).get('l')]).toEqual([bytes(), bytes()]);
  });
});

describe('whoever leaves', () => {
  it('before the call gets the reason, and nothing is sent', async () => {
    const signal = AbortSignal.abort(reason);
    const calls = [
      () => items.put('k', bytes(1), { signal }),
      () => items.putIfAbsent('k', bytes(1), { signal }),
      () => items.delete('k', { signal }),
      () => items.get('k', { signal }),
      () => items.getMany(['k'], { signal }),
    ];
    for (const call of calls) expect(await call().catch((error: unknown) => error)).toBe(reason);
    expect(requests()).toBe(0);
  });

  it.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    ['a put', (signal) => items.put('k', bytes(1), { signal })],
    ['a read', (signal) => items.get('k', { signal })],
    ['a read of many', (signal) => items.getMany(['k', 'l'], { signal })],
  ])('in a pause of %s gets the reason, and no more is sent', async (_name, begin) => {
    bench.faulty.setRules([{ fault: { kind: 'reset-before' } }]);
    const abort = new AbortController();
    const call = outcomeOf(begin(abort.signal));
    await bench.clock.advance(50);
    abort.abort(reason);
    await bench.clock.advance(0);
    expect(call.error).toBe(reason);
    const sent = requests();
    await bench.clock.advance(10_000);
    expect(requests()).toBe(sent);
  });
});

describe('beside atoms', () => {
  it('an atom refuses an item of theirs as foreign', async () => {
    const table = bench.calm();
    await table.writeOnce().put('k', bytes(1));
    await expect(table.atom('k').deref()).rejects.toMatchObject({ code: 'ERR_DECODE' });
    await expect(table.atom('k').swap(() => 1)).rejects.toMatchObject({ code: 'ERR_DECODE' });
    expect(await table.writeOnce().get('k')).toEqual(bytes(1));
  });

  it('in a table with a sort key they stand under #', async () => {
    await bench.run(
      bench.memory.createTable({
        ...{ table: 'sorted', billing: { mode: 'on-demand' } },
        ...{ partitionKey: { name: 'id', type: 'S' }, sortKey: { name: 'sort', type: 'S' } },
      }),
    );
    const table = bench.calm({ tableName: 'sorted', sortKeyName: 'sort' });
    const sorted = table.writeOnce();
    await sorted.put('k', bytes(1));
    expect([...(await sorted.getMany(['k']))]).toEqual([['k', bytes(1)]]);
    expect(table.keyNamed('k')).toEqual({ pk: 'k', sk: '#' });
    const item = await bench.memory.get({
      table: 'sorted',
      key: { id: { S: 'k' }, sort: { S: '#' } },
      consistent: true,
    });
    expect(item?.d).toEqual({ B: bytes(1) });
    await sorted.delete('k');
    expect(await sorted.get('k')).toBeUndefined();
  });
});

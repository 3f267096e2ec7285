// Goal: many writes in one call are as many ordinary writes: each under its condition, with an honest outcome of its own, at the
// price of one put and a hundredth of a read.
// Method: a memory engine behind a faulty one, on a virtual clock; requests and units are counted; rivals, faults, aborts.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type AtomTable, BatchError, type ItemAtom } from '../../lib/atom/index.js';
import type { PutRequest } from '../../lib/engine/index.js';
import { seededRandom } from '../../lib/engine/index.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';

const retry = { timeoutMs: 2_000, attemptTimeoutMs: 100, settleMs: 2_000 };
let bench: Bench;
let table: AtomTable;
let rival: AtomTable;
beforeEach(async () => {
  bench = await openBench();
  table = bench.table({ retry });
  rival = bench.calm();
});
const names = (count: number, prefix = 'k') => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const pairs = (count: number, value: (n: number) => unknown = (n) => n) =>
  names(count).map((name, n) => [name, value(n)] as const);
const failureOf = (promise: Promise<unknown>) =>
  bench.run(promise.catch((error: unknown) => error)) as Promise<BatchError>;
const stored = (keys: string[]) => bench.run(rival.getMany<unknown>(keys));
const spentBy = async (body: () => Promise<unknown>) => {
  const before = bench.faulty.spent();
  await bench.run(body());
  const after = bench.faulty.spent();
  const { requests, readUnits, writeUnits, conditionsFailed } = after;
  return {
    requests: requests - before.requests,
    readUnits: readUnits - before.readUnits,
    writeUnits: writeUnits - before.writeUnits,
    conditionsFailed: conditionsFailed - before.conditionsFailed,
  };
};

describe('putMany()', () => {
  it('costs one put for each, and one batch read for each hundred that this process does not know', async () => {
    const cold = await spentBy(() => table.putMany(pairs(150)));
    expect(cold).toEqual({ requests: 152, readUnits: 150, writeUnits: 150, conditionsFailed: 0 });
    expect(await stored(names(150))).toEqual(names(150).map((_, n) => n));
    const other = bench.table({ retry });
    const over = await spentBy(() => other.putMany(pairs(150, (n) => n + 1)));
    expect(over).toEqual({ requests: 152, readUnits: 150, writeUnits: 150, conditionsFailed: 0 });
    const atoms = names(150).map((name) => other.atom<number>(name));
    await bench.run(other.getMany(atoms));
    const warm = await spentBy(() => other.putMany(atoms.map((atom, n) => [atom, n + 2] as const)));
    expect(warm).toEqual({ requests: 150, readUnits: 0, writeUnits: 150, conditionsFailed: 0 });
  });

  it('writes nothing where the value is stored already, unless told to', async () => {
    await bench.run(table.putMany(pairs(100)));
    for (const putter of [table, bench.table({ retry })]) {
      const again = await spentBy(() => putter.putMany(pairs(100)));
      expect(again).toEqual({ requests: 1, readUnits: 100, writeUnits: 0, conditionsFailed: 0 });
    }
    const written = await spentBy(() => table.putMany(pairs(100), { noop: 'write' }));
    expect(written).toMatchObject({ requests: 100, writeUnits: 100 });
    expect((await bench.run(rival.atom('k7').snapshot())).version).toBe(2);
  });

  it('takes pairs as arrays, maps and objects have them, with keys and handles in any mixture', async () => {
    const hits = table.atom<number>('hits', { initial: 0 });
    await bench.run(
      table.putMany([
        [hits, 1],
        ['a', 'x'],
        [{ n: 1 }, null],
      ]),
    );
    await bench.run(table.putMany(new Map([['b', 'y']])));
    await bench.run(table.putMany(new Map([[hits, 2]])));
    await bench.run(table.putMany(Object.entries({ c: 'z' })));
    await bench.run(table.putMany([]));
    expect(hits.peek()).toBe(2);
    expect(await bench.run(rival.getMany(['hits', 'a', { n: 1 }, 'b', 'c'] as unknown[]))).toEqual([
      2,
      'x',
      null,
      'y',
      'z',
    ]);
    // @ts-expect-error: the value of another type than the handle's
    await bench.run(table.putMany([[hits, 'text']]));
  });

  it('of a key that is named twice stores the last value, in one write', async () => {
    const spent = await spentBy(() =>
      table.putMany([
        ['a', 1],
        ['b', 2],
        ['a', 3],
        ['a', 4],
      ]),
    );
    expect(spent).toMatchObject({ requests: 3, writeUnits: 2 });
    expect(await stored(['a', 'b'])).toEqual([4, 2]);
    expect(bench.commits).toHaveLength(2);
  });

  it('never overwrites blindly: each put has the condition and the evidence of any other write', async () => {
    await bench.run(rival.putMany(pairs(3)));
    bench.faulty.hold(['put']);
    const putting = outcomeOf(table.putMany(pairs(3, (n) => n + 10)));
    for (let n = 0; n < 3; n += 1) {
      const message = await bench.message(n);
      const { item, condition } = message.request as PutRequest;
      expect(condition?.expression).toBe('#l = :l');
      expect(item.w0).toMatchObject({ M: expect.anything() });
      expect(item.v).toEqual({ N: '2' });
      await message.pass();
    }
    await bench.run(putting.done);
    expect(putting.error).toBeUndefined();
  });

  it('loses races like any write, and goes on from what is there', async () => {
    await bench.run(rival.putMany(pairs(120)));
    let spoiled = 0;
    const engine = overridden(bench.faulty, {
      batchGet: async (request, options) => {
        const answer = await bench.faulty.batchGet(request, options);
        spoiled += 1;
        if (spoiled === 1) await rival.putMany(pairs(50, (n) => -n - 1));
        return answer;
      },
    });
    const spent = await spentBy(() => bench.table({ engine, retry }).putMany(pairs(120, (n) => n + 1_000)));
    expect(spent.conditionsFailed).toBe(50);
    expect(await stored(names(120))).toEqual(names(120).map((_, n) => n + 1_000));
    expect((await bench.run(rival.atom('k0').snapshot())).version).toBe(3);
  });

  it('shares the write of calls that wait for the same atom, and is seen by its handles', async () => {
    const atom = table.atom<number>('k0', { initial: 0 });
    const spent = await spentBy(() =>
      Promise.all([table.putMany([[atom, 5]]), atom.swap((n) => n + 1), atom.swap((n) => n + 1)]),
    );
    expect(spent.writeUnits).toBeLessThanOrEqual(2);
    expect([5, 7]).toContain(atom.peek());
  });

  it('keeps so many writes under way, and no more; bases are read one hundred ahead', async () => {
    let [now, most, read, written] = [0, 0, 0, 0];
    const aheadMost: number[] = [];
    const engine = overridden(bench.memory, {
      put: async (request) => {
        now += 1;
        most = Math.max(most, now);
        await bench.clock.sleep(3);
        now -= 1;
        written += 1;
        return bench.memory.put(request);
      },
      batchGet: async (request) => {
        read += request.keys.length;
        aheadMost.push(read - written);
        return bench.memory.batchGet(request);
      },
    });
    await bench.run(bench.table({ engine, retry }).putMany(pairs(350)));
    expect(most).toBe(32);
    expect(Math.max(...aheadMost)).toBeLessThanOrEqual(200 + 32);
    most = 0;
    await bench.run(
      bench.table({ engine, retry }).putMany(
        pairs(100, (n) => -n),
        { concurrency: 3 },
      ),
    );
    expect(most).toBe(3);
  });

  it('goes on without batch reads where they are not allowed', async () => {
    const denied = Object.assign(new Error('no'), { name: 'AccessDeniedException', $fault: 'client' });
    const engine = overridden(bench.faulty, { batchGet: () => Promise.reject(denied) });
    const spent = await spentBy(() => bench.table({ engine, retry }).putMany(pairs(10)));
    expect(spent).toMatchObject({ requests: 20, writeUnits: 10 });
  });

  it('goes on when batch reads leave keys over for ever', async () => {
    bench.faulty.setRules([{ fault: { kind: 'partial', leftShare: 1 }, on: ['batchGet'] }]);
    await bench.run(table.putMany(pairs(5)));
    expect(await stored(names(5))).toEqual([0, 1, 2, 3, 4]);
    expect(bench.clock.monotonicMs()).toBeLessThan(2_000);
  });

  it('gives way to a handle that is opened with other options afterwards, but not while it writes', async () => {
    await bench.run(table.putMany([['a', 1]]));
    const a = table.atom<number>('a', { initial: 7, ttlMs: 1_000 });
    expect(await bench.run(a.deref())).toBe(1);
    bench.faulty.hold(['put']);
    const putting = outcomeOf(table.putMany([['b', 1]]));
    const message = await bench.message(0);
    expect(() => table.atom<number>('b', { initial: 7 })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS_DIFFER' }),
    );
    // With the same options it is the same atom, from then on held.
    const b = table.atom<number>('b');
    await message.pass();
    await bench.run(putting.done);
    expect(b.peek()).toBe(1);
    expect(() => table.atom<number>('b', { initial: 7 })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS_DIFFER' }),
    );
  });

  it('writes through the atom that is open when its turn comes, its base read or not', async () => {
    const codec = {
      name: 'text',
      encode: (v: unknown) => ({ S: JSON.stringify(v) }),
      decode: (d: object) => JSON.parse((d as { S: string }).S) as unknown,
    };
    let late: ItemAtom<unknown>[] | undefined;
    const engine = overridden(bench.memory, {
      put: async (request) => {
        // k50 is of the stretch whose bases are read, k299 of one whose are not.
        late ??= ['k50', 'k299'].map((key) => own.atom(key, { codec }));
        await bench.clock.sleep(1);
        return bench.memory.put(request);
      },
    });
    const own = bench.table({ engine, retry });
    await bench.run(own.putMany(pairs(300, (n) => ({ n }))));
    expect(await bench.item('k50')).toMatchObject({ c: { S: 'text' }, d: { S: '{"n":50}' } });
    expect(await bench.item('k299')).toMatchObject({ c: { S: 'text' }, d: { S: '{"n":299}' } });
    expect(late?.map((atom) => atom.peek())).toEqual([{ n: 50 }, { n: 299 }]);
  });
});

describe('putMany() of what can not be stored', () => {
  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'not a value'],
    ['a function', () => 1, 'ERR_UNSUPPORTED_VALUE'],
    ['a part that is a symbol', { a: [Symbol('x')] }, 'ERR_UNSUPPORTED_VALUE'],
  ])('refuses all before anything is sent, for %s', async (_, value, says) => {
    const before = bench.faulty.spent().requests;
    const failure = await failureOf(
      table.putMany([
        ['a', 1],
        ['bad', value],
        ['b', 2],
        ['bad too', value],
      ]),
    );
    expect(failure).toMatchObject({ code: 'ERR_BATCH', outcome: 'not-done', retryable: false });
    expect(failure.message).toContain('bad, bad too');
    expect(failure.failures.filter(({ error }) => error !== undefined).map(({ key }) => key)).toEqual([
      'bad',
      'bad too',
    ]);
    expect(String(failure.failures[1]?.error)).toContain(says);
    // In the order of the call.
    expect(failure.reports.map(({ key }) => key)).toEqual(['a', 'bad', 'b', 'bad too']);
    expect(bench.faulty.spent().requests).toBe(before);
  });

  it('refuses all for a key that is too long, by one byte', async () => {
    const long = 'x'.repeat(2_048);
    await bench.run(table.putMany([[long, 1]]));
    const before = bench.faulty.spent().requests;
    const failure = await failureOf(
      table.putMany([
        ['a', 1],
        [`${long}x`, 1],
      ]),
    );
    expect(failure.failures[1]?.error).toMatchObject({ code: 'ERR_KEY', bytesMax: 2_048 });
    expect(bench.faulty.spent().requests).toBe(before);
    expect(await stored(['a'])).toEqual([undefined]);
  });

  it('refuses all for what the schema or the validator of an open atom refuses, asynchronous or not', async () => {
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'spec',
        validate: async (value: unknown) => (value === 1 ? { value } : { issues: [{ message: 'not 1' }] }),
      },
    } as const;
    const strict = table.atom<unknown>('strict', { schema });
    const checked = table.atom<number>('checked');
    await bench.run(checked.setValidator((n) => n > 0));
    const before = bench.faulty.spent().requests;
    const failure = await failureOf(
      table.putMany([
        ['a', 1],
        [strict, 2],
        ['checked', -1],
      ]),
    );
    expect(failure.failures.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      undefined,
      'ERR_INVALID_VALUE',
      'ERR_INVALID_VALUE',
    ]);
    expect(bench.faulty.spent().requests).toBe(before);
    await bench.run(
      table.putMany([
        [strict, 1],
        ['checked', 1],
      ]),
    );
    expect([strict.peek(), checked.peek()]).toEqual([1, 1]);
  });

  it('copies values at the call: a change afterwards is not seen', async () => {
    const value = { n: 1 };
    const putting = table.putMany([['a', value]]);
    value.n = 2;
    await bench.run(putting);
    expect(await stored(['a'])).toEqual([{ n: 1 }]);
  });

  it('reports an item that is too large for its own key, and stores the others', async () => {
    const native = table.atom<string>('large', { large: 'refuse' } as never);
    const failure = await failureOf(
      table.putMany([
        ['a', 1],
        [native, 'x'.repeat(410_000)],
        ['b', 2],
      ]),
    );
    expect(failure.reports.map(({ outcome }) => outcome)).toEqual(['done', 'not-done', 'done']);
    expect(failure.failures[0]).toMatchObject({ key: native, error: { code: 'ERR_ITEM_TOO_LARGE' } });
    expect(await stored(['a', 'b'])).toEqual([1, 2]);
  });

  it('wants pairs, and limits that are some', async () => {
    for (const wrong of [undefined, 7, 'text', [1], [['a']]]) {
      const failure = await failureOf(table.putMany(wrong as never));
      expect(failure.code === 'ERR_BATCH' ? failure.cause : failure).toBeInstanceOf(TypeError);
    }
    for (const wrong of [{ concurrency: 0 }, { timeoutMs: -1 }]) {
      expect(await failureOf(table.putMany([['a', 1]], wrong))).toBeInstanceOf(RangeError);
    }
    const foreign = await failureOf(table.putMany([[rival.atom<number>('a'), 1]]));
    expect(foreign.failures[0]?.error).toBeInstanceOf(TypeError);
    expect(bench.faulty.spent().requests).toBe(0);
  });

  it('refuses an atom that is written inside its own function', async () => {
    const atom = table.atom<number>('a', { initial: 0 });
    const inside = atom.swap(async (n) => {
      await table.putMany([[atom, 1]]);
      return n;
    });
    expect(await failureOf(inside)).toMatchObject({ code: 'ERR_REENTRANT' });
  });
});

describe('deleteMany()', () => {
  it('says for each whether there was a value, and writes where there was', async () => {
    await bench.run(rival.putMany(pairs(150)));
    const keys = ['none', ...names(150), 'k0'];
    let answers: boolean[] = [];
    const spent = await spentBy(async () => {
      answers = await table.deleteMany(keys);
    });
    expect(answers).toEqual([false, ...names(150).map(() => true), true]);
    expect(spent).toEqual({ requests: 152, readUnits: 151, writeUnits: 150, conditionsFailed: 0 });
    expect(await stored(names(150))).toEqual(names(150).map(() => undefined));
    // Tombstones, for the order of writes.
    expect(await bench.item('k0')).toMatchObject({ v: { N: '2' }, x: { N: expect.anything() } });
    const again = await spentBy(() => table.deleteMany(keys));
    expect(again).toEqual({ requests: 2, readUnits: 151, writeUnits: 0, conditionsFailed: 0 });
  });

  it('answers in truth, of a warm cache, also where batch reads are not allowed', async () => {
    const denied = Object.assign(new Error('no'), { name: 'AccessDeniedException', $fault: 'client' });
    for (const engine of [bench.memory, overridden(bench.memory, { batchGet: () => Promise.reject(denied) })]) {
      const own = bench.table({ engine, retry });
      const atom = own.atom<number>('a');
      expect(await bench.run(atom.deref())).toBeUndefined();
      await bench.run(rival.atom<number>('a').reset(1));
      expect(await bench.run(own.deleteMany([atom]))).toEqual([true]);
      expect(await bench.run(own.deleteMany([atom]))).toEqual([false]);
    }
  });

  it('takes handles; what has expired is not there', async () => {
    const atom = table.atom<number>('a', { ttlMs: 1_000 });
    await bench.run(
      table.putMany([
        [atom, 1],
        ['b', 2],
      ]),
    );
    await bench.clock.advance(1_000);
    expect(await bench.run(table.deleteMany(new Set([atom, 'b'])))).toEqual([false, true]);
  });

  it('refuses keys that are none before anything is deleted', async () => {
    await bench.run(rival.putMany(pairs(2)));
    expect(await failureOf(table.deleteMany(['k0', undefined]))).toMatchObject({ code: 'ERR_BATCH' });
    expect(await stored(['k0'])).toEqual([0]);
  });
});

describe('outcomes of many writes', () => {
  const reason = new Error('enough');

  it('A5: a deadline over held writes: each is done, not done or unknown, as it truly is, and the unknown ones settle', async () => {
    const seed = Number(process.env.LEYDEN_SEED ?? 1);
    const met = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      const random = seededRandom(seed * 1_000 + round);
      const told = `LEYDEN_SEED=${seed} round ${round}`;
      bench = await openBench({ seed: seed * 100 + round });
      table = bench.table({ retry });
      const count = 12;
      bench.faulty.hold(['put']);
      const putting = outcomeOf(table.putMany(pairs(count), { timeoutMs: 50, concurrency: 4 }));
      // Each first copy is delivered with its answer, delivered and its answer lost, lost on the way, or left where it is.
      let seen = 0;
      const play = async () => {
        while (!putting.settled) {
          for (; seen < bench.faulty.messages.length; seen += 1) {
            const message = bench.faulty.messages[seen];
            const fate = random.int(4);
            if (fate <= 1) await message?.deliver();
            if (fate === 0) message?.answer();
            if (fate === 1 || fate === 2) message?.lose();
          }
          await bench.clock.sleep(5);
        }
      };
      await bench.run(Promise.all([play(), putting.done]));
      const failure = putting.error as BatchError;
      expect([told, failure]).toEqual([told, expect.any(BatchError)]);
      const held = bench.faulty.messages.filter((message) => !message.answered);
      bench.faulty.release();
      // Late deliveries, after the caller was answered.
      for (const message of held) await message.deliver().catch(() => undefined);
      for (const message of held) message.lose();
      const settled = await bench.run(failure.settle());
      const values = await bench.run(bench.calm().getMany<number>(names(count)));
      for (const [n, { outcome }] of failure.reports.entries()) {
        const truth = values[n] === n ? 'done' : 'not-done';
        met.add(`${outcome}, in truth ${truth}`);
        if (outcome !== 'unknown') expect([told, n, outcome]).toEqual([told, n, truth]);
        expect([told, n, settled[n]?.outcome]).toEqual([told, n, truth]);
      }
    }
    // All that can happen did.
    const all = ['done, in truth done', 'not-done, in truth not-done', 'unknown, in truth done'];
    expect([...met].sort()).toEqual(all);
  });

  it.each([
    'reset-after',
    '5xx-after',
    'throttle',
    'reset-before',
    'unreachable',
    'conflict',
    'throttle-after',
    'duplicate',
  ] as const)('goes on through %s: every value once, every version 1', async (kind) => {
    bench.faulty.setRules([{ fault: { kind }, probability: 0.3 }]);
    await bench.run(table.putMany(pairs(60)));
    expect(await stored(names(60))).toEqual(names(60).map((_, n) => n));
    for (const name of ['k0', 'k30', 'k59']) expect(await bench.item(name)).toMatchObject({ v: { N: '1' } });
  });

  it('reports what the store refuses for its own key', async () => {
    const denied = Object.assign(new Error('not this one'), { name: 'AccessDeniedException', $fault: 'client' });
    const engine = overridden(bench.memory, {
      put: async (request) =>
        (request.item.id as { S: string }).S === 'k1'
          ? { status: 'not-applied', kind: 'refused', error: denied }
          : bench.memory.put(request),
    });
    const failure = await failureOf(bench.table({ engine, retry }).putMany(pairs(3)));
    expect(failure.reports.map(({ outcome }) => outcome)).toEqual(['done', 'not-done', 'done']);
    expect(failure).toMatchObject({ outcome: 'not-done', retryable: false, cause: denied });
    expect(await stored(names(3))).toEqual([0, undefined, 2]);
  });

  it('at the deadline: what has not begun is not done, and can be tried again', async () => {
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: ['put'] }]);
    const failure = await failureOf(table.putMany(pairs(100), { timeoutMs: 500 }));
    expect(failure).toMatchObject({ outcome: 'not-done', retryable: true, reports: { length: 100 } });
    expect(failure.reports.at(-1)).toMatchObject({ key: 'k99', error: { code: 'ERR_DEADLINE', attempts: 0 } });
    expect(bench.clock.monotonicMs()).toBeLessThan(1_200);
    bench.faulty.setRules([]);
    const rest = new Map(pairs(100));
    await bench.run(
      table.putMany(failure.failures.map(({ key }) => [key as string, rest.get(key as string)] as const)),
    );
    expect(await stored(names(100))).toEqual(names(100).map((_, n) => n));
  });

  it('without a deadline each write has its own, from when its turn comes', async () => {
    const engine = overridden(bench.memory, {
      put: async (request) => {
        await bench.clock.sleep(90);
        return bench.memory.put(request);
      },
    });
    await bench.run(
      bench.table({ engine, retry: { ...retry, timeoutMs: 200 } }).putMany(pairs(40), { concurrency: 1 }),
    );
    expect(bench.clock.monotonicMs()).toBeGreaterThan(3_000);
  });

  it('before anything is sent an abort is its reason; after that each key has its outcome', async () => {
    expect(await failureOf(table.putMany(pairs(2), { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(bench.faulty.spent().requests).toBe(0);
    bench.faulty.hold(['put']);
    const controller = new AbortController();
    const putting = outcomeOf(table.putMany(pairs(4), { signal: controller.signal, concurrency: 2 }));
    await (await bench.message(0)).pass();
    await bench.message(1);
    await bench.message(2);
    controller.abort(reason);
    await bench.run(putting.done);
    const failure = putting.error as BatchError;
    expect(failure).toMatchObject({ code: 'ERR_BATCH', outcome: 'unknown', cause: reason });
    expect(failure.reports.map(({ outcome }) => outcome)).toEqual(['done', 'unknown', 'unknown', 'not-done']);
    expect(failure.failures.at(-1)?.error).toBe(reason);
    bench.faulty.release();
    for (const message of bench.faulty.messages) if (!message.answered) message.lose();
    const settled = await bench.run(failure.settle());
    expect(settled.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done', 'not-done']);
    expect(await stored(names(4))).toEqual([0, 1, 2, undefined]);
    await breathe();
  });

  it('an abort that comes before the first write is its reason, although bases were read', async () => {
    const controller = new AbortController();
    const engine = overridden(bench.memory, {
      batchGet: async (request) => {
        controller.abort(reason);
        return bench.memory.batchGet(request);
      },
    });
    const own = bench.table({ engine, retry });
    expect(await failureOf(own.putMany(pairs(3), { signal: controller.signal }))).toBe(reason);
    expect(bench.commits).toEqual([]);
  });

  it('settle() can make sure that what has not arrived never will', async () => {
    bench.faulty.hold(['put']);
    const putting = outcomeOf(table.putMany(pairs(2), { timeoutMs: 10 }));
    const [first, second] = [await bench.message(0), await bench.message(1)];
    await bench.run(putting.done);
    const failure = putting.error as BatchError;
    expect(failure.message).toContain('2 of them with unknown outcome');
    bench.faulty.release();
    const settled = await bench.run(failure.settle({ prefer: 'cancel' }));
    expect(settled.map(({ outcome }) => outcome)).toEqual(['not-done', 'not-done']);
    for (const late of [first, second]) await late.deliver();
    expect(await stored(names(2))).toEqual([undefined, undefined]);
  });
});

// Goal: a read of many atoms brings each of them as a read of one would, in the order asked for, and names what it could not bring.
// Method: a memory engine behind a faulty one, on a virtual clock; requests and units are counted.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, BatchError, type ItemAtom } from '../../lib/atom/index.js';
import type { BatchGetRequest, EngineFaultRule } from '../../lib/engine/index.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';

let lag = 0;
let bench: Bench;
let table: AtomTable;
let rival: AtomTable;
beforeEach(async () => {
  lag = 0;
  bench = await openBench({ staleness: () => lag });
  table = bench.table({ retry: { timeoutMs: 2_000, attemptTimeoutMs: 100 } });
  rival = bench.calm();
});
const names = (count: number, prefix = 'k') => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const fill = (count: number) => bench.run(rival.putMany(names(count).map((name, n) => [name, n] as const)));
const failureOf = (promise: Promise<unknown>) => bench.run(promise.catch((error: unknown) => error));
const requests = () => bench.faulty.spent().requests;
const leftOver = (leftShare: number, times?: number): EngineFaultRule => ({
  fault: { kind: 'partial', leftShare },
  on: ['batchGet'],
  ...(times !== undefined && { times }),
});

describe('getMany()', () => {
  it('answers in the order asked for, each key read once however often it is named', async () => {
    await fill(3);
    const before = bench.faulty.spent();
    const keys = ['k2', 'none', 'k0', 'k2', 'k1', 'none'];
    expect(await bench.run(table.getMany(keys))).toEqual([2, undefined, 0, 2, 1, undefined]);
    const after = bench.faulty.spent();
    expect(after.requests - before.requests).toBe(1);
    expect(after.readUnits - before.readUnits).toBe(4);
  });

  it('asks a hundred keys at a time: 100 keys, 1 request; 101 keys, 2; none, none', async () => {
    await fill(101);
    for (const [count, expected] of [
      [0, 0],
      [1, 1],
      [100, 1],
      [101, 2],
      [350, 4],
    ] as const) {
      const before = requests();
      const values = await bench.run(table.getMany<number>(names(count)));
      expect(values).toEqual(names(count).map((_, n) => (n < 101 ? n : undefined)));
      expect(requests() - before).toBe(expected);
    }
  });

  it('takes any key that an atom can have, and any iterable', async () => {
    const key = { tenant: 7, order: [1n, new Date(0)] };
    await bench.run(rival.atom<string>(key).reset('found'));
    const same = { order: [1n, new Date(0)], tenant: 7 };
    expect(await bench.run(table.getMany(new Set([same])))).toEqual(['found']);
  });

  it('works on keys with a sort key', async () => {
    const tableName = 'sorted';
    const sorted = new AtomTable({ engine: bench.memory, tableName, sortKeyName: 'sk', clock: bench.clock });
    await sorted.create();
    await sorted.atom<number>({ pk: 'a', sk: 'b' }).reset(1);
    expect(
      await sorted.getMany([
        { pk: 'a', sk: 'c' },
        { pk: 'a', sk: 'b' },
      ]),
    ).toEqual([undefined, 1]);
    const failure = (await sorted.getMany(['a']).catch((error: unknown) => error)) as BatchError;
    expect(failure.failures[0]?.error).toBeInstanceOf(TypeError);
  });

  it('refuses keys that are none before anything is sent, and names them', async () => {
    const before = requests();
    const failure = (await failureOf(table.getMany(['a', undefined as never, 'x'.repeat(2_049)]))) as BatchError;
    expect(failure).toMatchObject({ name: 'BatchError', code: 'ERR_BATCH', outcome: 'not-done', retryable: false });
    expect(failure.failures.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      undefined,
      'ERR_KEY',
      'ERR_KEY',
    ]);
    for (const wrong of [undefined, 7, null]) {
      expect(await failureOf(table.getMany(wrong as never))).toBeInstanceOf(TypeError);
    }
    const limits = [{ concurrency: 0 }, { concurrency: 1.5 }, { timeoutMs: -1 }, { timeoutMs: Number.NaN }];
    for (const wrong of limits) expect(await failureOf(table.getMany(['a'], wrong))).toBeInstanceOf(RangeError);
    expect(requests()).toBe(before);
  });

  it('takes a key of 2,048 bytes, and not one of 2,049', async () => {
    const long = 'x'.repeat(2_048);
    await bench.run(rival.atom<number>(long).reset(1));
    expect(await bench.run(table.getMany([long]))).toEqual([1]);
    expect(await failureOf(table.getMany([`${long}x`]))).toMatchObject({ code: 'ERR_BATCH' });
  });

  it('hands each place a value of its own, where values can be changed', async () => {
    await bench.run(rival.atom<Set<number>>('set').reset(new Set([1])));
    const [one, other] = (await bench.run(table.getMany<Set<number>>(['set', 'set']))) as [Set<number>, Set<number>];
    one.add(2);
    expect(other).toEqual(new Set([1]));
  });

  it('sees no value in a tombstone, nor in one that has expired', async () => {
    await fill(2);
    await bench.run(rival.atom('k0').delete());
    const atom = rival.atom<number>('short', { ttlMs: 1_000 });
    await bench.run(atom.reset(1));
    expect(await bench.run(table.getMany(['k0', 'k1', 'short']))).toEqual([undefined, 1, 1]);
    await bench.clock.advance(1_000);
    expect(await bench.run(table.getMany(['k0', 'k1', 'short']))).toEqual([undefined, 1, undefined]);
  });
});

describe('getMany() of atoms that are open', () => {
  it('reads them as they read: initial, schema, codec, adoption', async () => {
    const codec = {
      name: 'upside-down',
      encode: (v: unknown) => ({ N: String(-(v as number)) }),
      decode: (d: object) => -Number((d as { N: string }).N),
    };
    const coded = { codec } as const;
    await bench.run(rival.atom<number>('coded', coded).reset(5));
    await bench.put({ id: { S: 'old' }, value: { N: '41' } });
    const initial = table.atom<number>('new', { initial: 7 });
    const decoded = table.atom<number>('coded', coded);
    const adopted = table.atom<number>('old', { adopt: (item) => Number((item.value as { N: string }).N) });
    const before = requests();
    const found = await bench.run(table.getMany([initial, decoded, adopted]));
    const [a, b, c]: [number, number | undefined, number | undefined] = found;
    expect([a, b, c]).toEqual([7, 5, 41]);
    expect(requests() - before).toBe(1);
    // By their keys as well, as long as they are open.
    expect(await bench.run(table.getMany(['new', 'coded', 'old']))).toEqual([7, 5, 41]);
    expect([initial.key, decoded.key, adopted.key]).toEqual(['new', 'coded', 'old']);
  });

  it('leaves what it read in their caches, and nothing of the others', async () => {
    await fill(2);
    const atom = table.atom<number>('k0');
    await bench.run(table.getMany(['k0', 'k1']));
    expect(atom.peek()).toBe(0);
    expect(table.atom<number>('k1').peek()).toBeUndefined();
    const before = requests();
    expect(await bench.run(atom.swap((n) => (n ?? 0) + 10))).toBe(10);
    expect(requests() - before).toBe(1);
  });

  it('refuses a handle of another table, and an atom that is asked for inside its own function', async () => {
    const failure = (await failureOf(table.getMany([rival.atom('k0')]))) as BatchError;
    expect(failure.failures[0]?.error).toMatchObject({ message: expect.stringContaining('another AtomTable') });
    const atom = table.atom<number>('k0', { initial: 0 });
    const inside = atom.swap(async (n) => {
      await table.getMany([atom]);
      return n + 1;
    });
    expect(await failureOf(inside)).toMatchObject({ code: 'ERR_REENTRANT' });
    expect(await failureOf(atom.swap(async (n) => (await table.getMany(['other'])).length + n))).toBe(1);
  });

  it('answers from what they remember, as far as the consistency allows', async () => {
    await fill(3);
    const [k0, k1] = [table.atom<number>('k0'), table.atom<number>('k1')];
    await bench.run(k0.deref());
    await bench.run(
      rival.putMany([
        ['k0', 10],
        ['k1', 11],
        ['k2', 12],
      ]),
    );
    const all = [k0, k1, 'k2'];
    const spent = async (options: Parameters<AtomTable['getMany']>[1]) => {
      const before = bench.faulty.spent();
      const values = await bench.run(table.getMany(all, options));
      const after = bench.faulty.spent();
      return { values, requests: after.requests - before.requests, units: after.readUnits - before.readUnits };
    };
    expect(await spent({ consistency: { maxStalenessMs: 60_000 } })).toEqual({
      values: [0, 11, 12],
      requests: 1,
      units: 2,
    });
    expect(await spent({ consistency: 'cached' })).toEqual({ values: [0, 11, 12], requests: 1, units: 1 });
    await bench.clock.advance(1);
    expect(await spent({ consistency: { maxStalenessMs: 0 } })).toEqual({
      values: [10, 11, 12],
      requests: 1,
      units: 3,
    });
    expect(await spent({ consistency: 'eventual' })).toEqual({ values: [10, 11, 12], requests: 1, units: 1.5 });
    await bench.run(k0.swap((n) => (n ?? 0) + 1));
    lag = 1;
    // A replica that lags behind: a session takes what is remembered where that is newer.
    expect((await spent({ consistency: 'eventual' })).values[0]).toBe(10);
    expect(await spent({ consistency: 'session' })).toMatchObject({
      requests: 1,
      values: [11, expect.anything(), expect.anything()],
    });
  });

  it('asks again strongly, in one batch, what a session may have seen newer', async () => {
    let refusing = false;
    const error = Object.assign(new Error('no'), { name: 'AccessDeniedException', $fault: 'client' });
    const engine = overridden(bench.faulty, {
      put: async (request, options) =>
        refusing ? { status: 'not-applied', kind: 'refused', error } : bench.faulty.put(request, options),
    });
    const own = bench.table({ engine });
    const atoms = names(3).map((name) => own.atom<number>(name, { initial: 0 }));
    for (const value of [1, 2]) await bench.run(own.putMany(atoms.map((atom) => [atom, value] as const)));
    refusing = true;
    // What was refused makes a cell forget what it knows, but not what it has seen.
    for (const atom of atoms) expect(await failureOf(atom.reset(3))).toBe(error);
    expect(atoms.map((atom) => atom.peek())).toEqual([undefined, undefined, undefined]);
    lag = 1;
    const before = requests();
    expect(await bench.run(own.getMany(atoms, { consistency: 'session' }))).toEqual([2, 2, 2]);
    expect(requests() - before).toBe(2);
    expect(await bench.run(own.getMany(atoms, { consistency: 'eventual' }))).toEqual([1, 1, 1]);
  });

  it('began before a write of this process and came after it: the cache stays at what was written', async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const engine = overridden(bench.memory, {
      batchGet: async (request) => {
        const answer = await bench.memory.batchGet(request);
        await gate;
        return answer;
      },
    });
    const slow = bench.table({ engine });
    const own = slow.atom<number>('k0', { initial: 0 });
    await bench.run(own.reset(1));
    const reading = outcomeOf(slow.getMany([own]));
    await breathe();
    await bench.run(own.reset(2));
    open();
    await bench.run(reading.done);
    // What it answers was true while it was under way; what is remembered is newer.
    expect(reading.value).toEqual([1]);
    expect(own.peek()).toBe(2);
    expect(await bench.run(slow.getMany([own]))).toEqual([2]);
  });

  it('brings an older state from a replica: it is answered, and not remembered', async () => {
    const own = table.atom<number>('k0');
    await bench.run(own.reset(1));
    lag = 1;
    await bench.run(own.reset(2));
    expect(await bench.run(table.getMany([own], { consistency: 'eventual' }))).toEqual([1]);
    expect(own.peek()).toBe(2);
  });
});

describe('getMany() when the store leaves keys over', () => {
  it.each([0.01, 0.5, 0.99])('asks again for them, with pauses: a share of %d', async (leftShare) => {
    await fill(150);
    bench.faulty.setRules([leftOver(leftShare, 6)]);
    const startedAt = bench.clock.monotonicMs();
    expect(await bench.run(table.getMany<number>(names(150)))).toEqual(names(150).map((_, n) => n));
    expect(bench.clock.monotonicMs()).toBeGreaterThan(startedAt);
  });

  it('all of them, three times over: four requests, and every key', async () => {
    await fill(10);
    bench.faulty.setRules([leftOver(1, 3)]);
    const before = requests();
    expect(await bench.run(table.getMany(names(10)))).toEqual(names(10).map((_, n) => n));
    expect(requests() - before).toBe(4);
  });

  it('for ever: the error names those, and holds the others', async () => {
    await fill(4);
    const before = bench.clock.monotonicMs();
    bench.faulty.setRules([{ ...leftOver(0.5, 1) }, leftOver(1)]);
    const failure = (await failureOf(table.getMany(names(4), { timeoutMs: 1_000 }))) as BatchError;
    expect(failure).toMatchObject({ code: 'ERR_BATCH', outcome: 'not-done', retryable: true });
    expect(failure.failures.map(({ key, outcome }) => [key, outcome])).toEqual([
      ['k2', 'not-done'],
      ['k3', 'not-done'],
    ]);
    expect(failure.reports.map(({ value }) => value)).toEqual([0, 1, undefined, undefined]);
    expect(failure.failures[0]?.error).toMatchObject({ code: 'ERR_DEADLINE', key: 'k2' });
    expect(failure.message).toContain('2 of 4 atoms of table state: k2, k3');
    expect(bench.clock.monotonicMs() - before).toBeLessThan(1_200);
    bench.faulty.setRules([]);
    expect(await bench.run(table.getMany(failure.failures.map(({ key }) => key)))).toEqual([2, 3]);
  });

  it('because the time of the call is over, though every answer came: those are named, and not asked for', async () => {
    await fill(250);
    const engine = overridden(bench.memory, {
      async batchGet(request, options) {
        await bench.clock.sleep(90);
        return bench.memory.batchGet(request, options);
      },
    });
    const slow = bench.table({ engine, retry: { attemptTimeoutMs: 100 } });
    const before = bench.clock.monotonicMs();
    const failure = (await failureOf(slow.getMany(names(250), { timeoutMs: 100, concurrency: 1 }))) as BatchError;
    expect(bench.clock.monotonicMs() - before).toBe(180);
    expect(failure).toMatchObject({ code: 'ERR_BATCH', retryable: true, failures: { length: 50 } });
    expect(failure.failures[0]?.error).toMatchObject({ code: 'ERR_DEADLINE', key: 'k200', attempts: 0 });
  });

  it('by default tries each batch for as long as any call is tried', async () => {
    bench.faulty.setRules([leftOver(1)]);
    const before = bench.clock.monotonicMs();
    expect(await failureOf(table.getMany(names(250)))).toMatchObject({ reports: { length: 250 } });
    const took = bench.clock.monotonicMs() - before;
    expect(took).toBeGreaterThan(1_000);
    expect(took).toBeLessThan(2_200);
  });

  it('because the answer was full: asks on at once', async () => {
    const large = 'x'.repeat(400_000);
    const keys = names(90);
    await bench.run(rival.putMany(keys.map((key) => [key, large] as const)));
    const before = { ...bench.faulty.spent(), at: bench.clock.monotonicMs() };
    const values = await bench.run(table.getMany(keys));
    expect(values.every((value) => value === large)).toBe(true);
    // 16 MB hold 42 of them: 42, 42, 6.
    expect(requests() - before.requests).toBe(3);
    expect(bench.clock.monotonicMs()).toBe(before.at);
  });

  it.each(['throttle', 'reset-before', 'reset-after', '5xx-after', 'cut-body'] as const)(
    'or fails with %s: asks again',
    async (kind) => {
      await fill(120);
      bench.faulty.setRules([{ fault: { kind }, on: ['batchGet'], times: 4 }]);
      const before = requests();
      expect(await bench.run(table.getMany(names(120)))).toEqual(names(120).map((_, n) => n));
      expect(requests() - before).toBe(6);
    },
  );

  it('or is silent: sends again after the time of one attempt', async () => {
    await fill(1);
    let silent = 2;
    const engine = overridden(bench.memory, {
      batchGet: (request, options) => {
        silent -= 1;
        if (silent < 0) return bench.memory.batchGet(request);
        return new Promise((_, reject) =>
          options?.signal?.addEventListener('abort', () => reject(options.signal?.reason)),
        );
      },
    });
    expect(await bench.run(bench.table({ engine }).getMany(['k0']))).toEqual([0]);
    expect(bench.clock.monotonicMs()).toBeLessThan(5_000);
  });

  it('refuses for good: that error as it is, and no further request', async () => {
    const denied = Object.assign(new Error('no'), { name: 'AccessDeniedException', $fault: 'client' });
    let sent = 0;
    const engine = overridden(bench.memory, {
      batchGet: async () => {
        sent += 1;
        throw denied;
      },
    });
    expect(await failureOf(bench.table({ engine }).getMany(names(1_000), { concurrency: 1 }))).toBe(denied);
    expect(sent).toBe(1);
  });

  it('gives up with the reason of the signal: before anything is sent, in a pause, under way', async () => {
    const reason = new Error('enough');
    const before = requests();
    expect(await failureOf(table.getMany(['a'], { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(requests()).toBe(before);
    bench.faulty.setRules([leftOver(1)]);
    const controller = new AbortController();
    const left = outcomeOf(table.getMany(['a'], { signal: controller.signal }));
    await bench.clock.advance(200);
    const sent = requests();
    controller.abort(reason);
    await left.done;
    expect(left.error).toBe(reason);
    await bench.clock.advance(10_000);
    expect(requests()).toBe(sent);
    const never = overridden(bench.memory, { batchGet: () => new Promise(() => {}) });
    const other = new AbortController();
    const under = outcomeOf(bench.table({ engine: never }).getMany(['a'], { signal: other.signal }));
    await breathe();
    other.abort(reason);
    await under.done;
    expect(under.error).toBe(reason);
  });

  it('keeps so many requests under way, and no more', async () => {
    let [now, most] = [0, 0];
    const engine = overridden(bench.memory, {
      batchGet: async (request: BatchGetRequest) => {
        now += 1;
        most = Math.max(most, now);
        await bench.clock.sleep(5);
        now -= 1;
        return bench.memory.batchGet(request);
      },
    });
    const own = bench.table({ engine });
    await bench.run(own.getMany(names(1_000)));
    expect(most).toBe(4);
    most = 0;
    await bench.run(own.getMany(names(1_000), { concurrency: 1 }));
    expect(most).toBe(1);
  });
});

describe('getMany() of values that can not be read', () => {
  it('reports each for its own key, and brings the others', async () => {
    await fill(3);
    const { v: _, ...damaged } = (await bench.item('k1')) as Record<string, never>;
    await bench.put(damaged);
    await bench.put({ id: { S: 'foreign' }, value: { N: '1' } });
    const positive: ItemAtom<number> = table.atom<number>('k2', {
      schema: { '~standard': { version: 1, vendor: 'spec', validate: () => ({ issues: [{ message: 'not today' }] }) } },
    });
    const failure = (await failureOf(table.getMany(['k0', 'k1', positive, 'foreign']))) as BatchError;
    expect(failure).toBeInstanceOf(BatchError);
    expect(failure.failures.map(({ keyText, error }) => [keyText, (error as { code: string }).code])).toEqual([
      ['k1', 'ERR_DECODE'],
      ['k2', 'ERR_INVALID_VALUE'],
      ['foreign', 'ERR_DECODE'],
    ]);
    expect(failure.failures[1]?.key).toBe(positive);
    expect(failure.reports[0]).toMatchObject({ key: 'k0', outcome: 'done', value: 0 });
    expect(failure.retryable).toBe(false);
  });

  it('shows no value to those who print the error', async () => {
    await bench.run(
      rival.putMany([
        ['k0', 'canary'],
        ['k1', 'other'],
      ]),
    );
    await bench.put({ id: { S: 'foreign' }, value: { S: 'canary' } });
    const failure = (await failureOf(table.getMany(['k0', 'foreign']))) as BatchError;
    const { inspect } = await import('node:util');
    expect(failure.reports[0]?.value).toBe('canary');
    expect(inspect(failure, { depth: 10 }) + JSON.stringify(failure.reports)).not.toContain('canary');
  });
});

// Goal: a walk meets each atom once, whatever lies between them and whatever is written meanwhile, at the pace of its reader, and can
// be gone on with elsewhere.
// Method: a memory engine on a virtual clock, with low limits for pages; requests are counted.
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AtomEntry, AtomTable, type Walk } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';

const retry = { timeoutMs: 2_000, attemptTimeoutMs: 100 };
let bench: Bench;
let table: AtomTable;
beforeEach(async () => {
  bench = await openBench({ limits: { pageBytesMax: 2_000 } });
  table = bench.table({ retry });
});
const names = (count: number, prefix = 'k') => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const fill = (count: number, prefix = 'k') =>
  bench.run(bench.calm().putMany(names(count, prefix).map((name, n) => [name, n] as const)));
async function all<T>(walk: Walk<T>, countMax = Number.POSITIVE_INFINITY): Promise<T[]> {
  const found: T[] = [];
  for await (const one of walk) {
    found.push(one);
    if (found.length >= countMax) break;
  }
  return found;
}
const allOf = <T>(walk: Walk<T>, countMax?: number) => bench.run(all(walk, countMax));
const failureOf = (promise: Promise<unknown>) => bench.run(promise.catch((error: unknown) => error));
const requests = () => bench.faulty.spent().requests;
const sorted = (keys: readonly unknown[]) => [...(keys as string[])].sort();

describe('keys()', () => {
  it('finds each key once, over many pages, and asks for nothing but keys', async () => {
    await fill(60);
    const projections: unknown[] = [];
    const engine = overridden(bench.memory, {
      scan: (request) => {
        projections.push(request.projection);
        return bench.memory.scan(request);
      },
    });
    const keys = await allOf(bench.table({ engine }).keys());
    expect(sorted(keys)).toEqual(names(60).sort());
    expect(projections.length).toBeGreaterThanOrEqual(3);
    expect(new Set(projections.map(String))).toEqual(new Set(['id']));
  });

  it('gives keys back as they were given, whatever they are', async () => {
    const keys = ['plain', '', '~tilde', 7, null, { b: 1, a: [1n, new Date(0)] }, new Set([1, 2]), '\ud800'];
    await bench.run(table.putMany(keys.map((key) => [key, 1] as const)));
    const found = await allOf(table.keys());
    expect(found).toHaveLength(keys.length);
    for (const key of keys) expect(found).toContainEqual(key);
  });

  it('passes over tombstones, expired values and what is no atom', async () => {
    await fill(4);
    const calm = bench.calm();
    await bench.run(calm.atom('k1').delete());
    await bench.run(calm.writeOnce().put('page', Uint8Array.of(1)));
    await bench.put({ id: { S: 'foreign' }, value: { N: '1' } });
    await bench.run(calm.atom<number>('short', { ttlMs: 1_000 }).reset(1));
    expect(sorted(await allOf(table.keys()))).toEqual(['k0', 'k2', 'k3', 'short']);
    await bench.clock.advance(1_000);
    expect(sorted(await allOf(table.keys()))).toEqual(['k0', 'k2', 'k3']);
    expect(sorted((await allOf(table.scan())).map(({ key }) => key))).toEqual(['k0', 'k2', 'k3']);
  });

  it('takes those that begin with a text, be it like the encoding of another', async () => {
    await bench.run(
      table.putMany(['job-1', 'job-2', 'jo', '~job', '~', 'x', 7, { job: 1 }].map((key) => [key, 1] as const)),
    );
    const under = async (prefix: string) => sorted((await allOf(table.keys({ prefix }))).map(String));
    expect(await under('job-')).toEqual(['job-1', 'job-2']);
    expect(await under('jo')).toEqual(['jo', 'job-1', 'job-2']);
    expect(await under('~')).toEqual(['~', '~job']);
    expect(await under('~j')).toEqual(['~job']);
    expect(await under('none')).toEqual([]);
    expect(await under('')).toHaveLength(8);
  });

  it('reads nothing before it is asked, and a page no sooner than half of the one before is taken', async () => {
    await fill(60);
    const walk = table.keys({ pageItemsMax: 10 });
    const before = requests();
    const reader = walk[Symbol.asyncIterator]();
    await breathe();
    expect(requests() - before).toBe(0);
    await reader.next();
    await breathe();
    expect(requests() - before).toBe(1);
    for (let n = 1; n < 4; n += 1) await reader.next();
    expect(requests() - before).toBe(1);
    for (let n = 4; n < 10; n += 1) await reader.next();
    await breathe();
    expect(requests() - before).toBe(2);
    for (let n = 10; n < 13; n += 1) await reader.next();
    await breathe();
    expect(requests() - before).toBe(2);
    await reader.return();
    await breathe();
    expect(requests() - before).toBe(2);
  });

  it('goes over segments side by side: the same keys, each once', async () => {
    await fill(90);
    for (const segments of [2, 3, 7]) {
      expect(sorted(await allOf(table.keys({ segments, pageItemsMax: 5 })))).toEqual(names(90).sort());
    }
    const walk = table.keys({ segments: 4 });
    const before = requests();
    await allOf(walk, 1);
    expect(requests() - before).toBe(4);
  });

  it('costs what the table holds; half of it when eventual', async () => {
    await fill(60);
    const units = async (consistency: 'strong' | 'eventual') => {
      const before = bench.faulty.spent().readUnits;
      await allOf(table.keys({ consistency }));
      return bench.faulty.spent().readUnits - before;
    };
    expect(await units('eventual')).toBe((await units('strong')) / 2);
  });

  it('of an empty table are none', async () => {
    expect(await allOf(table.keys())).toEqual([]);
    expect(await allOf(table.keys({ segments: 3 }))).toEqual([]);
  });

  it('refuses options that do not go together, at the call', () => {
    for (const wrong of [
      { segments: 0 },
      { segments: 1_025 },
      { pageItemsMax: 0 },
      { consistency: 'session' as never },
    ]) {
      expect(() => table.keys(wrong)).toThrow(RangeError);
    }
    for (const wrong of [{ pk: 'a' }, { prefix: 7 as never }]) expect(() => table.keys(wrong)).toThrow(TypeError);
    expect(() => table.keys({ prefix: 'x'.repeat(2_049) })).toThrow(expect.objectContaining({ code: 'ERR_KEY' }));
    const keyed = new AtomTable({ engine: bench.memory, tableName: 'keyed', sortKeyName: 'sk' });
    expect(() => keyed.keys({ prefix: 'a' })).toThrow('prefix needs pk');
    expect(() => keyed.keys({ pk: 'a', segments: 2 })).toThrow('exclude each other');
  });
});

describe('keys() of a table with a sort key', () => {
  it('come as { pk, sk }; one partition is queried in order, with a prefix', async () => {
    const rooms = new AtomTable({
      engine: bench.memory,
      tableName: 'rooms',
      keyName: 'room',
      sortKeyName: 'day',
      clock: bench.clock,
    });
    await rooms.create();
    const entries = ['mon-1', 'mon-2', 'tue-1', '~mon'].flatMap((sk) => [
      [{ pk: 'a', sk }, sk] as const,
      [{ pk: { n: 1 }, sk }, sk] as const,
    ]);
    await rooms.putMany(entries);
    expect(await all(rooms.keys())).toHaveLength(8);
    expect(await all(rooms.keys({ pk: 'a' }))).toEqual(
      ['mon-1', 'mon-2', 'tue-1', '~mon'].map((sk) => ({ pk: 'a', sk })),
    );
    expect(await all(rooms.keys({ pk: { n: 1 }, prefix: 'mon' }))).toEqual([
      { pk: { n: 1 }, sk: 'mon-1' },
      { pk: { n: 1 }, sk: 'mon-2' },
    ]);
    expect(await all(rooms.keys({ pk: 'a', prefix: '~' }))).toEqual([{ pk: 'a', sk: '~mon' }]);
    const before = bench.memory.spent().readUnits;
    expect((await all(rooms.scan<string>({ pk: 'a', prefix: 'tue' }))).map(({ value }) => value)).toEqual(['tue-1']);
    expect(bench.memory.spent().readUnits - before).toBe(1);
    const walk = rooms.scan({ pk: 'a', pageItemsMax: 1 });
    await all(walk, 2);
    expect((await all(rooms.scan({ pk: 'a', cursor: walk.cursor }))).map(({ value }) => value)).toEqual([
      'tue-1',
      '~mon',
    ]);
  });
});

describe('scan()', () => {
  it('yields key, value and what a snapshot has; compareAndSet takes it', async () => {
    await fill(3);
    const atom = bench.calm().atom<number>('k1');
    await bench.run(atom.reset(10));
    const entries = await allOf(table.scan<number>());
    const entry = entries.find(({ key }) => key === 'k1') as AtomEntry<number>;
    expect(entry).toBeInstanceOf(AtomEntry);
    expect(entry).toMatchObject({ value: 10, exists: true, version: 2, stale: false, expiresAt: undefined });
    expect({ ...entry, key: undefined }).toEqual({ ...(await bench.run(atom.snapshot())), key: undefined });
    expect(await bench.run(atom.compareAndSet(entry, 11))).toBe(true);
    expect(await bench.run(atom.compareAndSet(entry, 12))).toBe(false);
    expect((await allOf(table.scan({ consistency: 'eventual' })))[0]?.stale).toBe(true);
  });

  it('lets the store filter by what is in the items', async () => {
    await fill(30);
    const filter = {
      expression: '#d >= :d OR #d = :zero',
      names: { '#d': 'd' },
      values: { ':d': { N: '28' }, ':zero': { N: '0' } },
    };
    expect(sorted((await allOf(table.scan({ filter }))).map(({ key }) => key))).toEqual(['k0', 'k28', 'k29']);
    await bench.run(bench.calm().deleteMany(['k0', 'k28']));
    expect(sorted((await allOf(table.scan({ filter, prefix: 'k2' }))).map(({ key }) => key))).toEqual(['k29']);
    for (const taken of [{ names: { '#leydenToken': 'x' } }, { values: { ':leydenNow': { N: '1' } } }]) {
      expect(() => table.scan({ filter: { expression: 'x', ...taken } })).toThrow('must not begin with leyden');
    }
  });

  it('reads open atoms as they read, and moves what they remember forward, never back', async () => {
    await fill(3);
    const atom = table.atom<number>('k0', { initial: -1 });
    await bench.run(atom.deref());
    await bench.run(bench.calm().atom<number>('k0').reset(5));
    const seen: unknown[] = [];
    expect(atom.peek()).toBe(0);
    await allOf(table.scan());
    expect(atom.peek()).toBe(5);
    // A page that was read before a write of ours does not undo it.
    let own = table;
    const engine = overridden(bench.memory, {
      scan: async (request) => {
        const page = await bench.memory.scan(request);
        await own.atom<number>('k0').reset(9);
        return page;
      },
    });
    own = bench.table({ engine });
    const mine = own.atom<number>('k0');
    await bench.run(mine.deref());
    seen.push(...(await allOf(own.scan({ prefix: 'k0' }))).map(({ value }) => value));
    expect([seen, mine.peek()]).toEqual([[5], 9]);
  });

  it('leaves nothing behind of atoms that nobody holds', async () => {
    await fill(3);
    await allOf(table.scan());
    expect(table.atom<number>('k1').peek()).toBeUndefined();
    expect(table.atom<number>('k2', { initial: 4 }).peek()).toBeUndefined();
  });

  it('finds each atom that is there all the time, whatever else comes and goes', async () => {
    await fill(80);
    const other = bench.calm();
    const found: string[] = [];
    const walk = async () => {
      for await (const { key } of table.scan({ pageItemsMax: 7 })) {
        found.push(key as string);
        if (found.length % 5 !== 0) continue;
        await other.putMany([
          [`new-${found.length}`, 1],
          [key as string, 'again'],
        ]);
        await other.deleteMany([`new-${found.length - 5}`]);
      }
    };
    await bench.run(walk());
    expect(found.filter((key) => key.startsWith('k')).sort()).toEqual(names(80).sort());
  });
});

describe('a walk that is left and gone on with', () => {
  it('goes on behind the last entry: in another loop, another process, with segments', async () => {
    await fill(45);
    for (const segments of [1, 4]) {
      for (const step of [1, 9, 30]) {
        const found: unknown[] = [];
        let cursor: string | undefined;
        for (let round = 0; round < 100; round += 1) {
          const walk = bench.table().scan({ segments, pageItemsMax: 10, ...(cursor !== undefined && { cursor }) });
          const some = await allOf(walk, step);
          found.push(...some.map(({ key }) => key));
          if (some.length < step) break;
          cursor = walk.cursor;
        }
        expect(sorted(found)).toEqual(names(45).sort());
      }
    }
    const walk = table.keys({ pageItemsMax: 10 });
    const rest = [...(await allOf(walk, 33)), ...(await allOf(walk)), ...(await allOf(walk))];
    expect(sorted(rest)).toEqual(names(45).sort());
  });

  it('at its end reads nothing more', async () => {
    await fill(5);
    const walk = table.keys();
    await allOf(walk);
    const before = requests();
    expect(await allOf(walk)).toEqual([]);
    expect(await allOf(table.keys({ cursor: walk.cursor }))).toEqual([]);
    expect(requests()).toBe(before);
  });

  it('refuses a cursor that is none, or of another number of segments; and two loops at a time', async () => {
    await fill(20);
    for (const cursor of [
      '',
      'x',
      Buffer.from('[1,[7]]').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
      Buffer.from('[2,[null]]').toString('base64url'),
    ]) {
      expect(() => table.keys({ cursor })).toThrow(RangeError);
    }
    expect(() => table.keys({ cursor: table.keys({ segments: 2 }).cursor })).toThrow('2 segments, not 1');
    const walk = table.keys();
    const reader = walk[Symbol.asyncIterator]();
    await reader.next();
    expect(await failureOf(all(walk))).toBeInstanceOf(TypeError);
    await reader.return();
    expect(await allOf(walk)).toHaveLength(19);
  });
});

describe('a walk that meets trouble', () => {
  const damage = async (key: string) => {
    const { v: _, ...damaged } = (await bench.item(key)) as Item;
    await bench.put(damaged);
  };

  it('throws for an atom that can not be read, and goes on behind it when it is taken up again', async () => {
    await fill(30);
    await damage('k3');
    const walk = table.scan({ pageItemsMax: 10 });
    const found: unknown[] = [];
    const take = async () => {
      for await (const { key } of walk) found.push(key);
    };
    expect(await failureOf(take())).toMatchObject({ code: 'ERR_DECODE', key: 'k3', reason: 'damaged' });
    await bench.run(take());
    expect(sorted(found)).toEqual(
      names(30)
        .filter((name) => name !== 'k3')
        .sort(),
    );
  });

  it('or passes over it, and counts: damaged items, lost data, foreign keys, what a schema refuses', async () => {
    await fill(30);
    await damage('k3');
    const { d: _, ...lost } = (await bench.item('k4')) as Item;
    await bench.put(lost);
    await bench.put({ ...((await bench.item('k5')) as Item), id: { S: '~{"b":1, "a":2}' } });
    const picky = table.atom<number>('k6', {
      schema: { '~standard': { version: 1, vendor: 'spec', validate: () => ({ issues: [{ message: 'no' }] }) } },
    });
    const walk = table.scan({ onUndecodable: 'skip' });
    expect(await allOf(walk)).toHaveLength(27);
    expect(walk.skipped).toBe(4);
    const keys = table.keys({ onUndecodable: 'skip' });
    // Of values, keys know nothing.
    expect(await allOf(keys)).toHaveLength(30);
    expect([keys.skipped, picky.key]).toEqual([1, 'k6']);
  });

  it.each(['throttle', 'reset-before', 'reset-after', '5xx-after', 'cut-body'] as const)(
    'asks again after %s',
    async (kind) => {
      await fill(40);
      bench.faulty.setRules([{ fault: { kind }, on: ['scan'], probability: 0.4 }]);
      expect(sorted(await allOf(table.keys({ segments: 2, pageItemsMax: 5 })))).toEqual(names(40).sort());
    },
  );

  it('gives a page up at the deadline, and can be taken up again', async () => {
    await fill(40);
    const walk = table.scan({ pageItemsMax: 10 });
    const found = (await allOf(walk, 10)).length;
    bench.faulty.setRules([{ fault: { kind: 'throttle' } }]);
    const failure = await failureOf(all(walk));
    expect(failure).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done', retryable: true });
    expect(String(failure)).toContain('Cannot scan the atoms of table state');
    bench.faulty.setRules([]);
    expect((await allOf(walk)).length + found).toBe(40);
  });

  it('passes on what the store refuses for good', async () => {
    const missing = bench.table({ tableName: 'nowhere' });
    expect(await failureOf(all(missing.keys()))).toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('ends with the reason of its signal: before it began, between entries, while a page is on its way', async () => {
    await fill(40);
    const reason = new Error('enough');
    const before = requests();
    expect(await failureOf(all(table.keys({ signal: AbortSignal.abort(reason) })))).toBe(reason);
    expect(requests()).toBe(before);
    const controller = new AbortController();
    const walk = table.keys({ signal: controller.signal });
    const between = async () => {
      for await (const _ of walk) controller.abort(reason);
    };
    expect(await failureOf(between())).toBe(reason);
    let told: AbortSignal | undefined;
    const engine = overridden(bench.memory, {
      scan: (_, options) => {
        told = options?.signal;
        return new Promise(() => {});
      },
    });
    const other = new AbortController();
    const under = outcomeOf(all(bench.table({ engine }).keys({ signal: other.signal })));
    await breathe();
    other.abort(reason);
    await under.done;
    expect([under.error, told?.aborted]).toEqual([reason, true]);
  });

  it('ends with the reason of its signal also while the parts of a large value are on their way', async () => {
    const large = { itemBytesMax: 1_024 };
    await bench.run(bench.calm({ large }).atom<string>('k').reset(randomBytes(3_000).toString('base64')));
    const engine = overridden(bench.memory, { get: () => new Promise(() => {}) });
    const controller = new AbortController();
    const under = outcomeOf(all(bench.table({ engine, large }).scan({ signal: controller.signal })));
    await breathe();
    controller.abort('enough');
    await breathe();
    expect([under.settled, under.error]).toEqual([true, 'enough']);
  });

  it('holds on to no page that was taken, whoever might end it', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await fill(400);
    const pages: WeakRef<object>[] = [];
    const engine = overridden(bench.memory, {
      async scan(request, options) {
        // One segment that never comes to its end.
        if (request.segment === 1) return new Promise(() => {});
        const { items, nextKey } = structuredClone(await bench.memory.scan(request, options));
        pages.push(...items.slice(0, 1).map((item) => new WeakRef(item)));
        return { items, nextKey };
      },
    });
    const { signal } = new AbortController();
    let count = 0;
    for await (const _ of bench.table({ engine }).scan({ segments: 2, pageItemsMax: 2, signal })) {
      count += 1;
      if (count < 150) continue;
      await breathe();
      collect();
      expect(pages.length).toBeGreaterThan(50);
      expect(pages.filter((page) => page.deref() !== undefined).length).toBeLessThan(10);
      break;
    }
    expect(count).toBe(150);
  });

  it('leaves no request and no rejection behind when its loop is left', async () => {
    await fill(40);
    const calm = bench.memory;
    let fails = false;
    const engine = overridden(calm, {
      scan: async (request) => {
        if (fails) throw Object.assign(new Error('late'), { name: 'AccessDeniedException', $fault: 'client' });
        return calm.scan(request);
      },
    });
    const walk = bench.table({ engine }).keys({ pageItemsMax: 4 });
    const take = async () => {
      let count = 0;
      for await (const _ of walk) {
        fails = true;
        count += 1;
        if (count === 3) break;
      }
      return count;
    };
    expect(await bench.run(take())).toBe(3);
    await breathe();
  });
});

describe('sweep()', () => {
  const hourMs = 60 * 60 * 1_000;

  it('removes tombstones and expired values, page by page, and says how far it is', async () => {
    await fill(40);
    const atoms = names(5, 'short').map((name) => [bench.calm().atom<number>(name, { ttlMs: 1_000 })] as const);
    for (const [atom] of atoms) await bench.run(atom.reset(1));
    await bench.run(bench.calm().deleteMany(names(30)));
    expect(await bench.run(table.sweep())).toBe(0);
    await bench.clock.advance(hourMs + 3_000);
    const told: { pages: number; removed: number; left: number }[] = [];
    const meanwhile: number[] = [];
    const removed = await bench.run(
      table.sweep({
        pageItemsMax: 10,
        onPage: async (progress) => {
          told.push(progress);
          const before = requests();
          await bench.clock.sleep(100);
          meanwhile.push(requests() - before);
        },
      }),
    );
    expect(removed).toBe(35);
    // Nothing is read or removed until whoever is told has done with it.
    expect(new Set(meanwhile)).toEqual(new Set([0]));
    expect(told.at(-1)).toEqual({ pages: told.length, removed: 35, left: 0 });
    expect(told.length).toBeGreaterThanOrEqual(4);
    const left = await bench.memory.scan({ table: 'state', consistent: true });
    expect(sorted(left.items.map(({ id }) => (id as { S: string }).S))).toEqual(names(40).slice(30).sort());
  });

  it('leaves what was written since, and what has no clear answer, to the next one', async () => {
    await fill(6);
    await bench.run(bench.calm().deleteMany(names(6)));
    await bench.clock.advance(hourMs + 2_000);
    let deletes = 0;
    const engine = overridden(bench.faulty, {
      delete: async (request, options) => {
        deletes += 1;
        const key = (request.key.id as { S: string }).S;
        if (deletes === 4) await bench.calm().atom<number>(key).reset(7);
        return bench.faulty.delete(request, options);
      },
    });
    bench.faulty.setRules([
      { fault: { kind: 'throttle' }, on: ['delete'], times: 1 },
      { fault: { kind: 'reset-after' }, on: ['delete'], times: 1 },
      { fault: { kind: 'reset-before' }, on: ['delete'], times: 1 },
    ]);
    const told: unknown[] = [];
    const swept = bench
      .table({ engine, retry })
      .sweep({ concurrency: 1, onPage: (progress) => void told.push(progress) });
    expect(await bench.run(swept)).toBe(2);
    expect(told.at(-1)).toMatchObject({ removed: 2, left: 4 });
    bench.faulty.setRules([]);
    // One went although its answer was lost; one has a value again.
    expect(await bench.run(table.sweep())).toBe(2);
    expect(await allOf(table.keys())).toHaveLength(1);
  });

  it('asks for a page again, and ends with the reason of its signal', async () => {
    await fill(20);
    await bench.run(bench.calm().deleteMany(names(20)));
    await bench.clock.advance(hourMs + 2_000);
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: ['scan'], times: 3 }]);
    const reason = new Error('enough');
    const controller = new AbortController();
    const swept = table.sweep({ pageItemsMax: 5, signal: controller.signal, onPage: () => controller.abort(reason) });
    expect(await failureOf(swept)).toBe(reason);
    expect(await bench.run(table.sweep())).toBe(15);
    for (const wrong of [{ concurrency: 0 }, { pageItemsMax: 0 }]) {
      expect(await failureOf(table.sweep(wrong))).toBeInstanceOf(RangeError);
    }
  });
});

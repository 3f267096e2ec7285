// Goal: a value that does not fit its item is compressed, then split; what is written, read, kept and removed, request by request.
// Method: the memory engine, with sizes at which some hundred letters are a large value; real sizes are in parts-engines.spec.ts.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, type AtomTableOptions } from '../../lib/atom/index.js';
import {
  compressed,
  encrypted,
  type Item,
  itemBytes,
  jsonCodec,
  keyRing,
  type ValueCodec,
} from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { headCodec } from '../../lib/journal/head.js';
import { Journal } from '../../lib/journal/journal.js';
import { journalKeys } from '../../lib/journal/keys.js';
import { SnapshotPointer } from '../../lib/snapshot/index.js';
import { noSnap } from '../../lib/snapshot/pointer-value.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { idNamed, letters, partsIn, tableName, tiny } from './parts-actors.js';

let clock: VirtualClock;
let memory: MemoryEngine;
let table: AtomTable;
beforeEach(async () => {
  clock = new VirtualClock();
  memory = new MemoryEngine({ clock });
  table = open();
  await table.create();
});

function open(options: Partial<AtomTableOptions> = {}): AtomTable {
  return new AtomTable({ engine: memory, tableName, large: tiny, clock, ...options } as AtomTableOptions);
}

const itemOf = (key = 'a') => memory.get({ table: tableName, key: { id: { S: key } }, consistent: true });
const codecOf = async (key = 'a') => ((await itemOf(key))?.c as { S: string } | undefined)?.S;
const ring = () => keyRing({ current: 'k1', keys: { k1: randomBytes(32) } });

/** Requests and units that `action` took, what goes on in the background included. */
async function costOf(action: () => Promise<unknown>, of = table) {
  await of.settled();
  const before = of.spent();
  await action();
  await of.settled();
  const after = of.spent();
  return {
    requests: after.requests - before.requests,
    writeUnits: after.writeUnits - before.writeUnits,
    readUnits: after.readUnits - before.readUnits,
  };
}

describe('a value that does not fit its item', () => {
  it('is compressed, and that is all when it fits then', async () => {
    const atom = table.atom<string>('a');
    const text = 'the same line over and over. '.repeat(200);
    expect(await costOf(() => atom.reset(text))).toMatchObject({ requests: 2, writeUnits: 1 });
    expect(await codecOf()).toBe('compressed');
    expect(await open().atom('a').deref()).toBe(text);
    expect(await costOf(() => atom.reset('short'))).toMatchObject({ requests: 1 });
    expect(await codecOf()).toBeUndefined();
  });

  it('is split when even that does not fit: parts first, then the item that names them', async () => {
    const atom = table.atom<readonly string[]>('a');
    const written: string[] = [];
    const seen = open({
      engine: new Proxy(memory, {
        get(target, name) {
          const own = Reflect.get(target, name) as unknown;
          if (name !== 'put') return typeof own === 'function' ? own.bind(target) : own;
          return (request: { item: Item }) => {
            written.push((request.item.id as { S: string }).S.replace(/:.*\//, ':…/'));
            return target.put(request as never);
          };
        },
      }),
    });
    await seen.atom('a').reset(letters('o'));
    // The tombstone on which it is written, two parts, the item.
    expect(written).toEqual(['a', '~part:…/0', '~part:…/1', 'a']);
    expect(await codecOf()).toBe('parts');
    const { d } = (await itemOf()) as { d: { S: string } };
    expect(JSON.parse(d.S)).toMatchObject({ id: expect.any(String), count: 2, bytes: expect.any(Number) });
    expect(await atom.deref()).toEqual(letters('o'));
    expect((await atom.snapshot()).version).toBe(2);
  });

  it('costs a write of each part and of the item, a read of the same, and the old parts once more', async () => {
    const atom = table.atom<readonly string[]>('a');
    expect(await costOf(() => atom.reset(letters('o')))).toMatchObject({ requests: 5, writeUnits: 4 });
    // Two parts, the item, and two marks.
    expect(await costOf(() => atom.reset(letters('n')))).toEqual({ requests: 5, writeUnits: 5, readUnits: 0 });
    // Parts are read at half the price.
    expect(await costOf(() => open().atom('a').deref())).toEqual({ requests: 3, writeUnits: 0, readUnits: 2 });
    expect(await costOf(() => atom.deref())).toMatchObject({ requests: 1, readUnits: 1 });
    expect(await costOf(() => atom.delete())).toMatchObject({ requests: 3, writeUnits: 3 });
    expect((await partsIn(memory)).ids.size).toBe(0);
  });

  it('is handed out frozen like any other, and is no-op when it is the same', async () => {
    const atom = table.atom<readonly string[]>('a');
    await atom.reset(letters('o'));
    const value = await open().atom<readonly string[]>('a').deref();
    expect(Object.isFrozen(value)).toBe(true);
    expect(await costOf(() => atom.reset(letters('o')))).toMatchObject({ writeUnits: 0 });
  });

  it('keeps its parts when the same content is written again', async () => {
    const atom = table.atom<readonly string[]>('a');
    await atom.reset(letters('o'));
    const id = await idNamed(memory);
    expect(await costOf(() => atom.swap((v) => v as never, { noop: 'write' }))).toMatchObject({
      requests: 1,
      writeUnits: 1,
    });
    expect(await idNamed(memory)).toBe(id);
    expect((await partsIn(memory)).marked.size).toBe(0);
    expect(await open().atom('a').snapshot()).toMatchObject({ value: letters('o'), version: 3 });
  });

  it('is read by whoever has the older state without reading its parts again', async () => {
    const atom = table.atom<readonly string[]>('a');
    const other = open().atom<readonly string[]>('a');
    await atom.reset(letters('o'));
    await other.deref();
    await atom.swap((v) => v as never, { noop: 'write' });
    expect(await costOf(() => other.deref())).toMatchObject({ requests: 1 });
  });

  it('has the bytes of its parts in its snapshot', async () => {
    const atom = table.atom<readonly string[]>('a');
    await atom.reset(letters('o'));
    const { items } = await memory.scan({ table: tableName, consistent: true });
    const { bytes } = await atom.snapshot();
    expect(bytes).toBeGreaterThan(1_200);
    expect(bytes).toBeLessThanOrEqual(items.reduce((sum, item) => sum + itemBytes(item), 0));
  });
});

describe('large values of every kind', () => {
  const since = new Date(0);
  const kinds: readonly (readonly [string, unknown])[] = [
    ['text', letters('t').join('')],
    ['bytes', new Uint8Array(randomBytes(1_500))],
    ['bytes inside', { bytes: new Uint8Array(randomBytes(1_500)) }],
    ['dates, maps, bigints', new Map(letters('m').map((text, at) => [text, [since, BigInt(at), undefined]]))],
    ['many small numbers', Array.from({ length: 4_000 }, (_, at) => (at * 7_919) % 9_973)],
    ['names like __proto__', { ['__proto__']: letters('p'), constructor: 1 }],
  ];
  const codecs: readonly (readonly [string, AtomTableOptions['codec']])[] = [
    ['native attributes', undefined],
    ['jsonCodec', jsonCodec],
    ['compressed()', compressed()],
    ['compressed() of the smallest, too', compressed({ bytesMin: 0 })],
    ['encrypted()', encrypted({ keys: ring() })],
    ['encrypted() over compressed()', encrypted({ keys: ring(), inner: compressed() })],
  ];

  it.each(codecs)('come back as they were, with %s', async (_name, codec) => {
    for (const [name, value] of kinds) {
      const writer = open({ ...(codec && { codec }) }).atom<unknown>(name);
      await writer.reset(value);
      const back = await open({ ...(codec && { codec }) })
        .atom<unknown>(name)
        .deref();
      expect(back).toEqual(value);
    }
    expect((await partsIn(memory)).ids.size).toBeGreaterThan(0);
  });

  it('come back as they were with a codec of one own that makes text, bytes or attributes', async () => {
    const words = letters('w');
    const make = (name: string, encode: ValueCodec['encode'], decode: ValueCodec['decode']): ValueCodec => ({
      name,
      encode,
      decode,
    });
    const text = (v: unknown) => (v as string[]).join(' ');
    const codecsOfOnesOwn = [
      make(
        'my:text',
        (v) => ({ S: text(v) }),
        (data) => (data as { S: string }).S.split(' '),
      ),
      make(
        'my:bytes',
        (v) => ({ B: Buffer.from(text(v)) }),
        (data) =>
          Buffer.from((data as { B: Uint8Array }).B)
            .toString()
            .split(' '),
      ),
      make(
        'my:list',
        (v) => ({ L: (v as string[]).map((S) => ({ S })) }),
        (data) => (data as { L: { S: string }[] }).L.map(({ S }) => S),
      ),
    ];
    for (const codec of codecsOfOnesOwn) {
      await open({ codec }).atom<readonly string[]>(codec.name).reset(words);
      expect(await codecOf(codec.name)).toBe('parts');
      expect(await open({ codec }).atom(codec.name).deref()).toEqual(words);
    }
  });

  it('are bound to their item when encrypted: the manifest to its version, the parts to their id', async () => {
    const codec = encrypted({ keys: ring() });
    const atom = open({ codec }).atom<readonly string[]>('a');
    await atom.reset(letters('o'));
    expect(await codecOf()).toBe('encrypted:k1');
    const before = (await itemOf()) as Item;
    await atom.reset(letters('n'));
    const after = (await itemOf()) as Item;
    // The old manifest under the new version.
    await memory.put({ table: tableName, item: { ...after, d: before.d as never } });
    const reader = () => open({ codec }).atom('a').deref();
    await expect(reader()).rejects.toMatchObject({ code: 'ERR_DECODE', reason: 'damaged' });
    // A manifest that nobody sealed.
    const plain = { S: JSON.stringify({ id: 'x', count: 1, partBytes: 1, bytes: 1, digest: 'x', head: 'x' }) };
    await memory.put({ table: tableName, item: { ...after, d: plain, c: { S: 'parts' } } });
    await expect(reader()).rejects.toMatchObject({ code: 'ERR_DECODE', reason: 'foreign' });
    await memory.put({ table: tableName, item: after });
    expect(await reader()).toEqual(letters('n'));
  });

  it('lie in tables with a sort key', async () => {
    const options = { tableName: 'sorted', keyName: 'pk', sortKeyName: 'sk' };
    const sorted = open(options);
    await sorted.create();
    const key = { pk: { room: 7 }, sk: 'x' };
    await sorted.atom<readonly string[]>(key).reset(letters('o'));
    expect(await open(options).atom(key).deref()).toEqual(letters('o'));
    await sorted.atom(key).delete();
    await sorted.settled();
    clock.step(2 * 60 * 60 * 1_000);
    // Two parts and the tombstone.
    expect(await sorted.sweep()).toBe(3);
  });
});

describe('the parts of a value that was replaced', () => {
  const hour = 60 * 60 * 1_000;

  it('stay for an hour for whoever reads them, then a sweep removes them', async () => {
    const atom = table.atom<readonly string[]>('a');
    await atom.reset(letters('o'));
    const manifest = (await itemOf()) as Item;
    await atom.reset('small' as never);
    await table.settled();
    expect((await partsIn(memory)).marked.size).toBe(1);
    // A reader that has the old item in its hands can finish.
    const late = open({ engine: new Proxy(memory, lateReader(manifest)) });
    expect(await late.atom('a').deref()).toEqual(letters('o'));
    clock.step(hour - 1_000);
    expect(await table.sweep()).toBe(0);
    clock.step(2_000);
    expect(await table.sweep()).toBe(2);
    // One that comes even later looks again, and goes on with the new value.
    expect(
      await open({ engine: new Proxy(memory, lateReader(manifest)) })
        .atom('a')
        .deref(),
    ).toBe('small');
  });

  it('are kept by the writes that name them: a cancelled one, a transaction that fails', async () => {
    const atom = table.atom<readonly string[]>('a');
    await atom.reset(letters('o'));
    const failed = table.transact(async (tx) => {
      await tx.reset(atom, letters('n'));
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    await table.settled();
    expect(await open().atom('a').deref()).toEqual(letters('o'));
    expect((await partsIn(memory)).ids.size).toBe(1);
  });

  it('go with the item when it expires, at least an hour after it', async () => {
    const atom = table.atom<readonly string[]>('a', { ttlMs: 60_000 });
    await atom.reset(letters('o'));
    const { items } = await memory.scan({ table: tableName, consistent: true });
    const [item, ...parts] = items.map(({ x }) => Number((x as { N: string }).N)).sort();
    expect(parts).toEqual([(item as number) + 3_600, (item as number) + 3_600]);
    clock.step(60_000);
    // Parts of what has expired are not even read.
    expect(await costOf(() => open().atom('a').deref())).toMatchObject({ requests: 1 });
    clock.step(3 * hour);
    expect(await table.sweep()).toBe(3);
    expect((await memory.scan({ table: tableName, consistent: true })).items).toEqual([]);
  });

  it('are read after all by whoever met the value when his clock was ahead, and had it put right', async () => {
    await table.atom<readonly string[]>('a', { ttlMs: 60_000 }).reset(letters('o'));
    const ahead = open();
    const atom = ahead.atom<readonly string[]>('a', { ttlMs: 60_000 });
    clock.step(120_000);
    expect(await atom.deref()).toBeUndefined();
    expect(await atom.deref({ consistency: 'cached' })).toBeUndefined();
    clock.step(-120_000);
    expect(await atom.deref({ consistency: 'cached' })).toEqual(letters('o'));
    clock.step(120_000);
    const cold = open().atom<readonly string[]>('a', { ttlMs: 60_000 });
    expect(await cold.deref()).toBeUndefined();
    clock.step(-120_000);
    expect(await cold.swap((value) => [...(value ?? []), 'end'])).toEqual([...letters('o'), 'end']);
  });

  it('are written anew when the same content is to last longer', async () => {
    const atom = table.atom<readonly string[]>('a', { ttlMs: 60_000 });
    await atom.reset(letters('o'));
    const id = await idNamed(memory);
    clock.step(1_000);
    await atom.reset(letters('o'), { noop: 'write' });
    expect(await idNamed(memory)).not.toBe(id);
  });
});

/** An engine whose first read of the item is answered by `stale`. */
function lateReader(stale: Item): ProxyHandler<MemoryEngine> {
  let answered = false;
  return {
    get(target, name) {
      const own = Reflect.get(target, name) as unknown;
      if (name !== 'get') return typeof own === 'function' ? own.bind(target) : own;
      return (request: { key: Item }) => {
        const isFirst = !answered && (request.key.id as { S: string }).S === 'a';
        answered ||= isFirst;
        return isFirst ? Promise.resolve(stale) : target.get(request as never);
      };
    },
  };
}

describe('large', () => {
  it("refuses what does not fit, with 'refuse'", async () => {
    const atom = table.atom<string>('a', { large: 'refuse' });
    const before = table.spent().requests;
    const failure = atom.reset('x'.repeat(409_600));
    await expect(failure).rejects.toMatchObject({ code: 'ERR_ITEM_TOO_LARGE', outcome: 'not-done', bytesMax: 409_600 });
    // The first look, and the confirmation of the error.
    expect(table.spent().requests - before).toBeLessThanOrEqual(2);
    await atom.reset('x'.repeat(400_000));
    expect(await codecOf()).toBeUndefined();
  });

  it('refuses more bytes than a large value can have before anything is sent', async () => {
    const limited = open({ large: { ...tiny, bytesMax: 1_400 } });
    const atom = limited.atom<string>('a');
    await atom.reset(letters('o').join('').slice(0, 1_380));
    const before = memory.spent().writeUnits;
    await expect(atom.reset('x'.repeat(1_401))).rejects.toMatchObject({ code: 'ERR_ITEM_TOO_LARGE', bytesMax: 1_400 });
    expect(memory.spent().writeUnits).toBe(before);
    expect(await atom.deref()).toHaveLength(1_380);
  });

  it('reads what others wrote, whatever it says itself', async () => {
    await table.atom<readonly string[]>('a').reset(letters('o'));
    expect(await open({ large: 'refuse' }).atom('a').deref()).toEqual(letters('o'));
  });

  it('must be in range, and the same for all handles', () => {
    expect(() => open({ large: { itemBytesMax: 100 } })).toThrow(
      /itemBytesMax must be an integer from 1024 to 409600: 100/,
    );
    expect(() => open({ large: { bytesMax: 2 ** 40 } })).toThrow(RangeError);
    expect(() => open({ large: { partBytesMax: 0.5 } })).toThrow(RangeError);
    table.atom('a', { large: 'refuse' });
    expect(() => table.atom('a')).toThrow(/option large differs/);
    expect(() => table.atom('a', { large: 'refuse' })).not.toThrow();
  });

  it("is 'refuse' for heads of journals and pointers to snapshots, whatever the table says", () => {
    const pointer = new SnapshotPointer(table, 'pointer');
    const options = { initial: noSnap, codec: 'native' } as const;
    expect(() => table.atom(pointer.key, options)).toThrow(/option large differs/);
    table.atom(pointer.key, { ...options, large: 'refuse' });
    const journal = new Journal(table, 'orders', { consumer: () => {}, recover: async () => undefined } as never);
    const { head } = journalKeys(journal.name);
    expect(() => table.atom(head, { codec: headCodec })).toThrow(/option large differs/);
    table.atom(head, { codec: headCodec, large: 'refuse' });
  });

  it('goes into parts no sooner than the index attributes leave no room, and says so when those alone do not fit', async () => {
    const index = { word: () => 'w'.repeat(700) };
    await table.atom<string>('a', { index }).reset('over and '.repeat(28));
    expect(await codecOf()).toBe('compressed');
    await table.atom<string>('b', { index }).reset(letters('o').join('').slice(0, 700));
    expect(await codecOf('b')).toBe('parts');
    const atom = table.atom<readonly string[]>('c', { index: { word: () => 'w'.repeat(409_600) } });
    await expect(atom.reset(letters('o'))).rejects.toMatchObject({ code: 'ERR_ITEM_TOO_LARGE' });
    await table.settled();
    // What had been written for it is gone.
    expect((await partsIn(memory)).ids.size).toBe(1);
  });
});

describe('several large values at once', () => {
  it('are written by one transaction, all or none', async () => {
    const [one, other] = [table.atom<readonly string[]>('a'), table.atom<readonly string[]>('b')];
    await one.reset(letters('o'));
    await table.transact(async (tx) => {
      await tx.reset(one, letters('n'));
      await tx.reset(other, letters('m'));
    });
    await table.settled();
    const fresh = open();
    expect([await fresh.atom('a').deref(), await fresh.atom('b').deref()]).toEqual([letters('n'), letters('m')]);
    const { ids, marked } = await partsIn(memory);
    expect([ids.size, marked.size]).toEqual([2, 1]);
  });

  it('are read and written by calls on many atoms', async () => {
    await table.putMany([
      ['a', letters('o')],
      ['b', 'small'],
      ['c', letters('n')],
    ]);
    expect(await open().getMany(['c', 'b', 'a'])).toEqual([letters('n'), 'small', letters('o')]);
    const keys: unknown[] = [];
    for await (const key of open().keys()) keys.push(key);
    expect(keys.sort()).toEqual(['a', 'b', 'c']);
    const values = new Map<unknown, unknown>();
    for await (const { key, value } of open().scan()) values.set(key, value);
    expect(values.get('a')).toEqual(letters('o'));
    expect(values.size).toBe(3);
  });

  it('of two processes that contend for one atom: each has its turn, and all are there', async () => {
    const tables = [open(), open()];
    const work = tables.map(async (one, at) => {
      for (let round = 0; round < 5; round += 1) {
        await one
          .atom<readonly string[]>('a', { initial: [] })
          .swap((v) => [...v, `${at}.${round}`, ...letters('x')].slice(-300));
      }
    });
    await clock.run(Promise.all(work));
    const value = await open().atom<readonly string[]>('a').deref();
    expect(value).toHaveLength(300);
    await Promise.all(tables.map((one) => one.settled()));
    expect((await partsIn(memory)).ids.size).toBe(1);
  });

  it('is what a focus, a commute and a watch see', async () => {
    const atom = table.atom<{ n: number; words: readonly string[] }>('a', { initial: { n: 0, words: letters('o') } });
    await atom.swap((v) => ({ ...v, n: 1 }));
    await atom.focus('n').swap((n) => (n ?? 0) + 1);
    expect(await open().atom<{ n: number }>('a').deref()).toMatchObject({ n: 2 });
  });
});

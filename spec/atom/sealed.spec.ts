// Goal: atoms that are encrypted or compressed are atoms in every respect, and nothing that was not sealed for an atom as it is
// now is taken for its value. Method: whoever can write to the table but has no key meddles with raw items, on every engine;
// messages are held, lost and doubled on the memory engine; keys change while four processes write.
// LEYDEN_SIZE=full rotates 10^4 items, otherwise a few.
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, type AtomTableOptions, type ItemAtom, type UnknownOutcomeError } from '../../lib/atom/index.js';
import {
  type AttributeValue,
  compressed,
  dataKeys,
  encrypted,
  type Item,
  type KeyRing,
  keyRing,
  type SealingCodec,
} from '../../lib/codec/index.js';
import { seededRandom } from '../../lib/engine/random.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { type Bench, breathe, numberOf, openBench, overridden, textOf } from './bench.js';

const full = process.env.LEYDEN_SIZE === 'full';
const seed = Number(process.env.LEYDEN_SEED ?? 1);
const increment = (n: number) => n + 1;
const [k1, k2] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const ringOf = (keys: Record<string, Uint8Array> = { k1 }) =>
  keyRing({ current: Object.keys(keys)[0] as string, keys });
const refused = { code: 'ERR_DECODE', reason: 'damaged', outcome: 'not-done' };

interface Person {
  readonly name: string;
  readonly n: number;
}

/** Bytes, in whatever form an engine gives them back. */
const bytesOf = (attribute: AttributeValue | undefined) => Buffer.from((attribute as { readonly B: Uint8Array }).B);

for (const row of engines) {
  describeEngine(row, () => {
    let open: OpenEngine;
    let tableName: string;
    let codec: SealingCodec;
    beforeAll(async () => {
      open = await row.open();
      tableName = open.uniqueTable();
      codec = encrypted({ keys: ringOf() });
      await table().create();
    });
    afterAll(() => open.close());

    const table = (options: Partial<Omit<AtomTableOptions, 'client'>> = {}) =>
      new AtomTable({ engine: open.engine, tableName, codec, ...options });
    const raw = async (id: string) =>
      (await open.engine.get({ table: tableName, key: { id: { S: id } }, consistent: true })) as Item;
    const put = async (item: Item) => {
      expect(await open.engine.put({ table: tableName, item })).toMatchObject({ status: 'applied' });
    };

    it('encrypts: every verb works, in as many requests, and no word of it lies in the item', async () => {
      const own = table();
      const atom = own.atom<Person>('verbs', { initial: { name: '', n: 0 } });
      await atom.reset({ name: 'Ada Lovelace', n: 1 });
      const before = own.spent().requests;
      expect(await atom.swap((v) => ({ ...v, n: v.n + 1 }))).toEqual({ name: 'Ada Lovelace', n: 2 });
      expect(own.spent().requests - before).toBe(1);
      const other = table().atom<Person>('verbs', { initial: { name: '', n: 0 } });
      expect(await other.deref()).toEqual({ name: 'Ada Lovelace', n: 2 });
      expect(await other.compareAndSet({ n: 2, name: 'Ada Lovelace' }, { name: 'Ada Lovelace', n: 3 })).toBe(true);
      expect(await atom.trySwap((v) => ({ ...v, n: 9 }))).toMatchObject({ status: 'conflict' });
      expect(await atom.swapVals((v) => ({ ...v, n: v.n + 1 }))).toEqual([
        { name: 'Ada Lovelace', n: 3 },
        { name: 'Ada Lovelace', n: 4 },
      ]);
      const item = await raw('verbs');
      expect(item).toMatchObject({ c: { S: 'encrypted:k1' }, v: { N: '4' } });
      expect(item).not.toHaveProperty('t');
      expect(bytesOf(item.d).includes('Lovelace')).toBe(false);
      expect(await atom.snapshot()).toMatchObject({ version: 4, exists: true });
      expect(await other.delete()).toBe(true);
      expect(await atom.deref()).toEqual({ name: '', n: 0 });
      await atom.reset({ name: 'Bob', n: 0 });
      expect(await other.deref()).toEqual({ name: 'Bob', n: 0 });
    });

    it('refuses an old ciphertext under a newer version, and leaves it as it is', async () => {
      const atom = table().atom<number>('rolled-back', { initial: 0 });
      await atom.swap(increment);
      const old = await raw('rolled-back');
      await atom.swap(increment);
      const forged = { ...(await raw('rolled-back')), d: old.d as AttributeValue };
      await put(forged);
      const victim = table().atom<number>('rolled-back', { initial: 0 });
      for (const call of [() => victim.deref(), () => victim.swap(increment), () => victim.snapshot()]) {
        await expect(call()).rejects.toMatchObject({ ...refused, key: 'rolled-back' });
      }
      expect(await raw('rolled-back')).toEqual(forged);
    });

    it('refuses what was moved from another atom, and plaintext in place of ciphertext', async () => {
      const own = table();
      await own.atom<string>('rich').reset('rich');
      await own.atom<string>('poor').reset('poor');
      const [rich, poor] = [await raw('rich'), await raw('poor')];
      await put({ ...poor, d: rich.d as AttributeValue });
      await expect(table().atom('poor').deref()).rejects.toMatchObject(refused);
      await put({ ...rich, id: { S: 'poor' } });
      await expect(table().atom('poor').deref()).rejects.toMatchObject(refused);
      const { c: _codec, ...bare } = poor;
      for (const plain of [
        { ...bare, d: { S: 'rich' } },
        { ...poor, c: { S: 'json' }, d: { S: '{"json":"rich"}' } },
      ]) {
        await put(plain);
        await expect(table().atom('poor').deref()).rejects.toMatchObject({ code: 'ERR_DECODE', reason: 'foreign' });
      }
      await put(poor);
      expect(await table().atom('poor').deref()).toBe('poor');
    });

    it('refuses a whole old item that was put back, in a process that saw a newer one; others can’t tell', async () => {
      const atom = table().atom<number>('put-back', { initial: 0 });
      await atom.swap(increment);
      const old = await raw('put-back');
      await atom.swap(increment);
      await put(old);
      await expect(atom.deref()).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining('was put back'),
      });
      await expect(atom.swap(increment)).rejects.toMatchObject(refused);
      expect(await raw('put-back')).toEqual(old);
      expect(await table().atom('put-back').deref()).toBe(1);
    });

    it('says which key is missing, and leaves what it can’t read as it is', async () => {
      const atom = table({ codec: encrypted({ keys: ringOf({ k2, k1 }) }) }).atom<number>('newer-key', { initial: 0 });
      await atom.swap(increment);
      const item = await raw('newer-key');
      const behind = table().atom<number>('newer-key', { initial: 0 });
      for (const call of [() => behind.deref(), () => behind.swap(increment), () => behind.reset(7)]) {
        await expect(call()).rejects.toMatchObject({ code: 'ERR_KEY_MISSING', keyId: 'k2', outcome: 'not-done' });
      }
      expect(await raw('newer-key')).toEqual(item);
      const wrong = table({ codec: encrypted({ keys: ringOf({ k2: k1 }) }) }).atom<number>('newer-key');
      await expect(wrong.reset(7)).rejects.toMatchObject(refused);
      expect(await raw('newer-key')).toEqual(item);
    });

    it('compresses: a megabyte of text in one request, plain values still read', async () => {
      const text = Array.from({ length: 20_000 }, (_, i) => `line ${i % 97}: nothing new under the sun`).join('\n');
      await new AtomTable({ engine: open.engine, tableName }).atom<string>('plain').reset('as ever');
      for (const layer of [compressed(), encrypted({ keys: ringOf(), inner: compressed() })]) {
        const own = table({ codec: layer });
        const atom = own.atom<string>(`long-${layer.name}`);
        const before = own.spent().requests;
        await atom.reset(text);
        // The read of what is there, and the write.
        expect(own.spent().requests - before).toBeLessThanOrEqual(2);
        expect(await table({ codec: layer }).atom(`long-${layer.name}`).deref()).toBe(text);
        expect(bytesOf((await raw(`long-${layer.name}`)).d).length).toBeLessThan(text.length / 20);
      }
      const seen = table({ codec: compressed() }).atom<string>('plain');
      expect(await seen.deref()).toBe('as ever');
      await seen.swap((v) => `${v}, `.repeat(300));
      expect(await raw('plain')).toMatchObject({ c: { S: 'compressed' } });
    });

    const items = full && row.name !== 'dynalite' ? 10_000 : row.name === 'memory' ? 100 : 16;
    it(`rotates keys while four processes write ${items} atoms and die: none is lost, none is unreadable`, async () => {
      const random = seededRandom(seed);
      const rings = [0, 1, 2, 3].map(() => ringOf());
      const start = (index: number) => table({ codec: encrypted({ keys: rings[index] as KeyRing }) });
      const tables = rings.map((_, index) => start(index));
      const written = new Map<number, number>();
      const cutOff = new Map<number, number>();
      const dying: Promise<unknown>[] = [];
      let running = true;
      const count = (counts: Map<number, number>, item: number) => counts.set(item, (counts.get(item) ?? 0) + 1);
      const write = async (index: number, item: number) => {
        const swap = tables[index]?.atom<number>(`rotated-${item}`, { initial: 0 }).swap(increment);
        if (running && random.int(20) === 0) {
          // Nobody hears what becomes of it, and another process takes over.
          dying.push((swap as Promise<number>).catch(() => undefined));
          count(cutOff, item);
          tables[index] = start(index);
          return;
        }
        await swap;
        count(written, item);
      };
      const writers = tables.map(async (_, index) => {
        for (let item = index; running || item < items; item += 4) {
          await write(index, item < items ? item : random.int(items));
          // The memory engine never lets go of the event loop.
          await setImmediate();
        }
      });
      for (const ring of rings) ring.add('k2', k2);
      for (const ring of rings) {
        while (written.size < (items / 5) * (1 + rings.indexOf(ring))) await setImmediate();
        ring.use('k2');
      }
      running = false;
      await Promise.all([...writers, ...dying]);
      for (let item = 0; item < items; item += 1) await write(item % 4, item);
      for (const ring of rings) expect(ring.retire('k1')).toBe(true);
      const reader = table({ codec: encrypted({ keys: ringOf({ k2 }) }) });
      let [unreadable, wrong] = [0, 0];
      for (let item = 0; item < items; item += 1) {
        const value = await reader
          .atom<number>(`rotated-${item}`)
          .deref()
          .catch(() => undefined);
        if (value === undefined) unreadable += 1;
        else if (value < (written.get(item) ?? 0) || value > (written.get(item) ?? 0) + (cutOff.get(item) ?? 0))
          wrong += 1;
      }
      expect({ unreadable, wrong, seed }).toEqual({ unreadable: 0, wrong: 0, seed });
    }, 600_000);
  });
}

describe('a sealed atom', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });
  const sealedBy = (keys: Record<string, Uint8Array> = { k1 }) => encrypted({ keys: ringOf(keys) });

  it('cancels an unknown outcome by sealing the base value again, under its new version', async () => {
    const codec = sealedBy();
    const own = bench.table({ codec, retry: { timeoutMs: 1_000 } });
    const atom = own.atom<number>('n', { initial: 0 });
    await bench.run(atom.reset(7));
    const first = await bench.item('n');
    bench.faulty.hold(['put']);
    const swap = atom.swap(increment, { timeoutMs: 0 });
    const error = await bench.run(
      swap.then(
        () => undefined,
        (reason: unknown) => reason as UnknownOutcomeError,
      ),
    );
    expect(error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME' });
    const held = await bench.message(0);
    bench.faulty.release();
    expect(await bench.run((error as UnknownOutcomeError).settle({ prefer: 'cancel' }))).toEqual({
      outcome: 'not-done',
    });
    const second = await bench.item('n');
    expect(numberOf(second?.v)).toBeGreaterThan(numberOf(first?.v));
    expect(second?.d).not.toEqual(first?.d);
    expect(await held.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await bench.run(bench.calm({ codec }).atom('n').deref())).toBe(7);
    expect(await bench.run(atom.swap(increment))).toBe(8);
  });

  it('is exact while answers are lost, doubled and late, compressed as well', async () => {
    const codec = encrypted({ keys: ringOf(), inner: compressed({ bytesMin: 0 }) });
    bench = await openBench({
      rules: [
        { fault: { kind: 'late', delayMs: [0, 2_000] }, on: 'writes', probability: 0.3 },
        { fault: { kind: 'reset-after' }, on: 'writes', probability: 0.1 },
        { fault: { kind: 'duplicate', gapMs: [0, 500] }, on: 'writes', probability: 0.1 },
        { fault: { kind: 'throttle' }, probability: 0.05 },
      ],
    });
    const tables = [0, 1, 2].map(() => bench.table({ codec, retry: { timeoutMs: 600_000 } }));
    const calls = tables.flatMap((own) => {
      const atom = own.atom<number>('n', { initial: 0 });
      return Array.from({ length: 20 }, async () => {
        await bench.clock.sleep(10);
        return atom.swap(increment);
      });
    });
    const results = await bench.run(Promise.all(calls));
    expect(results.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(await bench.run(bench.calm({ codec }).atom('n').deref())).toBe(60);
  });

  it('refuses each changed byte of its ciphertext, and each changed fact that it is bound to', async () => {
    const codec = sealedBy();
    const atom = bench.table({ codec }).atom<string>('n', { ttlMs: 60_000 });
    await bench.run(atom.reset('secret'));
    const item = (await bench.item('n')) as Item;
    const bytes = bytesOf(item.d);
    const forged: Item[] = Array.from(bytes, (byte, at) => {
      const changed = Buffer.from(bytes);
      changed[at] = byte ^ 1;
      return { ...item, d: { B: changed } };
    });
    forged.push(
      { ...item, v: { N: '2' } },
      { ...item, e: { S: `${textOf(item.e)}x` } },
      { ...item, y: { N: String(numberOf(item.y) + 1) } },
      { ...item, c: { S: 'encrypted:k3' } },
    );
    const { y: _expiry, ...endless } = item;
    forged.push(endless);
    for (const one of forged) {
      await bench.put(one);
      await expect(bench.run(bench.calm({ codec }).atom('n').deref())).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(DECODE|KEY_MISSING)$/),
      });
    }
    // Also in a process that knows the very write.
    await bench.run(atom.deref().catch(() => undefined));
    await bench.put({ ...item, y: { N: String(numberOf(item.y) + 1) } });
    await expect(bench.run(atom.deref())).rejects.toMatchObject(refused);
    await bench.put(item);
    expect(await bench.run(bench.calm({ codec }).atom('n').deref())).toBe('secret');
  });

  it('refuses what stood there before it was deleted', async () => {
    const codec = sealedBy();
    const atom = bench.table({ codec }).atom<string>('n');
    await bench.run(atom.reset('secret'));
    const old = (await bench.item('n')) as Item;
    await bench.run(atom.delete());
    const tombstone = (await bench.item('n')) as Item;
    await bench.put({ ...tombstone, d: old.d as AttributeValue, c: old.c as AttributeValue });
    await expect(bench.run(bench.calm({ codec }).atom('n').deref())).rejects.toMatchObject(refused);
  });

  it('accepts a read that began before a newer version was seen, and stale ones', async () => {
    const codec = sealedBy();
    const answers: (() => void)[] = [];
    let slow = false;
    const engine = overridden(bench.memory, {
      async get(request, options) {
        const item = await bench.memory.get(request, options);
        if (slow) await new Promise<void>((resolve) => answers.push(resolve));
        return item;
      },
    });
    const [atom, other] = [bench.table({ codec, engine }), bench.calm({ codec })].map((own) =>
      own.atom<number>('n', { initial: 0 }),
    ) as [ItemAtom<number, number>, ItemAtom<number, number>];
    await bench.run(atom.reset(1));
    const first = await bench.item('n');
    slow = true;
    const read = atom.deref();
    await breathe();
    await bench.run(atom.swap(increment));
    answers[0]?.();
    expect(await bench.run(read)).toBe(1);
    slow = false;
    // What a replica that lags behind would say.
    await bench.run(other.swap(increment));
    await bench.run(atom.deref());
    await bench.put(first as Item);
    expect(await bench.run(atom.deref({ consistency: 'eventual' }))).toBe(1);
    await expect(bench.run(atom.deref())).rejects.toMatchObject(refused);
  });

  it('moves from plain to encrypted with acceptPlain, and refuses what is left plain without it', async () => {
    const plain = bench.table();
    for (const id of ['a', 'b']) await bench.run(plain.atom<{ n: number }>(id).reset({ n: 1 }));
    const lenient = bench.table({ codec: encrypted({ keys: ringOf(), acceptPlain: true, inner: compressed() }) });
    const strict = bench.table({ codec: sealedBy() });
    expect(await bench.run(lenient.atom('b').deref())).toEqual({ n: 1 });
    // What is equal is rewritten on request only.
    await bench.run(lenient.atom<{ n: number }>('a', { initial: { n: 0 } }).swap((v) => v, { noop: 'write' }));
    expect(await bench.item('a')).toMatchObject({ c: { S: 'encrypted:k1' } });
    expect(await bench.run(strict.atom('a').deref())).toEqual({ n: 1 });
    await expect(bench.run(strict.atom('b').deref())).rejects.toMatchObject({ code: 'ERR_DECODE', reason: 'foreign' });
    await expect(bench.run(strict.atom('b').reset({ n: 2 }))).rejects.toMatchObject({ code: 'ERR_DECODE' });
    await expect(bench.run(plain.atom('a').reset({ n: 2 }))).rejects.toMatchObject({ code: 'ERR_DECODE' });
  });

  it('is not written by a key that is used up, and is again by the next one', async () => {
    const keys = keyRing({ current: 'a', keys: { a: randomBytes(32), b: randomBytes(32) }, messagesMax: 2 });
    const own = bench.table({ codec: encrypted({ keys }) });
    const atom = own.atom<number>('n', { initial: 0 });
    for (let i = 0; i < 2; i += 1) await bench.run(atom.swap(increment));
    const before = own.spent().writeUnits;
    const calls = [1, 2, 3].map(() => atom.swap(increment).catch((error: unknown) => error));
    for (const error of await bench.run(Promise.all(calls))) {
      expect(error).toMatchObject({ code: 'ERR_KEY_EXHAUSTED', keyId: 'a', outcome: 'not-done' });
    }
    expect(own.spent().writeUnits).toBe(before);
    keys.use('b');
    expect(await bench.run(atom.swap(increment))).toBe(3);
  });

  it('tells of a key service that fails before anything is sent, and works when it works again', async () => {
    let failing = true;
    const answer = <T>(value: T) => (failing ? Promise.reject(new Error('throttled')) : Promise.resolve(value));
    const service = () =>
      dataKeys({ generate: () => answer({ plaintext: k1, ciphertext: Buffer.from('w') }), decrypt: () => answer(k1) });
    const own = bench.table({ codec: encrypted({ keys: service() }) });
    const atom = own.atom<number>('n', { initial: 0 });
    await bench.run(atom.deref());
    const failure = { code: 'ERR_KEY_SERVICE', outcome: 'not-done', retryable: true, cause: new Error('throttled') };
    await expect(bench.run(atom.swap(increment))).rejects.toMatchObject(failure);
    expect(own.spent().writeUnits).toBe(0);
    failing = false;
    expect(await bench.run(atom.swap(increment))).toBe(1);
    failing = true;
    const other = bench.table({ codec: encrypted({ keys: service() }) }).atom<number>('n');
    await expect(bench.run(other.deref())).rejects.toMatchObject(failure);
    failing = false;
    expect(await bench.run(other.deref())).toBe(1);
  });

  it('keeps its deadline while a key service does not answer', async () => {
    const keys = dataKeys({ generate: () => new Promise<never>(() => {}), decrypt: async () => k1 });
    const own = bench.table({ codec: encrypted({ keys }) });
    const swap = own.atom<number>('n', { initial: 0 }).swap(increment, { timeoutMs: 5_000 });
    await expect(bench.run(swap)).rejects.toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    expect(await bench.item('n')).toBeUndefined();
  });

  it('shows index attributes and nothing else', async () => {
    const own = bench.table({ codec: sealedBy() });
    const job = own.atom<{ status: string; who: string }>('job', { index: { status: (v) => v.status } });
    await bench.run(job.reset({ status: 'open', who: 'Ada' }));
    const item = (await bench.item('job')) as Item;
    expect(item).toMatchObject({ status: { S: 'open' } });
    const shown = JSON.stringify(item) + bytesOf(item.d).toString('latin1');
    expect(shown).not.toContain('Ada');
  });
});

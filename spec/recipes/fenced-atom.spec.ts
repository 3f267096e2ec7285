/**
 * Goal: once a later holder has written, nothing of an earlier one is accepted by a fenced atom. What is refused is refused before
 * anything is written; where the grant is known to be lost, before anything is sent.
 */
import { describe, expect, it } from '@jest/globals';
import { type Fence, type FencedAtom, fenced, Lock, Session } from '../../lib/recipes/index.js';
import { type Bench, breathe, openBench, outcomeOf } from '../atom/bench.js';
import { onEngines } from './on-engines.js';

const lockA = (token: bigint): Fence => ({ name: 'a', token });
const stale = { code: 'ERR_STALE_TOKEN', outcome: 'not-done', retryable: false };
const mismatch = { code: 'ERR_FENCE_MISMATCH', outcome: 'not-done', retryable: false };

onEngines((stage) => {
  const open = () => {
    const key = stage.name();
    return {
      atom: fenced<number>(stage.table, key, { initial: 0 }),
      rival: fenced<number>(stage.rival, key, { initial: 0 }),
      key,
    };
  };

  describe('FencedAtom', () => {
    it('takes equal and larger tokens, and refuses smaller ones for ever', async () => {
      const { atom, rival } = open();
      expect(await atom.deref()).toBe(0);
      expect(await atom.seen()).toBeUndefined();
      expect(await atom.swap(lockA(3n), (n) => n + 1)).toBe(1);
      expect(await rival.swap(lockA(3n), (n) => n + 1)).toBe(2);
      expect(await rival.reset(lockA(5n), 7)).toBe(7);
      await expect(atom.swap(lockA(4n), (n) => n + 1)).rejects.toMatchObject({
        ...stale,
        ...{ lock: 'lock:a', held: 4n, seen: 5n },
      });
      await expect(atom.reset(lockA(3n), 1)).rejects.toMatchObject(stale);
      await expect(rival.delete(lockA(1n))).rejects.toMatchObject(stale);
      await expect(rival.compareAndSet(lockA(4n), 7, 8)).rejects.toMatchObject(stale);
      await expect(rival.claim(lockA(4n))).rejects.toMatchObject(stale);
      await expect(rival.swapWith(lockA(4n), () => [1, 1])).rejects.toMatchObject(stale);
      expect([await atom.deref(), await atom.seen()]).toEqual([7, { lock: 'lock:a', token: 5n }]);
    });

    it('refuses tokens of another lock, and of another kind under the same name', async () => {
      const { atom } = open();
      await atom.reset(lockA(3n), 1);
      await expect(atom.reset({ name: 'b', token: 9n }, 2)).rejects.toMatchObject({
        ...mismatch,
        ...{ held: 'lock:b', seen: 'lock:a' },
      });
      await expect(atom.reset({ kind: 'election', name: 'a', token: 9n }, 2)).rejects.toMatchObject({
        ...mismatch,
        held: 'election:a',
      });
      expect([await atom.deref(), await atom.seen()]).toEqual([1, { lock: 'lock:a', token: 3n }]);
    });

    it('remembers a newer token with data that is equal, and with none', async () => {
      const { atom, rival } = open();
      await atom.reset(lockA(3n), 1);
      expect(await atom.swap(lockA(4n), (n) => n)).toBe(1);
      await expect(rival.reset(lockA(3n), 2)).rejects.toMatchObject(stale);
      expect(await atom.delete(lockA(5n))).toBe(true);
      expect([await rival.deref(), await rival.seen()]).toEqual([0, { lock: 'lock:a', token: 5n }]);
      await expect(rival.reset(lockA(4n), 2)).rejects.toMatchObject(stale);
      expect(await atom.delete(lockA(6n))).toBe(false);
      await expect(rival.reset(lockA(5n), 2)).rejects.toMatchObject(stale);
      expect(await rival.claim(lockA(7n))).toBe(0);
      await expect(atom.reset(lockA(6n), 2)).rejects.toMatchObject(stale);
      expect(await atom.swap(lockA(7n), (n, { exists }) => (exists ? -1 : n + 1))).toBe(1);
    });

    it('has the verbs of an atom', async () => {
      const { atom } = open();
      const fence = lockA(1n);
      expect(await atom.compareAndSet(fence, undefined as unknown as number, 4)).toBe(true);
      expect(await atom.compareAndSet(fence, 3, 5)).toBe(false);
      expect(await atom.compareAndSet(fence, 4, 5)).toBe(true);
      expect(await atom.compareAndSet(fence, undefined as unknown as number, 6)).toBe(false);
      expect(await atom.swapWith(fence, (n) => [n + 1, `was ${n}`])).toBe('was 5');
      expect(await atom.swap(fence, async (n) => n + 1)).toBe(7);
      await expect(atom.swap(fence, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
      expect(await atom.deref()).toBe(7);
      const plain = fenced<{ at: Date; n: number }>(stage.table, stage.name());
      expect(await plain.deref()).toBeUndefined();
      const at = new Date(5);
      const value = { at, n: 1 };
      const writing = plain.reset(fence, value);
      value.n = 2;
      expect(await writing).toEqual({ at: new Date(5), n: 1 });
      expect(await plain.compareAndSet(fence, { n: 1, at: new Date(5) }, { at, n: 3 })).toBe(true);
      expect(await plain.deref()).toEqual({ at, n: 3 });
    });

    it('costs what a swap costs', async () => {
      const { atom, rival } = open();
      const swap = (token: bigint) => stage.cost(() => atom.swap(lockA(token), (n) => n + 1));
      expect(await swap(1n)).toEqual({ sent: ['get', 'put'], readUnits: 1, writeUnits: 1 });
      expect(await swap(1n)).toEqual({ sent: ['put'], readUnits: 0, writeUnits: 1 });
      expect(await swap(2n)).toEqual({ sent: ['put'], readUnits: 0, writeUnits: 1 });
      const confirmed = { sent: ['get'], readUnits: 1, writeUnits: 0 };
      expect(await stage.cost(() => atom.reset(lockA(1n), 5).catch(() => {}))).toEqual(confirmed);
      const claim = () => stage.cost(() => atom.claim(lockA(3n)));
      expect(await claim()).toEqual({ sent: ['put'], readUnits: 0, writeUnits: 1 });
      expect(await claim()).toEqual({ sent: ['get'], readUnits: 1, writeUnits: 0 });
      expect(await stage.cost(() => atom.deref())).toEqual({ sent: ['get'], readUnits: 1, writeUnits: 0 });
      // What another process wrote is met once.
      await rival.reset(lockA(9n), 1);
      const { sent } = await stage.cost(() => atom.reset(lockA(8n), 5).catch(() => {}));
      expect(sent.filter((kind) => kind === 'put')).toHaveLength(1);
    });

    it('tells watchers of what others write', async () => {
      const { atom, rival } = open();
      await atom.reset(lockA(1n), 1);
      const seen: number[] = [];
      for await (const value of rival.watch({ pollMsMax: 20 })) {
        seen.push(value);
        if (value === 3) break;
        await atom.reset(lockA(2n), value + 1);
      }
      expect(seen).toEqual([1, 2, 3]);
    });
  });
});

describe('FencedAtom', () => {
  const opened = async (): Promise<{ bench: Bench; atom: FencedAtom<number, number> }> => {
    const bench = await openBench();
    return { bench, atom: fenced<number>(bench.calm(), 'x', { initial: 0 }) };
  };

  it('refuses what is no fence, no function and no value, and sends nothing', async () => {
    const { bench, atom } = await opened();
    const wrong: unknown[] = [undefined, null, 7n, 'a', {}, { name: 'a' }, { name: 'a', token: 7 }, { token: 7n }];
    wrong.push({ name: '', token: 7n }, { name: 'a', token: 7n, kind: 5 });
    for (const fence of wrong) await expect(atom.reset(fence as Fence, 1)).rejects.toThrow(TypeError);
    for (const token of [0n, -1n, 2n ** 53n]) await expect(atom.reset(lockA(token), 1)).rejects.toThrow(RangeError);
    await expect(atom.swap(lockA(1n), 5 as never)).rejects.toThrow('must be given a function');
    await expect(atom.reset(lockA(1n), undefined as never)).rejects.toThrow('undefined is not a value');
    await expect(atom.compareAndSet(lockA(1n), 0, undefined as never)).rejects.toThrow('undefined is not a value');
    expect(bench.memory.spent().requests).toBe(1); // CreateTable
    await expect(bench.run(atom.swap(lockA(1n), () => undefined as never))).rejects.toThrow('undefined is not a value');
    await expect(bench.run(atom.swapWith(lockA(1n), () => 5 as never))).rejects.toThrow('must return [next, result]');
    expect(await bench.item('x')).toBeUndefined();
  });

  it('refuses an item of another kind, and leaves it alone', async () => {
    const { bench, atom } = await opened();
    await bench.run(bench.calm().atom('x').reset({ n: 5 }));
    const calls: Promise<unknown>[] = [atom.reset(lockA(1n), 1), atom.deref(), atom.seen(), atom.watch().next()];
    for (const call of calls) {
      await expect(bench.run(call)).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND', outcome: 'not-done' });
    }
    expect(await bench.run(bench.calm().atom('x').deref())).toEqual({ n: 5 });
  });

  it('applies a schema to the value, and takes the same one for all handles of a key', async () => {
    const { bench } = await opened();
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'spec',
        validate: (value: unknown) =>
          typeof value === 'number' && value >= 0
            ? { value: Math.round(value) }
            : { issues: [{ message: 'too small' }] },
      },
    };
    const table = bench.calm();
    const atom = fenced<number>(table, 's', { schema });
    expect(await bench.run(atom.reset(lockA(1n), 1.7))).toBe(2);
    expect(await bench.run(fenced<number>(table, 's', { schema }).swap(lockA(2n), (n) => (n ?? 0) + 0.7))).toBe(3);
    await expect(bench.run(atom.reset(lockA(3n), -1))).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' });
    expect(await bench.run(atom.seen())).toEqual({ lock: 'lock:a', token: 2n });
    expect(await bench.run(atom.delete(lockA(3n)))).toBe(true);
    expect(await bench.run(atom.deref())).toBeUndefined();
    await expect(
      bench.run(
        bench
          .calm()
          .atom('plain')
          .reset(1)
          .then(() => fenced(table, 'plain', { schema }).deref()),
      ),
    ).rejects.toMatchObject({
      code: 'ERR_RECIPE_KIND',
    });
  });

  it('refuses a handle with another initial value, and every call once the table is closed', async () => {
    const { bench } = await opened();
    const table = bench.calm();
    const atom = fenced<number>(table, 'x', { initial: 0 });
    expect(() => fenced<number>(table, 'x', { initial: 1 })).toThrow('ERR_OPTIONS_DIFFER');
    await table.close();
    await expect(atom.reset(lockA(1n), 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => atom.watch()).toThrow('ERR_CLOSED');
  });

  it('tells watchers of values, not of tokens', async () => {
    const { bench, atom } = await opened();
    const loop = atom.watch();
    expect(await bench.run(loop.next())).toEqual({ value: 0, done: false });
    const next = outcomeOf(loop.next());
    for (const token of [1n, 2n]) await bench.run(atom.claim(lockA(token)));
    await breathe();
    expect(next.settled).toBe(false);
    await bench.run(atom.reset(lockA(2n), 5));
    await next.done;
    expect(next.value).toEqual({ value: 5, done: false });
    await loop.return();
  });

  it('refuses calls of itself from inside its function', async () => {
    const { bench, atom } = await opened();
    const fence = lockA(1n);
    const calls = async () => {
      await Promise.resolve();
      return atom.reset(fence, 1);
    };
    await expect(bench.run(atom.swap(fence, calls))).rejects.toMatchObject({ code: 'ERR_REENTRANT' });
    await expect(bench.run(atom.swap(fence, () => atom.reset(fence, 1)))).rejects.toMatchObject({
      code: 'ERR_REENTRANT',
    });
  });

  it('gives each of the calls that share a write an answer of its own', async () => {
    const { bench, atom } = await opened();
    await bench.run(atom.reset(lockA(2n), 0));
    const before = bench.memory.spent().requests;
    const calls = [3n, 2n, 4n, 3n, 4n].map((token) => atom.swap(lockA(token), (n) => n + 1));
    const answers = await bench.run(Promise.allSettled(calls));
    expect(answers.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.code))).toEqual([
      1,
      'ERR_STALE_TOKEN',
      2,
      'ERR_STALE_TOKEN',
      3,
    ]);
    expect(bench.memory.spent().requests - before).toBeLessThanOrEqual(2);
  });
});

describe('FencedAtom under a LockGrant', () => {
  const held = async () => {
    const bench = await openBench();
    const table = bench.calm();
    const session = new Session(table, { leaseMs: 15_000, renewal: 'manual' });
    const grant = await bench.run(new Lock(session, 'a').acquire());
    return { bench, table, session, grant, atom: fenced<number>(table, 'x', { initial: 0 }) };
  };

  it('refuses a grant that is known to be lost or released, and sends nothing', async () => {
    const lost = await held();
    await lost.bench.run(lost.atom.swap(lost.grant, (n) => n + 1));
    await lost.bench.run(lost.bench.clock.sleep(12_001));
    const before = lost.bench.memory.spent().requests;
    await expect(lost.atom.swap(lost.grant, (n) => n + 1)).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    expect(() => lost.grant.guard()).toThrow('ERR_LEASE_LOST');
    expect(lost.bench.memory.spent().requests).toBe(before);

    const released = await held();
    await released.bench.run(released.grant.release());
    await expect(released.atom.reset(released.grant, 1)).rejects.toThrow('it was released by this process');
    expect(await released.bench.item('x')).toBeUndefined();
  });

  it('writes nothing when the grant is lost while the function runs', async () => {
    const { bench, grant, atom } = await held();
    const slow = atom.swap(grant, async (n) => {
      await bench.clock.sleep(13_000);
      return n + 1;
    });
    await expect(bench.run(slow)).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    expect(await bench.item('x')).toBeUndefined();
  });

  it('refuses what a holder sent before it was stopped, once the next one has written', async () => {
    const { bench, grant, atom } = await held();
    const next = new Session(bench.calm(), { leaseMs: 15_000 });
    const late = { name: grant.name, kind: grant.kind, token: grant.token };
    const second = await bench.run(new Lock(next, 'a').acquire());
    expect(second.token).toBe(2n);
    const rival = fenced<number>(next.table, 'x', { initial: 0 });
    // Nobody has seen the new token yet.
    expect(await bench.run(atom.reset(late, 5))).toBe(5);
    expect(await bench.run(rival.claim(second))).toBe(5);
    await expect(bench.run(atom.reset(late, 6))).rejects.toMatchObject({ ...stale, held: 1n, seen: 2n });
    expect(await bench.run(rival.deref())).toBe(5);
  });
});

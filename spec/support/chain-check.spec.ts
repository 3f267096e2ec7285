// Goal: the history check accepts what can happen and refuses what can't. Method: histories of a simulated register, with
// several clients, reads, writes that fail and writes that never return; then the same with one thing damaged.
import { describe, expect, it } from '@jest/globals';
import { type Random, seededRandom } from '../../lib/engine/random.js';
import { type ChainCheckOptions, type ChainVerdict, checkChain } from './chain-check.js';
import type { Op, ReadOp, WriteOp } from './history.js';

const seed = Number(process.env.LEYDEN_SEED ?? 1);
const seeds = Array.from({ length: 60 }, (_, offset) => seed + offset);
const addOne = (_op: WriteOp, old: unknown) => ({ n: ((old as { n: number } | undefined)?.n ?? 0) + 1 });

/** A true history: each operation takes effect at one instant between its call and its return, or not at all. */
function historyOf(random: Random, size: number, clients = 8): Op[] {
  const ops: Op[] = [];
  const busyUntil = new Array<number>(clients).fill(0);
  let [version, by, value] = [0, '', undefined as unknown];
  for (let instant = 1; ops.length < size; instant += 1) {
    const client = random.int(clients);
    // Calls go back as far as the client was free, returns forth: neighbours in time overlap.
    const call = Math.max((busyUntil[client] as number) + 0.1, instant - random.next() * clients);
    if (call > instant) continue;
    const ret = instant + random.next() * clients;
    busyUntil[client] = ret;
    const id = `${client}#${ops.length}`;
    const lot = random.next();
    if (lot < 0.3) ops.push({ kind: 'read', id, call, ret, version, by, value });
    else if (lot < 0.4) ops.push({ kind: 'write', id, call, ret, outcome: 'not-done' });
    else if (lot < 0.45) ops.push({ kind: 'write', id, call, outcome: 'unknown' });
    else {
      const base = { by, value };
      [version, by, value] = [version + 1, id, addOne({} as WriteOp, value)];
      if (lot < 0.5) ops.push({ kind: 'write', id, call, outcome: 'unknown' });
      else ops.push({ kind: 'write', id, call, ret, outcome: 'done', version, value, base });
    }
  }
  return ops;
}

const whyOf = (verdict: ChainVerdict) => (verdict.ok ? 'accepted' : verdict.why);
const isDone = (op: Op): op is WriteOp & { version: number; ret: number } =>
  op.kind === 'write' && op.outcome === 'done';
const swap = (ops: readonly Op[], one: Op, ...others: Op[]) => ops.flatMap((op) => (op === one ? others : [op]));

/** A write in the middle whose neighbours are known to be done, so that damage to it must show. */
function middle(ops: readonly Op[]) {
  const done = new Map(ops.filter(isDone).map((op) => [op.version, op]));
  for (let version = done.size >> 1; version > 1; version -= 1) {
    const [before, at, after] = [done.get(version - 1), done.get(version), done.get(version + 1)];
    if (before && at && after && done.has(version + 2)) return { before, at, after };
  }
  throw new Error('The history is too short');
}

describe('checkChain()', () => {
  it.each(seeds)('accepts a true history, seed %i', (one) => {
    const random = seededRandom(one);
    const ops = historyOf(random, 20 + random.int(200), 1 + random.int(10));
    const verdict = checkChain(ops, { apply: addOne });
    expect(verdict).toMatchObject({ ok: true });
    // The order of recording means nothing.
    expect(checkChain(ops.toReversed(), { apply: addOne })).toEqual(verdict);
  });

  type Damage = (ops: readonly Op[]) => readonly Op[];
  const damages: readonly [name: string, why: RegExp, damage: Damage, options?: ChainCheckOptions][] = [
    [
      'a lost update',
      /two writes made version/,
      (ops) => {
        const { before, at } = middle(ops);
        return swap(ops, at, { ...at, version: before.version, base: before.base, value: before.value });
      },
    ],
    [
      'a stale read',
      /real-time order broken/,
      (ops) => {
        const { before, at, after } = middle(ops);
        const call = Math.max(at.ret, after.ret) + 1;
        const stale: ReadOp = { kind: 'read', id: 'late', call, ret: call + 1, version: 0, by: '', value: undefined };
        return [...ops, { ...stale, version: before.version, by: before.id, value: before.value }];
      },
    ],
    [
      'a write that took effect twice',
      /took effect twice/,
      (ops) => {
        const { at, after } = middle(ops);
        const text = JSON.stringify(swap(ops, after)).replaceAll(`"by":"${after.id}"`, `"by":"${at.id}"`);
        return JSON.parse(text) as Op[];
      },
    ],
    ['a version that nobody made', /nobody made version/, (ops) => swap(ops, middle(ops).at)],
    [
      'a failed write that took effect',
      /reported as not done/,
      (ops) => {
        const { id, call, ret, kind } = middle(ops).at;
        return swap(ops, middle(ops).at, { id, call, ret, kind, outcome: 'not-done' });
      },
    ],
    [
      'a broken real-time order',
      /real-time order broken/,
      (ops) => {
        const { at, after } = middle(ops);
        return swap(ops, at, { ...at, call: after.ret + 1, ret: after.ret + 2 });
      },
    ],
    [
      'a value other than the one stored',
      /two contents/,
      (ops) => swap(ops, middle(ops).at, { ...middle(ops).at, value: { n: -1 } }),
    ],
    [
      'a function applied to another value than the one found',
      /another value than its function/,
      (ops) => {
        const text = JSON.stringify(ops).replaceAll(`{"n":${middle(ops).at.version}}`, '{"n":-1}');
        return JSON.parse(text) as Op[];
      },
      { apply: addOne },
    ],
    [
      'a read of a value from nowhere',
      /two contents/,
      (ops) => {
        const read = ops.find((op) => op.kind === 'read') as ReadOp;
        return swap(ops, read, { ...read, by: 'nobody' });
      },
    ],
    ['mixed incarnations', /mixes incarnations/, (ops) => ops.map((op, at) => ({ ...op, incarnation: `${at % 2}` }))],
  ];

  it.each(damages)('refuses %s', (_, why, damage, options = {}) => {
    for (const one of seeds) {
      const damaged = damage(historyOf(seededRandom(one), 200));
      expect({ seed: one, why: whyOf(checkChain(damaged, options)) }).toEqual({
        seed: one,
        why: expect.stringMatching(why),
      });
    }
  });

  it('judges 100,000 operations in about a second', () => {
    const ops = historyOf(seededRandom(seed), 100_000);
    const startedAt = performance.now();
    expect(checkChain(ops, { apply: addOne })).toMatchObject({ ok: true });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  describe('when writes of unknown outcome leave no trace', () => {
    const open = (id: string, call: number, more: Partial<WriteOp> = {}): WriteOp => {
      return { kind: 'write', id, call, outcome: 'unknown', ...more };
    };
    const read = (version: number, call: number): ReadOp => {
      return { kind: 'read', id: `r${version}`, call, ret: call + 1, version, by: 'w', value: 1 };
    };
    const last = open('w', 5);

    it('lets one of them have made a version', () => {
      const verdict = checkChain([open('a', 1), open('b', 2), last, read(2, 10)]);
      expect(verdict).toEqual({ ok: true, versions: 2, unknown: 3, unknownApplied: 2 });
    });

    it('refuses more versions than there are such writes', () => {
      expect(whyOf(checkChain([open('a', 1), last, read(3, 10)]))).toBe('nobody made version 2');
    });

    it('refuses one that was called too late', () => {
      expect(whyOf(checkChain([open('a', 12), last, read(2, 10)]))).toBe('nobody made version 1');
    });

    it('takes one that is known to be for another version for that one only', () => {
      expect(whyOf(checkChain([open('a', 1, { version: 2 }), last, read(2, 10)]))).toBe('nobody made version 1');
      expect(checkChain([open('a', 1, { version: 1 }), last, read(2, 10)])).toMatchObject({ ok: true });
      expect(whyOf(checkChain([{ ...last, version: 1 }, open('a', 1), read(2, 10)]))).toMatch('another version');
    });

    it('finds one by what another was made on', () => {
      const onto = { ...last, version: 2, value: 1, base: { by: 'a', value: 0 } };
      expect(checkChain([open('a', 1), onto, read(2, 10)])).toMatchObject({ ok: true, unknownApplied: 2 });
    });
  });

  describe('when the item had several lives', () => {
    const make = (incarnation: string, call: number): WriteOp => {
      return {
        kind: 'write',
        id: incarnation,
        call,
        ret: call + 1,
        outcome: 'done',
        incarnation,
        version: 1,
        value: 1,
      };
    };

    it('checks each by itself and all in the order told', () => {
      const ops = [make('a', 1), make('b', 10)];
      expect(checkChain(ops, { incarnations: ['a', 'b'] })).toMatchObject({ ok: true, versions: 2 });
      expect(whyOf(checkChain(ops, { incarnations: ['b', 'a'] }))).toBe('real-time order broken');
      expect(whyOf(checkChain(ops, { incarnations: ['a'] }))).toMatch('order of incarnation b');
    });
  });
});

// Goal: a call with an opId takes effect once, whoever makes it and however often, and everybody gets the first one's result: on stores with
// transactions by an item beside the atom, on the others by a bounded map within it.
// Method: each verb on each engine; callers that die before and after each of their requests, and another process that calls again; many
// callers at once; lost answers; limits, expiry and what the items hold.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, type AtomTableOptions, type ItemAtom } from '../../lib/atom/index.js';
import { encrypted, type Item, keyRing, type SealingCodec } from '../../lib/codec/index.js';
import { describeEngine, type EngineRow, engines, type OpenEngine } from '../support/engines.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';

type Counter = ItemAtom<number, number>;

const increment = (n: number) => n + 1;
const day = 86_400_000;
const hour = 3_600_000;

function onEngine(row: EngineRow): void {
  let opened: OpenEngine;
  let table: AtomTable;
  let again: AtomTable;
  let calls = 0;
  let opId = '';
  let a: Counter;
  const counter = (of: AtomTable): Counter => of.atom<number>(`a-${calls}`, { initial: 0 });

  beforeAll(async () => {
    opened = await row.open();
    const tableName = opened.uniqueTable();
    table = new AtomTable({ engine: opened.engine, tableName });
    again = new AtomTable({ engine: opened.engine, tableName });
    await table.create();
    await opened.engine.supportsTransactions();
  });
  afterAll(() => opened.close());
  beforeEach(() => {
    calls += 1;
    opId = `order-${calls}`;
    a = counter(table);
  });

  const verbs: readonly [string, (atom: Counter, id: string) => Promise<unknown>, unknown, number][] = [
    ['swap', (atom, id) => atom.swap(increment, { opId: id }), 11, 11],
    ['swapVals', (atom, id) => atom.swapVals(increment, { opId: id }), [10, 11], 11],
    [
      'swapWith',
      (atom, id) => atom.swapWith((n) => [n + 1, { was: n, at: new Date(0) }], { opId: id }),
      { was: 10, at: new Date(0) },
      11,
    ],
    ['swapWith, for nothing', (atom, id) => atom.swapWith((n) => [n + 1, undefined], { opId: id }), undefined, 11],
    ['reset', (atom, id) => atom.reset(7, { opId: id }), 7, 7],
    ['resetVals', (atom, id) => atom.resetVals(7, { opId: id }), [10, 7], 7],
    ['delete', (atom, id) => atom.delete({ opId: id }), true, 0],
    ['commute', (atom, id) => atom.commute({ add: 1 }, { opId: id }), 11, 11],
    ['swap that changes nothing', (atom, id) => atom.swap((n) => n, { opId: id }), 10, 10],
  ];
  it.each(verbs)('%s: once, and the first result for everybody', async (_verb, call, result, value) => {
    await a.reset(10);
    expect(await call(a, opId)).toEqual(result);
    expect(await call(a, opId)).toEqual(result);
    expect(await counter(again).deref()).toBe(value);
    await a.reset(1_000);
    // Another process, another state: still what the first caller was told.
    expect(await call(counter(again), opId)).toEqual(result);
    expect(await a.deref()).toBe(1_000);
  });

  it('many calls at once, from several processes: one effect, one result', async () => {
    const others = [table, again, table, again, table, again].map((of) => counter(of));
    const results = await Promise.all(others.map((atom) => atom.swap(increment, { opId })));
    expect([new Set(results), await a.deref()]).toEqual([new Set([1]), 1]);
  });

  it('an id for one call only: another atom, another kind', async () => {
    await a.swap(increment, { opId });
    const reused = { code: 'ERR_OP_ID_REUSED', outcome: 'not-done', opId, first: `swap of atom a-${calls}` };
    await expect(a.reset(5, { opId })).rejects.toMatchObject(reused);
    await expect(a.swapVals(increment, { opId })).rejects.toMatchObject(reused);
    if (row.supports.transactions) {
      const other = table.atom<number>(`b-${calls}`, { initial: 0 });
      await expect(other.swap(increment, { opId })).rejects.toMatchObject(reused);
      await expect(table.transact((tx) => tx.swap(other, increment), { opId })).rejects.toMatchObject(reused);
    }
    expect(await a.deref()).toBe(1);
  });

  it('costs one request', async () => {
    await a.reset(1);
    const before = table.spent();
    await a.swap(increment, { opId });
    expect(table.spent().requests - before.requests).toBe(1);
    await a.swap(increment, { opId });
    expect(table.spent().requests - before.requests).toBe(row.supports.transactions ? 2 : 1);
  });

  if (!row.supports.transactions) return;

  it('a transaction: once, and the first result for everybody', async () => {
    const b = table.atom<number>(`b-${calls}`, { initial: 0 });
    const move = (of: AtomTable) =>
      of.transact(
        async (tx) => {
          void tx.swap(of.atom<number>(b.key, { initial: 0 }), (n) => n + 5);
          return { left: await tx.swap(counter(of), (n) => n - 5) };
        },
        { opId },
      );
    await a.reset(10);
    expect([await move(table), await move(again), await move(table)]).toEqual([{ left: 5 }, { left: 5 }, { left: 5 }]);
    expect([await a.deref(), await b.deref()]).toEqual([5, 5]);
    await expect(a.swap(increment, { opId })).rejects.toMatchObject({ code: 'ERR_OP_ID_REUSED', first: 'transact' });
  });

  it('a transaction that touches nothing, or only reads, is kept as well', async () => {
    let runs = 0;
    const count = () => {
      runs += 1;
      return runs;
    };
    expect([await table.transact(count, { opId }), await again.transact(count, { opId })]).toEqual([1, 1]);
    const read = (of: AtomTable) => of.transact((tx) => tx.deref(counter(of)), { opId: `${opId}-read` });
    const seen = await read(table);
    await a.reset(77);
    expect(await read(again)).toBe(seen);
  });
}

for (const row of engines) describeEngine(row, () => onEngine(row));

describe.each([true, false])('with transactions: %s', (transactions) => {
  let bench: Bench;
  let table: AtomTable;
  let a: Counter;
  beforeEach(async () => {
    bench = await openBench({ transactions });
    table = bench.calm();
    a = table.atom<number>('a', { initial: 0 });
  });
  const counter = (of: AtomTable) => of.atom<number>('a', { initial: 0 });
  const receiptOf = async (opId: string): Promise<Item | undefined> =>
    transactions ? bench.item(`~op:${opId}`) : ((await bench.item('a'))?.o as { M: Item } | undefined)?.M;

  it.each(['before', 'after'] as const)(
    'a caller that dies %s any of its requests, and another process that calls again: the effect is there once',
    async (when) => {
      for (let at = 0; at < 8; at += 1) {
        const opId = `op-${when}-${at}`;
        await bench.run(a.reset(0, { noop: 'write' }));
        const { engine, died } = dyingEngine(bench.memory, at, when);
        const doomed = counter(bench.calm({ engine })).swapWith((n) => [n + 1, `made ${n + 1}`], { opId });
        await bench.run(Promise.race([died, doomed]));
        const heir = counter(bench.calm());
        expect(await bench.run(heir.swapWith((n) => [n + 1, `made ${n + 1}`], { opId }))).toBe('made 1');
        expect(await bench.run(a.deref())).toBe(1);
      }
    },
  );

  it('a function that throws leaves no receipt, and the call can be made again', async () => {
    const empty = new RangeError('empty');
    const take = (n: number) => {
      if (n === 0) throw empty;
      return n - 1;
    };
    expect(await bench.run(a.swap(take, { opId: 'take' })).catch((error: unknown) => error)).toBe(empty);
    await bench.run(a.reset(1));
    expect(await bench.run(a.swap(take, { opId: 'take' }))).toBe(0);
    // Now it would throw; but it was done.
    expect(await bench.run(counter(bench.calm()).swap(take, { opId: 'take' }))).toBe(0);
  });

  it('what is refused is refused as ever, and leaves no receipt', async () => {
    await bench.run(a.setValidator((n) => n < 5));
    await expect(bench.run(a.reset(9, { opId: 'nine' }))).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' });
    expect(await receiptOf('nine')).toBeUndefined();
    await expect(bench.run(a.swap(() => 'x'.repeat(500_000) as never, { opId: 'long' }))).rejects.toMatchObject({
      code: 'ERR_INVALID_VALUE',
    });
    const text = table.atom<string>('text', { large: 'refuse' });
    await expect(bench.run(text.reset('x'.repeat(150_000), { opId: 'long' }))).resolves.toHaveLength(150_000);
    await expect(bench.run(text.reset('x'.repeat(500_000), { opId: 'longer' }))).rejects.toMatchObject({
      code: 'ERR_ITEM_TOO_LARGE',
    });
  });

  it('leaves: the deadline, the signal, and the time it is given', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    expect(await a.swap(increment, { opId: 'x', signal }).catch((error: unknown) => error)).toBe(reason);
    const stuck = outcomeOf(a.swap(() => new Promise<number>(() => {}), { opId: 'x', timeoutMs: 10 }));
    await bench.run(stuck.done);
    expect(stuck.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    expect(await bench.run(a.swap(increment, { opId: 'x' }))).toBe(1);
  });

  it('sees a read that was made after the call when it asks for one', async () => {
    await bench.run(a.deref());
    await bench.run(counter(bench.calm()).reset(10));
    const seen: number[] = [];
    await bench.run(
      a.swap(
        (n) => {
          seen.push(n);
          return n + 1;
        },
        { opId: 'fresh', from: 'read' },
      ),
    );
    expect(seen).toEqual([10]);
  });

  it('a lost answer is settled, and a late copy has no second effect', async () => {
    const faulty = bench.table({ retry: { attemptTimeoutMs: 100 } });
    const atom = counter(faulty);
    await bench.run(atom.reset(1));
    bench.faulty.hold();
    const call = outcomeOf(atom.swap(increment, { opId: 'lost' }));
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await (await bench.message(1)).pass();
    await bench.run(call.done);
    await bench.clock.advance(11 * 60_000);
    await first.deliver();
    bench.faulty.release();
    expect([call.value, await bench.run(a.deref())]).toEqual([2, 2]);
  });

  it('encrypted atoms have encrypted receipts, bound to their place', async () => {
    const codec = encrypted({ keys: keyRing({ current: 'k1', keys: { k1: new Uint8Array(32).fill(7) } }) });
    const secrets = (of: AtomTable) => of.atom<{ pin: string }>('secret', { codec });
    const open = (options: Partial<AtomTableOptions> = {}) => bench.calm(options as object);
    await bench.run(secrets(open()).reset({ pin: 'first-pin' }));
    const change = (of: AtomTable) =>
      of === undefined
        ? undefined
        : secrets(of).swapWith((v) => [{ pin: 'second-pin' }, `old ${v?.pin}`], { opId: 'pin' });
    expect(await bench.run(change(open()) as Promise<string>)).toBe('old first-pin');
    expect(await bench.run(change(open()) as Promise<string>)).toBe('old first-pin');
    const all = JSON.stringify((await bench.memory.scan({ table: 'state', consistent: true })).items, (_name, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    for (const plain of ['first-pin', 'second-pin', 'old ']) expect(all).not.toContain(plain);
    if (!transactions) return;
    const receipt = (await bench.item('~op:pin')) as Item;
    await bench.put({ ...receipt, id: { S: '~op:other' } });
    const moved = bench.run(secrets(open()).swapWith((v) => [v as never, 'x'], { opId: 'other' }));
    await expect(moved).rejects.toMatchObject({ code: 'ERR_DECODE' });
  });

  it('a key service that does not answer keeps nobody longer than its own time', async () => {
    const sealing = encrypted({ keys: keyRing({ current: 'k1', keys: { k1: new Uint8Array(32).fill(7) } }) });
    let isSilent = false;
    const codec: SealingCodec = {
      name: 'slow',
      encrypts: true,
      opens: (name) => sealing.opens(name),
      open: (form, place) => sealing.open(form, place),
      seal: (form, place) => (isSilent ? new Promise(() => {}) : sealing.seal(form, place)),
    };
    const atom = table.atom<number>('slow', { initial: 0, codec });
    await bench.run(atom.reset(1));
    isSilent = true;
    const call = outcomeOf(atom.swap(increment, { opId: 'x', timeoutMs: 10 }));
    await bench.run(call.done);
    expect(call.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done', key: 'slow' });
    isSilent = false;
    expect(await bench.run(atom.swap(increment))).toBe(2);
  });

  it('verbs that may answer no take no id, and do nothing', async () => {
    const options = { opId: 'one' } as object;
    await expect(a.trySwap(increment, options)).rejects.toThrow(/takes no opId/);
    await expect(a.compareAndSet(0, 1, options)).rejects.toThrow(TypeError);
    expect((await a.snapshot()).version).toBe(0);
  });

  it('an id is 1 to 512 bytes of text', async () => {
    for (const opId of ['', 'x'.repeat(513), '\ud800', '__proto__']) {
      await expect(a.swap(increment, { opId })).rejects.toThrow(RangeError);
    }
    await expect(a.swap(increment, { opId: 7 as never })).rejects.toThrow(TypeError);
    for (const opId of ['x'.repeat(512), '~op:', 'constructor', '\u{1f96c}/#?']) {
      expect(await bench.run(a.swap(increment, { opId }))).toBe(await bench.run(a.swap(increment, { opId })));
    }
    expect(await bench.run(a.deref())).toBe(4);
  });

  it('are no atoms: neither keys() nor scan() finds them, and no atom can have their key', async () => {
    await bench.run(a.swap(increment, { opId: 'x' }));
    const found: unknown[] = [];
    const list = async () => {
      for await (const key of table.keys()) found.push(key);
      for await (const { key } of table.scan()) found.push(key);
    };
    await bench.run(list());
    expect(found).toEqual(['a', 'a']);
    expect(table.atom('~op:x').key).toBe('~"~op:x"');
  });
});

describe('whether the store has transactions', () => {
  it.each<[string, (table: AtomTable, options: object) => Promise<unknown>]>([
    ['a call on an atom', (table, options) => table.atom<number>('a', { initial: 0 }).swap(increment, options)],
    ['a transaction', (table, options) => table.transact(() => 1, options)],
  ])('is asked in the time of its caller: %s', async (_, call) => {
    const bench = await openBench();
    const engine = overridden(bench.memory, {
      supportsTransactions: ({ signal } = {}) =>
        new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    });
    const table = bench.table({ engine, retry: { attemptTimeoutMs: 100 } });
    const late = outcomeOf(call(table, { opId: 'x', timeoutMs: 500 }));
    await bench.run(late.done);
    expect(late.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    // Its time, and that of the attempt that it is given.
    expect(bench.clock.monotonicMs()).toBe(700);
    const controller = new AbortController();
    const left = outcomeOf(call(table, { opId: 'x', signal: controller.signal }));
    await breathe();
    controller.abort(new Error('enough'));
    await bench.run(left.done);
    expect(left.error).toEqual(new Error('enough'));
    expect(bench.clock.monotonicMs()).toBe(700);
  });
});

describe('a receipt of its own', () => {
  it('is kept for receiptMs and an hour, and swept after that', async () => {
    const bench = await openBench();
    const table = bench.calm({ receiptMs: 2 * day });
    const a = table.atom<number>('a', { initial: 0 });
    await bench.run(a.swap(increment, { opId: 'x' }));
    const item = (await bench.item('~op:x')) as Item;
    expect(Number((item.x as { N: string }).N) * 1_000 - bench.clock.now()).toBe(2 * day + hour);
    expect(await bench.run(table.sweep())).toBe(0);
    await bench.clock.advance(2 * day + hour + 1_000);
    // As long as it is there it counts, however late the store is.
    expect(await bench.run(a.swap(increment, { opId: 'x' }))).toBe(1);
    expect(await bench.run(table.sweep())).toBe(1);
    expect(await bench.run(a.swap(increment, { opId: 'x' }))).toBe(2);
  });

  it('tells what became of a lost answer when all evidence is gone', async () => {
    const bench = await openBench();
    const table = bench.table({ evidenceWritersMax: 1, retry: { attemptTimeoutMs: 100, settleMs: 1_000 } });
    const a = table.atom<number>('a', { initial: 0 });
    await bench.run(a.reset(1));
    bench.faulty.hold();
    const call = outcomeOf(a.swap(increment, { opId: 'x', timeoutMs: 10 }));
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await bench.run(call.done);
    for (let rival = 0; rival < 4; rival += 1) {
      const other = bench.calm({ evidenceWritersMax: 1 }).atom<number>('a', { initial: 0 });
      await bench.run(other.swap(increment));
    }
    await bench.clock.advance(11 * 60_000);
    bench.faulty.release();
    for (const message of bench.faulty.messages) if (!message.answered) message.drop();
    const { settle } = call.error as { settle(): Promise<unknown> };
    expect(await bench.run(settle.call(call.error))).toEqual({ outcome: 'done' });
    expect(await bench.run(a.swap(increment, { opId: 'x' }))).toBe(2);
  });

  it('keeps a creation from taking effect again for as long as it stands, and it is not sent again after that', async () => {
    for (const [elapsedMs, settled] of [
      [2 * hour, { outcome: 'done' }],
      [day + 2 * hour, { outcome: 'unknown', reason: 'item-gone' }],
    ] as const) {
      const bench = await openBench();
      const a = bench.table({ retry: { attemptTimeoutMs: 100, settleMs: 1_000 } }).atom<number>('a', { initial: 0 });
      const rivals = bench.calm();
      const rival = rivals.atom<number>('a', { initial: 0 });
      bench.faulty.hold(['transactWrite']);
      const call = outcomeOf(a.swap(increment, { opId: 'x', timeoutMs: 10 }));
      const first = await bench.message(0);
      await first.deliver();
      first.lose();
      await bench.run(call.done);
      await bench.clock.advance(1_100);
      await bench.run(rival.delete());
      await bench.clock.advance(elapsedMs);
      await bench.run(rivals.sweep());
      bench.faulty.release();
      for (const message of bench.faulty.messages) if (!message.answered) message.drop();
      const { settle } = call.error as { settle(): Promise<unknown> };
      expect(await bench.run(settle.call(call.error))).toEqual(settled);
      expect(await bench.run(rival.deref())).toBe(0);
    }
  });

  it('works in tables with a sort key', async () => {
    const bench = await openBench();
    const created = bench.memory.createTable({
      table: 'pairs',
      partitionKey: { name: 'id', type: 'S' },
      sortKey: { name: 'part', type: 'S' },
      billing: { mode: 'on-demand' },
    });
    await bench.run(created);
    const open = () => bench.calm({ tableName: 'pairs', sortKeyName: 'part' });
    const atom = (of: AtomTable) => of.atom<number>({ pk: 'a', sk: 'b' }, { initial: 0 });
    for (let call = 0; call < 2; call += 1)
      expect(await bench.run(atom(open()).swap(increment, { opId: 'x' }))).toBe(1);
  });

  it('of the table\u2019s codec, for a transaction', async () => {
    const codec = encrypted({ keys: keyRing({ current: 'k1', keys: { k1: new Uint8Array(32).fill(7) } }) });
    const bench = await openBench();
    const open = () => bench.calm({ codec } as object);
    const ask = (of: AtomTable) =>
      of.transact((tx) => tx.reset(of.atom<string>('s'), 'quiet').then(() => 'hushed'), { opId: 'x' });
    expect(await bench.run(ask(open()))).toBe('hushed');
    expect(await bench.run(ask(open()))).toBe('hushed');
    expect(JSON.stringify(await bench.item('~op:x'))).not.toContain('hushed');
  });
});

describe('receipts within the item', () => {
  let bench: Bench;
  let table: AtomTable;
  let a: Counter;
  beforeEach(async () => {
    bench = await openBench({ transactions: false });
    table = bench.calm({ receiptsMax: 3, receiptMs: day });
    a = table.atom<number>('a', { initial: 0 });
  });
  const call = (opId: string) => bench.run(a.swap(increment, { opId }));

  it('are so many at most: one more is refused until the oldest is over, and never done twice', async () => {
    await call('1');
    await bench.clock.advance(hour);
    await call('2');
    await call('3');
    const freeAt = bench.clock.now() + day - hour;
    await expect(call('4')).rejects.toMatchObject({
      code: 'ERR_RECEIPTS_FULL',
      outcome: 'not-done',
      key: 'a',
      receiptsMax: 3,
      freeAt,
    });
    expect([await call('1'), await call('3')]).toEqual([1, 3]);
    await bench.clock.advance(day - hour);
    expect(await call('4')).toBe(4);
    // Its promised time is over: a new call.
    await bench.clock.advance(hour);
    expect(await call('1')).toBe(5);
  });

  it('are carried by every other write, deletion included, and their item is kept as long', async () => {
    await call('1');
    await bench.run(a.reset(50));
    await bench.run(a.delete());
    expect(await call('1')).toBe(1);
    await bench.clock.advance(2 * hour);
    expect(await bench.run(table.sweep())).toBe(0);
    expect(await call('1')).toBe(1);
    await bench.clock.advance(day);
    expect(await bench.run(table.sweep())).toBe(1);
  });

  it('are dropped by other writes when their time is over', async () => {
    await call('1');
    await bench.clock.advance(day);
    await bench.run(a.reset(5));
    expect((await bench.item('a'))?.o).toBeUndefined();
  });

  it('of an atom with foreign refused are its own', async () => {
    const strict = table.atom<number>('strict', { initial: 0, foreign: 'refuse' });
    expect(await bench.run(strict.swap(increment, { opId: 'x' }))).toBe(1);
    const same = bench.calm().atom<number>('strict', { initial: 0, foreign: 'refuse' });
    expect(await bench.run(same.swap(increment, { opId: 'x' }))).toBe(1);
  });

  it('do not disturb calls that wait: those go on when it is done', async () => {
    const results = await bench.run(
      Promise.all([
        a.swap(increment),
        a.swap(increment, { opId: 'x' }),
        a.swap(increment),
        a.swap(increment, { opId: 'y' }),
      ]),
    );
    await breathe();
    expect(new Set(results)).toEqual(new Set([1, 2, 3, 4]));
    expect(await bench.run(a.deref())).toBe(4);
  });
});

describe('options', () => {
  it('are checked', () => {
    const engine = {} as never;
    for (const options of [{ receiptMs: -1 }, { receiptMs: 1.5 }, { receiptsMax: 0 }, { receiptsMax: 2.5 }]) {
      expect(() => new AtomTable({ engine, tableName: 'state', ...options })).toThrow(RangeError);
    }
  });
});

// Goal: whoever listens is told the truth of each call and of what happens below it, in the caller's context, and never a value.
// Method: all channels are heard while calls are made on a memory engine; costs are compared with what that engine counted.
import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AtomTable, diagnosticsChannels, type ItemAtom } from '../../lib/atom/index.js';
import { encrypted, keyRing } from '../../lib/codec/index.js';
import { seededRandom } from '../../lib/engine/random.js';
import { Listener } from '../support/listener.js';
import { type Bench, breathe, openBench, outcomeOf, overridden, tokenIn } from './bench.js';

const increment = (n: number) => n + 1;
const retry = { attemptTimeoutMs: 100, settleMs: 2_000 };

let bench: Bench;
let table: AtomTable;
let atom: ItemAtom<number, number>;
let rival: ItemAtom<number, number>;
let listener: Listener;
beforeEach(async () => {
  bench = await openBench();
  table = bench.table({ retry });
  atom = table.atom<number>('n', { initial: 0 });
  rival = bench.calm().atom<number>('n', { initial: 0 });
  listener = new Listener();
});
afterEach(() => listener.close());

/** What is heard of one call's end. */
const toldOf = async (body: () => Promise<unknown>) => {
  listener.clear();
  await bench.run(body().catch(() => undefined));
  return listener.calls[0];
};
const nothing = { attempts: 0, conflicts: 0, callers: 1, requests: 0, readUnits: 0, writeUnits: 0 };
const warmWrite = { ...nothing, outcome: 'applied', attempts: 1, requests: 1, writeUnits: 1 };

describe('a tracing channel', () => {
  it('has one event for a call, at its start, when it is under way, and at its end', async () => {
    await bench.run(atom.swap(increment));
    const names = listener.heard.filter(({ name }) => name.startsWith('swap')).map(({ name }) => name);
    expect(names).toEqual(['swap:start', 'swap:end', 'swap:asyncStart', 'swap:asyncEnd']);
    const events = new Set(listener.heard.filter(({ name }) => name.startsWith('swap')).map(({ event }) => event));
    expect(events.size).toBe(1);
    const { facts } = listener.heard[0] as { facts: object };
    expect(facts).toEqual({
      ...nothing,
      ...{ kind: 'swap', action: 'swap', table: 'state', key: 'n', atoms: 1, outcome: undefined },
    });
  });

  it('tells an error before the end, as the caller gets it', async () => {
    const mine = new RangeError('mine');
    const failing = atom.swap(() => {
      throw mine;
    });
    await expect(bench.run(failing)).rejects.toBe(mine);
    const names = listener.heard.filter(({ name }) => name.startsWith('swap')).map(({ name }) => name);
    expect(names).toEqual(['swap:start', 'swap:end', 'swap:error', 'swap:asyncStart', 'swap:asyncEnd']);
    expect(listener.said('swap:error')).toMatchObject([{ outcome: 'not-done', error: mine, attempts: 0 }]);
  });

  it('tells no call that was refused at once for wrong arguments', async () => {
    expect(() => atom.swap('no function' as never)).toThrow(TypeError);
    expect(() => atom.swap(increment, { timeoutMs: -1 })).toThrow(RangeError);
    expect(listener.heard).toEqual([]);
  });
});

describe('the event of a call', () => {
  it.each([
    ['swap', () => atom.swap(increment)],
    ['swap', () => atom.swapVals(increment)],
    ['swap', () => atom.swapWith((n) => [n + 1, n])],
    ['swap', () => atom.trySwap(increment)],
    ['reset', () => atom.reset(9)],
    ['compareAndSet', () => atom.compareAndSet(1, 2)],
    ['delete', () => atom.delete()],
  ])('%s: one request and one write unit, warm', async (action, call) => {
    await bench.run(atom.reset(1));
    expect(await toldOf(call)).toEqual({ ...warmWrite, kind: 'swap', action, table: 'state', key: 'n', atoms: 1 });
  });

  it('of calls of commute: one update for all, each its share, and a lost one is settled', async () => {
    await bench.run(atom.reset(1));
    listener.clear();
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: ['update'], times: 1 }]);
    await bench.run(Promise.all([atom.commute({ add: 1 }), atom.commute({ add: 1 })]));
    const [first, second] = listener.calls;
    expect(first).toMatchObject({ action: 'commute', outcome: 'applied', attempts: 1, callers: 2, requests: 2 });
    expect([first?.writeUnits, second?.writeUnits]).toEqual([1, 1]);
    expect(listener.said('settle')).toMatchObject([{ key: 'n', verdict: 'applied', copies: 2 }]);
    expect(listener.said('commit')).toMatchObject([{ key: 'n', version: 2, callers: 2 }]);
  });

  it('of a cold swap: the read as well', async () => {
    expect(await toldOf(() => atom.swap(increment))).toMatchObject({ ...warmWrite, requests: 2, readUnits: 1 });
  });

  it('of what writes nothing: noop, and the read that confirms it', async () => {
    await bench.run(atom.reset(1));
    await bench.run(rival.reset(1));
    const confirmed = { ...nothing, outcome: 'noop', requests: 1, readUnits: 1 };
    expect(await toldOf(() => atom.swap((n) => n))).toMatchObject(confirmed);
    expect(await toldOf(() => atom.compareAndSet(7, 8))).toMatchObject(confirmed);
  });

  it.each([
    ['deref', () => atom.deref(), 1, 1],
    ['snapshot', () => atom.snapshot(), 1, 1],
    ['deref', () => atom.deref({ consistency: 'eventual' }), 1, 0.5],
    ['deref', () => atom.deref({ consistency: 'session' }), 1, 0.5],
    ['deref', () => atom.deref({ consistency: 'cached' }), 0, 0],
    ['deref', () => atom.deref({ consistency: { maxStalenessMs: 1_000 } }), 0, 0],
  ])('%s: a read, and what it cost', async (action, call, requests, readUnits) => {
    await bench.run(atom.reset(1));
    const facts = { kind: 'deref', action, table: 'state', key: 'n', atoms: 1 };
    expect(await toldOf(call)).toEqual({ ...nothing, ...facts, outcome: 'read', requests, readUnits });
  });

  it('of a read that is tried again: all requests', async () => {
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: ['get'], times: 2 }]);
    expect(await toldOf(() => atom.deref())).toMatchObject({ outcome: 'read', requests: 3, readUnits: 1 });
  });

  it('of a lost race: the failed write, by the size of what it met', async () => {
    await bench.run(atom.deref());
    const large = table.atom<string>('s');
    await bench.run(large.reset(''));
    await bench.run(bench.calm().atom<string>('s').reset('x'.repeat(3_000)));
    const lost = { attempts: 2, conflicts: 1, outcome: 'applied' };
    // 4 units for the large item that stood there, 4 for replacing it by a small one.
    expect(await toldOf(() => large.swap(() => 'y'))).toMatchObject({ ...lost, requests: 2, writeUnits: 8 });
  });

  it('of a trySwap that lost: conflict', async () => {
    await bench.run(atom.deref());
    await bench.run(rival.swap(increment));
    expect(await toldOf(() => atom.trySwap(increment))).toMatchObject({
      outcome: 'conflict',
      attempts: 1,
      conflicts: 1,
    });
    await bench.run(rival.swap(increment));
    expect(await toldOf(() => atom.trySwap((n) => n))).toMatchObject({ outcome: 'conflict', attempts: 0, requests: 1 });
  });

  it('of a swap that nobody can tell about: unknown', async () => {
    await bench.run(atom.deref());
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: 'writes' }]);
    const told = await toldOf(() => atom.swap(increment, { timeoutMs: 10 }));
    expect(told).toMatchObject({ outcome: 'unknown', attempts: 1, error: { code: 'ERR_UNKNOWN_OUTCOME' } });
    expect(told?.requests).toBeGreaterThan(1);
  });

  it('of calls that share a write: each its share', async () => {
    await bench.run(Promise.all(Array.from({ length: 64 }, () => atom.swap(increment))));
    expect(listener.calls).toHaveLength(64);
    for (const call of listener.calls) {
      expect(call).toMatchObject({
        outcome: 'applied',
        callers: 64,
        requests: 2,
        writeUnits: 1 / 64,
        readUnits: 1 / 64,
      });
    }
  });

  it('shares add up to what the engine counted, whatever happens', async () => {
    const random = seededRandom(bench.seed);
    bench = await openBench({ latency: () => 1 + random.int(5) });
    const tables = [bench.calm(), bench.calm(), bench.calm()];
    const before = bench.memory.spent();
    const worker = async (one: AtomTable, index: number) => {
      const own = one.atom<string>(`a${index % 2}`, { initial: '' });
      for (let turn = 0; turn < 40; turn += 1) {
        await bench.clock.sleep(random.int(20));
        const choice = random.int(6);
        if (choice === 0) await own.deref();
        else if (choice === 1) await own.swap((text) => text);
        else if (choice === 2) await own.delete();
        else await own.swap((text) => (random.int(3) === 0 ? '' : `${text}${'x'.repeat(random.int(900))}`));
      }
    };
    const workers = tables.flatMap((one) => Array.from({ length: 6 }, (_, index) => worker(one, index)));
    await bench.run(Promise.all(workers));
    const after = bench.memory.spent();
    const sum = (name: string) => listener.calls.reduce((total, call) => total + (call[name] as number), 0);
    expect(listener.said('conflict').length).toBeGreaterThan(10);
    expect([sum('readUnits'), sum('writeUnits')].map((units) => Math.round(units * 1e6) / 1e6)).toEqual([
      after.readUnits - before.readUnits,
      after.writeUnits - before.writeUnits,
    ]);
  }, 20_000);
});

describe('the event of a batch', () => {
  const keys = Array.from({ length: 150 }, (_, at) => `k${at}`);
  const facts = { ...nothing, kind: 'batch', table: 'state', key: undefined, atoms: 150 };
  const spentBy = async (body: () => Promise<unknown>) => {
    const before = bench.faulty.spent();
    const told = await toldOf(body);
    const after = bench.faulty.spent();
    const [requests, readUnits, writeUnits] = [
      after.requests - before.requests,
      after.readUnits - before.readUnits,
      after.writeUnits - before.writeUnits,
    ];
    return { told, spent: { requests, readUnits, writeUnits } };
  };

  it('putMany, getMany, deleteMany: one event each, with all that it cost', async () => {
    const put = await spentBy(() => table.putMany(keys.map((key) => [key, 'x'.repeat(2_000)] as const)));
    expect(put.told).toEqual({ ...facts, ...put.spent, action: 'putMany', outcome: 'applied', attempts: 150 });
    expect(put.spent).toEqual({ requests: 152, readUnits: 150, writeUnits: 450 });
    const read = await spentBy(() => table.getMany([...keys, 'none']));
    expect(read.told).toEqual({ ...facts, ...read.spent, atoms: 151, action: 'getMany', outcome: 'read' });
    expect(read.spent).toEqual({ requests: 2, readUnits: 151, writeUnits: 0 });
    const half = await spentBy(() => table.getMany(keys, { consistency: 'eventual' }));
    expect(half.told).toMatchObject({ requests: 2, readUnits: 75 });
    const gone = await spentBy(() => table.deleteMany(keys));
    expect(gone.told).toMatchObject({ ...gone.spent, action: 'deleteMany', outcome: 'applied', attempts: 150 });
    await bench.run(
      table.putMany([
        ['k0', 1],
        ['k1', 2],
      ]),
    );
    const mixed = await spentBy(() =>
      table.putMany([
        ['k0', 9],
        ['k1', 2],
      ]),
    );
    expect(mixed.told).toMatchObject({ ...mixed.spent, outcome: 'applied', attempts: 1 });
    await bench.run(table.deleteMany(keys));
    const again = await spentBy(() => table.deleteMany(keys));
    expect(again.told).toMatchObject({ ...again.spent, outcome: 'noop', attempts: 0 });
  });

  it('of which something is left over: all requests, and the error', async () => {
    bench.faulty.setRules([{ fault: { kind: 'partial', leftShare: 0.5 }, on: ['batchGet'], times: 1 }]);
    expect(await toldOf(() => table.getMany(keys))).toMatchObject({ outcome: 'read', requests: 3, readUnits: 150 });
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: ['batchGet'] }]);
    expect(await toldOf(() => table.getMany(keys, { timeoutMs: 100 }))).toMatchObject({
      outcome: 'not-done',
      error: { code: 'ERR_BATCH' },
    });
  });
});

describe('the event of a transaction', () => {
  const spentBy = async (body: () => Promise<unknown>) => {
    const before = bench.faulty.spent();
    const told = await toldOf(body);
    const { requests, readUnits, writeUnits } = bench.faulty.spent();
    const spent = {
      requests: requests - before.requests,
      readUnits: readUnits - before.readUnits,
      writeUnits: writeUnits - before.writeUnits,
    };
    return { told, spent };
  };
  let other: ItemAtom<string, string>;
  beforeEach(async () => {
    other = table.atom<string>('s', { initial: '' });
    await bench.run(table.transact((tx) => Promise.all([tx.reset(atom, 1), tx.reset(other, 'x'.repeat(2_500))])));
  });

  it('that writes: once, twice the units, as many as the larger of old and new', async () => {
    const { told, spent } = await spentBy(() =>
      table.transact((tx) => Promise.all([tx.swap(atom, increment), tx.reset(other, '')])),
    );
    const facts = { kind: 'transact', action: 'transact', table: 'state', key: undefined, atoms: 2 };
    expect(told).toEqual({ ...nothing, ...facts, ...spent, outcome: 'applied', attempts: 1 });
    expect(spent).toEqual({ requests: 1, readUnits: 0, writeUnits: 2 + 6 });
  });

  it('that writes one and reads one: the check as well', async () => {
    const { told, spent } = await spentBy(() =>
      table.transact(async (tx) => {
        await tx.deref(other);
        return tx.swap(atom, increment);
      }),
    );
    expect(told).toMatchObject({ ...spent, outcome: 'applied', atoms: 2, writeUnits: 8 });
  });

  it('that reads: noop, and the reading together', async () => {
    const { told, spent } = await spentBy(() => table.transact((tx) => Promise.all([tx.deref(atom), tx.deref(other)])));
    expect(told).toMatchObject({ ...spent, outcome: 'noop', attempts: 0, atoms: 2, readUnits: 4 });
  });

  it('of one atom: what a swap costs', async () => {
    const { told, spent } = await spentBy(() => table.transact((tx) => tx.swap(atom, increment)));
    expect(told).toMatchObject({ ...spent, outcome: 'applied', atoms: 1, writeUnits: 1 });
    await bench.clock.advance(1);
    const again = await spentBy(() => table.transact((tx) => tx.deref(atom)));
    expect(again.told).toMatchObject({ ...again.spent, outcome: 'noop', readUnits: 1 });
  });

  it('that lost a race: both attempts, and the conflict', async () => {
    await bench.run(rival.swap(increment));
    const { told, spent } = await spentBy(() =>
      table.transact((tx) => Promise.all([tx.swap(atom, increment), tx.reset(other, '')])),
    );
    expect(told).toMatchObject({ ...spent, outcome: 'applied', attempts: 2, conflicts: 1 });
    expect(listener.said('conflict')).toEqual([{ table: 'state', key: 'n', attempt: 1, callers: 1 }]);
    expect(listener.said('commit').map(({ key }) => key)).toEqual(['n', 's']);
  });

  it('that nobody can tell about: unknown, for each of its atoms', async () => {
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: ['transactWrite'] }]);
    const { told } = await spentBy(() =>
      table.transact((tx) => Promise.all([tx.swap(atom, increment), tx.reset(other, '')]), { timeoutMs: 10 }),
    );
    expect(told).toMatchObject({ outcome: 'unknown', error: { code: 'ERR_UNKNOWN_OUTCOME' } });
    expect(listener.said('unknown')).toMatchObject([
      { key: 'n', action: 'transact' },
      { key: 's', action: 'transact' },
    ]);
  });
});

describe('what happens below the calls', () => {
  it('commit: version, callers, bytes', async () => {
    await bench.run(Promise.all([atom.swap(increment), atom.swap(increment), atom.swap(increment)]));
    const { bytes } = await bench.run(atom.snapshot());
    expect(listener.said('commit')).toEqual([{ table: 'state', key: 'n', version: 1, callers: 3, bytes }]);
  });

  it('conflict: which attempt, and how many it carried', async () => {
    await bench.run(atom.deref());
    await bench.run(rival.swap(increment));
    await bench.run(Promise.all([atom.swap(increment), atom.swap(increment)]));
    expect(listener.said('conflict')).toEqual([{ table: 'state', key: 'n', attempt: 1, callers: 2 }]);
  });

  it('retry: the obstacle, the pause, the name of the error', async () => {
    await bench.run(atom.deref());
    bench.faulty.setRules([
      { fault: { kind: 'throttle' }, on: 'writes', times: 1 },
      { fault: { kind: 'reset-before' }, on: 'writes', times: 1 },
    ]);
    await bench.run(atom.swap(increment));
    expect(listener.said('retry')).toMatchObject([
      { table: 'state', key: 'n', obstacle: 'throttled', errorName: 'ProvisionedThroughputExceededException' },
      { table: 'state', key: 'n', obstacle: 'brief', errorName: 'TimeoutError' },
    ]);
    for (const { pauseMs } of listener.said('retry')) expect(pauseMs).toBeLessThan(50);
  });

  it('retry: of items beside the atoms as well', async () => {
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, times: 2 }]);
    await bench.run(table.writeOnce().put('page/0', new Uint8Array([1])));
    await bench.run(table.writeOnce().get('page/0'));
    expect(listener.said('retry')).toMatchObject([{ key: 'page/0' }, { key: 'page/0' }]);
  });

  it.each([
    ['reset-after', 'applied', 2],
    ['reset-before', 'applied', 2],
    ['duplicate', 'applied', 1],
  ] as const)('settle, after %s: %s', async (kind, verdict, copies) => {
    await bench.run(atom.deref());
    const fault = kind === 'duplicate' ? ({ kind, answer: 'second' } as const) : { kind };
    bench.faulty.setRules([{ fault, on: 'writes', times: 1 }]);
    await bench.run(atom.swap(increment));
    const { writeId } = listener.said('settle')[0] as { writeId: string };
    expect(listener.said('settle')).toEqual([
      { table: 'state', key: 'n', writeId, verdict, reason: undefined, copies },
    ]);
    expect(listener.said('commit')).toHaveLength(1);
  });

  it('settle: not-applied, when another writer was first', async () => {
    await bench.run(atom.deref());
    bench.faulty.hold();
    const swap = outcomeOf(atom.swap(increment));
    const first = await bench.message(0);
    first.lose();
    await bench.run(rival.swap(increment));
    bench.faulty.release();
    for (const message of bench.faulty.messages) if (!message.answered) message.drop();
    await bench.run(swap.done);
    expect(swap.value).toBe(2);
    expect(listener.said('settle')).toMatchObject([{ writeId: tokenIn(first), verdict: 'not-applied', copies: 2 }]);
  });

  it('unknown, and settle: unknown when nobody waits any more and it is given up; then what it turned out to be', async () => {
    await bench.run(atom.deref());
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: 'writes' }]);
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 10 }));
    await bench.run(swap.done);
    const facts = { table: 'state', key: 'n', reason: 'in-flight' };
    expect(listener.said('unknown')).toMatchObject([{ ...facts, action: 'swap' }]);
    const { writeId } = listener.said('unknown')[0] as { writeId: string };
    await bench.clock.advance(retry.settleMs + 1_000);
    expect(listener.said('settle')).toMatchObject([{ ...facts, writeId, verdict: 'unknown' }]);
    bench.faulty.setRules([]);
    await bench.run((swap.error as { settle(): Promise<unknown> }).settle());
    expect(listener.said('settle')[1]).toMatchObject({ writeId, verdict: 'applied', reason: undefined });
  });

  it('settle: a write that was cancelled is not-applied, and no lost race', async () => {
    await bench.run(atom.deref());
    bench.faulty.setRules([{ fault: { kind: 'reset-before' }, on: 'writes' }]);
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 10 }));
    await bench.run(swap.done);
    bench.faulty.setRules([]);
    const { settle } = swap.error as { settle(options: object): Promise<unknown> };
    expect(await bench.run(settle.call(swap.error, { prefer: 'cancel' }))).toEqual({ outcome: 'not-done' });
    expect(listener.said('settle')).toMatchObject([{ verdict: 'not-applied' }]);
    expect(listener.said('conflict')).toEqual([]);
  });

  it('unknown: the evidence is gone', async () => {
    const small = bench.table({ retry, evidenceWritersMax: 1 }).atom<number>('n', { initial: 0 });
    await bench.run(small.swap(increment));
    bench.faulty.hold();
    const swap = outcomeOf(small.swap(increment));
    const first = await bench.message(0);
    first.lose();
    for (let writers = 0; writers < 3; writers += 1) {
      await bench.run(bench.calm({ evidenceWritersMax: 1 }).atom<number>('n', { initial: 0 }).swap(increment));
    }
    bench.faulty.release();
    for (const message of bench.faulty.messages) if (!message.answered) message.drop();
    await bench.run(swap.done);
    const facts = { writeId: tokenIn(first), reason: 'evidence-evicted' };
    expect(listener.said('unknown')).toMatchObject([facts]);
    expect(listener.said('settle')).toMatchObject([{ ...facts, verdict: 'unknown', copies: 2 }]);
    expect(listener.calls.at(-1)).toMatchObject({ outcome: 'unknown' });
  });

  it('table: what was found', async () => {
    const other = bench.calm({ tableName: 'other' });
    await bench.run(other.create());
    await bench.run(other.ensure());
    expect(listener.said('table')).toEqual([
      { table: 'other', created: true, timeToLive: 'enabled' },
      { table: 'other', created: false, timeToLive: 'enabled' },
    ]);
  });
});

describe('no event', () => {
  it('holds a value, whatever happens', async () => {
    const marker = 'c0nfidential';
    const secret = table.atom<{ readonly text: string }>('s', { initial: { text: marker } });
    const other = bench.calm().atom<{ readonly text: string }>('s', { initial: { text: marker } });
    const more = (value: { readonly text: string }) => ({ text: `${value.text}${marker}` });
    await bench.run(Promise.all([secret.swap(more), secret.swap(more), secret.swapWith((v) => [more(v), v])]));
    await bench.run(other.swap(more));
    await bench.run(secret.swap(more));
    await bench.run(secret.deref());
    await bench.run(secret.compareAndSet({ text: marker }, { text: marker }));
    await bench.run(secret.reset({ text: marker, more: () => marker } as never).catch(() => undefined));
    for (const kind of ['throttle', 'reset-after', 'duplicate', '5xx-after', 'conflict'] as const) {
      bench.faulty.setRules([{ fault: { kind }, times: 2 }]);
      await bench.run(secret.swap(more));
    }
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: 'writes' }]);
    await bench.run(secret.swap(more, { timeoutMs: 10 }).catch(() => undefined));
    expect(listener.heard.length).toBeGreaterThan(60);
    expect(allHeard()).not.toContain(marker);
  });

  it('holds a key of encryption, or what is encrypted, also when that can’t be read', async () => {
    const marker = 'c0nfidential';
    const key = Buffer.from('0123456789abcdef0123456789abcdef');
    const sealed = (bytes: Uint8Array) => encrypted({ keys: keyRing({ current: 'k', keys: { k: bytes } }) });
    const secret = table.atom<string>('s', { codec: sealed(key) });
    await bench.run(secret.reset(marker));
    await bench.run(secret.swap((text) => `${text}${marker}`));
    const wrong = bench.table().atom<string>('s', { codec: sealed(Buffer.alloc(32, 7)) });
    expect(await toldOf(() => wrong.deref())).toMatchObject({ outcome: 'not-done', error: { code: 'ERR_DECODE' } });
    expect(await toldOf(() => wrong.swap(() => marker))).toMatchObject({ error: { code: 'ERR_DECODE' } });
    const hex = key.toString('hex');
    const shown = hex.replace(/(..)(?!$)/g, '$1 ').slice(0, 47);
    for (const form of [hex, shown, key.toString('base64'), key.toString('latin1'), marker]) {
      expect(allHeard()).not.toContain(form);
    }
  });

  const allHeard = () =>
    inspect(
      listener.heard.map(({ event }) => event),
      { depth: Number.POSITIVE_INFINITY, showHidden: true, maxArrayLength: null, maxStringLength: null },
    );
});

describe('the context', () => {
  it('of subscribers is that of the caller, at the start and at the end, and below his call', async () => {
    const caller = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    listener.onHear = (name) => seen.push(`${name} ${caller.getStore()}`);
    await bench.run(atom.deref());
    await bench.run(rival.swap(increment));
    seen.length = 0;
    await bench.run(caller.run('ann', () => atom.swap(increment)));
    expect(new Set(seen)).toEqual(
      new Set(
        ['start', 'end', 'asyncStart', 'asyncEnd']
          .map((phase) => `swap:${phase} ann`)
          .concat('conflict ann', 'commit ann'),
      ),
    );
  });

  it('of a write is that of the first caller in it, also while others keep the lane busy', async () => {
    const caller = new AsyncLocalStorage<string>();
    const requests: string[] = [];
    const engine = overridden(bench.memory, {
      get: (request) => {
        requests.push(`get ${caller.getStore()}`);
        return bench.memory.get(request);
      },
      put: async (request) => {
        requests.push(`put ${caller.getStore()}`);
        await bench.clock.sleep(5);
        return bench.memory.put(request);
      },
    });
    const busy = bench.table({ engine }).atom<number>('n', { initial: 0 });
    const ann = caller.run('ann', () => busy.swap(increment));
    await bench.clock.advance(1);
    const bob = caller.run('bob', () => busy.swap(increment, { from: 'read' }));
    const cat = caller.run('cat', () => busy.swap(increment));
    await bench.run(Promise.all([ann, bob, cat]));
    expect(requests).toEqual(['get ann', 'put ann', 'get bob', 'put bob']);
  });

  it('that a subscriber binds to the start is there in the function and in the engine', async () => {
    const span = new AsyncLocalStorage<string>();
    const { start } = tracingChannel(diagnosticsChannels.operations.swap);
    start.bindStore(span, () => 'bound');
    try {
      const seen: (string | undefined)[] = [];
      const engine = overridden(bench.memory, {
        put: (request) => {
          seen.push(span.getStore());
          return bench.memory.put(request);
        },
      });
      const look = (n: number) => {
        seen.push(span.getStore());
        return n + 1;
      };
      await bench.run(bench.table({ engine }).atom<number>('n', { initial: 0 }).swap(look));
      expect(seen).toEqual(['bound', 'bound']);
      expect(span.getStore()).toBeUndefined();
    } finally {
      start.unbindStore(span);
    }
  });
});

describe('when nobody listens', () => {
  it('nothing is put together: the table is asked for its name by requests alone', async () => {
    let asked = 0;
    const tableName = () => {
      asked += 1;
      return 'state';
    };
    const quiet = bench.table({ tableName }).atom<number>('n', { initial: 0 });
    listener.close();
    await bench.run(quiet.deref());
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, times: 1 }]);
    await bench.run(rival.swap(increment));
    asked = 0;
    const before = bench.faulty.spent().requests;
    await bench.run(quiet.swap(increment));
    await bench.run(quiet.deref());
    expect(asked).toBe(bench.faulty.spent().requests - before);
  });

  it('a table whose name can’t be told is still told of, without one', async () => {
    let name = () => 'state';
    const late = bench.table({ tableName: () => name() }).atom<number>('n', { initial: 0 });
    await bench.run(late.deref());
    name = () => {
      throw new RangeError('no stage set');
    };
    await expect(bench.run(late.swap(increment))).rejects.toThrow('no stage set');
    await breathe();
    expect(listener.calls.at(-1)).toMatchObject({ table: '', outcome: 'not-done', requests: 0 });
  });
});

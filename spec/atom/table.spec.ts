// Goal: AtomTable makes, accepts and refuses tables rightly, and its options are checked before anything is sent.
// Method: the same specs on each engine that is to be had; engines with a method replaced for what none of them can be.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable, type AtomTableOptions, type ItemAtom } from '../../lib/atom/index.js';
import type { Engine, TableDescription } from '../../lib/engine/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { openBench, overridden } from './bench.js';

for (const row of engines) {
  describeEngine(row, () => {
    let open: OpenEngine;
    beforeAll(async () => {
      open = await row.open();
    });
    afterAll(() => open.close());
    const make = (options: Partial<AtomTableOptions> = {}) => {
      const tableName = (options.tableName as string | undefined) ?? open.uniqueTable();
      const table = new AtomTable({ engine: open.engine, ...options, tableName } as AtomTableOptions);
      return { table, tableName, drop: () => open.engine.deleteTable(tableName) };
    };
    const timeToLive = row.supports.timeToLive ? 'enabled' : 'unsupported';

    it('creates a table on demand with time to live, once', async () => {
      const { table, tableName, drop } = make();
      expect(await table.create()).toEqual({
        created: true,
        billingMode: 'on-demand',
        streamArn: undefined,
        timeToLive,
      });
      await expect(table.create()).rejects.toMatchObject({ code: 'ERR_TABLE', reason: 'exists', tableName });
      expect(await table.ensure()).toMatchObject({ created: false, timeToLive });
      expect(await table.verify()).toMatchObject({ created: false, billingMode: 'on-demand' });
      expect(await table.atom<number>('n', { initial: 1 }).swap((n) => n + 1)).toBe(2);
      await drop();
    });

    it('ensure() makes what is missing, also when several do so at once', async () => {
      const { tableName, drop } = make();
      const reports = await Promise.all([1, 2, 3].map(() => make({ tableName }).table.ensure()));
      expect(reports.filter(({ created }) => created)).toHaveLength(1);
      await drop();
    });

    it('verify() says what is missing, and names the remedy', async () => {
      const missing = make().table.verify();
      await expect(missing).rejects.toMatchObject({ code: 'ERR_TABLE', reason: 'missing', outcome: 'not-done' });
      await expect(make().table.verify()).rejects.toThrow('create()');
    });

    it('refuses a table with other keys', async () => {
      const { table, tableName, drop } = make({ keyName: 'pk' });
      await table.create();
      for (const other of [{}, { keyName: 'other' }, { keyName: 'pk', sortKeyName: 'sk' }]) {
        const wrong = make({ tableName, ...other }).table;
        for (const refused of [wrong.verify(), wrong.ensure()]) {
          await expect(refused).rejects.toMatchObject({ code: 'ERR_TABLE', reason: 'keys-differ' });
        }
      }
      await drop();
    });

    it('works with a sort key', async () => {
      const { table, tableName, drop } = make({ keyName: 'room', sortKeyName: 'day' });
      await table.create({ billing: { mode: 'provisioned', readUnits: 5, writeUnits: 5 } });
      expect((await table.verify()).billingMode).toBe('provisioned');
      const at = (pk: unknown, sk: unknown) => table.atom<string>({ pk, sk });
      await Promise.all([at('a', 'b').reset('ab'), at('a', 'c').reset('ac'), at('a', { n: 1 }).reset('an')]);
      expect(await Promise.all([at('a', 'b').deref(), at('a', 'c').deref()])).toEqual(['ab', 'ac']);
      expect(await at('b', 'a').deref()).toBe(undefined);
      const key = { room: { S: 'a' }, day: { S: '~{"n":1}' } };
      expect(await open.engine.get({ table: tableName, key, consistent: true })).toMatchObject({ d: { S: 'an' } });
      expect(() => table.atom('a')).toThrow(TypeError);
      expect(() => table.atom({ pk: 'a' })).toThrow('{ pk, sk }');
      expect(() => at('a', 'x'.repeat(1_025))).toThrow(expect.objectContaining({ code: 'ERR_KEY' }));
      expect(await at('a', 'x'.repeat(1_024)).reset('long')).toBe('long');
      await drop();
    });

    it('writes index attributes with the value: queryable, and stale ones vanish', async () => {
      const { table, tableName, drop } = make();
      const indexes = [{ name: 'by-status', partitionKey: { name: 'status', type: 'S' } }] as const;
      await table.create({ indexes });
      interface Job {
        readonly status?: string;
        readonly n: number;
      }
      const index = { status: (job: Job) => job.status };
      const jobs = ['a', 'b', 'c'].map((id) => table.atom<Job>(id, { index }));
      const waiting = async () => {
        const found = await open.engine.query({
          table: tableName,
          index: 'by-status',
          keyCondition: { expression: '#s = :s', names: { '#s': 'status' }, values: { ':s': { S: 'waiting' } } },
          consistent: false,
        });
        return found.items.map(({ id }) => (id as { S: string }).S).sort();
      };
      await Promise.all(jobs.map((job, n) => job.reset({ status: 'waiting', n })));
      await jobs[2]?.delete();
      expect(await waiting()).toEqual(['a', 'b']);
      await jobs[0]?.swap(({ n } = { n: 0 }) => ({ n }));
      expect(await waiting()).toEqual(['b']);
      await jobs[1]?.swap((job = { n: 0 }) => ({ ...job, status: 'done' }));
      expect(await waiting()).toEqual([]);
      await drop();
    });

    it('sweep() removes tombstones whose hour is over, and nothing that was written since', async () => {
      const { tableName, drop } = make();
      let now = Date.now();
      const clock = { ...systemClockOf(), now: () => now };
      const { table } = make({ tableName, clock });
      await table.create();
      const [gone, kept, again] = ['gone', 'kept', 'again'].map((id) => table.atom<number>(id)) as [
        ItemAtom<number>,
        ItemAtom<number>,
        ItemAtom<number>,
      ];
      await Promise.all([gone.reset(1), kept.reset(2), again.reset(3)]);
      await Promise.all([gone.delete(), again.delete()]);
      expect(await table.sweep()).toBe(0);
      now += 60 * 60 * 1_000 + 2_000;
      await again.reset(4);
      expect(await table.sweep()).toBe(1);
      const left = await open.engine.scan({ table: tableName, consistent: true });
      expect(left.items).toHaveLength(2);
      expect(await Promise.all([gone.deref(), kept.deref(), again.deref()])).toEqual([undefined, 2, 4]);
      expect(await gone.reset(5)).toBe(5);
      await drop();
    });

    it('turns a stream on', async () => {
      if (!row.supports.streams && row.name !== 'memory') return;
      const { table, drop } = make();
      expect((await table.create({ streamViewType: 'NEW_IMAGE' })).streamArn).toEqual(
        expect.stringContaining('stream'),
      );
      await drop();
    });

    it('keeps its attributes under other names when told so', async () => {
      const attributeNames = { data: 'value', token: 'token', version: 'd', expiresAt: 'ttl' };
      const { table, tableName, drop } = make({ attributeNames });
      await table.create();
      await table.atom<number>('n').reset(7);
      const item = await open.engine.get({ table: tableName, key: { id: { S: 'n' } }, consistent: true });
      expect(item).toMatchObject({ value: { N: '7' }, d: { N: '1' }, token: { S: expect.stringContaining(':1') } });
      expect(Object.keys(item ?? {})).not.toContain('l');
      const same = make({ tableName, attributeNames }).table;
      expect(await same.atom<number>('n', { initial: 0 }).swap((n) => n + 1)).toBe(8);
      const other = make({ tableName }).table.atom<number>('n');
      await expect(other.deref()).rejects.toMatchObject({ code: 'ERR_DECODE', reason: 'foreign', key: 'n' });
      await drop();
    });
  });
}

function systemClockOf() {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: (ms: number, { signal }: { signal?: AbortSignal | undefined } = {}) =>
      new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, ms);
        signal?.addEventListener('abort', () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
      }),
  };
}

describe('a global table', () => {
  const described = (replication: TableDescription['replication']) => {
    const engine = new MemoryEngine();
    const describeTable: MemoryEngine['describeTable'] = async (name) => {
      const found = await engine.describeTable(name);
      return found && { ...found, replication };
    };
    return new AtomTable({ engine: overridden(engine, { describeTable }), tableName: 'state' });
  };

  it('in which the last writer wins is refused, unless that is asked for', async () => {
    const table = described('eventual');
    await table.create();
    for (const refused of [table.verify(), table.ensure()]) {
      await expect(refused).rejects.toMatchObject({ code: 'ERR_TABLE', reason: 'last-writer-wins' });
    }
    expect(await table.ensure({ allowLastWriterWins: true })).toMatchObject({ created: false });
  });

  it('with strong consistency is accepted', async () => {
    const table = described('strong');
    await table.create();
    expect(await table.verify()).toMatchObject({ created: false });
  });

  it('with strong consistency has no time to live, and ensure() does not ask for it', async () => {
    const engine = new MemoryEngine();
    const refusing: Partial<Engine> = {
      describeTable: async (name) => {
        const found = await engine.describeTable(name);
        return found && { ...found, replication: 'strong' };
      },
      updateTimeToLive: () => Promise.reject(Object.assign(new Error('not here'), { name: 'ValidationException' })),
    };
    const table = new AtomTable({ engine: overridden(engine, refusing), tableName: 'state' });
    expect(await table.ensure()).toMatchObject({ created: true, timeToLive: 'unsupported' });
  });
});

describe('create()', () => {
  it('waits until the table is active, and gives up in time', async () => {
    const bench = await openBench();
    let looks = 0;
    const engine = overridden(bench.memory, {
      createTable: async () => {},
      describeTable: async (name) => {
        looks += 1;
        const found = await bench.memory.describeTable(name);
        return found && { ...found, status: looks > 4 ? 'ACTIVE' : 'CREATING' };
      },
    });
    expect(await bench.run(bench.table({ engine }).create())).toMatchObject({ created: true });
    expect(looks).toBe(5);
    looks = Number.NEGATIVE_INFINITY;
    const late = bench.run(bench.table({ engine }).create({ timeoutMs: 3_000 }));
    await expect(late).rejects.toMatchObject({ code: 'ERR_TABLE', reason: 'not-active' });
    const abort = AbortSignal.abort(new Error('enough'));
    await expect(bench.run(bench.table({ engine }).create({ signal: abort }))).rejects.toThrow('enough');
  });

  it('creates no table with a stream of a view that is none', async () => {
    const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
    await expect(table.create({ streamViewType: 'BOTH' as never })).rejects.toThrow(/streamViewType must be one of/);
    expect(await table.describe()).toBeUndefined();
  });
});

describe('options', () => {
  const engine = new MemoryEngine();
  const open = (options: object) => () => new AtomTable({ engine, tableName: 'state', ...options } as AtomTableOptions);

  it.each<[object, typeof TypeError, string]>([
    [{ tableName: '' }, RangeError, 'tableName'],
    [{ tableName: 'a b' }, RangeError, 'tableName'],
    [{ tableName: undefined }, TypeError, 'tableName'],
    [{ tableName: 7 }, TypeError, 'tableName'],
    [{ keyName: '' }, TypeError, 'attribute name'],
    [{ keyName: 'd' }, TypeError, 'd twice'],
    [{ sortKeyName: 'id' }, TypeError, 'id twice'],
    [{ attributeNames: { data: 'l' } }, TypeError, 'l twice'],
    [{ evidenceWritersMax: 0 }, RangeError, 'evidenceWritersMax'],
    [{ evidenceWritersMax: 1.5 }, RangeError, 'evidenceWritersMax'],
    [{ retry: { timeoutMs: -1 } }, RangeError, 'timeoutMs'],
    [{ retry: { settleMs: Number.NaN } }, RangeError, 'settleMs'],
    [{ retry: { attemptTimeoutMs: 0 } }, RangeError, 'attemptTimeoutMs'],
    [{ engine: undefined }, TypeError, 'client'],
    [{ engine: undefined, client: {} }, TypeError, 'client'],
  ])('%j is refused, naming what is wrong', (options, type, words) => {
    expect(open(options)).toThrow(type);
    expect(open(options)).toThrow(words);
  });

  it('of calls: a time that is none, a function that is none, undefined as a value', async () => {
    const atom = new AtomTable({ engine, tableName: 'state' }).atom<unknown>('n');
    const bad = (call: () => unknown) => Promise.resolve().then(call);
    for (const timeoutMs of [-1, Number.NaN]) {
      await expect(bad(() => atom.swap(() => 1, { timeoutMs }))).rejects.toThrow(RangeError);
      await expect(bad(() => atom.deref({ timeoutMs }))).rejects.toThrow(RangeError);
    }
    await expect(bad(() => atom.swap(7 as never))).rejects.toThrow(TypeError);
    await expect(bad(() => atom.setValidator(7 as never))).rejects.toThrow(TypeError);
    await expect(bad(() => atom.compareAndSet(1, undefined))).rejects.toThrow(TypeError);
    expect(engine.spent().requests).toBe(0);
  });

  it('of a key: undefined, too long, without a stored form', () => {
    const table = new AtomTable({ engine, tableName: 'state' });
    expect(() => table.atom(undefined)).toThrow(expect.objectContaining({ code: 'ERR_KEY' }));
    expect(() => table.atom('x'.repeat(2_049))).toThrow(expect.objectContaining({ code: 'ERR_KEY', bytes: 2_049 }));
    expect(() => table.atom(() => 1)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED_VALUE' }));
    expect(table.atom('x'.repeat(2_048)).key).toHaveLength(2_048);
  });

  it.each<[string, object, object]>([
    ['initial', { initial: 1 }, { initial: 2 }],
    ['initial', { initial: 1 }, {}],
    ['codec', {}, { codec: { name: 'mine', encode: () => ({ S: '' }), decode: () => '' } }],
    ['schema', {}, { schema: { '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) } } }],
    ['index', { index: { a: (v: number) => v } }, { index: { a: (v: number) => v + 1 } }],
    ['foreign', {}, { foreign: 'refuse' }],
    ['adopt', {}, { adopt: () => 1 }],
    ['retry', {}, { retry: { timeoutMs: 1 } }],
  ])('%s that differs between two handles of one atom is refused', (option, one, other) => {
    const table = new AtomTable({ engine, tableName: 'state' });
    const first = table.atom<number>('n', one);
    const refused = { code: 'ERR_OPTIONS_DIFFER', option, key: 'n' };
    expect(() => table.atom<number>('n', other)).toThrow(expect.objectContaining(refused));
    expect(table.atom<number>('n', one).key).toBe(first.key);
    expect(() => table.atom<number>('m', other)).not.toThrow();
  });

  it('an index attribute that is ours or the key is refused', () => {
    const table = new AtomTable({ engine, tableName: 'state' });
    for (const name of ['id', 'd', 'l', 'x']) {
      expect(() => table.atom('n', { index: { [name]: () => 1 } })).toThrow(`${name} twice`);
    }
  });
});

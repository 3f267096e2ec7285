// Goal: what handlers, parsers and errors may do that nobody would want them to, costs no guarantee: effects stay once, nothing is passed over,
// the member stays in its group, and what is to be given up is given up.
// Method: one shard and one lease on a virtual clock; each case is one way to misbehave.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../../lib/atom/index.js';
import { seededRandom } from '../../../lib/engine/index.js';
import { StreamGapError } from '../../../lib/streams/errors.js';
import { Backlog } from '../../../lib/streams/group/backlog.js';
import { DeadLetterBox } from '../../../lib/streams/group/dead-letter-box.js';
import { DeadLetters } from '../../../lib/streams/group/dead-letters.js';
import type { GroupBatch, GroupHandler } from '../../../lib/streams/group/handler.js';
import { paceOf } from '../../../lib/streams/pace.js';
import type { StreamsPort } from '../../../lib/streams/port.js';
import { Scheduler } from '../../../lib/streams/scheduler.js';
import { dyingEngine, steppedEngine } from '../../support/stepped-engine.js';
import { behind, recordOf, sequenceOf, shardId, type Told, WorkBench } from './work-bench.js';

const numbers = (batch: GroupBatch<Told>): number[] => batch.records.map(({ value }) => value.n);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const never = new Promise<never>(() => {});

async function benchOf(count: number, keys = 1): Promise<WorkBench> {
  const bench = new WorkBench();
  await bench.create();
  for (let n = 1; n <= count; n += 1) bench.shard.add(recordOf(n, `k${n % keys}`, bench.nowMs));
  return bench;
}

function noiseOf(words: number): string {
  let x = 1;
  return Array.from({ length: words }, () => {
    x = (x * 48_271) % 2_147_483_647;
    return x.toString(36);
  }).join('');
}

const sumOf = (table: AtomTable) => table.atom<number[]>({ pk: 'effects', sk: 'sum' }, { initial: [] });

describe('a handler', () => {
  it('that fails beside its own transaction has its effects once', async () => {
    const bench = await benchOf(10);
    const table = bench.table();
    await bench.work(
      async (batch, { transact, attempt }) => {
        const effects = transact((tx) => tx.swap(sumOf(table), (seen) => [...seen, ...numbers(batch)]));
        const other = attempt === 1 ? Promise.reject(new Error('the mailer is down')) : undefined;
        await Promise.all([effects, other]);
      },
      { errors: { retry: { backoffMs: 0 } } },
      table,
    );
    await bench.clock.advance(60_000);
    expect(await bench.run(sumOf(bench.table()).deref())).toEqual(upTo(10));
    expect((await bench.stored())?.position).toEqual(behind(10));
  });

  it('that does not wait for its transaction has its effects once, and those of the next batch behind them', async () => {
    const bench = await benchOf(20);
    bench.shard.pageMax = 10;
    const table = bench.table();
    await bench.work(
      (batch, { transact }) => {
        void transact((tx) => tx.swap(sumOf(table), (seen) => [...seen, ...numbers(batch)]));
      },
      {},
      table,
    );
    await bench.clock.advance(60_000);
    expect(await bench.run(sumOf(bench.table()).deref())).toEqual(upTo(20));
  });

  it('that begins a transaction while another one is under way passes over none that fails', async () => {
    const bench = await benchOf(10);
    const table = bench.table();
    let calls = 0;
    await bench.work(
      async ({ records }, { transact }) => {
        calls += 1;
        const parts = [records.slice(0, 5), records.slice(5)].filter((part) => part.length > 0);
        await Promise.all(
          parts.map((part, index) =>
            transact(
              (tx) => {
                if (calls === 1 && index === 0) throw new Error('not yet');
                void tx.swap(sumOf(table), (seen) => [...seen, ...part.map(({ value }) => value.n)]);
              },
              { through: part.at(-1)?.meta.sequenceNumber ?? '' },
            ),
          ),
        );
      },
      { errors: { retry: { backoffMs: 0 } } },
      table,
    );
    await bench.clock.advance(60_000);
    expect(await bench.run(sumOf(bench.table()).deref())).toEqual(upTo(10));
  });

  for (const [what, thrown] of Object.entries({
    'an object without prototype': Object.create(null),
    nothing: undefined,
    'a symbol': Symbol('no'),
    'half a pair': new Error(`${'x'.repeat(499)}\u{1f600} ${'x'.repeat(1_498)}\u{1f600}`),
    'a name that is none': Object.assign(new Error('no'), { name: '\ud800', code: '\udfff'.repeat(500_000) }),
    'an error that hides': new Proxy(new Error('no'), {
      get: () => {
        throw new Error('hidden');
      },
    }),
  })) {
    for (const exhausted of ['park-shard', 'park-key', 'dead-letter', 'skip'] as const) {
      it(`may throw ${what}: ${exhausted}`, async () => {
        const bench = await benchOf(3);
        await bench.work(
          () => {
            throw thrown;
          },
          { errors: { retry: { attempts: 1 }, exhausted } },
        );
        await bench.clock.advance(10_000);
        expect(bench.fatal).toEqual([]);
        expect(bench.eventsOf('shard-parked')).toHaveLength(exhausted === 'park-shard' ? 1 : 0);
        if (exhausted !== 'park-shard') expect((await bench.stored())?.position).toEqual(behind(3));
      });
    }
  }

  it('that looks at a signal which it took out of its context looks at the clocks', async () => {
    const bench = await benchOf(1);
    const seen: boolean[] = [];
    const { lease } = await bench.work(async (_batch, { signal }) => {
      seen.push(signal.aborted);
      bench.look = () => lease.lose('silent');
      seen.push(signal.aborted);
    });
    await bench.clock.advance(1_000);
    expect(seen).toEqual([false, true]);
  });

  it('finds in its transaction that the shard is another’s: it is lost, and nothing has failed', async () => {
    const bench = await benchOf(5);
    const table = bench.table();
    await bench.work(
      async (batch, { transact }) => {
        await bench.take(bench.table(), 'thief');
        await transact((tx) => tx.swap(sumOf(table), (seen) => [...seen, ...numbers(batch)]));
      },
      { errors: { retry: { attempts: 1 }, bisect: false, exhausted: 'dead-letter' } },
      table,
    );
    await bench.clock.advance(60_000);
    expect(bench.fatal).toEqual([]);
    expect(bench.eventsOf('failure')).toEqual([]);
    expect(bench.eventsOf('shard-lost')).toMatchObject([{ reason: 'taken' }]);
    expect((await bench.stored())?.position).toBe('trim-horizon');
  });
});

describe('a shard that is to be given up', () => {
  it('does not wait for a parser that never settles', async () => {
    const bench = await benchOf(5);
    const { lease, worker } = await bench.work(() => {}, {
      reading: { parser: { parse: () => never }, filter: undefined },
    });
    await bench.clock.advance(1_000);
    lease.ask(30_000);
    await bench.run(
      Promise.race([worker.ended, bench.clock.sleep(60_000).then(() => Promise.reject(new Error('hangs')))]),
    );
  });

  it('does not wait for a function onGap that never settles', async () => {
    const bench = await benchOf(5);
    bench.shard.gap = new StreamGapError('arn', { shardId, reason: 'trimmed', after: undefined, lostSince: undefined });
    const { lease, worker } = await bench.work(() => {}, { onGap: () => never });
    await bench.clock.advance(1_000);
    lease.ask(30_000);
    await bench.run(
      Promise.race([worker.ended, bench.clock.sleep(60_000).then(() => Promise.reject(new Error('hangs')))]),
    );
  });
});

describe('memory', () => {
  it('holds nothing of records that are done, however long the backlog is', async () => {
    const bench = await benchOf(20_000);
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const alive: WeakRef<object>[] = [];
    let most = 0;
    let calls = 0;
    await bench.work(
      async (batch) => {
        await bench.clock.sleep(1);
        for (const { value } of batch.records) alive.push(new WeakRef(value));
        calls += 1;
        if (calls % 50 !== 0) return;
        // What a reference was made to is kept until its turn of the loop ends.
        await new Promise((resolve) => setImmediate(resolve));
        gc();
        most = Math.max(most, alive.filter((ref) => ref.deref() !== undefined).length);
      },
      { batchRecordsMax: 100 },
    );
    await bench.clock.advance(60_000);
    expect((await bench.stored())?.position).toEqual(behind(20_000));
    expect(most).toBeLessThan(6_000);
  });
});

describe('large records', () => {
  it('wait in the stream, and not in memory, while the handler is at those before them', async () => {
    const bench = await benchOf(0);
    const megabyte = 1 << 20;
    for (let n = 1; n <= 100; n += 1) {
      const record = recordOf(n, 'k', bench.nowMs);
      bench.shard.add({ ...record, dynamodb: { ...record.dynamodb, SizeBytes: megabyte } });
    }
    bench.shard.pageMax = 1;
    const done: number[] = [];
    let most = 0;
    const { worker } = await bench.work(
      async (batch) => {
        await bench.clock.sleep(1_000);
        most = Math.max(most, worker.status().waiting);
        done.push(...numbers(batch));
      },
      { backlog: new Backlog(8 * megabyte) },
    );
    await bench.clock.advance(120_000);
    expect(done).toEqual(upTo(100));
    expect(most).toBeGreaterThanOrEqual(8);
    expect(most).toBeLessThanOrEqual(9);
  });

  it('of one shard leave room for one page at a time of every other', async () => {
    const backlog = new Backlog(1);
    backlog.add(2);
    const bench = await benchOf(100);
    bench.shard.pageMax = 10;
    const done: number[] = [];
    await bench.work((batch) => void done.push(...numbers(batch)), { backlog });
    await bench.clock.advance(10_000);
    expect(done).toEqual(upTo(100));
    expect(backlog.bytes).toBe(2);
  });

  it('are counted no more once their shard is given up', async () => {
    const backlog = new Backlog(10_000);
    const bench = await benchOf(100);
    const { lease, worker } = await bench.work(() => never, { backlog });
    await bench.clock.advance(1_000);
    expect(backlog.bytes).toBeGreaterThan(0);
    lease.lose('taken');
    await bench.run(worker.ended);
    expect(backlog.bytes).toBe(0);
  });
});

describe('retry of a shard at a gap', () => {
  it('looks again whether the records are there, behind those that were taken', async () => {
    const bench = await benchOf(6);
    const { records } = bench.shard;
    let isLying = true;
    const port = {
      iterator: async ({ start }: { start: { sequence?: string } }) => {
        const index = records.findIndex(({ dynamodb }) => dynamodb?.SequenceNumber === start.sequence);
        return String(index + 1);
      },
      records: async ({ iterator }: { iterator: string }) => {
        const at = Number(iterator);
        if (at === 3 && isLying) throw Object.assign(new Error('gone'), { name: 'TrimmedDataAccessException' });
        return { records: records.slice(at, at + 3), nextIterator: String(Math.min(records.length, at + 3)) };
      },
    } as unknown as StreamsPort;
    const { clock } = bench;
    const scheduler = new Scheduler({ ...{ port, arn: 'arn', clock, pace: paceOf() }, random: seededRandom(1) });
    const done: number[] = [];
    const { worker } = await bench.work(
      async (batch) => {
        await clock.sleep(20_000);
        done.push(...numbers(batch));
      },
      { open: (id, start, listener) => scheduler.add(id, start, listener) },
    );
    await clock.advance(10_000);
    expect(worker.status().isParked).toBe(true);
    isLying = false;
    worker.unpark(false);
    await clock.advance(60_000);
    expect(done).toEqual(upTo(6));
    expect(worker.status().isParked).toBe(false);
    scheduler.close();
  });
});

describe('retry over a gap', () => {
  it('says nothing of gaps that come later', async () => {
    const bench = await benchOf(5);
    let isBad = true;
    const done: number[] = [];
    const { worker } = await bench.work(
      (batch) => {
        if (isBad) throw new Error('bad');
        done.push(...numbers(batch));
      },
      { errors: { retry: { attempts: 1 }, bisect: false } },
    );
    await bench.clock.advance(1_000);
    isBad = false;
    worker.unpark(true);
    await bench.clock.advance(10_000);
    expect(done).toEqual(upTo(5));
    bench.shard.gap = new StreamGapError('arn', { shardId, reason: 'trimmed', after: undefined, lostSince: undefined });
    bench.shard.add(recordOf(9, 'k', bench.nowMs));
    await bench.clock.advance(10_000);
    expect(done).toEqual(upTo(5));
    expect(worker.status().isParked).toBe(true);
  });
});

describe('dead letters', () => {
  function lettersOf(bench: WorkBench, handler: GroupHandler<Told>, table: AtomTable = bench.table()) {
    const { reading } = bench.ground(table, handler);
    return new DeadLetters<Told>({
      ...{ name: 'g', table, box: new DeadLetterBox(table, 'g', 'op'), clock: bench.clock, reading, handler },
      prepare: async () => {},
      idempotencyKey: ({ sequenceNumber }) => sequenceNumber,
    });
  }

  it('are kept in a store without transactions', async () => {
    const bench = new WorkBench(1, { transactions: false });
    await bench.create();
    for (let n = 1; n <= 5; n += 1) bench.shard.add(recordOf(n, 'k', bench.nowMs));
    const done: number[] = [];
    await bench.work(
      (batch) => {
        if (numbers(batch).includes(2)) throw new RangeError('bad');
        done.push(...numbers(batch));
      },
      { errors: { retry: { attempts: 1 }, exhausted: 'dead-letter' } },
    );
    await bench.clock.advance(10_000);
    expect(done).toEqual([1, 3, 4, 5]);
    expect((await bench.stored())?.position).toEqual(behind(5));
    const found = [];
    for await (const letter of lettersOf(bench, () => {}).list()) found.push(letter.sequenceNumber);
    expect(found).toEqual([sequenceOf(2)]);
  });

  it('that cannot be written do not have what was set aside before them handed out again', async () => {
    const bench = await benchOf(5);
    const calls: number[][] = [];
    const engine = steppedEngine(bench.memory, ({ text, kind }) => {
      if (!(kind === 'transactWrite' && text.includes(sequenceOf(3)))) return undefined;
      const error = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
      return Promise.resolve({ status: 'not-applied', kind: 'refused', error });
    });
    const { worker } = await bench.work(
      (batch) => {
        calls.push(numbers(batch));
        throw new RangeError('bad');
      },
      { errors: { retry: { attempts: 1 }, bisect: false, exhausted: 'dead-letter' } },
      bench.table(engine),
    );
    await bench.clock.advance(10_000);
    expect((await bench.stored())?.position).toEqual(behind(2));
    worker.unpark(false);
    await bench.clock.advance(10_000);
    expect(calls).toEqual([
      [1, 2, 3, 4, 5],
      [3, 4, 5],
    ]);
  });

  for (const exhausted of ['dead-letter', 'park-key'] as const) {
    it(`of large records are there only when the position is behind them: ${exhausted}`, async () => {
      for (let at = 2; at < 12; at += 1) {
        const bench = await benchOf(1);
        const record = recordOf(2, 'big', bench.nowMs);
        const OldImage = { id: { S: 'big' }, text: { S: noiseOf(60_000) } };
        bench.shard.add({ ...record, dynamodb: { ...record.dynamodb, OldImage } });
        let isBad = true;
        const summing =
          (table: AtomTable): GroupHandler<Told> =>
          async (batch, { transact }) => {
            if (isBad && numbers(batch).includes(2)) throw new RangeError('bad');
            await transact((tx) => tx.swap(sumOf(table), (seen) => [...seen, ...numbers(batch)]));
          };
        const errors = { retry: { attempts: 1 }, exhausted } as const;
        const dying = dyingEngine(bench.memory, at, 'after');
        const first = bench.table(dying.engine);
        await bench.work(summing(first), { errors }, first);
        await bench.run(Promise.race([dying.died, bench.clock.sleep(10_000)]));
        isBad = false;
        const next = bench.table();
        await bench.work(summing(next), { errors }, next);
        await bench.clock.advance(10_000);
        const operator = bench.table();
        await bench.run(lettersOf(bench, summing(operator), operator).redrive());
        expect({ at, sum: await bench.run(sumOf(bench.table()).deref()) }).toEqual({ at, sum: [1, 2] });
        const left = [];
        for await (const { key } of bench.table().scan({ pk: 'dead#g' })) left.push(key);
        expect(left.length).toBeLessThanOrEqual(1);
      }
    });
  }

  it('keep records whose text is short and whose bytes are many', async () => {
    const bench = await benchOf(1);
    let x = 1;
    const noise = Array.from({ length: 60_000 }, () => {
      x = (x * 48_271) % 2_147_483_647;
      return String.fromCodePoint(0x4e00 + (x % 20_000), 0x4e00 + ((x >> 9) % 20_000));
    });
    const record = recordOf(2, 'big', bench.nowMs);
    const image = (text: string) => ({ id: { S: 'big' }, text: { S: text } });
    const big = {
      ...record,
      dynamodb: {
        ...record.dynamodb,
        OldImage: image(noise.join('')),
        NewImage: { ...image(noise.reverse().join('')), n: { N: '2' } },
      },
    };
    bench.shard.add(big, recordOf(3, 'k', bench.nowMs));
    const done: number[] = [];
    await bench.work(
      (batch) => {
        if (numbers(batch).includes(2)) throw new RangeError('bad');
        done.push(...numbers(batch));
      },
      { errors: { retry: { attempts: 1 }, exhausted: 'dead-letter' } },
    );
    await bench.clock.advance(10_000);
    expect(bench.eventsOf('shard-parked')).toEqual([]);
    expect(done).toEqual([1, 3]);
    const found = [];
    for await (const letter of lettersOf(bench, () => {}).list()) found.push(letter.sequenceNumber);
    expect(found).toEqual([sequenceOf(2)]);
  });
});

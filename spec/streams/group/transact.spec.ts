// Goal: what a handler does by ctx.transact happens once for each record, whatever dies, sleeps, takes over, and whatever answers get lost.
// Method: processes that die at any request, before or after it was applied, over an engine that loses, doubles and delays; zombies that
// work on beside their successors. Each record adds one to a count of its own and appends itself to its item.
import { describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../../lib/atom/index.js';
import { type EngineFaultRule, FaultyEngine, seededRandom } from '../../../lib/engine/index.js';
import type { GroupBatch, HandlerContext } from '../../../lib/streams/group/handler.js';
import { ShardWorker } from '../../../lib/streams/group/shard-worker.js';
import { dyingEngine } from '../../support/stepped-engine.js';
import { behind, recordOf, sequenceOf, type Told, WorkBench, type Working } from './work-bench.js';

const only = process.env.LEYDEN_SEED === undefined ? undefined : Number(process.env.LEYDEN_SEED);
const crashes = process.env.LEYDEN_SIZE === 'full' ? 10_000 : 120;

const disturbed: readonly EngineFaultRule[] = [
  { fault: { kind: 'late', delayMs: [0, 3_000] }, on: 'writes', probability: 0.04 },
  { fault: { kind: 'reset-after' }, on: 'writes', probability: 0.05 },
  { fault: { kind: 'duplicate', gapMs: [0, 800] }, on: 'writes', probability: 0.04 },
  { fault: { kind: '5xx-after' }, probability: 0.02 },
  { fault: { kind: 'throttle' }, probability: 0.02 },
];

interface Effects {
  readonly seen: readonly number[];
}

const itemOf = (table: AtomTable, key: string) =>
  table.atom<Effects>({ pk: 'effects', sk: key }, { initial: { seen: [] } });

/** The effects of a batch, in one transaction or in several, as chance has it. */
function applying(table: AtomTable, pick: () => number) {
  return async (batch: GroupBatch<Told>, { transact }: HandlerContext) => {
    for (let from = 0; from < batch.records.length; ) {
      const to = Math.min(batch.records.length, from + 1 + Math.floor(pick() * 8));
      const part = batch.records.slice(from, to);
      await transact(
        (tx) => {
          for (const { value } of part) {
            void tx.swap(itemOf(table, value.key), ({ seen }) => ({ seen: [...seen, value.n] }));
          }
        },
        { through: part.at(-1)?.meta.sequenceNumber ?? '' },
      );
      from = to;
      // Failures after a transaction must not repeat it.
      if (pick() < 0.1) throw new Error('the handler stumbles');
    }
  };
}

async function requireOnce(bench: WorkBench, count: number, keys: number): Promise<void> {
  const table = bench.table();
  for (let key = 0; key < keys; key += 1) {
    const { seen } = await bench.run(itemOf(table, `k${key}`).deref());
    const expected = Array.from({ length: count }, (_, index) => index + 1).filter((n) => n % keys === key);
    expect({ seed: bench.seed, key, seen }).toEqual({ seed: bench.seed, key, seen: expected });
  }
}

const records = 40;
const keys = 4;

async function benchOf(seed: number): Promise<WorkBench> {
  const bench = new WorkBench(seed);
  await bench.create();
  bench.shard.pageMax = 10;
  for (let n = 1; n <= records; n += 1) bench.shard.add(recordOf(n, `k${n % keys}`, bench.nowMs));
  bench.shard.close();
  return bench;
}

/** One shard, one owner after the other; each dies, sleeps or is overtaken. Answers how many did. */
async function life(seed: number): Promise<number> {
  const bench = await benchOf(seed);
  const random = seededRandom(seed * 7 + 1);
  const isEnded = async () => (await bench.stored())?.children !== undefined;
  let owners = 0;
  while (!(await isEnded())) {
    owners += 1;
    if (owners > 400) throw new Error(`seed ${seed}: it does not end`);
    const faulty = new FaultyEngine(bench.memory, {
      rules: disturbed,
      seed: seed * 1_000 + owners,
      clock: bench.clock,
    });
    const isDying = random.next() < 0.7;
    const dying = dyingEngine(faulty, 3 + random.int(14), random.next() < 0.5 ? 'before' : 'after');
    const table = bench.table(isDying ? dying.engine : faulty);
    const taking = bench.take(table, `m${owners}`);
    const lease = await bench.clock.run(Promise.race([taking, dying.died.then(() => undefined)]));
    if (lease === undefined) continue;
    const ground = bench.ground(
      table,
      applying(table, () => random.next()),
      { errors: { retry: { backoffMs: 10 } } },
    );
    const worker = new ShardWorker(ground, lease);
    // A zombie goes on for a while beside its successor: nobody has told it.
    const rest = random.next() < 0.5 ? bench.clock.sleep(random.int(400)) : new Promise<void>(() => {});
    await bench.clock.run(Promise.race([worker.ended, dying.died, rest, bench.clock.sleep(120_000)]));
  }
  await bench.clock.advance(30_000);
  await requireOnce(bench, records, keys);
  return owners - 1;
}

describe('HandlerContext.transact()', () => {
  it(
    `makes effects once over ${crashes} crashes, with lost, doubled and late answers`,
    async () => {
      let crashed = 0;
      for (let seed = only ?? 1; crashed < crashes; seed += 1) {
        crashed += await life(seed);
        if (only !== undefined) break;
      }
      expect(only !== undefined || crashed >= crashes).toBe(true);
    },
    process.env.LEYDEN_SIZE === 'full' ? 1_800_000 : 60_000,
  );

  it('moves the position with the effects, in one request', async () => {
    const bench = await benchOf(1);
    bench.shard.isClosed = false;
    const table = bench.table();
    const sent: number[] = [];
    await bench.work(
      async (batch, { transact }) => {
        const before = table.spent().requests;
        const first = batch.records[0] as (typeof batch.records)[number];
        expect(
          await transact((tx) => tx.swap(itemOf(table, 'x'), ({ seen }) => ({ seen: [...seen, first.value.n] }))),
        ).toBeDefined();
        sent.push(table.spent().requests - before);
        expect((await bench.leaseAtom(bench.table()).deref())?.position).toEqual({
          after: batch.records.at(-1)?.meta.sequenceNumber,
        });
      },
      {},
      table,
    );
    await bench.clock.advance(10_000);
    // The first one reads the item that is new to this process.
    expect(sent).toEqual([2, 1]);
    expect(bench.eventsOf('saved')).toEqual([]);
  });

  it('leaves nothing behind when its function throws', async () => {
    const bench = await benchOf(1);
    const table = bench.table();
    await bench.work(
      (_batch, { transact }) =>
        transact((tx) => {
          void tx.swap(itemOf(table, 'x'), ({ seen }) => ({ seen: [...seen, 1] }));
          throw new RangeError('not today');
        }),
      { errors: { retry: { attempts: 1 }, bisect: false } },
      table,
    );
    await bench.clock.advance(10_000);
    expect(await bench.run(itemOf(bench.table(), 'x').deref())).toEqual({ seen: [] });
    expect((await bench.stored())?.position).toBe('trim-horizon');
    expect(bench.eventsOf('shard-parked')).toMatchObject([{ reason: 'not today' }]);
  });

  it('is refused for a record that the batch does not have, and for those that are done', async () => {
    const bench = await benchOf(1);
    const refused: unknown[] = [];
    await bench.work(async (batch, { transact, checkpoint }) => {
      if (batch.records[0]?.value.n !== 1) return;
      const note = (error: unknown) => refused.push(error);
      await transact(() => {}, { through: '17' }).catch(note);
      await checkpoint('17').catch(note);
      await transact(() => {}, { through: sequenceOf(4) });
      await transact(() => {}, { through: sequenceOf(4) }).catch(note);
      await transact(undefined as never).catch(note);
      await checkpoint(sequenceOf(6));
      expect((await bench.leaseAtom(bench.table()).deref())?.position).toEqual(behind(6));
    });
    await bench.clock.advance(10_000);
    expect(refused.map((error) => (error as Error).name)).toEqual([
      'RangeError',
      'RangeError',
      'RangeError',
      'TypeError',
    ]);
    expect(bench.eventsOf('shard-ended')).toHaveLength(1);
  });

  it('is refused with several lanes, and after the handler has returned', async () => {
    const bench = await benchOf(1);
    const refused: unknown[] = [];
    let late: HandlerContext | undefined;
    const working = await bench.work(
      async (_batch, context) => {
        late = context;
        await context.transact(() => {}).catch((error: unknown) => refused.push(error));
      },
      { concurrency: 2 },
    );
    await bench.clock.advance(10_000);
    expect(refused[0]).toBeInstanceOf(TypeError);
    await expect(bench.run((late as HandlerContext).checkpoint())).rejects.toThrow('returned already');
    expect((working as Working).worker.status().waiting).toBe(0);
  });
});

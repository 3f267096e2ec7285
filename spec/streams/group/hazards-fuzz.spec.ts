// Goal: effects by ctx.transact stay exactly once, and each item's in order, whatever handlers do beside it and whatever becomes of their records.
// Method: from a seed: owners die, sleep and are overtaken; handlers fail before, beside and after transactions, do not wait for them, make several
// at a time, or none; some records never succeed and park their items; letters are redriven meanwhile and at the end.
import { describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../../lib/atom/index.js';
import { type EngineFaultRule, FaultyEngine, type Random, seededRandom } from '../../../lib/engine/index.js';
import { DeadLetterBox } from '../../../lib/streams/group/dead-letter-box.js';
import { DeadLetters } from '../../../lib/streams/group/dead-letters.js';
import type { GroupHandler } from '../../../lib/streams/group/handler.js';
import { ShardWorker } from '../../../lib/streams/group/shard-worker.js';
import { dyingEngine } from '../../support/stepped-engine.js';
import { recordOf, type Told, WorkBench } from './work-bench.js';

const only = process.env.LEYDEN_SEED === undefined ? undefined : Number(process.env.LEYDEN_SEED);
const seeds = Number(process.env.SEEDS ?? (process.env.LEYDEN_SIZE === 'full' ? 1_000 : 15));

const disturbed: readonly EngineFaultRule[] = [
  { fault: { kind: 'late', delayMs: [0, 90_000] }, on: 'writes', probability: 0.03 },
  { fault: { kind: 'reset-after' }, on: 'writes', probability: 0.05 },
  { fault: { kind: 'duplicate', gapMs: [0, 40_000] }, on: 'writes', probability: 0.03 },
  { fault: { kind: '5xx-after' }, probability: 0.02 },
  { fault: { kind: 'throttle' }, probability: 0.02 },
];

const keys = 4;
const count = 40;
const itemOf = (table: AtomTable, key: string) => table.atom<number[]>({ pk: 'effects', sk: key }, { initial: [] });

function wild(
  table: AtomTable,
  random: Random,
  isBad: (n: number) => boolean,
  sleep: (ms: number) => Promise<void>,
): GroupHandler<Told> {
  return async ({ records }, { transact, checkpoint }) => {
    const effectsOf = (part: typeof records) =>
      transact(
        (tx) => {
          for (const { value } of part) {
            if (isBad(value.n)) throw new RangeError(`never ${value.n}`);
            void tx.swap(itemOf(table, value.key), (seen) => [...seen, value.n]);
          }
        },
        { through: part.at(-1)?.meta.sequenceNumber ?? '' },
      );
    const way = random.next();
    if (way < 0.1) throw new Error('before');
    if (way < 0.3) {
      await Promise.all([effectsOf(records), random.next() < 0.5 ? Promise.reject(new Error('beside')) : undefined]);
      return;
    }
    if (way < 0.4) {
      void effectsOf(records).catch(() => {});
      if (random.next() < 0.5) throw new Error('did not wait');
      return;
    }
    if (way < 0.6) {
      const at = 1 + random.int(records.length);
      const parts = [records.slice(0, at), records.slice(at)].filter((part) => part.length > 0);
      await Promise.all(parts.map(effectsOf));
      return;
    }
    if (way < 0.7) {
      await effectsOf(records);
      await effectsOf(records);
      return;
    }
    if (way < 0.8) {
      const at = 1 + random.int(records.length);
      await effectsOf(records.slice(0, at));
      await checkpoint(records[at - 1]?.meta.sequenceNumber);
      if (at < records.length) return { failedFrom: records[at]?.meta.sequenceNumber ?? '' };
      return;
    }
    await effectsOf(records);
    if (way < 0.85) throw new Error('after');
    await sleep(random.int(500));
    return;
  };
}

async function life(seed: number): Promise<void> {
  const bench = new WorkBench(seed);
  await bench.create();
  bench.shard.pageMax = 10;
  const random = seededRandom(seed * 7 + 1);
  const bad = new Set(Array.from({ length: 3 }, () => 1 + random.int(count)));
  let isMended = false;
  const isBad = (n: number) => !isMended && bad.has(n);
  for (let n = 1; n <= count; n += 1) bench.shard.add(recordOf(n, `k${n % keys}`, bench.nowMs));
  bench.shard.close();
  const sleep = (ms: number) => bench.clock.sleep(ms);
  const redrive = (table: AtomTable) => {
    const handler = wild(table, random, isBad, sleep);
    return new DeadLetters<Told>({
      ...{
        name: 'g',
        table,
        box: new DeadLetterBox(table, 'g', 'op'),
        clock: bench.clock,
        reading: bench.ground(table, handler).reading,
        handler,
      },
      prepare: async () => {},
      idempotencyKey: ({ sequenceNumber }) => sequenceNumber,
    }).redrive();
  };
  const isEnded = async () => (await bench.stored())?.children !== undefined;
  let owners = 0;
  while (!(await isEnded())) {
    owners += 1;
    if (owners > 600) throw new Error(`seed ${seed}: it does not end`);
    if (owners === 300) isMended = true;
    const faulty = new FaultyEngine(bench.memory, {
      rules: disturbed,
      seed: seed * 1_000 + owners,
      clock: bench.clock,
    });
    const isDying = random.next() < 0.6;
    const dying = dyingEngine(faulty, 3 + random.int(30), random.next() < 0.5 ? 'before' : 'after');
    const table = bench.table(isDying ? dying.engine : faulty);
    const lease = await bench.clock.run(
      Promise.race([
        bench.take(table, `m${owners}`),
        dying.died.then(() => undefined),
        sleep(200_000).then(() => undefined),
      ]),
    );
    if (lease === undefined) continue;
    const errors = { retry: { attempts: 3, backoffMs: 10 }, exhausted: 'park-key' } as const;
    const worker = new ShardWorker(
      bench.ground(table, wild(table, random, isBad, sleep), { errors, batchRecordsMax: 1 + random.int(10) }),
      lease,
    );
    if (random.next() < 0.3) void redrive(bench.table(faulty)).catch(() => {});
    const rest = random.next() < 0.5 ? sleep(random.int(4_000)) : new Promise<void>(() => {});
    await bench.clock.run(Promise.race([worker.ended, dying.died, rest, sleep(120_000)]));
  }
  await bench.clock.advance(200_000);
  isMended = true;
  for (let left = 1; left > 0; ) {
    const report = await bench.run(redrive(bench.table()));
    left = report.failed.length;
    await bench.clock.advance(40_000);
  }
  const table = bench.table();
  for (let key = 0; key < keys; key += 1) {
    const seen = await bench.run(itemOf(table, `k${key}`).deref());
    const expected = Array.from({ length: count }, (_, index) => index + 1).filter((n) => n % keys === key);
    expect({ seed, key, seen }).toEqual({ seed, key, seen: expected });
  }
}

describe('HandlerContext.transact()', () => {
  it('makes effects once, and in order, whatever a handler does beside it', async () => {
    for (let seed = only ?? 1; seed <= (only ?? seeds); seed += 1) await life(seed);
  }, 600_000);
});

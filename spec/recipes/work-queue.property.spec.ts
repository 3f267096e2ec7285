/**
 * Goal: no job is lost, none is handed out after its `ack`, and a group is worked on in order, by one at a time, whatever becomes of
 * answers and workers. Method: seeded runs on a virtual clock; requests are disturbed, workers die between any two requests, give jobs
 * back and are slow. The books are kept outside.
 */
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { engineFaultRules, FaultyEngine, MemoryEngine, seededRandom } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { Session } from '../../lib/recipes/index.js';
import { type Job, WorkQueue } from '../../lib/recipes/unstable-work-queue/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { steppedEngine } from '../support/stepped-engine.js';

const runs = process.env.LEYDEN_SIZE === 'full' ? 80 : 4;
const leaseMs = 3_000;
const groups = ['a', 'b', undefined];

interface Out {
  readonly job: Job<number>;
  readonly isDead: () => boolean;
}

class Books {
  readonly put = new Set<number>();
  readonly unknown = new Set<number>();
  readonly done = new Set<number>();
  readonly wrong: string[] = [];
  readonly #out = new Map<number, Out>();
  readonly #latest = new Map<string, number>();
  deliveries = 0;
  deaths = 0;

  begins(out: Out): void {
    const { payload: n, group, deliveries } = out.job;
    this.deliveries += 1;
    if (this.done.has(n)) this.wrong.push(`${n} came after its ack`);
    const mates = [...this.#out].filter(
      ([other, { job }]) => other === n || (group !== undefined && job.group === group),
    );
    for (const [other, { job, isDead }] of mates) {
      if (job.isHeld && !isDead()) this.wrong.push(`${n} came while ${other} of group ${group} was out`);
    }
    this.#out.set(n, out);
    if (group === undefined) return;
    const latest = this.#latest.get(group) ?? -1;
    if (n < latest) this.wrong.push(`${n} of group ${group} came after ${latest}, for the ${deliveries}th time`);
    this.#latest.set(group, n);
  }

  /** The work is over; what is left is to say so. */
  ends({ payload: n }: Job<number>): void {
    this.#out.delete(n);
  }
}

async function run(seed: number): Promise<Books> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const memory = new MemoryEngine({ clock });
  const faulty = new FaultyEngine(memory, { clock, seed, rules: engineFaultRules('all-mixed', 0.15) });
  const books = new Books();
  const processOf = (isDead: () => boolean) => {
    const engine = steppedEngine(faulty, () => (isDead() ? new Promise<never>(() => {}) : undefined));
    const table = new AtomTable({ engine, tableName: 'state', clock });
    const session = new Session(table, { leaseMs });
    return { table, session, queue: new WorkQueue<number>(session, 'jobs', { deliveriesMax: 1_000 }) };
  };
  const immortal = processOf(() => false);
  let isPutting = true;

  async function putAll(): Promise<void> {
    for (let n = 0; n < 60; n += 1) {
      const group = groups[random.int(groups.length)];
      try {
        if (random.int(4) === 0)
          await immortal.table.transact((tx) => immortal.queue.putIn(tx, n, group === undefined ? {} : { group }));
        else await immortal.queue.put(n, group === undefined ? {} : { group });
        books.put.add(n);
      } catch (error) {
        if (!isLeydenError(error)) throw error;
        if (error.outcome !== 'not-done') books.unknown.add(n);
      }
      await clock.sleep(random.int(150));
    }
    isPutting = false;
  }

  /** One worker, and the next one when it dies. */
  async function work(): Promise<void> {
    let isDead = false;
    const { queue } = processOf(() => isDead);
    const diesAt = clock.monotonicMs() + 500 + random.int(3_000);
    const isOver = () => !isPutting && books.put.size > 0 && [...books.put].every((n) => books.done.has(n));
    while (!isOver()) {
      if (clock.monotonicMs() > diesAt && isPutting) {
        isDead = true;
        books.deaths += 1;
        return work();
      }
      const job = await queue.take({ waitMs: 1_000 });
      if (job === undefined) continue;
      books.begins({ job, isDead: () => isDead });
      await clock.sleep(random.int(40));
      if (clock.monotonicMs() > diesAt && isPutting) continue;
      books.ends(job);
      if (random.int(5) === 0) {
        const disposed = random.int(2) === 0;
        await (disposed
          ? job[Symbol.asyncDispose]()
          : job.nack({ delayMs: random.int(400) }).catch(() => job[Symbol.asyncDispose]()));
        continue;
      }
      let isDone: boolean | undefined;
      while (isDone === undefined) isDone = await job.ack().catch(() => undefined);
      if (isDone) books.done.add(job.payload);
    }
  }

  await clock.run(
    (async () => {
      await immortal.table.create();
      const all = Promise.all([putAll(), work(), work(), work()]);
      while (isPutting) await clock.sleep(1_000);
      faulty.setRules([]);
      await all;
      for (;;) {
        const job = await immortal.queue.take({ waitMs: 3 * leaseMs });
        if (job === undefined) break;
        if (!books.unknown.has(job.payload)) books.wrong.push(`${job.payload} is left over`);
        await job.ack();
      }
    })(),
  );
  return books;
}

describe('WorkQueue', () => {
  const first = Number(process.env.LEYDEN_SEED ?? 1);
  it.each(Array.from({ length: runs }, (_, i) => first + i))('keeps its books, LEYDEN_SEED=%i', async (seed) => {
    const { wrong, put, done, deliveries, deaths } = await run(seed);
    expect(wrong).toEqual([]);
    expect([...put].filter((n) => !done.has(n))).toEqual([]);
    expect(deliveries).toBeGreaterThan(put.size);
    expect(deaths).toBeGreaterThan(0);
  });
});

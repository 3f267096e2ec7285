// Goal: any number of writers append through any faults; each event that was acknowledged is there once, in one order for all.
// Method: seeded runs on a virtual clock, each process behind faults of its own, some pruning and retiring; then the faults
// stop, and everybody's events and digest chains are compared with what a reader finds that has just come. LEYDEN_SIZE=full makes
// ten times as many runs.
import { describe, expect, it } from '@jest/globals';
import { engineFaultRules, FaultyEngine, type Random, seededRandom } from '../../lib/engine/index.js';
import { openBench } from '../atom/bench.js';
import { add, event, Floors, freshReader, type Instance, openJournal } from './bench.js';

interface Told {
  readonly events: readonly string[];
  outcome: 'done' | 'nothing' | 'not-done' | 'unknown' | 'open';
}

interface Run {
  readonly seed: number;
  readonly writers: number;
  readonly rate?: number;
  readonly calls?: number;
  readonly prunes?: boolean;
}

async function run({ seed, writers, rate = 0.2, calls = 6, prunes = false }: Run) {
  const random = seededRandom(seed);
  const latency = seededRandom(seed + 1);
  const bench = await openBench({ seed, latency: () => 0.5 + 4 * latency.next(), images: random.int(2) === 0 });
  const floors = new Floors();
  const told: Told[] = [];
  const evidenceWritersMax = random.int(3) === 0 ? 1 : 8;
  const options = { headBytesMax: 512, floors, tableOptions: { evidenceWritersMax } } as const;
  const engines: FaultyEngine[] = [];
  const instances = Array.from({ length: writers }, (_, index) => {
    const engine = new FaultyEngine(bench.memory, {
      clock: bench.clock,
      seed: random.int(2 ** 31),
      rules: engineFaultRules('all-mixed', rate),
    });
    engines.push(engine);
    return { index, ...openJournal(bench, { ...options, engine }), random: seededRandom(random.int(2 ** 31)) };
  });
  const work = instances.map((one) => drive(one, one.index, calls, one.random, told));
  if (prunes) work.push(prune(instances, floors, seededRandom(seed + 2), bench.clock, calls));
  await bench.run(Promise.all(work));
  for (const engine of engines) engine.setRules([]);
  await bench.run(Promise.all(engines.map((engine) => engine.settled())));
  await bench.run(Promise.all(instances.map(({ journal }) => journal.close())));
  const reader = await freshReader(bench, options);
  for (const { journal } of instances) await bench.run(journal.catchUp('strong'));
  return { bench, told, instances, reader, floors };
}

async function drive(instance: Instance, index: number, calls: number, random: Random, told: Told[]): Promise<void> {
  const underWay: Promise<unknown>[] = [];
  for (let call = 0; call < calls; call += 1) {
    const events = Array.from({ length: 1 + random.int(4) }, (_, k) =>
      event(`${index}-${call}-${k}`, 'x'.repeat(random.int(40))),
    );
    const one: Told = { events, outcome: 'open' };
    told.push(one);
    const kind = random.int(5);
    const added = add(instance, events, {
      body: kind < 2,
      // What is decided depends on the state, as a handler's decision does.
      ...(kind === 4 && { draft: (before: readonly string[]) => (before.length % 2 === 0 ? undefined : {}) }),
    }).then(
      ({ status }) => {
        one.outcome = status === 'applied' ? 'done' : 'nothing';
      },
      (error: { outcome?: 'not-done' | 'unknown' }) => {
        one.outcome = error.outcome ?? 'unknown';
        if (error.outcome === undefined) throw error;
      },
    );
    underWay.push(added);
    // Some wait for their turn, some come while the one before is under way.
    if (random.int(3) > 0) await Promise.all(underWay.splice(0));
    if (random.int(6) === 0)
      await instance.journal.catchUp(random.int(2) === 0 ? 'strong' : 'eventual').catch(() => {});
  }
  await Promise.all(underWay);
}

async function prune(
  instances: readonly Instance[],
  floors: Floors,
  random: Random,
  clock: { sleep(ms: number): Promise<void> },
  calls: number,
): Promise<void> {
  for (let round = 0; round < calls; round += 1) {
    await clock.sleep(10 + random.int(80));
    const one = instances[random.int(instances.length)] as Instance;
    if (one.journal.image === undefined) continue;
    await floors.prune(one);
    if (random.int(3) === 0) await one.journal.retire(random.int(200)).catch(() => {});
  }
}

function check({ told, instances, reader }: Awaited<ReturnType<typeof run>>): void {
  const { events, chains } = reader.replica;
  const counts = new Map<string, number>();
  for (const one of events) counts.set(one, (counts.get(one) ?? 0) + 1);
  expect([...counts.values()].every((count) => count === 1)).toBe(true);
  for (const { events: own, outcome } of told) {
    const found = own.filter((one) => counts.has(one)).length;
    if (outcome === 'done') expect(found).toBe(own.length);
    else if (outcome === 'unknown') expect([0, own.length]).toContain(found);
    else expect([outcome, found]).toEqual([outcome, 0]);
  }
  for (const { replica, journal } of instances) {
    expect(replica.events).toEqual(events);
    expect(journal.cursor.chain).toBe(reader.journal.cursor.chain);
    for (const [place, chain] of replica.chains) if (chains.has(place)) expect(chain).toBe(chains.get(place));
  }
}

const isFull = process.env.LEYDEN_SIZE === 'full';
const only = process.env.LEYDEN_SEED === undefined ? undefined : Number(process.env.LEYDEN_SEED);
const base = only ?? Math.floor(Math.random() * 1e6);

describe('writers through faults', () => {
  const cases = [
    { writers: 1, runs: 10, prunes: false },
    { writers: 2, runs: 15, prunes: false },
    { writers: 4, runs: 12, prunes: false },
    { writers: 8, runs: 4, prunes: false },
    { writers: 2, runs: 20, prunes: true },
    { writers: 4, runs: 15, prunes: true },
    { writers: 8, runs: 4, prunes: true },
  ];

  it.each(cases)(
    '$writers writers, prunes $prunes: all that was acknowledged is there once',
    async (one) => {
      const outcomes = new Map<string, number>();
      for (let index = 0; index < (only === undefined ? (isFull ? 10 * one.runs : one.runs) : 1); index += 1) {
        const seed = base + index;
        try {
          const result = await run({ ...one, seed, calls: one.writers === 8 ? 4 : 6 });
          check(result);
          for (const { outcome } of result.told) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        } catch (error) {
          process.stderr.write(`LEYDEN_SEED=${seed}\n`);
          throw error;
        }
      }
      expect(outcomes.get('done')).toBeGreaterThan(0);
      if (process.env.LEYDEN_TELL) process.stderr.write(`${JSON.stringify([one, [...outcomes]])}\n`);
    },
    isFull ? 600_000 : 30_000,
  );
});

// Goal: processes that write to overlapping sets of journals, together and alone, through any faults: what was acknowledged is in each
// of its journals once, what was not is nowhere, and no call is in some of its journals only.
// Method: seeded runs on a virtual clock, each process behind faults of its own; then the faults stop, and everybody's events and
// digest chains are compared with what readers find that have just come. The same, smaller, on engines with a wire.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { engineFaultRules, FaultyEngine, type Random, seededRandom } from '../../lib/engine/index.js';
import { Journal } from '../../lib/journal/index.js';
import { openBench } from '../atom/bench.js';
import { tableOn } from '../support/engine-table.js';
import { describeEngine, engines } from '../support/engines.js';
import { event, freshReader, type Instance, Replica } from './bench.js';
import { addTogether, openProcess } from './together-bench.js';

const names = ['a', 'b', 'c', 'd'] as const;

interface Told {
  readonly id: string;
  readonly journals: readonly string[];
  outcome: string;
}

/** One process: calls on journals that are drawn for each. */
async function drive(process: readonly Instance[], id: string, calls: number, random: Random, told: Told[]) {
  const underWay: Promise<unknown>[] = [];
  for (let call = 0; call < calls; call += 1) {
    const chosen = drawn(process, 1 + random.int(process.length), random);
    const one: Told = { id: `${id}-${call}`, journals: chosen.map(({ journal }) => journal.name), outcome: 'open' };
    told.push(one);
    const kind = random.int(5);
    const parts = chosen.map((to, index) => ({
      ...{ to, events: [event(one.id, 'x'.repeat(random.int(40)))], body: random.int(4) === 0 },
      // What is decided depends on the state, as a handler's decision does.
      ...(kind === 4 &&
        index === 0 && { draft: ({ length }: { length: number }) => (length % 2 === 0 ? undefined : {}) }),
    }));
    underWay.push(
      addTogether(parts).then(
        ([appended]) => {
          one.outcome = appended?.status ?? 'none';
        },
        (error: { outcome?: string }) => {
          one.outcome = error.outcome ?? 'unknown';
          if (error.outcome === undefined) throw error;
        },
      ),
    );
    if (random.int(3) > 0) await Promise.all(underWay.splice(0));
  }
  await Promise.all(underWay);
}

function drawn<T>(from: readonly T[], count: number, random: Random): T[] {
  const rest = [...from];
  return Array.from({ length: count }, () => rest.splice(random.int(rest.length), 1)[0] as T);
}

/** Calls by journal: each once, and what was told is true. */
function check(told: readonly Told[], found: ReadonlyMap<string, readonly string[]>): void {
  const ids = new Map([...found].map(([name, events]) => [name, events.map((text) => JSON.parse(text).id as string)]));
  for (const own of ids.values()) expect(new Set(own).size).toBe(own.length);
  for (const { id, journals, outcome } of told) {
    const holding = [...ids].filter(([, own]) => own.includes(id)).map(([name]) => name);
    if (outcome === 'applied') expect([id, holding.sort()]).toEqual([id, [...journals].sort()]);
    else if (outcome === 'unknown') expect([0, journals.length]).toContain(holding.length);
    else expect([id, outcome, holding]).toEqual([id, outcome, []]);
  }
}

interface Run {
  readonly seed: number;
  readonly processes: number;
  readonly rate: number;
}

async function run({ seed, processes, rate }: Run): Promise<readonly Told[]> {
  const random = seededRandom(seed);
  const latency = seededRandom(seed + 1);
  const bench = await openBench({ seed, latency: () => 0.5 + 4 * latency.next(), images: random.int(2) === 0 });
  const tableOptions = { evidenceWritersMax: random.int(3) === 0 ? 1 : 8 };
  const options = { headBytesMax: 512, tableOptions } as const;
  const told: Told[] = [];
  const faulty = Array.from(
    { length: processes },
    () =>
      new FaultyEngine(bench.memory, {
        clock: bench.clock,
        seed: random.int(2 ** 31),
        rules: engineFaultRules('all-mixed', rate),
      }),
  );
  const all = faulty.map((engine) => openProcess(bench, names, { ...options, engine }));
  await bench.run(
    Promise.all(all.map((process, index) => drive(process, String(index), 8, seededRandom(random.int(2 ** 31)), told))),
  );
  for (const engine of faulty) engine.setRules([]);
  await bench.run(Promise.all(faulty.map((engine) => engine.settled())));
  const found = new Map<string, readonly string[]>();
  for (const [at, name] of names.entries()) {
    const reader = await freshReader(bench, { ...options, name });
    found.set(name, reader.replica.events);
    for (const process of all) {
      const { journal, replica } = process[at] as Instance;
      await bench.run(journal.catchUp('strong'));
      expect(replica.events).toEqual(reader.replica.events);
      expect(journal.cursor.chain).toBe(reader.journal.cursor.chain);
    }
  }
  check(told, found);
  return told;
}

const only = process.env.LEYDEN_SEED === undefined ? undefined : Number(process.env.LEYDEN_SEED);
const base = only ?? Math.floor(Math.random() * 1e6);

describe('processes that write to overlapping sets of journals', () => {
  it.each([
    { processes: 1, rate: 0.2, runs: 15 },
    { processes: 2, rate: 0.2, runs: 25 },
    { processes: 4, rate: 0.1, runs: 8 },
    { processes: 2, rate: 0.5, runs: 10 },
  ])('$processes processes, $rate of the messages disturbed: all or none, once', async ({ runs, ...one }) => {
    const outcomes = new Map<string, number>();
    for (let index = 0; index < (only === undefined ? runs : 1); index += 1) {
      const seed = base + index;
      try {
        for (const { outcome } of await run({ ...one, seed })) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      } catch (error) {
        process.stderr.write(`LEYDEN_SEED=${seed}\n`);
        throw error;
      }
    }
    expect(outcomes.get('applied')).toBeGreaterThan(0);
    if (process.env.LEYDEN_TELL) process.stderr.write(`${JSON.stringify([one, [...outcomes]])}\n`);
  });
});

for (const row of engines.filter(({ supports }) => supports.transactions)) {
  describeEngine(row, () => {
    const place = tableOn(row);

    const openAll = (engine = place.engine): Instance[] => {
      const table = new AtomTable({ engine, tableName: place.tableName });
      return names.map((name) => {
        const [replica, warnings] = [new Replica(), [] as unknown[]];
        const onWarning = (error: unknown) => warnings.push(error);
        const journal = new Journal(table, name, { consumer: replica, headBytesMax: 600, onWarning });
        return { journal, replica, table, warnings };
      });
    };

    it('two processes at once, answers lost and writes doubled: all or none, once', async () => {
      const told: Told[] = [];
      const engine = () =>
        new FaultyEngine(place.engine, {
          seed: base,
          rules: [
            { fault: { kind: 'reset-after' }, on: 'writes', probability: 0.2 },
            { fault: { kind: 'duplicate', gapMs: [0, 20] }, on: 'writes', probability: 0.2 },
          ],
        });
      const work = [1, 2].map((id) => drive(openAll(engine()), String(id), 12, seededRandom(base + id), told));
      await Promise.all(work);
      const readers = openAll();
      for (const { journal } of readers) await journal.catchUp('strong');
      check(told, new Map(readers.map(({ journal, replica }) => [journal.name, replica.events])));
      expect(told.filter(({ outcome }) => outcome === 'applied').length).toBeGreaterThan(10);
    });
  });
}

// Goal: with faults and conflicts of all kinds, no append to several streams is in some of them only, and none is there twice; who
// reads a category, or follows it, while others write gets each event once, dense, and each stream in order.
// Method: seeded runs on a virtual clock, each process behind faults of its own; the same, smaller, on engines with transactions, with
// answers lost and requests doubled. LEYDEN_SIZE=full: 1,000 batches and 10^5 events; less otherwise. LEYDEN_SEED repeats a run.
import { describe, expect, it, jest } from '@jest/globals';
import { AtomTable } from '../../../lib/atom/index.js';
import { engineFaultRules, FaultyEngine, type Random, seededRandom } from '../../../lib/engine/index.js';
import { EventStore, type RecordedEvent } from '../../../lib/events/index.js';
import { type Bench, openBench } from '../../atom/bench.js';
import { tableOn } from '../../support/engine-table.js';
import { describeEngine, engines } from '../../support/engines.js';
import { all, first, happened, openStore } from './stores.js';

const isFull = process.env.LEYDEN_SIZE === 'full';
jest.setTimeout(isFull ? 1_800_000 : 30_000);
const only = process.env.LEYDEN_SEED === undefined ? undefined : Number(process.env.LEYDEN_SEED);
const base = only ?? Math.floor(Math.random() * 1e6);

interface Told {
  readonly id: string;
  readonly streams: readonly string[];
  outcome: string;
}

const namesOf = (count: number) => Array.from({ length: count }, (_, index) => `account-${index}`);

/** Batches on streams that are drawn for each, some under a command id that is used again. */
async function drive(
  store: EventStore,
  own: string,
  batches: number,
  streams: readonly string[],
  random: Random,
  told: Told[],
) {
  for (let batch = 0; batch < batches; batch += 1) {
    const count = random.int(20) === 0 ? streams.length : 1 + random.int(Math.min(6, streams.length));
    const rest = [...streams];
    const chosen = Array.from({ length: count }, () => rest.splice(random.int(rest.length), 1)[0] as string);
    const one: Told = { id: `${own}-${batch}`, streams: chosen, outcome: 'open' };
    told.push(one);
    const kind = random.int(4);
    const version = kind === 0 ? ((await store.info(chosen[0] as string).catch(() => undefined))?.version ?? 0) : 0;
    const entries = chosen.map((stream, index) => ({
      stream,
      events: Array.from({ length: random.int(10) === 0 ? 40 : 1 }, (_, at) =>
        happened(`${one.id}/${at}`, 'x'.repeat(random.int(30))),
      ),
      ...(kind === 0 && index === 0 && { expected: version }),
    }));
    const append = () => store.appendAll(entries, { commandId: one.id, timeoutMs: 120_000 });
    await append()
      .catch((error: { outcome?: string }) => {
        // Who does not know asks again: the command id makes that safe.
        if (error.outcome === 'unknown') return append();
        throw error;
      })
      .then(
        () => {
          one.outcome = 'done';
        },
        (error: { outcome?: string }) => {
          one.outcome = error.outcome ?? 'unknown';
          if (error.outcome === undefined) throw error;
        },
      );
  }
}

/** All or none, once, whatever was told. */
function check(told: readonly Told[], streams: ReadonlyMap<string, readonly RecordedEvent[]>): void {
  const holding = new Map<string, string[]>();
  for (const [stream, events] of streams) {
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const ids = events.map(({ data }) => (data as { id: string }).id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of new Set(ids.map((one) => one.split('/')[0] as string))) {
      holding.set(id, [...(holding.get(id) ?? []), stream]);
    }
  }
  for (const { id, streams: wanted, outcome } of told) {
    const found = holding.get(id) ?? [];
    if (outcome === 'done') expect([id, found.sort()]).toEqual([id, [...wanted].sort()]);
    else if (outcome === 'not-done') expect([id, found]).toEqual([id, []]);
    else expect([0, wanted.length]).toContain(found.length);
  }
}

/** What a category gives: dense, every event of the streams, each stream in order. */
function checkOrder(placed: readonly RecordedEvent[], streams: ReadonlyMap<string, readonly RecordedEvent[]>): void {
  expect(placed.map(({ position }) => position)).toEqual(placed.map((_, index) => index + 1));
  for (const [stream, events] of streams) {
    const own = placed.filter((event) => event.stream === stream);
    expect(own.map(({ seq, id }) => [seq, id])).toEqual(events.map(({ seq, id }) => [seq, id]));
  }
}

async function streamsIn(store: EventStore, names: readonly string[]): Promise<Map<string, RecordedEvent[]>> {
  const found = new Map<string, RecordedEvent[]>();
  for (const name of names) found.set(name, await all(store.read(name)));
  return found;
}

async function run(seed: number, processes: number, batches: number, isOrdered: boolean): Promise<readonly Told[]> {
  const random = seededRandom(seed);
  const latency = seededRandom(seed + 1);
  const bench: Bench = await openBench({ seed, latency: () => 0.5 + 4 * latency.next(), images: random.int(2) === 0 });
  const options = {
    headBytesMax: 600,
    evidenceWritersMax: random.int(3) === 0 ? 1 : 8,
    ...(isOrdered && { ordered: true as const }),
  };
  const names = namesOf(isOrdered ? 8 : 10);
  const faulty = Array.from({ length: processes }, () => {
    const rules = engineFaultRules('all-mixed', 0.2);
    return new FaultyEngine(bench.memory, { clock: bench.clock, seed: random.int(2 ** 31), rules });
  });
  const told: Told[] = [];
  const stores = faulty.map((engine) => openStore(bench, { ...options, engine }));
  const reader = openStore(bench, options);
  const work = stores.map((store, index) =>
    drive(store, String(index), batches, names, seededRandom(random.int(2 ** 31)), told),
  );
  // Reads again and again while they write.
  let isWriting = true;
  const reading = (async () => {
    while (isOrdered && isWriting) {
      const placed = await all(reader.readAll({ category: 'account' }));
      expect(placed.map(({ position }) => position)).toEqual(placed.map((_, index) => index + 1));
      await bench.clock.sleep(50);
    }
  })();
  await bench.run(Promise.all(work));
  isWriting = false;
  await bench.run(reading);
  for (const engine of faulty) engine.setRules([]);
  await bench.run(Promise.all(faulty.map((engine) => engine.settled())));
  const streams = await bench.run(streamsIn(reader, names));
  check(told, streams);
  if (isOrdered) checkOrder(await bench.run(all(reader.readAll({ category: 'account' }))), streams);
  return told;
}

describe('appendAll through faults', () => {
  it.each([
    { processes: 2, isOrdered: false, runs: 5 },
    { processes: 4, isOrdered: false, runs: 2 },
    { processes: 2, isOrdered: true, runs: 3 },
    { processes: 4, isOrdered: true, runs: 1 },
  ])('$processes processes, ordered: $isOrdered: no partial batch', async ({ processes, isOrdered, runs }) => {
    const outcomes = new Map<string, number>();
    const count = only === undefined ? (isFull ? 20 * runs : runs) : 1;
    for (let index = 0; index < count; index += 1) {
      try {
        for (const { outcome } of await run(base + index, processes, 8, isOrdered)) {
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
      } catch (error) {
        process.stderr.write(`LEYDEN_SEED=${base + index}\n`);
        throw error;
      }
    }
    expect(outcomes.get('done')).toBeGreaterThan(0);
    if (process.env.LEYDEN_TELL) process.stderr.write(`${JSON.stringify([processes, isOrdered, [...outcomes]])}\n`);
  });
});

for (const row of engines.filter(({ supports }) => supports.transactions)) {
  describeEngine(row, () => {
    const place = tableOn(row);

    const open = (name: string, engine = place.engine) =>
      new EventStore(new AtomTable({ engine, tableName: place.tableName }), { name, ordered: true });
    const faulty = () =>
      new FaultyEngine(place.engine, {
        seed: base,
        rules: [
          { fault: { kind: 'reset-after' }, on: 'writes', probability: 0.1 },
          { fault: { kind: 'duplicate', gapMs: [0, 20] }, on: 'writes', probability: 0.1 },
        ],
      });

    it('no partial batch, answers lost and writes doubled', async () => {
      const told: Told[] = [];
      const names = namesOf(10);
      const batches = isFull ? 500 : 15;
      await Promise.all(
        [1, 2].map((id) => drive(open('batches', faulty()), String(id), batches, names, seededRandom(base + id), told)),
      );
      const reader = open('batches');
      const streams = await streamsIn(reader, names);
      check(told, streams);
      checkOrder(await all(reader.readAll({ category: 'account' })), streams);
      expect(told.filter(({ outcome }) => outcome === 'done').length).toBeGreaterThan(10);
    });

    it('no event is skipped for ever, and each stream is in order, while others write', async () => {
      const events = isFull ? 100_000 : 600;
      const names = namesOf(40);
      const stores = [open('reading'), open('reading')];
      const controller = new AbortController();
      const feeds = [1, 2].map(() =>
        first(events, open('reading').subscribeAll({ category: 'account', signal: controller.signal })),
      );
      const work = stores.map(async (store, writer) => {
        for (let from = 0; from < events / 2; from += 50) {
          const calls = Array.from({ length: 50 }, (_, index) => {
            const id = from + index;
            return store.append(names[(id * 7 + writer) % names.length] as string, [happened(`${writer}-${id}`)]);
          });
          await Promise.all(calls);
        }
      });
      await Promise.all(work);
      const streams = await streamsIn(open('reading'), names);
      for (const placed of await Promise.all(feeds)) checkOrder(placed, streams);
    });
  });
}

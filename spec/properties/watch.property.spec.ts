// Goal: whatever is lost, doubled, late or stale, and whatever a source makes up, every watcher sees versions that only go up, and ends at
// the last state.
// Method: runs from a seed, on a virtual clock: three processes that write and watch, and one that only watches and hears a lossy source,
// each behind faults of its own, on one memory engine whose eventually consistent reads lag. Every write carries a name of its own, so
// the engine's order of commits tells what came after what.
import { describe, expect, it } from '@jest/globals';
import { AtomTable, type ItemAtom, type WatchListener, type WatchSource } from '../../lib/atom/index.js';
import {
  type Commit,
  type EngineFaultProfile,
  engineFaultProfiles,
  engineFaultRules,
  FaultyEngine,
  MemoryEngine,
  type Random,
  seededRandom,
} from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';

const tableName = 'state';
const keys = ['a', 'b'];
const seed = Number(process.env.LEYDEN_SEED ?? 1);

interface Seen {
  readonly who: string;
  readonly key: string;
  readonly values: (string | undefined)[];
  /** What the calls of `addWatch` had as `old`; absent for loops. */
  readonly olds?: (string | undefined)[];
}

/** Brings images of commits late, twice, out of order or not at all, and changes its mind about its health. */
class LossySource implements WatchSource {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #listeners = new Map<string, WatchListener>();

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  subscribe({ keyText }: { readonly keyText: string }, listener: WatchListener): { close(): void } {
    this.#listeners.set(keyText, listener);
    return { close: () => this.#listeners.delete(keyText) };
  }

  tell({ key, after }: Commit): void {
    const random = this.#random;
    const listener = this.#listeners.get((key.id as { S: string }).S);
    for (let copies = random.int(3); copies > 0; copies -= 1) {
      const withImage = random.next() < 0.7;
      void this.#clock.sleep(random.int(200)).then(() => listener?.onHint(withImage ? { item: after } : undefined));
    }
    if (random.next() < 0.1) listener?.onHealth(random.next() < 0.5);
  }

  calm(): void {
    for (const listener of this.#listeners.values()) listener.onHealth(false);
  }
}

/** Loops, a strong loop and callbacks on all atoms of a process. */
function watch(who: string, atoms: readonly ItemAtom<string>[], all: Seen[], ends: Promise<unknown>[]): void {
  for (const atom of atoms) {
    for (const consistency of ['eventual', 'strong'] as const) {
      const values: (string | undefined)[] = [];
      all.push({ who: `${who} ${consistency}`, key: atom.key, values });
      const loop = async () => {
        for await (const value of atom.watch({ consistency })) values.push(value);
      };
      ends.push(loop());
    }
    const called: Required<Seen> = { who: `${who} callback`, key: atom.key, values: [], olds: [] };
    all.push(called);
    atom.addWatch('w', (_id, _atom, old, next) => {
      called.olds.push(old);
      called.values.push(next);
    });
  }
}

async function run(profile: EngineFaultProfile, runSeed: number) {
  const clock = new VirtualClock();
  const random = seededRandom(runSeed);
  const fork = () => seededRandom(random.int(2 ** 31));
  const source = new LossySource(clock, fork());
  const orders = new Map<string, (string | undefined)[]>(keys.map((key) => [key, [undefined]]));
  const latencies = fork();
  const store = new MemoryEngine({
    clock,
    seed: random.int(2 ** 31),
    latency: () => 1 + 4 * latencies.next(),
    images: random.int(2) === 0,
    staleness: (draw) => draw.int(3),
    onCommit: (commit) => {
      const key = (commit.key.id as { S: string }).S;
      orders.get(key)?.push((commit.after?.d as { S: string } | undefined)?.S);
      source.tell(commit);
    },
  });
  const partitionKey = { name: 'id', type: 'S' } as const;
  await clock.run(store.createTable({ table: tableName, partitionKey, billing: { mode: 'on-demand' } }));
  const all: Seen[] = [];
  const ends: Promise<unknown>[] = [];
  const engines: FaultyEngine[] = [];
  const tables: AtomTable[] = [];
  const writing: Promise<unknown>[] = [];
  for (let process = 0; process < 4; process += 1) {
    const engine = new FaultyEngine(store, {
      clock,
      seed: random.int(2 ** 31),
      rules: engineFaultRules(profile, 0.25),
    });
    const [bytes, chance] = [fork(), fork()];
    const table = new AtomTable({
      engine,
      tableName,
      clock,
      random: fork(),
      randomBytes: (count) => Uint8Array.from({ length: count }, () => bytes.int(256)),
      ...(process === 3 && { watchSource: source }),
    });
    engines.push(engine);
    tables.push(table);
    const atoms = keys.map((key) => table.atom<string>(key));
    watch(`p${process}`, atoms, all, ends);
    if (process === 3) break;
    const write = async () => {
      for (let turn = 0; turn < 20; turn += 1) {
        const atom = atoms[chance.int(atoms.length)] as ItemAtom<string>;
        const name = `${process}.${turn}`;
        // What is told unknown, or fails, is no concern of this spec: the order of commits is.
        const write = chance.next() < 0.1 ? atom.delete() : atom.swap(() => name);
        await write.catch(() => undefined);
        await clock.sleep(chance.int(400));
      }
    };
    writing.push(write());
  }
  await clock.run(Promise.all(writing));
  for (const engine of engines) engine.setRules([]);
  source.calm();
  await clock.advance(60_000);
  await clock.run(Promise.all(tables.map((table) => table.close())));
  await clock.run(Promise.all(ends));
  return { all, orders, left: clock.pending };
}

/** The place of each value in the order of commits: the first one after the place before that had it. */
function placesOf(values: readonly (string | undefined)[], order: readonly (string | undefined)[]): number[] {
  let place = -1;
  return values.map((value) => {
    const next = order.indexOf(value, place + 1);
    place = next === -1 ? Number.NaN : next;
    return place;
  });
}

describe('watchers under faults', () => {
  it.each(['calm', ...engineFaultProfiles] as const)(
    `see versions go up, and the last state: %s, seed ${seed}`,
    async (profile) => {
      for (let round = 0; round < 2; round += 1) {
        const { all, orders, left } = await run(profile, seed * 1_000 + round);
        expect(left).toBe(0);
        for (const { who, key, values, olds } of all) {
          const order = orders.get(key) ?? [];
          const where = { seed, round, who, key };
          expect({ ...where, places: placesOf(values, order) }).toEqual({
            ...where,
            places: expect.not.arrayContaining([Number.NaN]),
          });
          expect({ ...where, last: values.at(-1) }).toEqual({ ...where, last: order.at(-1) });
          if (olds !== undefined)
            expect({ ...where, olds: olds.slice(1) }).toEqual({ ...where, olds: values.slice(0, -1) });
        }
      }
    },
  );
});

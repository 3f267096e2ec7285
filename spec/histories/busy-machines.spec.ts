// Goal: a writer that wakes up late, as on a machine with too much to do, is not passed over for ever: its turn comes.
// Method: eight processes of 16 callers on one atom and a virtual clock; timers and answers lag, one in ten by up to 60 ms;
// the engine does one thing at a time. The same seed is the same run.
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Clock, type Engine, MemoryEngine, type Random, seededRandom } from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';

const processes = 8;
const callers = 16;
const ms = 10_000;

const lag = (random: Random): number => (random.int(10) === 0 ? 60 : 4) * random.next();

/** One request after the other, each way with its lag. */
function queued(store: MemoryEngine, clock: VirtualClock): (random: Random) => Engine {
  let freeAt = 0;
  return (random) => {
    const through = async <T>(serviceMs: number, send: () => Promise<T>): Promise<T> => {
      await clock.sleep(lag(random));
      freeAt = Math.max(freeAt, clock.monotonicMs()) + serviceMs;
      await clock.sleep(freeAt - clock.monotonicMs());
      const answer = await send();
      await clock.sleep(lag(random) / 2);
      return answer;
    };
    const get: Engine['get'] = (request) => through(0.5 + random.next(), () => store.get(request));
    const put: Engine['put'] = (request) => through(1 + 2 * random.next(), () => store.put(request));
    return Object.assign(Object.create(store) as Engine, { get, put, spent: () => store.spent() });
  };
}

async function contend(seed: number) {
  const clock = new VirtualClock();
  const store = new MemoryEngine({ clock, seed });
  const engineOf = queued(store, clock);
  const id = { name: 'id', type: 'S' } as const;
  await clock.run(store.createTable({ table: 'jars', partitionKey: id, billing: { mode: 'on-demand' } }));
  const swaps: number[] = [];
  const waits: number[] = [];
  const open = (process: number) => {
    const random = seededRandom(seed * 1_000 + process);
    const late: Clock = {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (time, options) => clock.sleep(time + lag(random), options),
    };
    const randomBytes = (count: number) => Uint8Array.from({ length: count }, () => random.int(256));
    const options = { engine: engineOf(random), tableName: 'jars', clock: late, random, randomBytes };
    return new AtomTable(options).atom<number>('n', { initial: 0 });
  };
  const atoms = Array.from({ length: processes }, (_, process) => open(process));
  const caller = async (process: number) => {
    while (clock.monotonicMs() < ms) {
      const calledAt = clock.monotonicMs();
      await atoms[process]?.swap((n) => n + 1);
      swaps[process] = (swaps[process] ?? 0) + 1;
      waits.push(clock.monotonicMs() - calledAt);
    }
  };
  await clock.run(Promise.all(atoms.flatMap((_, process) => Array.from({ length: callers }, () => caller(process)))));
  const version = (await clock.run(atoms[0]?.snapshot() as Promise<{ readonly version: number }>)).version;
  return {
    fairness: Math.min(...swaps) / Math.max(...swaps),
    failedPerCommit: store.spent().conditionsFailed / version,
    worstMs: Math.max(...waits),
  };
}

it.each([1, 2, 3, 4])('seed %d: nobody waits for long, few puts fail', async (seed) => {
  const { fairness, failedPerCommit, worstMs } = await contend(seed);
  expect(failedPerCommit).toBeLessThanOrEqual(0.4);
  expect(fairness).toBeGreaterThanOrEqual(0.5);
  expect(worstMs).toBeLessThan(1_000);
});

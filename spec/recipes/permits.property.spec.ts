/**
 * Goal: never more permits than there are, never a writer beside a reader, and everybody served once faults stop, whatever the
 * network, the clocks and the processes do. Method: seeded random runs in virtual time; every version of the item is looked at, and so is
 * what processes rely on at each moment. LEYDEN_SEED sets the first seed, LEYDEN_RUNS their number.
 */
import { describe, expect, it } from '@jest/globals';
import { engineFaultRules, type Random, seededRandom } from '../../lib/engine/index.js';
import { ReadWriteLock, Semaphore } from '../../lib/recipes/index.js';
import { holdersMax } from '../../lib/recipes/permits/permit-state.js';
import { type PermitProcess, PermitWorld } from './permit-world.js';

const firstSeed = Number(process.env.LEYDEN_SEED ?? 1);
const runs = Number(process.env.LEYDEN_RUNS ?? 2);
const processes = 4;
const faultyMs = 50_000;

type Acquire = (waitMs: number) => ReturnType<Semaphore['acquire'] | ReadWriteLock['read']>;

interface Subject {
  readonly key: string;
  readonly max: number;
  open(process: PermitProcess, random: Random): Acquire;
  /** Takes all there is, and gives it back. */
  drain(process: PermitProcess): Promise<unknown>;
}

const subjects: readonly Subject[] = [
  {
    key: 'semaphore:pool',
    max: 5,
    open: ({ session }, random) => {
      const pool = new Semaphore(session, 'pool', { permits: 5, queueMax: 3 });
      return (waitMs) => pool.acquire(1 + random.int(random.int(2) === 0 ? 2 : 5), { waitMs });
    },
    drain: ({ session }) =>
      new Semaphore(session, 'pool', { permits: 5 }).withPermits(5, () => {}, { waitMs: 120_000 }),
  },
  {
    key: 'rw-lock:pool',
    max: holdersMax,
    open: ({ session }, random) => {
      const lock = new ReadWriteLock(session, 'pool', { queueMax: 3 });
      return (waitMs) => (random.int(3) === 0 ? lock.write({ waitMs }) : lock.read({ waitMs }));
    },
    drain: ({ session }) => new ReadWriteLock(session, 'pool').withWrite(() => {}, { waitMs: 120_000 }),
  },
];

/** One process that takes and gives back until faults stop. */
async function live(world: PermitWorld, one: PermitProcess, acquire: Acquire, random: Random): Promise<number> {
  const { clock, machine } = { clock: world.clock, machine: one.machine };
  let served = 0;
  while (clock.monotonicMs() < faultyMs && !machine.isDead) {
    await machine.clock.sleep(random.int(2_000));
    if (random.int(12) === 0) machine.stop(random.int(25_000));
    const grant = await acquire(1 + random.int(20_000)).catch(() => undefined);
    if (grant === undefined) continue;
    served += 1;
    world.hold(machine, grant);
    await machine.clock.sleep(random.int(4_000));
    // Whoever goes on after the loss of its lease is not to be counted: it was told.
    world.leave(grant);
    await grant.release().catch(() => false);
  }
  return served;
}

async function wild(subject: Subject, seed: number) {
  const random = seededRandom(seed);
  const world = await PermitWorld.open(subject.key, subject.max, seed * 100);
  const rules = engineFaultRules('all-mixed', 0.25);
  const all = Array.from({ length: processes }, () => {
    const rate = 0.95 + random.next() / 10;
    return world.process({ rules, rate, offsetMs: random.int(7_200_000) - 3_600_000 });
  });
  const lives = all.map((one) => live(world, one, subject.open(one, random), random));
  const doomed = all[random.int(processes)] as PermitProcess;
  const diesAt = random.int(faultyMs);
  await world.clock.advance(diesAt);
  doomed.machine.die();
  await world.clock.advance(faultyMs - diesAt);
  for (const one of all) if (one !== doomed) one.machine.faulty.setRules([]);
  const living = lives.filter((_, index) => all[index] !== doomed);
  const served = await world.clock.run(Promise.all(living));
  // Whoever lives has given back, so all of it can be had once what the dead one left is over.
  const last = world.process();
  const startedAt = world.clock.monotonicMs();
  await world.clock.run(subject.drain(last));
  const drainedMs = world.clock.monotonicMs() - startedAt;
  return { world, served: served.reduce((sum, count) => sum + count, 0), drainedMs };
}

describe.each(subjects)('permits of $key in a wild world', (subject) => {
  it.each(Array.from({ length: runs }, (_, index) => firstSeed + index))('are kept to, seed %i', async (seed) => {
    const { world, served, drainedMs } = await wild(subject, seed);
    expect({ seed, violations: world.violations }).toEqual({ seed, violations: [] });
    expect(served).toBeGreaterThan(0);
    // A lease of the dead one, on a clock that is slower by 5 %.
    expect(drainedMs).toBeLessThan(18_000);
    expect(world.versions).toBeGreaterThan(20);
    expect(await world.state()).toMatchObject({ used: 0, count: 0, waiting: 0 });
  });
});

// Goal: a slot is done at least once when somebody can, not begun again once it is known to be done, and never by two who both hold it.
// Method: processes with clocks of their own on one memory engine, in virtual time: deaths, stops, failures, at random under each profile.
import { describe, expect, it } from '@jest/globals';
import { engineFaultProfiles, engineFaultRules, MemoryEngine, seededRandom } from '../../lib/engine/index.js';
import { CronJob, type CronJobOptions, type CronWork, Session } from '../../lib/recipes/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { Machine } from '../support/machine.js';

const everyMs = 60_000;
type MachineOptions = ConstructorParameters<typeof Machine>[2];

async function world(seed = 1) {
  const clock = new VirtualClock({ nowMs: Date.UTC(2026, 0, 1), runMsMax: 86_400_000 });
  const engine = new MemoryEngine({ clock });
  let machines = seed * 100;
  const process = (options: Partial<CronJobOptions> = {}, machine: MachineOptions = {}) => {
    machines += 1;
    const own = new Machine(engine, clock, { seed: machines, ...machine });
    const session = new Session(own.table, { leaseMs: 15_000 });
    return { machine: own, session, job: new CronJob(session, 'j', { everyMs, ...options }) };
  };
  await clock.run(new Machine(engine, clock, { seed: 7 }).table.create());
  return { clock, engine, process, run: <T>(work: () => Promise<T>) => clock.run(work()) };
}

describe('CronJob', () => {
  it('is done by one of all processes, under tokens that grow', async () => {
    const { clock, process, run } = await world();
    const jobs = [process(), process(), process()].map(({ job }) => job);
    const tokens: bigint[] = [];
    for (let slot = 0; slot < 3; slot += 1) {
      const work = async ({ token }: CronWork) => {
        tokens.push(token);
        await clock.sleep(10_000);
      };
      const results = await run(() => Promise.all(jobs.map((job) => job.runOnce(work))));
      expect(results.filter(({ ran }) => ran)).toHaveLength(1);
      expect(new Set(results.map(({ slotAt }) => slotAt)).size).toBe(1);
      await run(() => clock.sleep(everyMs));
    }
    expect(tokens).toEqual([1n, 2n, 3n]);
  });

  it('is begun again by another process when its worker dies', async () => {
    const { clock, process, run } = await world();
    const [victim, heir] = [process(), process()];
    void victim.job.runOnce(() => victim.machine.die());
    await run(() => clock.sleep(10));
    expect(victim.machine.isDead).toBe(true);
    const begun = clock.monotonicMs();
    expect(await run(() => heir.job.runOnce(() => 'heir'))).toMatchObject({ ran: true, result: 'heir' });
    // The lease of the dead one, and a look.
    expect(clock.monotonicMs() - begun).toBeLessThanOrEqual(15_000 + 6_000);
  });

  it('is tried at once by who waits when the function throws, once by each process', async () => {
    const { clock, process, run } = await world();
    const runs: string[] = [];
    const failing = (who: string) => async () => {
      runs.push(`${who} ${clock.monotonicMs()}`);
      await clock.sleep(1_000);
      throw new RangeError(who);
    };
    const results = await run(() =>
      Promise.allSettled([process(), process()].map(({ job }, i) => job.runOnce(failing(`p${i}`)))),
    );
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(runs).toHaveLength(2);
    expect(clock.monotonicMs()).toBeLessThan(4_000);
    expect(await run(() => process().job.runOnce(() => 3))).toMatchObject({ ran: true, result: 3 });
  });

  it('is not done on the word of a process that has lost its lease', async () => {
    const { clock, process, run } = await world();
    const [slow, heir] = [process(), process()];
    const first = slow.job.runOnce(async ({ signal }) => {
      slow.machine.stop(40_000);
      await slow.machine.clock.sleep(1_000);
      // It is told, gives up, and returns as if all were well.
      expect(signal.aborted).toBe(true);
    });
    const second = heir.job.runOnce(() => 'heir');
    await expect(run(() => first)).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    expect(await run(() => second)).toMatchObject({ ran: true, result: 'heir' });
    await clock.run(clock.sleep(0));
  });

  it('is not done on the word of a process whose lease has ended, though nobody has taken over', async () => {
    const { process, run } = await world();
    const { job, machine } = process();
    const first = job.runOnce(async () => {
      machine.stop(20_000);
      await machine.clock.sleep(1_000);
    });
    await expect(run(() => first)).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    expect(await run(() => job.runOnce(() => 'again'))).toMatchObject({ ran: true, result: 'again' });
  });

  it('is not done on the word of a process from which it was taken by hand', async () => {
    const { clock, engine, process, run } = await world();
    const operator = new Machine(engine, clock, { seed: 9 }).table.atom<Record<string, unknown>>('cron-job:j');
    const { job } = process();
    const first = job.runOnce(() => operator.swap((state) => ({ ...state, owner: null })));
    await expect(run(() => first)).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'taken' });
    expect(await run(() => job.runOnce(() => 'again'))).toMatchObject({ ran: true, result: 'again' });
  });

  it('is not begun again by a process that has just started', async () => {
    const { process, run } = await world();
    expect((await run(() => process().job.runOnce(() => 1))).ran).toBe(true);
    expect((await run(() => process().job.runOnce(() => 2))).ran).toBe(false);
  });

  it('is nobody’s after retryWithinMs', async () => {
    const { clock, process, run } = await world();
    const { job } = process({ retryWithinMs: 5_000 });
    const slotAt = job.slotAt();
    await run(() => clock.sleep(5_000));
    expect(await run(() => job.runOnce(() => 1, { slotAt }))).toEqual({ ran: false, slotAt });
    // Who waits gives up then too.
    await run(() => clock.sleep(everyMs - 5_000));
    const long = process({ retryWithinMs: 5_000 }).job.runOnce(() => clock.sleep(60_000));
    const waiting = job.runOnce(() => 2);
    const begun = clock.monotonicMs();
    expect((await run(() => waiting)).ran).toBe(false);
    expect(clock.monotonicMs() - begun).toBeLessThanOrEqual(5_000);
    expect((await run(() => long)).ran).toBe(true);
  });

  it('is begun late, and not left out, when the slot before is worked on or waited for beyond its end', async () => {
    const { clock, process, run } = await world();
    const ends = new AbortController();
    const runs: string[] = [];
    const begin = clock.now();
    const onError = (error: unknown) => runs.push(String(error));
    const loops = [process(), process()].map(({ job }) =>
      job.runEvery(
        async ({ slotAt }) => {
          runs.push(`${(slotAt - begin) / 1_000} ${Math.floor((clock.now() - begin) / 1_000)}`);
          await clock.sleep(slotAt - begin === everyMs ? 70_000 : 1_000);
        },
        { signal: ends.signal, onError },
      ),
    );
    await run(() => clock.sleep(4 * everyMs + 10_000));
    ends.abort();
    await run(() => Promise.all(loops));
    expect(runs).toEqual(['60 60', '120 130', '180 180', '240 240']);
  });

  it('is tried by those who have waited for a worker that died, slot after slot', async () => {
    const { clock, process, run } = await world();
    const ends = new AbortController();
    const begin = clock.now();
    const runs: number[] = [];
    const errors: unknown[] = [];
    // The lease is as long as a slot: the slot of the one who dies can't be done again, the next one can be begun.
    const shared = { everyMs: 15_000 };
    const victim = process(shared);
    void victim.job.runEvery(() => victim.machine.die(), { signal: ends.signal, onError: () => {} });
    await run(() => clock.sleep(14_000));
    const heirs = [process(shared), process(shared)].map(({ job }) =>
      job.runEvery(({ slotAt }) => runs.push((slotAt - begin) / 1_000), {
        signal: ends.signal,
        onError: (error) => errors.push(error),
      }),
    );
    await run(() => clock.sleep(62_000));
    ends.abort();
    await run(() => Promise.all(heirs));
    expect(runs.slice(0, 2)).toEqual([30, 45]);
    expect(errors).toEqual([]);
  });

  it('ends a wait at an abort, and leaves nothing behind', async () => {
    const { clock, process, run } = await world();
    const [worker, waiter] = [process(), process()];
    const working = worker.job.runOnce(() => clock.sleep(30_000));
    await run(() => clock.sleep(10));
    const ends = new AbortController();
    const waiting = waiter.job.runOnce(() => 1, { signal: ends.signal });
    await run(() => clock.sleep(3_000));
    ends.abort('enough');
    await expect(run(() => waiting)).rejects.toBe('enough');
    expect((await run(() => working)).ran).toBe(true);
    await run(() => Promise.all([worker.session.close(), waiter.session.close()]));
    expect(clock.pending).toBe(0);
  });

  it('costs its worker three writes, and nothing once it is known to be done', async () => {
    const { process, run, clock } = await world();
    const { job, machine, session } = process();
    await run(() => session.lease());
    await run(() => job.runOnce(() => 1));
    await run(() => clock.sleep(everyMs));
    await run(() => session.lease());
    const before = machine.writes;
    await run(() => job.runOnce(() => 1));
    expect(machine.writes - before).toBe(3);
    const all = machine.requests;
    expect((await run(() => job.runOnce(() => 1))).ran).toBe(false);
    expect(machine.requests).toBe(all);
  });

  it.each(engineFaultProfiles)('is done in each slot, and by nobody who does not hold it: %s', async (profile) => {
    const seed = Number(process.env.LEYDEN_SEED ?? 1) * 100;
    const random = seededRandom(seed);
    const { clock, process: start } = await world(seed);
    const ends = new AbortController();
    const done = new Map<number, number>();
    const overlaps: string[] = [];
    let working = 0;
    const loops = [0, 1, 2].map((i) => {
      const machine = { rules: engineFaultRules(profile, 0.1), rate: 0.95 + i * 0.05, offsetMs: i * 500 };
      const one = start({}, machine);
      const work = async ({ slotAt, signal }: CronWork) => {
        if (working > 0) overlaps.push(`slot ${slotAt}`);
        working += 1;
        let isBroken = false;
        for (let step = 0; step < 5 && !isBroken; step += 1) {
          await one.machine.clock.sleep(1_000);
          if (signal.aborted) isBroken = true;
        }
        working -= 1;
        if (random.int(5) === 0) throw new Error('by chance');
        // What was broken off is not done, however it ends.
        if (!isBroken) done.set(slotAt, (done.get(slotAt) ?? 0) + 1);
      };
      return one.job.runEvery(work, { signal: ends.signal, onError: () => {} });
    });
    await clock.run(clock.sleep(6 * everyMs));
    ends.abort();
    await clock.run(Promise.all(loops));
    expect({ seed, overlaps }).toEqual({ seed, overlaps: [] });
    expect(done.size).toBeGreaterThanOrEqual(5);
  });

  it('refuses wrong arguments, and an item that is none of its kind', async () => {
    const { clock, engine, process, run } = await world();
    for (const wrong of [0, -1, 0.5, Number.NaN]) {
      expect(() => process({ everyMs: wrong })).toThrow(RangeError);
      expect(() => process({ retryWithinMs: wrong })).toThrow(RangeError);
    }
    expect(() => process({ purpose: 'x'.repeat(257) })).toThrow(RangeError);
    const { job, machine } = process();
    await expect(job.runOnce(() => 1, { slotAt: -1 })).rejects.toThrow(RangeError);
    await expect(job.runOnce(7 as never)).rejects.toThrow('must be given a function: number');
    await expect(job.runEvery(() => 1, {} as never)).rejects.toThrow('signal must be an AbortSignal');
    await expect(job.runOnce(() => 1, { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(machine.requests).toBe(0);
    await run(() => new Machine(engine, clock, { seed: 8 }).table.atom('cron-job:j').reset({ doneAt: 0 }));
    await expect(run(() => process().job.runOnce(() => 1))).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
  });
});

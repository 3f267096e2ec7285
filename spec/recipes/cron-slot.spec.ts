// Goal: a slot is won once for ever, whatever the clocks say and whatever is lost; somebody wins it when faults stop.
// Method: each engine; processes whose clocks are apart, and step, under each fault profile; death at each step.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { engineFaultProfiles, engineFaultRules, seededRandom } from '../../lib/engine/index.js';
import { CronSlot } from '../../lib/recipes/index.js';
import type { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { type Bench, openBench } from '../atom/bench.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

const everyMs = 60_000;

onEngines((stage) => {
  describe('CronSlot', () => {
    const start = Math.ceil(Date.now() / everyMs) * everyMs;
    beforeEach(() => {
      stage.nowMs = start;
    });

    it('is won by one of all who claim it', async () => {
      const name = stage.name();
      const slots = [stage.table, stage.rival].map((table) => new CronSlot(table, name, { everyMs }));
      for (let turn = 0; turn < 3; turn += 1) {
        stage.nowMs = start + turn * everyMs + turn;
        const won = await Promise.all(Array.from({ length: 10 }, (_, i) => slots[i % 2]?.claim()));
        expect(won.filter((slotAt) => slotAt !== undefined)).toEqual([start + turn * everyMs]);
      }
    });

    it('costs one write for who wins, and nothing for who knows that it is won', async () => {
      const name = stage.name();
      const slot = new CronSlot(stage.table, name, { everyMs });
      expect(await stage.cost(() => slot.claim())).toEqual({ sent: ['get', 'put'], readUnits: 1, writeUnits: 1 });
      expect((await stage.cost(() => slot.claim())).sent).toEqual([]);
      stage.nowMs = start + everyMs;
      expect(await stage.cost(() => slot.claim())).toEqual({ sent: ['put'], readUnits: 0, writeUnits: 1 });
    });

    it('runs the function of who wins, and spends the slot when it throws', async () => {
      const slot = new CronSlot(stage.table, stage.name(), { everyMs });
      expect(await slot.runOnce((slotAt) => slotAt + 1)).toEqual({ ran: true, slotAt: start, result: start + 1 });
      expect(await slot.runOnce(() => 1)).toEqual({ ran: false, slotAt: start });
      stage.nowMs = start + everyMs;
      const failing = slot.runOnce(() => {
        throw new RangeError('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await slot.runOnce(() => 1)).toEqual({ ran: false, slotAt: start + everyMs });
    });

    it('takes the slots of a calendar, and never goes back', async () => {
      const slot = new CronSlot(stage.table, stage.name(), { everyMs });
      expect(await slot.claim({ slotAt: 5_000 })).toBe(5_000);
      expect(await slot.claim({ slotAt: 7_001 })).toBe(7_001);
      expect(await slot.claim({ slotAt: 6_000 })).toBe(undefined);
      expect(await slot.claim({ slotAt: 7_001 })).toBe(undefined);
    });
  });
});

describe('CronSlot', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });

  it.each(engineFaultProfiles)('is won once, whatever the clocks say: %s', async (profile) => {
    for (let run = 0; run < 5; run += 1) {
      const random = seededRandom(bench.seed * 100 + run);
      bench = await openBench({ rules: engineFaultRules(profile, 0.2), seed: bench.seed * 100 + run });
      const won: number[] = [];
      const steps = [0, 1, 2, 3].map(async () => {
        // Each with a wall clock of its own, which is set now and then.
        let offset = random.int(200_000) - 100_000;
        const clock = {
          now: () => bench.clock.now() + offset,
          monotonicMs: () => bench.clock.monotonicMs(),
          sleep: (...args: Parameters<VirtualClock['sleep']>) => bench.clock.sleep(...args),
        };
        const slot = new CronSlot(bench.table({ clock }), 's', { everyMs });
        for (let i = 0; i < 20; i += 1) {
          const slotAt = await slot.claim().catch(() => undefined);
          if (slotAt !== undefined) won.push(slotAt);
          if (random.int(4) === 0) offset = random.int(200_000) - 100_000;
          await bench.clock.sleep(random.int(40_000));
        }
      });
      await bench.run(Promise.all(steps));
      expect(new Set(won).size).toBe(won.length);
      expect(won.length).toBeGreaterThan(2);
      // Nothing is lost for good: the next slot is somebody's.
      bench.faulty.setRules([]);
      await bench.run(bench.clock.sleep(300_000));
      expect(await bench.run(new CronSlot(bench.calm(), 's', { everyMs }).claim())).toBeDefined();
    }
  });

  it('is won at most once when a process dies at any step', async () => {
    let died = true;
    for (let at = 0; died; at += 1) {
      died = false;
      for (const when of ['before', 'after'] as const) {
        bench = await openBench();
        let runs = 0;
        const dying = dyingEngine(bench.memory, at, when);
        const run = () => {
          runs += 1;
        };
        await Promise.race([
          new CronSlot(bench.table({ engine: dying.engine }), 's', { everyMs }).runOnce(run),
          dying.died.then(() => {
            died = true;
          }),
        ]);
        await bench.run(new CronSlot(bench.calm(), 's', { everyMs }).runOnce(run));
        expect(runs).toBeLessThanOrEqual(1);
      }
      expect(at).toBeLessThan(20);
    }
  });

  it('is claimed at the beginning of each slot, by one of all processes, until the signal', async () => {
    const ends = new AbortController();
    const begin = bench.clock.now();
    const runs: string[] = [];
    const errors: unknown[] = [];
    const loops = ['a', 'b', 'c'].map((who) =>
      new CronSlot(bench.calm(), 's', { everyMs, offsetMs: 1_000 }).runEvery(
        async (slotAt) => {
          runs.push(`${slotAt - begin} ${bench.clock.now() - slotAt} ${who}`);
          // Longer than a slot: the next one is for the others.
          await bench.clock.sleep(90_000);
        },
        { signal: ends.signal, onError: (error) => errors.push(error) },
      ),
    );
    await bench.run(bench.clock.sleep(5 * everyMs));
    ends.abort();
    await bench.run(Promise.all(loops));
    expect(runs.map((text) => text.split(' ').slice(0, 2).join(' '))).toEqual(
      [1_000, 61_000, 121_000, 181_000, 241_000].map((at) => `${at} 0`),
    );
    for (const [i, text] of runs.entries()) if (i > 0) expect(text.at(-1)).not.toBe(runs[i - 1]?.at(-1));
    expect(errors).toEqual([]);
    expect(bench.clock.pending).toBe(0);
  });

  it('goes on after a slot that could not be claimed, and after a function that throws', async () => {
    const ends = new AbortController();
    const errors: string[] = [];
    let runs = 0;
    const table = bench.table({ retry: { timeoutMs: 1_000, attemptTimeoutMs: 100 } });
    const loop = new CronSlot(table, 's', { everyMs }).runEvery(
      () => {
        runs += 1;
        if (runs === 1) throw new RangeError('no');
      },
      {
        signal: ends.signal,
        onError: (error, slotAt) =>
          errors.push(`${(error as Error).name} ${(slotAt - Date.UTC(2026, 0, 1)) / everyMs}`),
      },
    );
    await bench.run(bench.clock.sleep(1.5 * everyMs));
    bench.faulty.setRules([{ fault: { kind: 'unreachable' } }]);
    await bench.run(bench.clock.sleep(everyMs));
    bench.faulty.setRules([]);
    await bench.run(bench.clock.sleep(everyMs));
    ends.abort();
    await bench.run(loop);
    expect(errors).toEqual(['RangeError 1', 'DeadlineError 2']);
    expect(runs).toBe(2);
  });

  it('begins a slot within a minute when the wall clock has gone on alone, as in a machine that slept', async () => {
    const ends = new AbortController();
    const late: number[] = [];
    const runs = (slotAt: number) => late.push(bench.clock.now() - slotAt);
    const slot = new CronSlot(bench.calm(), 's', { everyMs: 86_400_000 });
    const loop = slot.runEvery(runs, { signal: ends.signal, onError: () => {} });
    await bench.run(bench.clock.sleep(3_600_000 + 1));
    bench.clock.step(12 * 3_600_000 + 20_000);
    await bench.run(bench.clock.sleep(11 * 3_600_000));
    expect(late).toHaveLength(1);
    expect(late[0]).toBeLessThanOrEqual(60_000);
    ends.abort();
    await bench.run(loop);
  });

  it('waits on when the wall clock is set back', async () => {
    const ends = new AbortController();
    const runs: number[] = [];
    const begin = bench.clock.now();
    const loop = new CronSlot(bench.calm(), 's', { everyMs }).runEvery((slotAt) => runs.push(slotAt - begin), {
      signal: ends.signal,
      onError: () => {},
    });
    await bench.run(bench.clock.sleep(30_000));
    bench.clock.step(-20_000);
    await bench.run(bench.clock.sleep(30_000));
    expect(runs).toEqual([]);
    await bench.run(bench.clock.sleep(20_000));
    expect(runs).toEqual([60_000]);
    ends.abort();
    await bench.run(loop);
  });

  it('refuses wrong arguments before anything is sent', async () => {
    const table = bench.calm();
    const sent = bench.memory.spent().requests;
    for (const wrong of [0, -1, 1.5, Number.NaN]) {
      expect(() => new CronSlot(table, 's', { everyMs: wrong })).toThrow(RangeError);
    }
    for (const offsetMs of [-1, 0.5, everyMs]) {
      expect(() => new CronSlot(table, 's', { everyMs, offsetMs })).toThrow(RangeError);
    }
    const slot = new CronSlot(table, 's', { everyMs });
    for (const slotAt of [-1, 0.5, Number.NaN]) await expect(slot.claim({ slotAt })).rejects.toThrow(RangeError);
    await expect(slot.claim({ signal: AbortSignal.abort('before') })).rejects.toBe('before');
    await expect(slot.runOnce(undefined as never)).rejects.toThrow('must be given a function: undefined');
    const { signal } = new AbortController();
    const onError = () => {};
    await expect(slot.runEvery(7 as never, { signal, onError })).rejects.toThrow('must be given a function: number');
    await expect(slot.runEvery(onError, { onError } as never)).rejects.toThrow('signal must be an AbortSignal');
    await expect(slot.runEvery(onError, { signal } as never)).rejects.toThrow('onError must be a function: undefined');
    expect(bench.memory.spent().requests).toBe(sent);
  });

  it('refuses an item that is none of its kind', async () => {
    await bench.calm().atom('cron-slot:s').reset({ slotAt: 0 });
    const slot = new CronSlot(bench.calm(), 's', { everyMs });
    await expect(bench.run(slot.claim())).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
  });
});

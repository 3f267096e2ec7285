// Goal: atoms are linearizable and each call takes effect at most once, under every kind of fault and whatever clocks do.
// Method: whole runs on a virtual clock, drawn from a seed; the same seed is the same run to the last commit. Engines that break
// a promise must be found out. `npm run chaos -- --engine memory` makes longer ones.
import { describe, expect, it } from '@jest/globals';
import type { Clock, Engine, Random } from '../../lib/engine/index.js';
import { engineFaultProfiles } from '../../lib/engine/index.js';
import type { VirtualClock } from '../../lib/testing/index.js';
import { chaosCommand } from './plans.js';
import { simulationComplaints, suiteSeed } from './reports.js';
import { simulate } from './simulation.js';

const seed = suiteSeed();
/** Of each run: much longer ones are a matter of `npm run chaos`. */
const calls = 500;
const limitMs = 120_000;
const hour = 3_600_000;

/** A run must be clean; says how to repeat it when it is not. */
async function clean(options: Parameters<typeof simulate>[0]) {
  const report = await simulate(options);
  const repeat = chaosCommand({ engine: 'memory', seed: options.seed, profile: options.profile, ops: options.calls });
  expect({ wrong: simulationComplaints(report), repeat }).toEqual({ wrong: [], repeat });
  return report;
}

/**
 * How long clocks are right at first, until all atoms are there: a creation that may be as old as half a tombstone's life is not sent
 * again, and a clock that is set an hour up makes it as old.
 */
const rightMs = 2_000;

/** A wall clock that is set right, wrongly, an hour up or down, every few calls. */
function jumping(clock: VirtualClock, _process: number, random: Random): Clock {
  let offsetMs = 0;
  return {
    now: () => {
      if (random.int(4) === 0) offsetMs = (random.int(3) - 1) * hour;
      if (clock.monotonicMs() < rightMs) return clock.now();
      return clock.now() + offsetMs;
    },
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, options) => clock.sleep(ms, options),
  };
}

/** A machine whose time runs at half to twice the speed. */
function drifting(clock: VirtualClock, _process: number, random: Random): Clock {
  const rate = 0.5 + 1.5 * random.next();
  return {
    now: () => clock.now() * rate,
    monotonicMs: () => clock.monotonicMs() * rate,
    sleep: (ms, options) => clock.sleep(ms / rate, options),
  };
}

describe(`histories on a virtual clock, LEYDEN_SEED=${seed}`, () => {
  it.each([...engineFaultProfiles, 'calm'] as const)(
    'are linearizable under %s',
    async (profile) => {
      const report = await clean({ seed, profile, calls });
      expect(report.done).toBeGreaterThan(calls / 2);
    },
    limitMs,
  );

  it.each([1, 8])(
    'are linearizable with %d processes',
    async (processes) => {
      await clean({ seed, profile: 'all-mixed', rate: 0.5, processes, callers: 8, atoms: 2, calls });
    },
    limitMs,
  );

  it('are the same for the same seed', async () => {
    const run = (one: number) => simulate({ seed: one, profile: 'all-mixed', calls: 300 });
    const first = await run(seed);
    expect((await run(seed)).trace).toBe(first.trace);
    expect((await run(seed + 1)).trace).not.toBe(first.trace);
  });

  it('are the same when wall clocks jump by an hour', async () => {
    const options = { seed, profile: 'all-mixed', calls: 600 } as const;
    const steady = await clean(options);
    expect(steady.virtualMs).toBeGreaterThan(rightMs);
    expect((await clean({ ...options, clockOf: jumping })).trace).toBe(steady.trace);
  });

  it('are linearizable, and no timer hangs or storms, when clocks run at half to twice the speed', async () => {
    const options = { seed, profile: 'all-mixed', calls: 600 } as const;
    const steady = await clean(options);
    const drifted = await clean({ ...options, clockOf: drifting });
    expect(drifted.requests).toBeLessThan(2 * steady.requests);
    expect(drifted.virtualMs).toBeLessThan(10 * steady.virtualMs + 60_000);
  });
});

describe('the judge finds out', () => {
  /** The engine with one of its calls replaced. */
  const replacing =
    <K extends 'get' | 'put'>(name: K, make: (engine: Engine) => Engine[K]) =>
    (engine: Engine): Engine =>
      new Proxy(engine, {
        get(target, member) {
          if (member === name) return make(target);
          const own = Reflect.get(target, member, target) as unknown;
          return typeof own === 'function' ? own.bind(target) : own;
        },
      });
  const whys = async (spoil: (engine: Engine) => Engine) => {
    const report = await simulate({ seed, profile: 'reset-after', calls: 1_000, spoil });
    return report.findings.map(({ why }) => why);
  };

  it('a lost answer that is taken for "not done"', async () => {
    const error = new Error('throttled');
    const spoilt = replacing('put', (engine) => async (...args) => {
      const answer = await engine.put(...args);
      return answer.status === 'unclear' ? { status: 'not-applied', kind: 'throttled', error } : answer;
    });
    // Applied again, or denied to a caller who gave up: both are ghosts.
    expect((await whys(spoilt)).join()).toMatch(/took effect/);
  });

  it('a write without its condition', async () => {
    const spoilt = replacing('put', (engine) => (request, options) => {
      return engine.put({ ...request, condition: undefined }, options);
    });
    expect(await whys(spoilt)).toContain('an acknowledged write was lost');
  });

  it('a read that is not consistent', async () => {
    const spoilt = replacing('get', (engine) => (request, options) => {
      return engine.get({ ...request, consistent: false }, options);
    });
    expect((await whys(spoilt)).length).toBeGreaterThan(0);
  });
});

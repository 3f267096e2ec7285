// Goal: a limit holds for all processes together, whatever is lost and whoever dies; refusals are cheap; waiting is in order.
// Method: each engine at a time that stands still; a faulty engine on a virtual clock, clocks apart, each profile; death at each step.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../lib/atom/index.js';
import { engineFaultProfiles, engineFaultRules } from '../../lib/engine/index.js';
import { RateLimit, type RateLimitOptions } from '../../lib/recipes/index.js';
import { type Bench, breathe, openBench, outcomeOf } from '../atom/bench.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

const perMs = 60_000;
// Of today: a store with time to live removes what expired long ago.
const start = Math.ceil(Date.now() / perMs) * perMs;
const forms = ['bucket', 'window', 'sliding-window'] as const;
const optionsOf = (by: (typeof forms)[number], limit: number, share?: number): RateLimitOptions =>
  ({ by, limit, perMs, ...(share === undefined ? {} : { share }) }) as RateLimitOptions;

onEngines((stage) => {
  beforeEach(() => {
    stage.nowMs = start;
  });

  describe.each(forms)('RateLimit by %s', (by) => {
    it('allows what is there to all processes together, and says what is left', async () => {
      const name = stage.name();
      const a = new RateLimit(stage.table, name, optionsOf(by, 5));
      const b = new RateLimit(stage.rival, name, optionsOf(by, 5));
      expect(await a.take(2)).toMatchObject({ allowed: true, remaining: 3, retryAfterMs: 0 });
      expect(await b.take(3)).toMatchObject({ allowed: true, remaining: 0 });
      const refused = await a.take();
      expect(refused).toMatchObject({ allowed: false, remaining: 0 });
      expect(refused.retryAfterMs).toBeGreaterThan(0);
      expect(refused.resetAt).toBeGreaterThan(start);
      stage.nowMs = start + refused.retryAfterMs - 1;
      expect((await b.take()).allowed).toBe(false);
      stage.nowMs += 1;
      expect((await a.take()).allowed).toBe(true);
      expect((await b.take()).allowed).toBe(by === 'window');
    });

    it('allows as many of many calls at once as there are', async () => {
      const name = stage.name();
      const limits = [stage.table, stage.rival].map((table) => new RateLimit(table, name, optionsOf(by, 20)));
      const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => (limits[i % 2] as RateLimit).take()));
      expect(answers.filter(({ allowed }) => allowed)).toHaveLength(20);
    });

    it('refuses another rate than the item has, until it is redefined', async () => {
      const name = stage.name();
      const old = new RateLimit(stage.table, name, optionsOf(by, 5));
      const young = new RateLimit(stage.rival, name, optionsOf(by, 7));
      await old.take(5);
      const differs = { code: 'ERR_RECIPE_DIFFERS', outcome: 'not-done', fact: 'limit', given: 7, stored: 5 };
      await expect(young.take()).rejects.toMatchObject(differs);
      await expect(young.waitFor()).rejects.toMatchObject(differs);
      await young.redefine();
      expect(await young.take()).toMatchObject({ allowed: true, remaining: 6 });
      await young.redefine();
      expect(await young.take()).toMatchObject({ remaining: 5 });
      stage.nowMs = start + 2 * perMs;
      await expect(old.take()).rejects.toMatchObject({ given: 5, stored: 7 });
    });

    it('refuses another rate also where the store decides', async () => {
      const name = stage.name();
      const old = new RateLimit(stage.table, name, optionsOf(by, 5));
      const young = new RateLimit(stage.rival, name, optionsOf(by, 7));
      await old.take();
      await young.redefine();
      await young.take();
      await expect(old.take()).rejects.toMatchObject({ code: 'ERR_RECIPE_DIFFERS', given: 5, stored: 7 });
      expect(await young.take()).toMatchObject({ remaining: 5 });
    });

    it('takes a share by one write and spends it from memory', async () => {
      const name = stage.name();
      const limit = new RateLimit(stage.table, name, optionsOf(by, 100, 10));
      const other = new RateLimit(stage.rival, name, optionsOf(by, 100));
      expect((await stage.cost(() => limit.take())).sent).toEqual(['get', 'put']);
      const { sent } = await stage.cost(async () => {
        for (let i = 0; i < 9; i += 1) expect((await limit.take()).allowed).toBe(true);
      });
      expect(sent).toEqual([]);
      expect(await other.take()).toMatchObject({ remaining: 89 });
      expect((await limit.take(3)).allowed).toBe(true);
      expect(await limit.giveBack()).toBe(7);
      expect(await limit.giveBack()).toBe(0);
      expect(await other.take()).toMatchObject({ allowed: true, remaining: 85 });
    });
  });

  describe('RateLimit', () => {
    it('costs one write by a bucket, one update by windows, and nothing where it is refused by what is known', async () => {
      for (const by of forms) {
        const name = stage.name();
        const limit = new RateLimit(stage.table, name, optionsOf(by, 3));
        expect(await stage.cost(() => limit.take())).toEqual({ sent: ['get', 'put'], readUnits: 1, writeUnits: 1 });
        const kind = by === 'bucket' ? 'put' : 'update';
        expect(await stage.cost(() => limit.take())).toEqual({ sent: [kind], readUnits: 0, writeUnits: 1 });
        // A rival takes the last one. A bucket learns of it by a race that it loses, windows by a condition that does not hold.
        await new RateLimit(stage.rival, name, optionsOf(by, 3)).take();
        const { sent } = await stage.cost(() => limit.take());
        if (by !== 'bucket' && stage.supports.images) expect(sent).toEqual(['update', 'update']);
        expect(sent.length).toBeLessThanOrEqual(3);
        expect((await stage.cost(() => limit.take())).sent).toEqual([]);
      }
    });

    it('never conflicts by windows, however many processes take', async () => {
      const name = stage.name();
      const a = new RateLimit(stage.table, name, optionsOf('window', 1_000));
      const b = new RateLimit(stage.rival, name, optionsOf('window', 1_000));
      await a.take();
      await b.take();
      const { sent } = await stage.cost(async () => {
        for (let i = 0; i < 10; i += 1) {
          await a.take();
          await b.take();
        }
      });
      expect(sent).toEqual(Array(10).fill('update'));
    });
  });
});

describe.each(forms)('RateLimit by %s', (by) => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });

  /** Takes in a loop until `ms` have passed; how many tokens were had. */
  async function press(limit: RateLimit, ms: number): Promise<number> {
    let had = 0;
    for (const end = bench.clock.monotonicMs() + ms; bench.clock.monotonicMs() < end; ) {
      const tokens = 1 + (had % 2);
      const { allowed, retryAfterMs } = await limit.take(tokens).catch(() => ({ allowed: false, retryAfterMs: 0 }));
      if (allowed) had += tokens;
      await bench.clock.sleep(Math.max(1, Math.min(retryAfterMs, 500)));
    }
    return had;
  }

  it.each(engineFaultProfiles)('holds when answers get lost and clocks are apart: %s', async (profile) => {
    const apart = 3_000;
    const duration = 20_000;
    for (const share of [undefined, 3]) {
      bench = await openBench({ rules: engineFaultRules(profile, 0.2) });
      const options = { ...optionsOf(by, 10, share), perMs: 5_000 } as RateLimitOptions;
      const presses = [0, apart, apart / 2].map((offset) =>
        press(new RateLimit(bench.table({ clock: bench.clock.skewed(offset) }), 'l', options), duration),
      );
      const had = (await bench.run(Promise.all(presses))).reduce((sum, n) => sum + n, 0);
      const ms = bench.clock.monotonicMs();
      // Windows begin where they begin: one more of them. A share may be spent later than it was taken.
      expect(had).toBeLessThanOrEqual(10 + (10 * (ms + apart)) / 5_000 + (by === 'window' ? 10 : 0));
      expect(had).toBeGreaterThan(15);
    }
  });

  it('counts the tokens of a process that died at any step as spent, at most', async () => {
    let died = true;
    for (let at = 0; died; at += 1) {
      died = false;
      for (const when of ['before', 'after'] as const) {
        bench = await openBench();
        const dying = dyingEngine(bench.memory, at, when);
        const victim = new RateLimit(bench.table({ engine: dying.engine }), 'l', optionsOf(by, 9));
        let had = 0;
        const work = async () => {
          for (let i = 0; i < 2; i += 1) if ((await victim.take(2)).allowed) had += 2;
        };
        await Promise.race([
          work(),
          dying.died.then(() => {
            died = true;
          }),
        ]);
        const heir = new RateLimit(bench.calm(), 'l', optionsOf(by, 9));
        let left = 0;
        while ((await bench.run(heir.take())).allowed) left += 1;
        expect(had + left).toBeLessThanOrEqual(9);
        expect(had + left).toBeGreaterThanOrEqual(7);
      }
      expect(at).toBeLessThan(20);
    }
  });

  it('counts what cannot be told as spent', async () => {
    const table = bench.table({ retry: { timeoutMs: 500, attemptTimeoutMs: 100 } });
    const limit = new RateLimit(table, 'l', optionsOf(by, 4));
    await bench.run(limit.take());
    bench.faulty.setRules([
      { fault: { kind: 'reset-after' }, on: 'writes' },
      { fault: { kind: 'unreachable' }, on: 'reads' },
    ]);
    await expect(bench.run(limit.take(2))).rejects.toMatchObject({ outcome: 'unknown' });
    bench.faulty.setRules([]);
    expect(await bench.run(new RateLimit(bench.calm(), 'l', optionsOf(by, 4)).take(1))).toMatchObject({ remaining: 0 });
  });

  it('lets everybody through in the end who waits', async () => {
    const options = { ...optionsOf(by, 4), perMs: 1_000 } as RateLimitOptions;
    const limits = [0, 1, 2].map(() => new RateLimit(bench.table(), 'l', options));
    const begin = bench.clock.monotonicMs();
    const waits = Array.from({ length: 30 }, (_, i) => (limits[i % 3] as RateLimit).waitFor(1 + (i % 2)));
    await bench.run(Promise.all(waits));
    const tookMs = bench.clock.monotonicMs() - begin;
    // 45 tokens, of which 4 are there and the others come 4 a second.
    expect(tookMs).toBeGreaterThanOrEqual(by === 'window' ? 9_000 : 10_250);
    expect(tookMs).toBeLessThan(25_000);
  });

  it('says at once when a wait is in vain', async () => {
    const limit = new RateLimit(bench.calm(), 'l', optionsOf(by, 2));
    await bench.run(limit.waitFor(2, { waitMs: 0 }));
    const begin = bench.clock.monotonicMs();
    await expect(bench.run(limit.waitFor(1, { waitMs: 100 }))).rejects.toMatchObject({
      code: 'ERR_RATE_LIMITED',
      outcome: 'not-done',
      retryable: true,
      remaining: 0,
    });
    expect(bench.clock.monotonicMs()).toBe(begin);
  });

  it('leaves nothing behind when a wait is broken off', async () => {
    const limit = new RateLimit(bench.calm(), 'l', optionsOf(by, 2));
    await bench.run(limit.take(2));
    const leaves = new AbortController();
    const wait = outcomeOf(limit.waitFor(1, { signal: leaves.signal }));
    await breathe();
    leaves.abort('enough');
    await wait.done;
    expect(wait.error).toBe('enough');
    await bench.run(bench.clock.sleep(by === 'bucket' ? perMs : 2 * perMs));
    expect(await bench.run(limit.take(2))).toMatchObject({ allowed: true });
    await expect(limit.waitFor(1, { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    await expect(limit.take(1, { signal: AbortSignal.abort('before') })).rejects.toBe('before');
  });

  it('forgets a limit that nobody asks, once nothing is left to remember', async () => {
    const limit = new RateLimit(bench.calm(), 'l', optionsOf(by, 2));
    await bench.run(limit.take(2));
    await bench.run(bench.clock.sleep(2 * 86_400_000));
    expect(await bench.calm().atom('rate-limit:l').deref()).toBeUndefined();
    expect(await bench.run(limit.take(2))).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('refuses wrong arguments before anything is sent', async () => {
    const table: AtomTable = bench.calm();
    const sent = bench.memory.spent().requests;
    for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5']) {
      const value = wrong as number;
      expect(() => new RateLimit(table, 'l', { ...optionsOf(by, 5), limit: value })).toThrow(RangeError);
      expect(() => new RateLimit(table, 'l', { ...optionsOf(by, 5), perMs: value })).toThrow(RangeError);
      expect(() => new RateLimit(table, 'l', { ...optionsOf(by, 5), share: value })).toThrow(RangeError);
      const limit = new RateLimit(table, 'l', optionsOf(by, 5));
      await expect(limit.take(value)).rejects.toThrow(RangeError);
      await expect(limit.waitFor(value)).rejects.toThrow(RangeError);
    }
    const limit = new RateLimit(table, 'l', optionsOf(by, 5));
    await expect(limit.take(6)).rejects.toThrow('at most 5');
    await expect(limit.waitFor(6)).rejects.toThrow(RangeError);
    await expect(limit.waitFor(1, { waitMs: -1 })).rejects.toThrow(RangeError);
    expect(() => new RateLimit(table, 'l', optionsOf(by, 5, 6))).toThrow('share must be at most 5');
    expect(() => new RateLimit(table, 'l', { ...optionsOf(by, 5, 2), shareMs: 999 })).toThrow('at least 1000');
    expect(() => new RateLimit(table, 'l', optionsOf(by, 2 ** 40))).toThrow(RangeError);
    expect(() => new RateLimit(table, 'l', { ...optionsOf(by, 5), by: 'leaky' as 'bucket' })).toThrow(TypeError);
    expect(bench.memory.spent().requests).toBe(sent);
  });

  it('refuses an item that is none of its kind', async () => {
    await bench.calm().atom('rate-limit:l').reset({ by, used: 0 });
    const limit = new RateLimit(bench.calm(), 'l', optionsOf(by, 5));
    await expect(bench.run(limit.take())).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
  });
});

describe('RateLimit', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });

  it('takes the slowest and the largest limits that can be reckoned exactly', async () => {
    const slow = new RateLimit(bench.calm(), 'slow', { limit: 1, perMs: 9e15 });
    expect(await bench.run(slow.take())).toMatchObject({ allowed: true, remaining: 0 });
    expect(await bench.run(slow.take())).toMatchObject({ allowed: false, retryAfterMs: 9e15 });
    const large = new RateLimit(bench.calm(), 'large', { limit: 1, perMs: 1_000, burst: 9e12 });
    expect(await bench.run(large.take(9e12))).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('has burst for buckets alone', () => {
    const table = bench.calm();
    const wrong = { by: 'window', limit: 5, perMs, burst: 9 } as unknown as RateLimitOptions;
    expect(() => new RateLimit(table, 'l', wrong)).toThrow(TypeError);
  });

  it('serves those who wait for a bucket in their order, each by one write', async () => {
    const limit = new RateLimit(bench.calm(), 'l', { limit: 10, perMs: 1_000, burst: 1 });
    const order: string[] = [];
    const begin = bench.clock.monotonicMs();
    const wait = (who: number) => limit.waitFor().then(() => order.push(`${who} ${bench.clock.monotonicMs() - begin}`));
    const sent = bench.memory.spent().requests;
    await bench.run(Promise.all([0, 1, 2, 3].map(wait)));
    expect(order).toEqual(['0 0', '1 100', '2 200', '3 300']);
    expect(bench.memory.spent().requests - sent).toBe(2);
  });

  it('promises nobody more than an hour ahead, and still lets them wait', async () => {
    const limit = new RateLimit(bench.calm(), 'l', { limit: 1, perMs: 3_000_000, burst: 1 });
    const begin = bench.clock.monotonicMs();
    await bench.run(Promise.all([limit.waitFor(), limit.waitFor(), limit.waitFor(), limit.waitFor()]));
    expect(bench.clock.monotonicMs() - begin).toBe(9_000_000);
  });

  it('loses what it does not spend of a share in time', async () => {
    const limit = new RateLimit(bench.calm(), 'l', { limit: 10, perMs: 1_000_000, share: 6, shareMs: 1_000 });
    expect(await bench.run(limit.take())).toMatchObject({ allowed: true, remaining: 9 });
    await bench.run(bench.clock.sleep(1_000));
    expect(await limit.giveBack()).toBe(0);
    // 4 are left in the store, the share was for 6: it takes what is there.
    expect(await bench.run(limit.take(2))).toMatchObject({ allowed: true, remaining: 2 });
    expect(await bench.run(limit.take(2))).toMatchObject({ allowed: true, remaining: 0 });
    expect(await bench.run(limit.take())).toMatchObject({ allowed: false });
  });

  it('loses its share when the machine has slept', async () => {
    const limit = new RateLimit(bench.calm(), 'l', { limit: 10, perMs: 1_000_000, share: 6, shareMs: 1_000 });
    await bench.run(limit.take());
    bench.clock.step(1_000);
    expect(await limit.giveBack()).toBe(0);
  });

  it('gives back its share when it is disposed of', async () => {
    const options = { limit: 10, perMs: 1_000_000, share: 6 };
    const table = bench.calm();
    const first = new RateLimit(table, 'l', options);
    await bench.run(first.take());
    await bench.run(first[Symbol.asyncDispose]());
    expect(await bench.run(new RateLimit(bench.calm(), 'l', { limit: 10, perMs: 1_000_000 }).take())).toMatchObject({
      remaining: 8,
    });
  });

  it('fetches one share for all who wait, and tells those for whom there was none', async () => {
    const limit = new RateLimit(bench.calm(), 'l', { limit: 10, perMs: 1_000_000, share: 4 });
    const sent = bench.memory.spent().requests;
    const answers = await bench.run(Promise.all(Array.from({ length: 14 }, () => limit.take())));
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10);
    expect(bench.memory.spent().requests - sent).toBe(4);
  });

  it('goes on with the time of the fastest clock, and never back', async () => {
    const options = { limit: 10, perMs: 10_000 };
    const ahead = new RateLimit(bench.calm({ clock: bench.clock.skewed(60_000) }), 'l', options);
    const right = new RateLimit(bench.calm(), 'l', options);
    await bench.run(ahead.take(10));
    const refused = await bench.run(right.take());
    // One token comes in a second, once this clock is where the other one was.
    expect(refused).toMatchObject({ allowed: false, retryAfterMs: 61_000 });
    await bench.run(bench.clock.sleep(1_000));
    expect((await bench.run(ahead.take())).allowed).toBe(true);
  });
});

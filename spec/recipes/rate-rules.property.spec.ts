// Goal: the rules of rate limits, as pure functions: never more than is promised in any time, whatever the clocks of those who ask; and what
// was refused is had when it was said.
// Method: random processes whose clocks are apart ask one level in turn, in whole milliseconds; every interval between two takes is looked at.
import { describe, expect, it } from '@jest/globals';
import { type Random, seededRandom } from '../../lib/engine/index.js';
import type { RateFacts, RateLevel, RateRule } from '../../lib/recipes/rate-limit/rate-rule.js';
import { RateWindow } from '../../lib/recipes/rate-limit/rate-window.js';
import { TokenBucket } from '../../lib/recipes/rate-limit/token-bucket.js';

const base = Number(process.env.LEYDEN_SEED ?? 1);
const runs = 300;
const steps = 120;

interface Taken {
  readonly at: number;
  readonly tokens: number;
  readonly window: number;
}

const forms: readonly RateFacts['by'][] = ['bucket', 'window', 'sliding-window'];

function factsOf(by: RateFacts['by'], random: Random): RateFacts {
  const limit = 1 + random.int(20);
  const perMs = 1 + random.int(200);
  return { by, limit, perMs, burst: by === 'bucket' ? 1 + random.int(30) : limit };
}

const ruleOf = (facts: RateFacts): RateRule => (facts.by === 'bucket' ? new TokenBucket(facts) : new RateWindow(facts));

/** One run: who took what and when, by the true time; `apart`: how far the clocks are. */
function walk(facts: RateFacts, random: Random, patient: boolean): { readonly taken: Taken[]; readonly apart: number } {
  const rule = ruleOf(facts);
  const apart = random.int(3) === 0 ? 0 : random.int(facts.perMs * 3);
  const offsets = Array.from({ length: 4 }, () => random.int(apart + 1));
  const taken: Taken[] = [];
  let level: RateLevel | undefined;
  let time = 1_000_000 + random.int(1_000);
  for (let step = 0; step < steps; step += 1) {
    time += random.int(3) === 0 ? random.int(facts.perMs) : random.int(3);
    const now = time + (offsets[random.int(4)] as number);
    const least = 1 + random.int(facts.burst);
    const wish = { least, most: least + random.int(3), patienceMs: patient ? random.int(facts.perMs) : 0 };
    const verdict = rule.take(level, { ...wish, most: Math.min(wish.most, facts.burst) }, now);
    if (verdict.next === undefined) continue;
    level = verdict.next;
    taken.push({ at: time + verdict.waitMs, tokens: verdict.tokens, window: level.at });
  }
  return { taken: taken.sort((a, b) => a.at - b.at), apart };
}

/** The greatest excess over `burst + rate x (time + apart)`, in tokens x perMs. Waits are rounded to milliseconds: one more for those. */
function excess({ limit, perMs, burst }: RateFacts, taken: readonly Taken[], apart: number): number {
  let worst = Number.NEGATIVE_INFINITY;
  for (const [i, first] of taken.entries()) {
    let sum = 0;
    for (const { at, tokens } of taken.slice(i)) {
      sum += tokens;
      worst = Math.max(worst, sum * perMs - burst * perMs - limit * (at - first.at + apart));
    }
  }
  return worst;
}

describe.each(forms)('%s', (by) => {
  it('allows no more than is promised in any time, and nearly all of it', () => {
    let nearest = Number.NEGATIVE_INFINITY;
    for (let run = 0; run < runs; run += 1) {
      const seed = base * 10_000 + run;
      const random = seededRandom(seed);
      const facts = factsOf(by, random);
      const patient = by === 'bucket' && run % 2 === 0;
      const { taken, apart } = walk(facts, random, patient);
      if (by === 'window') {
        const inWindow = new Map<number, number>();
        for (const { window, tokens } of taken) inWindow.set(window, (inWindow.get(window) ?? 0) + tokens);
        nearest = Math.max(nearest, ...[...inWindow.values()].map((sum) => sum - facts.limit));
      } else nearest = Math.max(nearest, excess(facts, taken, patient ? apart + 1 : apart));
      if (nearest > 0)
        throw new Error(`seed ${seed}: ${nearest} too much of ${JSON.stringify(facts)}, clocks ${apart} apart`);
    }
    expect(nearest).toBe(0);
  });

  it('gives what it refused at the time that it said, and no millisecond earlier', () => {
    let refused = 0;
    const wrong: unknown[] = [];
    for (let run = 0; run < runs; run += 1) {
      const random = seededRandom(base * 10_000 + run);
      const facts = factsOf(by, random);
      const rule = ruleOf(facts);
      let level: RateLevel | undefined;
      let now = 1_000_000;
      for (let step = 0; step < steps; step += 1) {
        // A clock that is behind now and then.
        now += random.int(5) === 0 ? -random.int(facts.perMs) : random.int(4);
        const least = 1 + random.int(facts.burst);
        const wish = { least, most: least, patienceMs: 0 };
        const verdict = rule.take(level, wish, now);
        level = verdict.next ?? level;
        if (verdict.tokens > 0) {
          if (verdict.tokens !== least) wrong.push({ facts, level, wish, now, verdict });
          continue;
        }
        refused += 1;
        const { waitMs, remaining } = verdict;
        const then = rule.take(level, wish, now + waitMs).tokens;
        const before = rule.take(level, wish, now + waitMs - 1).tokens;
        if (remaining >= least || then !== least || before !== 0) wrong.push({ facts, level, wish, now, verdict });
      }
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(1_000);
  });

  it('has all tokens at the time of its reset, and needs no memory after fillMs', () => {
    for (let run = 0; run < runs; run += 1) {
      const random = seededRandom(base * 10_000 + run);
      const facts = factsOf(by, random);
      const rule = ruleOf(facts);
      const now = 1_000_000 + random.int(1_000);
      const tokens = 1 + random.int(facts.burst);
      const { next, resetAt, remaining } = rule.take(undefined, { least: tokens, most: tokens, patienceMs: 0 }, now);
      expect(remaining).toBe(facts.burst - tokens);
      expect(rule.look(next as RateLevel, resetAt).remaining).toBe(facts.burst);
      expect(rule.look(next as RateLevel, now + rule.fillMs).remaining).toBe(facts.burst);
    }
  });

  it('gives back no more than was taken, and only where it is of use', () => {
    const facts: RateFacts = { by, limit: 10, perMs: 100, burst: 10 };
    const rule = ruleOf(facts);
    const { next } = rule.take(undefined, { least: 8, most: 8, patienceMs: 0 }, 1_000);
    const level = next as RateLevel;
    expect(rule.look(rule.give(level, 5, level.at, 1_000), 1_000).remaining).toBe(7);
    expect(rule.look(rule.give(level, 50, level.at, 1_000), 1_000).remaining).toBe(10);
    const later = rule.take(level, { least: 10, most: 10, patienceMs: 0 }, 1_200);
    const given = rule.give(later.next as RateLevel, 4, level.at, 1_200);
    // A new window owes nothing to the old one.
    expect(rule.look(given, 1_200).remaining).toBe(by === 'bucket' ? 4 : 0);
  });
});

describe('bucket', () => {
  it('has those wait behind one another who are willing to', () => {
    const rule = new TokenBucket({ by: 'bucket', limit: 10, perMs: 1_000, burst: 2 });
    let level: RateLevel | undefined;
    const waits = Array.from({ length: 5 }, () => {
      const verdict = rule.take(level, { least: 1, most: 1, patienceMs: 300 }, 0);
      level = verdict.next ?? level;
      return verdict.tokens > 0 ? verdict.waitMs : `no: ${verdict.waitMs}`;
    });
    expect(waits).toEqual([0, 0, 100, 200, 300]);
    expect(rule.take(level, { least: 1, most: 1, patienceMs: 300 }, 0)).toMatchObject({ tokens: 0, waitMs: 400 });
    expect(rule.take(level, { least: 1, most: 1, patienceMs: 0 }, 399).tokens).toBe(0);
    expect(rule.take(level, { least: 1, most: 1, patienceMs: 0 }, 400).tokens).toBe(1);
  });
});

describe('bucket', () => {
  it('allows no more than is promised also when waits are broken off and shares given back, and serves again who comes', () => {
    let withdrawn = 0;
    for (let run = 0; run < runs; run += 1) {
      const seed = base * 10_000 + run;
      const random = seededRandom(seed);
      const facts = factsOf('bucket', random);
      const rule = ruleOf(facts);
      const taken: Taken[] = [];
      let waiting: { readonly at: number; readonly tokens: number; readonly promised: RateLevel }[] = [];
      let level: RateLevel | undefined;
      let time = 1_000_000;
      const shareMs = random.int(2) * random.int(facts.perMs);
      let share: { readonly tokens: number; readonly at: number } | undefined;
      for (let step = 0; step < steps; step += 1) {
        time += random.int(3) === 0 ? random.int(facts.perMs) : random.int(3);
        for (const { at, tokens } of waiting) if (at <= time) taken.push({ at, tokens, window: 0 });
        waiting = waiting.filter(({ at }) => at > time);
        if (level !== undefined && waiting.length > 0 && random.int(3) === 0) {
          const [{ tokens, promised }] = waiting.splice(random.int(waiting.length), 1) as [(typeof waiting)[0]];
          const lower = rule.withdraw(level, tokens, promised, time);
          if (lower !== level) withdrawn += 1;
          level = lower;
          continue;
        }
        if (level !== undefined && share !== undefined && random.int(2) === 0) {
          if (time - share.at <= shareMs) level = rule.give(level, share.tokens, share.at, time);
          share = undefined;
          continue;
        }
        const least = 1 + random.int(facts.burst);
        const verdict = rule.take(level, { least, most: least, patienceMs: random.int(4 * facts.perMs) }, time);
        if (verdict.next === undefined) continue;
        level = verdict.next;
        if (verdict.waitMs === 0 && shareMs > 0 && share === undefined) share = { tokens: least, at: time };
        else waiting.push({ at: time + verdict.waitMs, tokens: least, promised: level });
      }
      for (const { at, tokens } of waiting) taken.push({ at, tokens, window: 0 });
      taken.sort((a, b) => a.at - b.at);
      const over = excess(facts, taken, shareMs + 1);
      if (over > 0) throw new Error(`seed ${seed}: ${over} too much of ${JSON.stringify(facts)}`);
    }
    expect(withdrawn).toBeGreaterThan(300);
  });

  it('takes nothing back of a promise whose time is over', () => {
    const rule = new TokenBucket({ by: 'bucket', limit: 1, perMs: 100, burst: 3 });
    const full = rule.take(undefined, { least: 3, most: 3, patienceMs: 0 }, 1_000).next;
    const promised = rule.take(full, { least: 3, most: 3, patienceMs: 300 }, 1_000).next as RateLevel;
    expect(rule.look(rule.withdraw(promised, 3, promised, 1_000), 1_000).remaining).toBe(0);
    expect(rule.look(rule.withdraw(promised, 3, promised, 1_299), 1_299).remaining).toBe(2);
    expect(rule.look(rule.withdraw(promised, 3, promised, 1_300), 1_300).remaining).toBe(0);
    expect(rule.look(rule.withdraw(promised, 3, promised, 2_000), 2_000).remaining).toBe(3);
  });
});

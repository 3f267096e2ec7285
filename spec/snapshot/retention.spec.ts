// Goal: thinning out keeps what it promises, never drops the newest, and lets no page go that is young or wanted.
// Method: cases by hand in UTC, then generated histories against the rule in so many words. `FC_SEED` repeats a run.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type JournalRetention, journalBound, type PageEnd, retainedIds } from '../../lib/snapshot/retention.js';

const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
const at = (text: string) => ({ id: text, time: Date.parse(`${text}Z`) });
const kept = (texts: readonly string[], retention: Parameters<typeof retainedIds>[1]) => [
  ...retainedIds(texts.map(at), retention),
];

describe('snapshots', () => {
  const texts = ['2026-01-30T10:00', '2026-01-31T23:59', '2026-02-01T00:00', '2026-02-01T12:00', '2026-02-02T09:00'];

  it('the newest two, unless told otherwise', () => {
    expect(kept(texts, undefined)).toEqual(['2026-02-02T09:00', '2026-02-01T12:00']);
    expect(kept(texts, { keep: 1 })).toEqual(['2026-02-02T09:00']);
    expect(kept(texts.slice(0, 1), { keep: 5 })).toEqual(['2026-01-30T10:00']);
    expect(kept([], {})).toEqual([]);
  });

  it('the newest of each of the last days', () => {
    expect(kept(texts, { keep: 1, daily: 3 })).toEqual(['2026-02-02T09:00', '2026-02-01T12:00', '2026-01-31T23:59']);
  });

  it('the newest of each of the last months', () => {
    expect(kept(texts, { keep: 1, monthly: 2 })).toEqual(['2026-02-02T09:00', '2026-01-31T23:59']);
    expect(kept(texts, { keep: 1, monthly: 12 })).toEqual(['2026-02-02T09:00', '2026-01-31T23:59']);
  });

  it('days and months without a snapshot do not count, so a pause drops nothing', () => {
    const paused = ['2024-12-31T10:00', '2025-03-01T10:00', '2026-02-02T09:00'];
    expect(kept(paused, { keep: 1, daily: 2 })).toEqual(['2026-02-02T09:00', '2025-03-01T10:00']);
    expect(kept(paused, { keep: 1, monthly: 3 })).toHaveLength(3);
  });

  it('the same day of another month, or month of another year, is another one', () => {
    const alike = ['2024-02-02T09:00', '2025-02-02T09:00', '2025-03-02T09:00'];
    expect(kept(alike, { keep: 1, daily: 3 })).toHaveLength(3);
    expect(kept(alike, { keep: 1, monthly: 3 })).toHaveLength(3);
  });

  it('those that are pinned', () => {
    const [first, ...rest] = texts.map(at);
    expect(retainedIds([{ ...first, pinned: true } as never, ...rest], { keep: 1 })).toContain(texts[0]);
  });

  it.each([
    [{ keep: 0 }, 'keep must be a whole number of at least 1'],
    [{ keep: 1.5 }, 'keep must be'],
    [{ daily: -1 }, 'daily must be'],
    [{ monthly: Number.NaN }, 'monthly must be'],
    [{ keep: 100, daily: 100, monthly: 1 }, 'are more than 200 together'],
  ])('%j is refused', (retention, message) => {
    expect(() => retainedIds([], retention)).toThrow(message);
  });

  const histories = fc
    .array(fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2026, 11, 31) }), { minLength: 1, maxLength: 60 })
    .map((times) => times.sort((a, b) => a - b).map((time, index) => ({ id: `s${index}`, time })));
  const counts = fc.integer({ min: 0, max: 15 });

  it('of any history: the newest, and the newest of each of the last months and days, and few more', () => {
    const check = (history: { id: string; time: number }[], keep: number, daily: number, monthly: number) => {
      const ids = retainedIds(history, { keep, daily, monthly });
      const newestOf = (characters: number, count: number) => {
        const newest = new Map<string, string>();
        for (const { id, time } of history) newest.set(new Date(time).toISOString().slice(0, characters), id);
        return [...newest]
          .sort(([a], [b]) => (a < b ? 1 : -1))
          .slice(0, count)
          .map(([, id]) => id);
      };
      const expected = [...history.slice(-keep).map(({ id }) => id), ...newestOf(10, daily), ...newestOf(7, monthly)];
      expect([...ids].sort()).toEqual([...new Set(expected)].sort());
      expect(ids).toContain(history.at(-1)?.id);
    };
    fc.assert(fc.property(histories, fc.integer({ min: 1, max: 5 }), counts, counts, check), { ...seed, numRuns: 300 });
  });

  it('thinned out again, the same stay', () => {
    const check = (history: { id: string; time: number }[], daily: number, monthly: number) => {
      const once = retainedIds(history, { daily, monthly });
      const again = retainedIds(
        history.filter(({ id }) => once.has(id)),
        { daily, monthly },
      );
      expect([...again].sort()).toEqual([...once].sort());
    };
    fc.assert(fc.property(histories, counts, counts, check), { ...seed, numRuns: 300 });
  });
});

describe('the journal', () => {
  /** Page `k` ends at place `10 (k + 1)`, at time `1,000 (k + 1)`. */
  const asked: number[] = [];
  const endOf = async (page: number): Promise<PageEnd | undefined> => {
    asked.push(page);
    return { place: 10 * (page + 1), time: 1_000 * (page + 1) };
  };
  const bound = (retention: JournalRetention, nowMs: number, page = 0, oldestKept = 9) => {
    asked.length = 0;
    return journalBound(retention, nowMs, { page, from: page * 10 + 1 }, oldestKept, endOf);
  };

  it('follows the snapshots alone, or stays where it is, without a look at any page', async () => {
    expect(await bound('oldest-kept', 5_000)).toBe(undefined);
    expect(await bound('forever', 1e15, 3)).toEqual({ page: 3, from: 31 });
    expect(asked).toEqual([]);
  });

  it('goes only page by page whose last commit is old enough', async () => {
    expect(await bound({ ms: 1_000 }, 4_000)).toEqual({ page: 3, from: 31 });
    expect(asked).toEqual([0, 1, 2, 3]);
    expect(await bound({ ms: 1_001 }, 4_000)).toEqual({ page: 2, from: 21 });
    expect(await bound({ ms: 1_000 }, 1_999)).toEqual({ page: 0, from: 1 });
    expect(await bound({ ms: 1_000 }, 4_000, 2)).toEqual({ page: 3, from: 31 });
  });

  it('never beyond the oldest kept snapshot, nor beyond a page that is not there', async () => {
    expect(await bound({ ms: 0 }, 1e9, 0, 2)).toEqual({ page: 2, from: 21 });
    expect(asked).toEqual([0, 1]);
    expect(await journalBound({ ms: 0 }, 1e9, { page: 0, from: 1 }, 9, async () => undefined)).toEqual({
      page: 0,
      from: 1,
    });
  });

  it.each([
    ['never', TypeError],
    [null, TypeError],
    [{ ms: '1' }, TypeError],
    [{ ms: -1 }, RangeError],
    [{ ms: Number.NaN }, RangeError],
  ])('%j is refused', async (retention, kind) => {
    await expect(bound(retention as never, 0)).rejects.toThrow(kind);
  });
});

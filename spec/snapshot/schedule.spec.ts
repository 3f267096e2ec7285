// Goal: snapshots are made soon enough to recover quickly, seldom enough to be cheap, and not by all instances at once.
// Method: the rule on numbers; then whole lives of systems in which each snapshot that is due is made at once.
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/random.js';
import { SnapshotSchedule, whyDue } from '../../lib/snapshot/schedule.js';

const random = seededRandom(Number(process.env.LEYDEN_SEED ?? 1));
const limits = { bytesMin: 1_000_000, eventsMin: 1_000, replayMsMax: 60_000 };
const nothing = { eventsSince: 0, bytesSince: 0, snapshotBytes: 0, eventsPerMs: undefined };

/** The least that makes one due. */
const alone = () => ({ random: { next: () => 0, int: () => 0 } });

describe('a snapshot is due', () => {
  it('never when nothing happened', () => {
    expect(whyDue(nothing, { bytesMin: 0, eventsMin: 0, replayMsMax: 0 })).toBe(undefined);
  });

  it('when the journal since the last has its size, and is worth it', () => {
    const due = (eventsSince: number, bytesSince: number, snapshotBytes: number) =>
      whyDue({ ...nothing, eventsSince, bytesSince, snapshotBytes }, limits);
    expect(due(999, 999_999, 0)).toBe(undefined);
    expect(due(1_000, 10_000, 0)).toBe('size');
    expect(due(3, 1_000_000, 0)).toBe('size');
    expect(due(1_000, 10_000, 10_001)).toBe(undefined);
    expect(due(90_000, 9_999_999, 10_000_000)).toBe(undefined);
    expect(due(90_000, 10_000_000, 10_000_000)).toBe('size');
  });

  it('when a replay would take too long, once its rate is known', () => {
    const large = { ...nothing, eventsSince: 60_001, bytesSince: 10, snapshotBytes: 1e9 };
    expect(whyDue(large, limits)).toBe(undefined);
    expect(whyDue({ ...large, eventsPerMs: 1 }, limits)).toBe('replay');
    expect(whyDue({ ...large, eventsPerMs: 1.001 }, limits)).toBe(undefined);
    expect(whyDue({ ...large, eventsPerMs: 1 }, { ...limits, replayMsMax: Number.POSITIVE_INFINITY })).toBe(undefined);
  });

  it('later by a share that is drawn', () => {
    const progress = { ...nothing, eventsSince: 1_000, bytesSince: 1_100_000, snapshotBytes: 1_000_000 };
    expect(whyDue(progress, limits, 1.1)).toBe('size');
    expect(whyDue(progress, limits, 1.11)).toBe(undefined);
  });
});

describe('a schedule', () => {
  it.each([200, 100_000, 20_000_000])('at most doubles what is written, for a state of %d bytes', (stateBytes) => {
    const schedule = new SnapshotSchedule({ random });
    const commitBytes = 500;
    let journal = 0;
    let snapshots = 0;
    for (let seq = 1; seq <= 400_000; seq += 1) {
      journal += commitBytes;
      schedule.committed(seq, commitBytes);
      if (schedule.due(0) === undefined) continue;
      snapshots += stateBytes;
      schedule.published({ seq, bytes: stateBytes });
    }
    expect(snapshots).toBeGreaterThan(0);
    // The last one is paid for by the journal that follows it.
    expect(snapshots - stateBytes).toBeLessThanOrEqual(journal);
  });

  it('is quiet for a small system', () => {
    const schedule = new SnapshotSchedule(alone());
    const made: number[] = [];
    for (let seq = 1; seq <= 3_000; seq += 1) {
      schedule.committed(seq, 170);
      if (schedule.due(0) === undefined) continue;
      made.push(seq);
      schedule.published({ seq, bytes: 100 });
    }
    expect(made).toEqual([1_000, 2_000, 3_000]);
  });

  it('goes by the rate of the last replays', () => {
    const schedule = new SnapshotSchedule({ ...alone(), replayMsMax: 1_000 });
    schedule.published({ seq: 0, bytes: 1e9 });
    schedule.committed(50_000, 1);
    expect(schedule.progress.eventsPerMs).toBe(undefined);
    schedule.replayed(0, 0);
    expect(schedule.due(0)).toBe(undefined);
    schedule.replayed(20_000_000, 200_000);
    expect(schedule.due(0)).toBe(undefined);
    // The handler of a later release is slower.
    schedule.replayed(200_000, 20_000);
    schedule.replayed(200_000, 20_000);
    expect(schedule.progress.eventsPerMs).toBeLessThan(50);
    expect(schedule.due(0)).toBe('replay');
  });

  it('counts from the snapshot on, wherever it is in what was seen', () => {
    const schedule = new SnapshotSchedule(alone());
    for (let seq = 10; seq <= 100; seq += 10) schedule.committed(seq, 1_000);
    schedule.published({ seq: 60, bytes: 5_000 });
    expect(schedule.progress).toMatchObject({ eventsSince: 40, bytesSince: 4_000, snapshotBytes: 5_000 });
    schedule.published({ seq: 130, bytes: 6_000 });
    expect(schedule.progress).toMatchObject({ eventsSince: 0, bytesSince: 0, snapshotBytes: 6_000 });
    schedule.committed(130, 1_000);
    schedule.committed(140, 1_000);
    expect(schedule.progress).toMatchObject({ eventsSince: 10, bytesSince: 1_000 });
    expect(new SnapshotSchedule().due(0)).toBe(undefined);
  });

  it('of many instances is due at different commits, and never too early', () => {
    const dueAt = () => {
      const schedule = new SnapshotSchedule({ random });
      schedule.published({ seq: 0, bytes: 2_000_000 });
      for (let seq = 1; ; seq += 1) {
        schedule.committed(seq, 1_000);
        if (schedule.due(0) !== undefined) return seq;
      }
    };
    const all = Array.from({ length: 20 }, dueAt);
    expect(new Set(all).size).toBeGreaterThan(10);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...all)).toBeLessThanOrEqual(2_500);
  });

  it('waits after a failure, longer each time, until there is a snapshot', () => {
    const schedule = new SnapshotSchedule({ random, retryMs: 100, retryMsMax: 1_000 });
    schedule.committed(10_000, 1e7);
    let now = 0;
    const pauses: number[] = [];
    for (let failure = 0; failure < 6; failure += 1) {
      expect(schedule.due(now)).toBe('size');
      schedule.postponed(now);
      const from = now;
      while (schedule.due(now) === undefined) now += 1;
      pauses.push(now - from);
    }
    for (const [failure, pause] of pauses.entries()) {
      const ceiling = Math.min(1_000, 100 * 2 ** failure);
      expect(pause).toBeGreaterThanOrEqual(ceiling / 2);
      expect(pause).toBeLessThanOrEqual(ceiling);
    }
    schedule.postponed(now);
    schedule.published({ seq: 10_000, bytes: 10 });
    schedule.committed(20_000, 1e7);
    expect(schedule.due(now)).toBe('size');
    schedule.postponed(now);
    expect(schedule.due(now + 100)).toBe('size');
  });

  it.each([{ bytesMin: -1 }, { eventsMin: Number.NaN }, { replayMsMax: '1' }, { spread: -0.1 }])(
    'refuses %j',
    (options) => {
      expect(() => new SnapshotSchedule(options as never)).toThrow(RangeError);
    },
  );
});

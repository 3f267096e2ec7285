// Goal: how positions are stored: coalesced, one at a time, the newest wins, failures are tried again, and nothing is stored beside a transaction.
// Method: a lease that answers when the spec says so.
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../../lib/engine/index.js';
import { GroupLeaseLostError } from '../../../lib/streams/group/group-errors.js';
import type { OwnedLease } from '../../../lib/streams/group/owned-lease.js';
import { Saver } from '../../../lib/streams/group/saver.js';
import type { ShardPosition } from '../../../lib/streams/position.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { behind } from './work-bench.js';

function stage(saveMs: number | ((n: number) => number | Error) = 0) {
  const clock = new VirtualClock();
  const loss = new AbortController();
  const stored: ShardPosition[] = [];
  const fatal: unknown[] = [];
  let underWay = 0;
  let most = 0;
  let sent = 0;
  const lease = {
    position: 'trim-horizon' as ShardPosition,
    signal: loss.signal,
    async save(position: ShardPosition) {
      underWay += 1;
      most = Math.max(most, underWay);
      const answer = typeof saveMs === 'number' ? saveMs : saveMs(sent);
      sent += 1;
      await clock.sleep(typeof answer === 'number' ? answer : 10);
      underWay -= 1;
      if (answer instanceof Error) throw answer;
      stored.push(position);
      lease.position = position;
    },
  };
  const saver = new Saver(lease as unknown as OwnedLease, {
    ...{ clock, random: seededRandom(1), intervalMs: () => 1_000 },
    onFatal: (error) => fatal.push(error),
  });
  return { clock, lease, saver, stored, fatal, loss, most: () => most };
}

const throttled = () => Object.assign(new Error('slow down'), { name: 'ThrottlingException' });

describe('Saver', () => {
  it('has one save under way at a time, and then the newest position', async () => {
    const { clock, saver, stored, most } = stage(2_500);
    for (let n = 1; n <= 10; n += 1) {
      saver.note(behind(n));
      await clock.advance(700);
    }
    await clock.advance(10_000);
    expect(most()).toBe(1);
    expect(stored).toEqual([behind(1), behind(4), behind(8), behind(10)]);
    expect(saver.saved).toEqual(behind(10));
  });

  it('tries again what failed, with the newest position', async () => {
    const { clock, saver, stored, fatal } = stage((n) => (n < 3 ? throttled() : 0));
    saver.note(behind(1));
    await clock.advance(100);
    saver.note(behind(2));
    await clock.advance(60_000);
    expect(stored).toEqual([behind(2)]);
    expect(fatal).toEqual([]);
  });

  it('flushes at once, and comes back when all is stored', async () => {
    const { clock, saver, stored } = stage((n) => (n === 1 ? throttled() : 50));
    saver.note(behind(1));
    saver.note(behind(2));
    await clock.run(saver.flush());
    expect(stored.at(-1)).toEqual(behind(2));
    expect(clock.monotonicMs()).toBeLessThan(900);
  });

  it('tells of what the store refuses for good, and of nothing when the lease was lost', async () => {
    const denied = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
    const first = stage(() => denied);
    first.saver.note(behind(1));
    await first.clock.advance(10_000);
    expect(first.fatal).toEqual([denied]);
    await expect(first.saver.flush()).rejects.toBe(denied);
    const lost = new GroupLeaseLostError('taken', 's', 1);
    const second = stage(() => lost);
    second.saver.note(behind(1));
    await second.clock.advance(10_000);
    expect(second.fatal).toEqual([]);
    await expect(second.saver.flush()).rejects.toBe(lost);
  });

  it('gives up a flush when the lease is lost', async () => {
    const { clock, saver, loss } = stage(() => throttled());
    saver.note(behind(1));
    const flushed = saver.flush();
    flushed.catch(() => {});
    await clock.advance(5_000);
    loss.abort(new Error('lost'));
    await expect(clock.run(flushed)).rejects.toThrow('lost');
  });

  it('stores nothing while work of its own is under way, and knows what that has stored', async () => {
    const { clock, saver, stored, most } = stage(300);
    saver.note(behind(1));
    const work = async (saved: ShardPosition) => {
      expect(saved).toEqual(behind(1));
      await clock.sleep(3_000);
      expect(stored).toEqual([behind(1)]);
      return { moved: behind(5), result: 'done' };
    };
    const done = saver.exclusive(work);
    await clock.advance(1_000);
    saver.note(behind(3));
    expect(await clock.run(done)).toBe('done');
    expect(saver.saved).toEqual(behind(5));
    await clock.advance(10_000);
    // It was noted meanwhile; a lease keeps no earlier position.
    expect(stored.length).toBeLessThanOrEqual(2);
    expect(most()).toBe(1);
  });

  it('finds out what is stored before work of its own, when a save has failed', async () => {
    const { clock, saver, lease } = stage((n) => (n === 0 ? throttled() : 0));
    saver.note(behind(1));
    await clock.advance(20);
    // It was stored all the same: its answer was lost.
    lease.position = behind(1);
    const seen: ShardPosition[] = [];
    await clock.run(
      saver.exclusive(async (saved) => {
        seen.push(saved);
        return { moved: behind(2), result: undefined };
      }),
    );
    expect(seen).toEqual([behind(1)]);
  });
});

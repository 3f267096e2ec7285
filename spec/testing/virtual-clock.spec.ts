// Goal: time passes only when nothing else can happen, in one order.
import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

describe('VirtualClock', () => {
  it('fires timers in the order of their times, equal ones in the order of their setting', async () => {
    const clock = new VirtualClock({ nowMs: 1_000 });
    const log: string[] = [];
    const later = async (ms: number, name: string) => {
      await clock.sleep(ms);
      log.push(`${name}@${clock.monotonicMs()}`);
    };
    await clock.run(Promise.all([later(20, 'c'), later(10, 'a'), later(10, 'b'), later(0, 'now')]));
    expect(log).toEqual(['now@0', 'a@10', 'b@10', 'c@20']);
    expect([clock.now(), clock.pending]).toEqual([1_020, 0]);
  });

  it('lets what a timer sets going come to rest before the next one', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const chain = clock.sleep(1).then(async () => {
      for (let step = 0; step < 50; step += 1) await Promise.resolve();
      log.push('chain');
    });
    const next = clock.sleep(1).then(() => log.push('next'));
    await clock.run(Promise.all([chain, next]));
    expect(log).toEqual(['chain', 'next']);
  });

  it('runs a day at once', async () => {
    const clock = new VirtualClock();
    let beats = 0;
    const day = async () => {
      for (; clock.monotonicMs() < 86_400_000; beats += 1) await clock.sleep(60_000);
      return beats;
    };
    expect(await clock.run(day())).toBe(1_440);
  });

  describe('advance()', () => {
    it('fires what falls due, chained timers too, and no more', async () => {
      const clock = new VirtualClock();
      const log: number[] = [];
      void (async () => {
        for (;;) {
          await clock.sleep(10);
          log.push(clock.monotonicMs());
        }
      })();
      await clock.advance(35);
      expect([log, clock.monotonicMs()]).toEqual([[10, 20, 30], 35]);
    });
  });

  it('passes failures on, and says when nothing can ever happen', async () => {
    const clock = new VirtualClock({ runMsMax: 1_000 });
    await expect(clock.run(clock.sleep(1).then(() => Promise.reject(new Error('no'))))).rejects.toThrow('no');
    await expect(clock.run(new Promise(() => {}))).rejects.toThrow(/no timer is set/);
    await expect(clock.run(clock.sleep(1_001))).rejects.toThrow(/still pending after 1000 ms/);
  });

  it('stands still while work goes on elsewhere', async () => {
    const log: unknown[] = [];
    const work: (() => Promise<unknown>)[] = [];
    const clock = new VirtualClock({ elsewhere: async () => (await work.shift()?.()) !== undefined });
    const onThread = (name: string) =>
      new Promise<void>((resolve) => {
        work.push(async () => {
          await new Promise((done) => setTimeout(done, 5));
          log.push(name, clock.monotonicMs());
          resolve();
          return name;
        });
      });
    const main = async () => {
      await clock.sleep(10);
      await onThread('one');
      await onThread('two');
      await clock.sleep(10);
    };
    await clock.run(Promise.all([main(), clock.sleep(11)]));
    expect([log, clock.monotonicMs()]).toEqual([['one', 10, 'two', 10], 20]);
  });

  it('stands still for work that it is told of, also as seen by a machine whose wall clock is off', async () => {
    const clock = new VirtualClock();
    const machine = clock.skewed(500);
    const log: unknown[] = [];
    const onThread = (name: string) => new Promise((resolve) => setTimeout(resolve, 5, name));
    const main = async () => {
      await clock.sleep(10);
      log.push(await clock.elsewhere(onThread('one')), clock.monotonicMs());
      log.push(await machine.elsewhere?.(onThread('two')), clock.monotonicMs());
      await expect(clock.elsewhere(Promise.reject(new Error('no')))).rejects.toThrow('no');
      await clock.sleep(10);
    };
    await clock.run(Promise.all([main(), clock.sleep(11)]));
    expect([log, clock.monotonicMs()]).toEqual([['one', 10, 'two', 10], 20]);
  });

  it('keeps its order of timers and promises when told that there is nothing else', async () => {
    const log: string[] = [];
    const runs: string[][] = [];
    for (const promisesOnly of [false, true]) {
      const clock = new VirtualClock({ promisesOnly });
      const worker = async (name: string, ms: number) => {
        for (let step = 0; step < 100; step += 1) {
          await clock.sleep(ms);
          for (let hop = 0; hop < 20; hop += 1) await Promise.resolve();
          await new Promise<void>((resolve) => process.nextTick(resolve));
          log.push(`${name}@${clock.monotonicMs()}`);
        }
      };
      await clock.run(Promise.all([worker('a', 10), worker('b', 5), worker('c', 0)]));
      await clock.advance(10);
      expect(clock.monotonicMs()).toBe(1_010);
      runs.push(log.splice(0));
    }
    expect(runs[0]?.length).toBe(300);
    expect(runs[1]).toEqual(runs[0]);
  });

  it('a sleep ends with the reason of its abort, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const reason = new Error('enough');
    const sleeping = clock.sleep(10, { signal: controller.signal });
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(clock.sleep(10, { signal: controller.signal })).rejects.toBe(reason);
    expect(clock.pending).toBe(0);
  });

  it('steps and skews the wall clock alone', async () => {
    const clock = new VirtualClock({ nowMs: 0 });
    const ahead = clock.skewed(500);
    clock.step(-100);
    await clock.run(ahead.sleep(10));
    expect([clock.now(), ahead.now(), clock.monotonicMs(), ahead.monotonicMs()]).toEqual([-90, 410, 10, 10]);
  });
});

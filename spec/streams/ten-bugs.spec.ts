/**
 * Goal: ten bugs that readers of streams had, none of which ours has. Each has a witness in the field (Teleport, Camel, Redpanda Connect,
 * LocalStack, KCL and others).
 * Method: one scenario each for three readers: ours and the naive one come through; the naive one with this one fault does not.
 */
import { describe, expect, it } from '@jest/globals';
import type { StreamSimulatorOptions } from '../../lib/testing/index.js';
import type { NaiveFault } from '../support/naive-stream-reader.js';
import { onStage, type Stage } from './reader-stage.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** What a reader is to bear; throws when it does not. */
type Scenario = (stage: Stage) => Promise<void>;

function bug(name: NaiveFault, scenario: Scenario, options: Omit<StreamSimulatorOptions, 'clock'> = {}): void {
  describe(name, () => {
    it('does not befall ours', () => onStage('ours', scenario, options));

    it('befalls a naive reader that has it, and only then', async () => {
      await onStage([], scenario, options);
      await expect(onStage([name], scenario, options)).rejects.toHaveProperty('matcherResult');
    });
  });
}

describe('the ten bugs', () => {
  bug('child-at-latest', async ({ clock, openShard, read, simulator, write }) => {
    const run = read();
    await write(1);
    await clock.sleep(minuteMs);
    simulator.roll(openShard());
    await write(2, 3);
    await clock.sleep(minuteMs);
    await run.stop();
    expect(run.seen).toEqual([1, 2, 3]);
  });

  bug('last-page-dropped', async ({ clock, openShard, read, simulator, write }) => {
    await write(1, 2);
    simulator.roll(openShard());
    const run = read();
    await clock.sleep(minuteMs);
    await run.stop();
    expect(run.seen).toEqual([1, 2]);
  });

  bug(
    'describe-not-paged',
    async ({ clock, read, write }) => {
      const numbers = Array.from({ length: 500 }, (_, n) => n);
      await write(...numbers);
      const run = read();
      await clock.sleep(5 * minuteMs);
      await run.stop();
      expect([...run.seen].sort((a, b) => a - b)).toEqual(numbers);
    },
    { partitions: 120 },
  );

  bug(
    'no-discovery',
    async ({ clock, openShard, read, simulator, write }) => {
      const run = read();
      await write(1);
      await clock.sleep(2 * minuteMs);
      simulator.roll(openShard());
      await write(2);
      await clock.sleep(10 * minuteMs);
      await run.stop();
      expect(run.seen).toEqual([1, 2]);
    },
    { caprices: { listingLagMs: [minuteMs, minuteMs] } },
  );

  bug('expired-forever', async ({ clock, read, write }) => {
    await write(1);
    const run = read({ handle: (n) => (n === 1 ? clock.sleep(20 * minuteMs) : undefined) });
    await clock.sleep(minuteMs);
    await write(2, 3);
    await clock.sleep(30 * minuteMs);
    await run.stop();
    expect(run.seen).toEqual([1, 2, 3]);
  });

  bug('parent-trimmed', async ({ clock, openShard, read, simulator, write }) => {
    const parent = openShard();
    await write(1);
    simulator.roll(parent);
    await write(2);
    simulator.vanish(parent);
    const run = read();
    await clock.sleep(10 * minuteMs);
    await run.stop();
    expect(run.seen).toEqual([2]);
  });

  bug('silent-trim', async ({ clock, read, write }) => {
    const before = read();
    await write(1);
    await clock.sleep(minuteMs);
    await before.stop();
    await write(2);
    await clock.sleep(30 * hourMs);
    await write(3);
    const run = read();
    await clock.sleep(10 * minuteMs);
    await run.stop();
    expect(run.seen).toEqual([3]);
    expect(run.gaps).not.toEqual([]);
  });

  bug('skip-on-throw', async ({ clock, read, write }) => {
    let throws = 1;
    const handle = (n: number) => {
      if (n !== 2 || throws === 0) return;
      throws -= 1;
      throw new Error('the handler fails once');
    };
    await write(1, 2, 3);
    const first = read({ handle });
    await clock.sleep(minuteMs);
    await first.stop();
    const second = read({ handle });
    await clock.sleep(minuteMs);
    await second.stop();
    expect(new Set([...first.seen, ...second.seen])).toEqual(new Set([1, 2, 3]));
  });

  bug('early-checkpoint', async ({ clock, read, write }) => {
    await write(1);
    const first = read({ handle: (n) => (n === 2 ? clock.sleep(hourMs) : undefined) });
    await clock.sleep(minuteMs);
    await write(2);
    await clock.sleep(minuteMs);
    first.kill();
    const second = read();
    await clock.sleep(minuteMs);
    await second.stop();
    expect(second.seen).toContain(2);
  });

  bug('wrong-lag', async ({ clock, read, write }) => {
    await write(1);
    const run = read();
    await clock.sleep(10 * minuteMs);
    const lagMs = run.lagMs();
    await run.stop();
    expect(run.seen).toEqual([1]);
    expect(lagMs).toBe(0);
  });
});

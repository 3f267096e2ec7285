/**
 * Goal: what the Clojure ancestor of this reader did wrong (H-GV1 to H-GV12), ours does right.
 * Method: one scenario each for three readers: ours and the naive one come through; the naive one with this one fault does not.
 */
import { describe, expect, it } from '@jest/globals';
import { type RecordMeta, unmarshalled } from '../../lib/streams/index.js';
import type { StreamSimulatorOptions, WrittenRecord } from '../../lib/testing/index.js';
import { type NaiveFault, naiveImage } from '../support/naive-stream-reader.js';
import { type Kind, onStage, type Stage } from './reader-stage.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

type Scenario = (stage: Stage, kind: Kind) => Promise<void>;

function row(
  id: string,
  what: string,
  fault: NaiveFault,
  scenario: Scenario,
  options: Omit<StreamSimulatorOptions, 'clock'> = {},
): void {
  const play = (kind: Kind) => onStage(kind, (stage) => scenario(stage, kind), options);

  describe(`${id}: ${what}`, () => {
    it('holds for ours', () => play('ours'));

    it(`does not hold for a naive reader with ${fault}, and only then`, async () => {
      await play([]);
      await expect(play([fault])).rejects.toHaveProperty('matcherResult');
    });
  });
}

const counted = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** The sequence number of the record in which `n` was written. */
function sequenceOf({ arn, simulator }: Stage, n: number): string {
  const isIts = ({ key }: WrittenRecord): boolean => JSON.stringify(key.pk) === JSON.stringify({ S: `k${n}` });
  return simulator.history(arn).find(isIts)?.sequenceNumber ?? '';
}

describe('a reader', () => {
  row('H-GV1', 'begins inside the shard that is open', 'open-end-null', async (stage) => {
    const { clock, read, write } = stage;
    await write(1, 2);
    const run = read({ from: { after: sequenceOf(stage, 1) } });
    await clock.sleep(minuteMs);
    await run.stop();
    expect(run.error).toBeUndefined();
    expect(run.seen).toEqual([2]);
  });

  row('H-GV2', 'begins before the oldest record with a gap, never with nothing', 'outside-ranges', async (stage) => {
    const { clock, openShard, read, simulator, write } = stage;
    const parent = openShard();
    await write(1);
    simulator.roll(parent);
    await write(2);
    simulator.vanish(parent);
    const run = read({ from: { after: sequenceOf(stage, 1) } });
    await clock.sleep(10 * minuteMs);
    await run.stop();
    expect(run.seen).toEqual([2]);
    expect(run.gaps).toHaveLength(1);
  });

  row('H-GV2', 'begins between two shards with the younger one', 'outside-ranges', async (stage) => {
    const { arn, clock, openShard, read, simulator, write } = stage;
    await write(1);
    simulator.roll(openShard());
    await write(2);
    const last = simulator.shards(arn)[0]?.lastSequence as string;
    const between = String(BigInt(last) + 1n).padStart(last.length, '0');
    const run = read({ from: { after: between } });
    await clock.sleep(10 * minuteMs);
    await run.stop();
    expect(run.seen).toEqual([2]);
    expect(run.gaps).toEqual([]);
  });

  row(
    'H-GV3',
    'reads a child from its oldest record, wherever its parent was begun',
    'child-like-parent',
    async (stage) => {
      const { clock, openShard, read, simulator, write } = stage;
      await write(1, 2);
      const run = read({ from: { after: sequenceOf(stage, 1) } });
      await clock.sleep(minuteMs);
      simulator.roll(openShard());
      await write(3);
      await clock.sleep(minuteMs);
      await run.stop();
      expect(run.seen).toEqual([2, 3]);
    },
  );

  row('H-GV4', 'misses no shard that opens and closes between two looks', 'child-at-latest', async (stage) => {
    const { clock, openShard, read, simulator, write } = stage;
    const run = read({ from: 'latest' });
    await clock.sleep(minuteMs);
    await write(1);
    for (const n of [2, 3, 4]) {
      simulator.roll(openShard());
      await clock.sleep(10);
      await write(n);
    }
    await clock.sleep(minuteMs);
    await run.stop();
    expect(run.seen).toEqual([1, 2, 3, 4]);
  });

  row('H-GV5', 'leaves a quiet shard in peace', 'tight-loop', async ({ clock, read, simulator }) => {
    const run = read();
    await clock.sleep(minuteMs);
    await run.stop();
    const [shard] = simulator.traffic().shards;
    expect(shard?.readsPerSecondMax).toBeLessThanOrEqual(5);
    expect(shard?.reads).toBeLessThanOrEqual(130);
    expect(run.hasEnded).toBe(true);
  });

  row(
    'H-GV6',
    'comes to the end of a single pass over a live stream',
    'endless-pass',
    async ({ clock, read, write }) => {
      await write(1, 2);
      const run = read({ singlePass: true });
      await clock.sleep(10 * minuteMs);
      const { hasEnded, seen } = run;
      await run.stop();
      expect(seen).toEqual([1, 2]);
      expect(hasEnded).toBe(true);
    },
  );

  row('H-GV7', 'repeats one batch after a death, not a shard', 'checkpoint-at-end', async ({ clock, read, write }) => {
    await write(...counted(1, 50));
    const first = read({ handle: (n) => (n === 60 ? clock.sleep(hourMs) : undefined) });
    await clock.sleep(minuteMs);
    await write(...counted(51, 60));
    await clock.sleep(minuteMs);
    first.kill();
    const second = read();
    await clock.sleep(minuteMs);
    await second.stop();
    expect(second.seen).toContain(60);
    expect(second.seen.filter((n) => n <= 50)).toEqual([]);
  });

  row(
    'H-GV9',
    'reads more than a hundred shards',
    'describe-not-paged',
    async ({ clock, read, write }) => {
      await write(...counted(1, 400));
      const run = read();
      await clock.sleep(5 * minuteMs);
      await run.stop();
      expect([...run.seen].sort((a, b) => a - b)).toEqual(counted(1, 400));
    },
    { partitions: 101 },
  );

  row('H-GV11', 'waits for nobody who listens', 'blocking-events', async ({ clock, read, write }) => {
    await write(...counted(1, 100));
    const run = read();
    await clock.sleep(10 * minuteMs);
    expect(run.seen).toEqual(counted(1, 100));
    run.kill();
  });

  row(
    'H-GV12',
    'outlives throttling and dead iterators',
    'abandons-shard',
    async ({ arn, clock, openShard, read, simulator, write }) => {
      await write(1);
      const run = read({ handle: (n) => (n === 1 ? clock.sleep(20 * minuteMs) : undefined) });
      await clock.sleep(30 * minuteMs);
      // Asked by others as well, it is throttled now and then.
      simulator.set({ throttle: true });
      const port = simulator.port('other');
      const shardId = openShard();
      const iterator = await port.iterator({ arn, shardId, start: { type: 'LATEST' } });
      for (let asks = 0; asks < 200; asks += 1) await port.records({ arn, shardId, iterator }).catch(() => {});
      await write(2, 3);
      await clock.sleep(10 * minuteMs);
      await run.stop();
      expect(run.seen).toEqual([1, 2, 3]);
    },
  );
});

describe('unmarshalled()', () => {
  const meta: RecordMeta = {
    shardId: 's',
    sequenceNumber: '1',
    eventId: 'e',
    event: 'INSERT',
    approximateCreationTime: new Date(0),
    sizeBytes: 1,
    ttl: false,
  };
  const image = { id: { S: 'a' }, list: { L: [{ N: '1' }, { M: { deep: { L: [{ S: 'b' }] } } }] } };

  it('H-GV8: takes lists and maps, however they are nested, on which a naive parser fails', async () => {
    const value = await unmarshalled().parse({ dynamodb: { Keys: { id: image.id }, NewImage: image } }, meta);

    expect(value?.newImage).toEqual({ id: 'a', list: [1, { deep: ['b'] }] });
    expect(naiveImage(image, [])).toEqual(value?.newImage);
    expect(() => naiveImage(image, ['flat-attributes'])).toThrow(TypeError);
  });

  it('H-GV10: makes nothing of an image that is not there, of which a naive parser makes an empty one', async () => {
    const value = await unmarshalled().parse({ dynamodb: { Keys: { id: image.id }, NewImage: image } }, meta);

    expect(value?.oldImage).toBeUndefined();
    expect(naiveImage(undefined, [])).toBeUndefined();
    expect(naiveImage(undefined, ['empty-image'])).toEqual({});
  });
});

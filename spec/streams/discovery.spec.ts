import { describe, expect, it } from '@jest/globals';
import { Discovery } from '../../lib/streams/discovery.js';
import type {
  DescribeStreamRequest,
  ShardDescription,
  StreamDescription,
  StreamsPort,
} from '../../lib/streams/port.js';
import { VirtualClock } from '../../lib/testing/index.js';

/** A port that answers by a function, and counts. */
function answering(answer: (request: DescribeStreamRequest, count: number) => Partial<StreamDescription>) {
  const clock = new VirtualClock();
  const askedAtMs: number[] = [];
  const port = {
    async describe(request: DescribeStreamRequest) {
      askedAtMs.push(clock.monotonicMs());
      return { status: 'ENABLED', shards: [], ...answer(request, askedAtMs.length) };
    },
  } as unknown as StreamsPort;
  return { clock, askedAtMs, discovery: new Discovery({ port, arn: 'arn', clock }) };
}

const shard = (shardId: string, parentId?: string): ShardDescription => ({ shardId, parentId });

describe('Discovery', () => {
  describe('listAll()', () => {
    it('takes all pages, with a pause between two', async () => {
      const { clock, askedAtMs, discovery } = answering(({ startAfter }) =>
        startAfter === undefined
          ? { shards: [shard('a')], lastShardId: 'a' }
          : { shards: [shard('b')], status: 'DISABLED' },
      );
      const { shards, status } = await clock.run(discovery.listAll());
      expect(shards.map(({ shardId }) => shardId)).toEqual(['a', 'b']);
      expect(status).toBe('DISABLED');
      expect(askedAtMs).toEqual([0, 100]);
    });

    it('bears a place to go on at after which nothing comes', async () => {
      const { clock, discovery } = answering(({ startAfter }) =>
        startAfter === undefined ? { shards: [shard('a')], lastShardId: 'a' } : {},
      );
      expect((await clock.run(discovery.listAll())).shards).toHaveLength(1);
    });

    it('ends where a place to go on at comes again', async () => {
      const { clock, askedAtMs, discovery } = answering((_, count) => ({
        shards: [shard(`s${count}`)],
        lastShardId: count % 2 === 0 ? 'even' : 'odd',
      }));
      await clock.run(discovery.listAll());
      expect(askedAtMs).toHaveLength(3);
    });

    it('ends where two pages in a row show nothing new', async () => {
      const { clock, askedAtMs, discovery } = answering((_, count) => ({
        shards: [shard('a')],
        lastShardId: `place-${count}`,
      }));
      await clock.run(discovery.listAll());
      expect(askedAtMs).toHaveLength(3);
    });
  });

  describe('childrenOf()', () => {
    it('asks once where the children are listed', async () => {
      const { clock, askedAtMs, discovery } = answering(() => ({ shards: [shard('b', 'a'), shard('c', 'a')] }));
      expect(await clock.run(discovery.childrenOf('a'))).toHaveLength(2);
      expect(askedAtMs).toEqual([0]);
    });

    it('asks ten times, later and later, where they are not', async () => {
      const { clock, askedAtMs, discovery } = answering(() => ({}));
      expect(await clock.run(discovery.childrenOf('a'))).toEqual([]);
      expect(askedAtMs).toEqual([0, 50, 150, 350, 750, 1_550, 2_550, 3_550, 4_550, 5_550]);
    });

    it('takes nothing but children from an answer that shows all shards', async () => {
      const { clock, discovery } = answering(() => ({ shards: [shard('a'), shard('b', 'a')] }));
      expect(await clock.run(discovery.childrenOf('a'))).toEqual([shard('b', 'a')]);
    });

    it('ends with the reason when it is aborted', async () => {
      const { clock, discovery } = answering(() => ({}));
      const leaving = new AbortController();
      const asking = discovery.childrenOf('a', { signal: leaving.signal });
      asking.catch(() => {});
      await clock.advance(100);
      leaving.abort(new Error('enough'));
      await expect(asking).rejects.toThrow('enough');
    });
  });
});

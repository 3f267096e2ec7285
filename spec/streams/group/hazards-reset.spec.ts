// Goal: what operators do beside a group that runs holds, and costs no guarantee.
// Method: a simulated stream on a virtual clock.
import { describe, expect, it } from '@jest/globals';
import type { GroupHandler } from '../../../lib/streams/index.js';
import { steppedEngine } from '../../support/stepped-engine.js';
import { ConsumerWorld, type Seen, upTo } from './consumer-world.js';

describe('ConsumerGroup.reset() by force', () => {
  for (const [what, to, expected] of [
    ['the beginning', 'trim-horizon', [...upTo(40), ...upTo(60)]],
    ['the tip', 'latest', upTo(60)],
  ] as const) {
    it(`begins anew at ${what} although members live`, async () => {
      const world = await new ConsumerWorld({ partitions: 4 }).create();
      const done: number[] = [];
      const handler: GroupHandler<Seen> = ({ records }) => void done.push(...records.map(({ value }) => value.n));
      await world.writeMany(40);
      const group = world.member({ handler });
      const running = group.run();
      // Who follows from the tip may be told what is some minutes old.
      await world.clock.advance(10 * 60_000);
      expect(done).toHaveLength(40);
      const resetting = world.member({}).reset({ to, force: true });
      await world.clock.run(resetting);
      await world.clock.advance(30_000);
      await world.writeMany(20);
      await world.clock.advance(30_000);
      expect([...done].sort((a, b) => a - b)).toEqual([...expected].sort((a, b) => a - b));
      const { shards } = await world.clock.run(group.status());
      expect(shards.map(({ state }) => state)).toEqual(['reading', 'reading', 'reading', 'reading']);
      await world.clock.run(Promise.all([group.stop(), running]));
    });
  }

  it('holds while members save all the time', async () => {
    for (let seed = 1; seed <= 2; seed += 1) {
      const world = await new ConsumerWorld({ partitions: 4, seed }).create();
      const done = new Map<number, number>();
      const handler: GroupHandler<Seen> = ({ records }) => {
        for (const { value } of records) done.set(value.n, (done.get(value.n) ?? 0) + 1);
      };
      const groups = [1, 2].map(() => world.member({ handler, saveMs: 0, member: { leaseMs: 4_000 } }));
      const runs = groups.map((group) => group.run());
      let isWriting = true;
      const writing = (async () => {
        while (isWriting) {
          await world.write(`k${world.written % 16}`);
          await world.clock.sleep(20);
        }
      })();
      await world.clock.advance(20_000);
      const count = world.written;
      const engine = steppedEngine(world.simulator.engine, ({ send }) => world.clock.sleep(100).then(send));
      await world.clock.run(world.member({ engine }).reset({ to: 'trim-horizon', force: true }));
      await world.clock.advance(20_000);
      isWriting = false;
      await world.clock.run(writing);
      await world.clock.advance(30_000);
      const once = upTo(count - 30).filter((n) => (done.get(n) ?? 0) < 2);
      expect({ seed, once }).toEqual({ seed, once: [] });
      await world.clock.run(Promise.all([...groups.map((group) => group.stop()), ...runs]));
    }
  });
});

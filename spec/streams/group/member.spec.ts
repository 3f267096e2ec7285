/** Whole groups on one table in memory, under a virtual clock: who has what, how soon, and what it costs. */
import { describe, expect, it } from '@jest/globals';
import { GroupWorld } from './group-world.js';

describe('GroupMember', () => {
  it('takes all shards when it is alone', async () => {
    const world = new GroupWorld({ shards: 10 });
    await world.clock.run(
      (async () => {
        await world.create();
        await world.join('a');
        const ms = await world.until(() => world.isCovered(), 20_000);
        console.log('alone', ms);
      })(),
    );
    expect(world.findings).toEqual([]);
  });

  it('shares them with a second one within two beats', async () => {
    const world = new GroupWorld({ shards: 10 });
    await world.clock.run(
      (async () => {
        await world.create();
        await world.join('a');
        await world.until(() => world.isCovered(), 20_000);
        await world.clock.sleep(60_000);
        const b = await world.join('b');
        const ms = await world.until(() => world.counts().join() === '5,5', 20_000);
        console.log('joined', ms, b.events.map((e) => e.type).join());
        await world.clock.sleep(60_000);
        expect(world.counts()).toEqual([5, 5]);
      })(),
    );
    expect(world.findings).toEqual([]);
  });

  it('takes over from the dead', async () => {
    const world = new GroupWorld({ shards: 10 });
    await world.clock.run(
      (async () => {
        await world.create();
        const a = await world.join('a');
        await world.join('b');
        await world.until(() => world.counts().join() === '5,5', 20_000);
        await world.clock.sleep(60_000);
        a.machine.die();
        const ms = await world.until(() => world.counts().join() === '0,10', 20_000);
        console.log('failover', ms);
      })(),
    );
    expect(world.findings).toEqual([]);
  });
});

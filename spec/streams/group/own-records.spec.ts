// Goal: a group that keeps its items in the table that it watches works on no group's items, and on all that is a user's.
// Method: records as the simulator makes them; two groups in one table.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../../lib/atom/index.js';
import { ownRecords } from '../../../lib/streams/group/own-records.js';
import { ConsumerGroup, raw, TableStream } from '../../../lib/streams/index.js';
import { StreamSimulator, VirtualClock } from '../../../lib/testing/index.js';
import { textOf } from '../../atom/bench.js';

describe('ConsumerGroup in the table that it watches', () => {
  it('comes to rest beside another group there, and sees nothing of it', async () => {
    const clock = new VirtualClock({ runMsMax: Number.MAX_SAFE_INTEGER });
    const simulator = new StreamSimulator({ clock, seed: 1 });
    const table = new AtomTable({ engine: simulator.engine, tableName: 'orders', sortKeyName: 'sk', clock });
    await clock.run(table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' }));
    const seen: string[] = [];
    const groups = ['a', 'b'].map(
      (name) =>
        new ConsumerGroup({
          ...{ name, table, sharesTable: true, from: 'trim-horizon', parser: raw() },
          stream: new TableStream({ port: simulator.port(name), table, clock }),
          handler: ({ records }) => {
            for (const { value } of records) seen.push(`${name} ${textOf(value.dynamodb?.Keys?.id)}`);
          },
        }),
    );
    const runs = groups.map((group) => group.run());
    await clock.run(table.atom<number>({ pk: 'group#mine', sk: 'member#1' }).reset(1));
    await clock.advance(60_000);
    const saves = groups.map((group) => group.metrics().saves);
    await clock.advance(600_000);
    expect(groups.map((group) => group.metrics().saves)).toEqual(saves);
    expect(seen.sort()).toEqual(['a group#mine', 'b group#mine']);
    await clock.run(Promise.all([...groups.map((group) => group.stop()), ...runs]));
  });
});

describe('ownRecords()', () => {
  const isOwn = ownRecords('g', ['id', 'sk']);
  const record = (pk: string, sk: string, image?: object) =>
    ({ dynamodb: { Keys: { id: { S: pk }, sk: { S: sk } }, ...(image && { NewImage: image }) } }) as never;
  const of = (kind: string) => ({ d: { M: { kind: { S: kind } } } });

  it.each([
    ['whatever is in the partitions of the group', record('group#g', 'x'), true],
    ['its letters', record('dead#g', 'x'), true],
    ['leases of others, also where the stream has keys only', record('group#h', 'lease#shardId-0000'), true],
    ['members of others', record('group#h', 'member#1', of('stream-member')), true],
    ['meta of others', record('group#h', 'meta', of('stream-group')), true],
    ['letters of others', record('dead#h', 'letter#shardId-00#01'), true],
    ['keys that others have parked', record('dead#h', `parked#${'0a'.repeat(32)}`), true],
    ['not a user’s own groups', record('group#h', 'member#1', of('person')), false],
    ['not a user’s own dead', record('dead#h', 'letter#to-grandma'), false],
    ['not anything else', record('order', 'lease#shardId-0000'), false],
  ])('takes for its own: %s', (_what, given, expected) => {
    expect(isOwn(given)).toBe(expected);
  });
});

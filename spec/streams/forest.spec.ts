import { describe, expect, it } from '@jest/globals';
import { ShardForest, type ShardForestOptions } from '../../lib/streams/forest.js';
import type { ShardDescription } from '../../lib/streams/port.js';
import type { ShardPosition } from '../../lib/streams/position.js';

const nowMs = Date.UTC(2026, 5, 1);
const hourMs = 3_600_000;
const listing = { complete: true, nowMs };

/** A shard that was made so many hours ago. */
const named = (hoursAgo: number, digit = 1): string =>
  `shardId-${String(nowMs - hoursAgo * hourMs).padStart(20, '0')}-0000000${digit}`;

const open = (shardId: string, parentId?: string): ShardDescription => ({ shardId, parentId, firstSequence: '100' });
const closed = (shardId: string, parentId?: string): ShardDescription => ({
  ...open(shardId, parentId),
  lastSequence: '200',
});

function forestOf(options: Partial<ShardForestOptions> = {}): ShardForest {
  return new ShardForest({ stream: 'orders', from: 'trim-horizon', startedAtMs: nowMs, ...options });
}

const tokenOf = (shards: Record<string, ShardPosition>) => ({ v: 1, stream: 'arn', shards }) as const;
const idsOf = (forest: ShardForest): string[] => forest.startable().map(({ shardId }) => shardId);

const [old, middle, young] = [named(8), named(4), named(0.5)];

describe('ShardForest', () => {
  it('offers a child when its parent is done, and not before', () => {
    const forest = forestOf();
    forest.observe([closed(old), closed(middle, old), open(young, middle)], listing);
    expect(idsOf(forest)).toEqual([old]);
    forest.started(old);
    expect(idsOf(forest)).toEqual([]);
    forest.finish(old);
    expect(idsOf(forest)).toEqual([middle]);
  });

  it('starts nothing before a complete listing', () => {
    const forest = forestOf();
    forest.observe([open(old)], { complete: false, nowMs });
    expect(idsOf(forest)).toEqual([]);
    expect(forest.isUnsettled()).toBe(true);
  });

  it('takes a parent that is listed as open beside its child for closed', () => {
    const forest = forestOf({ from: 'latest' });
    forest.observe([open(old), open(young, old)], listing);
    expect(forest.startable()).toEqual([
      { shardId: young, start: { latestSince: nowMs }, atTip: true, isContinuation: true },
    ]);
  });

  it('reads the child of a shard that was read from its oldest record, wherever that one was begun', () => {
    const forest = forestOf({ from: 'latest' });
    forest.observe([open(middle)], listing);
    forest.started(middle);
    forest.observe([closed(middle), open(young, middle)], listing);
    forest.finish(middle);
    expect(forest.startable()).toEqual([{ shardId: young, start: 'trim-horizon', atTip: false, isContinuation: true }]);
  });

  it('reads a root that turns up later from its oldest record, unless it was there long before the start', () => {
    const forest = forestOf({ from: 'latest' });
    forest.observe([open(old)], listing);
    const later = { complete: true, nowMs: nowMs + hourMs };
    for (const [shardId, start] of [
      [named(-0.5), 'trim-horizon'],
      [named(0.01), 'trim-horizon'],
      [middle, { latestSince: nowMs }],
    ] as const) {
      forest.observe([open(old), open(shardId)], later);
      forest.observe([open(old), open(shardId)], later);
      expect(forest.startable()).toContainEqual({ shardId, start, atTip: false, isContinuation: true });
    }
  });

  it('does not let a child wait for a parent that is gone for more than a day', () => {
    const forest = forestOf();
    forest.observe([open(named(25), named(29))], listing);
    expect(idsOf(forest)).toEqual([named(25)]);
  });

  it('lets a second listing decide whether the parent of a younger child is gone', () => {
    const forest = forestOf();
    forest.observe([open(young, middle)], listing);
    expect(idsOf(forest)).toEqual([]);
    expect(forest.isUnsettled()).toBe(true);
    forest.observe([open(young, middle)], listing);
    expect(idsOf(forest)).toEqual([young]);
  });

  it('tells of a parent that turns up after its child was started', () => {
    const forest = forestOf();
    forest.observe([open(young, middle)], listing);
    forest.observe([open(young, middle)], listing);
    forest.started(young);
    forest.observe([closed(middle), open(young, middle)], listing);
    expect(forest.gaps()).toEqual([{ shardId: middle, reason: 'shard-gone' }]);
    expect(idsOf(forest)).toEqual([]);
  });

  it('ignores a shard that is listed again after its end', () => {
    const forest = forestOf();
    forest.observe([closed(middle), open(young, middle)], listing);
    forest.finish(middle);
    for (let hours = 0; hours < 47; hours += 1) {
      forest.observe([open(young, middle)], { complete: true, nowMs: nowMs + hours * hourMs });
    }
    forest.observe([open(middle), open(young, middle)], { complete: true, nowMs: nowMs + 47 * hourMs });
    expect(idsOf(forest)).toEqual([young]);
  });

  it('forgets a shard after two days', () => {
    const forest = forestOf();
    forest.observe([closed(middle), open(young, middle)], listing);
    forest.finish(middle);
    for (const hours of [1, 2, 49]) {
      forest.observe([open(young, middle)], { complete: true, nowMs: nowMs + hours * hourMs });
    }
    expect(forest.shards().map(({ shardId }) => shardId)).toEqual([young]);
    expect(idsOf(forest)).toEqual([young]);
  });

  it('forgets a shard of another time that is shown for a moment', () => {
    const forest = forestOf({ from: tokenOf({ [young]: { after: '150' } }) });
    const lineage = [closed(middle), open(young, middle)];
    forest.observe([closed(named(30), named(34)), ...lineage], listing);
    expect(idsOf(forest)).toEqual([young]);
    forest.observe(lineage, listing);
    forest.observe(lineage, listing);
    expect(forest.shards().map(({ shardId }) => shardId)).toEqual([young, middle]);
    expect(idsOf(forest)).toEqual([young]);
  });

  it('doubts a closed shard without children for 25 hours', () => {
    const forest = forestOf();
    forest.observe([closed(young)], listing);
    forest.finish(young);
    expect(forest.suspicious(nowMs + 24 * hourMs)).toEqual([young]);
    expect(forest.suspicious(nowMs + 26 * hourMs)).toEqual([]);
  });

  it('takes the word of a disabled stream that there are no more', () => {
    const forest = forestOf();
    forest.observe([closed(young)], listing);
    forest.finish(young);
    forest.observe([closed(young)], { ...listing, isDisabled: true });
    expect(forest.isUnsettled()).toBe(false);
  });

  it('keeps in a token what is open, what is next, and ends that nothing follows yet', () => {
    const forest = forestOf();
    const other = named(8, 2);
    forest.observe([closed(old), closed(middle, old), open(young, middle), closed(other)], listing);
    forest.finish(other);
    forest.started(old);
    forest.advance(old, { after: '150' });
    expect(forest.token()).toEqual({ [old]: { after: '150' }, [other]: 'end' });
    forest.finish(old);
    expect(forest.token()).toEqual({ [middle]: 'trim-horizon', [other]: 'end' });
  });

  it('goes on from a token without what lies before it', () => {
    const forest = forestOf({ from: tokenOf({ [middle]: { after: '150' } }) });
    forest.observe([closed(old), closed(middle, old), open(young, middle)], listing);
    expect(forest.startable()).toEqual([
      { shardId: middle, start: { after: '150' }, atTip: false, isContinuation: true },
    ]);
  });

  it('opens a shard of a token that is not listed: only it can say that it is gone', () => {
    const forest = forestOf({ from: tokenOf({ [old]: { after: '150' } }) });
    forest.observe([], listing);
    expect(idsOf(forest)).toEqual([old]);
  });

  it('tells of what may have come after an end in a token, before it goes on', () => {
    const forest = forestOf({ from: tokenOf({ [named(40)]: 'end' }) });
    const [parent, child] = [named(26), named(22)];
    for (const minutes of [0, 1, 2]) {
      forest.observe([open(child, parent)], { complete: true, nowMs: nowMs + minutes * 60_000 });
    }
    expect(forest.gaps()).toEqual([
      { shardId: named(40), reason: 'shard-gone' },
      { shardId: parent, reason: 'shard-gone' },
    ]);
    expect(idsOf(forest)).toEqual([]);
    for (const { shardId } of forest.gaps()) forest.finish(shardId);
    expect(idsOf(forest)).toEqual([child]);
  });

  it('begins at a record in the shard that has it, and knows no end of an open one', () => {
    const forest = forestOf({ from: { after: '500' } });
    forest.observe([closed(old), { ...open(young, old), firstSequence: '300' }], listing);
    expect(forest.startable()).toEqual([
      { shardId: young, start: { after: '500' }, atTip: false, isContinuation: true },
    ]);
  });

  it('begins between two shards with the younger one, whole', () => {
    const forest = forestOf({ from: { after: '250' } });
    forest.observe([closed(old), { ...open(young, old), firstSequence: '300' }], listing);
    expect(forest.startable()).toMatchObject([{ shardId: young, start: 'trim-horizon' }]);
    expect(forest.gaps()).toEqual([]);
  });

  it('begins before the oldest record with a gap, and then reads what is there', () => {
    const forest = forestOf({ from: { after: '50' } });
    forest.observe([open(young)], listing);
    expect(idsOf(forest)).toEqual([]);
    expect(forest.gaps()).toEqual([{ shardId: young, reason: 'trimmed', after: '50', resumesAt: '100' }]);
    forest.finish(young);
    expect(forest.startable()).toMatchObject([{ shardId: young, start: 'trim-horizon' }]);
  });

  it('refuses a record that may be of several lineages', () => {
    const forest = forestOf({ from: { at: '150' } });
    const observe = () => forest.observe([open(old), open(named(8, 2))], listing);
    expect(observe).toThrow(expect.objectContaining({ code: 'ERR_STREAM', reason: 'ambiguous-position' }));
  });

  it('begins at a time without the shards that had ended by then', () => {
    const forest = forestOf({ from: { since: new Date(nowMs - 3 * hourMs) } });
    forest.observe([closed(old), closed(middle, old), open(young, middle)], listing);
    expect(forest.startable()).toMatchObject([{ shardId: middle, start: { latestSince: nowMs - 3 * hourMs } }]);
    forest.finish(middle);
    expect(forest.startable()).toMatchObject([{ shardId: young, start: 'trim-horizon' }]);
  });

  it('begins at a time with the shard that was open then, also if it rolled right after it', () => {
    const parent = named(6, 1);
    const since = Number(/\d{20}/.exec(parent)?.[0]) + 2 * hourMs;
    // A minute after that time.
    const child = `shardId-${String(since + 60_000).padStart(20, '0')}-00000002`;
    const forest = forestOf({ from: { since: new Date(since) } });
    forest.observe([closed(parent), open(child, parent)], listing);
    expect(forest.startable()).toMatchObject([{ shardId: parent, start: { latestSince: since } }]);
    forest.finish(parent);
    expect(forest.startable()).toMatchObject([{ shardId: child, start: 'trim-horizon' }]);
  });

  it('begins at a time with a shard of then whose child was listed first', () => {
    const parent = named(6, 1);
    const since = Number(/\d{20}/.exec(parent)?.[0]) + 2 * hourMs;
    const child = `shardId-${String(since + 60_000).padStart(20, '0')}-00000002`;
    const forest = forestOf({ from: { since: new Date(since) } });
    forest.observe([open(child, parent)], listing);
    forest.observe([closed(parent), open(child, parent)], listing);
    expect(forest.startable()).toMatchObject([{ shardId: parent }]);
  });

  it('believes what somebody else has found out', () => {
    const forest = forestOf({ from: 'latest' });
    forest.know({ shardId: old, position: 'end', children: [middle] });
    forest.know({ shardId: middle, parentId: old, position: 'trim-horizon' });
    forest.observe([closed(old), open(middle, old)], listing);
    expect(forest.startable()).toEqual([
      { shardId: middle, start: 'trim-horizon', atTip: false, isContinuation: true },
    ]);
  });
});

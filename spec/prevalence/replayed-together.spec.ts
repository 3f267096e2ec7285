import { describe, expect, it } from '@jest/globals';
import type { ReadCommit } from '../../lib/journal/index.js';
import { encodeEvent } from '../../lib/prevalence/event-text.js';
import { type Handler, withResult } from '../../lib/prevalence/index.js';
import { Replica } from '../../lib/prevalence/replica.js';
import { FrozenBytes } from '../../lib/snapshot/index.js';

interface Sum {
  readonly total: number;
  readonly last: { readonly time: number; readonly seq: number };
}

const add: Handler<Sum, number, string> = ({ total }, event, last) => {
  if (event < 0) throw new RangeError('less than nothing');
  return withResult({ total: total + event, last }, `number ${last.seq}`);
};

const noCommit = {
  ...{ body: undefined, skip: [], marks: [], retires: false, handlerVersion: undefined, stateDigest: undefined },
  ...{ writer: 'one', prev: 0 },
};

/** Commits of these events, each with its id. */
function commits(...batches: readonly (readonly number[])[]): ReadCommit[] {
  let first = 1;
  return batches.map((events, at) => {
    const text = events.map((event, index) => encodeEvent(event, `id-${first + index}`).text).join('\n');
    const commit = { ...noCommit, place: at + 1, n: at + 1, first, count: events.length, time: (at + 1) * 10, text };
    first += events.length;
    return { commit, text, chain: '' };
  });
}

function open(untilSeq = Number.POSITIVE_INFINITY): Replica<Sum, number, string> {
  const initialState: Sum = Object.freeze({ total: 0, last: Object.freeze({ time: 0, seq: 0 }) });
  const bytes = new FrozenBytes();
  const none = { handlerVersion: undefined, upcast: undefined };
  return new Replica({ system: 'sum', handler: add, ...none, idsMax: 100, initialState, bytes, untilSeq });
}

const batches = [[1], [2], [], [3, 4], [5]];

describe('Replica', () => {
  it('comes to the same by commits that are replayed together and one by one', () => {
    const [together, single] = [open(), open()];
    expect(together.applyAll(commits(...batches))).toBe(true);
    for (const read of commits(...batches)) single.apply(read);
    expect(together.capture()).toEqual(single.capture());
    expect(together.state).toEqual({ total: 15, last: { time: 50, seq: 5 } });
    expect([together.seq, together.time]).toEqual([single.seq, single.time]);
    expect(together.ids.get('id-4')).toBe('number 4');
    expect(Object.isFrozen(together.state.last)).toBe(true);
  });

  const special: [string, readonly ReadCommit[]][] = [
    ['none', []],
    ['an event that the handler refuses', commits([1], [-1], [2])],
    ['text that is no JSON', commits([1], [2]).map((read, at) => (at === 0 ? read : { ...read, text: '{' }))],
    [
      'fewer lines than events in one, and more in the next',
      commits([1, 2], [3]).map((read, at) => ({ ...read, text: ['1', '2\n3'][at] as string })),
    ],
    ['lines of two values', commits([1], [2, 3]).map((read, at) => ({ ...read, text: at === 0 ? '1,2' : '3\n' }))],
    ['a digest of the state', withFacts({ stateDigest: 'other' })],
    ['events that do not count', withFacts({ skip: [0], count: 0 })],
  ];

  it.each(special)('takes nothing of commits together with %s', (_name, reads) => {
    const replica = open();
    const before = replica.state;
    expect(replica.applyAll(reads)).toBe(false);
    expect(replica.state).toBe(before);
    expect([replica.seq, replica.ids.has('id-1')]).toEqual([0, false]);
  });

  it('takes nothing together for one who is told of each, nor beyond where it stops', () => {
    const replica = open();
    const end = replica.listen(() => {});
    expect(replica.applyAll(commits(...batches))).toBe(false);
    end();
    expect(replica.applyAll(commits(...batches))).toBe(true);
    expect(open(4).applyAll(commits(...batches))).toBe(false);
    expect(open(5).applyAll(commits(...batches))).toBe(true);
  });
});

function withFacts(facts: Partial<ReadCommit['commit']>): ReadCommit[] {
  return commits([1], [2]).map((read) => ({ ...read, commit: { ...read.commit, ...facts } }));
}

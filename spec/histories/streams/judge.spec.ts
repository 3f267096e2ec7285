// Goal: the judge of streams finds what it is there for. Method: small histories, right ones and ones with one thing wrong.
import { describe, expect, it } from '@jest/globals';
import { judgeStream } from './judge.js';
import type { Heard, Note, Written } from './notes.js';

const shardId = 'shardId-1';
const seq = (n: number): string => String(10n ** 20n + BigInt(n));
const write = (n: number): Written => ({ seq: seq(n), key: 'k', n });
const truth = [1, 2, 3, 4].map(write);
const said = (by: string, epoch: number, note: Record<string, unknown>): Heard =>
  ({ shardId, epoch, ...note, by, atMs: 0 }) as unknown as Note & { by: string; atMs: number };
const delivered = (by: string, epoch: number, ns: readonly number[], attempt = 1): Heard =>
  said(by, epoch, { kind: 'delivered', attempt, records: ns.map(write) });
const started = (by: string, epoch: number): Heard => said(by, epoch, { kind: 'started' });

const findingsOf = (...notes: Heard[]): string => judgeStream(truth, notes).findings.join('\n');

describe('judgeStream()', () => {
  it('lets pass what a crash may do', () => {
    const notes = [
      started('a', 1),
      delivered('a', 1, [1, 2]),
      delivered('a', 1, [3]),
      started('b', 2),
      delivered('b', 2, [2, 3, 4]),
    ];
    expect(judgeStream(truth, notes)).toMatchObject({ findings: [], delivered: 6, repeats: 2 });
  });

  it('lets a failed handler have its records again', () => {
    expect(findingsOf(delivered('a', 1, [1, 2]), delivered('a', 1, [1, 2], 2), delivered('a', 1, [3, 4]))).toBe('');
    const yields = said('a', 1, { kind: 'left', why: 'shard-yielded' });
    expect(
      findingsOf(delivered('a', 1, [1, 2]), said('a', 1, { kind: 'refused' }), yields, delivered('b', 2, [1, 2, 3, 4])),
    ).toBe('');
  });

  it.each([
    ['a record that nobody was given', [delivered('a', 1, [1, 2, 3])], 'was never delivered'],
    [
      'a gap within an epoch',
      [delivered('a', 1, [1, 2]), delivered('a', 1, [4]), delivered('b', 2, [3])],
      'was delivered after 2',
    ],
    [
      'a new owner that begins too late',
      [delivered('a', 1, [1]), delivered('b', 2, [3, 4]), delivered('c', 3, [2])],
      'and 1 was the last delivered',
    ],
    ['two owners in one epoch', [started('a', 1), started('b', 1), delivered('a', 1, [1, 2, 3, 4])], 'has two owners'],
    [
      'what is stored and comes again',
      [delivered('a', 1, [1, 2]), said('a', 1, { kind: 'stored', seq: seq(2) }), delivered('b', 2, [2, 3, 4])],
      'was stored in 1',
    ],
    [
      'what comes again after an orderly end',
      [delivered('a', 1, [1, 2]), said('a', 1, { kind: 'left', why: 'shard-yielded' }), delivered('b', 2, [2, 3, 4])],
      'given up in order',
    ],
    ['a failure', [said('a', 1, { kind: 'failed', why: 'parked' }), delivered('a', 1, [1, 2, 3, 4])], 'a: parked'],
  ])('finds %s', (_, notes, finding) => {
    expect(findingsOf(...notes)).toContain(finding);
  });

  it('counts who reads a shard at the same time', () => {
    const read = (by: string, fromMs: number, toMs: number) => said(by, 1, { kind: 'read', fromMs, toMs });
    expect(judgeStream([], [read('a', 0, 10), read('b', 20, 30), read('c', 25, 40)]).readersMax).toBe(2);
  });
});

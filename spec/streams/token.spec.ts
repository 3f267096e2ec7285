/** Tokens as text: what comes back, and what is refused. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  compareSequences,
  decodeToken,
  encodeToken,
  type ShardPosition,
  type StreamToken,
  TokenError,
} from '../../lib/streams/index.js';
import { requireStream } from '../../lib/streams/token.js';

const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
const table = 'arn:aws:dynamodb:eu-central-1:123456789012:table/state';
const stream = `${table}/stream/2026-01-02T00:00:00.000`;
const sequence = fc.bigInt({ min: 1n, max: 10n ** 40n - 1n }).map(String);
const position: fc.Arbitrary<ShardPosition> = fc.oneof(
  fc.constantFrom<ShardPosition>('trim-horizon', 'end'),
  fc.nat(2 ** 31).map((latestSince) => ({ latestSince })),
  sequence.map((at) => ({ at })),
  sequence.map((after) => ({ after })),
);
const token: fc.Arbitrary<StreamToken> = fc
  .dictionary(fc.stringMatching(/^shardId-\d{3,8}$/), position, { maxKeys: 5 })
  .map((shards) => ({ v: 1, stream, shards: { ...shards } }));

const refusal = (text: string): string => {
  try {
    decodeToken(text);
  } catch (error) {
    if (error instanceof TokenError) return error.reason;
    throw error;
  }
  return 'taken';
};

describe('encodeToken()', () => {
  it('comes back as it was, and is one text for one position', () => {
    fc.assert(
      fc.property(token, (one) => {
        const shuffled = { ...one, shards: Object.fromEntries(Object.entries(one.shards).reverse()) };
        expect(decodeToken(encodeToken(one))).toEqual(one);
        expect(encodeToken(shuffled)).toBe(encodeToken(one));
      }),
      seed,
    );
  });
});

describe('decodeToken()', () => {
  it('refuses a text of which one character is another one, or that was cut', () => {
    fc.assert(
      fc.property(token, fc.nat(), fc.constantFrom('0', '9', 'a', '"', '}'), (one, at, character) => {
        const text = encodeToken(one);
        const place = at % text.length;
        const changed = text.slice(0, place) + character + text.slice(place + 1);
        if (changed !== text) expect(['damaged', 'newer-format']).toContain(refusal(changed));
        expect(refusal(text.slice(0, place))).toBe('damaged');
      }),
      { ...seed, numRuns: 300 },
    );
  });

  it.each<[string, unknown]>([
    ['no object', 7],
    ['no format', { stream, shards: {} }],
    ['no stream', { v: 1, shards: {} }],
    ['no shards', { v: 1, stream }],
    ['a list of shards', { v: 1, stream, shards: [] }],
    ['a position that is none', { v: 1, stream, shards: { a: 'latest' } }],
    ['a number that is none', { v: 1, stream, shards: { a: { after: '1x' } } }],
    ['a number of another type', { v: 1, stream, shards: { a: { after: 1 } } }],
    ['two positions', { v: 1, stream, shards: { a: { after: '1', at: '1' } } }],
    ['no time', { v: 1, stream, shards: { a: { latestSince: 'now' } } }],
  ])('refuses %s', (_what, given) => {
    expect(refusal(JSON.stringify(given))).toBe('damaged');
  });

  it('tells a later format from damage, and what to do about it', () => {
    expect(refusal(JSON.stringify({ v: 2, stream, shards: {} }))).toBe('newer-format');
    expect(() => decodeToken(JSON.stringify({ v: 2 }))).toThrow(/version that wrote it.*\[ERR_STREAM_TOKEN\]/);
  });

  it('takes JSON of a token without a sum', () => {
    expect(refusal(JSON.stringify({ v: 1, stream, shards: { a: 'end' } }))).toBe('taken');
  });
});

describe('requireStream()', () => {
  const of = (arn: string): StreamToken => ({ v: 1, stream: arn, shards: {} });

  it('tells an earlier stream of the table from a stream of another one', () => {
    expect(() => requireStream(of(stream), stream)).not.toThrow();
    expect(() => requireStream(of(`${table}/stream/2026-01-01T00:00:00.000`), stream)).toThrow(
      /has a newer one.*read the table anew.*\[ERR_STREAM\]/,
    );
    expect(() => requireStream(of(stream.replace('state', 'other')), stream)).toThrow(
      /own token or checkpointer.*\[ERR_STREAM_TOKEN\]/,
    );
    expect(() => requireStream(of('nonsense'), stream)).toThrow('ERR_STREAM_TOKEN');
  });
});

describe('compareSequences()', () => {
  it('is the order of numbers, not of texts and not of what a number can hold', () => {
    expect(compareSequences('9', '10')).toBeLessThan(0);
    expect(compareSequences('100000000000000000000001', '100000000000000000000000')).toBeGreaterThan(0);
    expect(compareSequences('0007', '7')).toBe(0);
  });
});

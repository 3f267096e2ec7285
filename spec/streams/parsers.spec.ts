/** What is made of records: the words of engines, numbers of 38 digits, images that are not there. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type AttributeValue, type Item, numberReader } from '../../lib/codec/index.js';
import { raw, type StreamRecord, unmarshalled } from '../../lib/streams/index.js';
import { metaOf } from '../../lib/streams/meta.js';

const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
const keys: Item = { pk: { S: 'a' } };
const record = (dynamodb: Partial<NonNullable<StreamRecord['dynamodb']>>, eventName?: string): StreamRecord => ({
  eventID: 'e1',
  eventName,
  dynamodb: {
    Keys: keys,
    SequenceNumber: '100',
    SizeBytes: 7,
    ApproximateCreationDateTime: new Date(5_000),
    ...dynamodb,
  },
});
const parsed = (given: StreamRecord, options?: Parameters<typeof unmarshalled>[0]) =>
  unmarshalled(options).parse(given, metaOf('s', given));

describe('raw()', () => {
  it('is the record itself', () => {
    const one = record({});
    expect(raw().parse(one, metaOf('s', one))).toBe(one);
  });
});

describe('unmarshalled()', () => {
  it('reads lists, maps, sets, bytes and null, however deep', () => {
    const NewImage: Item = {
      list: { L: [{ M: { deep: { L: [{ N: '1' }, { NULL: true }, { BOOL: false }] } } }, { S: 'x' }] },
      set: { NS: ['1', '9007199254740993'] },
      bytes: { B: new Uint8Array([1, 2]) },
      empty: { M: {} },
    };
    expect(parsed(record({ NewImage }))).toEqual({
      keys: { pk: 'a' },
      newImage: {
        list: [{ deep: [1, null, false] }, 'x'],
        set: new Set([1, 9_007_199_254_740_993n]),
        bytes: new Uint8Array([1, 2]),
        empty: {},
      },
      oldImage: undefined,
    });
  });

  it('leaves an image that is missing undefined, never an empty object', () => {
    expect(parsed(record({}))).toEqual({ keys: { pk: 'a' }, newImage: undefined, oldImage: undefined });
    expect(parsed(record({ OldImage: {} }))).toMatchObject({ oldImage: {} });
  });

  it('loses no digit in silence: the way back gives the number that was stored', () => {
    const digits = fc.stringMatching(/^[1-9]\d{0,37}$/);
    const number = fc
      .tuple(fc.constantFrom('', '-'), digits, fc.nat(40), fc.constantFrom('', 'E+3', 'e-7', 'E90'))
      .map(([sign, all, point, power]) => {
        const at = point % (all.length + 1);
        return sign + (at === 0 || at === all.length ? all : `${all.slice(0, at)}.${all.slice(at)}`) + power;
      });
    fc.assert(
      fc.property(
        number,
        fc.constantFrom<'number' | 'bigint' | 'string'>('number', 'bigint', 'string'),
        (text, numbers) => {
          const read = numberReader(numbers)(text);
          expect(decimalOf(String(read))).toBe(decimalOf(text));
          if (typeof read === 'number' && Number.isInteger(read)) expect(Number.isSafeInteger(read)).toBe(true);
          if (numbers === 'string') expect(read).toBe(text);
          if (numbers === 'bigint') expect(Number.isInteger(read)).toBe(false);
        },
      ),
      { ...seed, numRuns: 1_000 },
    );
  });

  it.each<[string, unknown, unknown]>([
    ['1', 1, 1n],
    ['-0', 0, 0n],
    ['12.5', 12.5, 12.5],
    ['9007199254740991', 9_007_199_254_740_991, 9_007_199_254_740_991n],
    ['9007199254740992', 9_007_199_254_740_992n, 9_007_199_254_740_992n],
    ['1E+30', 10n ** 30n, 10n ** 30n],
    ['0.1234567890123456789', '0.1234567890123456789', '0.1234567890123456789'],
  ])('makes of %s what fits it', (text, asNumber, asBigint) => {
    expect(numberReader('number')(text)).toEqual(asNumber);
    expect(numberReader('bigint')(text)).toEqual(asBigint);
  });

  it('refuses what is no number, a prototype, and another word for numbers', () => {
    const hostile = Object.defineProperty({}, '__proto__', { value: { S: 'x' }, enumerable: true }) as Item;
    expect(() => parsed(record({ NewImage: { n: { N: 'abc' } as AttributeValue } }))).toThrow('ERR_DECODE');
    expect(() => parsed(record({ NewImage: { a: { M: hostile as Record<string, AttributeValue> } } }))).toThrow(
      '__proto__',
    );
    expect(() => unmarshalled({ numbers: 'double' as never })).toThrow(TypeError);
  });
});

describe('metaOf()', () => {
  const both = { StreamViewType: 'NEW_AND_OLD_IMAGES' };

  it.each<[string, StreamRecord, string]>([
    ['images, whatever the name', record({ ...both, NewImage: keys }, 'MODIFY'), 'INSERT'],
    ['two images', record({ ...both, NewImage: keys, OldImage: keys }, 'UNKNOWN_TO_SDK_VERSION'), 'MODIFY'],
    ['an old image alone', record({ ...both, OldImage: keys }, 'UNKNOWN_TO_SDK_VERSION'), 'REMOVE'],
    ['the name, with a new image alone', record({ StreamViewType: 'NEW_IMAGE', NewImage: keys }, 'INSERT'), 'INSERT'],
    ['the name, with an old image alone', record({ StreamViewType: 'OLD_IMAGE', OldImage: keys }, 'MODIFY'), 'MODIFY'],
    ['the name, without images', record({ StreamViewType: 'KEYS_ONLY' }, 'MODIFY'), 'MODIFY'],
    ['no image and no name that is known', record({ StreamViewType: 'KEYS_ONLY' }, 'UNKNOWN_TO_SDK_VERSION'), 'REMOVE'],
    ['a new image and no name that is known', record({ StreamViewType: 'NEW_IMAGE', NewImage: keys }, 'X'), 'MODIFY'],
    ['an old image and no name that is known', record({ StreamViewType: 'OLD_IMAGE', OldImage: keys }, 'X'), 'REMOVE'],
  ])('tells what happened by %s', (_by, given, event) => {
    expect(metaOf('s', given).event).toBe(event);
  });

  it('tells a deletion by time to live, also in the words of DynamoDB Local', () => {
    const ttl = { Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' };
    const removed = record({ ...both, OldImage: keys }, 'REMOVE');
    expect(metaOf('s', removed).ttl).toBe(false);
    expect(metaOf('s', { ...removed, userIdentity: ttl }).ttl).toBe(true);
    expect(metaOf('s', { ...removed, userIdentity: { ...ttl, PrincipalId: 'other' } }).ttl).toBe(false);
    expect(metaOf('s', { ...removed, eventName: 'UNKNOWN_TO_SDK_VERSION' }).ttl).toBe(true);
    expect(metaOf('s', record({ ...both, NewImage: keys }, 'UNKNOWN_TO_SDK_VERSION')).ttl).toBe(false);
  });

  it('carries what the record says of itself', () => {
    expect(metaOf('shard-1', record({ ...both, NewImage: keys }))).toEqual({
      shardId: 'shard-1',
      sequenceNumber: '100',
      eventId: 'e1',
      event: 'INSERT',
      approximateCreationTime: new Date(5_000),
      sizeBytes: 7,
      ttl: false,
    });
  });
});

/** The decimal that a text stands for, in one form. */
function decimalOf(text: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] = /^(-?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  return digits === '' ? '0' : `${sign}${digits}e${Number(power) - fraction.length + all.length - digits.length}`;
}

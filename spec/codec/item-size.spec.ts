// Goal: sizes agree with the service's published rules. Method: each rule by a table of small cases, then one item by hand.
import { describe, expect, it } from '@jest/globals';
import type { AttributeValue } from '../../lib/codec/attribute.js';
import { attributeBytes, itemBytes, readUnits, writeUnits } from '../../lib/codec/item-size.js';

describe('attributeBytes()', () => {
  it.each<[string, AttributeValue, number]>([
    ['an empty string', { S: '' }, 0],
    ['a string in UTF-8', { S: 'aé€😀' }, 1 + 2 + 3 + 4],
    ['binary', { B: new Uint8Array(7) }, 7],
    ['true', { BOOL: true }, 1],
    ['null', { NULL: true }, 1],
    ['an empty map', { M: {} }, 3],
    ['a map', { M: { ab: { S: 'c' }, d: { BOOL: false } } }, 3 + 1 + 2 + 1 + 1 + 1 + 1],
    ['an empty list', { L: [] }, 3],
    ['a list', { L: [{ S: 'abc' }, { NULL: true }] }, 3 + 1 + 3 + 1 + 1],
    ['a set of strings', { SS: ['ab', 'c'] }, 3],
    ['a set of numbers', { NS: ['1', '22'] }, 4],
    ['a set of binaries', { BS: [new Uint8Array(2), new Uint8Array(3)] }, 5],
  ])('counts %s', (_, value, bytes) => {
    expect(attributeBytes(value)).toBe(bytes);
  });

  it.each([
    ['0', 1],
    ['0.000', 1],
    ['1', 2],
    ['-1', 3],
    ['12', 2],
    ['123', 3],
    ['1200', 2],
    ['1000', 2],
    ['0.01', 2],
    ['0.1', 2],
    ['12.3', 3],
    ['1.2e3', 2],
    ['1E-130', 2],
    ['00012', 2],
    ['12345678901234567890123456789012345678', 20],
    ['1234567890123456789012345678901234567.8', 21],
    ['-1234567890123456789012345678901234567.8', 22],
  ])('counts the number %s', (text, bytes) => {
    expect(attributeBytes({ N: text })).toBe(bytes);
  });
});

describe('itemBytes()', () => {
  it('counts names and values', () => {
    expect(itemBytes({ pk: { S: 'user#1' }, é: { N: '-12.5' }, tags: { L: [{ S: 'x' }] } })).toBe(
      2 + 6 + 2 + 4 + 4 + 5,
    );
  });
});

it('itemBytes() takes an item of which the SDK lost a value', () => {
  expect(itemBytes({ pk: { S: 'a' }, ['__proto__']: undefined } as never)).toBe(3);
});

describe('writeUnits() and readUnits()', () => {
  it('round up to whole units and never below one', () => {
    expect([0, 1, 1_024, 1_025, 409_600].map(writeUnits)).toEqual([1, 1, 1, 2, 400]);
    expect([0, 4_096, 4_097, 409_600].map((bytes) => readUnits(bytes, true))).toEqual([1, 1, 2, 100]);
    expect([0, 4_097].map((bytes) => readUnits(bytes, false))).toEqual([0.5, 1]);
  });
});

// Goal: an object that is not what was written is found. Method: every cut, every flipped bit, foreign bytes, a later format.
import { describe, expect, it } from '@jest/globals';
import { frameBytes, frameObject, unframeObject } from '../../lib/s3/object-frame.js';

const content = Buffer.from('a few bytes, and a \0 among them');
const framed = frameObject(content);

const reasonOf = (body: Uint8Array) => {
  const unframed = unframeObject(body);
  return 'reason' in unframed ? unframed.reason : undefined;
};

describe('frameObject', () => {
  it('adds its few bytes', () => {
    expect(framed).toHaveLength(content.length + frameBytes);
  });

  it('gives back what was put, nothing included', () => {
    expect(unframeObject(framed)).toEqual({ content });
    expect(unframeObject(frameObject(new Uint8Array()))).toEqual({ content: Buffer.alloc(0) });
  });
});

describe('unframeObject', () => {
  it('finds an object that is cut at any byte', () => {
    for (let length = 0; length < framed.length; length += 1) {
      expect([length, reasonOf(framed.subarray(0, length))]).toEqual([length, 'damaged']);
    }
  });

  it('finds each flipped bit', () => {
    for (let bit = 0; bit < framed.length * 8; bit += 1) {
      const flipped = Buffer.from(framed);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect([bit, reasonOf(flipped)]).not.toEqual([bit, undefined]);
    }
  });

  it('finds bytes that were added', () => {
    const detail = `it has ${framed.length + 1} bytes, not ${framed.length}`;
    expect(unframeObject(Buffer.concat([framed, Buffer.of(0)]))).toEqual({ reason: 'damaged', detail });
  });

  it('tells what something else wrote from what is damaged', () => {
    expect(reasonOf(Buffer.from('<html>'))).toBe('foreign');
    expect(reasonOf(Buffer.alloc(100))).toBe('foreign');
  });

  it('refuses a later format by name', () => {
    const later = Buffer.from(framed);
    later[4] = 2;
    expect(unframeObject(later)).toEqual({ reason: 'newer-format', detail: 'format is 2, this release knows 1' });
  });
});

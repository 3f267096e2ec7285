/** Goal: what is compressed comes back, or is refused within bounds. Method: values of all sizes and kinds, and forged headers. */
import { types } from 'node:util';
import { crc32, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  compactCodec,
  compressed,
  type Encoded,
  heldFrom,
  hold,
  jsonCodec,
  type SealingCodec,
  type ValueCodec,
} from '../../lib/codec/index.js';
import { bytesIn, failureOf, flipped, formOf, home, withBytes } from './places.js';

const layer = compressed({ bytesMin: 0 });
const text = (bytes: number) => 'the same words over and over again, '.repeat(Math.ceil(bytes / 36)).slice(0, bytes);
const noise = (bytes: number) =>
  Uint8Array.from({ length: bytes }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 11) & 255);

async function roundTrip(value: unknown, codec: SealingCodec = layer): Promise<unknown> {
  const opened = await codec.open(await codec.seal(formOf(value, codec), home), home);
  return heldFrom(opened, home.key, codec.form).hand();
}

describe('compressed()', () => {
  it.each([
    ['text', text(1_000)],
    ['a number', 0],
    ['null', null],
    ['an empty text', ''],
    ['more than plain JSON', { at: new Date(5), tags: new Set(['a']), big: 2n ** 70n, raw: noise(10) }],
    ['bytes', noise(3_000)],
    ['no bytes', new Uint8Array()],
    ['text beyond ASCII', 'ä€😀'.repeat(500)],
    ['4,096 bytes', text(4_090)],
    ['what the thread pool does', text(300_000)],
    ['bytes for the thread pool', new Uint8Array(20_000)],
  ])('brings back %s', async (_what, value) => {
    expect(await roundTrip(value)).toEqual(value);
  });

  it('makes it smaller, at once when it is small and in the thread pool when it is large', async () => {
    const small = layer.seal(formOf(text(10_000), layer), home);
    expect(types.isPromise(small)).toBe(false);
    expect(bytesIn(small as Encoded).length).toBeLessThan(200);
    expect(types.isPromise(layer.open(small as Encoded, home))).toBe(false);
    const large = layer.seal(formOf(text(100_000), layer), home);
    expect(types.isPromise(large)).toBe(true);
    expect(bytesIn(await large).length).toBeLessThan(1_000);
    expect(types.isPromise(layer.open(await large, home))).toBe(true);
  });

  it('stores what does not get smaller as it is, under 20 bytes of header', async () => {
    const value = crypto.getRandomValues(new Uint8Array(20_000));
    const sealed = await layer.seal(formOf(value, layer), home);
    expect(bytesIn(sealed).length).toBeLessThanOrEqual(20_000 + 20);
    expect(await roundTrip(value)).toEqual(value);
  });

  it('leaves what is below bytesMin in its own form, readable', async () => {
    const codec = compressed({ bytesMin: 100 });
    expect(await codec.seal(formOf({ n: 1 }, codec), home)).toEqual({
      data: { S: '{"json":{"n":1}}' },
      codec: 'compact',
    });
    expect(await codec.seal(formOf(text(200), codec), home)).toMatchObject({ codec: 'compressed' });
    expect(codec.acceptsUnsealed).toBe(true);
  });

  it('takes native forms too, with notes and bytes in them', async () => {
    for (const value of [{ list: [1, null, { raw: noise(9) }] }, { at: new Date(1), raw: noise(4) }, new Set([1])]) {
      const form = hold(value).encode();
      const opened = await layer.open(await layer.seal(form, home), home);
      expect(opened).toEqual(form);
      expect(heldFrom(opened, home.key).hand()).toEqual(value);
    }
  });

  it('takes forms of codecs of one’s own, whatever attribute they make', async () => {
    const codec: ValueCodec = {
      name: 'pairs',
      encode: (value) => ({ L: [{ S: 'v' }, { M: { n: { N: String(value) } } }, { BS: [noise(2)] }] }),
      decode: () => 7,
    };
    const own = compressed({ bytesMin: 0, form: codec });
    const form = formOf(7, own);
    expect(await own.open(await own.seal(form, home), home)).toEqual(form);
  });

  it('refuses a form that UTF-8 does not hold, or that is larger than bytesMax, before it is written', async () => {
    const half = { data: { S: '\ud800' }, codec: 'own' };
    expect(await failureOf(() => layer.seal(half, home))).toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' });
    const small = compressed({ bytesMin: 0, bytesMax: 100 });
    const tooLarge = await failureOf(() => small.seal(formOf(text(200), small), home));
    expect(tooLarge).toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' });
    expect((tooLarge as Error).message).toMatch(/211 bytes.*up to 100/);
    const named = { data: { S: 'x' }, codec: 'n'.repeat(256) };
    expect(await failureOf(() => layer.seal(named, home))).toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' });
  });

  it('refuses each turned bit and each cut', async () => {
    for (const value of [text(600), crypto.getRandomValues(new Uint8Array(60))]) {
      const sealed = await layer.seal(formOf(value, layer), home);
      const bytes = bytesIn(sealed);
      const changed = [
        ...Array.from({ length: bytes.length * 8 }, (_, bit) => flipped(bytes, bit >> 3, bit & 7)),
        ...Array.from(bytes, (_, end) => bytes.subarray(0, end)),
      ];
      for (const one of changed) {
        const outcome = await failureOf(() => layer.open(withBytes(sealed, one), home));
        // The last byte of deflate may have bits that say nothing.
        if (outcome === undefined)
          expect(await layer.open(withBytes(sealed, one), home)).toEqual(await layer.open(sealed, home));
        else expect(outcome).toMatchObject({ code: 'ERR_DECODE', key: home.key });
      }
    }
  });

  it('refuses what is no bytes, or has notes beside it', async () => {
    const sealed = await layer.seal(formOf('x', layer), home);
    for (const wrong of [
      { ...sealed, data: { S: 'x' } },
      { ...sealed, annotations: '{}' },
    ]) {
      expect(await failureOf(() => layer.open(wrong, home))).toMatchObject({ code: 'ERR_DECODE', reason: 'damaged' });
    }
  });

  it('says that a newer format is newer', async () => {
    const sealed = await layer.seal(formOf('x', layer), home);
    const newer = Uint8Array.from(bytesIn(sealed), (byte, index) => (index === 0 ? 2 : byte));
    expect(await failureOf(() => layer.open(withBytes(sealed, newer), home))).toMatchObject({ reason: 'newer-format' });
  });

  describe('of a bomb', () => {
    const bomb = deflateRawSync(new Uint8Array(50_000_000));
    const claiming = (length: number) => {
      const header = Buffer.from([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 120]);
      header.writeUInt32BE(length, 6);
      return { data: { B: Buffer.concat([header, bomb]) }, codec: 'compressed' };
    };
    const refusal = (codec: SealingCodec, length: number) => failureOf(() => codec.open(claiming(length), home));

    it('inflates no more than is stated', async () => {
      const before = process.memoryUsage.rss();
      for (const length of [10, 100_000]) {
        expect(await refusal(layer, length)).toMatchObject({ message: expect.stringContaining('can not be inflated') });
      }
      expect(process.memoryUsage.rss() - before).toBeLessThan(40_000_000);
    });

    it('refuses what claims more than bytesMax', async () => {
      const message = expect.stringContaining('bytesMax is 40000000');
      expect(await refusal(compressed({ bytesMax: 40_000_000 }), 50_000_000)).toMatchObject({
        code: 'ERR_DECODE',
        message,
      });
    });

    it('refuses what claims more than deflate can reach', async () => {
      const roomy = compressed({ bytesMax: 0x7fff_ffff });
      const message = expect.stringContaining(`claims 2147483647 bytes out of ${bomb.length}`);
      expect(await refusal(roomy, 0x7fff_ffff)).toMatchObject({ code: 'ERR_DECODE', message });
    });
  });

  it('refuses native forms that are nested without end, and ones that are none', async () => {
    const forged = (json: string) => {
      const head = Buffer.from([2, 0]);
      const content = Buffer.from(json);
      const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
      header.writeUInt32BE(crc32(content, crc32(head)), 2);
      header.writeUInt32BE(content.length, 6);
      return { data: { B: Buffer.concat([header, head, content]) }, codec: 'compressed' };
    };
    expect(await layer.open(forged('[{"L":[{"N":"1"}]}]'), home)).toEqual({ data: { L: [{ N: '1' }] } });
    const deep = (levels: number) => `[${'{"L":['.repeat(levels)}{"N":"1"}${']}'.repeat(levels)}]`;
    const wrong = [
      '[]',
      '{}',
      '[1]',
      '[{}]',
      '[{"N":"1","S":""}]',
      '[{"N":"1"},2]',
      '[{"N":"1"},"",""]',
      '[{"L":{}}]',
      '[{"M":[]}]',
    ];
    for (const json of [...wrong, '[{"B":1}]', '[{"BS":["",1]}]', deep(60), deep(100_000)]) {
      expect(await failureOf(() => layer.open(forged(json), home))).toMatchObject({ code: 'ERR_DECODE' });
    }
  });

  it('checks its options', () => {
    for (const wrong of [
      { bytesMin: -1 },
      { bytesMin: Number.NaN },
      { bytesMax: 0 },
      { bytesMax: 2 ** 31 },
      { level: 0 },
      { level: 10 },
    ]) {
      expect(() => compressed(wrong)).toThrow(RangeError);
    }
    expect(compressed({ form: jsonCodec }).form).toBe(jsonCodec);
  });
});

describe('compactCodec', () => {
  it('keeps bytes as bytes and all else as text, and both are read without it', () => {
    for (const value of [noise(100), { raw: noise(3) }, [1, new Date(2)]]) {
      const held = hold(value, compactCodec);
      expect('B' in held.encode().data).toBe(value instanceof Uint8Array);
      expect(heldFrom(held.encode(), 'k').hand()).toEqual(value);
      expect(heldFrom(held.encode(), 'k', jsonCodec).equals(held)).toBe(true);
    }
  });

  it('keeps no object of the caller', () => {
    const value = noise(10);
    const held = hold(value, compactCodec);
    const kept = noise(10);
    value[0] = 99;
    (held.hand() as Uint8Array)[1] = 99;
    expect(held.hand()).toEqual(kept);
    expect(held.encode().data).toEqual({ B: kept });
  });
});

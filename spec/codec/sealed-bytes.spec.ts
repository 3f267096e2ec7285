// Goal: bytes come back as they went in, whatever layer they went through, and only at their place. Method: all layers, all
// places, every bit of short sealed bytes.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { compressed, encrypted, keyRing, openBytes, sealBytes, sealedWith } from '../../lib/codec/index.js';
import { elsewhere, failureOf, flipped, home, keyOf } from './places.js';

const keys = keyRing({ current: 'k1', keys: { k1: keyOf(1) } });
const codecs = [
  ['encrypted', encrypted({ keys })],
  ['encrypted over compressed', encrypted({ keys, inner: compressed({ bytesMin: 0 }) })],
  ['compressed', compressed({ bytesMin: 0 })],
  ['compressed, not worth it', compressed()],
] as const;
const samples = [new Uint8Array(0), Buffer.from('ljs\x01'), randomBytes(100), Buffer.alloc(100_000, 'text ')];
const foreign = { code: 'ERR_DECODE', reason: 'foreign', key: home.key };

describe.each(codecs)('sealBytes and openBytes with %s', (_name, codec) => {
  it('give back the bytes, also through several seals', async () => {
    for (const bytes of samples) {
      const once = await sealBytes(codec, bytes, home);
      expect(Buffer.from(await openBytes(codec, once, home))).toEqual(Buffer.from(bytes));
      const twice = await sealBytes(codec, once, home);
      expect(Buffer.from(await openBytes(codec, twice, home))).toEqual(Buffer.from(once));
    }
  });

  it('refuse sealed bytes with any bit turned, or give the same', async () => {
    const bytes = Buffer.alloc(60, 'abc');
    const sealed = await sealBytes(codec, bytes, home);
    for (let at = 0; at < sealed.length * 8; at += 1) {
      const altered = flipped(sealed, at >> 3, at & 7);
      const failure = await failureOf(() => openBytes(codec, altered, home));
      // Without its magic it is a text like any other where no encryption says otherwise.
      if (failure === undefined) expect([codec.encrypts, codec.name]).toEqual([undefined, 'compressed']);
      else expect(['ERR_DECODE', 'ERR_KEY_MISSING']).toContain((failure as { code: string }).code);
    }
  });
});

describe('sealBytes', () => {
  it('does not compress what is packed', async () => {
    const bytes = Buffer.alloc(2_000, 'text ');
    const squeezed = await sealBytes(compressed(), bytes, home);
    const packed = await sealBytes(compressed(), bytes, home, { packed: true });
    expect([sealedWith(squeezed), sealedWith(packed)]).toEqual(['compressed', 'packed']);
    expect(packed.length - bytes.length).toBeLessThan(20);
    for (const sealed of [squeezed, packed])
      expect(Buffer.from(await openBytes(undefined, sealed, home))).toEqual(bytes);
    const hidden = await sealBytes(encrypted({ keys, inner: compressed() }), bytes, home, { packed: true });
    expect(hidden.length).toBeGreaterThan(bytes.length);
    expect(Buffer.from(await openBytes(codecs[0][1], hidden, home))).toEqual(bytes);
  });
});

describe('openBytes', () => {
  const [, codec] = codecs[0];

  it('refuses encrypted bytes at any other place, and cut anywhere', async () => {
    const sealed = await sealBytes(codec, Buffer.from('secret'), home);
    for (const [what, place] of elsewhere) {
      expect([what, await failureOf(() => openBytes(codec, sealed, place))]).toMatchObject([
        what,
        { reason: 'damaged' },
      ]);
    }
    for (let end = 0; end < sealed.length; end += 1) {
      expect(await failureOf(() => openBytes(codec, sealed.subarray(0, end), home))).toMatchObject({
        code: 'ERR_DECODE',
      });
    }
  });

  it('takes plain bytes where nothing encrypts, and only there', async () => {
    const plain = Buffer.from('plain');
    expect(await openBytes(undefined, plain, home)).toBe(plain);
    expect(await openBytes(compressed(), plain, home)).toBe(plain);
    expect(await openBytes(encrypted({ keys, acceptPlain: true }), plain, home)).toBe(plain);
    expect(await failureOf(() => openBytes(codec, plain, home))).toMatchObject(foreign);
    for (const bytesMin of [0, 512]) {
      const squeezed = await sealBytes(compressed({ bytesMin }), plain, home);
      expect(Buffer.from(await openBytes(undefined, squeezed, home))).toEqual(plain);
      expect(Buffer.from(await openBytes(encrypted({ keys, acceptPlain: true }), squeezed, home))).toEqual(plain);
      expect(await failureOf(() => openBytes(codec, squeezed, home))).toMatchObject(foreign);
    }
  });

  it('says of what is sealed with what, and opens it with nothing else', async () => {
    const sealed = await sealBytes(codec, Buffer.from('secret'), home);
    expect(sealedWith(sealed)).toBe('encrypted:k1');
    expect(sealedWith(Buffer.from('plain'))).toBe(undefined);
    for (const other of [undefined, compressed()]) {
      const failure = await failureOf(() => openBytes(other, sealed, home));
      expect(failure).toMatchObject(foreign);
      expect((failure as Error).message).toMatch(/"encrypted:k1"/);
    }
  });
});

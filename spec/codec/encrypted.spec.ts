/**
 * Goal: whatever is not what was sealed for this very place is refused; nothing else is.
 * Method: every bit of every sealed form turned, every end cut, every place but the right one, every way to leave the layer out.
 */
import { describe, expect, it } from '@jest/globals';
import {
  compactCodec,
  compressed,
  dataKeys,
  type Encoded,
  encrypted,
  heldFrom,
  jsonCodec,
  KeyRingError,
  keyRing,
  type SealingCodec,
} from '../../lib/codec/index.js';
import { bytesIn, elsewhere, failureOf, flipped, formOf, home, keyOf, withBytes } from './places.js';

const ring = keyRing({ current: 'k1', keys: { k1: keyOf(1), k2: keyOf(2) } });
const wrapping = new Map([['wrapped key', keyOf(9)]]);
const service = dataKeys({
  generate: async () => ({ plaintext: keyOf(9), ciphertext: Buffer.from('wrapped key') }),
  decrypt: async (ciphertext) => {
    const key = wrapping.get(Buffer.from(ciphertext).toString());
    if (key === undefined) throw new Error('InvalidCiphertextException');
    return key;
  },
});
const layers: readonly (readonly [string, SealingCodec])[] = [
  ['a ring', encrypted({ keys: ring })],
  ['a ring, compressed', encrypted({ keys: ring, inner: compressed({ bytesMin: 0 }) })],
  ['data keys', encrypted({ keys: service })],
];
const value = { name: 'Ada', at: new Date(3), notes: 'so many words, '.repeat(3) };
const refusedAs = (code: string) => expect.objectContaining({ code, outcome: 'not-done' });

describe.each(layers)('encrypted() with %s', (_what, layer) => {
  const sealHere = async () => layer.seal(formOf(value, layer), home);

  it.each([[value], [0], [null], [new Uint8Array(1_000)], ['x'.repeat(300_000)]])('brings values back', async (one) => {
    const opened = await layer.open(await layer.seal(formOf(one, layer), home), home);
    expect(heldFrom(opened, home.key, layer.form).hand()).toEqual(one);
  });

  it('refuses each turned bit: of header, wrapped key, nonce, ciphertext and tag', async () => {
    const sealed = await sealHere();
    const bytes = bytesIn(sealed);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const failure = await failureOf(() => layer.open(withBytes(sealed, flipped(bytes, bit >> 3, bit & 7)), home));
      expect(failure).toMatchObject({ outcome: 'not-done', code: expect.stringMatching(/^ERR_(DECODE|KEY_SERVICE)$/) });
    }
  });

  it('refuses each cut, at both ends, and each byte too many', async () => {
    const sealed = await sealHere();
    const bytes = bytesIn(sealed);
    const changed = [
      ...Array.from(bytes, (_, end) => bytes.subarray(0, end)),
      ...Array.from(bytes, (_, from) => bytes.subarray(from + 1)),
      ...[0, 1, 12, bytes.length].map((at) => Buffer.concat([bytes.subarray(0, at), Buffer.of(1), bytes.subarray(at)])),
    ];
    for (const one of changed) {
      const failure = await failureOf(() => layer.open(withBytes(sealed, one), home));
      expect(failure).toMatchObject({ outcome: 'not-done', code: expect.stringMatching(/^ERR_(DECODE|KEY_SERVICE)$/) });
    }
  });

  it('tells what ends early from what was altered', async () => {
    const sealed = await sealHere();
    for (const bytes of [1, 2, 3, 10, 29]) {
      const cut = withBytes(sealed, bytesIn(sealed).subarray(0, bytes));
      const message = expect.stringMatching(bytes === 1 ? /unknown kind of key/ : /it ends early/);
      expect(await failureOf(() => layer.open(cut, home))).toMatchObject({ code: 'ERR_DECODE', message });
    }
  });

  it.each(elsewhere)('refuses it in %s', async (_where, place) => {
    const sealed = await sealHere();
    expect(await failureOf(() => layer.open(sealed, place))).toEqual(refusedAs('ERR_DECODE'));
    expect(await layer.open(sealed, home)).toEqual(formOf(value, layer));
  });

  it('refuses it under the id of another key', async () => {
    const sealed = await sealHere();
    expect(await failureOf(() => layer.open({ ...sealed, codec: 'encrypted:k2' }, home))).toMatchObject({
      code: expect.stringMatching(/^ERR_(DECODE|KEY_MISSING)$/),
    });
    const unknown = await failureOf(() => layer.open({ ...sealed, codec: 'encrypted:k7' }, home));
    expect(unknown).toMatchObject({ code: 'ERR_KEY_MISSING', keyId: 'k7', retryable: false });
    expect((unknown as Error).message).toMatch(/"k7".*known here are .*add it to the ring/);
  });

  it('refuses what is no id of a key, and does not repeat it', async () => {
    const sealed = await sealHere();
    for (const id of ['', ' ', 'x'.repeat(129), 'x'.repeat(400_000), 'ä']) {
      const failure = await failureOf(() => layer.open({ ...sealed, codec: `encrypted:${id}` }, home));
      expect(failure).toMatchObject({ code: 'ERR_DECODE', reason: 'damaged' });
      expect((failure as Error).message.length).toBeLessThan(300);
    }
  });

  it('refuses plaintext in its place, compressed or not', async () => {
    const plain = formOf(value, layer);
    for (const one of [plain, await compressed({ bytesMin: 0 }).seal(plain, home), { data: { N: '1' } }]) {
      expect(layer.opens(one.codec ?? '')).toBe(false);
      expect(await failureOf(() => layer.open(one, home))).toMatchObject({ code: 'ERR_DECODE', reason: 'foreign' });
    }
    expect(layer.acceptsUnsealed).toBe(false);
  });

  it('refuses what is no bytes, or has notes beside it', async () => {
    const sealed = await sealHere();
    for (const wrong of [
      { ...sealed, data: { S: 'x' } },
      { ...sealed, annotations: '{}' },
    ]) {
      expect(await failureOf(() => layer.open(wrong, home))).toMatchObject({ code: 'ERR_DECODE', reason: 'damaged' });
    }
  });

  it('says that a newer format is newer', async () => {
    const sealed = await sealHere();
    const newer = Uint8Array.from(bytesIn(sealed), (byte, index) => (index === 0 ? 2 : byte));
    expect(await failureOf(() => layer.open(withBytes(sealed, newer), home))).toMatchObject({ reason: 'newer-format' });
  });

  it('leaves what it is given as it is, and has no byte of the plaintext in what it makes', async () => {
    const form = formOf(value, layer);
    const before = structuredClone(form);
    const sealed = await layer.seal(form, home);
    const copy = new Uint8Array(bytesIn(sealed));
    await layer.open(sealed, home);
    await failureOf(() => layer.open(sealed, { ...home, version: 9 }));
    expect(form).toEqual(before);
    expect(bytesIn(sealed)).toEqual(copy);
    expect(Buffer.from(copy).includes('Ada')).toBe(false);
    expect(Buffer.from(copy).includes('compact')).toBe(false);
  });
});

describe('encrypted()', () => {
  it('works at once where nothing has to be waited for, and adds 39 bytes to the text', () => {
    const layer = encrypted({ keys: ring });
    const form = formOf({ n: 1 }, layer);
    const sealed = layer.seal(form, home) as Encoded;
    expect(sealed.codec).toBe('encrypted:k1');
    expect(bytesIn(sealed).length).toBe('{"json":{"n":1}}'.length + 39);
    expect(layer.open(sealed, home)).toEqual(form);
  });

  it('seals equal values differently each time', () => {
    const layer = encrypted({ keys: ring });
    const seal = () => Buffer.from(bytesIn(layer.seal(formOf(1, layer), home) as Encoded)).toString('hex');
    expect(new Set(Array.from({ length: 100 }, seal)).size).toBe(100);
  });

  it('compresses before it encrypts', async () => {
    const layer = encrypted({ keys: ring, inner: compressed() });
    const text = 'words '.repeat(10_000);
    const sealed = await layer.seal(formOf(text, layer), home);
    expect(bytesIn(sealed).length).toBeLessThan(500);
  });

  it('opens what was compressed beneath when it compresses no more, and the other way round', async () => {
    const [plain, both] = [encrypted({ keys: ring }), encrypted({ keys: ring, inner: compressed({ bytesMin: 0 }) })];
    const form = formOf(value, both);
    expect(await plain.open(await both.seal(form, home), home)).toEqual(form);
    expect(await both.open(await plain.seal(form, home), home)).toEqual(form);
  });

  it('binds to a context in place of the table’s name', async () => {
    const restored = { ...home, table: 'state-restored' };
    const sealed = await encrypted({ keys: ring }).seal(formOf(value, encrypted({ keys: ring })), home);
    expect(await failureOf(() => encrypted({ keys: ring }).open(sealed, restored))).toEqual(refusedAs('ERR_DECODE'));
    const told = encrypted({ keys: ring, context: 'state' });
    expect(await told.open(sealed, restored)).toEqual(formOf(value, told));
    expect(await failureOf(() => encrypted({ keys: ring, context: '' }).open(sealed, home))).toEqual(
      refusedAs('ERR_DECODE'),
    );
  });

  it('acceptPlain reads plaintext, compressed as well, and still refuses what was altered', async () => {
    const layer = encrypted({ keys: ring, inner: compressed({ bytesMin: 0 }), acceptPlain: true });
    const form = formOf(value, layer);
    expect(layer.acceptsUnsealed).toBe(true);
    expect([layer.opens('compressed'), layer.opens('encrypted:k1'), layer.opens('compact')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(await layer.open(form, home)).toEqual(form);
    expect(await layer.open(await compressed({ bytesMin: 0 }).seal(form, home), home)).toEqual(form);
    const sealed = await layer.seal(form, home);
    expect(sealed.codec).toBe('encrypted:k1');
    const altered = withBytes(sealed, flipped(bytesIn(sealed), 20, 0));
    expect(await failureOf(() => layer.open(altered, home))).toEqual(refusedAs('ERR_DECODE'));
  });

  it('moves from a ring to data keys and back with both at hand', async () => {
    const before = encrypted({ keys: ring });
    const both = encrypted({ keys: [service, ring] });
    const form = formOf(value, both);
    const [old, fresh] = [await before.seal(form, home), await both.seal(form, home)];
    expect([old.codec, fresh.codec]).toEqual(['encrypted:k1', 'encrypted:data-key']);
    for (const sealed of [old, fresh]) expect(await both.open(sealed, home)).toEqual(form);
    for (const sealed of [old, fresh])
      expect(await encrypted({ keys: [ring, service] }).open(sealed, home)).toEqual(form);
    expect(await failureOf(() => before.open(fresh, home))).toBeInstanceOf(KeyRingError);
  });

  it('checks its options', () => {
    for (const keys of [undefined, {}, [], [ring, {}], { k1: keyOf(1) }, null]) {
      expect(() => encrypted({ keys: keys as never })).toThrow(TypeError);
    }
    for (const context of [7, '\ud800'])
      expect(() => encrypted({ keys: ring, context: context as never })).toThrow(TypeError);
  });

  it('takes the form of its options, of its inner layer, or the compact one', () => {
    expect(encrypted({ keys: ring }).form).toBe(compactCodec);
    expect(encrypted({ keys: ring, inner: compressed({ form: jsonCodec }) }).form).toBe(jsonCodec);
    expect(encrypted({ keys: ring, form: jsonCodec }).form).toBe(jsonCodec);
  });
});

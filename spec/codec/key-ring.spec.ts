/**
 * Goal: a nonce never comes twice, a key is given up long before one could, and keys change hands while others write.
 * Method: many messages (LEYDEN_SIZE=full: 10^6 nonces, 10^4 items; less otherwise), small budgets, writers and a rotation at once.
 */
import { describe, expect, it } from '@jest/globals';
import {
  compressed,
  type Encoded,
  encrypted,
  heldFrom,
  KeyRingError,
  keyRing,
  type Place,
} from '../../lib/codec/index.js';
import { seededRandom } from '../../lib/engine/random.js';
import { bytesIn, failureOf, formOf, home, keyOf } from './places.js';

const full = process.env.LEYDEN_SIZE === 'full';
const seed = Number(process.env.LEYDEN_SEED ?? 1);
let fill = 100;
/** A key that no other spec has: counts are of the process. */
const fresh = (): Uint8Array => {
  fill += 1;
  return Uint8Array.from(keyOf(fill), (byte, index) => (index === 0 ? 77 : byte));
};
const form = formOf({ n: 1 }, encrypted({ keys: keyRing({ current: 'k', keys: { k: keyOf(1) } }) }));

describe('nonces', () => {
  const messages = full ? 1_000_000 : 20_000;
  it(`do not repeat in ${messages} messages under one key`, () => {
    const layer = encrypted({ keys: keyRing({ current: 'k', keys: { k: fresh() } }) });
    const seen = new Set<string>();
    for (let i = 0; i < messages; i += 1) {
      seen.add(Buffer.from(bytesIn(layer.seal(form, home) as Encoded).subarray(2, 14)).toString('latin1'));
    }
    expect(seen.size).toBe(messages);
  });

  it('are as random in each of their bits', () => {
    const layer = encrypted({ keys: keyRing({ current: 'k', keys: { k: fresh() } }) });
    const ones = new Array<number>(96).fill(0);
    for (let i = 0; i < 2_000; i += 1) {
      const nonce = bytesIn(layer.seal(form, home) as Encoded).subarray(2, 14);
      for (let bit = 0; bit < 96; bit += 1)
        ones[bit] = (ones[bit] as number) + (((nonce[bit >> 3] as number) >> (bit & 7)) & 1);
    }
    for (const count of ones) expect(Math.abs(count - 1_000)).toBeLessThan(200);
  });
});

describe('budget', () => {
  it('refuses after messagesMax, and only to seal', () => {
    const ring = keyRing({ current: 'k1', keys: { k1: fresh() }, messagesMax: 3 });
    const layer = encrypted({ keys: ring });
    const sealed = [1, 2, 3].map(() => layer.seal(form, home) as Encoded);
    expect(ring.messages('k1')).toBe(3);
    expect(() => layer.seal(form, home)).toThrow(KeyRingError);
    expect(() => layer.seal(form, home)).toThrow(
      /"k1".*sealed 3 messages.*messagesMax is 3.*add another key.*ERR_KEY_EXHAUSTED/,
    );
    for (const one of sealed) expect(layer.open(one, home)).toEqual(form);
    ring.add('k2', fresh());
    ring.use('k2');
    expect((layer.seal(form, home) as Encoded).codec).toBe('encrypted:k2');
  });

  it('is refused above 2^32, and is 2^28 by default', () => {
    const key = { k: fresh() };
    expect(() => keyRing({ current: 'k', keys: key, messagesMax: 2 ** 32 + 1 })).toThrow(RangeError);
    expect(() => keyRing({ current: 'k', keys: key, messagesMax: 2 ** 32 })).not.toThrow();
    for (const wrong of [0, 1.5, Number.NaN])
      expect(() => keyRing({ current: 'k', keys: key, messagesMax: wrong })).toThrow(RangeError);
  });

  it('belongs to the key: another ring, another id, or a return do not begin a new one', () => {
    const bytes = fresh();
    const first = keyRing({ current: 'k1', keys: { k1: bytes }, messagesMax: 4 });
    const second = keyRing({ current: 'other', keys: { other: bytes, k2: fresh() }, messagesMax: 4 });
    const [one, two] = [encrypted({ keys: first }), encrypted({ keys: second })];
    void one.seal(form, home);
    void two.seal(form, home);
    second.use('k2');
    second.retire('other');
    second.add('again', bytes);
    second.use('again');
    expect([first.messages('k1'), second.messages('again'), second.messages('gone')]).toEqual([2, 2, 0]);
    void two.seal(form, home);
    void one.seal(form, home);
    expect(() => two.seal(form, home)).toThrow('ERR_KEY_EXHAUSTED');
    expect(() => one.seal(form, home)).toThrow('ERR_KEY_EXHAUSTED');
  });

  it('rotate is called once for each key, by the write after rotateAfter, which takes the new key', () => {
    const asked: string[] = [];
    const ring = keyRing({
      ...{ current: 'k0', keys: { k0: fresh() }, messagesMax: 6, rotateAfter: 3 },
      rotate: (own) => {
        asked.push(own.current);
        own.add(`k${asked.length}`, fresh());
        own.use(`k${asked.length}`);
      },
    });
    const layer = encrypted({ keys: ring });
    const ids = Array.from({ length: 10 }, () => (layer.seal(form, home) as Encoded).codec?.slice('encrypted:'.length));
    expect(ids).toEqual(['k0', 'k0', 'k0', 'k1', 'k1', 'k1', 'k2', 'k2', 'k2', 'k3']);
    expect(asked).toEqual(['k0', 'k1', 'k2']);
  });

  it('rotate may take its time: one write waits for it, others go on with the key that there is', async () => {
    let rotated = () => {};
    const ring = keyRing({
      ...{ current: 'k1', keys: { k1: fresh(), k2: fresh() }, messagesMax: 10, rotateAfter: 1 },
      rotate: (own) =>
        new Promise((resolve) => {
          rotated = () => {
            own.use('k2');
            resolve();
          };
        }),
    });
    const layer = encrypted({ keys: ring });
    await layer.seal(form, home);
    const waiting = layer.seal(form, home);
    expect(await layer.seal(form, home)).toMatchObject({ codec: 'encrypted:k1' });
    rotated();
    expect(await waiting).toMatchObject({ codec: 'encrypted:k2' });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no new key today');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no new key today'))],
  ])('rotate that %s fails the write that called it, and is called again', async (_how, rotate) => {
    let calls = 0;
    const ring = keyRing({
      ...{ current: 'k1', keys: { k1: fresh() }, messagesMax: 10, rotateAfter: 1 },
      rotate: () => {
        calls += 1;
        return calls < 3 ? rotate() : undefined;
      },
    });
    const layer = encrypted({ keys: ring });
    await layer.seal(form, home);
    for (let i = 0; i < 2; i += 1)
      expect(await failureOf(() => layer.seal(form, home))).toEqual(new Error('no new key today'));
    expect(await layer.seal(form, home)).toMatchObject({ codec: 'encrypted:k1' });
    await layer.seal(form, home);
    expect([calls, ring.messages('k1')]).toEqual([3, 3]);
  });
});

describe('KeyRing', () => {
  it('seals with the current key and opens with all', async () => {
    const ring = keyRing({ current: 'k1', keys: { k1: fresh() } });
    const layer = encrypted({ keys: ring });
    const old = await layer.seal(form, home);
    ring.add('k2', fresh());
    ring.use('k2');
    const later = await layer.seal(form, home);
    expect([old.codec, later.codec, ring.current, ring.ids]).toEqual([
      'encrypted:k1',
      'encrypted:k2',
      'k2',
      ['k1', 'k2'],
    ]);
    for (const one of [old, later]) expect(await layer.open(one, home)).toEqual(form);
    expect([ring.retire('k1'), ring.retire('k1')]).toEqual([true, false]);
    const missing = await failureOf(() => layer.open(old, home));
    expect(missing).toMatchObject({ code: 'ERR_KEY_MISSING', keyId: 'k1', outcome: 'not-done', retryable: false });
    expect(await layer.open(later, home)).toEqual(form);
  });

  it('does not believe another key of the same id', async () => {
    const sealed = await encrypted({ keys: keyRing({ current: 'k1', keys: { k1: fresh() } }) }).seal(form, home);
    const wrong = encrypted({ keys: keyRing({ current: 'k1', keys: { k1: fresh() } }) });
    expect(await failureOf(() => wrong.open(sealed, home))).toMatchObject({ code: 'ERR_DECODE', reason: 'damaged' });
  });

  it('copies its keys', async () => {
    const bytes = fresh();
    const layer = encrypted({ keys: keyRing({ current: 'k1', keys: { k1: bytes } }) });
    const sealed = await layer.seal(form, home);
    bytes.fill(0);
    expect(await layer.open(sealed, home)).toEqual(form);
  });

  it('takes no key of another length, no id that can’t be stored, and no key twice', () => {
    const ring = keyRing({ current: 'k1', keys: { k1: keyOf(3), 'arn:aws:kms:eu-central-1:1:key/a-b': keyOf(4) } });
    for (const length of [0, 16, 24, 31, 33, 64]) {
      expect(() => keyRing({ current: 'k', keys: { k: new Uint8Array(length) } })).toThrow(RangeError);
      expect(() => ring.add('k', new Uint8Array(length))).toThrow(`must have 32 bytes: ${length}`);
    }
    expect(() => ring.add('k', 'x'.repeat(32) as never)).toThrow(TypeError);
    for (const id of ['', 'a b', 'ä', 'a'.repeat(129), '"']) expect(() => ring.add(id, keyOf(5))).toThrow(RangeError);
    expect(() => ring.add(7 as never, keyOf(5))).toThrow(TypeError);
    expect(() => ring.add('k1', keyOf(5))).toThrow('another key under this id');
    expect(() => ring.add('k2', keyOf(3))).toThrow('under the id k1');
    ring.add('k1', keyOf(3));
    expect(() => ring.use('k9')).toThrow('ERR_KEY_MISSING');
    expect(() => ring.retire('k1')).toThrow('it is current');
    expect(() => keyRing({ current: 'k2', keys: { k1: keyOf(3) } })).toThrow('must be one of k1: k2');
    expect(() => keyRing({ current: 'k1', keys: { k1: keyOf(3) }, messagesMax: 5, rotateAfter: 6 })).toThrow(
      'at most messagesMax',
    );
    expect(ring.ids).toEqual(['k1', 'arn:aws:kms:eu-central-1:1:key/a-b']);
  });
});

describe('rotation', () => {
  const items = full ? 10_000 : 500;
  it(`under four writers that may crash leaves none of ${items} items unreadable`, async () => {
    const random = seededRandom(seed);
    const keys = [fresh(), fresh(), fresh()] as const;
    // Each writer is a process with a ring of its own, and learns of keys in its own time.
    const rings = [0, 1, 2, 3].map(() => keyRing({ current: 'k0', keys: { k0: keys[0] } }));
    const layers = rings.map((ring) => encrypted({ keys: ring, inner: compressed({ bytesMin: 0 }) }));
    const store = new Map<string, { readonly sealed: Encoded; readonly place: Place; readonly n: number }>();
    const layerAt = (index: number) => layers[index] as (typeof layers)[number];
    const write = async (index: number, item: number) => {
      const known = store.get(`item-${item}`);
      const form = known && (await layerAt(index).open(known.sealed, known.place));
      const n = form === undefined ? 0 : (heldFrom(form, home.key).hand() as number) + 1;
      expect(n).toBe(known === undefined ? 0 : known.n + 1);
      const place = { ...home, key: `item-${item}`, version: n + 1 };
      const sealed = await layerAt(index).seal(formOf(n, layerAt(index)), place);
      // A writer that dies here has written nothing.
      if (random.int(10) > 0) store.set(place.key, { sealed, place, n });
    };
    for (let item = 0; item < items; item += 1) await write(item % 4, item);
    const script = [
      ...[0, 1, 2, 3].map((i) => () => rings[i]?.add('k1', keys[1])),
      ...[2, 0, 3, 1].map((i) => () => rings[i]?.use('k1')),
      ...[1, 3, 0, 2].map((i) => () => rings[i]?.add('k2', keys[2])),
      ...[0, 1, 2, 3].map((i) => () => rings[i]?.use('k2')),
    ];
    for (const step of script) {
      step();
      for (let i = 0; i < items / 10; i += 1) await write(random.int(4), random.int(items));
    }
    // Whatever nobody has written since is written again under its newest key; then the old ones go.
    for (let item = 0; item < items; item += 1) {
      while (store.get(`item-${item}`)?.sealed.codec !== 'encrypted:k2') await write(item % 4, item);
    }
    for (const ring of rings) for (const id of ['k0', 'k1']) expect(ring.retire(id)).toBe(true);
    let unreadable = 0;
    for (const { sealed, place, n } of store.values()) {
      const opened = await failureOf(async () =>
        expect(await layerAt(n % 4).open(sealed, place)).toEqual(formOf(n, layerAt(0))),
      );
      if (opened !== undefined) unreadable += 1;
    }
    expect({ unreadable, items: store.size, seed }).toEqual({ unreadable: 0, items, seed });
  }, 60_000);
});

/** Goal: data keys are few, bounded, never stale and never cached when they failed. Method: a key service that counts and fails. */
import { describe, expect, it } from '@jest/globals';
import { type DataKey, type DataKeysOptions, dataKeys, type Encoded, encrypted } from '../../lib/codec/index.js';
import { bytesIn, failureOf, flipped, formOf, home, keyOf, withBytes } from './places.js';

/** Opens and wraps by heart; `gate` holds its answers back until it is resolved, `failing` makes it fail. */
class Service {
  generated = 0;
  readonly decrypted: string[] = [];
  failing: Error | undefined;
  gate: Promise<void> = Promise.resolve();

  readonly options: DataKeysOptions = {
    generate: async (): Promise<DataKey> => {
      this.generated += 1;
      const number = this.generated;
      await this.gate;
      if (this.failing !== undefined) throw this.failing;
      return { plaintext: keyOf(number), ciphertext: Buffer.from(`wrapped ${number}`) };
    },
    decrypt: async (ciphertext): Promise<Uint8Array> => {
      const text = Buffer.from(ciphertext).toString();
      this.decrypted.push(text);
      await this.gate;
      if (this.failing !== undefined) throw this.failing;
      return keyOf(Number(text.split(' ')[1]));
    },
  };

  keys(options: Partial<DataKeysOptions> = {}) {
    return dataKeys({ ...this.options, ...options });
  }
}

const form = formOf({ n: 1 }, encrypted({ keys: new Service().keys() }));
const wrappedIn = (sealed: Encoded) => {
  const bytes = Buffer.from(bytesIn(sealed));
  return bytes.subarray(4, 4 + bytes.readUInt16BE(2)).toString();
};
const seal = (keys: ReturnType<typeof dataKeys>) => Promise.resolve(encrypted({ keys }).seal(form, home));
const open = (keys: ReturnType<typeof dataKeys>, sealed: Encoded) =>
  Promise.resolve(encrypted({ keys }).open(sealed, home));

describe('dataKeys()', () => {
  it('asks for one key, which travels with each value; others ask for it once', async () => {
    const service = new Service();
    const [writer, reader] = [service.keys(), service.keys()];
    const sealed = [await seal(writer), await seal(writer), await seal(writer)];
    expect(sealed.map(wrappedIn)).toEqual(['wrapped 1', 'wrapped 1', 'wrapped 1']);
    expect(sealed[0]?.codec).toBe('encrypted:data-key');
    for (const one of sealed) expect(await open(writer, one)).toEqual(form);
    expect(service.decrypted).toEqual([]);
    for (const one of sealed) expect(await open(reader, one)).toEqual(form);
    expect([service.generated, service.decrypted]).toEqual([1, ['wrapped 1']]);
  });

  it('takes another after messagesMax, and answers at once in between', async () => {
    const service = new Service();
    const keys = service.keys({ messagesMax: 3 });
    const sealed: Encoded[] = [];
    for (let i = 0; i < 7; i += 1) sealed.push(await seal(keys));
    expect(sealed.map(wrappedIn)).toEqual([1, 1, 1, 2, 2, 2, 3].map((number) => `wrapped ${number}`));
    for (const one of sealed) expect(await open(keys, one)).toEqual(form);
    expect(service.decrypted).toEqual([]);
  });

  it('shares one request among all who want a key, each key sealing no more than it may', async () => {
    const service = new Service();
    const keys = service.keys({ messagesMax: 4 });
    const sealed = await Promise.all(Array.from({ length: 10 }, () => seal(keys)));
    const counts = new Map<string, number>();
    for (const one of sealed) counts.set(wrappedIn(one), (counts.get(wrappedIn(one)) ?? 0) + 1);
    expect([...counts]).toEqual([
      ['wrapped 1', 4],
      ['wrapped 2', 4],
      ['wrapped 3', 2],
    ]);
    const reader = service.keys();
    await Promise.all([...sealed, ...sealed].map((one) => open(reader, one)));
    expect([service.generated, service.decrypted]).toEqual([3, ['wrapped 1', 'wrapped 2', 'wrapped 3']]);
  });

  it('keeps cacheMax keys, the ones that were used last', async () => {
    const service = new Service();
    const writer = service.keys({ messagesMax: 1 });
    const [a, b, c] = [await seal(writer), await seal(writer), await seal(writer)];
    const reader = service.keys({ cacheMax: 2 });
    for (const one of [a, b, a, c, a, b, c, a]) await open(reader, one);
    // c pushes b out, for a was used since; b then c; a then is asked for again.
    expect(service.decrypted.map((text) => text.at(-1)).join('')).toBe('123231');
  });

  it('tells of a service that fails, retryable, for all who wait; and asks again', async () => {
    const service = new Service();
    const failure = Object.assign(new Error('try later'), { name: 'KMSInternalException' });
    const [writer, reader] = [service.keys(), service.keys()];
    const sealed = await seal(writer);
    service.failing = failure;
    const attempts = [seal(service.keys()), open(reader, sealed), open(reader, sealed)];
    for (const error of await Promise.all(attempts.map((attempt) => failureOf(() => attempt)))) {
      expect(error).toMatchObject({
        code: 'ERR_KEY_SERVICE',
        retryable: true,
        outcome: 'not-done',
        keyId: 'data-key',
        cause: failure,
      });
    }
    expect(service.decrypted).toHaveLength(1);
    service.failing = undefined;
    expect(await open(reader, sealed)).toEqual(form);
    expect(service.decrypted).toHaveLength(2);
    const other = service.keys();
    service.failing = failure;
    await failureOf(() => seal(other));
    service.failing = undefined;
    expect(await open(reader, await seal(other))).toEqual(form);
  });

  it.each<[string, Partial<DataKeysOptions>]>([
    ['a key of 16 bytes', { generate: async () => ({ plaintext: new Uint8Array(16), ciphertext: Buffer.from('w') }) }],
    ['no key', { generate: async () => undefined as never }],
    ['no wrapped key', { generate: async () => ({ plaintext: keyOf(1), ciphertext: new Uint8Array() }) }],
    [
      'a wrapped key without end',
      { generate: async () => ({ plaintext: keyOf(1), ciphertext: new Uint8Array(6_145) }) },
    ],
    [
      'a throw at once',
      {
        generate: () => {
          throw new Error('at once');
        },
      },
    ],
  ])('tells of %s', async (_what, options) => {
    expect(await failureOf(() => seal(new Service().keys(options)))).toMatchObject({ code: 'ERR_KEY_SERVICE' });
  });

  it('tells of an opened key that is none', async () => {
    const service = new Service();
    const sealed = await seal(service.keys());
    for (const answer of [new Uint8Array(31), 'text', undefined]) {
      const keys = service.keys({ decrypt: async () => answer as never });
      expect(await failureOf(() => open(keys, sealed))).toMatchObject({ code: 'ERR_KEY_SERVICE' });
    }
  });

  it('refuses a wrapped key that was altered, also when the service opens it', async () => {
    const service = new Service();
    const sealed = await seal(service.keys());
    // "wrapped 1" becomes "wrapped 0".
    const altered = withBytes(sealed, flipped(bytesIn(sealed), 4 + 8, 0));
    expect(wrappedIn(altered)).toBe('wrapped 0');
    expect(await failureOf(() => open(service.keys(), altered))).toMatchObject({ code: 'ERR_DECODE' });
    // The same key, wrapped another time.
    const rewrapped = service.keys({ decrypt: async () => keyOf(1) });
    expect(await failureOf(() => open(rewrapped, altered))).toMatchObject({ code: 'ERR_DECODE' });
  });

  it('rotate() takes a fresh key with the next write, also when one is on its way', async () => {
    const service = new Service();
    const keys = service.keys();
    expect(wrappedIn(await seal(keys))).toBe('wrapped 1');
    keys.rotate();
    expect(wrappedIn(await seal(keys))).toBe('wrapped 2');
    keys.rotate();
    let open3 = () => {};
    service.gate = new Promise((resolve) => {
      open3 = resolve;
    });
    const waiting = seal(keys);
    keys.rotate();
    open3();
    expect(wrappedIn(await waiting)).toBe('wrapped 4');
    expect(wrappedIn(await seal(keys))).toBe('wrapped 4');
  });

  it('forget() lets no key stay, also when one is on its way', async () => {
    const service = new Service();
    const sealed = await seal(service.keys());
    const keys = service.keys();
    await open(keys, sealed);
    keys.forget();
    let answer = () => {};
    service.gate = new Promise((resolve) => {
      answer = resolve;
    });
    const waiting = open(keys, sealed);
    keys.forget();
    answer();
    expect(await waiting).toEqual(form);
    await open(keys, sealed);
    await open(keys, sealed);
    expect(service.decrypted).toHaveLength(3);
  });

  it('is one source for each id', async () => {
    const service = new Service();
    const [one, two] = [service.keys({ id: 'one' }), service.keys({ id: 'two' })];
    const sealed = await seal(one);
    expect(await failureOf(() => open(two, sealed))).toMatchObject({ code: 'ERR_KEY_MISSING', keyId: 'one' });
    expect(await encrypted({ keys: [two, one] }).open(sealed, home)).toEqual(form);
  });

  it('checks its options', () => {
    const service = new Service();
    for (const wrong of [
      { cacheMax: 0 },
      { cacheMax: 1.5 },
      { messagesMax: 0 },
      { messagesMax: 2 ** 33 },
      { id: '' },
    ]) {
      expect(() => service.keys(wrong)).toThrow(RangeError);
    }
    for (const wrong of [{ generate: 1 }, { decrypt: undefined }])
      expect(() => service.keys(wrong as never)).toThrow(TypeError);
  });
});

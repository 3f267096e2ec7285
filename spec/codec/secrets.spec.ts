/**
 * Goal: neither a key nor a plaintext is in anything that could be written to a log.
 * Method: keys and values that are known by sight (canaries); every error that the layers can throw, every object of theirs, shown
 * in every way that there is; and what was printed meanwhile.
 */
import { inspect } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';
import {
  compressed,
  dataKeys,
  type Encoded,
  encrypted,
  heldFrom,
  keyRing,
  type SealingCodec,
} from '../../lib/codec/index.js';
import { bytesIn, elsewhere, failureOf, flipped, formOf, home, withBytes } from './places.js';

const keys = ['CANARY-KEY-ONE-0123456789abcdef!', 'CANARY-KEY-TWO-0123456789abcdef!'].map((text) => Buffer.from(text));
const [one, two] = keys as [Buffer, Buffer];
const plaintext = 'CANARY-PLAINTEXT';
const canaries = [...keys, Buffer.from(plaintext)].flatMap((bytes) => [
  bytes.toString('latin1'),
  bytes.toString('hex'),
  bytes.toString('base64').replace(/=+$/, '').slice(0, -1),
  [...bytes].join(','),
  [...bytes].join(', '),
  [...bytes.subarray(0, 8)].map((byte) => byte.toString(16)).join(' '),
]);

/** Everything that shows a value to somebody. */
function shown(value: unknown): string {
  const views = [
    inspect(value),
    inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true, maxArrayLength: null }),
    inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true, customInspect: false }),
    inspect({ nested: [value] }, { depth: 9 }),
    String(value),
    `${JSON.stringify(value)}`,
  ];
  if (value instanceof Error) views.push(value.message, value.stack ?? '', shown({ ...value }));
  if (typeof value === 'object' && value !== null) {
    for (const name of Reflect.ownKeys(value)) {
      const member: unknown = Reflect.get(value, name);
      if (typeof member === 'string' || member instanceof Error || name === 'cause') views.push(shown(member));
    }
  }
  return views.join('\n');
}

function expectNoCanary(value: unknown): void {
  const text = shown(value);
  for (const canary of canaries) expect(text.includes(canary)).toBe(false);
}

it('a canary would be seen', () => {
  expect(canaries.some((canary) => shown(new Error('x', { cause: { deep: { one } } })).includes(canary))).toBe(true);
  expect(canaries.some((canary) => shown({ a: plaintext }).includes(canary))).toBe(true);
});

describe('nothing secret is seen', () => {
  const ring = keyRing({ current: 'k1', keys: { k1: one, k2: two } });
  const service = dataKeys({
    generate: async () => ({ plaintext: one, ciphertext: Buffer.from('w') }),
    decrypt: async () => one,
  });
  const layers: readonly SealingCodec[] = [
    encrypted({ keys: ring }),
    encrypted({ keys: service, inner: compressed({ bytesMin: 0 }) }),
    compressed({ bytesMin: 0 }),
  ];
  const value = { name: plaintext, list: [plaintext], at: new Date(1) };

  it('in rings, data keys and layers', async () => {
    for (const layer of layers) await layer.seal(formOf(value, layer), home);
    for (const object of [ring, service, ...layers]) expectNoCanary(object);
    expect(inspect(ring)).toBe("KeyRing { current: 'k1', ids: [ 'k1', 'k2' ] }");
    expect(JSON.stringify(ring)).toBe('{"current":"k1","ids":["k1","k2"]}');
    expect([inspect(service), JSON.stringify(service)]).toEqual(["DataKeys { id: 'data-key' }", '{"id":"data-key"}']);
  });

  it('in errors of keys', async () => {
    const errors = await Promise.all(
      [
        () => keyRing({ current: 'k', keys: { k: one.subarray(1) } }),
        () => keyRing({ current: 'k', keys: { k: one.toString() as never } }),
        () => keyRing({ current: 'gone', keys: { k: one } }),
        () => ring.add('k1', two),
        () => ring.add('k3', one),
        () => ring.use('gone'),
        () => ring.retire('k1'),
        () => encrypted({ keys: { k1: one } as never }),
        () => encrypted({ keys: [one] as never }),
        () => {
          const layer = encrypted({ keys: keyRing({ current: 'k', keys: { k: two }, messagesMax: 1 }) });
          for (let i = 0; i < 2; i += 1) void layer.seal(formOf(value, layer), home);
        },
        ...[
          async () => ({ plaintext: one.subarray(1), ciphertext: Buffer.from('w') }),
          async () => ({ plaintext: one.toString() as never, ciphertext: Buffer.from('w') }),
          async () => ({ plaintext: one, ciphertext: new Uint8Array() }),
        ].map((generate) => () => {
          const layer = encrypted({ keys: dataKeys({ generate, decrypt: async () => one.subarray(2) }) });
          return layer.seal(formOf(value, layer), home);
        }),
      ].map(failureOf),
    );
    for (const error of errors) {
      expect(error).toBeInstanceOf(Error);
      expectNoCanary(error);
    }
  });

  it('in errors of values: altered, moved, cut, in plain, or not what the form takes', async () => {
    for (const layer of layers) {
      const sealed = await layer.seal(formOf(value, layer), home);
      const bytes = bytesIn(sealed);
      const indexes = [...bytes.keys()].filter((index) => index < 40 || index % 5 === 0);
      const calls = [
        ...indexes.map((index) => () => layer.open(withBytes(sealed, flipped(bytes, index, index & 7)), home)),
        ...indexes.map((index) => () => layer.open(withBytes(sealed, bytes.subarray(0, index)), home)),
        ...elsewhere.map(
          ([, place]) =>
            () =>
              layer.open(sealed, place),
        ),
        () => layer.open({ ...sealed, codec: 'encrypted:k9' }, home),
        () => layer.open(formOf(value, layer), home),
        () => layer.seal({ data: { S: `${plaintext}\ud800` }, codec: 'own' }, home),
      ];
      for (const call of calls) expectNoCanary(await failureOf(call));
      // What is authentic and is no value all the same.
      for (const text of [plaintext, `{"json":"${plaintext}","meta":{"values":["Date"],"v":1}}`, `{"${plaintext}":`]) {
        const wrong: Encoded = { data: { S: text }, codec: 'compact' };
        const opened = await layer.open(await layer.seal(wrong, home), home);
        const failure = await failureOf(() => heldFrom(opened, home.key, layer.form));
        expect(failure).toMatchObject({ code: 'ERR_DECODE' });
        expectNoCanary(failure);
      }
    }
  });

  it('on the console, which nothing of it writes to', async () => {
    const written = [process.stdout, process.stderr].map((stream) => jest.spyOn(stream, 'write'));
    const logged = (['log', 'info', 'warn', 'error', 'debug'] as const).map((level) => jest.spyOn(console, level));
    for (const layer of layers) {
      const sealed = await layer.seal(formOf(value, layer), home);
      await failureOf(() => layer.open(sealed, { ...home, version: 9 }));
    }
    for (const spy of [...written, ...logged]) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
  });
});

// Goal: keys change under writers that go on, and die, and nothing becomes unreadable; a key can be given up by the steps that are
// documented, and a missing one is named; a key service that is slow, or fails, costs calls and nothing else.
// Method: several instances with rings of their own; the engine of one goes silent at its k-th request; services in memory.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { dataKeys, encrypted, type KeyRing, keyRing, type SealingCodec, sealedWith } from '../../lib/codec/index.js';
import { registerBench } from '../s3/s3-place.js';
import { noise } from '../support/prevalent.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { openBench } from './bench.js';
import {
  bucketPlace,
  codecOf,
  filePlace,
  fill,
  keyNamed,
  largestHead,
  look,
  openTexts,
  type SealedPlace,
  type Texts,
  tablePlace,
} from './sealed-places.js';

const bucket = registerBench();

function ringOf(...ids: readonly [string, ...string[]]): KeyRing {
  return keyRing({ current: ids[0], keys: Object.fromEntries(ids.map((id) => [id, keyNamed(id)])) });
}

const collecting = {
  initialState: [] as Texts,
  handler: (texts: Texts, text: string): Texts => [...texts, text],
  retention: { keep: 1 },
};

describe.each([
  ['a table', () => tablePlace()],
  ['a table with snapshots elsewhere', () => tablePlace({ outside: true })],
  ['a bucket', async () => bucketPlace(bucket())],
  ['a directory', () => filePlace()],
] as const)('a key of a system in %s', (_name, placeOf) => {
  it('is named when it is missing, and can be retired by the documented steps', async () => {
    const place = await placeOf();
    const keys = ringOf('k1');
    const codec = encrypted({ keys });
    {
      await using texts = await openTexts(place, { codec });
      await fill(texts, 14);
      await texts.snapshot();
      await fill(texts, 14, 14);
    }
    keys.add('k2', keyNamed('k2'));
    keys.use('k2');
    const missing = { code: 'ERR_KEY_MISSING', keyId: 'k1' };
    expect(await look(place, { codec: codecOf('k2') })).toMatchObject(missing);
    {
      await using texts = await openTexts(place, { codec, keep: 1 });
      await texts.handle('under k2');
      // The head is of k2 by now, and all else is not.
      await fill(texts, 14, 28);
      await texts.snapshot();
      await fill(texts, 14, 42);
      await texts.prune();
    }
    expect(keys.retire('k1')).toBe(true);
    expect(await look(place, { codec: codecOf('k2') })).toHaveLength(57);
    expect((await place.visible()).includes('encrypted:k1')).toBe(false);
    await place.close();
  });
});

describe('rotation under several writers', () => {
  it('leaves nothing unreadable, to writers that have the new key but do not use it yet as well', async () => {
    const place = await tablePlace();
    const ids = ['k0'];
    const rings = [ringOf('k0'), ringOf('k0'), ringOf('k0')];
    const writers = await Promise.all(rings.map((keys) => openTexts(place, { codec: encrypted({ keys }) })));
    for (let round = 1; round <= 12; round += 1) {
      const id = `k${round}`;
      ids.push(id);
      for (const keys of rings) keys.add(id, keyNamed(id));
      for (const [index, writer] of writers.entries()) {
        rings[index]?.use(id);
        await Promise.all(writers.map((one, n) => one.handle(`${round}/${index}/${n} ${'x'.repeat(80 * n)}`)));
        if (round % 4 === 0) await writer.snapshot();
      }
    }
    for (const writer of writers) await writer.sync();
    const [one, ...others] = writers.map((writer) => writer.state);
    expect(one).toHaveLength(12 * 9);
    for (const other of others) expect(other).toEqual(one);
    for (const writer of writers) await writer.close();
    expect(await look(place, { codec: encrypted({ keys: ringOf('k12', ...ids) }) })).toEqual(one);
    const used = new Set((await place.stored()).map(({ bytes }) => sealedWith(bytes)));
    expect(used.size).toBeGreaterThan(3);
  });

  it.each(['before', 'after'] as const)(
    'survives a writer that dies %s its k-th request, for every k',
    async (when) => {
      for (let at = 0; ; at += 1) {
        const bench = await openBench();
        const { engine, died } = dyingEngine(bench.memory, at, when);
        const acknowledged: string[] = [];
        const keys = ringOf('k1');
        const work = async () => {
          const texts = await bench.start(collecting, { engine, table: { codec: encrypted({ keys }) } });
          for (let n = 0; n < 20; n += 1) {
            if (n === 6) keys.add('k2', keyNamed('k2'));
            if (n === 7) keys.use('k2');
            const text = `${n} ${noise(n === 5 || n === 9 ? 3_000 : 110, n)}`;
            await texts.handle(text, { id: `${n}` });
            acknowledged.push(text);
            if (n === 5 || n === 12) await texts.snapshot();
            if (n === 13) await texts.prune();
          }
          return 'done';
        };
        const end = await bench.run(Promise.race([work(), died]));
        const codec = encrypted({ keys: ringOf('k2', 'k1') });
        const survivor = await bench.open(collecting, { table: { codec } });
        expect([at, survivor.state.slice(0, acknowledged.length)]).toEqual([at, acknowledged]);
        expect(survivor.state.length - acknowledged.length).toBeLessThanOrEqual(1);
        await bench.run(survivor.handle('goes on'));
        await bench.close();
        if (end === 'done') break;
        expect(at).toBeLessThan(100);
      }
    },
  );
});

it('keep the head within what it may have, with keys of a service that travel with it', async () => {
  expect(await largestHead(keyService().codec())).toBeLessThanOrEqual(1_024);
});

/** A service that answers late, and fails when it is told to. */
function keyService() {
  const wrapped = new Map<string, Uint8Array>();
  const service = { down: false, calls: 0 };
  const answer = async () => {
    service.calls += 1;
    await new Promise(setImmediate);
    if (service.down) throw new Error('out of reach');
  };
  const codec = (): SealingCodec => {
    const keys = dataKeys({
      messagesMax: 5,
      generate: async () => {
        await answer();
        const [plaintext, ciphertext] = [randomBytes(32), randomBytes(184)];
        wrapped.set(ciphertext.toString('hex'), plaintext);
        return { plaintext, ciphertext };
      },
      decrypt: async (ciphertext) => {
        await answer();
        return wrapped.get(Buffer.from(ciphertext).toString('hex')) as Uint8Array;
      },
    });
    return encrypted({ keys });
  };
  return { service, codec };
}

describe.each([
  ['a table', () => tablePlace()],
  ['a directory', () => filePlace()],
] as const)('data keys of a service, for a system in %s', (_name, placeOf) => {
  it('seal and open it, five values each', async () => {
    const place: SealedPlace = await placeOf();
    const { service, codec } = keyService();
    const texts = await openTexts(place, { codec: codec() });
    const state = await fill(texts, 30);
    await texts.snapshot();
    await texts.close();
    expect(service.calls).toBeGreaterThan(5);
    expect(await look(place, { codec: codec() })).toEqual(state);
    await place.close();
  });

  it('cost calls when the service is out of reach, and nothing else', async () => {
    const place: SealedPlace = await placeOf();
    const { service, codec } = keyService();
    const texts = await openTexts(place, { codec: codec() });
    let done = 0;
    for (let n = 0; n < 40; n += 1) {
      service.down = n % 3 === 1;
      try {
        await texts.handle(`${n}`);
        done += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_KEY_SERVICE', outcome: 'not-done' });
      }
    }
    expect(done).toBeGreaterThan(20);
    expect(texts.state).toHaveLength(done);
    service.down = true;
    const state = texts.state;
    await texts.close();
    expect(await look(place, { codec: codec() })).toMatchObject({ code: 'ERR_KEY_SERVICE' });
    service.down = false;
    expect(await look(place, { codec: codec() })).toEqual(state);
    await place.close();
  });
});

/**
 * Goal: what lies in a storage under encryption says nothing, and can be altered by nobody without being refused; a system that is
 * opened in the wrong way is refused, and nothing is written.
 * Method: systems in tables, with parts of snapshots in the table and elsewhere; bytes of all that is stored turned, moved, put back;
 * codecs of every kind. LEYDEN_SEED chooses the bytes that are turned: one of 19 in each run.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { compressed, encrypted, keyRing, sealedWith } from '../../lib/codec/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { openPrevayler, sealedStorage, transientStorage } from '../../lib/prevalence/index.js';
import { codecOf, fill, keyNamed, look, openTexts, type SealedPlace, type Texts, tablePlace } from './sealed-places.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);
const step = 19;
const right = codecOf('k1');
const places = [
  ['a table', () => tablePlace()],
  ['a table with snapshots elsewhere', () => tablePlace({ outside: true })],
] as const;

const damages = ['ERR_SEALED', 'ERR_KEY_MISSING', 'ERR_JOURNAL_GAP', 'ERR_SNAPSHOT_DAMAGED', 'ERR_DECODE'];

/** An error of ours that says that something is wrong, or the state as it was: a snapshot that is refused is worked out again. */
function expectUnharmed(found: Texts | Error, state: Texts): void {
  if (found instanceof Error)
    expect([isLeydenError(found) && damages.includes(found.code), found]).toEqual([true, found]);
  else expect(found).toEqual(state);
}

describe.each(places)('a sealed system in %s', (_name, placeOf) => {
  let place: SealedPlace;
  beforeEach(async () => {
    place = await placeOf();
  });
  afterEach(() => place.close());

  /** With pages, bodies, a snapshot, and commits after it. */
  async function filled(codec = right): Promise<Texts> {
    await using texts = await openTexts(place, { codec });
    await fill(texts, 14);
    await texts.snapshot();
    return await fill(texts, 14, 14);
  }

  it('is the same after a replay, a recovery and a look at the past', async () => {
    const state = await filled();
    await using texts = await openTexts(place, { codec: right });
    expect(texts.state).toEqual(state);
    expect((await texts.at({ seq: 9 })).state).toEqual(state.slice(0, 9));
    expect(await texts.handle('again', { id: 'id-20' })).toMatchObject({ status: 'known' });
    await texts.verify();
  });

  it(`is refused, or unharmed, with a byte of what is stored turned [LEYDEN_SEED=${seed}]`, async () => {
    const state = await filled();
    let refused = 0;
    const all = await place.stored();
    expect(all.length).toBeGreaterThan(6);
    for (const { name, bytes } of all) {
      for (let at = seed % step; at < bytes.length; at += step) {
        const turned = new Uint8Array(bytes);
        turned[at] = (turned[at] as number) ^ (1 << ((seed + at) % 8));
        await place.put(name, turned);
        const warnings: unknown[] = [];
        const found = await look(place, { codec: right, warnings });
        expectUnharmed(found, state);
        if (found instanceof Error || warnings.length > 0) refused += 1;
      }
      await place.put(name, bytes);
    }
    expect(refused).toBeGreaterThan(40);
    expect(await look(place, { codec: right })).toEqual(state);
  });

  it('is refused, or unharmed, with what is stored in another place of it, cut, or gone', async () => {
    const state = await filled();
    const all = await place.stored();
    for (const { name, bytes } of all) {
      const others = all.filter((other) => other.name !== name).map((other) => other.bytes);
      for (const other of [...others, bytes.subarray(1), bytes.subarray(0, -1), new Uint8Array()]) {
        await place.put(name, other);
        expectUnharmed(await look(place, { codec: right }), state);
      }
      await place.put(name, bytes);
    }
  });

  it('is refused with an older head or pointer under a newer version', async () => {
    const older = new Map<string, Uint8Array>();
    await filled();
    for (const { name, bytes } of await place.stored()) older.set(name, bytes);
    {
      await using texts = await openTexts(place, { codec: right });
      await texts.snapshot();
      await texts.handle('newer');
    }
    for (const name of ['till/head', 'till/snap']) {
      const now = (await place.stored()).find((one) => one.name === name) as { bytes: Uint8Array };
      expect(older.get(name)).not.toEqual(now.bytes);
      await place.put(name, older.get(name) as Uint8Array);
      expect(await look(place, { codec: right })).toMatchObject({ code: 'ERR_SEALED', reason: 'wrong-key' });
      await place.put(name, now.bytes);
    }
  });

  it('shows nothing of events, states, ids, labels and digests to who reads the storage', async () => {
    const storage = sealedStorage(place.storage(), right);
    const handler = (state: Texts, event: object): Texts => [...state, `CANARY-STATE ${JSON.stringify(event)}`];
    await using texts = await openPrevayler({
      ...{ storage, initialState: [] as Texts, handler, format: 'CANARY-FORMAT', handlerVersion: 'CANARY-VERSION' },
      ...{ follow: false, snapshots: false },
    });
    for (let n = 0; n < 30; n += 1) {
      await texts.handle(
        { 'CANARY-NAME': n, text: 'CANARY-EVENT'.repeat(n === 3 ? 40_000 : 9) },
        { id: `CANARY-ID-${n}` },
      );
    }
    const snapshot = await texts.snapshot();
    await texts.prune();
    const visible = await place.visible();
    for (const canary of ['CANARY', snapshot.digest, '"seq"', 'kept', 'prunedTo', 'tail']) {
      expect([canary, visible.includes(canary)]).toEqual([canary, false]);
    }
    for (const { name, bytes } of await place.stored()) {
      if (!/\/(?:head|snap)$/.test(name)) expect([name, sealedWith(bytes)]).toEqual([name, 'encrypted:k1']);
    }
  });

  it('is refused with a wrong key, a missing one or none, and nothing is written', async () => {
    const state = await filled();
    const before = [place.writes(), await place.visible()];
    const attempts = [
      [codecOf('k1', keyNamed('another')), { code: 'ERR_SEALED', reason: 'wrong-key', system: 'till' }],
      [codecOf('k2'), { code: 'ERR_KEY_MISSING', keyId: 'k1' }],
      [undefined, { code: 'ERR_SEALED', reason: 'sealed' }],
      [compressed(), { code: 'ERR_SEALED', reason: 'sealed' }],
    ] as const;
    for (const [codec, error] of attempts) expect(await look(place, { codec })).toMatchObject(error);
    expect([place.writes(), await place.visible()]).toEqual(before);
    expect(await look(place, { codec: right })).toEqual(state);
  });

  it('is refused where it lies in the clear, or only compressed, and nothing is written', async () => {
    for (const codec of [undefined, compressed({ bytesMin: 0 })]) {
      await using texts = await openTexts(place, { codec });
      const state = await fill(texts, 9);
      await texts.snapshot();
      const before = [place.writes(), await place.visible()];
      const found = await look(place, { codec: right });
      expect(found).toMatchObject({ code: 'ERR_SEALED', reason: 'plain', outcome: 'not-done' });
      expect((found as Error).message).toMatch(/acceptPlain/);
      expect([place.writes(), await place.visible()]).toEqual(before);
      expect(await look(place)).toEqual(state);
    }
  });

  it('goes over to compression and back, and from there to encryption with acceptPlain', async () => {
    const keys = keyRing({ current: 'k1', keys: { k1: keyNamed('k1') } });
    const accepting = encrypted({ keys, acceptPlain: true });
    let count = 0;
    for (const codec of [undefined, compressed({ bytesMin: 0 }), undefined, compressed(), accepting]) {
      for (const step of ['events', 'snapshot']) {
        await using texts = await openTexts(place, { codec, keep: 1 });
        expect(texts.state).toHaveLength(count);
        await fill(texts, 14, count);
        count += 14;
        if (step === 'snapshot') await texts.snapshot();
      }
    }
    // All that was written before goes with what a snapshot covers; then plain text is refused.
    for (let round = 0; round < 2; round += 1) {
      await using texts = await openTexts(place, { codec: accepting, keep: 1 });
      await fill(texts, 14, count);
      count += 14;
      await texts.snapshot();
      await texts.prune();
    }
    expect(await look(place, { codec: right })).toHaveLength(count);
  });
});

describe('sealedStorage()', () => {
  it('refuses what seals nothing, what has a codec already, and what is no codec', () => {
    const storage = transientStorage();
    expect(() => sealedStorage({ ...storage, seals: false }, right)).toThrow(/seals nothing/);
    expect(() => sealedStorage(sealedStorage(storage, right), right)).toThrow(/codec already/);
    for (const codec of [undefined, null, {}, 'x'])
      expect(() => sealedStorage(storage, codec as never)).toThrow(TypeError);
  });

  it('is transparent over a transient storage', async () => {
    const storage = sealedStorage(
      transientStorage(),
      encrypted({ keys: keyRing({ current: 'k1', keys: { k1: keyNamed('k1') } }), inner: compressed() }),
    );
    await using one = await openTexts({ storage: () => storage });
    await using other = await openTexts({ storage: () => storage });
    await fill(one, 20);
    await one.snapshot();
    await fill(other, 20, 20);
    expect(await one.sync()).toEqual(other.state);
  });
});

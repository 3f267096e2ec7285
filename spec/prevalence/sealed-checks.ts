/** What must be true of sealed systems, wherever they are. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { compressed, encrypted, keyRing, sealedWith } from '../../lib/codec/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { openPrevayler, sealedStorage } from '../../lib/prevalence/index.js';
import { codecOf, fill, keyNamed, look, openTexts, type SealedPlace, type Texts } from './sealed-places.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);
const right = codecOf('k1');

export interface CheckedPlace {
  readonly where: string;
  placeOf(): Promise<SealedPlace>;
  /** Of the stored bytes, one of so many is turned in each run. */
  readonly step: number;
  /** What the names of head and pointer begin with; absent where there are none. */
  readonly keptUnder?: string;
}

const damages = [
  ...['ERR_SEALED', 'ERR_KEY_MISSING', 'ERR_JOURNAL_GAP', 'ERR_SNAPSHOT_DAMAGED', 'ERR_DECODE'],
  ...['ERR_JOURNAL_DAMAGED', 'ERR_JOURNAL_FORMAT', 'ERR_DIRECTORY'],
];

/**
 * An error of ours that says that something is wrong, or the state as it was: a snapshot that is refused is worked out again. And
 * nothing that is told shows an event or a key.
 */
function expectUnharmed(found: Texts | Error, state: Texts, warnings: readonly unknown[] = []): void {
  if (found instanceof Error)
    expect([isLeydenError(found) && damages.includes(found.code), found]).toEqual([true, found]);
  else expect(found).toEqual(state);
  const told = found instanceof Error ? [found, ...warnings] : warnings;
  if (told.length === 0) return;
  const shown = told.map((error) => `${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`).join();
  const key = Buffer.from(keyNamed('k1'));
  const secrets = [...state.map((text) => text.slice(-30)), key.toString('hex'), key.toString('base64').slice(0, 30)];
  expect(secrets.filter((secret) => shown.includes(secret))).toEqual([]);
}

/** Registers what must be true of every place. */
export function describeSealed({ where, placeOf, step, keptUnder }: CheckedPlace): void {
  describe(`a sealed system in ${where}`, () => {
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
      expect(all.length).toBeGreaterThan(2);
      for (const { name, bytes } of all) {
        for (let at = seed % step; at < bytes.length; at += step) {
          const turned = new Uint8Array(bytes);
          turned[at] = (turned[at] as number) ^ (1 << ((seed + at) % 8));
          await place.put(name, turned);
          const warnings: unknown[] = [];
          const found = await look(place, { codec: right, warnings });
          expectUnharmed(found, state, warnings);
          if (found instanceof Error || warnings.length > 0) refused += 1;
        }
        await place.put(name, bytes);
      }
      expect(refused).toBeGreaterThan(5);
      expect(await look(place, { codec: right })).toEqual(state);
    });

    it('is refused, or unharmed, with what is stored in another place of it, cut, or gone', async () => {
      const state = await filled();
      const all = await place.stored();
      for (const [index, { name, bytes }] of all.entries()) {
        const others = [1, 2, 5].map((by) => all[(index + by) % all.length]?.bytes as Uint8Array);
        for (const other of [...others, bytes.subarray(1), bytes.subarray(0, -1), new Uint8Array()]) {
          await place.put(name, other);
          expectUnharmed(await look(place, { codec: right }), state);
        }
        await place.put(name, bytes);
      }
    });

    // A file as it was is the journal as it was: what comes after it is gone, and nobody can tell who has not seen it.
    if (keptUnder !== undefined)
      it('is refused with an older head or pointer under a newer version', async () => {
        const older = new Map<string, Uint8Array>();
        await filled();
        for (const { name, bytes } of await place.stored()) older.set(name, bytes);
        {
          await using texts = await openTexts(place, { codec: right });
          await texts.snapshot();
          await texts.handle('newer');
        }
        for (const name of [`${keptUnder}head`, `${keptUnder}snap`]) {
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
        ...{ storage, initialState: [] as Texts, handler },
        format: 'CANARY-FORMAT',
        handlerVersion: 'CANARY-VERSION',
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
      for (const { name, bytes } of keptUnder === undefined ? [] : await place.stored()) {
        if (!/(?:head|snap)$/.test(name)) expect([name, sealedWith(bytes)]).toEqual([name, 'encrypted:k1']);
      }
    });

    it('is refused with a wrong key, a missing one or none, and nothing is written', async () => {
      const state = await filled();
      const before = [place.writes(), await place.visible()];
      const attempts = [
        [codecOf('k1', keyNamed('another')), { code: 'ERR_SEALED', reason: 'wrong-key' }],
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
        const texts = await openTexts(place, { codec });
        const state = await fill(texts, 9);
        await texts.snapshot();
        await texts.close();
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
}

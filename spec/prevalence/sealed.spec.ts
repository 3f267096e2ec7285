/**
 * Goal: what lies in a table under encryption says nothing, and can be altered by nobody without being refused; a system that is
 * opened in the wrong way is refused, and nothing is written.
 * Method: systems in tables, with parts of snapshots in the table and elsewhere; bytes of all that is stored turned, moved, put back;
 * codecs of every kind. LEYDEN_SEED chooses the bytes that are turned.
 */
import { describe, expect, it } from '@jest/globals';
import { compressed, encrypted, keyRing } from '../../lib/codec/index.js';
import { sealedStorage, transientStorage } from '../../lib/prevalence/index.js';
import { describeSealed } from './sealed-checks.js';
import { codecOf, fill, keyNamed, largestHead, openTexts, tablePlace } from './sealed-places.js';

const right = codecOf('k1');

describeSealed({ where: 'a table', placeOf: () => tablePlace(), step: 31, keptUnder: 'till/' });
describeSealed({
  ...{
    where: 'a table with snapshots elsewhere',
    placeOf: () => tablePlace({ outside: true }),
    step: 83,
    keptUnder: 'till/',
  },
});

describe('a sealed system in a table', () => {
  it('keeps its head within what it may have, and uses it', async () => {
    const most = await largestHead(right);
    expect(most).toBeLessThanOrEqual(1_024);
    expect(most).toBeGreaterThan(900);
  });
});

describe('sealedStorage()', () => {
  it('refuses what seals nothing, what has a codec already, and what is no storage or no codec', () => {
    const storage = transientStorage();
    expect(() => sealedStorage({ ...storage, seals: false }, right)).toThrow(/seals nothing/);
    expect(() => sealedStorage(sealedStorage(storage, right), right)).toThrow(/codec already/);
    for (const codec of [undefined, null, {}, 'x'])
      expect(() => sealedStorage(storage, codec as never)).toThrow(TypeError);
    for (const none of [undefined, 'till', {}]) {
      expect(() => sealedStorage(none as never, right)).toThrow(/storage must be one/);
    }
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

/** Encryption and compression around any storage. */
import { isSealing, type SealingCodec } from '../codec/index.js';
import type { Storage } from './storage.js';

/**
 * Puts all that a storage keeps of a system through a codec: events, snapshots, and what tells of them.
 *
 * **Guarantee.** With `encrypted`, nobody who can read the storage reads anything of the events, the state, their ids or their times
 * in it; what is altered, moved, or put back under a newer version is refused and left as it is. Opened with a wrong key, or without, or
 * encrypted where it lies in the clear, a system is refused with `ERR_SEALED` or `ERR_KEY_MISSING`, and nothing is written.
 *
 * Not hidden: names of systems, items, files and objects; sizes, which also tell how well events and states compress together; times and
 * numbers of writes; names of writers. Not noticed by who has seen nothing newer: all of a storage, put back as it once was, or the end of
 * its newest file, cut off.
 *
 * @param codec all instances of a system need the same keys. `encrypted({ keys, inner: compressed() })` compresses first, which
 * pays in files; tables, buckets and snapshots are compressed anyhow.
 * @cost about 60 bytes and 10 µs for each item or record; no request with a key ring
 * @throws {TypeError} for a storage that can't seal, or has a codec already
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { encrypted, keyRing } from 'leyden-jar/codec';
 * import { openPrevayler, sealedStorage, transientStorage } from 'leyden-jar/prevalence';
 *
 * const keys = keyRing({ current: 'k1', keys: { k1: randomBytes(32) } });
 * const storage = sealedStorage(transientStorage(), encrypted({ keys }));
 * await using till = await openPrevayler({ storage, initialState: 0, handler: (sum: number, n: number) => sum + n });
 * await till.handle(5);
 * console.log(till.state); // 5
 * ```
 */
export function sealedStorage(storage: Storage, codec: SealingCodec): Storage {
  if (typeof storage?.open !== 'function') {
    throw new TypeError('Cannot seal: storage must be one, such as fileStorage(directory) or atomStorage(table, name)');
  }
  const { name, clock, seals } = storage;
  if (typeof codec !== 'object' || codec === null || !isSealing(codec)) {
    throw new TypeError(`Cannot seal ${name}: codec must be what encrypted or compressed returns: ${typeof codec}`);
  }
  if (seals !== true) {
    throw new TypeError(`Cannot seal ${name}: this storage has a codec already, or seals nothing`);
  }
  return { name, clock, open: (request) => storage.open({ ...request, codec }) };
}

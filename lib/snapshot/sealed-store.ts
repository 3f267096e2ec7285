/**
 * Parts of snapshots through a layer, in whatever store.
 *
 * A part is sealed once and put as often as it takes; it opens only under its own id and number. What was stored before there was a
 * layer, or through one that only compresses, is read as the codec allows.
 */
import { DecodeError, openBytes, type Place, type SealingCodec, sealBytes, sealedBytesMore } from '../codec/index.js';
import { SnapshotDamagedError } from './errors.js';
import type { SnapshotStore } from './store.js';

/** What parts are bound to, beside their id and number. */
export interface PartsOf {
  /** Name of the table, or of whatever holds the system. */
  readonly table: string;
  /** Name of the system. */
  readonly name: string;
}

/**
 * Seals parts on their way into `store`.
 *
 * @param codec absent: nothing is sealed, and what was only compressed is read all the same
 * @throws {SnapshotDamagedError} on reading, `ERR_SNAPSHOT_DAMAGED`: `damaged` for what was altered or moved, `foreign` for what is
 * not sealed; {@link KeyRingError} for a key that is not at hand.
 */
export function sealedSnapshotStore(
  store: SnapshotStore,
  codec: SealingCodec | undefined,
  { table, name }: PartsOf,
): SnapshotStore {
  const placeOf = (id: string, part: number): Place => ({
    ...{ table, key: `${name}/part/${id}/${part}`, attribute: 'part', incarnation: id, version: part },
  });
  return {
    partBytesMax: store.partBytesMax - (codec === undefined ? 0 : sealedBytesMore),
    async put(id, part, bytes, options) {
      const sealed = codec === undefined ? bytes : await sealBytes(codec, bytes, placeOf(id, part), { packed: true });
      await store.put(id, part, sealed, options);
    },
    async get(id, part, options) {
      const bytes = await store.get(id, part, options);
      if (bytes === undefined) return undefined;
      try {
        return await openBytes(codec, bytes, placeOf(id, part));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        throw new SnapshotDamagedError(error.reason, error.detail, { id, part }, error);
      }
    },
    delete: (id, part, options) => store.delete(id, part, options),
  };
}

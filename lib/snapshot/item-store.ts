/** Parts of snapshots as items of the table, beside the atoms: `<name>/part/<id>/<number>`. */
import type { WriteOnceItems } from '../atom/index.js';
import { idLengthMax, partsMax } from './part-frame.js';
import type { SnapshotStore } from './store.js';

/**
 * Stores parts as items of just under 400 KB. Their keys spread over the table's partitions.
 *
 * @cost 1 write unit per KB, 1 read unit per 4 KB.
 * @consistency Strong.
 */
export function itemSnapshotStore(items: WriteOnceItems, name: string): SnapshotStore {
  const keyOf = (id: string, part: number) => `${name}/part/${id}/${part}`;
  return {
    partBytesMax: items.bytesMax(keyOf('x'.repeat(idLengthMax), partsMax)),
    put: (id, part, bytes, options) => items.put(keyOf(id, part), bytes, options),
    get: (id, part, options) => items.get(keyOf(id, part), options),
    delete: (id, part, options) => items.delete(keyOf(id, part), options),
  };
}

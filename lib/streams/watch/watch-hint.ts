/** What a process that reads a stream can tell one that does not, over whatever carries messages between them. */
import type { Item } from '../../codec/index.js';

/**
 * A change of an item, as it is handed on. Plain data: what your bus does with bytes (`Uint8Array`, in binary attributes and encrypted
 * values) is to be looked at, and images may be left out where messages must be small.
 */
export interface WatchHint {
  readonly tableName: string;
  /** The item's key attributes. */
  readonly key: Item;
  /** Absent: the image is not known, and the atom will be read. With `item` absent inside: it was removed. */
  readonly change?: { readonly item?: Item | undefined } | undefined;
}

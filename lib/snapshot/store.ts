/**
 * Where the parts of snapshots are stored: the port, with items of the table behind it, or objects of a bucket, or files.
 *
 * A store knows nothing of states and pointers. It keeps bytes under an id and a number, and need not order anything: a part is
 * written once, and named by the pointer only when it stands there. What it gives back is not believed either, but checked.
 */

/** Options of each call. */
export interface StoreOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Stores parts. An id and a number name one content for ever, so a put may be repeated, and may come late. */
export interface SnapshotStore {
  /** Bytes of one part, at most. */
  readonly partBytesMax: number;
  /** Resolves when the part stands there for certain. */
  put(id: string, part: number, bytes: Uint8Array, options?: StoreOptions): Promise<void>;
  /** A part that a `put` resolved for, from then on; `undefined` if it is not there. */
  get(id: string, part: number, options?: StoreOptions): Promise<Uint8Array | undefined>;
  /** Resolves when it is gone for certain, also if it never was. */
  delete(id: string, part: number, options?: StoreOptions): Promise<void>;
}

/** One committed state of an atom, with its place in the order of writes. */

/** Facts of an {@link AtomSnapshot}. */
export interface SnapshotFacts<V> {
  /** The value; `initial` (or `undefined`) where there is none. */
  readonly value: V;
  /** Whether a value is stored; tells a stored `null` from nothing, and nothing from `initial`. */
  readonly exists: boolean;
  /** Count of committed writes of this incarnation; 0 where there is no item. */
  readonly version: number;
  /** Random name of the item's life; a new one after it was removed and made again. */
  readonly incarnation: string | undefined;
  /** By the writer's clock, epoch milliseconds: for people, never for decisions. */
  readonly writtenAt: number | undefined;
  /** Epoch milliseconds: when the value expires (`ttlMs`); for a deleted one, when its item may be removed for good. */
  readonly expiresAt: number | undefined;
  /** Size of the item by the service's rules, and of what a large value has in its parts; 0 where there is none. */
  readonly bytes: number;
  /** `true` when it may be older than the call that returned it. */
  readonly stale: boolean;
}

/**
 * What `snapshot()` returns. Hand it to `compareAndSet` to write only if nobody has written since: the comparison is by the
 * token of the write, so an equal value that was written again does not pass for the old one.
 */
export class AtomSnapshot<V> implements SnapshotFacts<V> {
  readonly value: V;
  readonly exists: boolean;
  readonly version: number;
  readonly incarnation: string | undefined;
  readonly writtenAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly bytes: number;
  readonly stale: boolean;
  readonly #token: string | undefined;

  constructor(facts: SnapshotFacts<V>, token: string | undefined) {
    this.value = facts.value;
    this.exists = facts.exists;
    this.version = facts.version;
    this.incarnation = facts.incarnation;
    this.writtenAt = facts.writtenAt;
    this.expiresAt = facts.expiresAt;
    this.bytes = facts.bytes;
    this.stale = facts.stale;
    this.#token = token;
  }

  /** Token of the write that made this state; `undefined` where there is no item. */
  get token(): string | undefined {
    return this.#token;
  }
}

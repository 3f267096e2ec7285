/** What a walk over many atoms yields. */
import { decodeKey, type Item, itemBytes } from '../../codec/index.js';
import { expiryOf } from '../atom-reader.js';
import { AtomSnapshot, type SnapshotFacts } from '../atom-snapshot.js';
import { type Known, liveHeld } from '../cache.js';
import type { Cells } from './cells.js';

/**
 * One atom as a walk found it: its key and a snapshot. Hand it to `compareAndSet` of its atom to write only if nobody has written
 * since.
 */
export class AtomEntry<T> extends AtomSnapshot<T> {
  /** The key, as it was given when the atom was opened; `{ pk, sk }` in a table with a sort key. */
  readonly key: unknown;

  /** @internal */
  constructor(key: unknown, facts: SnapshotFacts<T>, token: string | undefined) {
    super(facts, token);
    this.key = key;
  }
}

/** The key that an item lies under. @throws {DecodeError} `ERR_DECODE` when it is none of ours. */
export function keyIn(item: Item, keyNames: readonly string[]): unknown {
  const [pk, sk] = keyNames.map((name) => {
    const attribute = item[name];
    return decodeKey(attribute !== undefined && 'S' in attribute ? (attribute.S as string) : '');
  });
  return keyNames.length === 1 ? pk : { pk, sk };
}

/** The entry of an item; `undefined` where there is no value, or no more. */
export function entryOf<T>(
  item: Item,
  known: Known,
  { ground: { keyNames, clock } }: Cells,
  stale: boolean,
): AtomEntry<T> | undefined {
  const held = liveHeld(known, clock.now());
  if (held === undefined) return undefined;
  const { image } = known;
  const facts: SnapshotFacts<T> = {
    value: held.hand() as T,
    exists: true,
    version: image?.lineage.version ?? 0,
    incarnation: image?.lineage.incarnation,
    writtenAt: image?.writtenAt,
    expiresAt: expiryOf(image),
    bytes: itemBytes(item) + (image?.manifest?.bytes ?? 0),
    stale,
  };
  return new AtomEntry<T>(keyIn(item, keyNames), facts, image?.lineage.token);
}

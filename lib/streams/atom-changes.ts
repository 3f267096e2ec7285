/**
 * Records as changes of atoms.
 *
 *   image before      image after       the change
 *   –, tombstone      value             written
 *   value             value             written (`isSameValue`, when only the version moved)
 *   value             tombstone         deleted
 *   value             –                 deleted: by time to live after it had expired, or by another program
 *   tombstone         –                 none: the tombstone's hour was over
 *   no atom           no atom           none: parts of large values, journals, receipts, items of other programs
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  type AtomImage,
  type AtomImages,
  type AtomOptions,
  type AtomTable,
  type KeySelection,
  valueGone,
} from '../atom/index.js';
import type { Held, Item } from '../codec/index.js';
import { isLeydenError } from '../errors.js';
import type { Parser, RecordMeta } from './change.js';
import type { StreamRecord } from './port.js';

/** Options of {@link atomChanges}. */
export interface AtomChangesOptions<T> extends KeySelection {
  /**
   * The codec that the atoms are opened with.
   * @defaultValue that of a handle that is held, else that of the table
   */
  readonly codec?: AtomOptions<T>['codec'];
  /** Checks and shapes values; any Standard Schema. @defaultValue that of a handle that is held, else none */
  readonly schema?: StandardSchemaV1<unknown, T>;
  /**
   * Whether values before the change are read as well.
   * @defaultValue true
   */
  readonly previous?: boolean;
  /**
   * What to do with a value that can't be decoded: `throw`: its record fails. `tell`: the change is delivered, and the value is `missing`.
   * @defaultValue 'throw'
   */
  readonly onUndecodable?: 'throw' | 'tell';
}

/** What an {@link AtomChange} is made of. */
interface ChangeFacts<T> {
  readonly key: unknown;
  readonly keyText: string;
  readonly incarnation: string;
  readonly version: number;
  readonly value: T | undefined;
  readonly previous: T | undefined;
  readonly deleted: boolean;
  readonly removed: boolean;
  readonly expired: boolean;
  readonly missing: readonly ('value' | 'previous')[];
  readonly writtenAt: number | undefined;
  readonly expiresAt: number | undefined;
}

/** One write of one atom. */
export class AtomChange<T> implements ChangeFacts<T> {
  /** The key, as it was given when the atom was opened; `{ pk, sk }` in a table with a sort key. */
  readonly key: unknown;
  /** The canonical text of the key: as `atom.key`. */
  readonly keyText: string;
  /** Random name of the item's life. Versions of one life are in order; between two lives the order is that of the stream. */
  readonly incarnation: string;
  /** Count of committed writes of this life. Where the item was removed for good, that of the last one. */
  readonly version: number;
  /** The value after the change; `undefined` where it was `deleted`, or is `missing`. */
  readonly value: T | undefined;
  /** The value before it; `undefined` where there was none, where it had expired, or is `missing`. */
  readonly previous: T | undefined;
  /** There is no value after it. */
  readonly deleted: boolean;
  /** The item itself is gone, and the life that `incarnation` names is over: by time to live, or by another program. */
  readonly removed: boolean;
  /** The value had expired (`ttlMs`), and its item was removed for good an hour later. */
  readonly expired: boolean;
  /**
   * What was there and can't be had any more. `value`: a large value whose parts were removed, an hour after another write had replaced
   * it, so that a later change of the atom follows, or after it had expired. `previous`: the same, or it is not readable with this codec
   * and schema.
   */
  readonly missing: readonly ('value' | 'previous')[];
  /** By the writer's clock, epoch milliseconds: for people, never for decisions. */
  readonly writtenAt: number | undefined;
  /** When the value expires, epoch milliseconds. No change comes at that moment; one comes when the item is removed, an hour later or more. */
  readonly expiresAt: number | undefined;
  readonly #after: Held | undefined;
  readonly #before: Held | undefined;

  /** @internal Made by {@link atomChanges}. */
  constructor(facts: ChangeFacts<T>, after: Held | undefined, before: Held | undefined) {
    this.key = facts.key;
    this.keyText = facts.keyText;
    this.incarnation = facts.incarnation;
    this.version = facts.version;
    this.value = facts.value;
    this.previous = facts.previous;
    this.deleted = facts.deleted;
    this.removed = facts.removed;
    this.expired = facts.expired;
    this.missing = facts.missing;
    this.writtenAt = facts.writtenAt;
    this.expiresAt = facts.expiresAt;
    this.#after = after;
    this.#before = before;
  }

  /** Whether the value is the one before: a write that moved the version alone. Not known, and `false`, where one of them was not read. */
  get isSameValue(): boolean {
    if (this.missing.length > 0) return false;
    if (this.#after === undefined || this.#before === undefined) return this.#after === this.#before && !this.expired;
    return this.#after.equals(this.#before);
  }
}

/**
 * What changed in the atoms of a table: key, value, the value before, version; one change for each committed write.
 *
 * **Guarantee.** A value is what that very write has stored, with all types (dates, maps, bigints, …), through the codec, encryption and
 * schema of the atom; never that of another write, and never one that is half of it. Of one atom versions come in order. Deleting is a
 * change; the end of a tombstone is none, and neither is anything in the table that is no atom.
 *
 * A write that changes nothing but the evidence in its item (a cancelled write, the state that a large value is written on, `sweepParts`)
 * has a version of its own, and is delivered as a change with `isSameValue`. A swap that returns what it was given writes nothing, so
 * there is nothing to tell.
 *
 * A large value lies in parts beside its item. They are read while the record is parsed; whoever comes more than an hour after the value was
 * replaced finds no parts any more, and gets the change without the value, which `missing` says. **It cannot** tell of the moment
 * at which a value with `ttlMs` expires: nothing is written then.
 *
 * An image that can't be decoded is a failure of its record: `ERR_DECODE`, `ERR_INVALID_VALUE`. Of the value before, it is only `missing`:
 * the write that repaired an item must not fail for what it has repaired.
 *
 * @cost Nothing; for a large value 1 request and 1/2 read unit per 4 KB for each of its parts.
 * @iam dynamodb:GetItem, for large values
 * @throws TypeError for a selection that the table has no keys for; from `parse`, for records of a table with other keys.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { atomChanges } from 'leyden-jar/streams';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * const parser = atomChanges<number>(table, { prefix: 'order#' });
 * console.log(parser.needs); // => both-images
 * ```
 */
export function atomChanges<T = unknown>(table: AtomTable, options: AtomChangesOptions<T> = {}): Parser<AtomChange<T>> {
  if (typeof table?.images !== 'function')
    throw new TypeError('Cannot read changes of atoms: table must be an AtomTable');
  const { pk, prefix, codec, schema, previous = true, onUndecodable = 'throw' } = options;
  const opened =
    codec === undefined && schema === undefined ? undefined : { ...(codec && { codec }), ...(schema && { schema }) };
  return changesIn<T>(table.images({ pk, prefix }, opened), previous, onUndecodable === 'tell');
}

/** As {@link atomChanges}, of images that are read as somebody else says. */
export function changesIn<T>(images: AtomImages, previous: boolean, tellsUndecodable = false): Parser<AtomChange<T>> {
  return new AtomChangeParser<T>(images, previous, tellsUndecodable);
}

/** A value that was read; `unread`: it can't be had. */
type Told = Held | typeof unread | undefined;

const unread: unique symbol = Symbol('unread');

class AtomChangeParser<T> implements Parser<AtomChange<T>> {
  readonly needs = 'both-images';
  readonly #images: AtomImages;
  readonly #wantsPrevious: boolean;
  readonly #tellsUndecodable: boolean;

  constructor(images: AtomImages, wantsPrevious: boolean, tellsUndecodable: boolean) {
    this.#images = images;
    this.#tellsUndecodable = tellsUndecodable;
    this.#wantsPrevious = wantsPrevious;
  }

  parse(record: StreamRecord, meta: RecordMeta): AtomChange<T> | undefined | Promise<AtomChange<T> | undefined> {
    const { Keys = {}, NewImage, OldImage } = record.dynamodb ?? {};
    if (!this.#images.isSelected(Keys)) return undefined;
    const after = this.#images.parse(NewImage);
    const before = this.#parseBefore(OldImage, after);
    const state = after ?? before;
    if (state === undefined || state === unread) return undefined;
    // The end of a tombstone, or a write of another program beside the value.
    if (after === undefined && state.image.encoded === undefined) return undefined;
    if (after !== undefined && before !== undefined && before !== unread && isSameWrite(after, before))
      return undefined;
    const value = after && this.#told(() => this.#images.valueOf(after), this.#tellsUndecodable);
    const previous = this.#previous(before, after);
    const make = (values: readonly [Told, Told]) => this.#change(state, after === undefined, meta, values);
    if (value instanceof Promise || previous instanceof Promise)
      return Promise.all<Told>([value, previous]).then(([a, b]) => make([a, b]));
    return make([value, previous]);
  }

  /** An image before that is damaged must not be in the way of the write that has repaired it. */
  #parseBefore(item: Item | undefined, after: AtomImage | undefined): AtomImage | typeof unread | undefined {
    try {
      return this.#images.parse(item);
    } catch (error) {
      if (after === undefined || !isUndecodable(error)) throw error;
      return unread;
    }
  }

  #previous(before: AtomImage | typeof unread | undefined, after: AtomImage | undefined): Told | Promise<Told> {
    if (before === undefined || before === unread) return before;
    if (!this.#wantsPrevious) return undefined;
    // It was there no more.
    if (hasExpired(before, after?.image.writtenAt)) return undefined;
    return this.#told(() => this.#images.valueOf(before), true);
  }

  #told(read: () => ReturnType<AtomImages['valueOf']>, tellsUndecodable: boolean): Told | Promise<Told> {
    const fail = (error: unknown): Told => {
      if (!tellsUndecodable || !isUndecodable(error)) throw error;
      return unread;
    };
    try {
      const held = read();
      return held instanceof Promise ? held.then((one): Told => (one === valueGone ? unread : one), fail) : held;
    } catch (error) {
      return fail(error);
    }
  }

  #change(
    { key, image: { lineage, writtenAt, aliveUntil } }: AtomImage,
    isRemoved: boolean,
    { approximateCreationTime }: RecordMeta,
    [after, before]: readonly [Told, Told],
  ): AtomChange<T> {
    const handed = (told: Told) => (told === undefined || told === unread ? undefined : (told.hand() as T));
    const facts: ChangeFacts<T> = {
      key: this.#images.keyOf(key),
      keyText: key.text,
      incarnation: lineage.incarnation,
      version: lineage.version,
      value: handed(after),
      previous: handed(before),
      deleted: after === undefined,
      removed: isRemoved,
      expired: isRemoved && aliveUntil !== undefined && approximateCreationTime.getTime() >= aliveUntil,
      missing: [
        ...(after === unread ? (['value'] as const) : []),
        ...(before === unread ? (['previous'] as const) : []),
      ],
      writtenAt,
      expiresAt: isRemoved ? undefined : aliveUntil,
    };
    return new AtomChange<T>(facts, after === unread ? undefined : after, before === unread ? undefined : before);
  }
}

function isSameWrite({ image: a }: AtomImage, { image: b }: AtomImage): boolean {
  return a.lineage.token === b.lineage.token && a.aliveUntil === b.aliveUntil;
}

function hasExpired({ image: { aliveUntil } }: AtomImage, now: number | undefined): boolean {
  return aliveUntil !== undefined && now !== undefined && now >= aliveUntil;
}

/** Whether it is the image's fault, and would be so again. */
function isUndecodable(error: unknown): boolean {
  return isLeydenError(error, 'ERR_DECODE') || isLeydenError(error, 'ERR_INVALID_VALUE');
}

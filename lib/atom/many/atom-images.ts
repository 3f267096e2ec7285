/**
 * Images of atoms that came another way than by asking the store for the atom as it is: the records of the table's stream.
 *
 * An image tells of one write, perhaps of long ago. So no cache learns from it, nothing newer is read in its place, and what it names but
 * does not hold, the parts of a large value, may be gone since: that is told, and never answered with another value.
 */
import { type Encoded, encodeKey, type Held, type Item } from '../../codec/index.js';
import { partitionKeyBytesMax } from '../../engine/index.js';
import { AtomReader } from '../atom-reader.js';
import { hasLineage, type Image, parseItem } from '../item-format.js';
import { MissingPart } from '../large/parts.js';
import { Packing } from '../packing.js';
import { Register } from '../register.js';
import type { ValueRules } from '../value-rules.js';
import { keyIn } from './atom-entry.js';
import { type AtomKey, atomKeyOf, type Cells, keyItemOf, keyTextOf } from './cells.js';
import { type KeySelection, keyBeginning } from './enumerate.js';

/** The value was in parts that were removed since: another write has replaced it, or it has expired. */
export const valueGone: unique symbol = Symbol('value gone');

/** One image, taken apart; its value is still as it was stored. */
export interface AtomImage {
  readonly key: AtomKey;
  readonly image: Image;
}

/** Reads images of the atoms of one table. */
export class AtomImages {
  readonly #cells: Pick<Cells, 'ground' | 'retry'>;
  readonly #rulesOf: (key: AtomKey) => ValueRules;
  readonly #partition: string | undefined;
  readonly #beginning: string | undefined;

  /** @throws TypeError for a selection that the table has no keys for. */
  constructor(cells: Pick<Cells, 'ground' | 'retry'>, rulesOf: (key: AtomKey) => ValueRules, selection: KeySelection) {
    this.#cells = cells;
    this.#rulesOf = rulesOf;
    this.#beginning = keyBeginning(cells, 'read changes of', selection);
    this.#partition = selection.pk === undefined ? undefined : encodeKey(selection.pk, partitionKeyBytesMax);
  }

  /** Those of one atom, read as its handle reads. */
  static of(atom: AtomReader<unknown>): AtomImages {
    const cell = AtomReader.cellOf(atom);
    return new AtomImages(cell, () => cell.rules, {});
  }

  /**
   * Whether the item with these key attributes is one of the selected.
   *
   * @throws TypeError for keys of another table: all of its items would be passed over in silence.
   */
  isSelected(key: Item): boolean {
    const { keyNames } = this.#cells.ground;
    const [partition, sort] = keyNames as [string, string | undefined];
    if (!keyNames.every((name) => name in key)) {
      const [theirs, ours] = [Object.keys(key).join(', '), keyNames.join(', ')];
      throw new TypeError(
        `Cannot read changes of atoms: a record has keys ${theirs}, and those of the AtomTable are ${ours}; give the same table to both`,
      );
    }
    const [pk, sk] = [textOf(key, partition), sort === undefined ? undefined : textOf(key, sort)];
    if (this.#partition !== undefined && pk !== this.#partition) return false;
    return this.#beginning === undefined || (sort === undefined ? pk : sk)?.startsWith(this.#beginning) === true;
  }

  /** The canonical text of a key of the user's. */
  textOf(key: unknown): string {
    return atomKeyOf(key, this.#cells.ground.keyNames).text;
  }

  /** The key of the user's. @throws {DecodeError} `ERR_DECODE` for one that is none of ours. */
  keyOf({ item }: AtomKey): unknown {
    return keyIn(item, this.#cells.ground.keyNames);
  }

  /**
   * Takes an image apart; `undefined` for what is no atom.
   *
   * @throws {DecodeError} `ERR_DECODE`
   */
  parse(item: Item | undefined): AtomImage | undefined {
    const { keyNames, names } = this.#cells.ground;
    if (item === undefined || !hasLineage(item, names)) return undefined;
    const text = keyTextOf(item, keyNames);
    if (text === undefined) return undefined;
    return { key: { item: keyItemOf(item, keyNames), text }, image: parseItem(item, keyNames, names, text) };
  }

  /**
   * The value of an image; `undefined` for a tombstone. A promise only where layers have to be taken off.
   *
   * @throws {DecodeError} `ERR_DECODE`, {@link InvalidValueError} `ERR_INVALID_VALUE`; {@link DeadlineError} `ERR_DEADLINE` when parts or
   * a key can't be read in time
   */
  valueOf({ key, image }: AtomImage): Held | Promise<Held | typeof valueGone> | undefined {
    const rules = this.#rulesOf(key);
    rules.refuseForeign(image.foreign);
    const { encoded } = image;
    if (encoded === undefined) return undefined;
    if (encoded.codec === undefined && rules.sealing === undefined) return rules.read(encoded);
    return this.#unpacked(key, image, encoded, rules);
  }

  async #unpacked(key: AtomKey, image: Image, encoded: Encoded, rules: ValueRules): Promise<Held | typeof valueGone> {
    const { ground, retry } = this.#cells;
    const packing = new Packing(ground, key.item, key.text, rules, retry.timeoutMs);
    const deadlineAt = ground.clock.monotonicMs() + retry.timeoutMs;
    try {
      const { form, manifest } = await packing.unpack(encoded, image, { known: undefined, deadlineAt });
      return await rules.read(form as Encoded, manifest !== undefined);
    } catch (error) {
      if (!(error instanceof MissingPart)) throw error;
      if (await this.#stillStands(key, image, deadlineAt)) throw error.damage;
      return valueGone;
    }
  }

  /** Whether the item is still as in the image: then what it lacks is damage. Of a value that has expired nothing is said. */
  async #stillStands(key: AtomKey, { lineage, aliveUntil }: Image, deadlineAt: number): Promise<boolean> {
    const { ground, retry } = this.#cells;
    if (aliveUntil !== undefined && ground.clock.now() >= aliveUntil) return false;
    const item = await new Register(ground, retry, key.item, key.text).readItem(true, deadlineAt);
    return item !== undefined && textOf(item, ground.names.token) === lineage.token;
  }
}

function textOf(item: Item, name: string): string | undefined {
  const attribute = item[name];
  return attribute !== undefined && 'S' in attribute ? attribute.S : undefined;
}

/**
 * The way of a value's form into its item and back, through the layers of the atom: compression, encryption, parts.
 *
 *   form --layers--> what lies in attribute `d`, under the codec name in `c`
 *
 * Most atoms have no layer; then the form itself lies there, and nothing here is asked. Layers are bound to the version that is
 * being written, so what is packed is packed anew for each write, also when the same value is written again.
 */
import { DecodeError, type Encoded, type Held, type Place, type SealingCodec } from '../codec/index.js';
import type { Lineage } from './evidence.js';
import type { Ground } from './ground.js';
import type { Image } from './item-format.js';

/** A value is in so many layers at most. */
const layersMax = 8;

export class Packing {
  readonly #ground: Ground;
  readonly #keyText: string;
  readonly #sealing: SealingCodec | undefined;

  constructor(ground: Ground, keyText: string, sealing: SealingCodec | undefined) {
    this.#ground = ground;
    this.#keyText = keyText;
    this.#sealing = sealing;
  }

  /** Whether values lie in the item in their own form, as long as they fit. */
  get isBare(): boolean {
    return this.#sealing === undefined;
  }

  /** What lies in the item for a value, in the write that makes `lineage`. `bytesMax` is the room that the item has for it. */
  async pack(held: Held, lineage: Lineage, _bytesMax: number): Promise<Encoded> {
    const encoded = held.encode();
    return this.#sealing === undefined ? encoded : this.#sealing.seal(encoded, this.#placeOf(lineage));
  }

  /** What lies in the item of `image`, as it has to lie there under another version. */
  async repack({ encoded, lineage }: Image, next: Lineage): Promise<Encoded | undefined> {
    const sealing = this.#sealing;
    if (encoded?.codec === undefined || sealing === undefined || !sealing.opens(encoded.codec)) return encoded;
    return sealing.seal(await sealing.open(encoded, this.#placeOf(lineage)), this.#placeOf(next));
  }

  /**
   * The form of the value that lies in an item.
   *
   * @throws {DecodeError} `ERR_DECODE`
   */
  async unpack(encoded: Encoded, lineage: Lineage): Promise<Encoded> {
    const sealing = this.#sealing;
    const place = this.#placeOf(lineage);
    let form = encoded;
    let sealed = false;
    for (let layer = 0; layer < layersMax && sealing !== undefined; layer += 1) {
      if (form.codec === undefined || !sealing.opens(form.codec)) break;
      form = await sealing.open(form, place);
      sealed = true;
    }
    if (sealing !== undefined && !sealed && sealing.acceptsUnsealed !== true) {
      throw new DecodeError(this.#keyText, 'foreign', `it is not sealed by codec ${JSON.stringify(sealing.name)}`);
    }
    return form;
  }

  #placeOf({ incarnation, version }: Lineage): Place {
    const { names, tableName } = this.#ground;
    return { table: nameOf(tableName()), key: this.#keyText, attribute: names.data, incarnation, version };
  }
}

/** A table's name, also where it is given by its ARN. */
function nameOf(table: string): string {
  return table.slice(table.lastIndexOf('/') + 1);
}

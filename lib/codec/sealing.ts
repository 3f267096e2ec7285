/**
 * Layers between the form of a value and its item: compression, encryption.
 *
 *   value --form--> text or bytes --seal--> bytes in the item --open--> text or bytes --form--> value
 *
 * A `ValueCodec` is pure and knows the value alone. A sealing codec is told besides where its bytes will lie, so that it can
 * bind them to that place, and it may wait: for the thread pool, or for a key service.
 */
import type { Encoded } from './held.js';
import type { ValueCodec } from './value-codec.js';

/** Where a sealed value lies. Encryption binds it to all of this. */
export interface Place {
  /** Name of the table. */
  readonly table: string;
  /** The key of the item, as text. */
  readonly key: string;
  /** The attribute, or whatever holds the bytes within the item's reach. */
  readonly attribute: string;
  /** The life of the item. */
  readonly incarnation: string;
  /** The version of the item that the bytes belong to. */
  readonly version: number;
  /** When the value expires, in epoch milliseconds; absent where it does not. */
  readonly expiresAt?: number | undefined;
}

/**
 * A layer between a value's form and its item.
 *
 * What `seal` makes, `open` at the same place gives back; anywhere else it may refuse. Neither may change what it is given.
 */
export interface SealingCodec {
  /** For messages, and to tell two handles of one atom apart that were opened with different ones. */
  readonly name: string;
  /**
   * How a value becomes text or bytes underneath.
   * @defaultValue `jsonCodec`
   */
  readonly form?: ValueCodec | undefined;
  /** The sealed form: bytes under a codec name that {@link SealingCodec.opens} knows. */
  seal(form: Encoded, place: Place): Encoded | Promise<Encoded>;
  /** Whether `open` reads what is stored under this codec name. */
  opens(codecName: string): boolean;
  /**
   * The form that was sealed, or the sealed form of the layer within.
   *
   * @throws {DecodeError} `ERR_DECODE` for what `seal` did not make, or not for this place.
   */
  open(sealed: Encoded, place: Place): Encoded | Promise<Encoded>;
  /**
   * Whether a value that stands in the item without this layer is taken all the same. Compression takes it; encryption must not,
   * or anybody who can write to the table could put plain text in its place.
   * @defaultValue false
   */
  readonly acceptsUnsealed?: boolean | undefined;
  /**
   * Whether it hides what it seals from those who can read the table.
   * @defaultValue false
   */
  readonly encrypts?: boolean | undefined;
  /**
   * Bytes that it adds to a form, about: a journal plans the room in its head by it.
   * @defaultValue 64
   */
  readonly addsBytes?: number | undefined;
}

const variants = new WeakMap<SealingCodec, Map<ValueCodec, SealingCodec>>();

/** The same layer over another form; one object for each form, as handles of one atom must be opened with the same codec. */
export function withForm(codec: SealingCodec, form: ValueCodec): SealingCodec {
  let made = variants.get(codec);
  if (made === undefined) {
    made = new Map();
    variants.set(codec, made);
  }
  let variant = made.get(form);
  if (variant === undefined) {
    variant = new Variant(codec, form);
    made.set(form, variant);
  }
  return variant;
}

class Variant implements SealingCodec {
  readonly form: ValueCodec;
  readonly #codec: SealingCodec;

  constructor(codec: SealingCodec, form: ValueCodec) {
    this.#codec = codec;
    this.form = form;
  }

  get name(): string {
    return this.#codec.name;
  }

  get acceptsUnsealed(): boolean | undefined {
    return this.#codec.acceptsUnsealed;
  }

  get encrypts(): boolean | undefined {
    return this.#codec.encrypts;
  }

  get addsBytes(): number | undefined {
    return this.#codec.addsBytes;
  }

  seal(form: Encoded, place: Place): Encoded | Promise<Encoded> {
    return this.#codec.seal(form, place);
  }

  opens(codecName: string): boolean {
    return this.#codec.opens(codecName);
  }

  open(sealed: Encoded, place: Place): Encoded | Promise<Encoded> {
    return this.#codec.open(sealed, place);
  }
}

/** Whether a codec is a layer over another. */
export function isSealing(codec: ValueCodec | SealingCodec): codec is SealingCodec {
  return 'seal' in codec;
}

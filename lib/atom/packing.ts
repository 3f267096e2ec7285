/**
 * The way of a value's form into its item and back, through the layers of the atom: compression, encryption, parts.
 *
 *   fits its item       form --layers--> what lies in attribute `d`, under the codec name in `c`
 *   with compression    form --compressed--> the same; only where the atom has no layers of its own
 *   does not fit        form --compressed or layers--> bytes --cut--> parts;  manifest --layers--> `d`
 *
 * Most atoms have no layer and small values; then the form itself lies there, and nothing here is asked. Layers are bound to the
 * version that is being written, so what lies in the item is packed anew for each write, also when the same value is written again.
 * What lies in parts is bound to their id instead, so that its manifest alone is packed anew.
 */
import { setImmediate } from 'node:timers/promises';
import {
  attributeBytes,
  compactCodec,
  compressed,
  DecodeError,
  type Encoded,
  formBytesMax,
  type Held,
  type Item,
  isHeavier,
  type Place,
  type SealingCodec,
} from '../codec/index.js';
import { after } from '../engine/index.js';
import { DeadlineError, ItemTooLargeError } from './errors.js';
import type { Lineage } from './evidence.js';
import type { Ground } from './ground.js';
import type { Image } from './item-format.js';
import { formatManifest, type Manifest, manifestCodecName, parseManifest } from './large/manifest.js';
import type { Owner } from './large/part-store.js';
import { isThenable, type ValueRules } from './value-rules.js';

/** A value is in so many layers at most. */
const layersMax = 8;
/** Layers add no more than this to a form: names, checksums, keys that are stored with what they seal. */
const layersBytesMax = 64 * 1_024;
/** A form of so many times the room does not fit after compression either, as a rule. */
const hopelessTimes = 8;
/** The form of a value that does not fit is not kept beside it. */
const keptBytesMax = 64 * 1_024;
/** What takes some milliseconds to become text. */
const turnBytesMax = 1_024 * 1_024;
/** For values that do not fit, and for whoever reads them. */
const squeezer = compressed({ bytesMin: 0, bytesMax: formBytesMax });

/** A value that does not fit its item, on its way into parts. */
export interface LargeValue {
  readonly form: Encoded;
  /** Compressed, where that is bound to no place. */
  readonly squeezed: Encoded | undefined;
}

/** What lies in an item: the form of a value, or, of a large one, the manifest and not always the form. */
export interface Unpacked {
  readonly form: Encoded | undefined;
  readonly manifest: Manifest | undefined;
}

/** What layers are bound to, and how long the item stays. */
type ItemPlace = Pick<Image, 'lineage' | 'aliveUntil' | 'expiresAt'>;

/** Circumstances of a write into parts. */
export interface Splitting {
  /** The item as it will be. */
  readonly image: ItemPlace;
  /** Token of the state that it is written on. */
  readonly base: string;
  /** What that state names. */
  readonly prior: Manifest | undefined;
  /** Aborts when nobody waits for it any more. */
  readonly signal: AbortSignal | undefined;
}

export class Packing {
  readonly #ground: Ground;
  readonly #key: Item;
  readonly #keyText: string;
  readonly #rules: ValueRules;
  readonly #sealing: SealingCodec | undefined;
  readonly #timeoutMs: number;

  /** `timeoutMs`: how long a layer may make others wait, which asks a key service. */
  constructor(ground: Ground, key: Item, keyText: string, rules: ValueRules, timeoutMs: number) {
    this.#ground = ground;
    this.#timeoutMs = timeoutMs;
    this.#key = key;
    this.#keyText = keyText;
    this.#rules = rules;
    this.#sealing = rules.sealing;
  }

  /** Made when it is asked for, which small values never do: there are many atoms. */
  get #owner(): Owner {
    const texts = this.#ground.keyNames.map((name) => (this.#key[name] as { S: string }).S);
    return { texts, key: this.#keyText };
  }

  /** Whether an item that is older than what was seen before is refused: somebody may have put it back. */
  get refusesOlder(): boolean {
    return this.#sealing !== undefined && this.#sealing.acceptsUnsealed !== true;
  }

  /** Whether the atom has layers of its own. */
  get isSealing(): boolean {
    return this.#sealing !== undefined;
  }

  /** Whether a value lies in the item in its own form, if it fits: to be seen without packing it. */
  isBare(held: Held, bytesMax: number): boolean {
    return this.#sealing === undefined && (this.#rules.large === undefined || !isHeavier(held, bytesMax));
  }

  /**
   * What lies in the item for a value, in the write that makes `image`; or the value on its way into parts. `bytesMax` is the room
   * that the item has for it.
   *
   * @throws {ItemTooLargeError} `ERR_ITEM_TOO_LARGE`, and what the layers throw.
   */
  async pack(held: Held, image: ItemPlace, bytesMax: number): Promise<Encoded | LargeValue> {
    const { large } = this.#rules;
    const sealing = this.#sealing;
    // Its caller's copy was made a moment ago; others have their turn before it becomes text.
    if (isHeavier(held, turnBytesMax)) await this.#aside(setImmediate());
    const form = this.#formOf(held);
    if (large !== undefined) this.#requireSize(form, large.bytesMax);
    const isHopeless = large !== undefined && formBytes(form) > hopelessTimes * bytesMax;
    if (sealing !== undefined && isHopeless) return { form, squeezed: undefined };
    const place = this.#placeOf(image);
    const packed = await (sealing === undefined
      ? this.#aside(squeezer.seal(form, place))
      : this.#seal(sealing, form, place));
    if (large === undefined || formBytes(packed) <= bytesMax) return packed;
    return { form, squeezed: sealing === undefined ? packed : undefined };
  }

  /** Writes a value into parts; answers the manifest, and what lies in the item for it. */
  async split({ form, squeezed }: LargeValue, facts: Splitting): Promise<{ encoded: Encoded; manifest: Manifest }> {
    const { image, base, prior, signal } = facts;
    const { expiresAt } = image;
    const { parts } = this.#ground;
    const id = parts.newId();
    const content = squeezed ?? (await this.#seal(this.#sealing as SealingCodec, form, this.#partsPlace(image, id)));
    const rules = this.#rules.large as NonNullable<ValueRules['large']>;
    const manifest = await parts.write(content, { id, owner: this.#owner, base, rules, expiresAt, prior, signal });
    try {
      return { encoded: await this.#sealManifest(manifest, image), manifest };
    } catch (error) {
      if (manifest !== prior) this.removeParts(manifest);
      throw error;
    }
  }

  /** What lies in the item of `image`, as it has to lie there under another version. */
  async repack(image: Image, next: Lineage): Promise<Encoded | undefined> {
    const { encoded } = image;
    const sealing = this.#sealing;
    if (encoded?.codec === undefined || sealing === undefined || !sealing.opens(encoded.codec)) return encoded;
    const form = await this.#open(sealing, encoded, this.#placeOf(image));
    return this.#seal(sealing, form, this.#placeOf({ ...image, lineage: next }));
  }

  /**
   * The form of the value that lies in an item; of a large one the manifest alone, where `known` is the same or nothing is `wanted`.
   *
   * @throws {DecodeError} `ERR_DECODE`; {@link MissingPart}.
   */
  async unpack(
    encoded: Encoded,
    image: ItemPlace,
    { known, deadlineAt }: { readonly known: Manifest | undefined; readonly deadlineAt: number | undefined },
  ): Promise<Unpacked> {
    const form = await this.#peel(encoded, this.#placeOf(image));
    if (form.codec !== manifestCodecName) return { form, manifest: undefined };
    const manifest = parseManifest(form, this.#keyText, formBytesMax + layersBytesMax);
    if (known?.id === manifest.id || deadlineAt === undefined) return { form: undefined, manifest };
    const content = await this.#ground.parts.read(manifest, this.#owner, deadlineAt);
    return { form: await this.#peel(content, this.#partsPlace(image, manifest.id)), manifest };
  }

  /** Lets the parts of a value that was replaced be removed in an hour. */
  markParts(manifest: Manifest): void {
    this.#ground.parts.mark(manifest, this.#owner);
  }

  /** Removes the parts of a value that was never committed and never will be. */
  removeParts(manifest: Manifest): void {
    this.#ground.parts.remove(manifest, this.#owner);
  }

  /** Takes off layer after layer. */
  async #peel(encoded: Encoded, place: Place): Promise<Encoded> {
    const sealing = this.#sealing;
    let form = encoded;
    for (let layer = 0; layer < layersMax; layer += 1) {
      const { codec } = form;
      const isSealed = codec !== undefined && sealing?.opens(codec) === true;
      if (layer === 0 && sealing !== undefined && !isSealed && sealing.acceptsUnsealed !== true) {
        throw new DecodeError(this.#keyText, 'foreign', `it is not sealed by codec ${JSON.stringify(sealing.name)}`);
      }
      if (isSealed) form = await this.#open(sealing, form, place);
      else if (codec !== undefined && squeezer.opens(codec)) form = await this.#aside(squeezer.open(form, place));
      else break;
    }
    return form;
  }

  /** Compressing it makes no sense, but the layers of the atom bind it to the version, or must. */
  async #sealManifest(manifest: Manifest, image: ItemPlace): Promise<Encoded> {
    const encoded = formatManifest(manifest);
    return this.#sealing === undefined ? encoded : this.#seal(this.#sealing, encoded, this.#placeOf(image));
  }

  /** Native attributes can't be cut: what does not fit is text or bytes. */
  #formOf(held: Held): Encoded {
    const codec = this.#rules.form ?? compactCodec;
    const isKept = this.#rules.form !== undefined && !(codec.transparent === true && isHeavier(held, keptBytesMax));
    if (isKept) return held.encode();
    try {
      return { data: codec.encode(held.hand()), codec: codec.name };
    } catch (error) {
      // The text would be longer than any text can be.
      if (error instanceof RangeError) throw new ItemTooLargeError(this.#keyText, 2 ** 29, formBytesMax, 'value');
      throw error;
    }
  }

  #seal(sealing: SealingCodec, form: Encoded, place: Place): Encoded | Promise<Encoded> {
    return this.#within(sealing, 'seal', sealing.seal(form, place));
  }

  #open(sealing: SealingCodec, sealed: Encoded, place: Place): Encoded | Promise<Encoded> {
    return this.#within(sealing, 'open', sealing.open(sealed, place));
  }

  #within<T>(sealing: SealingCodec, action: string, work: T | Promise<T>): T | Promise<T> {
    return answered(this.#ground, sealing, { action, key: this.#keyText, timeoutMs: this.#timeoutMs }, work);
  }

  /** Large values are compressed by the thread pool, of which a simulated clock has to be told. */
  #aside<T>(work: T | Promise<T>): T | Promise<T> {
    const { clock } = this.#ground;
    return isThenable(work) ? (clock.elsewhere?.(work) ?? work) : work;
  }

  #requireSize(form: Encoded, bytesMax: number): void {
    const bytes = formBytes(form);
    if (bytes > bytesMax) throw new ItemTooLargeError(this.#keyText, bytes, bytesMax, 'value');
  }

  #placeOf({ lineage: { incarnation, version }, aliveUntil }: ItemPlace): Place {
    const { names, tableName } = this.#ground;
    const place = { table: nameOf(tableName()), key: this.#keyText, attribute: names.data, incarnation, version };
    return aliveUntil === undefined ? place : { ...place, expiresAt: aliveUntil };
  }

  /** That of the bytes in parts: the same under every version of the item that names them. */
  #partsPlace({ lineage, expiresAt }: ItemPlace, id: string): Place {
    const place = this.#placeOf({ lineage, aliveUntil: undefined, expiresAt });
    return { ...place, attribute: `parts/${id}`, version: 0 };
  }
}

/** Whom a layer works for, and how long it may make others wait. */
interface LayerCall {
  readonly action: string;
  readonly key: string;
  readonly timeoutMs: number;
}

/**
 * Waits for a layer. A key service that never answers must not keep an atom from everybody for ever.
 *
 * @throws {DeadlineError} `ERR_DEADLINE`
 */
export function answered<T>(
  { clock }: Pick<Ground, 'clock'>,
  { encrypts }: SealingCodec,
  { action, key, timeoutMs }: LayerCall,
  work: T | Promise<T>,
): T | Promise<T> {
  if (!isThenable(work)) return work;
  // Work of the thread pool, which a simulated clock has to be told of. What asks a key service may sleep on that clock itself.
  if (encrypts !== true && clock.elsewhere !== undefined) return clock.elsewhere(work);
  return new Promise((resolve, reject) => {
    const callOff = after(clock, timeoutMs, () => {
      const facts = { key, attempts: 0, conflicts: 0 };
      reject(new DeadlineError(action, facts, timeoutMs, new Error('the layer or its key service has not answered')));
    });
    void work.then(resolve, reject).finally(callOff);
  });
}

/** Bytes that a form has, or takes in an item. */
function formBytes({ data, annotations = '', codec = '' }: Encoded): number {
  return attributeBytes(data) + Buffer.byteLength(annotations) + Buffer.byteLength(codec);
}

/** A table's name, also where it is given by its ARN. */
export function nameOf(table: string): string {
  return table.slice(table.lastIndexOf('/') + 1);
}

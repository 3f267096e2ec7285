/** Makes the bytes of an atom's next write: item, condition and attempt, fixed before anything is sent. */
import { type AttributeValue, type Encoded, type Held, type Item, isHeavier, itemBytes } from '../codec/index.js';
import { type Expression, itemBytesMax } from '../engine/index.js';
import type { Known, Start } from './cache.js';
import { ItemTooLargeError } from './errors.js';
import { evolve, type Lineage, originate } from './evidence.js';
import type { Ground } from './ground.js';
import { formatItem, type Image } from './item-format.js';
import type { Manifest } from './large/manifest.js';
import type { LargeValue, Packing } from './packing.js';
import { promisedUntil, withoutOld } from './receipts/item-receipts.js';
import type { PendingWrite } from './register.js';
import { noAttributes, type ValueRules } from './value-rules.js';

/** A write that is ready to be sent. */
export interface Draft {
  readonly pending: PendingWrite;
  /** The item as it will be. */
  readonly image: Image;
  readonly held: Held | undefined;
  readonly start: Start;
  /** Drafts the write of the base value on the same base, under a new number; absent where there is none to write. */
  readonly cancel: (() => Promise<Draft>) | undefined;
  /** What is to be done beside the item once the fate of the write is known; absent where nothing is. */
  readonly aftermath: Aftermath | undefined;
}

/** Goes on in the background. What is never called leaves parts to the sweep. */
export interface Aftermath {
  /** The write was applied: the parts of the value before it are not needed much longer. */
  applied(): void;
  /** The write was not applied and never will be, or was not sent: the parts that were written for it are not needed. */
  lost(): void;
}

/** Who writes what a large value is then written on; see `footing.ts`. */
export interface Footer {
  takeFooting(draft: Draft, signal: AbortSignal | undefined): Promise<Known>;
}

/** Circumstances of a draft. */
export interface DraftOptions {
  /** The number of the write, drawn while nobody else could write this atom: that of a transaction, for all its atoms. */
  readonly seq?: number | undefined;
  /** Receipts of calls with an `opId` that the item is to keep; those of the base by default. */
  readonly receipts?: Item | undefined;
  /** Aborts when nobody waits for the draft any more. */
  readonly signal?: AbortSignal | undefined;
}

/** However it is stored, a value that weighs this many times less than its item may is not larger than that. */
const certainlySmallTimes = 32;
/** Room that is left for what a transaction adds to an item after it was prepared. */
const preparedBytesMin = 16 * 1_024;

/** What an item is to hold beside its lineage. */
type Content = Pick<Image, 'encoded' | 'index' | 'aliveUntil' | 'manifest'>;

/** The place of a write in the order of writes, fixed before its content is worked out. */
interface Stamp {
  readonly seq: number;
  readonly lineage: Lineage;
  readonly now: number;
  readonly receipts: Item | undefined;
}

/** The content of a tombstone. */
const nothing: Content = { encoded: undefined, index: noAttributes, aliveUntil: undefined };

export class Writer {
  readonly #ground: Ground;
  readonly #rules: ValueRules;
  readonly #packing: Packing;
  readonly #key: Item;
  readonly #keyText: string;
  readonly #footer: Footer;

  constructor(ground: Ground, rules: ValueRules, packing: Packing, key: Item, keyText: string, footer: Footer) {
    this.#ground = ground;
    this.#rules = rules;
    this.#packing = packing;
    this.#key = key;
    this.#keyText = keyText;
    this.#footer = footer;
  }

  /**
   * Drafts the write of `held` (`undefined` = a tombstone) on top of `base`. A promise only where layers have to work or wait, or parts
   * to be written.
   *
   * @throws {ItemTooLargeError} `ERR_ITEM_TOO_LARGE`; also what index functions and layers throw; `BaseMoved` and `Unwanted`.
   */
  draft(base: Known, held: Held | undefined, start: Start, options: DraftOptions = {}): Draft | Promise<Draft> {
    const stamp = this.#stamp(base, options.seq, options.receipts);
    if (held === undefined) return this.#make(base, held, nothing, stamp, start);
    const index = this.#rules.indexAttributes(held);
    const bytesMax = this.#bytesMax;
    if (!this.#packing.isBare(held, bytesMax)) return this.#draftPacked(base, held, index, stamp, start, options);
    const content = { encoded: held.encode(), index, aliveUntil: this.#aliveUntil(stamp) };
    const draft = this.#make(base, held, content, stamp, start);
    const bytes = itemBytes(draft.pending.item);
    if (bytes <= bytesMax) return draft;
    if (this.#rules.large === undefined) throw new ItemTooLargeError(this.#keyText, bytes, bytesMax);
    return this.#draftPacked(base, held, index, stamp, start, options);
  }

  /**
   * Makes sure that a value can be drafted on `base` without another write before it, as a transaction must: resolves with the base
   * to draft it on.
   *
   * @throws what {@link Writer.draft} throws.
   */
  async prepare(base: Known, held: Held | undefined, start: Start, signal?: AbortSignal): Promise<Known> {
    const { large } = this.#rules;
    if (base.image !== undefined || held === undefined || large === undefined) return base;
    if (!isHeavier(held, this.#bytesMax / certainlySmallTimes)) return base;
    const index = this.#rules.indexAttributes(held);
    const packed = await this.#pack(base, held, index, this.#stamp(base), start, preparedBytesMin);
    return 'data' in packed ? base : this.#footing(base, start, signal);
  }

  async #draftPacked(
    base: Known,
    held: Held,
    index: Item,
    stamp: Stamp,
    start: Start,
    options: DraftOptions,
  ): Promise<Draft> {
    const packed = await this.#pack(base, held, index, stamp, start);
    if ('data' in packed) {
      const content = { encoded: packed, index, aliveUntil: this.#aliveUntil(stamp) };
      return this.#fitting(this.#make(base, held, content, stamp, start));
    }
    // A number that was drawn before must not be used after that of the footing.
    if (base.image === undefined && options.seq !== undefined)
      throw new TypeError('Cannot draft: prepare() was not called');
    const { signal } = options;
    const footing = base.image === undefined ? await this.#footing(base, start, signal) : base;
    const place = footing === base ? stamp : this.#stamp(footing);
    const content = { encoded: undefined, index, aliveUntil: this.#aliveUntil(place) };
    const { image } = this.#make(footing, held, content, place, start);
    const { token } = (footing.image as Image).lineage;
    const facts = { image, base: token, prior: footing.image?.manifest, signal };
    const { encoded, manifest } = await this.#packing.split(packed, facts);
    const draft = this.#make(footing, held, { ...content, encoded, manifest }, place, start);
    try {
      return this.#fitting(draft);
    } catch (error) {
      draft.aftermath?.lost();
      throw error;
    }
  }

  /** What lies in the item for a value, if it fits beside all else that does. */
  #pack(
    base: Known,
    held: Held,
    index: Item,
    stamp: Stamp,
    start: Start,
    spareBytes = 0,
  ): Promise<Encoded | LargeValue> {
    const { data, codec, annotations } = this.#ground.names;
    const content = { encoded: undefined, index, aliveUntil: this.#aliveUntil(stamp) };
    const { pending, image } = this.#make(base, held, content, stamp, start);
    const namesBytes = [data, codec, annotations].reduce((sum, name) => sum + Buffer.byteLength(name), 0);
    return this.#packing.pack(held, image, this.#bytesMax - itemBytes(pending.item) - namesBytes - spareBytes);
  }

  /** A tombstone, or the value of another layout, as an item of ours. */
  async #footing(base: Known, start: Start, signal: AbortSignal | undefined): Promise<Known> {
    const stamp = this.#stamp(base);
    if (base.held === undefined)
      return this.#footer.takeFooting(this.#make(base, undefined, nothing, stamp, start), signal);
    const index = this.#rules.indexAttributes(base.held);
    const packed = await this.#pack(base, base.held, index, stamp, start);
    // It came out of an item.
    const encoded = 'data' in packed ? packed : base.held.encode();
    const content = { encoded, index, aliveUntil: this.#aliveUntil(stamp) };
    return this.#footer.takeFooting(this.#fitting(this.#make(base, base.held, content, stamp, start)), signal);
  }

  /** As it stands there: no function of the user's is asked, which might throw for an older value. */
  async touch(base: Known, start: Start): Promise<Draft> {
    const stamp = this.#stamp(base, undefined);
    const encoded = base.image && (await this.#packing.repack(base.image, stamp.lineage));
    const { index = noAttributes, aliveUntil, manifest } = base.image ?? {};
    return this.#make(base, base.held, { encoded, index, aliveUntil, manifest }, stamp, start);
  }

  /** @throws {ItemTooLargeError} `ERR_ITEM_TOO_LARGE` when the store would not take it. */
  #fitting(draft: Draft): Draft {
    const bytes = itemBytes(draft.pending.item);
    if (bytes > itemBytesMax) throw new ItemTooLargeError(this.#keyText, bytes, itemBytesMax);
    return draft;
  }

  /** Bytes that an item has before its value is compressed or split. */
  get #bytesMax(): number {
    return this.#rules.large?.itemBytesMax ?? itemBytesMax;
  }

  #aliveUntil({ now }: Stamp): number | undefined {
    const { ttlMs } = this.#rules;
    return ttlMs === undefined ? undefined : now + ttlMs;
  }

  #stamp(base: Known, seq = this.#ground.nextSeq(), receipts = base.image?.receipts): Stamp {
    const { clock, writer, generationWritersMax, newIncarnation, receiptMs } = this.#ground;
    const now = Math.floor(clock.now());
    const before = base.image?.lineage;
    const lineage =
      before === undefined
        ? originate(newIncarnation(), writer, seq)
        : evolve(before, writer, seq, generationWritersMax);
    return { seq, lineage, now, receipts: withoutOld(receipts, now, receiptMs) };
  }

  #make(base: Known, held: Held | undefined, content: Content, stamp: Stamp, start: Start): Draft {
    const { seq, lineage, now, receipts } = stamp;
    const { names, writer, tombstoneMs, receiptMs } = this.#ground;
    const { encoded, index, aliveUntil, manifest } = content;
    const deadAt = held === undefined && encoded === undefined ? now : aliveUntil;
    const image: Image = {
      lineage,
      encoded,
      writtenAt: now,
      aliveUntil,
      receipts,
      // Judged late by the service; the horizon that matters is the life of a signed request, a quarter of this.
      expiresAt:
        deadAt === undefined
          ? undefined
          : Math.ceil((Math.max(deadAt, promisedUntil(receipts, receiptMs)) + tombstoneMs) / 1_000),
      index,
      foreign: base.image?.foreign ?? noAttributes,
      manifest,
    };
    const pending: PendingWrite = {
      item: formatItem(this.#key, image, names),
      condition: this.condition(base),
      attempt: { writer, seq, base: base.image?.lineage, incarnation: lineage.incarnation },
      copies: 0,
      firstSentAt: undefined,
    };
    const cancel = base.adopted === undefined ? () => this.touch(base, start) : undefined;
    return { pending, image, held, start, cancel, aftermath: this.#aftermath(base.image?.manifest, manifest) };
  }

  #aftermath(before: Manifest | undefined, after: Manifest | undefined): Aftermath | undefined {
    if (before?.id === after?.id) return undefined;
    return {
      applied: () => {
        if (before !== undefined) this.#packing.markParts(before);
      },
      lost: () => {
        if (after !== undefined) this.#packing.removeParts(after);
      },
    };
  }

  /** The item must be as it was: under the same token, absent, or, when adopted, equal in every attribute. */
  condition({ image, adopted }: Known): Expression {
    const { names, keyNames } = this.#ground;
    if (image !== undefined) {
      return {
        expression: '#l = :l',
        names: { '#l': names.token },
        values: { ':l': { S: image.lineage.token } },
      };
    }
    if (adopted === undefined) {
      return { expression: 'attribute_not_exists(#k)', names: { '#k': keyNames[0] as string } };
    }
    const clauses = ['attribute_exists(#k)', 'attribute_not_exists(#l)'];
    const placeholders: Record<string, string> = { '#k': keyNames[0] as string, '#l': names.token };
    const values: Record<string, AttributeValue> = {};
    Object.entries(adopted).forEach(([name, value], position) => {
      if (keyNames.includes(name)) return;
      placeholders[`#a${position}`] = name;
      values[`:a${position}`] = value;
      clauses.push(`#a${position} = :a${position}`);
    });
    return {
      expression: clauses.join(' AND '),
      names: placeholders,
      ...(Object.keys(values).length > 0 && { values }),
    };
  }
}

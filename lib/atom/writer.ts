/** Makes the bytes of an atom's next write: item, condition and attempt, fixed before anything is sent. */
import { type AttributeValue, type Held, type Item, itemBytes } from '../codec/index.js';
import { type Expression, itemBytesMax } from '../engine/index.js';
import type { Known, Start } from './cache.js';
import { ItemTooLargeError } from './errors.js';
import { evolve, type Lineage, originate } from './evidence.js';
import type { Ground } from './ground.js';
import { formatItem, type Image } from './item-format.js';
import type { Packing } from './packing.js';
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
}

/** What an item is to hold beside its lineage. */
type Content = Pick<Image, 'encoded' | 'index' | 'aliveUntil'>;

/** The place of a write in the order of writes, fixed before its content is worked out. */
interface Stamp {
  readonly seq: number;
  readonly lineage: Lineage;
  readonly now: number;
}

export class Writer {
  readonly #ground: Ground;
  readonly #rules: ValueRules;
  readonly #packing: Packing;
  readonly #key: Item;
  readonly #keyText: string;

  constructor(ground: Ground, rules: ValueRules, packing: Packing, key: Item, keyText: string) {
    this.#ground = ground;
    this.#rules = rules;
    this.#packing = packing;
    this.#key = key;
    this.#keyText = keyText;
  }

  /**
   * Drafts the write of `held` (`undefined` = a tombstone) on top of `base`. A promise only where layers have to work or wait.
   * `seq` is the number of the write, drawn while nobody else could write this atom: that of a transaction, for all its atoms.
   *
   * @throws {ItemTooLargeError} `ERR_ITEM_TOO_LARGE`; also what index functions and layers throw.
   */
  draft(base: Known, held: Held | undefined, start: Start, seq?: number): Draft | Promise<Draft> {
    const stamp = this.#stamp(base, seq);
    if (held === undefined) {
      return this.#make(base, held, { encoded: undefined, index: noAttributes, aliveUntil: undefined }, stamp, start);
    }
    const { ttlMs } = this.#rules;
    const index = this.#rules.indexAttributes(held);
    const aliveUntil = ttlMs === undefined ? undefined : stamp.now + ttlMs;
    if (!this.#packing.isBare) return this.#draftPacked(base, held, { index, aliveUntil }, stamp, start);
    const draft = this.#make(base, held, { encoded: held.encode(), index, aliveUntil }, stamp, start);
    const bytes = itemBytes(draft.pending.item);
    if (bytes > itemBytesMax) throw new ItemTooLargeError(this.#keyText, bytes, itemBytesMax);
    return draft;
  }

  async #draftPacked(
    base: Known,
    held: Held,
    rest: Omit<Content, 'encoded'>,
    stamp: Stamp,
    start: Start,
  ): Promise<Draft> {
    const empty = this.#make(base, held, { ...rest, encoded: undefined }, stamp, start);
    const room = itemBytesMax - itemBytes(empty.pending.item);
    const encoded = await this.#packing.pack(held, stamp.lineage, room);
    const draft = this.#make(base, held, { ...rest, encoded }, stamp, start);
    const bytes = itemBytes(draft.pending.item);
    if (bytes > itemBytesMax) throw new ItemTooLargeError(this.#keyText, bytes, itemBytesMax);
    return draft;
  }

  /** As it stands there: no function of the user's is asked, which might throw for an older value. */
  async #draftCancel(base: Known, start: Start): Promise<Draft> {
    const stamp = this.#stamp(base);
    const encoded = base.image && (await this.#packing.repack(base.image, stamp.lineage));
    const { index = noAttributes, aliveUntil } = base.image ?? {};
    return this.#make(base, base.held, { encoded, index, aliveUntil }, stamp, start);
  }

  #stamp(base: Known, seq = this.#ground.nextSeq()): Stamp {
    const { clock, writer, generationWritersMax, newIncarnation } = this.#ground;
    const before = base.image?.lineage;
    const lineage =
      before === undefined
        ? originate(newIncarnation(), writer, seq)
        : evolve(before, writer, seq, generationWritersMax);
    return { seq, lineage, now: Math.floor(clock.now()) };
  }

  #make(base: Known, held: Held | undefined, content: Content, { seq, lineage, now }: Stamp, start: Start): Draft {
    const { names, writer, tombstoneMs } = this.#ground;
    const { encoded, index, aliveUntil } = content;
    const deadAt = held === undefined ? now : aliveUntil;
    const image: Image = {
      lineage,
      encoded,
      writtenAt: now,
      aliveUntil,
      // Judged late by the service; the horizon that matters is the life of a signed request, a quarter of this.
      expiresAt: deadAt === undefined ? undefined : Math.ceil((deadAt + tombstoneMs) / 1_000),
      index,
      foreign: base.image?.foreign ?? noAttributes,
    };
    const pending: PendingWrite = {
      item: formatItem(this.#key, image, names),
      condition: this.condition(base),
      attempt: { writer, seq, base: base.image?.lineage, incarnation: lineage.incarnation },
      copies: 0,
      firstSentAt: undefined,
    };
    const cancel = base.adopted === undefined ? () => this.#draftCancel(base, start) : undefined;
    return { pending, image, held, start, cancel };
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

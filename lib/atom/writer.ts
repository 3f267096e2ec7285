/** Makes the bytes of an atom's next write: item, condition and attempt, fixed before anything is sent. */
import { type AttributeValue, type Held, type Item, itemBytes } from '../codec/index.js';
import { type Expression, itemBytesMax } from '../engine/index.js';
import type { Known, Start } from './cache.js';
import { ItemTooLargeError } from './errors.js';
import { evolve, originate } from './evidence.js';
import type { Ground } from './ground.js';
import { formatItem, type Image } from './item-format.js';
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
  readonly cancel: (() => Draft) | undefined;
}

/** What there is of a value where there is none. */
const nothing = { encoded: undefined, index: noAttributes };

export class Writer {
  readonly #ground: Ground;
  readonly #rules: ValueRules;
  readonly #key: Item;
  readonly #keyText: string;

  constructor(ground: Ground, rules: ValueRules, key: Item, keyText: string) {
    this.#ground = ground;
    this.#rules = rules;
    this.#key = key;
    this.#keyText = keyText;
  }

  /**
   * Drafts the write of `held` (`undefined` = a tombstone) on top of `base`.
   *
   * @throws {ItemTooLargeError} `ERR_ITEM_TOO_LARGE`; also what index functions throw.
   */
  draft(base: Known, held: Held | undefined, start: Start): Draft {
    const content = {
      encoded: held?.encode(),
      index: held === undefined ? noAttributes : this.#rules.indexAttributes(held),
    };
    const draft = this.#make(base, held, content, start);
    const bytes = itemBytes(draft.pending.item);
    if (bytes > itemBytesMax) throw new ItemTooLargeError(this.#keyText, bytes, itemBytesMax);
    return draft;
  }

  #make(base: Known, held: Held | undefined, content: Pick<Image, 'encoded' | 'index'>, start: Start): Draft {
    const { clock, names, writer, generationWritersMax, tombstoneMs, newIncarnation } = this.#ground;
    const seq = this.#ground.nextSeq();
    const before = base.image?.lineage;
    const lineage =
      before === undefined
        ? originate(newIncarnation(), writer, seq)
        : evolve(before, writer, seq, generationWritersMax);
    const now = Math.floor(clock.now());
    const image: Image = {
      lineage,
      encoded: content.encoded,
      writtenAt: now,
      // Judged late by the service; the horizon that matters is the life of a signed request, a quarter of this.
      expiresAt: held === undefined ? Math.ceil((now + tombstoneMs) / 1_000) : undefined,
      index: content.index,
      foreign: base.image?.foreign ?? noAttributes,
    };
    const pending: PendingWrite = {
      item: formatItem(this.#key, image, names),
      condition: this.#condition(base),
      attempt: { writer, seq, base: before, incarnation: lineage.incarnation },
      copies: 0,
      requests: 0,
      firstSentAt: undefined,
    };
    // As it stands there: no function of the user's is asked, which might throw for an older value.
    const { encoded, index } = base.image ?? nothing;
    const cancel =
      base.adopted === undefined ? () => this.#make(base, base.held, { encoded, index }, start) : undefined;
    return { pending, image, held, start, cancel };
  }

  /** The item must be as it was: under the same token, absent, or, when adopted, equal in every attribute. */
  #condition({ image, adopted }: Known): Expression {
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

/**
 * Receipts: what makes a call with an `opId` take effect once, whoever calls, and however often.
 *
 *   stores with transactions    an item of its own, `~op:<opId>`, put where none stands, together with the atoms
 *   stores without              in the atom's own item, in the attribute `o`, a bounded number of them
 *
 * A receipt carries what the first caller was told, in the stored form of the atom's values: an encrypted atom's receipt is
 * encrypted, and bound to its place. It stays for `receiptMs`, and the item of one an hour longer, so that no late copy of the
 * first call can meet an empty place.
 *
 * No atom has such a key: canonical keys that begin with a tilde go on with JSON.
 */
import {
  DecodeError,
  type Encoded,
  type Held,
  heldFrom,
  hold,
  type Item,
  itemBytes,
  jsonCodec,
  type Place,
  type ValueCodec,
} from '../../codec/index.js';
import { type Expression, itemBytesMax } from '../../engine/index.js';
import { ItemTooLargeError } from '../errors.js';
import type { Ground } from '../ground.js';
import { answered } from '../packing.js';
import { OpIdReusedError } from '../transact/transaction-errors.js';
import type { ValueRules } from '../value-rules.js';
import { formatReceipt, parseReceipt, type Receipt, receiptCodecName } from './receipt-format.js';

/** Longest `opId`, in bytes of UTF-8. */
const opIdBytesMax = 512;
/** The item of a receipt is kept this much longer than promised. */
const marginMs = 60 * 60 * 1_000;
const keyPrefix = '~op:';
/** A result is in so many layers at most. */
const layersMax = 8;

/** The parts of what a caller was told, by name; those that are `undefined` may be missing. */
export type Parts = Readonly<Record<string, unknown>>;

/** The put of a receipt's item, ready to be sent. */
export interface ReceiptDraft {
  readonly keyText: string;
  readonly key: Item;
  readonly item: Item;
  readonly condition: Expression;
  /** Wall-clock time until which it certainly stands once it was put. */
  readonly standsUntil: number;
  /** Whether a receipt that was found is that of this very write. */
  readonly isOwn: (item: Item) => boolean;
}

/** Which call a receipt is of, and in what form its results are kept. */
export interface SlipFacts {
  readonly opId: string;
  readonly kind: string;
  /** Key of the atom; `undefined` for a transaction. */
  readonly atom: string | undefined;
  readonly rules: Pick<ValueRules, 'form' | 'sealing'>;
  /** How long a layer may make others wait, which asks a key service. */
  readonly timeoutMs: number;
}

/** @throws TypeError, RangeError for what can't be one. */
export function requireOpId(action: string, opId: unknown): asserts opId is string {
  if (typeof opId !== 'string') throw new TypeError(`Cannot ${action}: opId must be a string: ${typeof opId}`);
  const bytes = Buffer.byteLength(opId);
  if (bytes < 1 || bytes > opIdBytesMax || Buffer.from(opId).toString() !== opId || opId === '__proto__') {
    throw new RangeError(
      `Cannot ${action}: opId must be 1 to ${opIdBytesMax} bytes of well-formed text: ${bytes} bytes`,
    );
  }
}

/** The receipt of one call, not written yet or to be read. */
export class Slip {
  readonly opId: string;
  readonly #facts: SlipFacts;
  readonly #ground: Ground;

  constructor(ground: Ground, facts: SlipFacts) {
    this.#ground = ground;
    this.#facts = facts;
    this.opId = facts.opId;
  }

  get keyText(): string {
    return keyPrefix + this.opId;
  }

  get key(): Item {
    const [keyName, sortKeyName] = this.#ground.keyNames as [string, string | undefined];
    const partition = { [keyName]: { S: this.keyText } };
    return sortKeyName === undefined ? partition : { ...partition, [sortKeyName]: { S: '#' } };
  }

  /** The item of its own that is put together with the atoms. */
  async draft(writeId: string, parts: Parts): Promise<ReceiptDraft> {
    const { names, keyNames, clock, receiptMs } = this.#ground;
    const { keyText, key } = this;
    const writtenAt = Math.floor(clock.now());
    const item: Item = {
      ...key,
      [names.data]: formatReceipt(await this.make(writeId, parts)),
      [names.codec]: { S: receiptCodecName },
      [names.writtenAt]: { N: String(writtenAt) },
      [names.expiresAt]: { N: String(Math.ceil((writtenAt + receiptMs + marginMs) / 1_000)) },
    };
    const bytes = itemBytes(item);
    if (bytes > itemBytesMax) throw new ItemTooLargeError(keyText, bytes, itemBytesMax);
    const condition = { expression: 'attribute_not_exists(#k)', names: { '#k': keyNames[0] as string } };
    const isOwn = (found: Item) => parseReceipt(found[names.data], keyText).writeId === writeId;
    const standsUntil = writtenAt + receiptMs + marginMs / 2;
    return { keyText, key, item, condition, standsUntil, isOwn };
  }

  /** What is to be kept of a call. */
  async make(writeId: string, parts: Parts): Promise<Receipt> {
    const { kind, atom } = this.#facts;
    const kept: [string, Encoded][] = [];
    for (const [name, value] of Object.entries(parts)) {
      if (value === undefined) continue;
      const form = hold(value, this.#formOf(name)).encode();
      kept.push([name, await this.#seal(form, this.#placeOf(name, writeId))]);
    }
    return { kind, atom, writeId, writtenAt: Math.floor(this.#ground.clock.now()), parts: Object.fromEntries(kept) };
  }

  /** What the first caller was told, from the item of a receipt. */
  recallFrom(item: Item): Promise<Parts> {
    return this.recall(parseReceipt(item[this.#ground.names.data], this.keyText));
  }

  /**
   * What the first caller was told.
   *
   * @throws {OpIdReusedError} `ERR_OP_ID_REUSED`: it is of another call. {@link DecodeError} `ERR_DECODE`
   */
  async recall(receipt: Receipt): Promise<Parts> {
    const { kind, atom, opId } = this.#facts;
    if (receipt.kind !== kind || receipt.atom !== atom) {
      throw new OpIdReusedError(opId, callOf(receipt), callOf({ kind, atom }));
    }
    const parts: [string, unknown][] = [];
    for (const [name, stored] of Object.entries(receipt.parts)) {
      parts.push([name, (await this.#open(name, stored, receipt.writeId)).hand()]);
    }
    return Object.fromEntries(parts);
  }

  #seal(form: Encoded, place: Place): Encoded | Promise<Encoded> {
    const { rules, timeoutMs } = this.#facts;
    const { sealing } = rules;
    if (sealing === undefined) return form;
    return answered(this.#ground, sealing, { action: 'seal', key: this.keyText, timeoutMs }, sealing.seal(form, place));
  }

  async #open(name: string, stored: Encoded, writeId: string): Promise<Held> {
    const { sealing } = this.#facts.rules;
    let form = stored;
    let isSealed = false;
    for (let layer = 0; layer < layersMax && sealing !== undefined; layer += 1) {
      if (form.codec === undefined || !sealing.opens(form.codec)) break;
      form = await sealing.open(form, this.#placeOf(name, writeId));
      isSealed = true;
    }
    if (sealing !== undefined && !isSealed && sealing.acceptsUnsealed !== true) {
      throw new DecodeError(this.keyText, 'foreign', `it is not sealed by codec ${JSON.stringify(sealing.name)}`);
    }
    return heldFrom(form, this.keyText, this.#formOf(name));
  }

  /** Values of the atom have the atom's own form; what a function returned beside them that of any value. */
  #formOf(name: string): ValueCodec | undefined {
    const { form, sealing } = this.#facts.rules;
    if (name === 'value' || name === 'old') return form;
    return sealing === undefined ? undefined : (sealing.form ?? jsonCodec);
  }

  #placeOf(part: string, writeId: string): Place {
    const { tableName } = this.#ground;
    const table = tableName();
    return {
      table: table.slice(table.lastIndexOf('/') + 1),
      key: this.keyText,
      attribute: part,
      incarnation: writeId,
      version: 1,
    };
  }
}

function callOf({ kind, atom }: Pick<Receipt, 'kind' | 'atom'>): string {
  return atom === undefined ? kind : `${kind} of atom ${atom}`;
}

/**
 * What a receipt says, as it lies in attribute `d` of an item of its own, or in `o` of the atom's: which call it is of, by which write it was done, and what its caller was told.
 *
 *   k   kind of call (`swap`, `reset`, …, `transact`)
 *   a   key of the atom, absent for a transaction
 *   l   token of the write
 *   u   epoch milliseconds by the writer's clock
 *   r   the parts of the result by name, each as a value lies in an item: d, t, c
 *
 * Pure: receipts to attributes and back.
 */
import { type AttributeValue, DecodeError, type Encoded, type Item } from '../../codec/index.js';

/** Codec name of the item of a receipt, which is no atom's. */
export const receiptCodecName = 'receipt';

/** A receipt without the values of its result. */
export interface Receipt {
  readonly kind: string;
  readonly atom: string | undefined;
  readonly writeId: string;
  readonly writtenAt: number;
  /** Parts of the result in their stored form. A part that is missing was `undefined`. */
  readonly parts: Readonly<Record<string, Encoded>>;
}

export function formatReceipt({ kind, atom, writeId, writtenAt, parts }: Receipt): AttributeValue {
  const results = Object.entries(parts).map(([name, { data, annotations, codec }]): [string, AttributeValue] => [
    name,
    {
      M: {
        d: data,
        ...(annotations !== undefined && { t: { S: annotations } }),
        ...(codec !== undefined && { c: { S: codec } }),
      },
    },
  ]);
  return {
    M: {
      k: { S: kind },
      ...(atom !== undefined && { a: { S: atom } }),
      l: { S: writeId },
      u: { N: String(writtenAt) },
      ...(results.length > 0 && { r: { M: Object.fromEntries(results) } }),
    },
  };
}

/** @throws {DecodeError} `ERR_DECODE`, reason `damaged`, when it is no receipt. */
export function parseReceipt(attribute: AttributeValue | undefined, key: string): Receipt {
  const damaged = () => new DecodeError(key, 'damaged', 'not a receipt');
  if (attribute === undefined || !('M' in attribute)) throw damaged();
  const { k, a, l, u, r } = attribute.M;
  const kind = textOf(k);
  const writeId = textOf(l);
  const writtenAt = u !== undefined && 'N' in u ? Number(u.N) : Number.NaN;
  if (kind === undefined || writeId === undefined || !Number.isSafeInteger(writtenAt)) throw damaged();
  const parts: [string, Encoded][] = [];
  for (const [name, part] of Object.entries(membersOf(r))) {
    const { d, t, c } = membersOf(part);
    if (d === undefined) throw damaged();
    const [annotations, codec] = [textOf(t), textOf(c)];
    parts.push([
      name,
      { data: d, ...(annotations !== undefined && { annotations }), ...(codec !== undefined && { codec }) },
    ]);
  }
  return { kind, atom: textOf(a), writeId, writtenAt, parts: Object.fromEntries(parts) };
}

/** When a receipt was written; `-Infinity` for what is none, which nobody can count on. */
export function writtenAtOf(attribute: AttributeValue): number {
  const { u } = membersOf(attribute);
  return u !== undefined && 'N' in u ? Number(u.N) : Number.NEGATIVE_INFINITY;
}

function membersOf(attribute: AttributeValue | undefined): Item {
  return attribute !== undefined && 'M' in attribute ? attribute.M : {};
}

function textOf(attribute: AttributeValue | undefined): string | undefined {
  return attribute !== undefined && 'S' in attribute ? attribute.S : undefined;
}

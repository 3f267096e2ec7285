/**
 * Items as contents of objects: a line of JSON, in which bytes are lengths, and then those bytes.
 *
 *   {"v":{"N":"7"},"d":{"B":1200}}\n<1,200 bytes>
 *
 * So what an object is can be seen in the console, and bytes are not made longer by a third.
 */
import type { AttributeValue, Item } from '../codec/index.js';

/** What stands in the line for a value. */
type Line = Readonly<Record<string, unknown>>;

const newline = 0x0a;

/** An item's content, without the attribute `keyName`, which is the object's key. */
export function contentOfItem(item: Item, keyName: string): Uint8Array {
  const { [keyName]: _, ...rest } = item;
  const blobs: Uint8Array[] = [];
  const line = Buffer.from(`${JSON.stringify(toLines(rest, blobs))}\n`);
  return blobs.length === 0 ? line : Buffer.concat([line, ...blobs]);
}

/** @throws Error for what is no content of an item. */
export function itemOfContent(content: Uint8Array, keyName: string, key: string): Item {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const end = bytes.indexOf(newline);
  if (end === -1) throw new Error('it has no line');
  let at = end + 1;
  const take = (length: number): Uint8Array => {
    at += length;
    // A copy: an item must not keep a whole answer in memory.
    return Uint8Array.from(bytes.subarray(at - length, at));
  };
  const item = fromLines(JSON.parse(bytes.toString('utf8', 0, end)) as Record<string, Line>, take);
  if (at !== bytes.length) throw new Error('it has not the length that its line says');
  return { [keyName]: { S: key }, ...item };
}

function toLines(item: Item, blobs: Uint8Array[]): Record<string, Line> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, toLine(value, blobs)]));
}

function toLine(value: AttributeValue, blobs: Uint8Array[]): Line {
  if ('B' in value) return { B: lengthOf(value.B, blobs) };
  if ('BS' in value) return { BS: value.BS.map((one) => lengthOf(one, blobs)) };
  if ('L' in value) return { L: value.L.map((one) => toLine(one, blobs)) };
  return 'M' in value ? { M: toLines(value.M, blobs) } : value;
}

function lengthOf(bytes: Uint8Array, blobs: Uint8Array[]): number {
  blobs.push(bytes);
  return bytes.length;
}

function fromLines(lines: Readonly<Record<string, Line>>, take: (length: number) => Uint8Array): Item {
  return Object.fromEntries(Object.entries(lines).map(([name, line]) => [name, fromLine(line, take)]));
}

function fromLine(line: Line, take: (length: number) => Uint8Array): AttributeValue {
  const { B, BS, L, M } = line;
  if (B !== undefined) return { B: take(B as number) };
  if (BS !== undefined) return { BS: (BS as number[]).map(take) };
  if (L !== undefined) return { L: (L as Line[]).map((one) => fromLine(one, take)) };
  return M === undefined ? (line as unknown as AttributeValue) : { M: fromLines(M as Record<string, Line>, take) };
}

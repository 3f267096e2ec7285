/**
 * A body: the events of one large commit, in items that are written once, before the head names them.
 *
 *   part 0   frame( number of parts (2 bytes) | packed text … )      written first, and answered for, when there are more
 *   part 1…  frame( … the rest )
 *
 * Part 0 says how many there are, so whoever finds a body that no commit names can remove all of it.
 */
import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync } from 'node:zlib';
import type { WriteOnceItems } from '../atom/index.js';
import { textDigest } from './chain.js';
import type { BodyRef } from './commit.js';
import { shorterOf, unpack } from './commit-text.js';
import { frame, frameBytes, unframe } from './frame.js';
import type { JournalKeys } from './keys.js';
import type { BodyName } from './protocol.js';

const deflate = promisify(deflateRaw);
const countBytes = 2;

/** What a body is stored with. */
export interface BodyPlace {
  readonly items: WriteOnceItems;
  readonly keys: JournalKeys;
  readonly journalId: string;
}

/** Stores a body; resolves when all of it stands there. The compression of a large one is done by another thread. */
export async function putBody(place: BodyPlace, name: BodyName, text: string, signal?: AbortSignal): Promise<BodyRef> {
  const { items, keys, journalId } = place;
  const content = await packAside(text);
  const roomOf = (part: number) => items.bytesMax(keys.body(name.writer, name.n, part)) - frameBytes;
  const cuts: Uint8Array[] = [content.subarray(0, roomOf(0) - countBytes)];
  for (let from = (cuts[0] as Uint8Array).byteLength; from < content.byteLength; ) {
    const part = content.subarray(from, from + roomOf(cuts.length));
    cuts.push(part);
    from += part.byteLength;
  }
  const count = Buffer.alloc(countBytes);
  count.writeUInt16BE(cuts.length);
  const put = (part: number) => {
    const key = keys.body(name.writer, name.n, part);
    const cut = cuts[part] as Uint8Array;
    const bytes = frame({ kind: 'body', journalId, key }, part === 0 ? Buffer.concat([count, cut]) : cut);
    return items.put(key, bytes, { signal });
  };
  await put(0);
  for (let from = 1; from < cuts.length; from += partsAtOnce) {
    const parts = Array.from({ length: Math.min(partsAtOnce, cuts.length - from) }, (_, index) => from + index);
    await Promise.all(parts.map(put));
  }
  return { parts: cuts.length, bytes: Buffer.byteLength(text), digest: textDigest(text) };
}

const partsAtOnce = 8;

async function packAside(text: string): Promise<Uint8Array> {
  const plain = Buffer.from(text);
  const level = packLevel;
  const packed = plain.length < asideBytesMin ? deflateRawSync(plain, { level }) : await deflate(plain, { level });
  return shorterOf(plain, packed);
}

/** What is smaller is compressed in less time than another thread takes to begin. */
const asideBytesMin = 16_384;
/** Bodies are large: here level 3 takes two thirds of the time of level 6, and a twentieth more bytes. */
const packLevel = 3;

/** Keys of a body's items. */
export function bodyKeys(keys: JournalKeys, { writer, n }: BodyName, parts: number): string[] {
  return Array.from({ length: parts }, (_, part) => keys.body(writer, n, part));
}

/** The text of a body from its items, as they were found; or what is wrong with it. */
export function bodyText(
  { keys, journalId }: Omit<BodyPlace, 'items'>,
  name: BodyName,
  { parts, digest }: BodyRef,
  found: ReadonlyMap<string, Uint8Array>,
): { readonly text: string } | 'missing' | 'damaged' | 'newer-format' {
  const cuts: Uint8Array[] = [];
  for (const key of bodyKeys(keys, name, parts)) {
    const bytes = found.get(key);
    if (bytes === undefined) return 'missing';
    const content = unframe({ kind: 'body', journalId, key }, bytes);
    if (typeof content === 'string') return content;
    cuts.push(cuts.length === 0 ? content.subarray(countBytes) : content);
  }
  try {
    const text = unpack(cuts.length === 1 ? (cuts[0] as Uint8Array) : Buffer.concat(cuts));
    return textDigest(text) === digest ? { text } : 'damaged';
  } catch {
    return 'damaged';
  }
}

/** How many items a body that no commit names was cut into; none, if it does not stand there. */
export function partsOf(place: Omit<BodyPlace, 'items'>, name: BodyName, first: Uint8Array | undefined): number {
  if (first === undefined) return 0;
  const key = place.keys.body(name.writer, name.n, 0);
  const content = unframe({ kind: 'body', journalId: place.journalId, key }, first);
  return typeof content === 'string' ? 1 : Buffer.from(content).readUInt16BE(0);
}

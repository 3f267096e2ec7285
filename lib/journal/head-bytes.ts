/**
 * The head as one run of bytes, for layers that seal bytes: native attributes would become JSON text with base64 in it.
 *
 *   length of the facts (4) | facts as JSON | chain (16) | note | tail
 *   facts = [format, journalId, label, epoch, place, seq, time, pages, volumes, bytes of the note or -1, closed, holder]
 */
import type { ValueCodec } from '../codec/index.js';
import { emptyHead, type Head, headCodec, journalFormat, requireTail, tailBytes, tailOf } from './head.js';
import { chainBytes } from './page.js';

const lengthBytes = 4;
const noNote = -1;

type Facts = readonly [
  ...[format: number, journalId: string, label: string, epoch: number, place: number, seq: number, time: number],
  ...[
    pages: number,
    volumes: number,
    noteBytes: number,
    closed: string | null,
    holder: readonly [string, number] | null,
  ],
];

/** Heads by their bytes: a reader that has a head already does not take its tail apart again. */
const heads = new WeakMap<Uint8Array, Head>();

function encodeHead(head: Head): Uint8Array {
  const { format, journalId, label, epoch, holder, place, seq, time, pages, chain, tail, note, closed, volumes } = head;
  const facts: Facts = [
    ...([format, journalId, label, epoch, place, seq, time, pages, volumes ?? 0, note?.byteLength ?? noNote] as const),
    ...([closed ?? null, holder === undefined ? null : ([holder.writer, holder.since] as const)] as const),
  ];
  const text = Buffer.from(JSON.stringify(facts));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(text.byteLength);
  const pieces = [length, text, Buffer.from(chain, 'base64url'), note ?? new Uint8Array(), tailBytes(tail)];
  const bytes = Buffer.concat(pieces);
  heads.set(bytes, head);
  return bytes;
}

function decodeHead(bytes: Uint8Array): Head {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < lengthBytes) throw new Error('a head that ends early');
  const factsEnd = lengthBytes + buffer.readUInt32BE(0);
  const facts = factsIn(buffer.subarray(lengthBytes, factsEnd));
  const [format] = facts;
  // What a later format means by what follows is not known here.
  if (format !== journalFormat) return { ...emptyHead('', ''), format };
  const [, journalId, label, epoch, place, seq, time, pages, volumes, noteBytes, closed, holder] = facts;
  const chainEnd = factsEnd + chainBytes;
  const noteEnd = chainEnd + Math.max(noteBytes, 0);
  if (noteEnd > buffer.length) throw new Error('a head that ends early');
  const head: Head = {
    ...{ format, journalId, label, epoch, place, seq, time, pages },
    holder: holder === null ? undefined : { writer: holder[0], since: holder[1] },
    chain: buffer.subarray(factsEnd, chainEnd).toString('base64url'),
    tail: tailOf(buffer.subarray(noteEnd)),
    ...(volumes > 0 && { volumes }),
    ...(noteBytes !== noNote && { note: buffer.subarray(chainEnd, noteEnd) }),
    ...(closed !== null && { closed }),
  };
  return requireTail(head);
}

function factsIn(text: Buffer): Facts {
  let facts: unknown;
  try {
    facts = JSON.parse(text.toString());
  } catch {
    // Its error quotes the text.
    throw new Error('facts that are no JSON');
  }
  const [format, journalId, label, epoch, place, seq, time, pages, volumes, noteBytes, closed, holder] = (Array.isArray(
    facts,
  )
    ? facts
    : []) as unknown as Partial<Facts>;
  if (!Number.isSafeInteger(format)) throw new Error('no format');
  if (format !== journalFormat) return facts as Facts;
  const numbers = [epoch, place, seq, time, pages, volumes, (noteBytes ?? Number.NaN) - noNote];
  const texts = [journalId, label, closed ?? ''];
  if (holder !== null) {
    numbers.push(holder?.[1]);
    texts.push(holder?.[0] as string);
  }
  if (!numbers.every((one) => Number.isSafeInteger(one) && (one as number) >= 0)) {
    throw new Error('facts that are no whole numbers');
  }
  if (!texts.every((one) => typeof one === 'string')) throw new Error('facts that are no text');
  return facts as Facts;
}

/** The form of a head beneath a layer. Heads from before there was one are read as well. */
export const sealedHeadCodec: ValueCodec = {
  name: headCodec.name,
  encode: (value) => ({ B: encodeHead(value as Head) }),
  decode(data) {
    if (!('B' in data)) return headCodec.decode(data);
    let head = heads.get(data.B);
    if (head === undefined) {
      head = decodeHead(data.B);
      heads.set(data.B, head);
    }
    return head;
  },
};

/**
 * How a journal file begins: what it is, where in the journal it begins, and how much of the file before it counts.
 *
 *   magic (8) | format (4) | random bytes (16) | checksum (4)      the prologue: the same for all formats to come
 *   record of kind `header`: facts as one line of JSON; sealed are those that tell of the journal, so who can open them has the right key
 *
 * A file is made whole, with its header, before it gets its name. So a header that is not right is damage, never a crash.
 */
import type { SealingCodec } from '../codec/index.js';
import { JournalFormatError, noChain } from '../journal/index.js';
import { explainSealed } from '../prevalence/index.js';
import { checksum } from './checksum.js';
import type { Holds } from './commit-record.js';
import { JournalDamagedError } from './errors.js';
import { type Framing, frame, frameBytes, framingOf, recordAt, recordKinds } from './record.js';
import { type BodySeal, openBody, sealBody } from './sealing.js';

/** A point in the journal, and what is true there. */
export interface JournalPoint extends Holds {
  readonly place: number;
  readonly seq: number;
  readonly time: number;
  readonly chain: string;
}

/** Before the first commit. */
export const noPoint: JournalPoint = { place: 0, seq: 0, time: 0, chain: noChain, epoch: 0, holder: undefined };

export interface JournalFacts {
  readonly journalId: string;
  /** The application's name for what its events mean. */
  readonly label: string;
  readonly number: number;
  /** Of who made it. */
  readonly epoch: number;
  /** What is true before its first commit. */
  readonly starts: JournalPoint;
  /** How many bytes of the file before it count: whatever comes after them does not. Absent in the first one. */
  readonly before: { readonly number: number; readonly length: number } | undefined;
}

export interface JournalHeader extends JournalFacts {
  readonly framing: Framing;
  /** Bytes up to the first record. */
  readonly length: number;
  readonly seal: BodySeal;
}

const magic = Buffer.from('ljfile\r\n');
const filesFormat = 1;
const saltAt = 12;
export const saltBytes = 16;
const prologueBytes = 32;
/** A header has a few hundred bytes; keys that travel with what it is sealed with may be some KB. */
export const headerBytesMax: number = 64 * 1_024;
/** Before all commits. */
const headerPlace = 0;

/** What is sealed of a header: it is bound to its file, and the file to its journal. */
type SealedFacts = Pick<JournalFacts, 'label' | 'starts' | 'before'>;

export async function encodeHeader(
  facts: JournalFacts,
  file: string,
  salt: Uint8Array,
  codec: SealingCodec | undefined,
): Promise<{ readonly header: JournalHeader; readonly bytes: Buffer }> {
  const prologue = Buffer.alloc(prologueBytes);
  prologue.set(magic);
  prologue.writeUInt32LE(filesFormat, magic.length);
  prologue.set(salt, saltAt);
  prologue.writeUInt32LE(checksum(prologue.subarray(0, -4)), prologueBytes - 4);
  const framing = framingOf(prologue, saltAt);
  const seal = { codec, journalId: facts.journalId, file, salt: Buffer.from(salt).toString('base64url') };
  const { label, starts, before, ...open } = facts;
  const hidden: SealedFacts = { label, starts, before };
  const sealed = codec && (await sealBody(seal, Buffer.from(JSON.stringify(hidden)), headerPlace));
  const shown = sealed === undefined ? hidden : { sealed: Buffer.from(sealed).toString('base64') };
  const body = Buffer.from(JSON.stringify({ ...open, ...shown }));
  const bytes = Buffer.concat([prologue, frame(framing, recordKinds.header, body)]);
  return { header: { ...facts, framing, length: bytes.length, seal }, bytes };
}

/** What a journal file is to be, for whoever opens it. */
export interface Expected {
  /** Path, for messages. */
  readonly path: string;
  readonly file: string;
  readonly number: number;
  /** Name of the system, for messages. */
  readonly system: string;
  readonly label: string;
  readonly codec: SealingCodec | undefined;
}

/**
 * @param bytes the first {@link headerBytesMax} bytes of the file
 * @throws {JournalDamagedError} `ERR_JOURNAL_DAMAGED`, {@link JournalFormatError} `ERR_JOURNAL_FORMAT`; `SealedError`
 * `ERR_SEALED`, `KeyRingError` `ERR_KEY_MISSING`
 */
export async function decodeHeader(bytes: Buffer, expected: Expected): Promise<JournalHeader> {
  const { path, number, label, system } = expected;
  const damaged = (detail: string) => new JournalDamagedError(path, 'damaged', detail, { offset: 0 });
  const prologue = bytes.subarray(0, prologueBytes);
  const isWhole = prologue.length === prologueBytes && magic.equals(prologue.subarray(0, magic.length));
  if (!isWhole || checksum(prologue.subarray(0, -4)) !== prologue.readUInt32LE(prologueBytes - 4)) {
    throw damaged('it does not begin as a journal file does');
  }
  const format = prologue.readUInt32LE(magic.length);
  if (format !== filesFormat) {
    const remedy = 'use the release that wrote it, or a later one';
    throw new JournalFormatError(system, 'format', String(format), String(filesFormat), remedy);
  }
  const framing = framingOf(prologue, saltAt);
  const total = recordAt(framing, bytes, prologueBytes, bytes.length);
  if (total === 'bad' || prologueBytes + total > bytes.length) throw damaged('its header is not what was written');
  const at = prologueBytes + frameBytes;
  if (bytes[at] !== recordKinds.header) throw damaged('it has no header');
  const body = JSON.parse(bytes.toString('utf8', at + 1, prologueBytes + total)) as JournalFacts & { sealed?: string };
  if (body.number !== number) {
    throw new JournalDamagedError(path, 'foreign', `it is number ${body.number}, under another name`);
  }
  const salt = prologue.toString('base64url', saltAt, saltAt + saltBytes);
  const seal = { codec: expected.codec, journalId: body.journalId, file: expected.file, salt };
  const { sealed, ...open } = body;
  const facts: JournalFacts = { ...open, ...(await openFacts(seal, sealed, body, system)) };
  if (facts.label !== label) {
    const remedy = 'another application keeps its journal here; choose another directory, or the right format';
    throw new JournalFormatError(system, 'label (format)', JSON.stringify(facts.label), JSON.stringify(label), remedy);
  }
  return { ...facts, framing, length: prologueBytes + total, seal };
}

/** The codec must be one that can open what is in the file. */
async function openFacts(
  seal: BodySeal,
  sealed: string | undefined,
  plain: SealedFacts,
  system: string,
): Promise<SealedFacts> {
  try {
    // What is not sealed is taken where the codec takes it.
    const bytes = sealed === undefined ? Buffer.from(JSON.stringify(plain)) : Buffer.from(sealed, 'base64');
    const opened = await openBody(seal, bytes, headerPlace);
    const { label, starts, before } = JSON.parse(Buffer.from(opened).toString()) as SealedFacts;
    return { label, starts, before };
  } catch (error) {
    throw explainSealed(system, seal.codec, error);
  }
}

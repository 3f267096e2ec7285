/**
 * The walk over a state: what the encoder writes and what the digest is made of.
 *
 * Small values (`state-weight.ts`) are pieces of text, many to a record. Anything larger is opened, and has a digest of its
 * own over its members, which stands for it in the digest of what holds it:
 *
 *   text of a member    <JSON>,          a small value
 *                       #<digest>,       a large one, whether it is met for the first time or again
 *                       ^<number>,       a large one that is still open: a cycle
 *   digest of a large   SHA-256 over `<kind>\n` and the texts of its members
 *   digest of a state   SHA-256 over `leyden-jar state 1\n` and the text of the root
 *
 * So the digest does not depend on the size of records, nor on which references are shared (in a cycle they are numbered, and
 * count). A large object is walked once, however often it is met. Memory beside the state: one record, the path to where the
 * walk is, and an entry for each large object, of which a state of 200 MB has some ten thousand.
 *
 * The walk yields at least once for each record, so that whoever drives it can stop there for a while. The state must not
 * change meanwhile.
 */
import { createHash, type Hash } from 'node:crypto';
import { type Kind, kindOf, UnsupportedValueError } from '../codec/index.js';
import { type RecordWriter, recordTypes } from './records.js';
import { SharedObjects } from './sharing.js';
import { type Cursor, done, openContainer, RootCursor } from './state-cursor.js';
import { bytesIn, tagOf, toTagged } from './state-text.js';
import { Scale } from './state-weight.js';

/** Containers that may nest in a state. */
export const stateNestingMax = 10_000;
/** What the digest of a state begins with. Another format of texts gets another number. */
export const digestPrefix = 'leyden-jar state 1\n';
/** Units of UTF-16 in one piece of a long text. Part of the format: JSON escapes the halves of a pair that is cut. */
const pieceLength = 16_384;
const pieceBytes = 65_536;

/** Something large that was met. Its digest is known when it is closed. */
interface Met {
  readonly number: number;
  digest: string | undefined;
}

/** A container, or a long leaf, on the path to where the walk is. */
interface Frame {
  readonly hash: Hash;
  readonly cursor: Cursor;
  readonly met: Met | undefined;
  /** Members of the record that is being filled: what is written, and what is digested if that is another text. */
  written: unknown[];
  digested: unknown[] | undefined;
  weight: number;
}

/** Walks one state once. */
export class StateWalk {
  readonly #out: RecordWriter;
  readonly #recordWeight: number;
  readonly #scale = new Scale();
  readonly #shared = new SharedObjects();
  readonly #met = new Map<unknown, Met>();
  readonly #path: Frame[] = [];
  readonly #place = (): string => this.#path.map((frame) => frame.cursor.step()).join('');

  /** @param recordWeight weight of the members in one record */
  constructor(out: RecordWriter, recordWeight: number) {
    this.#out = out;
    this.#recordWeight = recordWeight;
  }

  /**
   * Writes the records of `state`, and returns its digest in hexadecimal.
   *
   * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE`
   */
  *run(state: unknown): Generator<undefined, string> {
    if (state === undefined) throw new UnsupportedValueError('state', 'undefined stands for no state at all; use null');
    const root = this.#push(new RootCursor(state), undefined, digestPrefix);
    for (;;) {
      const frame = this.#path[this.#path.length - 1] as Frame;
      const { member, small } = this.#fill(frame);
      if (member === done) {
        this.#flush(frame);
        if (frame === root) break;
        this.#close(frame);
        yield;
      } else {
        this.#flush(frame);
        if (small) yield;
        else yield* this.#addLarge(frame, member);
      }
    }
    const digest = root.hash.digest();
    this.#out.bytes(recordTypes.end, digest);
    return digest.toString('hex');
  }

  #push(cursor: Cursor, met: Met | undefined, head: string): Frame {
    const hash = createHash('sha256').update(head);
    const frame: Frame = { hash, cursor, met, written: [], digested: undefined, weight: 0 };
    this.#path.push(frame);
    return frame;
  }

  /** Fills a record. Answers the member that filled it or that is no small one, or {@link done}. */
  #fill(frame: Frame): { readonly member: unknown; readonly small: boolean } {
    try {
      for (;;) {
        const member = frame.cursor.next();
        if (member === done || !this.#isSmall(member)) return { member, small: false };
        this.#add(frame, member);
        if (frame.weight >= this.#recordWeight) return { member, small: true };
      }
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  #isSmall(member: unknown): boolean {
    try {
      return this.#scale.weigh(member);
    } catch (error) {
      // Walked again, by who knows the path.
      toTagged(member, this.#place);
      throw error;
    }
  }

  /** Adds a small member to the record that is being filled. */
  #add(frame: Frame, member: unknown): void {
    const { plain, weight, noticed } = this.#scale;
    frame.weight += weight;
    if (noticed.length > 0 && this.#shared.notice(noticed)) {
      frame.digested ??= frame.written.slice();
      frame.digested.push(toTagged(member, this.#place));
      frame.written.push(toTagged(member, this.#place, this.#shared));
      return;
    }
    const tagged = plain ? member : toTagged(member, this.#place);
    frame.written.push(tagged);
    frame.digested?.push(tagged);
  }

  #flush(frame: Frame): void {
    if (frame.written.length === 0) return;
    const { written, digested } = frame;
    frame.written = [];
    frame.digested = undefined;
    frame.weight = 0;
    const type = digested === undefined ? recordTypes.members : recordTypes.shared;
    const bytes = this.#out.text(type, JSON.stringify(written));
    frame.hash.update(digested === undefined ? bytes.subarray(1, -1) : JSON.stringify(digested).slice(1, -1));
    frame.hash.update(',');
  }

  *#addLarge(frame: Frame, member: unknown): Generator<undefined, void> {
    const known = this.#met.get(member);
    if (known !== undefined) {
      this.#out.number(recordTypes.again, known.number);
      frame.hash.update(known.digest === undefined ? `^${known.number},` : `#${known.digest},`);
      return;
    }
    const met: Met = { number: this.#met.size, digest: undefined };
    const leaf = typeof member === 'object' && member !== null ? this.#open(member, met) : longText(member);
    this.#met.set(member, met);
    if (leaf === undefined) return;
    met.digest = yield* this.#writeLeaf(leaf);
    frame.hash.update(`#${met.digest},`);
  }

  /** Opens a container; answers a leaf instead if the object is one. */
  #open(object: object, met: Met): Leaf | undefined {
    const opened = this.#cursorOf(object);
    if (opened === undefined) return longObject(object);
    if (this.#path.length > stateNestingMax) {
      const reason = `nested more than ${stateNestingMax} levels deep; store it flatter`;
      throw new UnsupportedValueError(this.#place(), reason);
    }
    this.#out.text(recordTypes.open, opened.kind);
    this.#push(opened.cursor, met, `${opened.kind}\n`);
    return undefined;
  }

  #cursorOf(object: object): ReturnType<typeof openContainer> {
    try {
      return openContainer(object, (reason, step = '') => new UnsupportedValueError(this.#place() + step, reason));
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  #close(frame: Frame): void {
    this.#out.text(recordTypes.close, '');
    this.#path.pop();
    const digest = frame.hash.digest('hex');
    (frame.met as Met).digest = digest;
    (this.#path.at(-1) as Frame).hash.update(`#${digest},`);
  }

  *#writeLeaf({ head, content }: Leaf): Generator<undefined, string> {
    const headText = JSON.stringify(head);
    this.#out.text(recordTypes.leaf, headText);
    const hash = createHash('sha256').update(`${headText}\n`);
    if (typeof content === 'string') {
      for (let from = 0; from < content.length; from += pieceLength) {
        hash.update(
          this.#out.text(recordTypes.text, JSON.stringify(content.slice(from, from + pieceLength))).subarray(1, -1),
        );
        yield;
      }
    } else {
      for (let from = 0; from < content.length; from += pieceBytes) {
        const piece = content.subarray(from, from + pieceBytes);
        this.#out.bytes(recordTypes.bytes, piece);
        hash.update(piece);
        yield;
      }
    }
    this.#out.text(recordTypes.close, '');
    return hash.digest('hex');
  }

  /** What a getter or a proxy throws becomes the cause of a refusal. */
  #refusal(error: unknown): UnsupportedValueError {
    if (error instanceof UnsupportedValueError) return error;
    return new UnsupportedValueError(this.#place(), 'reading it failed', error);
  }
}

/** A long text, or an object over a long text or many bytes. */
interface Leaf {
  /** Tag, and what is beside the content. */
  readonly head: readonly unknown[];
  readonly content: string | Buffer;
}

function longText(value: unknown): Leaf {
  return typeof value === 'bigint'
    ? { head: ['bigint'], content: String(value) }
    : { head: ['string'], content: value as string };
}

function longObject(object: object): Leaf {
  const kind = kindOf(object) as Kind;
  switch (kind) {
    case 'RegExp': {
      const { source, flags, lastIndex } = object as RegExp;
      return { head: [kind, flags, lastIndex], content: source };
    }
    case 'URL':
    case 'URLSearchParams':
      return { head: [kind], content: String(object) };
    default: {
      const content = bytesIn(object as ArrayBuffer);
      return { head: [tagOf(object, kind), content.length], content };
    }
  }
}

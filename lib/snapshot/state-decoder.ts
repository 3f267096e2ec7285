/**
 * A state from its stream, record by record, in slices.
 *
 * The digest is worked out from what is read, the same way as the walk does it, and must be the one at the end. So a state that
 * comes out of here is the one that went in, down to the order of its members; there is no other way out than an error.
 *
 * Memory beside the state: one record, one chunk, the path of open containers, and an entry for each large object.
 */
import { createHash, type Hash } from 'node:crypto';
import { SnapshotDamagedError } from './errors.js';
import { Pace, type PaceOptions } from './pace.js';
import { RecordReader, recordTypes, type StateRecord } from './records.js';
import { type Builder, builderFor, type LeafBuilder, leafBuilder, RootBuilder } from './state-builder.js';
import { toTagged } from './state-text.js';
import { type Shared, untag } from './state-untag.js';
import { digestPrefix, stateNestingMax } from './state-walk.js';

/** A state that was read back. */
export interface DecodedState {
  readonly value: unknown;
  /** The same as that of `digestState`. */
  readonly digest: string;
  /** Bytes of all chunks. */
  readonly bytes: number;
}

/**
 * Rebuilds a state in short slices.
 *
 * The state is made of fresh objects, not frozen.
 *
 * @param chunks what `encodeState` gave, cut anywhere
 * @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED`: `damaged`, `foreign`, `newer-format`. Errors of `chunks` pass through.
 */
export async function decodeState(chunks: AsyncIterable<Uint8Array>, options: PaceOptions = {}): Promise<DecodedState> {
  const pace = new Pace(options);
  const reader = new RecordReader();
  const rebuilding = new Rebuilding();
  for await (const chunk of chunks) {
    reader.push(chunk);
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      rebuilding.take(record);
      if (pace.isOver()) await pace.rest();
    }
  }
  if (reader.rest > 0) throw new SnapshotDamagedError('damaged', 'it ends within a record');
  return { ...rebuilding.result(), bytes: reader.bytes };
}

/** Something large, by its number. */
interface Met {
  readonly builder: Builder | undefined;
  value: unknown;
  digest: string | undefined;
}

interface Frame {
  readonly builder: Builder;
  readonly hash: Hash;
  readonly met: Met | undefined;
}

interface Leaf {
  readonly builder: LeafBuilder;
  readonly hash: Hash;
  readonly met: Met;
}

class Rebuilding {
  readonly #root: Frame = {
    builder: new RootBuilder(),
    hash: createHash('sha256').update(digestPrefix),
    met: undefined,
  };
  readonly #path: Frame[] = [this.#root];
  readonly #met: Met[] = [];
  readonly #definitions = new Definitions();
  #leaf: Leaf | undefined;
  #digest: string | undefined;

  take(record: StateRecord): void {
    try {
      this.#take(record);
    } catch (error) {
      if (error instanceof SnapshotDamagedError) throw error;
      // The error behind it may quote the state; it is not passed on.
      throw new SnapshotDamagedError('damaged', 'a record that is never written');
    }
  }

  result(): { readonly value: unknown; readonly digest: string } {
    if (this.#digest === undefined) throw new SnapshotDamagedError('damaged', 'it has no end');
    return { value: this.#root.builder.value, digest: this.#digest };
  }

  #take({ type, payload }: StateRecord): void {
    if (this.#digest !== undefined) throw new Error('more behind the end');
    const frame = this.#path.at(-1) as Frame;
    if (this.#leaf !== undefined) this.#takePiece(this.#leaf, type, payload);
    else if (type === recordTypes.members) this.#takeMembers(frame, payload, false);
    else if (type === recordTypes.shared) this.#takeMembers(frame, payload, true);
    else if (type === recordTypes.open) this.#open(payload.toString());
    else if (type === recordTypes.leaf) this.#openLeaf(payload.toString());
    else if (type === recordTypes.again) this.#again(frame, payload.readUInt32LE());
    else if (type === recordTypes.close) this.#close(frame);
    else if (type === recordTypes.end) this.#end(frame, payload);
    else throw new Error('an unknown type of record');
  }

  #takeMembers(frame: Frame, payload: Buffer, sharing: boolean): void {
    const json: unknown = JSON.parse(payload.toString());
    if (!Array.isArray(json)) throw new Error('no members');
    const isPlain = !sharing && !payload.includes('{"~');
    const members = isPlain ? json : (untag(json, sharing ? this.#definitions : undefined) as unknown[]);
    if (sharing) {
      const texts = members.map((member) => toTagged(member, () => ''));
      frame.hash.update(JSON.stringify(texts).slice(1, -1));
    } else {
      frame.hash.update(payload.subarray(1, -1));
    }
    frame.hash.update(',');
    const { builder } = frame;
    for (const member of members) builder.add(member);
  }

  #open(kind: string): void {
    const builder = builderFor(kind);
    if (builder === undefined) throw new Error('an unknown kind of container');
    if (this.#path.length > stateNestingMax) throw new Error('nested too deeply');
    const met: Met = { builder, value: undefined, digest: undefined };
    this.#met.push(met);
    this.#path.push({ builder, hash: createHash('sha256').update(`${kind}\n`), met });
  }

  #close(frame: Frame): void {
    if (frame.met === undefined) throw new Error('nothing is open');
    frame.builder.end();
    this.#path.pop();
    this.#complete(frame.met, frame.builder.value, frame.hash);
  }

  #openLeaf(headText: string): void {
    const met: Met = { builder: undefined, value: undefined, digest: undefined };
    this.#met.push(met);
    const builder = leafBuilder(JSON.parse(headText) as readonly unknown[]);
    this.#leaf = { builder, hash: createHash('sha256').update(`${headText}\n`), met };
  }

  #takePiece(leaf: Leaf, type: number, payload: Buffer): void {
    if (type === recordTypes.text) {
      leaf.builder.addText(JSON.parse(payload.toString()) as string);
      leaf.hash.update(payload.subarray(1, -1));
    } else if (type === recordTypes.bytes) {
      leaf.builder.addBytes(payload);
      leaf.hash.update(payload);
    } else if (type === recordTypes.close) {
      this.#leaf = undefined;
      this.#complete(leaf.met, leaf.builder.end(), leaf.hash);
    } else {
      throw new Error('no piece of a leaf');
    }
  }

  #complete(met: Met, value: unknown, hash: Hash): void {
    met.value = value;
    met.digest = hash.digest('hex');
    const { builder, hash: outer } = this.#path.at(-1) as Frame;
    outer.update(`#${met.digest},`);
    builder.add(value);
  }

  #again(frame: Frame, number: number): void {
    const met = this.#met[number];
    if (met === undefined) throw new Error('a reference to what was not met');
    frame.hash.update(met.digest === undefined ? `^${number},` : `#${met.digest},`);
    const value = met.digest === undefined ? met.builder?.value : met.value;
    if (value === undefined) throw new Error('a reference to what has not begun');
    frame.builder.add(value);
  }

  #end(frame: Frame, payload: Buffer): void {
    if (frame !== this.#root) throw new Error('something is open at the end');
    frame.builder.end();
    const digest = frame.hash.digest();
    if (!digest.equals(payload)) throw new SnapshotDamagedError('damaged', 'its digest is another one');
    this.#digest = digest.toString('hex');
  }
}

class Definitions implements Shared {
  readonly #objects: unknown[] = [];

  find(number: number): unknown {
    if (!Number.isSafeInteger(number) || !(number in this.#objects))
      throw new Error('a reference to what was not defined');
    return this.#objects[number];
  }

  add(number: number, object: unknown): void {
    if (number !== this.#objects.length) throw new Error('a definition out of turn');
    this.#objects.push(object);
  }
}

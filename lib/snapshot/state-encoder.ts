/**
 * A state as a stream of bytes, and as a digest.
 *
 *   state --walk, in slices--> records --> chunks of 128 KB --> compression, parts (snapshot-writer.ts)
 *
 * The state is never held as text as a whole, and writers never wait: the walk goes over an immutable tree while newer ones
 * are made. Whoever takes the chunks sets the pace.
 */
import { Pace, type PaceOptions } from './pace.js';
import { RecordWriter, recordBytesLimit } from './records.js';
import { StateWalk } from './state-walk.js';

/** Options of {@link encodeState}. */
export interface EncodeStateOptions extends PaceOptions {
  /**
   * Bytes of one record, about; from 1,024 to 1 MB. It has no influence on the digest.
   * @defaultValue 65,536
   */
  readonly recordBytesMax?: number | undefined;
}

/** What is known of a state when all of it was written. */
export interface EncodedState {
  /** Bytes of all chunks. */
  readonly bytes: number;
  /** The same as that of {@link digestState}. */
  readonly digest: string;
}

const recordBytesDefault = 65_536;
const recordBytesMin = 1_024;
const chunkBytes = 131_072;

/**
 * Encodes an immutable state in short slices.
 *
 * Guarantee: {@link decodeState} gives an equal state, in the order of its members; everything else is refused. Large objects
 * that the state refers to several times come back as one, and so do cycles; small ones of more than a few hundred bytes as
 * two at most, unless they are far apart.
 *
 * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE` with the path, for functions, symbols, instances of classes, …
 *
 * @example
 * ```ts
 * import { decodeState, encodeState } from 'leyden-jar/snapshot';
 * const { value } = await decodeState(encodeState({ accounts: new Map([['ann', 5n]]) }));
 * console.log(value); // { accounts: Map(1) { 'ann' => 5n } }
 * ```
 */
export async function* encodeState(
  state: unknown,
  options: EncodeStateOptions = {},
): AsyncGenerator<Uint8Array, EncodedState> {
  const { recordBytesMax = recordBytesDefault } = options;
  if (!(recordBytesMax >= recordBytesMin && recordBytesMax <= recordBytesLimit)) {
    throw new RangeError(
      `Cannot encode in records of ${recordBytesMax} bytes: recordBytesMax is from ${recordBytesMin} to ${recordBytesLimit}`,
    );
  }
  const pace = new Pace(options);
  const out = new RecordWriter();
  out.begin();
  const walk = new StateWalk(out, recordBytesMax).run(state);
  let bytes = 0;
  for (;;) {
    const { done, value } = walk.next();
    if (out.filled >= chunkBytes || done === true) {
      const chunk = out.take();
      bytes += chunk.length;
      yield chunk;
    }
    if (done === true) return { bytes, digest: value };
    if (pace.isOver()) await pace.rest();
  }
}

/**
 * Canonical SHA-256 of a state, in hexadecimal, worked out in short slices.
 *
 * Equal states have equal digests, on every machine and however they came about: computed, recovered, with or without shared
 * references. The order of members counts, in objects as well as in Maps and Sets: a handler sees it, so two states that differ
 * in it can go different ways from there.
 *
 * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE`
 */
export async function digestState(state: unknown, options: PaceOptions = {}): Promise<string> {
  const pace = new Pace(options);
  const out = new RecordWriter();
  const walk = new StateWalk(out, recordBytesDefault).run(state);
  for (;;) {
    const { done, value } = walk.next();
    if (done === true) return value;
    out.drop();
    if (pace.isOver()) await pace.rest();
  }
}

/** The digest of {@link digestState}, at once: about a second for 200 MB. */
export function digestStateNow(state: unknown): string {
  const out = new RecordWriter();
  const walk = new StateWalk(out, recordBytesDefault).run(state);
  for (;;) {
    const { done, value } = walk.next();
    if (done === true) return value;
    out.drop();
  }
}

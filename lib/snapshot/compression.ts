/**
 * Chunks as compressed blocks, and back.
 *
 *   block   method (1: 0 stored, 1 deflate, 2 Brotli), length before (4), length of what follows (4), bytes
 *
 * Each chunk is compressed by itself, in the thread pool, a few at a time; so neither side ever holds more than a few, and a
 * block that does not get smaller is stored as it is. Brotli of quality 1 makes records of JSON as small as deflate does at level 4,
 * and takes half of its time; quality 2 makes them 5 % smaller, and takes half as long again. Deflate is what older snapshots have.
 */
import { promisify } from 'node:util';
import { type BrotliOptions, brotliCompress, brotliDecompress, constants, inflateRaw } from 'node:zlib';
import { mapAhead } from './ahead.js';

const pack = promisify(brotliCompress);
const methods = { stored: 0, deflate: 1, brotli: 2 } as const;
const unpackers = { [methods.deflate]: promisify(inflateRaw), [methods.brotli]: promisify(brotliDecompress) } as const;
const headBytes = 9;
const packing: BrotliOptions = {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 1,
    // Its logarithm; the chunks of an encoder have about half of it.
    [constants.BROTLI_PARAM_LGWIN]: 18,
  },
  // Of what comes out at once: each further piece is another trip to the thread pool.
  chunkSize: 65_536,
};
const chunkSizeMin = 64;
/**
 * At once, of the four threads that the pool has unless it is told otherwise: one writes the snapshot down, and one must be free for the
 * call that a commit waits for. With three a snapshot that nobody calls beside takes an eighth less of time.
 */
const packedAhead = 2;
/** Nobody is served yet. */
const unpackedAhead = 3;
/** Bytes of one chunk, at most. Those of an encoder have a small part of it. */
const chunkBytesMax = 64 * 1024 * 1024;

/** What `compress` never makes. */
export class CompressionError extends Error {}

/** Compresses chunk by chunk. Returns what `chunks` returned. */
export function compress<Return>(chunks: AsyncGenerator<Uint8Array, Return>): AsyncGenerator<Uint8Array, Return> {
  return mapAhead(chunks, packedAhead, async (chunk) => {
    if (chunk.length > chunkBytesMax) {
      throw new RangeError(`Cannot compress a chunk of ${chunk.length} bytes: chunks have at most ${chunkBytesMax}`);
    }
    const smaller = await pack(chunk, packing);
    const [method, content] = smaller.length < chunk.length ? [methods.brotli, smaller] : [methods.stored, chunk];
    const block = Buffer.alloc(headBytes + content.length);
    block[0] = method;
    block.writeUInt32LE(chunk.length, 1);
    block.writeUInt32LE(content.length, 5);
    block.set(content, headBytes);
    return block;
  });
}

/**
 * Chunks from the stream of blocks, which may be cut anywhere.
 *
 * @throws {CompressionError} for what `compress` never makes. Errors of `stream` pass through.
 */
export function decompress(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  return mapAhead(blocksIn(stream), unpackedAhead, async ({ method, length, content }) => {
    if (method === methods.stored) {
      if (content.length !== length) throw new CompressionError('a stored block of another length');
      return content;
    }
    if (method !== methods.deflate && method !== methods.brotli) {
      throw new CompressionError('an unknown method of compression');
    }
    const options = { maxOutputLength: Math.max(length, 1), chunkSize: Math.max(length, chunkSizeMin) };
    const chunk = await unpackers[method](content, options).catch((error: unknown) => {
      throw new CompressionError('a block that cannot be unpacked', { cause: error });
    });
    if (chunk.length !== length) throw new CompressionError('a block of another length');
    return chunk;
  });
}

interface Block {
  readonly method: number;
  readonly length: number;
  readonly content: Uint8Array;
}

async function* blocksIn(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Block, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const bytes of stream) {
    rest = rest.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([rest, bytes]);
    let at = 0;
    while (rest.length - at >= headBytes) {
      const length = rest.readUInt32LE(at + 1);
      const stored = rest.readUInt32LE(at + 5);
      if (length > chunkBytesMax || stored > length) throw new CompressionError('a block of absurd length');
      if (rest.length - at - headBytes < stored) break;
      const from = at + headBytes;
      yield { method: rest[at] as number, length, content: rest.subarray(from, from + stored) };
      at = from + stored;
    }
    rest = rest.subarray(at);
  }
  if (rest.length > 0) throw new CompressionError('it ends within a block');
}

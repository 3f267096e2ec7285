/**
 * Compression as a layer: smaller items, for fewer units and more room below 400 KB.
 *
 *   format (1) | method (1: 0 stored, 1 deflate) | crc (4) | length before (4) | head of the form | content
 *
 * Measured on JSON of 1, 16 and 400 KB: level 6 leaves 36, 16 and 12 % in 14, 92 and 3,200 µs; level 4 leaves 36, 18 and 14 %
 * in two thirds of the time; level 9 takes three times as long for half a percent. Units are paid by the KB with each write
 * and read, so 6 it is. What takes longer than the thread pool costs to ask (about 0.1 ms) is done there.
 *
 * The checksum is there because deflate has none: a flipped bit may inflate to another text. It is no protection against
 * somebody who means it; encryption is.
 *
 * Bounded: nothing is inflated beyond the length that is stated, and no length is believed that deflate can't reach.
 */
import { promisify } from 'node:util';
import { crc32, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib';
import { compactCodec } from './compact.js';
import { isBytes } from './copy.js';
import { DecodeError, UnsupportedValueError } from './errors.js';
import { contentOf, formBytesMax, formFrom, headBytes, headOf } from './form-bytes.js';
import type { Encoded } from './held.js';
import type { Place, SealingCodec } from './sealing.js';
import { after } from './then.js';
import type { ValueCodec } from './value-codec.js';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

const format = 1;
const methods = { stored: 0, deflate: 1 } as const;
const fixedBytes = 10;
/** Deflate can't do better: 258 bytes for two bits. */
const ratioMax = 1_032;
const asideBytesMin = 16_384;
/** Below this a window of 4 KB is enough, and takes a tenth of the memory to set up. */
const smallBytesMax = 4_096;
const smallWindow = { windowBits: 12, memLevel: 6 } as const;
const codecName = 'compressed';
/** The codec name of bytes that are compressed already: trying it again costs time and room. */
export const packedName = 'packed';

/** Options of {@link compressed}. */
export interface CompressedOptions {
  /**
   * Bytes of the form below which a value is stored as it is, readable in the console.
   * @defaultValue 512: an item of up to 1 KB costs one unit whatever is in it
   */
  readonly bytesMin?: number | undefined;
  /**
   * Bytes that a form may have before compression. Larger ones are refused, and so are items that claim to be larger: a small
   * item can't make a reader run out of memory.
   * @defaultValue 67,108,864, the most that a large value can have
   */
  readonly bytesMax?: number | undefined;
  /**
   * Level of deflate, 1 (fast) to 9 (small).
   * @defaultValue 6
   */
  readonly level?: number | undefined;
  /**
   * How a value becomes text or bytes before it is compressed.
   * @defaultValue {@link compactCodec}
   */
  readonly form?: ValueCodec | undefined;
}

/**
 * Stores values compressed (deflate), as one binary attribute.
 *
 * What does not get smaller is stored as it is. Values that were stored without it are still read, so it may be switched on at
 * any time; to switch it off again, keep `compressed({ bytesMin: Infinity })` until all is rewritten. The console, expressions
 * and filters don't see into what is compressed; index attributes are not compressed.
 *
 * @cost CPU instead of units: about 90 µs for 16 KB of JSON, a sixth of it to read. Larger values are done by the thread pool.
 * @throws {RangeError} for options out of range
 * @throws {DecodeError} on reading, `ERR_DECODE` with reason `damaged`: the checksum is wrong or it is larger than `bytesMax`
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { compressed } from 'leyden-jar/codec';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const log = table.atom<string[]>('log', { initial: [], codec: compressed() });
 * await log.swap((lines) => [...lines, 'the same line over and over. '.repeat(1_000)]);
 * const { bytes } = await log.snapshot();
 * console.log(bytes < 1_000); // true
 * ```
 */
export function compressed(options: CompressedOptions = {}): SealingCodec {
  return new Compressed(options);
}

class Compressed implements SealingCodec {
  readonly name: string = codecName;
  readonly form: ValueCodec;
  readonly acceptsUnsealed: boolean = true;
  readonly addsBytes: number = fixedBytes + codecName.length;
  readonly #bytesMin: number;
  readonly #bytesMax: number;
  readonly #level: number;

  constructor({ bytesMin = 512, bytesMax = formBytesMax, level = 6, form = compactCodec }: CompressedOptions) {
    if (!(bytesMin >= 0)) throw new RangeError(`Cannot compress from bytesMin on: must be 0 or more: ${bytesMin}`);
    if (!Number.isSafeInteger(bytesMax) || bytesMax < 1 || bytesMax > 0x7fff_ffff) {
      throw new RangeError(`Cannot compress up to bytesMax: must be an integer from 1 to 2147483647: ${bytesMax}`);
    }
    if (!Number.isInteger(level) || level < 1 || level > 9) {
      throw new RangeError(`Cannot compress at this level: must be an integer from 1 to 9: ${level}`);
    }
    this.form = form;
    this.#bytesMin = bytesMin;
    this.#bytesMax = bytesMax;
    this.#level = level;
  }

  seal(form: Encoded, _place: Place): Encoded | Promise<Encoded> {
    const content = contentOf(form);
    if (content.length < this.#bytesMin || form.codec === packedName) return form;
    if (content.length > this.#bytesMax) {
      const limit = `compressed() takes up to ${this.#bytesMax}; raise bytesMax for all who read it, or split the value`;
      throw new UnsupportedValueError('value', `its form has ${content.length} bytes, and ${limit}`);
    }
    const head = headOf(form);
    const level = this.#level;
    const smaller =
      content.length <= smallBytesMax
        ? deflateRawSync(content, { level, ...smallWindow })
        : content.length < asideBytesMin
          ? deflateRawSync(content, { level })
          : deflate(content, { level });
    return after<Uint8Array, Encoded>(smaller, (packed) => {
      const [method, body] =
        packed.length < content.length ? [methods.deflate, packed] : ([methods.stored, content] as const);
      const fixed = Buffer.alloc(fixedBytes);
      fixed[0] = format;
      fixed[1] = method;
      fixed.writeUInt32BE(checksum(head, content), 2);
      fixed.writeUInt32BE(content.length, 6);
      return { data: { B: Buffer.concat([fixed, head, body]) }, codec: codecName };
    });
  }

  opens(name: string): boolean {
    return name === codecName;
  }

  open({ data, annotations }: Encoded, { key }: Place): Encoded | Promise<Encoded> {
    const damaged = (what: string) => new DecodeError(key, 'damaged', `compressed value: ${what}`);
    if (!('B' in data) || !isBytes(data.B)) throw damaged('no bytes');
    if (annotations !== undefined) throw damaged('annotations beside it');
    const bytes = Buffer.from(data.B.buffer, data.B.byteOffset, data.B.byteLength);
    if (bytes.length < fixedBytes) throw damaged('it ends early');
    if ((bytes[0] as number) > format) {
      throw new DecodeError(key, 'newer-format', `compressed value of format ${bytes[0]}, and ${format} is known here`);
    }
    if (bytes[0] !== format) throw damaged('an unknown format');
    const method = bytes[1];
    const crc = bytes.readUInt32BE(2);
    const length = bytes.readUInt32BE(6);
    const headEnd = fixedBytes + headBytes(bytes.subarray(fixedBytes));
    const head = bytes.subarray(fixedBytes, headEnd);
    const body = bytes.subarray(headEnd);
    if (length > this.#bytesMax) throw damaged(`it claims ${length} bytes, and bytesMax is ${this.#bytesMax}`);
    const finish = (content: Uint8Array): Encoded => {
      if (content.length !== length) throw damaged('another length than it claims');
      if (checksum(head, content) !== crc) throw damaged('the checksum is wrong');
      try {
        return formFrom(head, content);
      } catch {
        throw damaged('no form of a value');
      }
    };
    if (method === methods.stored) return finish(body);
    if (method !== methods.deflate) throw damaged('an unknown method');
    if (length > body.length * ratioMax) throw damaged(`it claims ${length} bytes out of ${body.length}`);
    const limit = { maxOutputLength: Math.max(length, 1) };
    if (length >= asideBytesMin) {
      return inflate(body, limit).then(finish, () => {
        throw damaged('it can not be inflated');
      });
    }
    let content: Uint8Array;
    try {
      content = inflateRawSync(body, limit);
    } catch {
      throw damaged('it can not be inflated');
    }
    return finish(content);
  }
}

function checksum(head: Uint8Array, content: Uint8Array): number {
  const crc = crc32(head);
  // Of an empty array without memory behind it, zlib says 0 whatever it was given to begin with.
  return content.length === 0 ? crc : crc32(content, crc);
}

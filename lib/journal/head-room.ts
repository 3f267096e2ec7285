/** How much the head's tail may take, so that its item costs what it may. */
import type { SealingCodec } from '../codec/index.js';
import type { Binder } from './binder.js';
import { pack } from './commit-text.js';
import type { Follower } from './follower.js';
import type { JournalKeys } from './keys.js';

export interface HeadRoomOptions {
  readonly keys: JournalKeys;
  readonly label: string;
  readonly follower: Follower;
  /** Present where volumes are bound. */
  readonly binder?: Binder | undefined;
  /** The head's item is kept within this many bytes. */
  readonly headBytesMax: number;
  /** What the head is sealed with. */
  readonly codec?: SealingCodec | undefined;
}

/** Each writer in the evidence takes about this much of the head's item; there are at most twice eight. */
const evidenceBytes = 15;
const evidenceWritersMax = 16;
/** What an item's other attributes take, and the head's facts beside its tail. */
const factsBytes = 85 + 120;
/** And the number of volumes, where there are any. */
const volumesBytes = 12;
/** What a layer adds that does not say it. */
const sealingBytes = 64;
/** What a commit takes in a tail beside its events, about. */
const commitBytes = 40;
/** Tails of less are not worth a page. */
const roomBytesMin = 200;
/** Of a write unit. */
const unitBytes = 1_024;
/** Text this many times as large as the room will not fit, however well it packs. */
const packsMax = 12;

export class HeadRoom {
  readonly #options: HeadRoomOptions;

  constructor(options: HeadRoomOptions) {
    this.#options = options;
  }

  /** Bytes of packed commits that the head's tail may have, if its item is to cost what it may. */
  bytes(note: Uint8Array | undefined): number {
    const { headBytesMax, keys, label } = this.#options;
    const writers = Math.min(this.#writers(), evidenceWritersMax);
    const names = Buffer.byteLength(keys.head) + Buffer.byteLength(label);
    const volumes = this.#options.binder === undefined ? 0 : volumesBytes;
    const taken = factsBytes + names + writers * evidenceBytes + volumes + this.#sealing + (note?.byteLength ?? 0);
    if (note === undefined) return Math.max(headBytesMax - taken, roomBytesMin);
    // A note that is larger than it may be makes the head dearer with each commit: then what is paid for is used.
    return Math.max(headBytesMax, Math.ceil((taken + roomBytesMin) / unitBytes) * unitBytes) - taken;
  }

  /** What sealing adds, about: with keys of a key service it depends on the key. */
  get #sealing(): number {
    const { codec } = this.#options;
    return codec === undefined ? 0 : (codec.addsBytes ?? sealingBytes);
  }

  /** Writers in the evidence, about. Where commits were passed over, the tail tells of them. */
  #writers(): number {
    const { cursor, image, hasJumped } = this.#options.follower;
    const known = cursor.writers.size + 1;
    if (!hasJumped || image === undefined) return known;
    const inTail = new Set(image.tail.map(({ writer }) => writer)).size;
    // Each has written once: there will have been others before.
    const isPassing = inTail > 2 && inTail === image.tail.length;
    return Math.max(known, isPassing ? image.place : inTail + 1);
  }

  /** Whether events with this text go into the head itself, and not into a body. */
  fits(text: string): boolean {
    const room = this.bytes(this.#options.follower.image?.note) - commitBytes;
    const bytes = Buffer.byteLength(text);
    if (bytes > room * packsMax) return false;
    return bytes <= room || pack(text).byteLength <= room;
  }
}

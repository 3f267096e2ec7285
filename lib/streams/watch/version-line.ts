/**
 * Whether a record of an item follows the one before it: each tells what it was written over.
 *
 *   read: version 7 ──> record over 7: 8 ──> record over 8: 9 ──> record over 10: 11     version 10 did not come
 *
 * The state from a read has no place in the stream, so records up to it may still come, and are passed over. A record that comes twice is
 * told by its number. Numbers of one item are in order, whatever shards they come from.
 *
 * Pure. Of so many items something is remembered, those heard of last; of all others the next record is believed.
 */
import { compareSequences } from '../token.js';

/** What an item is at some point: its life and version; `undefined`: no atom. */
export interface Standing {
  readonly incarnation: string;
  readonly version: number;
}

interface Known {
  readonly standing: Standing | undefined;
  /** The record that said so; absent: it was read from the table. */
  readonly sequence: string | undefined;
}

/** `follows`; `known` already; something is `missed` before it. */
export type Place = 'follows' | 'known' | 'missed';

const keysMax = 10_000;

export class VersionLine {
  readonly #known = new Map<string, Known>();

  /** What the table said. */
  read(keyText: string, standing: Standing | undefined): void {
    this.#known.set(keyText, { standing, sequence: undefined });
  }

  /** The next record of an item: what stood there before it and after it. */
  next(keyText: string, sequence: string, before: Standing | undefined, after: Standing | undefined): Place {
    const place = placeOf(this.#known.get(keyText), sequence, before, after);
    if (place === 'follows') this.#keep(keyText, { standing: after, sequence });
    return place;
  }

  #keep(keyText: string, known: Known): void {
    this.#known.delete(keyText);
    this.#known.set(keyText, known);
    if (this.#known.size <= keysMax) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
  }
}

function placeOf(
  known: Known | undefined,
  sequence: string,
  before: Standing | undefined,
  after: Standing | undefined,
): Place {
  if (known === undefined) return 'follows';
  if (known.sequence !== undefined && compareSequences(sequence, known.sequence) <= 0) return 'known';
  if (isSame(before, known.standing)) return 'follows';
  if (known.sequence === undefined && isUpTo(known.standing, before, after)) return 'known';
  return 'missed';
}

function isSame(one: Standing | undefined, other: Standing | undefined): boolean {
  return one?.incarnation === other?.incarnation && one?.version === other?.version;
}

/** Whether a record that does not follow what was read lies before it. */
function isUpTo(read: Standing | undefined, before: Standing | undefined, after: Standing | undefined): boolean {
  // What was removed before the read may have been any life of it.
  if (after === undefined) return read?.incarnation !== before?.incarnation;
  return after.incarnation === read?.incarnation && after.version <= read.version;
}

/**
 * Where the state of an aggregate is kept, so that loading it is cheap and so are commits.
 *
 *   in the head     no request more at a load; a head of more units at each commit, whether or not that changes it
 *   as a snapshot   a request more at a load; five small writes and the units of the state, each time that one is made
 *
 * With `{ snapshotEvery: n }` a state goes into the head when it takes none of the room that the events need, or when the units that
 * it makes n commits dearer by are fewer than those of one snapshot. With 'aggregate' that is not asked, up to 100 KB.
 */
import type { Truth } from './aggregate-type.js';

/** Of the head's item: leaves more than half of it to its other facts and to events. */
const shareOfHead = 0.4;
const unitBytes = 1_024;
/** Write units of a snapshot beside those of the state: the pointer, four or five times. */
const snapshotUnits = 5;
/** Of the notes of 'aggregate', and of `snapshotEvery: 1`. */
const noteBytesMost: number = 100 * 1_024;
/** For states of 'aggregate' that are larger. */
const snapshotEveryDefault = 100;

/** A snapshot is made when so many events are in none. */
export function snapshotEvery(truth: Truth): number {
  return typeof truth === 'object' ? truth.snapshotEvery : snapshotEveryDefault;
}

/** Bytes that the note with a state may have in the head. */
export function noteBytesMax(truth: Truth, headBytesMax: number): number {
  if (truth === 'events') return 0;
  if (truth === 'aggregate' || truth.snapshotEvery === 1) return noteBytesMost;
  const small = Math.floor(headBytesMax * shareOfHead);
  // u units more in n heads are no more than u units and the pointer's once.
  return small + unitBytes * Math.floor(snapshotUnits / (truth.snapshotEvery - 1));
}

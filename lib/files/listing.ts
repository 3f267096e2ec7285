/**
 * What the names in a directory say: which files of ours there are, and which one must be there and is not.
 *
 *   journal-3  journal-4  journal-6  newest-7
 *                       ▲          ▲
 *                  a gap in the row, and an end that is cut off
 *
 * Pure.
 */
import { type FileKind, isNothing, isPart, nameOf, parseName } from './names.js';

export interface Listing {
  /** Whether there are names that are none of ours. */
  readonly isForeign: boolean;
  readonly hasHolder: boolean;
  /** Names of what was not finished. */
  readonly parts: readonly string[];
  /** Numbers of the journal files, ascending. */
  readonly journals: readonly number[];
  /** Places of the snapshots, ascending. */
  readonly snapshots: readonly number[];
  /** Numbers that the newest journal file has, or had. */
  readonly marks: readonly number[];
  readonly missing: MissingFile | undefined;
}

/** A file of the journal that was there. */
interface MissingFile {
  readonly number: number;
  /** How that is known. */
  readonly detail: string;
}

export function listingOf(names: readonly string[]): Listing {
  const ours = names.map(parseName);
  const numbersOf = (kind: FileKind) =>
    ours.flatMap((name) => (name?.kind === kind ? [name.number] : [])).sort((a, b) => a - b);
  const journals = numbersOf('journal');
  const marks = numbersOf('newest');
  return {
    isForeign: names.some((name, at) => ours[at] === undefined && !isPart(name) && !isNothing(name)),
    hasHolder: ours.some((name) => name?.kind === 'holder'),
    parts: names.filter(isPart),
    journals,
    snapshots: numbersOf('snapshot'),
    marks,
    missing: gapIn(journals) ?? cutOff(journals.at(-1) ?? 0, marks.at(-1) ?? 0),
  };
}

/** The row is dense from the oldest kept on. */
function gapIn(journals: readonly number[]): MissingFile | undefined {
  const after = journals.findIndex((number, at) => number !== (journals[0] as number) + at);
  if (after === -1) return undefined;
  return { number: (journals[after - 1] as number) + 1, detail: 'it is not there, and later ones are' };
}

/** A mark is made when its file is there for certain. One of an older file was only not removed. */
function cutOff(last: number, marked: number): MissingFile | undefined {
  if (marked <= last) return undefined;
  return { number: marked, detail: `it is not there, and ${nameOf('newest', marked)} says that it was` };
}

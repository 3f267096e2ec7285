/**
 * What the actors of a journal decide, as a parameter of the model: the library's own functions (`lib/journal/protocol.ts`,
 * `lib/snapshot/pointer-rules.ts`) unless a spec plants a bug. The rest is in what order they do things.
 */
import * as journal from '../../../lib/journal/protocol.js';
import {
  bodyKey,
  type Commit,
  type Entry,
  type Fold,
  type Head,
  type KnownPage,
  type Snap,
  type Unnamed,
} from './shapes.js';

/** What a commit is made from: a batch, or the retirement of a writer. */
type CommitParts = Omit<Commit, 'place' | 'first'>;

/** What stands against a reader: something is not there, or it does not join on. */
export type Trouble = 'missing' | 'gap';

/** What a reader started from: a snapshot, or (`undefined`) what it knew; and the lowest page that it wants. */
interface Wanted {
  readonly snapshot: string | undefined;
  readonly page: number;
}

/** How far apart things may be. Small here; a library takes what fits an item. */
export const limits = { spillAt: 2, tailMax: 3, partsCount: 2 } as const;

// Append.

function append(base: Head, parts: CommitParts): Head {
  return journal.append(base, parts);
}

function isRetired({ writers }: Fold, writer: string, last: number): boolean {
  return journal.isRetired(writers, writer, last);
}

function fateOf(
  commits: readonly Commit[],
  whole: boolean,
  { writers }: Fold,
  writer: string,
  n: number,
): journal.Fate {
  return journal.fateOf(commits, whole, writers, { writer, n });
}

// Spill.

/** What page `base.pages` is put with. `pending` is a head whose swap is in flight. */
function pageContent(base: Head, _pending: Head | undefined): readonly Commit[] {
  return base.tail;
}

function trim(base: Head, known: KnownPage | undefined): Head {
  return journal.trim(base, known && { page: known.page, count: known.commits.length });
}

function isLeftover(snap: Snap, page: number): boolean {
  return journal.isLeftover(snap, page);
}

// Snapshot.

/** Never made from the place: what one attempt leaves behind is deleted without a look at the others. */
function snapshotId(owner: string, attempt: number, _place: number): string {
  return `${owner}.${attempt}`;
}

/** `image` is the head that was folded to. */
function entryOf(id: string, image: Head, _newer: Head): Entry {
  return { id, place: image.place, page: image.pages, from: journal.tailFrom(image), parts: limits.partsCount };
}

function begin(snap: Snap, made: Unnamed): Snap {
  return { ...snap, making: [...snap.making, made] };
}

/** The pointer moved to `entry`; or why it must not. Asked anew on each base. */
function movePointer(snap: Snap, entry: Entry): Snap | 'overtaken' | 'swept' {
  if (!snap.making.some(({ id }) => id === entry.id)) return 'swept';
  if (entry.place <= (snap.kept.at(-1)?.place ?? 0)) return 'overtaken';
  return { ...snap, kept: [...snap.kept, entry], making: snap.making.filter(({ id }) => id !== entry.id) };
}

// Prune.

/** The swap before anything is deleted. `dead` are snapshots under way that are given up. */
function plan(snap: Snap, keep: number, dead: readonly Unnamed[]): Snap {
  const wanted = Math.min(...snap.readers.map(({ page }) => page));
  const kept = snap.kept.filter(({ page }, index) => index >= snap.kept.length - keep || page >= wanted);
  const removed = snap.kept.filter((entry) => !kept.includes(entry));
  let lowest: { page: number; from: number } | undefined = kept[0];
  for (const reader of snap.readers) if (lowest !== undefined && reader.page < lowest.page) lowest = reader;
  return {
    ...snap,
    kept,
    making: snap.making.filter((made) => !dead.includes(made)),
    dropping: [...snap.dropping, ...dead, ...removed.map(({ id, parts }) => ({ id, parts }))],
    prunedTo: lowest?.page ?? snap.prunedTo,
    prunedFrom: lowest?.from ?? snap.prunedFrom,
  };
}

/** Keys of the bodies to delete with a page that holds these commits. */
function sweeps(commits: readonly Commit[], planned: Snap, _head: Head): string[] {
  return journal.sweeps(commits, planned).map(({ writer, n }) => bodyKey(writer, n));
}

/** The swap after all is deleted. The next pruner looks once more at what this one was the first to delete. */
function finish(snap: Snap, planned: Snap): Snap {
  const dropped = new Set(planned.dropping.map(({ id }) => id));
  const isNewest = planned.prunedTo >= snap.sweptTo;
  return {
    ...snap,
    dropping: snap.dropping.filter(({ id }) => !dropped.has(id)),
    sweptTo: isNewest ? planned.prunedTo : snap.sweptTo,
    sweptFrom: isNewest ? planned.sweptTo : snap.sweptFrom,
  };
}

// Read.

function catchUpFrom(fold: Fold, page: number, image: Head): number {
  return journal.catchUpFrom(fold, page, image);
}

/** What to do when something is not as it should be; `snap` was read afterwards. */
function afterTrouble(snap: Snap, { snapshot, page }: Wanted, _trouble: Trouble): 'restart' | 'error' {
  if (snapshot !== undefined && !snap.kept.some(({ id }) => id === snapshot)) return 'restart';
  return snap.prunedTo > page ? 'restart' : 'error';
}

/** Of the commits after its base, those that a writer looks for its own in. */
function lookUp(commits: readonly Commit[], _firstPage: number): readonly Commit[] {
  return commits;
}

export interface Protocol {
  readonly mayPutBody: typeof journal.mayPutBody;
  /** Whether the head may name a body of which this is known. */
  mayName(stored: 'no' | 'unsure' | 'yes'): boolean;
  /** Which of the waiting batches is committed next. */
  nextBatch(ready: readonly boolean[]): number;
  /** What of the places of refused events is stored. */
  skipped(places: readonly number[]): readonly number[];
  readonly append: typeof append;
  readonly mayRefuse: typeof journal.mayRefuse;
  readonly isRetired: typeof isRetired;
  /** The name of a writer's next life. */
  rename(name: string, serial: number): string;
  readonly fateOf: typeof fateOf;
  /** Whether a writer folds up to the head that beat it before it decides again. */
  readonly catchesUp: boolean;
  readonly pageContent: typeof pageContent;
  /** Whether a page is put only where none stands. */
  readonly putsPageOnce: boolean;
  readonly knowsPage: typeof journal.knowsPage;
  readonly trim: typeof trim;
  readonly isLeftover: typeof isLeftover;
  /** Whether a spiller looks back at what it has put when it learns that the head moved past it. */
  readonly looksBack: boolean;
  readonly snapshotId: typeof snapshotId;
  readonly entryOf: typeof entryOf;
  readonly begin: typeof begin;
  /** Whether the pointer moves only after all parts are answered for. */
  readonly awaitsParts: boolean;
  readonly movePointer: typeof movePointer;
  readonly plan: typeof plan;
  /** Whether the pointer says what is to go before anything does. */
  readonly plansFirst: boolean;
  /** Whether it says that all is gone only when it is. */
  readonly finishesLast: boolean;
  readonly sweepsBodiesFirst: boolean;
  readonly sweeps: typeof sweeps;
  readonly finish: typeof finish;
  readonly readsHeadFirst: boolean;
  readonly catchUpFrom: typeof catchUpFrom;
  readonly afterTrouble: typeof afterTrouble;
  readonly lookUp: typeof lookUp;
}

export const shipped: Protocol = {
  mayPutBody: journal.mayPutBody,
  mayName: (stored) => stored === 'yes',
  nextBatch: () => 0,
  skipped: (places) => places,
  append,
  mayRefuse: journal.mayRefuse,
  isRetired,
  rename: (name, serial) => `${name[0]}${serial}`,
  fateOf,
  catchesUp: true,
  pageContent,
  putsPageOnce: true,
  knowsPage: journal.knowsPage,
  trim,
  isLeftover,
  looksBack: true,
  snapshotId,
  entryOf,
  begin,
  awaitsParts: true,
  movePointer,
  plan,
  plansFirst: true,
  finishesLast: true,
  sweepsBodiesFirst: true,
  sweeps,
  finish,
  readsHeadFirst: false,
  catchUpFrom,
  afterTrouble,
  lookUp,
};

/** The protocol with one thing done wrong. */
export function planted(bug: Partial<Protocol>): Protocol {
  return { ...shipped, ...bug };
}

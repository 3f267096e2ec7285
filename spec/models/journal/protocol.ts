/**
 * What the actors of a journal decide, as a parameter of the model: the library's own functions (`lib/journal/protocol.ts`,
 * `lib/snapshot/pointer-rules.ts`) unless a spec plants a bug. The rest is in what order they do things.
 */
import * as journal from '../../../lib/journal/protocol.js';
import * as pointer from '../../../lib/snapshot/pointer-rules.js';
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
  return pointer.begin(snap, made);
}

function grow(snap: Snap, made: Unnamed): Snap | 'swept' {
  return pointer.grow(snap, made);
}

function movePointer(snap: Snap, entry: Entry): Snap | 'overtaken' | 'swept' {
  return pointer.movePointer(snap, entry);
}

// Prune.

/** The swap before anything is deleted. `dead` are snapshots under way that are given up. */
function plan(snap: Snap, keep: number, dead: readonly Unnamed[]): Snap {
  const newest = snap.kept.slice(-keep);
  return pointer.plan(snap, { keeps: (entry) => newest.includes(entry), isDead: (made) => dead.includes(made) });
}

/** Keys of the bodies to delete with a page that holds these commits. */
function sweeps(commits: readonly Commit[], planned: Snap, _head: Head): string[] {
  return journal.sweeps(commits, planned).map(({ writer, n }) => bodyKey(writer, n));
}

function finish(snap: Snap, planned: Snap): Snap {
  return pointer.finish(snap, planned);
}

// Read.

function catchUpFrom(fold: Fold, page: number, image: Head): number {
  return journal.catchUpFrom(fold, page, image);
}

function afterTrouble(snap: Snap, wanted: pointer.Wanted, _trouble: Trouble): 'restart' | 'error' {
  return pointer.afterTrouble(snap, wanted);
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
  readonly grow: typeof grow;
  /** Whether the pointer knows of a part before it is put. */
  readonly growsFirst: boolean;
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
  grow,
  growsFirst: true,
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

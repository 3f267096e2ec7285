/**
 * What those who write, spill, prune and read a journal decide, as functions of plain data.
 *
 * Append   body -> head. The head names only what is durable; a number is committed once, in order, or never.
 * Spill    page -> head that trims. A page is trimmed only by what it is known to hold, on a head that it is next to.
 * Prune    bodies -> page. A page says which bodies go with it; only its own commits do, never the tail or a snapshot.
 * Read     head, pages, tail of that same head. Commits join on, or something is wrong.
 *
 * `spec/models/journal` runs these same functions through every schedule of small cases and random ones of large cases,
 * and shows for each rule a schedule that breaks without it.
 *
 * They ask of heads and commits no more than they need, so that the model can have small ones.
 */

/** What the protocol needs to know of a commit. */
export interface CommitLike {
  /** 1, 2, 3, ...: dense among commits. */
  readonly place: number;
  /** Sequence number of its first event. */
  readonly first: number;
  /** Events that count. 0 for the retirement of a writer. */
  readonly count: number;
  readonly writer: string;
  /** The writer's number of this commit, and of its body if it has one. */
  readonly n: number;
  /** The number of the writer's commit before: the numbers between are used up and named by nobody. */
  readonly prev: number;
  /** Where the events are if they are not here; anything that is true will do. */
  readonly body?: unknown;
  /** No events: `writer`, whose last number is `n`, may not commit any more. */
  readonly retires?: boolean | undefined;
}

/** What the protocol needs to know of a head. */
export interface HeadLike<C extends CommitLike = CommitLike> {
  /** Place of the newest commit; the head's own version, as each swap of it adds one commit. */
  readonly place: number;
  /** Events up to there. */
  readonly seq: number;
  /** Number of pages that the tail was trimmed by: page `pages` is the next. */
  readonly pages: number;
  /** The newest commits, up to `place`. */
  readonly tail: readonly C[];
}

/** A point in the one order: after so many commits and so many events. */
export interface Position {
  readonly place: number;
  readonly seq: number;
}

/** Writers that have committed and are not retired, with their last numbers, as of some place. A `Map` will do. */
export interface WriterNumbers {
  get(writer: string): number | undefined;
}

/** The name of a body. */
export interface BodyName {
  readonly writer: string;
  readonly n: number;
}

/** What a writer found out about a commit of its own. */
export type Fate = 'applied' | 'not-applied' | 'unknown';

/**
 * How far a writer's bodies may be ahead of its last commit. No crash leaves more, so whoever sweeps up after a retired
 * writer knows where to look. Part of the format: a larger one later would leave garbage behind.
 */
export const bodiesAheadMax = 2;

/** Place of the first commit in the tail, or of the next one if the tail is empty. */
export function tailFrom({ place, tail }: HeadLike): number {
  return place - tail.length + 1;
}

// Append.

/** Whether the body of number `n` may be put: the writer's name must be in the journal, and the number not far ahead. */
export function mayPutBody(n: number, last: number): boolean {
  return last > 0 && n <= last + bodiesAheadMax;
}

/** The head with one commit more. */
export function append<H extends HeadLike>(base: H, parts: Omit<H['tail'][number], 'place' | 'first'>): H {
  const commit: CommitLike = { ...parts, place: base.place + 1, first: base.seq + 1 };
  return { ...base, place: commit.place, seq: base.seq + commit.count, tail: [...base.tail, commit] };
}

/** Whether a refusal is final: only if what it was decided on is committed, and was looked at after the call. */
export function mayRefuse({ speculative, asked }: { readonly speculative: boolean; readonly asked: boolean }): boolean {
  return !speculative && asked;
}

/** Whether a writer that has committed (`last` is above 0) finds itself retired in the fold of the head that it wants to commit on. */
export function isRetired(writers: WriterNumbers, writer: string, last: number): boolean {
  return last > 0 && writers.get(writer) === undefined;
}

/**
 * The fate of a writer's commit that the head's evidence cannot tell, once the head is past its base.
 *
 * @param commits all that were read to get from the base to a later head
 * @param whole whether they begin right after the base; if not, a snapshot was loaded in between
 * @param writers as of that later head
 */
export function fateOf(
  commits: readonly CommitLike[],
  whole: boolean,
  writers: WriterNumbers,
  { writer, n }: BodyName,
): Fate {
  if (commits.some((commit) => commit.writer === writer && commit.n === n && !commit.retires)) return 'applied';
  if (whole) return 'not-applied';
  const last = writers.get(writer);
  if (last === undefined) return 'unknown';
  return last >= n ? 'applied' : 'not-applied';
}

/** Takes note of a commit: whoever folds commits calls this for each, in order. */
export function noteWriter(
  writers: { set(writer: string, n: number): unknown; delete(writer: string): unknown },
  { writer, n, retires }: Pick<CommitLike, 'writer' | 'n' | 'retires'>,
): void {
  if (retires) writers.delete(writer);
  else writers.set(writer, n);
}

// Spill.

/** Whether a page holds what was put, or has to be read: own copies that are late may differ from each other. */
export function knowsPage(answer: 'stored' | 'exists' | 'unanswered'): boolean {
  return answer === 'stored';
}

/** The head without the commits of its next page, if that is the page of which is known how many it holds. */
export function trim<H extends HeadLike>(
  base: H,
  known: { readonly page: number; readonly count: number } | undefined,
): H {
  if (known?.page !== base.pages) return base;
  return { ...base, pages: base.pages + 1, tail: base.tail.slice(known.count) };
}

/** Whether a page that was put too late has to be deleted by who put it, as no pruner comes by again. */
export function isLeftover({ sweptTo }: { readonly sweptTo: number }, page: number): boolean {
  return sweptTo > page;
}

// Bind.

/** Volumes of which is known that they stand, or were pruned: `from` up to and without `to`. */
export interface BoundVolumes {
  readonly from: number;
  readonly to: number;
}

/** The head that names these volumes, if they are the next ones after those that it names already. */
export function nameVolumes<H extends { readonly volumes?: number | undefined }>(
  base: H,
  bound: BoundVolumes | undefined,
): H {
  return bound?.from === (base.volumes ?? 0) ? { ...base, volumes: bound.to } : base;
}

// Prune.

/** Bodies that a commit answers for: its own, those of numbers passed over, and, retiring, those never to be named. */
function answersFor({ writer, n, prev, body, retires }: CommitLike): BodyName[] {
  const from = retires ? n : prev;
  const to = retires ? n + bodiesAheadMax : body ? n : n - 1;
  return Array.from({ length: to - from }, (_, index) => ({ writer, n: from + index + 1 }));
}

/**
 * Bodies to delete with a page that holds `commits`, before the page itself. From place `prunedFrom` on it may lie: a late
 * put may have made it anew, longer than what was trimmed.
 */
export function sweeps(commits: readonly CommitLike[], { prunedFrom }: { readonly prunedFrom: number }): BodyName[] {
  return commits.filter(({ place }) => place < prunedFrom).flatMap((commit) => answersFor(commit));
}

// Read.

/** Page from which to read on to `image`, knowing that what comes next is in page `page` or later; `image.pages` when the tail is enough. */
export function catchUpFrom({ place }: { readonly place: number }, page: number, image: HeadLike): number {
  return tailFrom(image) <= place + 1 ? image.pages : page;
}

/** Those of `commits` that come after `position` and join on to it; `gap` when anything does not. */
export function join<C extends CommitLike>(position: Position, commits: readonly C[]): C[] | 'gap' {
  let { place, seq } = position;
  const joined: C[] = [];
  for (const commit of commits) {
    if (commit.place <= place) continue;
    if (commit.place !== place + 1 || commit.first !== seq + 1) return 'gap';
    joined.push(commit);
    place += 1;
    seq += commit.count;
  }
  return joined;
}

/** The position after `commit`. */
export function positionAfter({ place, first, count }: CommitLike): Position {
  return { place, seq: first + count - 1 };
}

/**
 * What moves the pointer to the snapshots, as functions of plain data; each is one swap of one atom.
 *
 *   making ──► kept ──► dropping ──► gone          a snapshot's way; only `begin` makes the three longer
 *      └───────────────────^   given up, overtaken
 *
 *   begin, grow    the pointer says what is being made before there is anything to find
 *   movePointer    only forward, and only to what nobody has taken for dead
 *   plan           the pointer says what is to go; then it is deleted; then `finish` says that it is gone
 *   register       a reader that must not be overtaken; refused when it was already
 *   afterTrouble   whether a reader that misses something was overtaken, or something is lost
 *
 * `spec/models/journal` runs these same functions through every schedule of small cases and random ones of large cases.
 * They ask of the pointer no more than they need, so that the model can have a small one.
 */

/** A snapshot of which only its parts matter: under way, or on its way out. */
export interface Unnamed {
  readonly id: string;
  /** Parts that it may have in the store: 0 to `parts - 1`. */
  readonly parts: number;
}

/** A page, and the place that it starts at. */
export interface PageStart {
  readonly page: number;
  readonly from: number;
}

/** A snapshot; its page is the one that the first commit after it is in, or will be. */
export interface EntryLike extends Unnamed, PageStart {
  readonly place: number;
}

/** A reader that is not to be overtaken: it wants its page and all after it. */
export interface ReaderLike extends PageStart {
  readonly id: string;
}

/** What the rules need to know of the pointer. */
export interface SnapLike {
  /** Ascending; the last is the current one. */
  readonly kept: readonly EntryLike[];
  readonly making: readonly Unnamed[];
  readonly dropping: readonly Unnamed[];
  /** Pages below may be deleted; `prunedFrom` is the place that page `prunedTo` starts at. */
  readonly prunedTo: number;
  readonly prunedFrom: number;
  /** Pages below are deleted; those from `sweptFrom` on once only. */
  readonly sweptTo: number;
  readonly sweptFrom: number;
  readonly readers: readonly ReaderLike[];
}

// Snapshot.

/** Says that a snapshot is being made. Its id is of this attempt alone, never made from its place. */
export function begin<S extends SnapLike>(snap: S, made: S['making'][number]): S {
  return { ...snap, making: [...snap.making.filter(({ id }) => id !== made.id), made] };
}

/**
 * Why an instance that wants to make a snapshot on its own account need not: somebody is at it (`busy`), or has made one
 * since `newestKnown`, the newest that the instance knows of (`overtaken`). Saves work; safety does not depend on it.
 */
export function standsAgainst<S extends SnapLike>(
  snap: S,
  newestKnown: string | undefined,
  isDead: (made: S['making'][number]) => boolean,
): 'busy' | 'overtaken' | undefined {
  if (snap.kept.at(-1)?.id !== newestKnown) return 'overtaken';
  return snap.making.every(isDead) ? undefined : 'busy';
}

/** Room for more parts of a snapshot under way: the pointer says so before the first of them is put. */
export function grow<S extends SnapLike>(snap: S, made: S['making'][number]): S | 'swept' {
  const before = snap.making.find(({ id }) => id === made.id);
  if (before === undefined) return 'swept';
  const grown = { ...made, parts: Math.max(before.parts, made.parts) };
  return { ...snap, making: snap.making.map((one) => (one === before ? grown : one)) };
}

/** The pointer moved to `entry`; or why it must not. Asked anew on each base; moving twice is moving once. */
export function movePointer<S extends SnapLike>(snap: S, entry: S['kept'][number]): S | 'overtaken' | 'swept' {
  if (snap.kept.some(({ id }) => id === entry.id)) return snap;
  return (
    refusal(snap, entry) ?? {
      ...snap,
      kept: [...snap.kept, entry],
      making: snap.making.filter(({ id }) => id !== entry.id),
    }
  );
}

/** Why a snapshot must not be published: it was given up, or what is there is as new. */
function refusal(snap: SnapLike, entry: EntryLike): 'overtaken' | 'swept' | undefined {
  if (!snap.making.some(({ id }) => id === entry.id)) return 'swept';
  if (entry.place <= (snap.kept.at(-1)?.place ?? 0)) return 'overtaken';
  return undefined;
}

/**
 * The pointer of a journal that begins with `entry`: as if all before it had been pruned. One that was there is of an earlier attempt to
 * begin, which was cut short; one of a later attempt stays, and all that followed it.
 */
export function moveToFirst<S extends SnapLike>(snap: S, entry: S['kept'][number]): S | 'overtaken' | 'swept' {
  const refused = refusal(snap, entry);
  if (refused !== undefined) return refused;
  const earlier = snap.kept.map(({ id, parts }) => ({ id, parts }));
  return {
    ...snap,
    kept: [entry],
    making: snap.making.filter(({ id }) => id !== entry.id),
    dropping: [...snap.dropping, ...earlier],
    prunedTo: entry.page,
    prunedFrom: entry.from,
  };
}

/** A snapshot under way given up by who makes it, after its last put was answered: the next prune deletes its parts. */
export function abandon<S extends SnapLike>(snap: S, id: string): S {
  const given = snap.making.filter((made) => made.id === id).map(({ parts }) => ({ id, parts }));
  return {
    ...snap,
    making: snap.making.filter((made) => made.id !== id),
    dropping: [...snap.dropping, ...given],
  };
}

// Prune.

/** What a pruner decides by. */
export interface Choices<S extends SnapLike> {
  /** Whether a kept snapshot stays; the newest does in any case, and what a registered reader may have started from. */
  readonly keeps: (entry: S['kept'][number]) => boolean;
  /** Whether a snapshot under way is given up. */
  readonly isDead: (made: S['making'][number]) => boolean;
  /** Whether the time of a registration is over. Never, without it. */
  readonly isExpired?: (reader: S['readers'][number]) => boolean;
  /** The journal is kept from there on, whatever the snapshots would allow. */
  readonly bound?: PageStart | undefined;
}

/** The swap before anything is deleted. */
export function plan<S extends SnapLike>(snap: S, { keeps, isDead, isExpired, bound }: Choices<S>): S {
  const readers = snap.readers.filter((reader) => isExpired?.(reader) !== true);
  const wanted = Math.min(...readers.map(({ page }) => page));
  const newest = snap.kept.at(-1);
  const kept = snap.kept.filter((entry) => entry === newest || entry.page >= wanted || keeps(entry));
  const removed = [...snap.making.filter(isDead), ...snap.kept.filter((entry) => !kept.includes(entry))];
  let lowest: PageStart | undefined = kept[0];
  for (const other of bound === undefined ? readers : [...readers, bound]) {
    if (lowest !== undefined && other.page < lowest.page) lowest = other;
  }
  // A bound may be older than what another pruner has decided since.
  const { page, from } =
    lowest !== undefined && lowest.page > snap.prunedTo ? lowest : { page: snap.prunedTo, from: snap.prunedFrom };
  return {
    ...snap,
    kept,
    making: snap.making.filter((made) => !isDead(made)),
    dropping: [...snap.dropping, ...removed.map(({ id, parts }) => ({ id, parts }))],
    prunedTo: page,
    prunedFrom: from,
    readers,
  };
}

/** The swap after all is deleted. The next pruner looks once more at what this one was the first to delete. */
export function finish<S extends SnapLike>(snap: S, planned: Pick<SnapLike, 'dropping' | 'prunedTo' | 'sweptTo'>): S {
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

/** What a reader started from: a snapshot, or (`undefined`) what it knew; and the lowest page that it wants. */
export interface Wanted {
  readonly snapshot: string | undefined;
  readonly page: number;
}

/** Whether what a reader wants is still promised. */
function isPromised({ kept, prunedTo }: Pick<SnapLike, 'kept' | 'prunedTo'>, { snapshot, page }: Wanted): boolean {
  if (snapshot !== undefined && !kept.some(({ id }) => id === snapshot)) return false;
  return prunedTo <= page;
}

/** The reader registered, in place of an earlier registration; `pruned` when it was overtaken already. */
export function register<S extends SnapLike>(
  snap: S,
  reader: S['readers'][number],
  snapshot: string | undefined,
): S | 'pruned' {
  if (!isPromised(snap, { snapshot, page: reader.page })) return 'pruned';
  return { ...snap, readers: [...snap.readers.filter(({ id }) => id !== reader.id), reader] };
}

export function unregister<S extends SnapLike>(snap: S, reader: string): S {
  return { ...snap, readers: snap.readers.filter(({ id }) => id !== reader) };
}

/** What a reader does that missed something, whatever it was; `snap` was read after that. */
export function afterTrouble(snap: Pick<SnapLike, 'kept' | 'prunedTo'>, wanted: Wanted): 'restart' | 'error' {
  return isPromised(snap, wanted) ? 'error' : 'restart';
}

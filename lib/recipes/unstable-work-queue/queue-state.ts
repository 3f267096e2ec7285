/**
 * A queue as values, and the steps from one to the next. Pure.
 *
 *   head       { segments: [s1, s2, s3] }                 in the order of time
 *   segment    { entries: ['job-a', 'job-b orders', …] }  ids and groups, in the order of `put`; only ever appended to, up to 50
 *   job        ready --claim--> held --nack--> ready      an item of its own, with the payload
 *                                 |            |
 *                                 +---ack---> gone <--- dead letter, after so many deliveries
 *
 * Invariants. A job's item is written before (or together with) its entry, so an entry whose item is gone is done, for ever. An entry comes
 * after all that were put before it: a segment is linked only after the one before it was full, and stays full. Names of segments are never
 * used again, so an entry that comes late meets no segment that has begun anew.
 */

/** Entries of a segment: one batch read has two segments' jobs, and an append costs 1 or 2 write units. */
export const segmentMax = 50;

/** What is stored of a queue. */
export interface QueueState {
  readonly kind: 'work-queue';
  /** Names of its segments, in order. */
  readonly segments: readonly string[];
  /** Deliveries after which a job is a dead letter; `null` before the first put. */
  readonly deliveriesMax: number | null;
}

/** What is stored of a segment. One that is not open does not exist yet, or does not any more. */
export interface SegmentState {
  readonly kind: 'work-queue-segment';
  readonly isOpen: boolean;
  readonly count: number;
  readonly entries: readonly string[];
}

/** Who works on a job. */
interface JobClaim {
  readonly nonce: string;
  readonly session: string;
}

/** What is stored of a job. `none`: nothing is. */
export interface JobState<P> {
  readonly kind: 'work-queue-job';
  readonly state: 'none' | 'ready' | 'held';
  readonly payload?: P;
  readonly group?: string;
  /** How often it was handed out. */
  readonly deliveries: number;
  readonly claim?: JobClaim;
  /** Pause before it may be handed out again, from when it is seen. */
  readonly delayMs?: number;
  /** What was said when it was given back last. */
  readonly reason?: string;
}

/** What stands in a segment for a job. */
export interface Entry {
  readonly id: string;
  readonly group: string | undefined;
}

export const noQueue: QueueState = { kind: 'work-queue', segments: [], deliveriesMax: null };
export const noSegment: SegmentState = { kind: 'work-queue-segment', isOpen: false, count: 0, entries: [] };
export const noJob: JobState<never> = { kind: 'work-queue-job', state: 'none', deliveries: 0 };

export const openSegment: SegmentState = { ...noSegment, isOpen: true };

function isFull({ count }: SegmentState): boolean {
  return count >= segmentMax;
}

/** Appended to, if there is room; else itself. */
export function appended(segment: SegmentState, entry: string): SegmentState {
  if (!segment.isOpen || isFull(segment)) return segment;
  return { ...segment, count: segment.count + 1, entries: [...segment.entries, entry] };
}

/** Links a segment behind `last`, unless another one was. */
export function linked(queue: QueueState, last: string | undefined, segment: string): QueueState {
  return queue.segments.at(-1) === last ? { ...queue, segments: [...queue.segments, segment] } : queue;
}

export function unlinked(queue: QueueState, segment: string): QueueState {
  if (!queue.segments.includes(segment)) return queue;
  return { ...queue, segments: queue.segments.filter((name) => name !== segment) };
}

export function entryOf(id: string, group: string | undefined): string {
  return group === undefined ? id : `${id} ${group}`;
}

function readEntry(entry: string): Entry {
  const at = entry.indexOf(' ');
  return at < 0 ? { id: entry, group: undefined } : { id: entry.slice(0, at), group: entry.slice(at + 1) };
}

/**
 * The entries of segments that were read one by one, as far as they are sure to be all: one that is read as not full may have been filled
 * before the next one was read, so what follows it does not count.
 */
export function prefixOf(segments: readonly SegmentState[]): Entry[] {
  const entries = new Map<string, Entry>();
  for (const segment of segments) {
    for (const text of segment.entries) {
      const entry = readEntry(text);
      if (!entries.has(entry.id)) entries.set(entry.id, entry);
    }
    if (segment.isOpen && !isFull(segment)) break;
  }
  return [...entries.values()];
}

/** Whether a segment is done with: it is gone, or full and of jobs that are all done. */
export function isDoneWith(segment: SegmentState, done: ReadonlySet<string>): boolean {
  return !segment.isOpen || (isFull(segment) && segment.entries.every((entry) => done.has(readEntry(entry).id)));
}

export function freshJob<P>(payload: P, group: string | undefined): JobState<P> {
  return { kind: 'work-queue-job', state: 'ready', payload, deliveries: 0, ...(group !== undefined && { group }) };
}

/** Whether nobody works on it, if the sessions `over` are. */
export function isFree<P>({ state, claim }: JobState<P>, over: ReadonlySet<string>): boolean {
  return state === 'ready' || (state === 'held' && claim !== undefined && over.has(claim.session));
}

/** Handed out, if it still stands as it was seen. */
export function claimed<P>(job: JobState<P>, seen: JobState<P>, claim: JobClaim): JobState<P> {
  if (!isSame(job, seen)) return job;
  const { delayMs: _delayMs, reason: _reason, ...rest } = job;
  return { ...rest, state: 'held', claim, deliveries: job.deliveries + 1 };
}

/** Whether nobody has taken it, or given it back, since it was seen. */
export function isSame<P>(job: JobState<P>, seen: JobState<P>): boolean {
  return job.state === seen.state && job.deliveries === seen.deliveries && job.claim?.nonce === seen.claim?.nonce;
}

/** What is said of a job that is given back. */
export interface GivenBack {
  readonly delayMs?: number | undefined;
  readonly reason?: string | undefined;
  /** It was never handed out to anybody: that was no delivery. */
  readonly isUntouched?: boolean;
}

/** Given back, if it is held under `nonce`. */
export function givenBack<P>(
  job: JobState<P>,
  nonce: string,
  { delayMs = 0, reason, isUntouched = false }: GivenBack,
): JobState<P> {
  if (job.claim?.nonce !== nonce) return job;
  const { claim: _claim, ...rest } = job;
  const deliveries = isUntouched ? job.deliveries - 1 : job.deliveries;
  return {
    ...rest,
    state: 'ready',
    deliveries,
    ...(delayMs > 0 && { delayMs }),
    ...(reason !== undefined && { reason }),
  };
}

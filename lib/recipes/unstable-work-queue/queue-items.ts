/**
 * The items of a queue, and how an entry gets into it.
 *
 *   put: write the job ──► append to the last segment, by the store, if that is open and has room
 *                               └ no: open a new one, link it in the head, append there
 *
 * Whoever dies between leaves a job that nothing names, or a segment: garbage, which is never handed out.
 */
import type { AtomTable, CallOptions, Transaction } from '../../atom/index.js';
import { RecipeDiffersError } from '../errors.js';
import { RecipeItem } from '../recipe-item.js';
import {
  appended,
  freshJob,
  type JobState,
  linked,
  noJob,
  noQueue,
  noSegment,
  openSegment,
  type QueueState,
  type SegmentState,
  segmentMax,
  unlinked,
} from './queue-state.js';
import { QueueFullError } from './work-queue-errors.js';

/** Segments that the head names at most. */
const segmentsMax = 1_000;

export class QueueItems<P> {
  readonly table: AtomTable;
  readonly name: string;
  readonly head: RecipeItem<QueueState>;
  readonly deliveriesMax: number;
  /** The last segment, as far as this process knows. */
  #last: string | undefined;

  constructor(table: AtomTable, name: string, deliveriesMax: number) {
    this.table = table;
    this.name = name;
    this.deliveriesMax = deliveriesMax;
    // Whoever waits looks here first, and so is told when the table is closed.
    this.head = new RecipeItem(table, name, noQueue, { closesWithTable: true });
  }

  segment(id: string): RecipeItem<SegmentState> {
    return new RecipeItem(this.table, `${this.name}:${id}`, noSegment);
  }

  job(id: string): RecipeItem<JobState<P>> {
    return new RecipeItem<JobState<P>>(this.table, `${this.name}:${id}`, noJob);
  }

  newId(): string {
    return Buffer.from(this.table.sources.randomBytes(9)).toString('base64url');
  }

  /** @throws {RecipeKindError} `ERR_RECIPE_KIND`, {@link RecipeDiffersError} `ERR_RECIPE_DIFFERS` */
  mine(state: QueueState): QueueState {
    const { deliveriesMax: stored } = this.head.mine(state);
    if (stored !== null && stored !== this.deliveriesMax) {
      const facts = { fact: 'deliveriesMax', given: this.deliveriesMax, stored };
      throw new RecipeDiffersError(this.head.atom.key, facts, 'give all the same, or take another name');
    }
    return state;
  }

  /** Appends an entry whose job is there. */
  async append(entry: string, options: CallOptions): Promise<void> {
    let last = this.#last ?? (await this.#lastOf(options));
    // Each turn but the last means that others have filled a segment meanwhile.
    for (;;) {
      if (last !== undefined) {
        const changes = { append: { entries: [entry] }, add: { count: 1 } };
        const when = { is: { isOpen: true }, atMost: { count: segmentMax - 1 } };
        const { applied } = await this.segment(last).commute(changes, when, options);
        if (applied) {
          this.#last = last;
          return;
        }
      }
      last = await this.#after(last, options);
    }
  }

  /** The same, and the job, as parts of a transaction. */
  async putIn(tx: Transaction, id: string, entry: string, job: JobState<P>): Promise<void> {
    await tx.reset(this.job(id).atom, job);
    const last = this.mine(await tx.deref(this.head.atom)).segments.at(-1);
    if (last !== undefined) {
      const isIn = await tx.swapWith(this.segment(last).atom, (state) => {
        const next = appended(state, entry);
        return [next, next !== state];
      });
      if (isIn) return;
    }
    // It is there before the head names it, whatever becomes of the transaction: what the head names and is not there is done with.
    const next = this.newId();
    await this.segment(next).swap(() => openSegment);
    await tx.swap(this.segment(next).atom, (state) => appended(state, entry));
    await tx.swap(this.head.atom, (state) => this.#linked(state, last, next));
  }

  /** Puts a copy of a job under the id that it has elsewhere; whatever is there already stays. */
  async adopt(id: string, entry: string, payload: P, group: string | undefined): Promise<void> {
    await this.job(id).swap((state) => (state.state === 'none' ? freshJob(payload, group) : state));
    await this.append(entry, {});
  }

  /** Removes a segment that is full, and whose jobs are all done. */
  async clear(id: string): Promise<void> {
    // In this order: a segment that the head names and that is not there is known to be done.
    await this.segment(id).atom.delete();
    await this.head.swap((state) => unlinked(state, id));
  }

  async #lastOf(options: CallOptions): Promise<string | undefined> {
    return this.mine(await this.head.read(options)).segments.at(-1);
  }

  /** The segment behind `full`, which takes no more. */
  async #after(full: string | undefined, options: CallOptions): Promise<string | undefined> {
    const last = await this.#lastOf(options);
    if (last !== full) return last;
    const id = this.newId();
    await this.segment(id).swap(() => openSegment, options);
    const { segments } = await this.head.swap((state) => this.#linked(state, full, id), options);
    // Somebody else was first. What is left of ours is nobody's.
    if (!segments.includes(id)) await this.segment(id).atom.delete();
    return segments.at(-1);
  }

  #linked(state: QueueState, last: string | undefined, id: string): QueueState {
    const { segments } = this.mine(state);
    if (segments.length >= segmentsMax) throw new QueueFullError(this.name, segmentsMax * segmentMax);
    return { ...linked(state, last, id), deliveriesMax: this.deliveriesMax };
  }
}

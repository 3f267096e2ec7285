/**
 * A view made anew while the old documents are served.
 *
 *   claim ─► build: all streams, from their beginnings ─► again what came meanwhile ─► turn ─► once more ─► delete the old ─► end
 *            (old documents are served ─────────────────────────────────────────────┘ new ones are)
 *
 * Why no event is missed: one that was committed before the claim is in the log that is read. One that is delivered after the claim, by
 * code of this version, goes into both generations. One that is delivered by code of another version goes into the old one alone: it was
 * read in the log by the pass after the turn, since after the turn such code can't deliver any more.
 *
 * If the process dies, another call goes on: cursors say what is done. Two at a time would do no harm, but twice the work; one is told.
 */

import { categoryWindow } from './category-course.js';
import { CategoryFeeder } from './category-feeder.js';
import { Feeder, headsAtOnce } from './feeder.js';
import {
  categoryOfSource,
  categorySource,
  type Generation,
  generationOf,
  generationsOf,
  streamsSource,
} from './generation.js';
import type { Log } from './log.js';
import type { AnyView } from './view.js';
import { grouped } from './view-lag.js';
import { silenceMs } from './view-pointer.js';

/** Options of `EventStore.rebuild`. */
export interface RebuildOptions {
  /** From an ordered category; the view is fed from there afterwards. @defaultValue from all streams */
  readonly category?: string | undefined;
  /** Takes a rebuild over from a process that lives. @defaultValue false */
  readonly takeOver?: boolean;
  /** Told now and then. What it throws ends the rebuild. */
  readonly onProgress?: (progress: RebuildProgress) => void;
  /** Ends the call; another one goes on where it stood. */
  readonly signal?: AbortSignal | undefined;
}

/** How far a rebuild is. */
export interface RebuildProgress {
  readonly phase: 'building' | 'closing' | 'deleting';
  /** Events that were applied by this call. */
  readonly events: number;
  /** Streams that were looked at by this call, unless it reads a category; those that were looked at again count again. */
  readonly streams: number;
}

/** What a rebuild did. */
export interface Rebuilt extends Omit<RebuildProgress, 'phase'> {
  /** Documents that were made anew where they stand; of a whole view they are not counted. */
  readonly documents?: number;
  /** It had been begun by a process that did not end it. */
  readonly resumed: boolean;
}

/** Passes before the turn: what the last one finds is what came during the one before. */
const passesMax = 3;
/** So little left is caught up after the turn. */
const fewEvents = 100;
const deletesAtOnce = 100;
const beatMs: number = silenceMs / 3;

export class Rebuild {
  readonly #log: Log;
  readonly #feeder: Feeder;
  readonly #owner: string;
  readonly #options: RebuildOptions;
  #heardAt = 0;
  #phase: RebuildProgress['phase'] = 'building';
  #events = 0;
  #streams = 0;

  constructor(log: Log, view: AnyView, options: RebuildOptions) {
    this.#log = log;
    this.#feeder = new Feeder(log, view);
    this.#owner = Buffer.from(log.table.sources.randomBytes(9)).toString('base64url');
    this.#options = options;
  }

  async run(): Promise<Rebuilt> {
    const { pointer } = this.#feeder;
    const { signal, takeOver = false, category } = this.#options;
    const source = category === undefined ? streamsSource : categorySource(category);
    const claim = { owner: this.#owner, source, takeOver };
    const before = await pointer.read(signal);
    const work = await pointer.claim(claim, signal);
    this.#heardAt = this.#monotonicMs();
    const resumed = before?.work?.generation.id === work.generation.id;
    if (work.phase === 'building') {
      for (let pass = 0; pass < passesMax; pass += 1) if ((await this.#pass(work.generation)) <= fewEvents) break;
      await pointer.turn(this.#owner, signal);
    }
    this.#phase = 'closing';
    await this.#pass(work.generation);
    this.#phase = 'deleting';
    await this.#deleteOthers();
    await pointer.end(this.#owner, signal);
    return { events: this.#events, streams: this.#streams, resumed };
  }

  /** Brings the generation up to the log. @returns how many events that took. */
  async #pass(generation: Generation): Promise<number> {
    const before = this.#events;
    const category = categoryOfSource(generation.source);
    if (category === undefined) await this.#passStreams(generation);
    else await this.#passCategory(generation, category);
    return this.#events - before;
  }

  async #passCategory(generation: Generation, category: string): Promise<void> {
    const { signal } = this.#options;
    const feeder = new CategoryFeeder(this.#log, this.#feeder.view, category);
    const from = (await feeder.positionIn(generation, signal)) + 1;
    for await (const events of grouped(this.#log.facts.read(category, from, signal), categoryWindow)) {
      await feeder.feedOne(generation, events, signal);
      this.#events += events.length;
      await this.#alive();
    }
  }

  async #passStreams(generation: Generation): Promise<void> {
    const { signal } = this.#options;
    for await (const heads of grouped(this.#log.heads(signal), headsAtOnce)) {
      this.#events += await this.#feeder.catchUpOne(generation, heads, signal);
      this.#streams += heads.length;
      await this.#alive();
    }
  }

  async #deleteOthers(): Promise<void> {
    const { table } = this.#log;
    const { pointer } = this.#feeder;
    const { signal } = this.#options;
    // Ids go up: what is below is over for ever. What is above may have come to be while this process slept.
    const oldest = Math.min(...generationsOf((await pointer.read(signal)) ?? { next: 1 }).map(({ id }) => id));
    const isWanted = (name: string) => (generationOf(pointer.name, name) ?? oldest) < oldest;
    for await (const group of grouped(
      table.scanNamed(`${pointer.name}/`, { isWanted, namesOnly: true, signal }),
      deletesAtOnce,
    )) {
      await table.deleteMany(
        group.map(({ name }) => table.keyNamed(name)),
        { signal },
      );
      await this.#alive();
    }
  }

  async #alive(): Promise<void> {
    const { onProgress, signal } = this.#options;
    onProgress?.({ phase: this.#phase, events: this.#events, streams: this.#streams });
    if (this.#monotonicMs() - this.#heardAt < beatMs) return;
    await this.#feeder.pointer.beat(this.#owner, signal);
    this.#heardAt = this.#monotonicMs();
  }

  #monotonicMs(): number {
    return this.#log.table.sources.clock.monotonicMs();
  }
}

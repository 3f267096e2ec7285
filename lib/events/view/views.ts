/** The views of one store: what its calls on views are done by. */

import type { AtomTable } from '../../atom/index.js';
import { type OptionNames, requireOptions } from '../call-options.js';
import type { OpenStreams } from '../open-streams.js';
import type { AllStreams } from '../together/all-streams.js';
import type { Categories } from '../together/categories.js';
import { openCategory } from '../together/category.js';
import type { PlacedEvent } from '../together/read-category.js';
import { CategoryCourse } from './category-course.js';
import { type CommitParser, HeadParser } from './head-parser.js';
import { Log } from './log.js';
import { Projection } from './projection.js';
import { type CommitBatch, type Projector, projectorOf } from './projector.js';
import { Rebuild, type RebuildOptions, type Rebuilt } from './rebuild.js';
import { Replay } from './replay.js';
import { StreamsCourse } from './streams-course.js';
import { type AnyView, View } from './view.js';
import { ViewReader } from './view-reader.js';

/** Options of `EventStore.project`. */
export type ProjectOptions = {
  /**
   * An event that can't be applied: `stop` ends the projection; `park` leaves its stream there, and goes on with the others. Nothing is
   * skipped in either case.
   * @defaultValue 'stop'
   */
  readonly onError?: 'stop' | 'park';
  /** Stops the projection. */
  readonly signal?: AbortSignal | undefined;
} & (
  | {
      /** An ordered category; the view knows its events by their positions. */
      readonly category: string;
      readonly source?: undefined;
      readonly scanEveryMs?: undefined;
    }
  | {
      readonly category?: undefined;
      /** What a reader of the table's stream delivers, with the parser of this store. All streams are looked at once as well, at the beginning. */
      readonly source?: AsyncIterable<CommitBatch>;
      /**
       * Looks at all streams so often. Each look reads the whole table.
       * @defaultValue 10000; with a source never again
       */
      readonly scanEveryMs?: number;
    }
);

/** Options of `EventStore.rebuild`: all of a view, or some documents. */
export type RebuildViewOptions =
  | (RebuildOptions & { readonly ids?: undefined })
  | {
      /** These documents alone are made anew, where they stand. */
      readonly ids: readonly string[];
      readonly signal?: AbortSignal | undefined;
    };

export interface ViewsFacts {
  readonly table: AtomTable;
  readonly store: string;
  readonly streams: OpenStreams;
  readonly all: AllStreams;
  readonly categories: Categories;
  readonly onWarning: (warning: unknown) => void;
  /** Aborts when the store is closed. */
  readonly ends: AbortSignal;
}

const projectOptions: OptionNames<ProjectOptions> = {
  ...{ onError: true, signal: true, category: true, source: true, scanEveryMs: true },
};
const rebuildOptions: OptionNames<RebuildViewOptions> = {
  ...{ ids: true, category: true, takeOver: true, onProgress: true, signal: true },
};
const scanEveryMsDefault = 10_000;

export class Views {
  readonly #facts: ViewsFacts;
  readonly #log: Log;
  readonly #running = new Set<Projection>();

  constructor(facts: ViewsFacts) {
    const { table, store, onWarning, streams, all, categories } = facts;
    this.#facts = facts;
    this.#log = new Log({
      ...{ table, store, onWarning },
      toRead: (stream) => streams.toRead(stream),
      read: (category, from, signal) => all.read({ category, from, signal }) as AsyncIterable<PlacedEvent>,
      size: async (category, signal) => (await openCategory(categories.factsOf(category)).readHead(signal))?.seq ?? 0,
    });
  }

  reader<State>(view: AnyView): ViewReader<State> {
    requireView('read', view);
    return new ViewReader<State>(this.#log, view);
  }

  parser(): CommitParser {
    return new HeadParser(this.#log);
  }

  projector(views: readonly AnyView[]): Projector {
    if (views.length === 0) throw new TypeError('Cannot feed views: none is given');
    for (const view of views) requireView('feed', view);
    return projectorOf(this.#log, views);
  }

  project(view: AnyView, options: ProjectOptions): Projection {
    requireView('project', view);
    requireOptions<ProjectOptions>(`project view ${view.name}`, options, projectOptions);
    const { category, source, scanEveryMs, onError = 'stop', signal } = options;
    if (source !== undefined && typeof source?.[Symbol.asyncIterator] !== 'function') {
      throw new TypeError(`Cannot project view ${view.name}: source must be an async iterable: ${typeof source}`);
    }
    if (onError !== 'stop' && onError !== 'park') {
      throw new TypeError(
        `Cannot project view ${view.name}: onError must be 'stop' or 'park': ${JSON.stringify(onError)}`,
      );
    }
    if (scanEveryMs !== undefined && !(scanEveryMs > 0)) {
      throw new RangeError(`Cannot project view ${view.name}: scanEveryMs must be a positive number: ${scanEveryMs}`);
    }
    if (category !== undefined) {
      this.#requireOrdered(`project view ${view.name}`, category);
      if (onError === 'park')
        throw new TypeError(`Cannot project view ${view.name}: in an ordered category no stream can be parked`);
    }
    const { ends } = this.#facts;
    const log = this.#log;
    const every = scanEveryMs ?? (source === undefined ? scanEveryMsDefault : undefined);
    const course =
      category === undefined
        ? new StreamsCourse({ log, view, source, scanEveryMs: every, parks: onError === 'park' })
        : new CategoryCourse({ log, view, category });
    const projection = new Projection(log, view, course, signal === undefined ? ends : AbortSignal.any([ends, signal]));
    this.#running.add(projection);
    const over = () => this.#running.delete(projection);
    projection.done.then(over, over);
    return projection;
  }

  async rebuild(view: AnyView, options: RebuildViewOptions): Promise<Rebuilt> {
    requireView('rebuild', view);
    requireOptions<RebuildViewOptions>(`rebuild view ${view.name}`, options, rebuildOptions);
    options.signal?.throwIfAborted();
    if (options.ids !== undefined) return new Replay(this.#log, view, options.signal).run(options.ids);
    if (options.category !== undefined) this.#requireOrdered(`rebuild view ${view.name}`, options.category);
    return new Rebuild(this.#log, view, options).run();
  }

  /** Stops what runs. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((projection) => projection.stop()));
  }

  #requireOrdered(action: string, category: string): void {
    if (this.#facts.categories.isOrdered(category)) return;
    throw new TypeError(
      `Cannot ${action}: category ${JSON.stringify(category)} is not in order; open the store with ordered, or leave category out`,
    );
  }
}

function requireView(action: string, view: unknown): void {
  if (!(view instanceof View)) throw new TypeError(`Cannot ${action} a view: view must be a View: ${typeof view}`);
}

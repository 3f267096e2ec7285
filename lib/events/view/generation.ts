/**
 * Generations of a view, and which one is served.
 *
 *   <store>/@view/<name>                    { next, serving: { id, version, source }, work?: { generation, phase, owner, heardAt } }
 *   <store>/@view/<name>/<id>/doc/<id>      documents
 *   <store>/@view/<name>/<id>/stream/<s>    how far a stream is in all of them, where no document says so
 *   <store>/@view/<name>/<id>/position      how far an ordered category is in all of them
 *
 * Ids of generations go up and are never used again, so whoever slept through a switch writes into what nobody reads.
 */
import { escapeName } from '../stream-name.js';

/** Documents that were made by one version of a view. */
export interface Generation {
  readonly id: number;
  readonly version: number;
  /** What its positions count: `streams`, or `category <name>`. */
  readonly source: string;
}

/** A rebuild that is under way, or was when its process died. */
export interface ViewWork {
  readonly generation: Generation;
  /** `building`: not served yet. `closing`: served; the events that came while it was switched are still to be looked for. */
  readonly phase: 'building' | 'closing';
  readonly owner: string;
  readonly heardAt: number;
}

/** What stands in the view's atom. */
export interface ViewState {
  readonly next: number;
  readonly serving?: Generation;
  readonly work?: ViewWork;
}

/** The source of views that are fed stream by stream. */
export const streamsSource = 'streams';

/** The source of views that are fed from an ordered category. */
export function categorySource(category: string): string {
  return `category ${category}`;
}

/** The ordered category that a source is; `undefined` for the streams themselves. */
export function categoryOfSource(source: string): string | undefined {
  return source === streamsSource ? undefined : source.slice(categorySource('').length);
}

/** Name of the view's atom, and the beginning of all others. */
export function viewName(store: string, view: string): string {
  return `${store}/@view/${escapeName(view)}`;
}

export function generationName(base: string, id: number): string {
  return `${base}/${id}`;
}

/** Id of the generation that a name of an item belongs to. */
export function generationOf(base: string, name: string): number | undefined {
  const found = /^\/(\d+)\//.exec(name.slice(base.length));
  return found === null || !name.startsWith(base) ? undefined : Number(found[1]);
}

/** Generations that events have to go into. */
export function generationsOf({ serving, work }: ViewState): Generation[] {
  const all = [serving, work?.generation].filter((one) => one !== undefined);
  return all.filter((one, index) => all.findIndex(({ id }) => id === one.id) === index);
}

/**
 * A view: documents that are made of events, each for a question that is asked. Pure functions; a store keeps the documents.
 *
 *   log ─► id(event) ─► documents ─► apply(state, event) ─► the next state, and how much of the log is in it, in one item
 *
 * Views are fed from the log alone, never by the process that executes a command: what is in the log arrives, whoever dies.
 */
import { requireOptions } from '../call-options.js';
import type { EventInput, RecordedEvent } from '../event.js';
import { requireName } from '../stream-name.js';

/** Options of {@link View}. */
export interface ViewOptions<State, E extends EventInput> {
  /** Names the view in its store, for ever: under another name it is another view, which has no documents yet. */
  readonly name: string;
  /** What a document is made from that is not there yet. Immutable, as all states. */
  readonly initial: State;
  /**
   * Ids of the documents that an event is for; `undefined` or `[]` for none. Pure and synchronous, and always the same for an event.
   * @defaultValue one document for each stream, under the stream's name
   */
  readonly id?: ((event: RecordedEvent<E>) => string | readonly string[] | undefined) | undefined;
  /**
   * The document after an event; `undefined` deletes it, and the next event finds `initial` again. Pure and synchronous; it leaves the
   * state that it is given as it is.
   */
  readonly apply: (state: State, event: RecordedEvent<E>) => State | undefined;
  /**
   * Raise it when `id`, `apply` or the shape of the documents change, and call `rebuild`: documents are only fed by code of the version
   * that they were begun with.
   * @defaultValue 1
   */
  readonly version?: number;
}

/**
 * A view: what its documents are, and how events change them.
 *
 * **Guarantee.** A document is the fold of the events that are for it, each applied exactly once and those of one stream in their order,
 * whatever is delivered twice, late, or by a process that was replaced. Between streams the order is that of delivery, unless the view
 * is fed by an ordered category: `apply` must not depend on it.
 *
 * **If a process dies**, what it had not stored is applied by the next one. Nothing is lost with it, since views are fed from the log.
 *
 * @throws TypeError, RangeError for wrong options.
 *
 * @example
 * ```ts
 * import { View } from 'leyden-jar/events';
 *
 * type Event = { type: 'deposited'; data: number } | { type: 'withdrawn'; data: number };
 * const balances = new View<number, Event>({
 *   name: 'balances',
 *   initial: 0,
 *   apply: (balance, { type, data }) => (type === 'deposited' ? balance + data : balance - data),
 * });
 * console.log(balances.version); // => 1
 * ```
 */
export class View<State, E extends EventInput = EventInput> {
  readonly name: string;
  readonly initial: State;
  readonly version: number;
  readonly apply: ViewOptions<State, E>['apply'];
  /** Absent: a document for each stream. */
  readonly id: ViewOptions<State, E>['id'];

  constructor(options: ViewOptions<State, E>) {
    const names = { name: true, initial: true, id: true, apply: true, version: true } as const;
    requireOptions<ViewOptions<State, E>>('make a view', options, names);
    const { name, initial, id, apply, version = 1 } = options;
    requireName('make a view', 'its name', name);
    if (initial === undefined) throw new TypeError(`Cannot make view ${name}: initial must be a value`);
    if (typeof apply !== 'function')
      throw new TypeError(`Cannot make view ${name}: apply must be a function: ${typeof apply}`);
    if (id !== undefined && typeof id !== 'function')
      throw new TypeError(`Cannot make view ${name}: id must be a function: ${typeof id}`);
    if (!Number.isSafeInteger(version) || version < 1) {
      throw new RangeError(`Cannot make view ${name}: version must be a whole number from 1: ${version}`);
    }
    this.name = name;
    this.initial = initial;
    this.version = version;
    this.apply = apply;
    this.id = id;
  }
}

/** A view, whatever it is of. */
// biome-ignore lint/suspicious/noExplicitAny: views take states as well as give them, so nothing else stands for each of them.
export type AnyView = View<any, any>;

/** Ids of documents, and whatever they are put into. */
const idBytesMax = 512;

/** The documents that an event is for. @throws TypeError, RangeError for what can be no id; what `id` throws. */
export function idsOf(view: AnyView, event: RecordedEvent): readonly string[] {
  if (view.id === undefined) return [event.stream];
  const given = view.id(event) as unknown;
  if (given === undefined) return [];
  const ids = Array.isArray(given) ? [...new Set(given)] : [given];
  for (const id of ids) requireDocumentId(id);
  return ids as string[];
}

/** @throws TypeError, RangeError for what is no array of ids. */
export function requireIds(action: string, ids: unknown): void {
  if (!Array.isArray(ids)) throw new TypeError(`Cannot ${action}: ids must be an array: ${typeof ids}`);
  for (const id of ids) requireDocumentId(id);
}

/** @throws TypeError, RangeError */
function requireDocumentId(id: unknown): void {
  requireName('name a document of a view', 'an id', id);
  const bytes = Buffer.byteLength(id as string);
  if (bytes > idBytesMax)
    throw new RangeError(`Cannot name a document of a view: an id has at most ${idBytesMax} bytes: ${bytes}`);
}

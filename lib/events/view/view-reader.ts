/** Reading a view: the documents of the generation that is served, whichever that is at the moment. */

import type { EventInput } from '../event.js';
import { CategoryFeeder } from './category-feeder.js';
import type { StoredDocument } from './documents.js';
import { Feeder, headsAtOnce } from './feeder.js';
import { categoryOfSource, type Generation, streamsSource } from './generation.js';
import type { Log, StreamHead } from './log.js';
import { requireIds, type View } from './view.js';
import { ViewSwitchedError } from './view-errors.js';
import { categoryLagOf, grouped, lagOf, type ViewLag } from './view-lag.js';

/** A document as a listing finds it. */
export interface ViewEntry<State> {
  readonly id: string;
  readonly state: State;
}

/** Options of calls that read a view. */
export interface ViewReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link ViewReader.lag}. */
export interface ViewLagOptions extends ViewReadOptions {
  /** These streams alone: they are read, and the table is not scanned. @defaultValue all streams */
  readonly streams?: readonly string[];
}

/** A generation that nothing was ever in. */
const nothing: Generation = { id: 0, version: 0, source: streamsSource };

/**
 * A view as it is read. Made by `EventStore.view`.
 *
 * **Guarantee.** A document is what stood at some instant during the call, in the generation that was served then. It may be behind the
 * log: `lag` tells by how much. A document that there is not is `undefined`, in every call: one that no event was for, one that was
 * deleted, and any of a view that was never fed. What is served may be of another `version` than the view that asks: of the old one until
 * the turn of a rebuild, of the new one from then on.
 */
export class ViewReader<State> {
  readonly #log: Log;
  readonly #feeder: Feeder;
  /** The one that was served when this object looked last. */
  #generation: Generation | undefined;

  /** @internal Made by `EventStore.view`. */
  constructor(log: Log, view: View<State, EventInput>) {
    this.#log = log;
    this.#feeder = new Feeder(log, view);
  }

  /**
   * A document; `undefined` where there is none.
   *
   * @cost 1 request, 1/2 + 1/2 read unit and more for a document above 4 KB; for one that there is not, 1 request more. The first call: 1 more.
   * @iam dynamodb:BatchGetItem, dynamodb:GetItem
   */
  async get(id: string, options: ViewReadOptions = {}): Promise<State | undefined> {
    return (await this.getMany([id], options))[0];
  }

  /** Documents in the order of `ids`, `undefined` where there is none. Costs as {@link ViewReader.get}, with 1 request per 100. */
  async getMany(ids: readonly string[], { signal }: ViewReadOptions = {}): Promise<(State | undefined)[]> {
    requireIds('read documents of a view', ids);
    const { pointer } = this.#feeder;
    const { table } = this.#log;
    for (;;) {
      this.#generation ??= (await pointer.read(signal))?.serving;
      const generation = this.#generation;
      if (generation === undefined) return ids.map(() => undefined);
      const { documents } = this.#feeder.of(generation);
      const atoms = ids.map((id) => documents.atom(id));
      const found = await table.getMany([pointer.atom, ...atoms] as readonly unknown[], { signal });
      const [state, ...read] = found as [{ serving?: Generation } | undefined, ...(StoredDocument | undefined)[]];
      // What is not there may have been deleted with its generation, after it was read that this is the one.
      const isWhole = read.every((one) => one !== undefined);
      const serving = isWhole ? state?.serving : (await pointer.read(signal))?.serving;
      if (serving?.id === generation.id) return read.map((one) => one?.state as State | undefined);
      this.#generation = serving;
    }
  }

  /**
   * All documents, in no order; one that is made or deleted meanwhile may be among them or not.
   *
   * @cost Reads the whole table: 1 request per MB, 1 read unit per 4 KB.
   * @iam dynamodb:Scan, dynamodb:GetItem
   * @throws {ViewSwitchedError} `ERR_VIEW_SWITCHED` at the end, when the view was rebuilt meanwhile.
   */
  async *entries({ signal }: ViewReadOptions = {}): AsyncGenerator<ViewEntry<State>, void, undefined> {
    const { pointer } = this.#feeder;
    const generation = (await pointer.read(signal))?.serving;
    if (generation === undefined) return;
    const { documents } = this.#feeder.of(generation);
    for await (const { name, value } of this.#log.table.scanNamed<StoredDocument>(documents.prefix, { signal })) {
      if (value.state !== undefined) yield { id: documents.idOf(name), state: value.state as State };
    }
    if ((await pointer.read(signal))?.serving?.id !== generation.id)
      throw new ViewSwitchedError(this.#feeder.view.name);
  }

  /**
   * How far the view is behind the log. Where it is fed from an ordered category, `streams` makes no difference.
   *
   * @cost For some streams: 1 request for each, and 1 per 100 of them. For all: reads the whole table, and 1 request per 100 streams.
   * @iam dynamodb:Scan, dynamodb:BatchGetItem, dynamodb:GetItem
   */
  async lag({ streams, signal }: ViewLagOptions = {}): Promise<ViewLag> {
    const generation = (await this.#feeder.pointer.read(signal))?.serving;
    const category = categoryOfSource(generation?.source ?? streamsSource);
    if (generation !== undefined && category !== undefined) {
      const feeder = new CategoryFeeder(this.#log, this.#feeder.view, category);
      return categoryLagOf(this.#log, category, await feeder.positionIn(generation, signal), signal);
    }
    const heads = streams === undefined ? this.#log.heads(signal) : this.#headsOf(streams, signal);
    return lagOf(this.#log, this.#feeder, generation ?? nothing, heads, signal);
  }

  async *#headsOf(streams: readonly string[], signal: AbortSignal | undefined): AsyncGenerator<StreamHead> {
    for await (const group of grouped(streams, headsAtOnce)) {
      const heads = await Promise.all(group.map((stream) => this.#log.head(stream, signal)));
      for (const head of heads) if (head !== undefined) yield head;
    }
  }
}

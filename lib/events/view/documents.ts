/**
 * The documents of one generation, each an atom: its state, and beside it how much of the log is in it.
 *
 *   { state: 70, seen: { 'account-7': 12 } }      event 12 of that stream is in it, and none after
 *   { seen: { 'account-7': 13 } }                 event 13 has deleted it; kept, so that event 12, if it comes again, does nothing
 *
 * Both change in one swap. So an event that comes twice, or late, is known by its number, and changes nothing.
 */
import type { AtomTable, ItemAtom } from '../../atom/index.js';
import { isLeydenError } from '../../errors.js';
import type { RecordedEvent } from '../event.js';
import { escapeName, unescapeName } from '../stream-name.js';
import { BoundedMap } from './bounded-map.js';
import type { AnyView } from './view.js';
import { ProjectionError, ViewStreamsError } from './view-errors.js';

/** As it is stored. */
export interface StoredDocument {
  /** Absent: deleted. */
  readonly state?: unknown;
  readonly seen: Readonly<Record<string, number>>;
}

/** What counts an event: a stream, or an ordered category, and its number in it. */
type PositionOf = (event: RecordedEvent) => readonly [source: string, position: number];

export interface DocumentsFacts {
  readonly table: AtomTable;
  readonly view: AnyView;
  /** The generation's. */
  readonly name: string;
  readonly positionOf: PositionOf;
}

type DocumentAtom = ItemAtom<StoredDocument>;

/** Positions of one document may take so many bytes: some thousands of streams. */
const seenBytesMax: number = 100 * 1_024;
const positionBytes = 8;
/** Documents that are kept at hand, so that the next event costs a write and no read. */
const handlesMax = 1_000;

/** A source as a member's name. */
export function seenKey(source: string): string {
  return source === '__proto__' ? '%__proto__' : escapeName(source);
}

export class Documents {
  readonly #facts: DocumentsFacts;
  readonly #prefix: string;
  readonly #handles = new BoundedMap<string, DocumentAtom>(handlesMax);

  constructor(facts: DocumentsFacts) {
    this.#facts = facts;
    this.#prefix = `${facts.name}/doc/`;
  }

  /** Beginning of the names of all of them. */
  get prefix(): string {
    return this.#prefix;
  }

  idOf(name: string): string {
    return unescapeName(name.slice(this.#prefix.length));
  }

  atom(id: string): DocumentAtom {
    let atom = this.#handles.get(id);
    if (atom === undefined) {
      const { table } = this.#facts;
      atom = table.atomOf<StoredDocument>(table.keyNamed(this.#prefix + escapeName(id)));
      this.#handles.set(id, atom);
    }
    return atom;
  }

  /** As they stand, in the order of `ids`. */
  read(ids: readonly string[], signal?: AbortSignal): Promise<(StoredDocument | undefined)[]> {
    const atoms = ids.map((id) => this.atom(id));
    return this.#facts.table.getMany(atoms, { signal }) as Promise<(StoredDocument | undefined)[]>;
  }

  /**
   * Applies to a document those of `events`, which are in order, that are not in it. One write, or none.
   *
   * @throws {ProjectionError} `ERR_PROJECTION`
   */
  async apply(id: string, events: readonly RecordedEvent[], signal?: AbortSignal): Promise<void> {
    try {
      await this.atom(id).swap((stands) => this.#after(id, stands, events), { signal });
    } catch (error) {
      if (!isOfTheState(error)) throw error;
      const { view } = this.#facts;
      const event = events.at(-1) as RecordedEvent;
      throw new ProjectionError(view.name, { event, id, why: 'the document can not be stored' }, error);
    }
  }

  /**
   * Replaces a document by one that was folded from the beginning.
   *
   * @returns whether all that is in the one that stands is in the new one; if not, nothing was done.
   */
  async replace(id: string, document: StoredDocument, signal?: AbortSignal): Promise<boolean> {
    return this.atom(id).swapWith<boolean>(
      (stands) => {
        const behind = Object.entries(stands?.seen ?? {}).some(([source, at]) => at > (document.seen[source] ?? 0));
        return behind ? [stands as StoredDocument, false] : [document, true];
      },
      { signal },
    );
  }

  #after(id: string, stands: StoredDocument | undefined, events: readonly RecordedEvent[]): StoredDocument {
    const folding = new Folding(this.#facts.view, id, stands);
    for (const event of events) folding.take(event, this.#facts.positionOf(event));
    return folding.isChanged ? folding.document : (stands as StoredDocument);
  }
}

/** A document while events are applied to it. */
export class Folding {
  readonly #view: AnyView;
  readonly #id: string;
  readonly #seen: Map<string, number>;
  #state: unknown;
  isChanged = false;

  constructor(view: AnyView, id: string, stands: StoredDocument | undefined) {
    this.#view = view;
    this.#id = id;
    this.#seen = new Map(Object.entries(stands?.seen ?? {}));
    this.#state = stands?.state;
  }

  get document(): StoredDocument {
    const seen = Object.fromEntries(this.#seen);
    return this.#state === undefined ? { seen } : { state: this.#state, seen };
  }

  /** @throws {ProjectionError} `ERR_PROJECTION` */
  take(event: RecordedEvent, [source, position]: readonly [string, number]): void {
    const key = seenKey(source);
    const before = this.#seen.get(key);
    if (before !== undefined && position <= before) return;
    const { name } = this.#view;
    const fail = (why: string, cause: unknown) => new ProjectionError(name, { event, id: this.#id, why }, cause);
    if (before === undefined) {
      const error = this.#tooMany(key);
      if (error !== undefined) throw fail('it has too many sources', error);
    }
    const state = this.#state === undefined ? this.#view.initial : this.#state;
    let next: unknown;
    try {
      next = this.#view.apply(state, event);
    } catch (error) {
      throw fail(`apply threw: ${(error as Error)?.message}`, error);
    }
    if (typeof (next as { readonly then?: unknown } | undefined | null)?.then === 'function') {
      throw fail('apply returned a promise; it must not wait for anything', undefined);
    }
    this.#state = next;
    this.#seen.set(key, position);
    this.isChanged = true;
  }

  #tooMany(key: string): ViewStreamsError | undefined {
    let bytes = Buffer.byteLength(key) + positionBytes;
    for (const one of this.#seen.keys()) bytes += Buffer.byteLength(one) + positionBytes;
    if (bytes <= seenBytesMax) return undefined;
    return new ViewStreamsError(this.#view.name, this.#id, this.#seen.size + 1, seenBytesMax);
  }
}

/** Whether it is the state's fault, and would be so again. */
function isOfTheState(error: unknown): boolean {
  return ['ERR_UNSUPPORTED_VALUE', 'ERR_ITEM_TOO_LARGE', 'ERR_INVALID_VALUE'].some((code) =>
    isLeydenError(error, code),
  );
}

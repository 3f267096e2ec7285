/**
 * How far each stream is in a generation: all its events up to there are in all documents that they are for.
 *
 * In a view with a document for each stream the document says so itself. In all others each stream has an atom beside the documents;
 * it is moved when they stand, so it may be behind, and is never ahead. So whoever begins at a cursor applies everything that is not
 * applied yet, in its order, and what was applied already is known by the documents.
 */
import type { AtomTable, ItemAtom } from '../../atom/index.js';
import { abreast } from '../abreast.js';
import { escapeName } from '../stream-name.js';
import { BoundedMap } from './bounded-map.js';
import { type Documents, seenKey } from './documents.js';

export interface CursorFacts {
  readonly table: AtomTable;
  /** The generation's name. */
  readonly name: string;
  readonly documents: Documents;
  /** Whether each stream has a document of its own. */
  readonly isPerStream: boolean;
}

/** Cursors that are remembered here; others are read again. */
const rememberedMax = 100_000;
const handlesMax = 1_000;
const writesAtOnce = 16;

export class StreamCursors {
  readonly #facts: CursorFacts;
  readonly #known = new BoundedMap<string, number>(rememberedMax);
  readonly #handles = new BoundedMap<string, ItemAtom<number, number>>(handlesMax);

  constructor(facts: CursorFacts) {
    this.#facts = facts;
  }

  /**
   * Of each stream; 0 where nothing was seen. What is remembered here may be behind by what other processes did.
   *
   * @cost Nothing for what is remembered; else 1 request per 100.
   */
  async read(streams: readonly string[], signal?: AbortSignal): Promise<number[]> {
    const missing = streams.filter((stream) => this.#known.get(stream) === undefined);
    const found = new Map<string, number>();
    if (missing.length > 0) {
      const read = await this.#readAll(missing, signal);
      for (const [index, stream] of missing.entries()) {
        found.set(stream, read[index] as number);
        this.#known.set(stream, read[index] as number);
      }
    }
    return streams.map((stream) => this.#known.get(stream) ?? found.get(stream) ?? 0);
  }

  /** As {@link StreamCursors.read}, of what stands. */
  async stand(streams: readonly string[], signal?: AbortSignal): Promise<number[]> {
    for (const stream of streams) this.#known.delete(stream);
    return this.read(streams, signal);
  }

  /** All events up to these are in all documents that they are for. */
  async move(to: ReadonlyMap<string, number>, signal?: AbortSignal): Promise<void> {
    if (!this.#facts.isPerStream) {
      await abreast(to, writesAtOnce, async ([stream, seq]) => {
        await this.#atom(stream).swap((stands) => Math.max(stands, seq), { signal });
      });
    }
    for (const [stream, seq] of to) this.#known.set(stream, Math.max(seq, this.#known.get(stream) ?? 0));
  }

  async #readAll(streams: readonly string[], signal: AbortSignal | undefined): Promise<number[]> {
    const { table, documents, isPerStream } = this.#facts;
    if (!isPerStream)
      return table.getMany(
        streams.map((stream) => this.#atom(stream)),
        { signal },
      );
    const read = await documents.read(streams, signal);
    return read.map((document, index) => document?.seen[seenKey(streams[index] as string)] ?? 0);
  }

  #atom(stream: string): ItemAtom<number, number> {
    let atom = this.#handles.get(stream);
    if (atom === undefined) {
      const { table, name } = this.#facts;
      atom = table.atomOf<number>(table.keyNamed(`${name}/stream/${escapeName(stream)}`), { initial: 0 });
      this.#handles.set(stream, atom);
    }
    return atom;
  }
}

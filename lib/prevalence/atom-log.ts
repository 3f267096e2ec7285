/**
 * A log in a table: the journal, the pointer, and the snapshots, put together.
 *
 * Recovery reads the pointer, the snapshot, then the head and what is between. What is missing there was pruned since, or is
 * lost: the pointer, read again, tells which.
 */
import type { AtomTable } from '../atom/index.js';
import {
  type Appended,
  type Batch,
  type CursorFacts,
  cursorAtStart,
  type HoldOptions,
  Journal,
  JournalCompactedError,
  type PreparedBody,
  type ReadCommit,
} from '../journal/index.js';
import {
  decodeState,
  encodeState,
  readSnapshot,
  type SnapEntry,
  SnapshotDamagedError,
  SnapshotPointer,
  type SnapshotStore,
  type SnapValue,
  writeSnapshot,
} from '../snapshot/index.js';
import type { AtomStorageOptions } from './atom-storage.js';
import { SnapshotError } from './errors.js';
import { pruneLog } from './prune.js';
import type { Log, LogRequest, PastStart, PastTarget, PruneReport, SnapshotInfo, SnapshotRequest } from './storage.js';

export interface AtomLogOptions extends LogRequest, Omit<AtomStorageOptions, 'snapshots'> {
  readonly table: AtomTable;
  readonly name: string;
  readonly store: SnapshotStore;
  readonly newId: () => string;
  /** Done before anything is read. */
  readonly prepared?: Promise<unknown> | undefined;
}

/** What the parts of a snapshot hold. */
interface Content {
  readonly v: 1;
  readonly cursor: Omit<CursorFacts, 'page'>;
  readonly captured: unknown;
}

/** Parts that a snapshot may have before it asks the pointer for more room. */
const roomParts = 64;
/** After so many snapshots that were removed under its hands a reader registers, so as not to be overtaken again. */
const restartsMax = 3;
const registrationMs = 10 * 60 * 1_000;
const writerQuietMsDefault = 24 * 60 * 60 * 1_000;

export class AtomLog implements Log {
  readonly #options: AtomLogOptions;
  readonly #journal: Journal;
  readonly #pointer: SnapshotPointer;
  /** The newest snapshot that is known here. */
  #newest: SnapEntry | undefined;

  constructor(options: AtomLogOptions) {
    const { table, name, consumer, format, clock, onWarning, makingMsMax, headBytesMax, appendBytesMax } = options;
    this.#options = options;
    this.#pointer = new SnapshotPointer(table, table.keyNamed(`${name}/snap`), {
      clock,
      ...(makingMsMax !== undefined && { makingMsMax }),
    });
    this.#journal = new Journal(table, name, {
      consumer,
      ...{ label: format, clock, onWarning },
      ...(headBytesMax !== undefined && { headBytesMax }),
      ...(appendBytesMax !== undefined && { appendBytesMax }),
      readFloor: () => this.#pointer.read(),
      recover: () => this.#load(),
    });
  }

  get instance(): string {
    return this.#journal.instance;
  }

  get seqWanted(): number {
    return this.#journal.seqWanted;
  }

  async recover(signal?: AbortSignal): Promise<void> {
    await this.#options.prepared;
    await this.#explained(async () => {
      await this.#load(signal);
      await this.#journal.catchUp('strong', signal);
    });
    this.#bind();
  }

  catchUp(consistency: 'strong' | 'eventual', signal?: AbortSignal): Promise<void> {
    return this.#journal.catchUp(consistency, signal);
  }

  fitsHead(text: string): boolean {
    return this.#journal.fitsHead(text);
  }

  requireSize(bytes: number): void {
    this.#journal.requireSize(bytes);
  }

  prepare(text: string): Promise<PreparedBody> {
    return this.#journal.prepare(text);
  }

  append(batch: Batch, body?: PreparedBody): Promise<Appended> {
    return this.#journal.append(batch, body);
  }

  hold(options: HoldOptions): Promise<void> {
    return this.#journal.hold(options);
  }

  release(): Promise<void> {
    return this.#journal.release();
  }

  read(from: number, signal?: AbortSignal): AsyncGenerator<ReadCommit> {
    return this.#journal.read(from, signal);
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  stop(reason: unknown): void {
    this.#journal.stop(reason);
  }

  // ---- snapshots ---------------------------------------------------------------------------------------------------

  async snapshots(signal?: AbortSignal): Promise<readonly SnapshotInfo[]> {
    const { kept } = await this.#pointer.read({ signal });
    this.#newest = kept.at(-1);
    return kept;
  }

  async snapshot({ due, signal }: SnapshotRequest): Promise<SnapshotInfo | undefined> {
    const { consumer, newId, name } = this.#options;
    if (this.#journal.image === undefined) await this.#journal.catchUp('strong', signal);
    // Taken together, with nothing in between: what the state is, and which head it is the state of.
    const { image, cursor } = this.#journal;
    if (image === undefined) throw new SnapshotError(name, 'there is no event yet');
    const { page: _page, ...facts } = cursor.facts();
    const content: Content = { v: 1, cursor: facts, captured: consumer.capture() };
    this.#bind();
    const id = newId();
    const making = { id, parts: roomParts };
    if (due) {
      const begun = await this.#pointer.beginIfDue(making, this.#newest?.id, { signal });
      if (begun !== 'begun') return undefined;
    } else {
      // An own one that covers all is as good as a new one.
      const newest = (await this.#pointer.read({ signal })).kept.at(-1);
      if (newest !== undefined && newest.place >= facts.place) return newest;
      await this.#pointer.begin(making, { signal });
    }
    const from = image.place - image.tail.length + 1;
    const entry = await this.#write(id, content, { page: image.pages, from }, signal);
    return this.#publish(entry, signal);
  }

  async #write(
    id: string,
    content: Content,
    at: { readonly page: number; readonly from: number },
    signal: AbortSignal | undefined,
  ): Promise<SnapEntry> {
    const { store, name, clock } = this.#options;
    const { place, seq, time, chain } = content.cursor;
    try {
      const written = await writeSnapshot({
        ...{ store, id, signal, content: encodeState(content), room: roomParts },
        onRoom: async (parts) => {
          const grown = await this.#pointer.grow({ id, parts }, { signal });
          if (grown === 'swept') throw new SnapshotError(name, 'a pruner took it for given up');
        },
      });
      const { parts, bytes, digest } = written;
      return { ...{ id, place, seq, time, chain, ...at, parts, bytes, digest }, madeAt: Math.floor(clock.now()) };
    } catch (error) {
      // Its parts are named by `making` until then, and the next prune removes them.
      await this.#pointer.abandon(id).catch(this.#options.onWarning);
      throw error instanceof SnapshotError ? error : new SnapshotError(name, 'it could not be written', error);
    }
  }

  async #publish(entry: SnapEntry, signal: AbortSignal | undefined): Promise<SnapEntry | undefined> {
    const { name, store } = this.#options;
    const moved = await this.#pointer.move(entry, { signal });
    if (moved === 'swept') {
      for (let part = 0; part < entry.parts; part += 1) await store.delete(entry.id, part);
      throw new SnapshotError(name, 'a pruner took it for given up');
    }
    this.#newest = moved === 'moved' ? entry : (await this.#pointer.read({ signal })).kept.at(-1);
    return this.#newest;
  }

  async prune(signal?: AbortSignal): Promise<PruneReport> {
    const { retention, store, clock, writerQuietMs = writerQuietMsDefault } = this.#options;
    if (this.#journal.image === undefined) await this.#journal.catchUp('strong', signal);
    if (this.#journal.image === undefined) return { kept: 0, snapshotsRemoved: 0, pagesRemoved: 0, bodiesRemoved: 0 };
    this.#bind();
    await this.#journal.retire(writerQuietMs);
    return pruneLog({ journal: this.#journal, pointer: this.#pointer, store, retention, clock, signal });
  }

  /** A store that refuses the very first requests is mostly a table that is missing, or has other keys: says so. */
  async #explained(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const { name } = error as Error;
      if (name === 'ValidationException' || name === 'ResourceNotFoundException') {
        await this.#options.table.verify();
      }
      throw error;
    }
  }

  // ---- recovery ----------------------------------------------------------------------------------------------------

  /** Loads the newest snapshot that can be read, or begins from nothing. */
  async #load(signal?: AbortSignal): Promise<void> {
    for (let restarts = 0; ; restarts += 1) {
      const snap = await this.#pointer.read({ signal });
      const isRegistered = restarts >= restartsMax && (await this.#register(snap));
      try {
        if (await this.#loadFrom(snap, signal)) return;
      } finally {
        if (isRegistered) await this.#pointer.release(this.instance);
      }
    }
  }

  /** `false`: the snapshot was removed meanwhile. */
  async #loadFrom(snap: SnapValue, signal: AbortSignal | undefined): Promise<boolean> {
    const { consumer, onWarning } = this.#options;
    this.#newest = snap.kept.at(-1);
    let damage: unknown;
    for (const entry of snap.kept.toReversed()) {
      try {
        const { captured, cursor } = await this.#readContent(entry, signal);
        consumer.restore(captured, cursor);
        this.#journal.restore({ ...cursor, page: entry.page });
        return true;
      } catch (error) {
        if (!isDamage(error)) throw error;
        const { kept } = await this.#pointer.read({ signal });
        if (!kept.some(({ id }) => id === entry.id)) return false;
        damage = error;
        onWarning(error);
      }
    }
    // All of the journal is there: what the snapshots say can be worked out again.
    if (snap.prunedTo > 0) throw damage;
    consumer.restore(undefined, { seq: 0, time: 0 });
    this.#journal.restore(cursorAtStart);
    return true;
  }

  async #readContent(
    { id, parts, digest, place, chain }: SnapEntry,
    signal: AbortSignal | undefined,
  ): Promise<Content> {
    const { store } = this.#options;
    const decoded = await decodeState(readSnapshot({ store, id, parts, signal }));
    const content = decoded.value as Content;
    const isIt = decoded.digest === digest && content?.v === 1 && content.cursor.place === place;
    if (!isIt || content.cursor.chain !== chain)
      throw new SnapshotDamagedError(id, 'damaged', 'it is not what was published');
    return content;
  }

  async #register({ journalId, kept }: SnapValue): Promise<boolean> {
    const entry = kept.at(-1);
    if (entry === undefined || journalId === '') return false;
    this.#pointer.bind(journalId);
    const { id, page, from } = entry;
    const reader = { id: this.instance, page, from, snapshot: id, forMs: registrationMs };
    return (await this.#pointer.register(reader)) === 'registered';
  }

  /** The pointer is written only once it is known which journal it is of. */
  #bind(): void {
    const { image } = this.#journal;
    if (image !== undefined) this.#pointer.bind(image.journalId);
  }

  async pastStart(target: PastTarget, signal?: AbortSignal): Promise<PastStart> {
    const { name } = this.#options;
    const snap = await this.#pointer.read({ signal });
    const image = await this.#journal.readHead(signal);
    const isBefore = ({ seq, time }: SnapEntry) => (target.seq === undefined ? time <= target.time : seq <= target.seq);
    const entry = snap.kept.findLast(isBefore);
    if (entry === undefined && snap.prunedTo > 0) throw new JournalCompactedError(name, 1);
    const content = entry && (await this.#readContent(entry, signal));
    const at = content === undefined ? cursorAtStart : { ...content.cursor, page: entry?.page ?? 0 };
    const journal = this.#journal;
    return {
      captured: content?.captured,
      at,
      async *commits() {
        if (image !== undefined) yield* journal.readFrom(at, at.seq + 1, image, signal);
      },
    };
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof SnapshotDamagedError;
}

/**
 * The stored snapshots of one stream: for states that do not fit in its head, and for those below which it is pruned.
 *
 *   make   begin (unless somebody else is at it) ─► parts ─► move the pointer ─► what is older than the newest two is removed
 *   find   the pointer ─► the newest of this kind that can be read, each that can't with a warning
 *
 * Snapshots of all types and versions of a stream have one pointer, `<stream>/snap`. Making one never moves what is pruned.
 */
import type { AtomTable } from '../../atom/index.js';
import { isLeydenError } from '../../errors.js';
import type { Head } from '../../journal/index.js';
import {
  deleteParts,
  encodeState,
  type SnapEntry,
  SnapshotDamagedError,
  SnapshotPointer,
  type SnapshotStore,
  type SnapValue,
  writeSnapshot,
} from '../../snapshot/index.js';
import type { Folded } from './fold.js';
import { contentOf, type Restored, readContent } from './snapshot-content.js';
import type { SnapshotHint } from './state-note.js';

export interface StreamSnapshotsFacts {
  readonly table: AtomTable;
  /** Name of the stream's journal. */
  readonly journal: string;
  readonly store: SnapshotStore;
  readonly newId: () => string;
  /** Whether the stream was deleted, by a strong read of its head. */
  readonly isDeleted: () => Promise<boolean>;
  readonly onWarning: (warning: unknown) => void;
}

/** Parts that a snapshot may have before it asks the pointer for more room. */
const roomParts = 16;
/** Snapshots that are kept where nothing is pruned. */
const keepDefault = 2;

export class StreamSnapshots {
  readonly #facts: StreamSnapshotsFacts;
  readonly #damaged = new Set<string>();
  #pointer: SnapshotPointer | undefined;

  constructor(facts: StreamSnapshotsFacts) {
    this.#facts = facts;
  }

  get pointer(): SnapshotPointer {
    const { table, journal } = this.#facts;
    this.#pointer ??= new SnapshotPointer(table, table.keyNamed(`${journal}/snap`), { clock: table.sources.clock });
    return this.#pointer;
  }

  /** Reads one. @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED` */
  read(entry: SnapshotHint & Partial<SnapEntry>, signal: AbortSignal | undefined): Promise<Restored> {
    const { store, table } = this.#facts;
    return readContent({ store, clock: table.sources.clock }, entry, signal);
  }

  /**
   * The newest snapshot of a kind that has no more than `seqMax` events and can be read.
   *
   * @param passed ids that were tried before
   */
  async newest(
    kind: string,
    seqMax: number,
    passed: Set<string>,
    signal: AbortSignal | undefined,
  ): Promise<Restored | undefined> {
    for (;;) {
      const { kept } = await this.#read(signal);
      const entry = kept.findLast((one) => one.handlerVersion === kind && one.seq <= seqMax && !passed.has(one.id));
      if (entry === undefined) return undefined;
      passed.add(entry.id);
      const restored = await this.tryRead({ ...entry, kind }, signal);
      if (restored !== undefined) return restored;
    }
  }

  /** Reads one, if it can be read; if it can't, it was removed meanwhile, or there is a warning. */
  async tryRead(
    entry: SnapshotHint & Partial<SnapEntry>,
    signal: AbortSignal | undefined,
  ): Promise<Restored | undefined> {
    try {
      return await this.read(entry, signal);
    } catch (error) {
      if (!(error instanceof SnapshotDamagedError)) throw error;
      const { kept } = await this.#read(signal);
      if (kept.some(({ id }) => id === entry.id)) this.#warn(entry.id, error);
      return undefined;
    }
  }

  /**
   * Makes a snapshot of the state at a head, unless somebody else is at it, or has made one since `newestKnown`.
   *
   * @returns the newest snapshot; `undefined` when somebody else is making it.
   * @throws what the store refused. Then nothing has changed, and what was put is removed one day.
   */
  async make(
    kind: string,
    folded: Folded,
    head: Head,
    newestKnown: string | undefined,
  ): Promise<SnapshotHint | undefined> {
    const { newId } = this.#facts;
    const { pointer } = this;
    const id = newId();
    pointer.bind(head.journalId);
    const begun = await pointer.beginIfDue({ id, parts: roomParts }, newestKnown);
    if (begun === 'busy') return undefined;
    if (begun === 'begun') {
      const entry = await this.write(id, kind, folded, head);
      const moved = await this.move(entry);
      if (moved === 'moved') await this.#thinOut();
      if (await this.clearDeleted(entry)) return undefined;
      if (moved === 'moved') return { ...entry, kind };
    }
    const newest = (await pointer.read()).kept.at(-1);
    return newest && { ...newest, kind: newest.handlerVersion ?? '' };
  }

  /** Says that a snapshot is being made, whoever else is at it. @returns its id. */
  async begin(signal?: AbortSignal): Promise<string> {
    const id = this.#facts.newId();
    await this.pointer.begin({ id, parts: roomParts }, { signal });
    return id;
  }

  /** Puts the parts of a snapshot that was begun. What fails is given up. */
  async write(id: string, kind: string, folded: Folded, head: Head, signal?: AbortSignal): Promise<SnapEntry> {
    const { store, table, onWarning } = this.#facts;
    const { clock } = table.sources;
    const { pointer } = this;
    let put = roomParts;
    try {
      const content = encodeState(contentOf(kind, folded, head), { now: () => clock.monotonicMs() });
      const onRoom = async (room: number) => {
        const grown = await pointer.grow({ id, parts: room }, { signal });
        put = room;
        if (grown === 'swept') throw new Error(`Cannot make snapshot ${id}: a pruner took it for given up`);
      };
      const { parts, bytes, digest } = await writeSnapshot({ store, id, content, room: roomParts, onRoom, signal });
      const { place, time, chain, pages, tail } = head;
      const at = { place, seq: folded.seq, page: pages, from: place - tail.length + 1, time, chain };
      return { ...{ id, parts, bytes, digest, handlerVersion: kind }, ...at, madeAt: Math.floor(clock.now()) };
    } catch (error) {
      // Its parts are named by the pointer until then, and the next prune removes them.
      await pointer.abandon(id).catch(onWarning);
      await this.clearDeleted({ id, parts: put }).catch(onWarning);
      throw error;
    }
  }

  /** Names a snapshot whose parts are there. */
  async move(entry: SnapEntry, signal?: AbortSignal): Promise<'moved' | 'overtaken' | 'swept'> {
    const moved = await this.pointer.move(entry, { signal });
    if (moved === 'swept') await deleteParts(this.#facts.store, entry, { signal });
    return moved;
  }

  /** Deletes the parts of snapshots that the pointer has let go of. */
  async deleteDropped({ dropping }: SnapValue, signal?: AbortSignal): Promise<void> {
    for (const one of dropping) await deleteParts(this.#facts.store, one, { signal });
  }

  /** Removes all that there is of a stream that is deleted. */
  async erase(journalId: string, signal?: AbortSignal): Promise<void> {
    const { table, journal, store } = this.#facts;
    this.pointer.bind(journalId);
    const { kept, making, dropping } = await this.pointer.read({ signal });
    const all = [...kept, ...making, ...dropping];
    for (const one of all) await deleteParts(store, one, { signal });
    // Nobody may write to it any more, so it need not leave what would tell of late writes.
    if (all.length > 0) await table.writeOnce().delete(`${journal}/snap`, { signal });
  }

  /**
   * Removes what was put here for a stream that was deleted meanwhile, as nobody else does. Whoever deletes it later finds what the pointer
   * names. @returns whether it was deleted.
   */
  async clearDeleted(made: Pick<SnapEntry, 'id' | 'parts'> | undefined): Promise<boolean> {
    const { table, journal, store, isDeleted } = this.#facts;
    if (!(await isDeleted())) return false;
    const { kept, making, dropping } = await this.pointer.read();
    const all = [...kept, ...making, ...dropping, ...(made === undefined ? [] : [made])];
    for (const one of all) await deleteParts(store, one);
    await table.writeOnce().delete(`${journal}/snap`);
    return true;
  }

  /** Removes all but the newest snapshots and pinned ones, and nothing of the journal. */
  async #thinOut(): Promise<void> {
    const planned = await this.pointer.plan({ keep: keepDefault, bound: { page: 0, from: 1 } });
    if (planned.dropping.length === 0) return;
    await this.deleteDropped(planned);
    // Of pages that are to be swept, or once more, it says nothing: no page was looked at.
    await this.pointer.finish({ ...planned, prunedTo: -1 });
  }

  /** The pointer; one that can't be read names nothing. */
  async #read(signal: AbortSignal | undefined): Promise<Pick<SnapValue, 'kept'>> {
    try {
      return await this.pointer.read({ signal });
    } catch (error) {
      if (!isLeydenError(error, 'ERR_SNAPSHOT_POINTER')) throw error;
      this.#warn('', error);
      return { kept: [] };
    }
  }

  /** Once for each. */
  #warn(id: string, error: unknown): void {
    if (this.#damaged.has(id)) return;
    this.#damaged.add(id);
    this.#facts.onWarning(error);
  }
}

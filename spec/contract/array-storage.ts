/**
 * A storage of our own, as simple as the port allows: commits and snapshots as bytes in two arrays of this process. It shares nothing
 * with the storage on atoms, so it shows what the contract asks for; and it can be made wrong in many ways, each by the name of a fault,
 * so it shows that the contract finds them.
 */
import { Readable } from 'node:stream';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { openBytes, type Place, type SealingCodec, sealBytes } from '../../lib/codec/index.js';
import { systemClock } from '../../lib/engine/index.js';
import {
  type Appended,
  AppendTooLargeError,
  AppendUnknownError,
  type Batch,
  type Commit,
  type Draft,
  type Head,
  type HoldOptions,
  JournalCompactedError,
  JournalFormatError,
  NotWriterError,
  type ReadCommit,
} from '../../lib/journal/index.js';
import type { Log, LogBase, LogRequest, PastTarget, SnapshotInfo, Storage } from '../../lib/prevalence/index.js';
import { LogNotEmptyError, SnapshotError } from '../../lib/prevalence/index.js';
import { decodeState, encodeState, retainedIds, SnapshotDamagedError } from '../../lib/snapshot/index.js';

export const eventBytesMax: number = 1_024 * 1_024;

interface StoredSnapshot extends SnapshotInfo {
  readonly place: number;
  content: Uint8Array;
}

/** One system. */
export interface ArrayStore {
  label: string | undefined;
  /** Of the commits from `base.place + 1` on. */
  commits: Uint8Array[];
  snapshots: StoredSnapshot[];
  /** What was there before the first commit that is kept. */
  base: { readonly place: number; readonly seq: number; readonly time: number };
  head: Pick<Head, 'place' | 'seq' | 'time' | 'epoch' | 'holder'>;
  turn: Promise<unknown>;
  writes: number;
  names: number;
}

export function arrayStore(): ArrayStore {
  const nothing = { place: 0, seq: 0, time: 0 };
  const head = { ...nothing, epoch: 0, holder: undefined };
  const facts = { turn: Promise.resolve(), writes: 0, names: 0 };
  return { ...facts, label: undefined, commits: [], snapshots: [], base: nothing, head };
}

/** What a broken one does: tells whether to go wrong now. */
export type Faults = (fault: string) => boolean;

export function arrayStorage(store: ArrayStore, faults: Faults = () => false): Storage {
  const open = (request: LogRequest) => new ArrayLog(store, request, faults);
  return { name: 'array', clock: systemClock, seals: true, open };
}

class ArrayLog implements Log {
  readonly instance: string;
  readonly appendBytesMax = eventBytesMax;
  readonly #store: ArrayStore;
  readonly #request: LogRequest;
  readonly #faults: Faults;
  readonly #damaged = new Set<string>();
  #at = { place: 0, seq: 0, time: 0 };
  #epoch: number | undefined;
  readonly #stopped: Promise<never>;
  #giveUp: (reason: Error) => void = () => {};
  #work: Promise<unknown> = Promise.resolve();
  #unwritten: (() => Promise<void>) | undefined;

  constructor(store: ArrayStore, request: LogRequest, faults: Faults) {
    store.names += 1;
    this.instance = `array-${store.names}`;
    this.#store = store;
    this.#request = request;
    this.#faults = faults;
    this.#stopped = new Promise((_resolve, reject) => {
      this.#giveUp = reject;
    });
    this.#stopped.catch(() => {});
  }

  get seqWanted(): number {
    return this.#store.head.seq;
  }

  async recover(): Promise<void> {
    const { label } = this.#store;
    const { format, consumer, readOnly } = this.#request;
    if (readOnly && this.#faults('a reader writes')) this.#store.writes += 1;
    if (label !== undefined && label !== format && !this.#faults('takes any format')) {
      throw new JournalFormatError('array', 'label', label, format, 'choose another name');
    }
    const found = await this.#readable(this.#store.snapshots);
    if (found === undefined) {
      consumer.restore(undefined, { seq: 0, time: 0 });
      this.#at = { place: 0, seq: 0, time: 0 };
    } else {
      consumer.restore(found.captured, found.at);
      this.#at = found.at;
    }
    await this.catchUp(this.#faults('recovers without the newest') ? 'eventual' : 'strong');
  }

  async catchUp(consistency: 'strong' | 'eventual' = 'strong'): Promise<void> {
    const { store, until } = { store: this.#store, until: this.#store.head.place };
    const to = consistency === 'eventual' && this.#faults('recovers without the newest') ? until - 1 : until;
    if (this.#at.place < store.base.place) {
      const found = await this.#readable(store.snapshots);
      if (found === undefined) throw new JournalCompactedError('array', this.#at.seq + 1);
      this.#request.consumer.restore(found.captured, found.at);
      this.#at = found.at;
    }
    while (this.#at.place < to) {
      const read = await this.#commitAt(this.#at.place + 1);
      // Another fold may have been here meanwhile.
      const isNext = read.commit.place === this.#at.place + 1 || this.#faults('folds twice at once');
      if (isNext) this.#take(read.commit, () => this.#request.consumer.apply(read));
    }
  }

  fitsHead(): boolean {
    return true;
  }

  requireSize(bytes: number): void {
    if (bytes > eventBytesMax && !this.#faults('takes any size')) {
      throw new AppendTooLargeError('array', bytes, eventBytesMax);
    }
  }

  prepare(): Promise<never> {
    return Promise.reject(new Error('every text fits'));
  }

  append(batch: Batch): Promise<Appended> {
    const appended = this.#inTurn(async (): Promise<Appended> => {
      if (batch.claims !== true) this.#requireRight();
      if (!this.#faults('decides on an old state')) await this.catchUp();
      await this.#unwritten?.();
      const { head } = this.#store;
      const now = Math.floor(this.#request.clock.now());
      const time = this.#faults('time goes back') ? now : Math.max(now, head.time);
      const image = this.#image();
      const seen = this.#faults('decides on an old state') ? this.#at.seq : head.seq;
      const draft = batch.decide({ seq: seen, image, time });
      if (draft === undefined) return { status: 'nothing', conflicts: 0 };
      const commit = this.#commitOf(draft, time);
      await this.#write(commit, draft);
      if (this.#at.place === commit.place - 1 && batch.adopt !== undefined) {
        this.#take(commit, () => batch.adopt?.(commit));
        return { status: 'applied', commit, adopted: true, conflicts: 0 };
      }
      return { status: 'applied', commit, adopted: false, conflicts: 0 };
    });
    appended.catch(() => {});
    return Promise.race([appended, this.#stopped]);
  }

  begin({ captured, seq, time }: LogBase): Promise<void> {
    return this.#inTurn(async () => {
      const { head } = this.#store;
      if (head.seq > 0 && !this.#faults('begins on what is there')) throw new LogNotEmptyError('array', head.seq);
      const place = head.place + 1;
      const at = { place, seq: this.#faults('begins with another number') ? seq + 1 : seq, time };
      await this.#store.snapshots.push(await this.#snapshotOf(captured, at));
      this.#store.head = { ...head, ...at };
      this.#store.base = at;
      this.#store.commits = [];
      this.#store.label = this.#request.format;
      this.#store.writes += 1;
      if (!this.#faults('begins and holds nothing')) this.#holdNow(0);
    });
  }

  async hold({ takeOver = false, isMigration = false }: HoldOptions): Promise<void> {
    await this.#inTurn(async () => {
      const { head } = this.#store;
      const isTaken = takeOver || (isMigration && head.holder?.since === 0 && !this.#faults('knows no migrations'));
      if (head.holder !== undefined && !isTaken && !this.#faults('anybody may hold')) this.#refuse();
      this.#holdNow(isMigration ? 0 : Math.max(head.time, 1));
    });
  }

  #holdNow(since: number): void {
    const { head } = this.#store;
    this.#epoch = head.epoch + 1;
    this.#store.head = { ...head, epoch: this.#epoch, holder: { writer: this.instance, since } };
  }

  async release(): Promise<void> {
    await this.#inTurn(async () => {
      const { head } = this.#store;
      const isMine = head.holder?.writer === this.instance || this.#faults('anybody may release');
      if (isMine) this.#store.head = { ...head, holder: undefined };
      this.#epoch = undefined;
    });
  }

  async snapshot(): Promise<SnapshotInfo> {
    const early = this.#faults('captures too early') ? this.#request.consumer.capture() : undefined;
    return this.#inTurn(async () => {
      await this.catchUp();
      const { snapshots } = this.#store;
      if (this.#at.seq === 0) throw new SnapshotError('array', 'there is no event yet');
      const newest = snapshots.at(-1);
      if (newest !== undefined && newest.place >= this.#at.place && !this.#damaged.has(newest.id)) return newest;
      const captured = (early ?? this.#request.consumer.capture()) as { ids?: unknown };
      const kept = this.#faults('forgets ids') && captured.ids !== undefined ? { ...captured, ids: [] } : captured;
      const at = this.#faults('names another place')
        ? { ...this.#at, place: this.#at.place - 1, seq: this.#at.seq - 1 }
        : this.#at;
      const made = await this.#snapshotOf(kept, at);
      snapshots.push(made);
      this.#store.writes += 1;
      return made;
    });
  }

  async snapshots(): Promise<readonly SnapshotInfo[]> {
    return [...this.#store.snapshots];
  }

  prune(): ReturnType<Log['prune']> {
    return this.#inTurn(async () => {
      const store = this.#store;
      const { journal, ...retention } = this.#request.retention;
      const ids = retainedIds(
        store.snapshots.map((one) => ({ ...one, madeAt: one.time })),
        retention,
      );
      const before = store.snapshots.length;
      store.snapshots = store.snapshots.filter(({ id }) => ids.has(id));
      const oldest = store.snapshots[this.#faults('prunes too much') ? store.snapshots.length - 1 : 0];
      const isBound = journal === 'forever' && !this.#faults('prunes what is for ever');
      const removed = oldest === undefined || isBound ? 0 : Math.max(0, oldest.place - store.base.place);
      store.commits.splice(0, removed);
      if (removed > 0 && oldest !== undefined) store.base = { place: oldest.place, seq: oldest.seq, time: oldest.time };
      const facts = { kept: store.snapshots.length, snapshotsRemoved: before - store.snapshots.length };
      return { ...facts, pagesRemoved: removed, bodiesRemoved: 0 };
    });
  }

  async *read(from: number, signal?: AbortSignal): AsyncGenerator<ReadCommit> {
    const { head, base } = this.#store;
    if (Math.max(from, 1) <= base.seq) throw new JournalCompactedError('array', from);
    for (let place = base.place + 1; place <= head.place; place += 1) {
      signal?.throwIfAborted();
      if (place <= this.#store.base.place && this.#faults('reads over what was pruned')) continue;
      const read = await this.#commitAt(place);
      const isWanted = this.#faults('reads from the next') ? read.commit.first >= from : this.#endOf(read) >= from;
      if (isWanted) yield read;
    }
  }

  async pastStart({ seq, time }: PastTarget): ReturnType<Log['pastStart']> {
    const { snapshots, base, head } = this.#store;
    const slack = this.#faults('looks too late') ? 1 : 0;
    const before = snapshots.filter((one) => (seq === undefined ? one.time <= time : one.seq <= seq + slack));
    const found = await this.#readable(before);
    const start = found?.at ?? { place: 0, seq: 0, time: 0 };
    if (start.place < base.place) throw new JournalCompactedError('array', 1);
    const commitAt = (place: number) => this.#commitAt(place);
    return {
      captured: found?.captured,
      at: { ...start, chain: '', page: 0, writers: [] },
      async *commits() {
        for (let place = start.place + 1; place <= head.place; place += 1) yield commitAt(place);
      },
    };
  }

  async close(): Promise<void> {
    if (!this.#faults('closes without waiting')) await this.#work;
    if (this.#faults('closes and gives up')) await this.release();
    await this.#unwritten?.();
  }

  stop(reason: unknown): void {
    if (!this.#faults('is deaf to a stop')) this.#giveUp(new AppendUnknownError('array', this.instance, 0, reason));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#store.turn.then(work);
    this.#store.turn = done.catch(() => {});
    this.#work = this.#store.turn;
    return done;
  }

  #requireRight(): void {
    const { holder, epoch } = this.#store.head;
    if (this.#faults('anybody may write')) return;
    if (this.#epoch === undefined ? holder !== undefined : holder?.writer !== this.instance || epoch !== this.#epoch) {
      this.#refuse();
    }
  }

  #refuse(): never {
    const { holder, epoch } = this.#store.head;
    throw new NotWriterError('array', 'another instance holds it alone', holder?.writer, epoch);
  }

  #image(): Head {
    const { head, label = '' } = this.#store;
    return { ...head, format: 1, journalId: 'array', label, pages: 0, chain: '', tail: [] };
  }

  #commitOf({ text, count, time, handlerVersion, stateDigest, marks = [] }: Draft, now: number): Commit {
    const { place, seq } = this.#store.head;
    if ((text === '' ? 0 : text.split('\n').length) !== count && !this.#faults('believes the count')) {
      throw new TypeError('count is not the number of lines');
    }
    const isKept = !this.#faults('loses versions');
    const facts = {
      place: place + 1,
      first: seq + 1,
      count,
      time: this.#faults('keeps seconds') ? Math.floor((time ?? now) / 1_000) * 1_000 : (time ?? now),
      text,
      handlerVersion: isKept ? handlerVersion : undefined,
      stateDigest: isKept ? stateDigest : undefined,
      marks,
    };
    return { ...facts, writer: this.instance, n: place + 1, prev: place, body: undefined, skip: [], retires: false };
  }

  async #write(commit: Commit, draft: Draft): Promise<void> {
    const store = this.#store;
    // As a store does, it takes a while.
    for (let turns = 0; turns < 3; turns += 1) await new Promise(setImmediate);
    const write = async (): Promise<void> => {
      this.#unwritten = undefined;
      if (!this.#faults('loses an append')) store.commits.push(await this.#sealed(commit));
      else store.commits.push(await this.#sealed({ ...commit, text: '', count: 0 }));
      store.writes += 1;
    };
    if (this.#faults('acknowledges before writing')) this.#unwritten = write;
    else await write();
    const { place, first, count, time } = commit;
    store.head = { ...store.head, ...draft.holds, place, seq: first + count - 1, time };
    store.label ??= this.#request.format;
    if (this.#faults('applies twice')) this.#request.consumer.apply({ commit, text: commit.text, chain: '' });
  }

  #take({ place, first, count, time }: Commit, tell: () => void): void {
    tell();
    this.#at = { place, seq: first + count - 1, time };
  }

  #endOf({ commit }: ReadCommit): number {
    return commit.first + commit.count - 1;
  }

  async #commitAt(wanted: number): Promise<ReadCommit> {
    const { base, commits } = this.#store;
    let place = wanted;
    // The last two change places: all is there, in another order.
    if (this.#faults('orders wrongly') && commits.length > 1) {
      const last = base.place + commits.length;
      if (wanted >= last - 1) place = last + last - 1 - wanted;
    }
    const bytes = commits[place - base.place - 1];
    if (bytes === undefined) {
      if (wanted <= base.place) throw new JournalCompactedError('array', wanted);
      throw new Error(`commit ${wanted} is not there`);
    }
    const commit = JSON.parse(Buffer.from(await this.#opened(bytes, `commit ${place}`)).toString()) as Commit;
    const { place: _, first, ...rest } = commit;
    const asWanted = place === wanted ? commit : { ...rest, place: wanted, first: first + wanted - place };
    return { commit: { ...asWanted, handlerVersion: commit.handlerVersion }, text: commit.text, chain: '' };
  }

  get #codec(): SealingCodec | undefined {
    return this.#faults('ignores the codec') ? undefined : this.#request.codec;
  }

  async #sealed(commit: Commit): Promise<Uint8Array> {
    const bytes = Buffer.from(JSON.stringify(commit), this.#faults('keeps one byte a character') ? 'latin1' : 'utf8');
    return this.#codec === undefined ? bytes : sealBytes(this.#codec, bytes, placeOf(`commit ${commit.place}`));
  }

  async #opened(bytes: Uint8Array, key: string): Promise<Uint8Array> {
    return openBytes(this.#codec, bytes, placeOf(key));
  }

  async #snapshotOf(captured: unknown, at: { place: number; seq: number; time: number }): Promise<StoredSnapshot> {
    const chunks: Uint8Array[] = [];
    const encoded = encodeState({ captured });
    let step = await encoded.next();
    for (; step.done !== true; step = await encoded.next()) chunks.push(step.value);
    const id = `snapshot-${at.place}-${this.#store.snapshots.length}-${this.instance}`;
    const bytes = Buffer.concat(chunks);
    const isPlain = this.#codec === undefined || this.#faults('seals no snapshots');
    const isPacked = this.#faults('packs snapshots and seals none');
    const content = isPacked
      ? brotliCompressSync(bytes)
      : isPlain
        ? bytes
        : await sealBytes(this.#codec as SealingCodec, bytes, placeOf(id));
    const digest = this.#faults('one digest for all') ? 'digest' : step.value.digest;
    return { ...at, id, bytes: content.byteLength, parts: 1, digest, content };
  }

  /** The newest that can be read, each that can't with a warning. */
  async #readable(snapshots: readonly StoredSnapshot[]) {
    let damage: unknown;
    for (const one of snapshots.toReversed()) {
      try {
        const isPacked = this.#faults('packs snapshots and seals none');
        const isPlain = this.#faults('seals no snapshots');
        const { content } = one;
        const opened = isPacked
          ? brotliDecompressSync(content)
          : isPlain
            ? content
            : await this.#opened(content, one.id);
        const { value } = await decodeState(Readable.from([opened]));
        return { captured: (value as { captured: unknown }).captured, at: one };
      } catch (error) {
        if (!(error instanceof SnapshotDamagedError)) throw error;
        this.#damaged.add(one.id);
        if (!this.#faults('hides damage')) this.#request.onWarning(error);
        damage = error;
      }
    }
    if (damage !== undefined && this.#store.base.place > 0 && !this.#faults('makes up a state')) throw damage;
    return undefined;
  }
}

function placeOf(key: string): Place {
  return { table: 'array', key, attribute: 'record', incarnation: 'array', version: 0 };
}

/** The streams that are open in this process: the ones used last, and all that have something under way. */
import type { AtomTable, ItemAtom } from '../atom/index.js';
import { DeadlineError } from '../atom/index.js';
import { Alarm } from '../engine/index.js';
import {
  type Consumer,
  type Floor,
  type Head,
  headOptions,
  Journal,
  journalKeys,
  type TogetherEntry,
  type WaitingCall,
  type WaitingFacts,
} from '../journal/index.js';
import { itemSnapshotStore, type SnapshotStore } from '../snapshot/index.js';
import { Background } from './aggregate/background.js';
import { StreamSnapshots } from './aggregate/stream-snapshots.js';
import { StreamState } from './aggregate/stream-state.js';
import { OpenStream } from './open-stream.js';
import { Receipts } from './receipts.js';
import { Recorder } from './recorder.js';
import { closedAs, closingOf } from './stream-closing.js';
import { listStreams, type StreamInfo, type StreamsOptions } from './stream-info.js';
import type { StreamEnds } from './stream-life.js';
import { journalNameOf } from './stream-name.js';
import type { Categories } from './together/categories.js';
import type { Upcasters } from './upcaster.js';
import type { Work } from './work.js';

export interface OpenStreamsFacts {
  readonly table: AtomTable;
  readonly store: string;
  readonly upcasters: Upcasters;
  readonly categories: Categories;
  readonly headBytesMax: number;
  readonly appendBytesMax: number;
  readonly openMax: number;
  /** Where snapshots are stored, unless beside their streams. */
  readonly snapshots: SnapshotStore | undefined;
  readonly onWarning: (warning: unknown) => void;
}

/** What a stream has beside its journal. */
type StreamRest = Pick<StreamEnds, 'receipts' | 'snapshots'>;

/** The floor of a deleted stream: whatever is put there came too late. */
const allGone: Floor = { prunedTo: Number.POSITIVE_INFINITY, sweptTo: Number.POSITIVE_INFINITY };

export class OpenStreams {
  readonly #facts: OpenStreamsFacts;
  /** The one used last comes last. */
  readonly #open = new Map<string, OpenStream>();
  readonly #calls = new Set<Pick<WaitingCall<unknown>, 'deadlineAt' | 'leave'>>();
  readonly #alarm: Alarm;
  readonly #background: Background;

  constructor(facts: OpenStreamsFacts) {
    this.#facts = facts;
    this.#background = new Background(facts.onWarning);
    this.#alarm = new Alarm(facts.table.sources.clock, () => this.#expire());
  }

  of(stream: string): OpenStream {
    let open = this.#open.get(stream);
    if (open === undefined) open = this.#make(stream);
    else this.#open.delete(stream);
    this.#open.set(stream, open);
    this.#thinOut(open);
    return open;
  }

  /** For reading alone: one that is open anyway, or one that is made for this. */
  toRead(stream: string): OpenStream {
    return this.#open.get(stream) ?? this.#make(stream);
  }

  /** Facts of a call that waits for `timeoutMs` to append to these. */
  waiting(streams: readonly string[], writeId: string, timeoutMs: number): WaitingFacts {
    const { table, store } = this.#facts;
    const { clock } = table.sources;
    const key = streams.join(', ');
    const subject = `stream ${key}`;
    const deadlineError = () => {
      const heads = streams.map((stream) => this.#headOf(journalNameOf(store, stream)));
      const cause = heads.find(({ obstacle }) => obstacle !== undefined)?.obstacle;
      return new DeadlineError('append to', { key, attempts: 0, conflicts: 0, subject }, timeoutMs, cause);
    };
    return { subject, writeId, deadlineAt: clock.monotonicMs() + timeoutMs, deadlineError, clock };
  }

  #headOf(journal: string): ItemAtom<Head> {
    const { table } = this.#facts;
    return table.atomOf<Head>(table.keyNamed(journalKeys(journal).head), headOptions);
  }

  push<A>(open: OpenStream, work: Work<A>, signal: AbortSignal | undefined): Promise<A> {
    const answer = this.awaited(work, signal);
    open.push(work as Work);
    return answer;
  }

  /** The answer of a call, unless its caller leaves at the deadline or by its signal. */
  awaited<A>(call: WaitingCall<A>, signal: AbortSignal | undefined): Promise<A> {
    this.#calls.add(call);
    const done = () => {
      this.#calls.delete(call);
      if (this.#calls.size === 0) this.#alarm.clear();
    };
    call.promise.then(done, done);
    if (signal !== undefined) call.listen(signal);
    this.#alarm.set(call.deadlineAt);
    return call.promise;
  }

  /** What a stream is ended with: a journal object that nothing else uses. */
  endsOf(stream: string): StreamEnds {
    const { recorder, receipts, snapshots } = this.#make(stream).facts;
    const journal = this.#journal(stream, { receipts, snapshots }, { apply: () => {}, jumped: () => {} });
    return { stream, journal, recorder, receipts, snapshots };
  }

  /** All streams that there are. */
  list(options: StreamsOptions): AsyncGenerator<StreamInfo> {
    return listStreams(this.#facts, options);
  }

  /** Waits for snapshots that are being made. */
  settled(): Promise<void> {
    return this.#background.settled();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((open) => open.close()));
    await this.#background.settled();
    await this.#facts.categories.close();
    this.#open.clear();
    this.#alarm.clear();
  }

  #make(stream: string): OpenStream {
    const { table, store, upcasters, categories, headBytesMax, appendBytesMax, onWarning } = this.#facts;
    const { clock, random } = table.sources;
    const name = journalNameOf(store, stream);
    const recorder = new Recorder(stream, upcasters);
    const receipts = new Receipts(table.writeOnce(), name);
    const snapshots = this.#snapshots(name);
    const state = new StreamState({ recorder, snapshots, background: this.#background, headBytesMax, onWarning });
    const consumer: Consumer = { apply: (read) => state.took(read), jumped: () => state.jumped() };
    const openJournal = () => this.#journal(stream, { receipts, snapshots }, consumer);
    const commit = (entry: TogetherEntry) => categories.commit(stream, entry);
    return new OpenStream({
      ...{ stream, recorder, receipts, snapshots, state, openJournal, commit, clock, random },
      bytesMax: appendBytesMax,
    });
  }

  #snapshots(journal: string): StreamSnapshots {
    const { table, onWarning } = this.#facts;
    const items = table.writeOnce();
    const newId = () => Buffer.from(table.sources.randomBytes(9)).toString('base64url');
    const store = this.#facts.snapshots ?? itemSnapshotStore(items, journal);
    const head = this.#headOf(journal);
    const isDeleted = async () => closingOf(await head.deref()) === 'deleted';
    return new StreamSnapshots({ table, journal, store, newId, isDeleted, onWarning });
  }

  #journal(stream: string, { receipts, snapshots }: StreamRest, consumer: Consumer): Journal {
    const { table, store, categories, headBytesMax, appendBytesMax, onWarning } = this.#facts;
    const journal: Journal = new Journal(table, journalNameOf(store, stream), {
      ...{ ...categories.labelsOf(stream), consumer, headBytesMax, appendBytesMax, volumes: true, onWarning },
      beforeTrim: (commits) => receipts.put(commits),
      onLeftover: async (commits) => {
        if (closingOf(await headNow()) === 'deleted') await receipts.delete(commits);
      },
      // Asked only when something is missing, or may have come late.
      readFloor: async () => {
        const floor = await snapshots.pointer.read();
        const image = await headNow();
        if (closingOf(image) !== 'deleted') return floor;
        return { ...allGone, isErasing: image?.closed === closedAs.deleting };
      },
    });
    // Perhaps within a function that swaps the head, where a read of it would be refused.
    const headNow = () => this.#background.outside(() => journal.readHead());
    return journal;
  }

  #thinOut(used: OpenStream): void {
    if (this.#open.size <= this.#facts.openMax) return;
    for (const [stream, open] of this.#open) {
      if (open === used || !open.isIdle) continue;
      this.#open.delete(stream);
      open.close().catch(this.#facts.onWarning);
      return;
    }
  }

  #expire(): void {
    const now = this.#facts.table.sources.clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const call of this.#calls) {
      if (call.deadlineAt <= now) call.leave();
      else next = Math.min(next, call.deadlineAt);
    }
    this.#alarm.set(next);
  }
}

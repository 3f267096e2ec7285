/**
 * A journal: an append-only log whose head is an atom. This file puts its halves together.
 *
 *   append    swap of the head, decided on a fold of exactly that head       appender.ts
 *   catch up  head ─► pages, bodies, tail ─► consumer                        follower.ts
 *   spill     tail ─► page, ahead of need                                    spiller.ts
 *   bind      32 old pages ─► one volume, for who reads later                binder.ts
 *   sweep     what the pointer says may go                                   sweeper.ts
 *
 * So group commit, exactly once, and catching up from a failed write's own answer come from the atom; what is here is where the
 * bytes live, and the rules of `protocol.ts`. Any number of writers on any number of machines may append; all see one order.
 */
import type { AtomTable, ItemAtom, WatchOptions } from '../atom/index.js';
import type { SealingCodec } from '../codec/index.js';
import type { Clock } from '../engine/index.js';
import { Appender } from './appender.js';
import type { Appended, Batch, PreparedBody } from './batch.js';
import { Binder } from './binder.js';
import type { BodyPlace } from './body.js';
import type { Commit } from './commit.js';
import { textBytesMax } from './commit-text.js';
import type { Cursor, CursorFacts } from './cursor.js';
import { Descent } from './descent.js';
import { AppendTooLargeError, JournalCompactedError, JournalGapError, type NotWriterError } from './errors.js';
import { type Consumer, Follower } from './follower.js';
import { type Head, noChain } from './head.js';
import { headOptions, sealedHeadOptions } from './heads.js';
import { type JournalKeys, journalKeys } from './keys.js';
import { decodePage } from './page.js';
import { tailFrom } from './protocol.js';
import { type ReadCommit, type ReadFrom, readCommits, Trouble, withBodies, withTexts } from './reader.js';
import type { HoldOptions } from './right.js';
import { pageBehind, seekPage } from './seek.js';
import { type Floor, Spiller } from './spiller.js';
import { type SweepRange, type SweepReport, sweepPages, sweepWhole } from './sweeper.js';

/** Options of {@link Journal}. */
export interface JournalOptions {
  /** What the events are folded into. */
  readonly consumer: Consumer;
  /**
   * The application's own name for what its events mean. Two applications under one name refuse each other.
   * @defaultValue ''
   */
  readonly label?: string;
  /** Labels that journals of this kind may have as well. A batch that minds looks at `image.label`. @defaultValue none */
  readonly otherLabels?: readonly string[];
  /** Reads what was pruned, strongly consistent. Absent where nothing ever is. */
  readonly readFloor?: () => Promise<Floor>;
  /** Loads the newest snapshot into the consumer and calls {@link Journal.restore}. Absent where there are no snapshots. */
  readonly recover?: () => Promise<void>;
  /**
   * The head's item is kept within this many bytes by moving commits to pages; up to 256 KB. More makes fewer pages and dearer commits.
   * @defaultValue 1024, one write unit
   */
  readonly headBytesMax?: number;
  /**
   * Bytes of the text of one commit, at most; up to 32 MB. Larger events need a larger limit here, not a larger item: bodies are cut.
   * @defaultValue 8 MB
   */
  readonly appendBytesMax?: number;
  /**
   * What all of the journal goes through: its head, and the items beside it. @defaultValue nothing
   */
  readonly codec?: SealingCodec | undefined;
  /** @defaultValue the clock of the table */
  readonly clock?: Clock;
  /**
   * Awaited before commits leave the head for a page, by every instance that makes them leave, so perhaps several times for one.
   * What must be found of a commit once it is not in the head any more is stored here. @defaultValue nothing
   */
  readonly beforeTrim?: (commits: readonly Commit[]) => Promise<void>;
  /**
   * Awaited when commits went into a page too late, as they were pruned meanwhile, or the journal was erased: then that page is removed
   * again. What `beforeTrim` has stored for them may have come too late as well. @defaultValue nothing
   */
  readonly onLeftover?: (commits: readonly Commit[]) => Promise<void>;
  /**
   * Whether commits from here bind old pages into volumes, 32 at a time and in the background. Then old events are read in a few
   * requests and read units: for journals of many small commits, which are read again. Any journal's volumes are read, whatever this says.
   * Costs 0.04 write units and 0.08 read units more for each event of 200 bytes that is committed alone.
   * @defaultValue false
   */
  readonly volumes?: boolean;
  /** Told of failures that nobody waits for, such as a page that could not be put ahead of need. @defaultValue nobody */
  readonly onWarning?: (error: unknown) => void;
}

const appendBytesMaxDefault: number = 8 * 1_024 * 1_024;
/** Half of what a reader inflates at most: what can be written can be read. */
const appendBytesLimit: number = textBytesMax / 2;
/** A head bends, and must stay an item all the same. */
const headBytesLimit = 262_144;

/**
 * An append-only log whose head is an atom. The layer below prevalence and the event store; use those unless you build a
 * store of your own.
 *
 * **Guarantee.** A commit whose `append` returns is in the journal exactly once, whatever was lost on the way; one whose
 * `append` throws an error with `outcome: 'not-done'` never will be. Every reader sees the same commits in the same order, up
 * to exactly one head, or a typed error.
 *
 * **If the process dies**, a commit has happened or not. A body without its commit is swept one day.
 *
 * @cost `append` of what fits the head: 1 request, 1 write unit, and a page of 1 write unit every few commits; of more: 1
 * request and the units of the body before it. Each race lost to another process: 1 request more. `catchUp` when there is nothing
 * new: 1 request, 1 read unit, half of it when `eventual`.
 * @iam dynamodb:GetItem, PutItem, BatchGetItem, DeleteItem
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Journal } from 'leyden-jar/journal';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const seen: string[] = [];
 * const journal = new Journal(table, 'log', { consumer: { apply: ({ text }) => seen.push(text) } });
 * await journal.append({ decide: () => ({ text: '{"hello":1}', count: 1 }) });
 * const other = new Journal(table, 'log', { consumer: { apply: ({ text }) => seen.push(text) } });
 * await other.catchUp('strong');
 * console.log(seen); // [ '{"hello":1}' ]
 * ```
 */
export class Journal {
  readonly name: string;
  readonly #head: ItemAtom<Head>;
  readonly #keys: JournalKeys;
  readonly #items: BodyPlace['items'];
  readonly #clock: Clock;
  readonly #readFloor: () => Promise<Floor>;
  readonly #follower: Follower;
  readonly #spiller: Spiller;
  readonly #binder: Binder | undefined;
  readonly #appender: Appender;
  readonly #appendBytesMax: number;

  /** Sends nothing. @throws TypeError, RangeError for wrong options. */
  constructor(table: AtomTable, name: string, options: JournalOptions) {
    const {
      consumer,
      label = '',
      otherLabels = [],
      recover,
      onWarning = () => {},
      headBytesMax = 1_024,
      beforeTrim,
    } = options;
    const { volumes = false } = options;
    const { appendBytesMax = appendBytesMaxDefault, readFloor = nothingPruned } = options;
    const { clock, randomBytes } = table.sources;
    requireWithin('headBytesMax', headBytesMax, 512, headBytesLimit);
    requireWithin('appendBytesMax', appendBytesMax, 1_024, appendBytesLimit);
    this.name = name;
    this.#keys = journalKeys(name);
    this.#clock = options.clock ?? clock;
    const { codec } = options;
    const atomOptions = codec === undefined ? headOptions : sealedHeadOptions(codec);
    this.#head = table.atomOf<Head>(table.keyNamed(this.#keys.head), atomOptions);
    this.#items = table.sealedOnce(codec);
    this.#readFloor = readFloor;
    this.#appendBytesMax = appendBytesMax;
    const shared = { name, label, items: this.#items, keys: this.#keys, head: this.#head, clock: this.#clock };
    this.#follower = new Follower({ ...shared, otherLabels, consumer, readFloor, recover });
    this.#spiller = new Spiller({
      name,
      items: this.#items,
      keys: this.#keys,
      readFloor,
      beforeTrim,
      onLeftover: options.onLeftover,
      clock: this.#clock,
      onFailure: onWarning,
    });
    if (volumes) this.#binder = new Binder({ ...shared, readFloor, onFailure: onWarning });
    const idOf = (bytes: number) => Buffer.from(randomBytes(bytes)).toString('base64url');
    this.#appender = new Appender({
      ...shared,
      ...{ follower: this.#follower, spiller: this.#spiller, binder: this.#binder, headBytesMax, codec },
      newName: () => idOf(6),
      newJournalId: () => idOf(12),
    });
  }

  /** @internal What writes a journal; for those who write several together. */
  static appenderOf(journal: Journal): Appender {
    return journal.#appender;
  }

  /** Where the consumer is: all commits up to here, and none after. */
  get cursor(): Cursor {
    return this.#follower.cursor;
  }

  /** The head at the cursor, once it was read or written here. */
  get image(): Head | undefined {
    return this.#follower.image;
  }

  /** Number of the last event in the head that is being folded to, or was. */
  get seqWanted(): number {
    return this.#follower.seqWanted;
  }

  /** Name of this instance, constant as long as it lives. */
  get instance(): string {
    return this.#appender.id;
  }

  /** Goes on from a snapshot whose state the consumer holds already. */
  restore(facts: CursorFacts): void {
    this.#follower.restore(facts);
  }

  /**
   * Goes on from a head that was read by `readHead` without reading what lies before it: the consumer takes what comes after. For
   * appends that need no more of the past than the head tells.
   */
  jump(image: Head): void {
    this.#follower.jump(image);
  }

  /**
   * Goes on from a head that was read by `readHead`, without a request: folds what its tail has of what is missing here, or jumps;
   * `true` when it jumped.
   */
  reach(image: Head): Promise<boolean> {
    return this.#follower.reach(image);
  }

  /**
   * Folds up to the head.
   *
   * @consistency `strong`: a linearizable barrier, afterwards everything acknowledged before the call has been folded;
   * `eventual`: at half the price, perhaps a moment behind.
   * @throws {JournalGapError} `ERR_JOURNAL_GAP`, {@link JournalCompactedError} `ERR_JOURNAL_COMPACTED`,
   * `JournalFormatError` `ERR_JOURNAL_FORMAT`; what the consumer throws.
   */
  catchUp(consistency: 'strong' | 'eventual', signal?: AbortSignal): Promise<void> {
    return this.#follower.catchUp(consistency, signal);
  }

  /** Whether events with this text go into the head itself; if not, `prepare` puts a body first. */
  fitsHead(text: string): boolean {
    return this.#appender.fitsHead(text);
  }

  /** @throws {AppendTooLargeError} `ERR_APPEND_TOO_LARGE` when a commit may not have so many bytes of text. */
  requireSize(bytes: number): void {
    if (bytes > this.#appendBytesMax) throw new AppendTooLargeError(this.name, bytes, this.#appendBytesMax);
  }

  /** Bytes of the text of one commit, at most. */
  get appendBytesMax(): number {
    return this.#appendBytesMax;
  }

  /** Puts the body of a batch that is appended next; see {@link Appender.prepare}. */
  async prepare(text: string): Promise<PreparedBody> {
    this.requireSize(Buffer.byteLength(text));
    return this.#appender.prepare(text);
  }

  /** Appends a batch; see {@link Appender.append}. */
  append(batch: Batch, body?: PreparedBody): Promise<Appended> {
    return this.#appender.append(batch, body);
  }

  /**
   * Makes this instance the only one that may write.
   *
   * From here on appends of all others fail with {@link NotWriterError}, and so do this one's when another one takes over.
   *
   * @throws {NotWriterError} `ERR_NOT_WRITER` when another instance holds the journal and `takeOver` is not set.
   */
  async hold(options: HoldOptions = {}): Promise<void> {
    await this.#appender.append(this.#appender.right.claim(options));
  }

  /** Gives up the right to write alone, if this instance still has it. */
  async release(): Promise<void> {
    const { right } = this.#appender;
    await this.#appender.append(right.giveUp());
    right.forget();
  }

  /**
   * Reads commits from the first one that has an event from `from` on, up to the newest.
   *
   * @throws {JournalCompactedError} `ERR_JOURNAL_COMPACTED` when they were pruned, {@link JournalGapError} `ERR_JOURNAL_GAP`.
   */
  async *read(from: number, signal?: AbortSignal): AsyncGenerator<ReadCommit> {
    const image = await this.readHead(signal);
    if (image !== undefined) yield* this.readTo(image, from, signal);
  }

  /** Reads up to a head that was read before, as {@link Journal.read} does; without a request what its tail holds. */
  async *readTo(image: Head, from: number, signal?: AbortSignal): AsyncGenerator<ReadCommit> {
    for await (const batch of this.batchesTo(image, from, signal)) for (const read of batch) yield read;
  }

  /** The same, as many at a time as were read together, which is quicker than one after the other. */
  async *batchesTo(image: Head, from: number, signal?: AbortSignal): AsyncGenerator<readonly ReadCommit[]> {
    const first = Math.max(from, 1);
    const isWhole = first === 1 && tailFrom(image) > 1;
    const start = isWhole ? { place: 0, seq: 0, chain: noChain, page: 0 } : await this.#seek(first, image, signal);
    yield* this.batchesFrom(start, first, image, signal);
  }

  /**
   * Reads commits in descending order, from the one that has event `from`, or the newest, down to the first.
   *
   * Nothing is asked for before it is wanted. Each commit has been checked against the digest chain of what comes before it, except
   * those in the head, which are when the first of the others comes.
   *
   * @cost 1 request for those in the head. Then a few pages with the next one, twice as many with each after it, up to 100 pages
   * or 1 MB of volumes; log2(volumes + 32) requests more to begin in the middle.
   * @throws {JournalCompactedError} `ERR_JOURNAL_COMPACTED` after the last one that was not pruned, {@link JournalGapError}
   * `ERR_JOURNAL_GAP`.
   */
  async *readBackwards(from: number, signal?: AbortSignal): AsyncGenerator<ReadCommit> {
    const image = await this.readHead(signal);
    if (image !== undefined) yield* this.readDownFrom(image, from, signal);
  }

  /** Reads down from a head that was read before, as {@link Journal.readBackwards} does; without a request what its tail holds. */
  async *readDownFrom(image: Head, from: number, signal?: AbortSignal): AsyncGenerator<ReadCommit> {
    if (!(from >= 1)) return;
    const place = { items: this.#items, keys: this.#keys, signal };
    const { page } = await this.#seek(from, image, signal);
    const top = page < image.pages ? pageBehind(page, image) : undefined;
    const readFloor = async () => (await this.#readFloor()).prunedTo;
    const descent = new Descent(place, { image, top, from, readFloor });
    let next = Math.min(from, image.seq);
    try {
      for await (const batch of withTexts(place, image.journalId, withBodies(place, descent.stretches()))) {
        for (const read of batch) {
          next = read.commit.first - 1;
          yield read;
        }
      }
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      await this.#fail(error, descent.page, next, { from: 0, to: next });
    }
  }

  async #seek(from: number, image: Head, signal: AbortSignal | undefined): Promise<ReadFrom> {
    const place = { items: this.#items, keys: this.#keys, signal };
    // Most journals were never pruned: the floor is asked for when something is missing, and not before.
    for (let lowest = 0; ; ) {
      try {
        const start = await seekPage(place, from, lowest, image);
        if (start === undefined) throw new JournalCompactedError(this.name, from);
        return start;
      } catch (error) {
        if (!(error instanceof Trouble)) throw error;
        const { key, reason } = error;
        const { prunedTo } = await this.#readFloor();
        // What was pruned, now or long ago, may lie before what is wanted: look again.
        if (prunedTo <= lowest) throw new JournalGapError(this.name, { key, reason, from, to: image.seq });
        lowest = prunedTo;
      }
    }
  }

  /** Reads on from a place that is known, a snapshot's for instance. */
  async *readFrom(start: ReadFrom, from: number, image: Head, signal?: AbortSignal): AsyncGenerator<ReadCommit> {
    for await (const batch of this.batchesFrom(start, from, image, signal)) for (const read of batch) yield read;
  }

  /** The same, as many at a time as were read together. */
  async *batchesFrom(
    start: ReadFrom,
    from: number,
    image: Head,
    signal?: AbortSignal,
  ): AsyncGenerator<readonly ReadCommit[]> {
    const place = { items: this.#items, keys: this.#keys, signal };
    try {
      for await (const batch of readCommits(place, start, image)) {
        const wanted = batch.filter(({ commit }) => commit.first + commit.count > from);
        if (wanted.length > 0) yield wanted;
      }
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      await this.#fail(error, start.page, from, { from, to: image.seq });
    }
  }

  /** The newest head. @consistency Strong. */
  async readHead(signal?: AbortSignal): Promise<Head | undefined> {
    const image = await this.#head.deref({ signal });
    return image && this.#follower.accept(image);
  }

  /**
   * The head, and then each newer one that becomes known here; those between may be passed over. `undefined` before there is one.
   *
   * @cost As `ItemAtom.watch`: shared by all watches of the table.
   */
  async *heads(options: WatchOptions = {}): AsyncGenerator<Head | undefined> {
    for await (const image of this.#head.watch(options)) yield image && this.#follower.accept(image);
  }

  /** Place and time of the last commit of a page; `undefined` when there is no such page. */
  async pageEnd(
    page: number,
    signal?: AbortSignal,
  ): Promise<{ readonly place: number; readonly time: number } | undefined> {
    const key = this.#keys.page(page);
    const bytes = await this.#items.get(key, { signal });
    const journalId = this.#follower.journalId ?? '';
    const decoded = bytes && decodePage({ kind: 'page', journalId, key }, bytes);
    if (decoded === undefined || typeof decoded === 'string') return undefined;
    return decoded.commits.at(-1);
  }

  /** Number of the first event that lies in a page, or after it; `undefined` when there is no such page. */
  async pageStart(
    page: number,
    { journalId, pages, tail, seq }: Head,
    signal?: AbortSignal,
  ): Promise<number | undefined> {
    if (page >= pages) return tail[0]?.first ?? seq + 1;
    const key = this.#keys.page(page);
    const bytes = await this.#items.get(key, { signal });
    const decoded = bytes && decodePage({ kind: 'page', journalId, key }, bytes);
    return decoded === undefined || typeof decoded === 'string' ? undefined : decoded.commits[0]?.first;
  }

  /** Deletes pages that the pointer has said may go, with their bodies. */
  async sweep(range: SweepRange, signal?: AbortSignal): Promise<SweepReport> {
    const image = this.image ?? (await this.readHead(signal));
    if (image === undefined) return { pages: 0, bodies: 0 };
    return sweepPages({ items: this.#items, keys: this.#keys, journalId: image.journalId }, range, signal);
  }

  /** Deletes all but the head of a journal that was closed; see {@link sweepWhole}. */
  async sweepWhole(
    image: Head,
    beforeDelete?: (commits: readonly Commit[]) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<SweepReport> {
    return sweepWhole(
      { items: this.#items, keys: this.#keys, journalId: image.journalId },
      image,
      beforeDelete,
      signal,
    );
  }

  /**
   * Takes writers out of the journal that have not committed for long, so that the list of writers does not grow for ever and
   * what they left behind is swept. One that lives after all goes on under a new name.
   */
  async retire(quietMs: number): Promise<number> {
    let retired = 0;
    for (const { writer, n } of this.cursor.quietSince(this.#clock.now() - quietMs)) {
      if (writer === this.#appender.writer) continue;
      const { status } = await this.#appender.append({
        decide: () =>
          this.cursor.writers.get(writer) === n ? { text: '', count: 0, retires: { writer, n } } : undefined,
      });
      if (status === 'applied') retired += 1;
    }
    return retired;
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#appender.close();
    await this.#spiller.close();
    await this.#binder?.close();
  }

  /** Gives up on what is under way: its outcome is told as unknown. */
  stop(reason: unknown): void {
    this.#appender.stop(reason);
  }

  async #fail(
    { key, reason }: Trouble,
    page: number,
    wanted: number,
    within: { readonly from: number; readonly to: number },
  ): Promise<never> {
    const { prunedTo } = await this.#readFloor();
    if (prunedTo > page) throw new JournalCompactedError(this.name, wanted);
    throw new JournalGapError(this.name, { key, reason, ...within });
  }
}

const nothingPruned = async (): Promise<Floor> => ({ prunedTo: 0, sweptTo: 0 });

function requireWithin(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`Cannot open a journal: ${name} must be a whole number from ${least} to ${most}: ${value}`);
}

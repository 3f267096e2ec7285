/**
 * A log in files: what an instance does with the directory. Each file beside this one does one thing: `directory.ts` writes,
 * `journal-reader.ts` reads, `log-recovery.ts` loads, `log-snapshots.ts` makes and removes snapshots.
 *
 * One that writes shares the open directory with the others of its storage object, and works in turn with them. One that only reads
 * has nothing open, and looks at the files.
 */
import { linesIn } from '../codec/index.js';
import {
  type Appended,
  AppendTooLargeError,
  AppendUnknownError,
  type Batch,
  type Commit,
  chainAfter,
  type Draft,
  emptyHead,
  type Head,
  type HoldOptions,
  type PreparedBody,
  type ReadCommit,
  Right,
} from '../journal/index.js';
import {
  type Log,
  type LogBase,
  type LoggedCommit,
  LogNotEmptyError,
  type PastStart,
  type PastTarget,
  type PruneReport,
  type SnapshotInfo,
  type SnapshotRequest,
} from '../prevalence/index.js';
import type { Directory } from './directory.js';
import { JournalDamagedError } from './errors.js';
import { Vanished } from './journal-files.js';
import { type Found, type FoundBatch, type JournalPosition, pointAfter, readJournal } from './journal-reader.js';
import { type LogParts, positionAt, positionAtStart, requireSame } from './log-parts.js';
import { readCommits } from './log-reading.js';
import { keptSnapshots, type Loaded, loadNewest, pastStart } from './log-recovery.js';
import { makeSnapshot, pruneFiles, writeFile } from './log-snapshots.js';

/** A fold lets other work in after so long. */
const sliceMs = 20;
/** Commits that are folded together, between two looks at the clock, and the text of their events. */
const togetherMax = 64;
const togetherLengthMax = 65_536;

export interface FileLogOptions {
  /** Opens what is needed; called once, by `recover`. */
  open(): Promise<LogParts>;
  /** Called once, after the last use. */
  leave(isStopped: boolean): Promise<void>;
  readonly name: string;
  readonly instance: string;
  readonly appendBytesMax: number;
}

export class FileLog implements Log {
  readonly instance: string;
  readonly appendBytesMax: number;
  readonly #options: FileLogOptions;
  readonly #right: Right;
  #parts: LogParts | undefined;
  #position: JournalPosition = positionAtStart;
  /** What the consumer holds, where it is more than what was read. */
  #skipTo: Loaded['point'] = positionAtStart;
  #seqWanted = 0;
  /** Number of the last commit from here. */
  #n = 0;
  #closing: Promise<void> | undefined;
  /** The last work where there is no turn. */
  #own: Promise<unknown> = Promise.resolve();
  readonly #stop = new AbortController();

  constructor(options: FileLogOptions) {
    this.#options = options;
    this.instance = options.instance;
    this.appendBytesMax = options.appendBytesMax;
    this.#right = new Right(options.name, options.instance);
  }

  get seqWanted(): number {
    return this.#seqWanted;
  }

  async recover(signal?: AbortSignal): Promise<void> {
    // One that has begun with a state is open already.
    this.#parts ??= await this.#options.open();
    const parts = this.#parts;
    await this.#inTurn(async () => {
      await this.#load(parts, signal);
      await this.#fold(parts, signal);
    });
  }

  async catchUp(consistency: 'strong' | 'eventual', signal?: AbortSignal): Promise<void> {
    const parts = this.#open();
    const { directory } = parts;
    const isThere = () => directory !== undefined && directory.end?.place === this.#position.place;
    if (!isThere()) await this.#inTurn(() => this.#fold(parts, signal));
    // Only who still holds the directory knows that nothing is newer.
    if (consistency === 'strong') await directory?.requireMine();
  }

  fitsHead(_text: string): boolean {
    return true;
  }

  requireSize(bytes: number): void {
    const { name } = this.#options;
    if (bytes > this.appendBytesMax) throw new AppendTooLargeError(name, bytes, this.appendBytesMax);
  }

  async prepare(_text: string): Promise<PreparedBody> {
    throw new Error('Cannot put events apart from their commit: a file takes them with it');
  }

  append(batch: Batch): Promise<Appended> {
    const { parts, directory } = this.#writable();
    return this.#unlessStopped(
      directory.turn(async () => {
        await this.#fold(parts);
        return this.#append(parts, directory, batch);
      }),
    );
  }

  async begin({ captured, seq, time }: LogBase, signal?: AbortSignal): Promise<void> {
    if (this.#parts === undefined) await this.recover(signal);
    const { parts, directory } = this.#writable();
    await directory.turn(async () => {
      const isBegun = this.#position.place === 1 && this.#position.seq === seq && this.#position.time === time;
      if (this.#position.place > 0 && !(isBegun && parts.files.snapshots.length === 1)) {
        throw new LogNotEmptyError(parts.name, this.#position.seq);
      }
      const point = { ...positionAtStart, place: 1, seq, time };
      if (!isBegun) await writeFile(parts, directory, { captured, at: point }, signal);
      if (parts.files.first === undefined) await directory.beginAt(point);
      parts.consumer.restore(captured, { seq, time });
      this.#position = directory.end as JournalPosition;
      this.#seqWanted = seq;
    });
  }

  async hold({ takeOver = false }: HoldOptions): Promise<void> {
    await this.append(this.#right.claim(takeOver));
  }

  async release(): Promise<void> {
    await this.append(this.#right.giveUp());
    this.#right.forget();
  }

  async snapshots(_signal?: AbortSignal): Promise<readonly SnapshotInfo[]> {
    const parts = this.#open();
    if (parts.directory === undefined) await parts.files.list();
    const kept = await keptSnapshots(parts);
    parts.newest = kept.at(-1);
    return kept;
  }

  async snapshot(request: SnapshotRequest): Promise<SnapshotInfo | undefined> {
    const { parts, directory } = this.#writable();
    const isOthers = () => directory.isAtSnapshots || parts.files.snapshots.at(-1) !== placeOf(parts.newest);
    if (request.due && isOthers()) return undefined;
    const capture = () =>
      directory.turn(async () => {
        await this.#fold(parts, request.signal);
        await directory.requireMine();
        directory.turnOver();
        return { captured: parts.consumer.capture(), at: this.#position };
      });
    const appendNothing = async () => {
      await this.append({ claims: true, decide: () => ({ text: '', count: 0 }) });
    };
    return directory.snapshotTurn(() => makeSnapshot(parts, directory, { capture, appendNothing }, request));
  }

  prune(_signal?: AbortSignal): Promise<PruneReport> {
    const { parts, directory } = this.#writable();
    return directory.snapshotTurn(() => pruneFiles(parts, directory));
  }

  async *read(from: number, signal?: AbortSignal): AsyncGenerator<LoggedCommit> {
    yield* readCommits(this.#open(), from, signal);
  }

  async pastStart(target: PastTarget, signal?: AbortSignal): Promise<PastStart> {
    const parts = this.#open();
    return pastStart(parts, target, parts.directory?.end, signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#parts === undefined ? Promise.resolve() : this.#options.leave(this.#stop.signal.aborted);
    return this.#closing;
  }

  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }

  #open(): LogParts {
    if (this.#parts === undefined) throw new Error(`Cannot use the log of ${this.#options.name}: call recover() first`);
    return this.#parts;
  }

  #writable(): { readonly parts: LogParts; readonly directory: Directory } {
    const parts = this.#open();
    const { directory } = parts;
    if (directory === undefined) throw new TypeError(`Cannot write to ${parts.name}: the log was opened to read`);
    return { parts, directory };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const directory = this.#parts?.directory;
    return this.#unlessStopped(directory === undefined ? this.#alone(work) : directory.turn(work));
  }

  /** One fold at a time, where there is no turn. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#own.then(work);
    this.#own = done.catch(() => {});
    return done;
  }

  /** Ends the waiting; what was begun goes on, and nobody is told of it. */
  #unlessStopped<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    return new Promise((resolve, reject) => {
      const stopped = () => {
        reject(new AppendUnknownError(this.#options.name, this.instance, this.#n + 1, signal.reason));
      };
      if (signal.aborted) stopped();
      else signal.addEventListener('abort', stopped, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stopped));
    });
  }

  /** Begins again, with the newest snapshot that can be read. */
  async #load(parts: LogParts, signal: AbortSignal | undefined): Promise<void> {
    const { captured, point, position } = await loadNewest(parts, signal);
    parts.consumer.restore(captured, point);
    // What comes before the snapshot in its file is read again, and passed over.
    this.#position = position;
    this.#skipTo = point;
    this.#seqWanted = Math.max(this.#seqWanted, point.seq);
  }

  /** Folds up to the end. */
  async #fold(parts: LogParts, signal?: AbortSignal): Promise<void> {
    const { place } = this.#position;
    for (;;) {
      try {
        await this.#foldOn(parts, signal);
        // One commit may never have counted: at most one is on its way at a time.
        if (this.#position.place < place - 1) throw goneBack(parts, this.#position, place);
        return;
      } catch (error) {
        if (!(error instanceof Vanished)) throw error;
        // It was pruned, or a follower has seen what never counted.
        await this.#load(parts, signal);
      }
    }
  }

  async #foldOn(parts: LogParts, signal: AbortSignal | undefined): Promise<void> {
    const { directory, files } = parts;
    const limit = directory?.end;
    if (limit !== undefined && limit.place === this.#position.place && limit.number === this.#position.number) return;
    if (directory === undefined) {
      await files.list();
      // The first file came after this was opened.
      if (this.#position.number === 0 && files.first !== undefined)
        this.#position = await positionAt(parts, this.#skipTo);
    }
    if (limit !== undefined) this.#seqWanted = limit.seq;
    if (limit !== undefined && this.#position.number === 0) this.#position = await positionAt(parts, this.#position);
    // What is in doubt is known only to who has read all of the last file.
    if (directory !== undefined && limit === undefined) await this.#backToFile(parts);
    const reading = readJournal(files, this.#position, { limit, signal });
    try {
      for (;;) {
        const { done, value } = await reading.next();
        if (done === true) {
          requireReached(parts, value.position, this.#skipTo);
          this.#position =
            directory !== undefined && limit === undefined ? await directory.found(value) : value.position;
          break;
        }
        await this.#take(parts, value);
      }
    } finally {
      // Closes the file when what was read could not be taken.
      await reading.return({ position: this.#position, last: undefined, isEnded: false });
    }
    this.#seqWanted = this.#position.seq;
  }

  /** To the beginning of the file, when a fold was cut short in it. */
  async #backToFile(parts: LogParts): Promise<void> {
    if (this.#position.number === 0) return;
    if (this.#position.place > this.#skipTo.place) this.#skipTo = this.#position;
    this.#position = await positionAt(parts, this.#position);
  }

  async #take({ consumer, clock, files }: LogParts, { number, found }: FoundBatch): Promise<void> {
    const { place: known } = this.#skipTo;
    let taken = 0;
    let sliceEnd = clock.monotonicMs() + sliceMs;
    try {
      while (taken < found.length) {
        const { read } = found[taken] as Found;
        const { place } = read.commit;
        if (place > known) {
          const reads = togetherFrom(found, taken);
          if (reads.length > 1 && consumer.applyAll?.(reads) === true) taken += reads.length;
          else {
            for (const one of reads) {
              consumer.apply(one);
              taken += 1;
            }
          }
        } else {
          if (place === known) requireSame(files, read.chain, this.#skipTo);
          taken += 1;
        }
        if (clock.monotonicMs() < sliceEnd) continue;
        await new Promise(setImmediate);
        sliceEnd = clock.monotonicMs() + sliceMs;
      }
    } finally {
      const last = found[taken - 1];
      if (last !== undefined) {
        this.#position = { ...pointAfter(this.#position, found, taken), number, offset: last.end };
      }
    }
  }

  async #append({ clock }: LogParts, directory: Directory, batch: Batch): Promise<Appended> {
    const image = this.#image(directory);
    if (batch.claims !== true) this.#right.require(image);
    const time = Math.max(Math.floor(clock.now()), image.time);
    const draft = batch.decide({ seq: image.seq, image, time });
    if (draft === undefined) {
      await directory.requireMine();
      return { status: 'nothing', conflicts: 0 };
    }
    const commit = this.#commitOf(image, draft, time);
    const chain = chainAfter(image.chain, commit);
    this.#position = await directory.append({ commit, chain, holds: draft.holds });
    this.#n = commit.n;
    this.#seqWanted = this.#position.seq;
    if (batch.claims === true) this.#right.claimed(this.#image(directory));
    batch.adopt?.(commit);
    return { status: 'applied', commit, adopted: true, conflicts: 0 };
  }

  /** The head, as a journal in a table would have it. */
  #image({ journalId }: Directory): Head {
    const { place, seq, time, chain, epoch, holder } = this.#position;
    return { ...emptyHead(journalId, ''), place, seq, time, chain, epoch, holder };
  }

  #commitOf(image: Head, draft: Draft, now: number): Commit {
    const { text, count, time = now, handlerVersion, stateDigest, marks = [] } = draft;
    const lines = linesIn(text);
    if (lines !== count || !Number.isSafeInteger(time) || time < image.time) {
      throw new TypeError(
        `Cannot append to a journal: count is ${count} of ${lines} lines, time ${time} or out of range`,
      );
    }
    const [place, first, n] = [image.place + 1, image.seq + 1, this.#n + 1];
    const own = { writer: this.instance, n, prev: this.#n, body: undefined, skip: [], retires: false };
    return { ...own, place, first, count, time, text, marks, handlerVersion, stateDigest };
  }
}

function placeOf(newest: SnapshotInfo | undefined): number | undefined {
  return (newest as { readonly place?: number } | undefined)?.place;
}

/** What was seen here is not there any more. */
function goneBack({ files }: LogParts, { place, number, offset }: JournalPosition, seen: number): JournalDamagedError {
  const detail = `it ends with commit ${place}, and commit ${seen} was in it before`;
  return new JournalDamagedError(files.pathOf('journal', Math.max(number, 1)), 'missing', detail, { offset, place });
}

/** A journal that ends before its snapshot has lost its end. */
function requireReached({ files }: LogParts, end: JournalPosition, { place, chain }: Loaded['point']): void {
  if (end.place < place && files.last !== undefined) {
    const detail = `it ends with commit ${end.place}, and there is a snapshot of commit ${place}`;
    throw new JournalDamagedError(files.pathOf('journal', files.last), 'older-than-snapshot', detail, {
      offset: end.offset,
      place: end.place,
    });
  }
  if (end.place === place) requireSame(files, end.chain, { place, chain });
}

/** Commits from there on that are folded together: one at least. */
function togetherFrom(found: readonly Found[], from: number): ReadCommit[] {
  const reads: ReadCommit[] = [];
  let length = 0;
  for (let at = from; at < found.length && reads.length < togetherMax && length < togetherLengthMax; at += 1) {
    const { read } = found[at] as Found;
    reads.push(read);
    length += read.text.length;
  }
  return reads;
}

/**
 * A log in files: what an instance does with the directory. Each file beside this one does one thing: `directory.ts` writes,
 * `log-fold.ts` folds, `log-recovery.ts` loads, `log-snapshots.ts` makes and removes snapshots.
 *
 * One that writes shares the open directory with the others of its storage object, and works in turn with them. One that only reads
 * has nothing open, and looks at the files.
 */
import {
  type Appended,
  AppendTooLargeError,
  AppendUnknownError,
  type Batch,
  chainAfter,
  emptyHead,
  type Head,
  type HoldOptions,
  migrationHolds,
  type PreparedBody,
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
  SnapshotError,
  type SnapshotInfo,
  type SnapshotRequest,
} from '../prevalence/index.js';
import type { Directory } from './directory.js';
import { commitOf } from './draft-commit.js';
import type { JournalPosition } from './journal-position.js';
import { LogFold } from './log-fold.js';
import { type LogParts, positionAtStart } from './log-parts.js';
import { readCommits } from './log-reading.js';
import { keptSnapshots, pastStart } from './log-recovery.js';
import { makeSnapshot, pruneFiles, writeFile } from './log-snapshots.js';
import { Turns } from './turns.js';

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
  readonly #fold: LogFold = new LogFold();
  #parts: LogParts | undefined;
  /** Number of the last commit from here. */
  #n = 0;
  #closing: Promise<void> | undefined;
  /** One fold at a time, where there is no directory to take turns in. */
  readonly #folds: Turns = new Turns();
  readonly #stop = new AbortController();

  constructor(options: FileLogOptions) {
    this.#options = options;
    this.instance = options.instance;
    this.appendBytesMax = options.appendBytesMax;
    this.#right = new Right(options.name, options.instance);
  }

  get seqWanted(): number {
    return this.#fold.seqWanted;
  }

  async recover(signal?: AbortSignal): Promise<void> {
    // One that has begun with a state is open already.
    this.#parts ??= await this.#options.open();
    const parts = this.#parts;
    await this.#inTurn(async () => {
      await this.#fold.load(parts, signal);
      await this.#fold.toEnd(parts, signal);
    });
  }

  async catchUp(consistency: 'strong' | 'eventual', signal?: AbortSignal): Promise<void> {
    const parts = this.#open();
    const { directory } = parts;
    const isThere = () => directory !== undefined && directory.end?.place === this.#fold.position.place;
    if (!isThere()) await this.#inTurn(() => this.#fold.toEnd(parts, signal));
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
      directory.appends.take(async () => {
        await this.#fold.toEnd(parts);
        return this.#append(parts, directory, batch);
      }),
    );
  }

  async begin({ captured, seq, time }: LogBase, signal?: AbortSignal): Promise<void> {
    if (this.#parts === undefined) await this.recover(signal);
    const { parts, directory } = this.#writable();
    await directory.appends.take(async () => {
      const { position } = this.#fold;
      const isSame = position.place === 1 && position.seq === seq && position.time === time;
      // Cut short after the state was stored.
      const isStored = isSame && parts.files.first === undefined;
      if (position.place > 0 && !isStored) throw new LogNotEmptyError(parts.name, position.seq);
      const holds = migrationHolds(positionAtStart, this.instance);
      const point = { ...positionAtStart, ...holds, place: 1, seq, time };
      if (!isStored) await writeFile(parts, directory, { captured, at: point, holds }, signal);
      await directory.beginAt(point);
      parts.consumer.restore(captured, { seq, time });
      this.#fold.moveTo(directory.end as JournalPosition);
      this.#right.claimed(this.#image(directory));
    });
  }

  async hold(options: HoldOptions): Promise<void> {
    await this.append(this.#right.claim(options));
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
    const isOthers = () => directory.atSnapshots.areTaken || parts.files.snapshots.at(-1) !== placeOf(parts.newest);
    if (request.due && isOthers()) return undefined;
    const capture = () =>
      directory.appends.take(async () => {
        await this.#fold.toEnd(parts, request.signal);
        await directory.requireMine();
        const position = await directory.turnOver().catch((error: unknown) => {
          throw new SnapshotError(parts.name, 'no file of the journal could be begun for what comes after it', error);
        });
        this.#fold.moveTo(position);
        return { captured: parts.consumer.capture(), at: position };
      });
    const appendNothing = async () => {
      await this.append({ claims: true, decide: () => ({ text: '', count: 0 }) });
    };
    return directory.atSnapshots.take(() => makeSnapshot(parts, directory, { capture, appendNothing }, request));
  }

  prune(_signal?: AbortSignal): Promise<PruneReport> {
    const { parts, directory } = this.#writable();
    return directory.atSnapshots.take(() => pruneFiles(parts, directory));
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
    return this.#unlessStopped(directory === undefined ? this.#folds.take(work) : directory.appends.take(work));
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

  async #append({ clock }: LogParts, directory: Directory, batch: Batch): Promise<Appended> {
    const image = this.#image(directory);
    if (batch.claims !== true) this.#right.require(image);
    const time = Math.max(Math.floor(clock.now()), image.time);
    const draft = batch.decide({ seq: image.seq, image, time });
    if (draft === undefined) {
      await directory.requireMine();
      return { status: 'nothing', conflicts: 0 };
    }
    const commit = commitOf(draft, image, { writer: this.instance, written: this.#n }, time);
    const chain = chainAfter(image.chain, commit);
    this.#fold.moveTo(await directory.append({ commit, chain, holds: draft.holds }));
    this.#n = commit.n;
    if (batch.claims === true) this.#right.claimed(this.#image(directory));
    batch.adopt?.(commit);
    return { status: 'applied', commit, adopted: true, conflicts: 0 };
  }

  /** The head, as a journal in a table would have it. */
  #image({ journalId }: Directory): Head {
    const { place, seq, time, chain, epoch, holder } = this.#fold.position;
    return { ...emptyHead(journalId, ''), place, seq, time, chain, epoch, holder };
  }
}

function placeOf(newest: SnapshotInfo | undefined): number | undefined {
  return (newest as { readonly place?: number } | undefined)?.place;
}

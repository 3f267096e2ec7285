/**
 * Folding the journal into the consumer: from where it is to the end, with the newest snapshot before that where there is nothing yet.
 *
 *   loadNewest ─► restore ─► readJournal from the beginning of that file ─► what the snapshot has is passed over ─► apply
 *       ▲                         │
 *       └── a file was pruned ────┘
 *
 * One fold at a time, which is for the caller to see to.
 */
import type { ReadCommit } from '../journal/index.js';
import { JournalDamagedError } from './errors.js';
import type { Found, FoundBatch } from './file-reading.js';
import { Vanished } from './journal-files.js';
import { type JournalPosition, pointAfter } from './journal-position.js';
import { readJournal } from './journal-reader.js';
import { type LogParts, positionAt, positionAtStart, requireSame } from './log-parts.js';
import { type Loaded, loadNewest } from './log-recovery.js';

/** A fold lets other work in after so long. */
const sliceMs = 20;
/** Commits that are folded together, between two looks at the clock, and the text of their events. */
const togetherMax = 64;
const togetherLengthMax = 65_536;

export class LogFold {
  #position: JournalPosition = positionAtStart;
  /** What the consumer holds, where it is more than what was read. */
  #skipTo: Loaded['point'] = positionAtStart;
  #seqWanted = 0;

  get position(): JournalPosition {
    return this.#position;
  }

  get seqWanted(): number {
    return this.#seqWanted;
  }

  /** Goes on from there: what comes before it the consumer holds. */
  moveTo(position: JournalPosition): void {
    this.#position = position;
    this.#seqWanted = position.seq;
  }

  /** Begins again, with the newest snapshot that can be read. */
  async load(parts: LogParts, signal: AbortSignal | undefined): Promise<void> {
    const { captured, point, position } = await loadNewest(parts, signal);
    parts.consumer.restore(captured, point);
    // What comes before the snapshot in its file is read again, and passed over.
    this.#position = position;
    this.#skipTo = point;
    this.#seqWanted = Math.max(this.#seqWanted, point.seq);
  }

  /** Folds up to the end. */
  async toEnd(parts: LogParts, signal?: AbortSignal): Promise<void> {
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
        await this.load(parts, signal);
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
        this.#position = await firstPosition(parts, this.#skipTo);
    }
    if (limit !== undefined) this.#seqWanted = limit.seq;
    if (limit !== undefined && this.#position.number === 0) this.#position = await firstPosition(parts, this.#position);
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
          if (place === known) requireSame(files, pointAfter(this.#position, found, taken + 1), this.#skipTo);
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
}

/** In the first file that there is for one who has read none yet. Those before it may have come and gone meanwhile. */
async function firstPosition(parts: LogParts, point: Loaded['point']): Promise<JournalPosition> {
  const { first } = parts.files;
  if (first !== undefined) {
    const { starts } = await parts.files.header(first);
    if (starts.place > point.place) throw new Vanished(first - 1);
  }
  return positionAt(parts, point);
}

/** What was seen here is not there any more. */
function goneBack({ files }: LogParts, { place, number, offset }: JournalPosition, seen: number): JournalDamagedError {
  const detail = `it ends with commit ${place}, and commit ${seen} was in it before`;
  return new JournalDamagedError(files.pathOf('journal', Math.max(number, 1)), 'missing', detail, { offset, place });
}

/** A journal that ends before its snapshot has lost its end. */
function requireReached({ files }: LogParts, end: JournalPosition, point: Loaded['point']): void {
  const { place } = point;
  if (end.place < place && files.last !== undefined) {
    const detail = `it ends with commit ${end.place}, and there is a snapshot of commit ${place}`;
    throw new JournalDamagedError(files.pathOf('journal', files.last), 'older-than-snapshot', detail, {
      offset: end.offset,
      place: end.place,
    });
  }
  if (end.place === place) requireSame(files, end, point);
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

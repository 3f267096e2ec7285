/**
 * Receipts: where the events of a command are, for commands whose commit has left the stream's head.
 *
 *   head's tail ── beforeTrim: receipt of each command in it ──► page, trimmed tail
 *
 * So a command that was committed is in the tail of the head that one looks at, or has a receipt by the time that head was written:
 * who reads the head first, then the receipt, and then decides on exactly that head knows whether the command was there before.
 * A stream that never left its head has none. A receipt is written once, with one content; writing it again is harmless.
 */
import type { WriteOnceItems } from '../atom/index.js';
import type { Commit, Head, Mark } from '../journal/index.js';
import { abreast } from './abreast.js';
import { escapeName } from './stream-name.js';

/** Where the events of a command are. */
export interface Found {
  readonly from: number;
  readonly to: number;
}

/** Puts at once. */
const putsAtOnce = 16;
/** Longer ids would leave no room in a key. */
const commandIdBytesMax = 256;

/** @throws TypeError, RangeError for what can be no id of a command. */
export function requireCommandId(id: unknown): void {
  if (typeof id !== 'string') throw new TypeError(`Cannot append: commandId must be a string: ${typeof id}`);
  if (Buffer.from(id).toString() !== id) {
    throw new RangeError(`Cannot append: commandId has half of a surrogate pair: ${JSON.stringify(id)}`);
  }
  if (id === '' || Buffer.byteLength(id) > commandIdBytesMax) {
    throw new RangeError(
      `Cannot append: commandId must have 1 to ${commandIdBytesMax} bytes: ${Buffer.byteLength(id)}`,
    );
  }
}

export class Receipts {
  readonly #items: WriteOnceItems;
  readonly #journal: string;

  constructor(items: WriteOnceItems, journal: string) {
    this.#items = items;
    this.#journal = journal;
  }

  /** Writes those of all commands in `commits`. @cost 1 write unit for each command that has an id. */
  async put(commits: readonly Commit[]): Promise<void> {
    const all = commits.flatMap((commit) => commit.marks.map((mark) => [mark.id, foundBy(commit, mark)] as const));
    await abreast(all, putsAtOnce, ([id, found]) => this.#items.put(this.#keyOf(id), bytesOf(found)));
  }

  /**
   * The events of a command that was there before, in a head or, where some may be, with a receipt, which may be newer than the head.
   *
   * @cost 1 request, 1 read unit, unless the head tells.
   */
  async find(id: string, image: Head | undefined): Promise<Found | undefined> {
    if (image === undefined) return undefined;
    const found = findIn(image.tail, id);
    if (found !== undefined || image.pages === 0) return found;
    const bytes = await this.#items.get(this.#keyOf(id));
    return bytes && (JSON.parse(Buffer.from(bytes).toString()) as Found);
  }

  /** Deletes those of all commands in `commits`. */
  async delete(commits: readonly Commit[], signal?: AbortSignal): Promise<void> {
    const ids = commits.flatMap(({ marks }) => marks.map(({ id }) => id));
    await abreast(ids, putsAtOnce, (id) => this.#items.delete(this.#keyOf(id), { signal }));
  }

  #keyOf(id: string): string {
    return `${this.#journal}/command/${escapeName(id)}`;
  }
}

/** The events that a mark of a commit stands for. */
function foundBy({ first }: Commit, { at, count }: Mark): Found {
  return { from: first + at, to: first + at + count - 1 };
}

/** Whether none of these commands is in a commit up to `image`: they were looked for up to `known`, and what came since is in the tail. */
export function areNew(ids: readonly string[], image: Head, known: Head | undefined): boolean {
  const from = image.place - image.tail.length + 1;
  return from <= (known?.place ?? 0) + 1 && ids.every((id) => findIn(image.tail, id) === undefined);
}

/** The command's events among `commits`. */
function findIn(commits: readonly Commit[], id: string): Found | undefined {
  for (const commit of commits) {
    const mark = commit.marks.find((one) => one.id === id);
    if (mark !== undefined) return foundBy(commit, mark);
  }
  return undefined;
}

function bytesOf({ from, to }: Found): Uint8Array {
  return Buffer.from(JSON.stringify({ from, to }));
}

/**
 * The one who writes into a directory, and what stops one who did before.
 *
 *   holder-0000000007   { "epoch": 7, "instance": …, "pid": …, "startTime": …, "host": …, "since": …, … }
 *
 *   taker    judges those who are there ─► links holder-8 ─► looks again ─► removes holder-7 ─► reads the journal to its end, seals it
 *   writer   writes ─► syncs ─► is holder-7 still my file? ─► acknowledges
 *
 * Why nobody is told of a commit that is lost, however wrong the judgement was: if the writer's file was there after the sync, then the
 * taker had yet to remove it, so what the taker reads later has the commit in it. If it was not, the writer acknowledges nothing.
 *
 * Why there is one holder: of those who want the same number one gets it, as a link is exclusive; and who got a number that others had
 * used up meanwhile finds, when it looks again, somebody whom it has not judged, and gives way. Both look after both have linked, so
 * at least one sees the other.
 *
 * A name may be used again, the file that has it can't be while it is open: so the writer asks for the file.
 */
import path from 'node:path';
import { DirectoryHeldError, type HolderFacts } from './errors.js';
import type { FileSystem, OpenFile } from './file-system.js';
import type { HolderIdentity, Machine } from './machine.js';
import { nameOf, parseName } from './names.js';
import { codeOf, isNotThere, removeIfThere } from './system-code.js';
import { writeAll } from './write-all.js';

export interface TakeRequest {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly machine: Machine;
  readonly now: () => number;
  /** Whether one of whom nobody knows whether it lives is taken for dead. */
  readonly takeOver: boolean;
  /** The highest epoch in the files of the journal: this one will be above. */
  readonly epochAbove: () => Promise<number>;
  /** Name of this attempt, unlike any other. */
  readonly instance: string;
}

/** What it is to hold a directory. */
export interface Holding {
  /** Above that of all who held it before and wrote anything. */
  readonly epoch: number;
  /** What was synced before this was asked, and was true, counts. Once it is false it stays so. */
  isMine(): boolean;
  /** Who has it instead, as far as that is known. */
  successor(): Promise<HolderFacts | undefined>;
  /** Lets go of it; also if it was taken over. */
  release(): Promise<void>;
}

/** Those who give way to each other try again, so many times. */
const attemptsMax = 20;

/**
 * Takes the right to write into a directory. What is in it is to be read after that, not before.
 *
 * @throws {DirectoryHeldError} `ERR_DIRECTORY_HELD` when another has it and lives, or may live.
 */
export async function takeDirectory(request: TakeRequest): Promise<Holding> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const holding = await tryToTake(request);
    if (holding !== undefined) return holding;
  }
  throw new DirectoryHeldError(request.directory, 'held', undefined, 'others try to take it, too; let one of them');
}

/** `undefined`: another was at it at the same time. */
async function tryToTake(request: TakeRequest): Promise<Holding | undefined> {
  const { fileSystem, directory, epochAbove } = request;
  const judged = await epochsIn(request);
  for (const epoch of judged) await requireGone(request, epoch);
  const epoch = 1 + Math.max(0, ...judged, await epochAbove());
  const holding = await claim(request, epoch);
  if (holding === undefined) return undefined;
  try {
    const isAlone = (await epochsIn(request)).every((other) => other === epoch || judged.includes(other));
    if (isAlone && (await epochAbove()) < epoch) {
      for (const other of judged) await removeIfThere(fileSystem, pathOf(directory, other));
      return holding;
    }
  } catch (error) {
    await holding.release().catch(() => {});
    throw error;
  }
  await holding.release();
  return undefined;
}

/** From the lowest to the highest. */
async function epochsIn({ fileSystem, directory }: Pick<TakeRequest, 'fileSystem' | 'directory'>): Promise<number[]> {
  const names = (await fileSystem.list(directory)).map(parseName);
  return names.flatMap((name) => (name?.kind === 'holder' ? [name.number] : [])).sort((a, b) => a - b);
}

/** @throws {DirectoryHeldError} */
async function requireGone(request: TakeRequest, epoch: number): Promise<void> {
  const { directory, machine, takeOver } = request;
  const file = await readHolder(request, epoch);
  if (file === 'gone') return;
  const life = file === undefined ? 'unknown' : machine.lifeOf(file.identity);
  if (life === 'dead' || (life === 'unknown' && takeOver)) return;
  const remedy =
    life === 'alive'
      ? 'close it there, use the same storage object, or open a system that only reads'
      : 'nothing can be seen of it from here: make sure that it has ended, then open with takeOver: true';
  throw new DirectoryHeldError(directory, 'held', file?.facts, remedy);
}

/** `undefined`: it can't be read as what it is. */
async function readHolder(
  { fileSystem, directory }: Pick<TakeRequest, 'fileSystem' | 'directory'>,
  epoch: number,
): Promise<{ readonly identity: HolderIdentity; readonly facts: HolderFacts } | undefined | 'gone'> {
  let file: OpenFile;
  try {
    file = await fileSystem.open(pathOf(directory, epoch));
  } catch (error) {
    if (isNotThere(error)) return 'gone';
    throw error;
  }
  try {
    const bytes = Buffer.alloc(await file.size());
    const text = bytes.toString('utf8', 0, await file.read(bytes, 0));
    const { format, pid, host, command, since, ...rest } = JSON.parse(text) ?? {};
    if (format !== 1 || typeof pid !== 'number' || typeof since !== 'number') return undefined;
    return { identity: { pid, host, command, ...rest }, facts: { pid, host, command, since } };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

/** `undefined`: the number has been given to another. */
async function claim(request: TakeRequest, epoch: number): Promise<Holding | undefined> {
  const { fileSystem, directory, machine, now, instance } = request;
  const part = `${pathOf(directory, epoch)}.${instance}.part`;
  const text = JSON.stringify({ format: 1, epoch, instance, since: Math.floor(now()), ...machine.self() });
  const file = await fileSystem.create(part);
  const holding = new LinkedHolding(request, epoch, file, fileSystem.identityOf(part));
  try {
    await writeAll(file, Buffer.from(`${text}\n`), 0);
    // Else a loss of power may leave a name without a content, and nobody could be judged by it.
    await file.syncData();
    await fileSystem.link(part, pathOf(directory, epoch));
    return holding;
  } catch (error) {
    // Also when the link was made and told as failed.
    await holding.release().catch(() => {});
    // A part that is gone was taken for one of the dead by who holds the directory now.
    if (codeOf(error) === 'EEXIST' || isNotThere(error)) return undefined;
    throw error;
  } finally {
    await removeIfThere(fileSystem, part).catch(() => {});
  }
}

class LinkedHolding implements Holding {
  readonly epoch: number;
  readonly #request: TakeRequest;
  readonly #path: string;
  readonly #file: OpenFile;
  readonly #identity: string | undefined;
  #isReleased = false;

  constructor(request: TakeRequest, epoch: number, file: OpenFile, identity: string | undefined) {
    this.epoch = epoch;
    this.#request = request;
    this.#path = pathOf(request.directory, epoch);
    this.#file = file;
    this.#identity = identity;
  }

  isMine(): boolean {
    if (this.#isReleased || this.#identity === undefined) return false;
    return this.#request.fileSystem.identityOf(this.#path) === this.#identity;
  }

  async successor(): Promise<HolderFacts | undefined> {
    const newest = (await epochsIn(this.#request)).at(-1);
    if (newest === undefined) return undefined;
    const found = await readHolder(this.#request, newest);
    return found === 'gone' ? undefined : found?.facts;
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    const isMine = this.isMine();
    this.#isReleased = true;
    try {
      if (isMine) await removeIfThere(this.#request.fileSystem, this.#path);
    } finally {
      await this.#file.close();
    }
  }
}

function pathOf(directory: string, epoch: number): string {
  return path.join(directory, nameOf('holder', epoch));
}

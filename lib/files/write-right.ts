/**
 * Whether one may write into a directory: as long as one holds it, and nothing has failed of which nobody knows what it left.
 *
 * Once it is lost it stays lost.
 */
import { AppendUnknownError, type Commit } from '../journal/index.js';
import { DirectoryError, DirectoryHeldError, directoryError } from './errors.js';
import type { Holding } from './holder.js';

export class WriteRight {
  readonly #directory: string;
  readonly #holding: Holding;
  /** Why nothing is written any more. */
  #failed: Error | undefined;

  constructor(directory: string, holding: Holding) {
    this.#directory = directory;
    this.#holding = holding;
  }

  get epoch(): number {
    return this.#holding.epoch;
  }

  get hasFailed(): boolean {
    return this.#failed !== undefined;
  }

  /** @throws {DirectoryHeldError} `ERR_DIRECTORY_HELD`, {@link DirectoryError} `ERR_DIRECTORY` */
  async require(): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    if (!this.isMine()) throw await this.deposed();
  }

  /** @throws {DirectoryError} when the system does not say. */
  isMine(): boolean {
    try {
      return this.#holding.isMine();
    } catch (error) {
      throw directoryError(this.#directory, error);
    }
  }

  /** It was taken over. */
  async deposed(): Promise<Error> {
    const successor = await this.#holding.successor().catch(() => undefined);
    const remedy = 'this instance is out of use; open it again when the other one is closed';
    this.#failed = new DirectoryHeldError(this.#directory, 'taken-over', successor, remedy);
    return this.#failed;
  }

  /** Nothing is written or synced any more: what a failed sync has left nobody can know. */
  fail(error: unknown): void {
    const own = directoryError(this.#directory, error);
    const detail = `it failed to keep what was written (${own.message})`;
    this.#failed =
      own instanceof DirectoryHeldError ? own : new DirectoryError(this.#directory, 'failed', detail, error);
  }

  /** As {@link fail}, told to who was writing a commit. */
  unknown({ writer, n }: Commit, cause: unknown): AppendUnknownError {
    this.fail(cause);
    return new AppendUnknownError(this.#directory, writer, n, cause);
  }

  async release(): Promise<void> {
    this.#failed ??= new DirectoryError(this.#directory, 'failed', 'it is closed');
    await this.#holding.release();
  }
}

/** A store of parts in memory, which keeps count and can be told to fail. */
import type { SnapshotStore, StoreOptions } from '../../lib/snapshot/index.js';

export class MemorySnapshotStore implements SnapshotStore {
  readonly partBytesMax: number;
  readonly parts: Map<string, Uint8Array> = new Map();
  /** Calls under way, and the most that there were at once. */
  underWay: number = 0;
  underWayMax: number = 0;
  /** Called before each call takes effect; what it throws, the call throws. */
  before: (call: 'put' | 'get' | 'delete', part: number, signal?: AbortSignal) => Promise<void> = async () => {};

  constructor(partBytesMax: number) {
    this.partBytesMax = partBytesMax;
  }

  put(id: string, part: number, bytes: Uint8Array, options?: StoreOptions): Promise<void> {
    if (bytes.length > this.partBytesMax) throw new RangeError('a part that is too large');
    return this.#call('put', part, options, () => void this.parts.set(`${id}/${part}`, bytes.slice()));
  }

  get(id: string, part: number, options?: StoreOptions): Promise<Uint8Array | undefined> {
    return this.#call('get', part, options, () => this.parts.get(`${id}/${part}`));
  }

  delete(id: string, part: number, options?: StoreOptions): Promise<void> {
    return this.#call('delete', part, options, () => void this.parts.delete(`${id}/${part}`));
  }

  async #call<Result>(
    call: 'put' | 'get' | 'delete',
    part: number,
    options: StoreOptions | undefined,
    effect: () => Result,
  ): Promise<Result> {
    this.underWay += 1;
    this.underWayMax = Math.max(this.underWayMax, this.underWay);
    try {
      await this.before(call, part, options?.signal);
      options?.signal?.throwIfAborted();
      return effect();
    } finally {
      this.underWay -= 1;
    }
  }
}

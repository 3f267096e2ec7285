/** An engine that answers at once, from memory, and judges nothing: what is left is the library's own work. */
import type { Item } from '../../lib/codec/index.js';
import { MemoryEngine, type PutRequest, type Spent, type WriteAnswer } from '../../lib/engine/index.js';

const applied: WriteAnswer = { status: 'applied' };

export class StubEngine extends MemoryEngine {
  lastItem: Item | undefined;
  #puts = 0;
  #gets = 0;

  override async get(): Promise<Item | undefined> {
    this.#gets += 1;
    return undefined;
  }

  override async put({ item }: PutRequest): Promise<WriteAnswer> {
    this.lastItem = item;
    this.#puts += 1;
    return applied;
  }

  override spent(): Spent {
    return { ...super.spent(), requests: this.#puts + this.#gets, readUnits: this.#gets, writeUnits: this.#puts };
  }
}

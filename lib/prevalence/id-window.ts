/**
 * The results of the last events that came with an id, so that an event that is sent again gets its first result and is not
 * handled twice. Part of the state: it is rebuilt by every replay and stored in every snapshot.
 */

export class IdWindow<R> {
  readonly #results: Map<string, R | undefined>;
  readonly #idsMax: number;

  constructor(idsMax: number, entries: readonly (readonly [id: string, result: R | undefined])[] = []) {
    this.#idsMax = idsMax;
    this.#results = new Map(entries);
    this.#trim();
  }

  has(id: string): boolean {
    return this.#results.has(id);
  }

  get(id: string): R | undefined {
    return this.#results.get(id);
  }

  add(id: string, result: R | undefined): void {
    this.#results.set(id, result);
    this.#trim();
  }

  /** The oldest first. */
  entries(): [id: string, result: R | undefined][] {
    return [...this.#results];
  }

  #trim(): void {
    for (const id of this.#results.keys()) {
      if (this.#results.size <= this.#idsMax) return;
      this.#results.delete(id);
    }
  }
}

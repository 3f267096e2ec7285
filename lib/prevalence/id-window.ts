/**
 * The results of the last events that came with an id, so that an event that is sent again gets its first result and is not
 * handled twice. Part of the state: it is rebuilt by every replay and stored in every snapshot.
 */

/** Never changed: a snapshot that is being written has it as well. */
export type IdEntry<R> = readonly [id: string, result: R | undefined];

export class IdWindow<R> {
  /** Entries as they are stored, so that a list of all of them is made of what is there: of a million in 10 ms and not in 200. */
  readonly #entries: Map<string, IdEntry<R>>;
  readonly #idsMax: number;

  constructor(idsMax: number, entries: readonly IdEntry<R>[] = []) {
    this.#idsMax = idsMax;
    this.#entries = new Map(entries.map((entry) => [entry[0], entry]));
    this.#trim();
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  get(id: string): R | undefined {
    return this.#entries.get(id)?.[1];
  }

  add(id: string, result: R | undefined): void {
    this.#entries.set(id, [id, result]);
    this.#trim();
  }

  /** The oldest first, as they are now. */
  entries(): IdEntry<R>[] {
    return [...this.#entries.values()];
  }

  #trim(): void {
    for (const id of this.#entries.keys()) {
      if (this.#entries.size <= this.#idsMax) return;
      this.#entries.delete(id);
    }
  }
}

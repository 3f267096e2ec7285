/** A few at a time. */

/** Lets so many in at once; who comes later waits for one to leave, first come first served. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(step: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((enter) => this.#waiting.push(enter));
    try {
      return await step();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/**
 * Takes `step` for 0 to `count` - 1, `atOnce` of them at a time. After a failure no more begin, those under way are waited for, and
 * the first failure is thrown.
 */
export async function eachOf(count: number, atOnce: number, step: (index: number) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count && failures.length === 0) {
      const index = next;
      next += 1;
      try {
        await step(index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, worker));
  if (failures.length > 0) throw failures[0];
}

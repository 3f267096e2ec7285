/** Works that are done one after another, whatever becomes of each. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;

  /** Whether somebody is at it, or waits. */
  get areTaken(): boolean {
    return this.#count > 0;
  }

  take<T>(work: () => Promise<T>): Promise<T> {
    this.#count += 1;
    const done = this.#last.then(work).finally(() => {
      this.#count -= 1;
    });
    this.#last = done.catch(() => {});
    return done;
  }

  /** Waits for those who are at it. */
  async settled(): Promise<void> {
    await this.#last;
  }
}

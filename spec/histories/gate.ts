/** Many at a time, or one alone; first come, first served. */
export class Gate {
  #inside = 0;
  #aloneInside = false;
  readonly #waiting: { readonly alone: boolean; readonly go: () => void }[] = [];

  async within<T>(alone: boolean, run: () => Promise<T>): Promise<T> {
    await new Promise<void>((go) => {
      this.#waiting.push({ alone, go });
      this.#admit();
    });
    try {
      return await run();
    } finally {
      this.#inside -= 1;
      this.#aloneInside = false;
      this.#admit();
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#aloneInside || (next.alone && this.#inside > 0)) return;
      this.#waiting.shift();
      this.#inside += 1;
      this.#aloneInside = next.alone;
      next.go();
    }
  }
}

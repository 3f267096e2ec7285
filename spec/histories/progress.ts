/** How many calls of a run have begun, and who waits for that. */
export class Progress {
  readonly #begun: () => number;
  readonly #waiting: { readonly begun: number; readonly go: () => void }[] = [];
  #isOver = false;

  /** `begun`: of all processes, those that died too. */
  constructor(begun: () => number) {
    this.#begun = begun;
  }

  /** Whether there are no more calls. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when so many calls have begun, or there are no more. */
  until(begun: number): Promise<void> {
    return new Promise((go) => {
      this.#waiting.push({ begun, go });
      this.look();
    });
  }

  /** Calls have begun. */
  look(): void {
    const begun = this.#isOver ? Number.POSITIVE_INFINITY : this.#begun();
    while (this.#waiting[0] !== undefined && this.#waiting[0].begun <= begun) this.#waiting.shift()?.go();
  }

  /** All calls have ended. */
  end(): void {
    this.#isOver = true;
    this.look();
  }
}

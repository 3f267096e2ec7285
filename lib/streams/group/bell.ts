/** Wakes those who wait for something to change. They look again, and may find that it was somebody else's change. */
export class Bell {
  #waiting: (() => void)[] = [];

  ring(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Until the next ring. */
  wait(): Promise<void> {
    return new Promise((wake) => {
      this.#waiting.push(wake);
    });
  }
}

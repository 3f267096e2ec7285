/**
 * An engine or a client as a process has it that may be killed or stopped: after its death no answer comes any more, and while it is stopped
 * nothing leaves and nothing arrives. What was sent before goes on its way.
 */
export class Mortal<Line extends object> {
  readonly line: Line;
  #dead = false;
  #thawed: Promise<void> = Promise.resolve();

  constructor(line: Line) {
    this.line = new Proxy(line, {
      get: (target, name) => {
        const member = Reflect.get(target, name, target) as unknown;
        if (typeof member !== 'function') return member;
        const bound = member.bind(target) as (...args: unknown[]) => unknown;
        return name === 'spent' ? bound : (...args: unknown[]) => this.#pass(() => bound(...args));
      },
    });
  }

  kill(): void {
    this.#dead = true;
  }

  /** Stops; the function that is returned lets it go on. */
  stop(): () => void {
    let goOn: () => void = () => {};
    this.#thawed = new Promise((resolve) => {
      goOn = resolve;
    });
    return goOn;
  }

  async #pass(send: () => unknown): Promise<unknown> {
    await this.#thawed;
    if (this.#dead) return new Promise(() => {});
    try {
      return await send();
    } finally {
      await this.#thawed;
      if (this.#dead) await new Promise(() => {});
    }
  }
}

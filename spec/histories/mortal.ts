/**
 * An engine as a process has it that may be killed or stopped: after its death no answer comes any more, and while it is stopped
 * nothing leaves and nothing arrives. What was sent before goes on its way.
 */
import type { Engine } from '../../lib/engine/index.js';

export class Mortal {
  readonly engine: Engine;
  #dead = false;
  #thawed: Promise<void> = Promise.resolve();

  constructor(engine: Engine) {
    this.engine = new Proxy(engine, {
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

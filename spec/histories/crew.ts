/** Worker processes that go from run to run: starting one costs about a second of a processor. */
import { Child } from './processes.js';

export class Crew {
  readonly #module: URL;
  readonly #idle: Child[] = [];
  readonly #all = new Set<Child>();

  /** Of processes that run `module`. */
  constructor(module: URL = new URL('./worker.ts', import.meta.url)) {
    this.#module = module;
  }

  take(): Child {
    const child = this.#idle.pop() ?? new Child(this.#module);
    this.#all.add(child);
    return child;
  }

  giveBack(child: Child): void {
    child.onNote = undefined;
    this.#idle.push(child);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((child) => child.end()));
  }
}

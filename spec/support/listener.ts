/** Listens on all channels of the library, and keeps what it hears in order. */
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { diagnosticsChannels, type OperationEvent } from '../../lib/atom/index.js';

/** One message. */
export interface Heard {
  /** `swap:start`, `commit`, … */
  readonly name: string;
  /** The very object. */
  readonly event: object;
  /** What it said at that time. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export class Listener {
  readonly heard: Heard[] = [];
  /** Called with each message, in the context of whoever publishes it. */
  onHear: ((name: string) => void) | undefined;
  readonly #stops: (() => void)[] = [];

  constructor() {
    const { operations, ...plain } = diagnosticsChannels;
    for (const [kind, channel] of Object.entries(operations)) {
      for (const phase of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const) {
        const { [phase]: one } = tracingChannel<unknown, OperationEvent>(channel);
        const hear = (event: unknown) => this.#hear(`${kind}:${phase}`, event);
        one.subscribe(hear);
        this.#stops.push(() => one.unsubscribe(hear));
      }
    }
    for (const [name, channel] of Object.entries(plain)) {
      const hear = (event: unknown) => this.#hear(name, event);
      subscribe(channel, hear);
      this.#stops.push(() => unsubscribe(channel, hear));
    }
  }

  /** What a channel said, each as it was at that time. */
  said(name: string): readonly Readonly<Record<string, unknown>>[] {
    return this.heard.filter((one) => one.name === name).map(({ facts }) => facts);
  }

  /** The calls that have ended, in the order of their ends. */
  get calls(): readonly Readonly<Record<string, unknown>>[] {
    return this.heard.filter((one) => one.name.endsWith(':asyncEnd')).map(({ facts }) => facts);
  }

  clear(): void {
    this.heard.length = 0;
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #hear(name: string, event: unknown): void {
    this.heard.push({ name, event: event as object, facts: { ...(event as object) } });
    this.onHear?.(name);
  }
}

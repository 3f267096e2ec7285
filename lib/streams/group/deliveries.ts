/**
 * The iterable style: batches that a loop takes in place of a handler. Each is a handler call that ends when the next one is pulled, so all rules
 * are those of handlers: what was pulled and not done when the loop ends is delivered again.
 */
import { Notice } from '../notice.js';
import type { GroupBatch, HandlerContext } from './handler.js';
import { Leaving } from './leaving.js';

/** A batch in a loop, with what a handler would be told. Pulling the next one says that it is done. */
export interface GroupDelivery<T> extends GroupBatch<T> {
  readonly context: HandlerContext;
  /** Says that it is done, before the next one is pulled. */
  commit(): void;
}

interface Handed<T> {
  readonly batch: GroupBatch<T>;
  readonly context: HandlerContext;
  done(): void;
  failed(error: unknown): void;
}

export class Deliveries<T> {
  readonly #notice = new Notice();
  #queue: Handed<T>[] = [];
  #inHand: Handed<T> | undefined;
  #isLeft = false;
  #end: { readonly error: unknown } | 'ended' | undefined;

  /** The handler: waits until the loop is done with the batch. */
  hand(batch: GroupBatch<T>, context: HandlerContext): Promise<void> {
    if (this.#isLeft) return Promise.reject(new Leaving());
    return new Promise((done, failed) => {
      const handed = { batch, context, done, failed };
      this.#queue.push(handed);
      const leave = () => {
        this.#queue = this.#queue.filter((one) => one !== handed);
      };
      context.signal.addEventListener('abort', leave, { once: true });
      this.#notice.give();
    });
  }

  /** No more will come. */
  end(failure?: { readonly error: unknown }): void {
    this.#end ??= failure ?? 'ended';
    this.#notice.give();
  }

  /** The loop has ended: the batch in hand is not done, and no other will be. */
  leave(): void {
    this.#isLeft = true;
    this.#inHand?.failed(new Leaving());
    this.#inHand = undefined;
    for (const { failed } of this.#queue.splice(0)) failed(new Leaving());
  }

  /** @throws what ended the group. */
  async next(): Promise<GroupDelivery<T> | undefined> {
    this.#inHand?.done();
    this.#inHand = undefined;
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) {
        this.#inHand = next;
        return { ...next.batch, context: next.context, commit: next.done };
      }
      if (this.#end === 'ended') return undefined;
      if (this.#end !== undefined) throw this.#end.error;
      await this.#notice.next();
    }
  }
}

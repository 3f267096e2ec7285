/** What one call of a handler has begun beside itself: transactions and checkpoints, which it may not have awaited. */
export class Begun {
  readonly #underWay = new Set<Promise<unknown>>();

  note<R>(begun: Promise<R>): Promise<R> {
    this.#underWay.add(begun);
    const forget = () => void this.#underWay.delete(begun);
    begun.then(forget, forget);
    return begun;
  }

  /**
   * The answer of the handler, once all that it has begun has come to an end as well; `onReturn` is called in between. A failure of that is one of
   * the handler.
   */
  async whole(call: Promise<unknown>, onReturn: () => void): Promise<unknown> {
    const [answer] = await Promise.allSettled([call]);
    onReturn();
    const ends = await Promise.allSettled(this.#underWay);
    for (const end of [answer, ...ends]) if (end.status === 'rejected') throw end.reason;
    return (answer as PromiseFulfilledResult<unknown>).value;
  }
}

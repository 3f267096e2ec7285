/**
 * A promise that knows whether anybody looked at what became of it.
 *
 * A transaction's calls need not be awaited: all of them are before the commit. One that fails and that nobody looked at fails
 * the transaction; one whose failure was looked at was its owner's to handle. Neither is ever an unhandled rejection.
 */

const ignore = (): void => {};

export class NotedPromise<T> extends Promise<T> {
  /** What is made by `then` is a plain promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  isNoted = false;

  static of<T>(promise: Promise<T>): NotedPromise<T> {
    const noted = new NotedPromise<T>((resolve, reject) => {
      promise.then(resolve, reject);
    });
    void Promise.prototype.then.call(noted, undefined, ignore);
    return noted;
  }

  // biome-ignore lint/suspicious/noThenProperty: that it was called is what is to be known.
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.isNoted = true;
    return super.then(onFulfilled, onRejected);
  }

  /** Resolves when it has settled, without counting as a look. */
  settled(): Promise<void> {
    return Promise.prototype.then.call(this, ignore, ignore) as Promise<void>;
  }
}

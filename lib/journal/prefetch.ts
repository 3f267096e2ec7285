/** Works ahead: keeps up to `ahead` results of an asynchronous sequence ready while the consumer is at the one before. */
export async function* prefetch<T>(source: AsyncGenerator<T>, ahead: number): AsyncGenerator<T> {
  const waiting: Promise<IteratorResult<T>>[] = [];
  const ask = (): void => {
    const next = source.next();
    // Whoever waits for it sees the failure; one that is abandoned must not end the process.
    next.catch(() => {});
    waiting.push(next);
  };
  try {
    for (let count = 0; count < ahead; count += 1) ask();
    for (;;) {
      const { done, value } = await (waiting.shift() as Promise<IteratorResult<T>>);
      if (done) return;
      ask();
      yield value;
    }
  } finally {
    await source.return(undefined);
  }
}

/** An asynchronous sequence, and one more behind it. */
export async function* chained<T>(source: AsyncIterable<T>, last: T): AsyncGenerator<T> {
  yield* source;
  yield last;
}

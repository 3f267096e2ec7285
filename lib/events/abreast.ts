/**
 * Works on many things, some at a time, in their order. After a failure nothing new is begun; it is thrown when all that was begun has
 * ended, so that nothing goes on behind the caller's back.
 */
export async function abreast<T>(things: Iterable<T>, most: number, work: (thing: T) => Promise<void>): Promise<void> {
  const waiting = things[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const run = async () => {
    while (failure === undefined) {
      const { done, value } = waiting.next();
      if (done) return;
      try {
        await work(value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: most }, run));
  if (failure !== undefined) throw failure.error;
}

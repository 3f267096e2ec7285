/**
 * Maps a sequence with a few steps under way at once, in order.
 *
 * Errors come out in their place. Whoever stops early ends the source as well; steps under way are left to themselves.
 *
 * @returns what the source returned
 */
export async function* mapAhead<Item, Result, Return>(
  source: AsyncGenerator<Item, Return>,
  stepsMax: number,
  step: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, Return> {
  const underWay: Promise<Result>[] = [];
  try {
    for (;;) {
      const { done, value } = await source.next();
      if (done === true) {
        while (underWay.length > 0) yield await (underWay.shift() as Promise<Result>);
        return value;
      }
      const stepping = step(value);
      stepping.catch(() => {});
      underWay.push(stepping);
      if (underWay.length >= stepsMax) yield await (underWay.shift() as Promise<Result>);
    }
  } finally {
    await source.return(undefined as Return);
  }
}

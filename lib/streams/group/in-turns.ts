/** Does all of it, so many at a time, in order. */
export async function inTurns<R>(steps: readonly (() => Promise<R>)[], atOnceMax: number): Promise<R[]> {
  const results: R[] = [];
  const left = steps.entries();
  const work = async (): Promise<void> => {
    for (const [index, step] of left) results[index] = await step();
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, steps.length) }, work));
  return results;
}

/** What was granted, as far as this is concerned. */
interface Held {
  readonly loss: Error | undefined;
  release(): Promise<boolean>;
}

/** Runs `f`, and releases what it was run under; throws the loss of that if there was one before `f` had ended. */
export async function whileHeld<G extends Held, R>(grant: G, f: (grant: G) => R | Promise<R>): Promise<R> {
  let result: R;
  try {
    result = await f(grant);
  } catch (error) {
    await grant.release().catch(() => false);
    throw error;
  }
  const lost = grant.loss;
  // An answer that is lost here is settled in the background: the work is done.
  await grant.release().catch(() => false);
  if (lost !== undefined) throw lost;
  return result;
}

/** What was granted, as far as this is concerned. */
interface Held {
  readonly lossAfterwards: Error | undefined;
  release(): Promise<boolean>;
}

/** Runs `f`, and releases what it was run under; throws what that was lost by, if it was before `f` had ended. */
export async function whileHeld<G extends Held, R>(grant: G, f: (grant: G) => R | Promise<R>): Promise<R> {
  try {
    const result = await f(grant);
    const { lossAfterwards } = grant;
    if (lossAfterwards !== undefined) throw lossAfterwards;
    return result;
  } finally {
    // An answer that is lost here is settled in the background: the work is done.
    await grant.release().catch(() => false);
  }
}

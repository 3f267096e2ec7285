/**
 * One listener for each signal, however many calls wait under it. Node walks its list of listeners at every addition, and from the
 * eleventh on it warns of a leak; a signal for the end of a process may well have ten thousand calls under it.
 */
interface Under {
  readonly leaves: Set<() => void>;
  readonly listener: () => void;
}

const under = new WeakMap<AbortSignal, Under>();

/** Calls `leave` when `signal` aborts, at once if it has; returns the function that calls it off. */
export function onAbort(signal: AbortSignal, leave: () => void): () => void {
  if (signal.aborted) {
    leave();
    return () => {};
  }
  const { leaves, listener } = under.get(signal) ?? listen(signal);
  leaves.add(leave);
  return () => {
    leaves.delete(leave);
    if (leaves.size > 0 || under.get(signal)?.leaves !== leaves) return;
    under.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

/** Waits for `work`, but no longer than until `signal` aborts: then rejects with its reason, and the work goes on unwatched. */
export function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const unlisten = onAbort(signal, () => reject(signal.reason));
    work.finally(unlisten).then(resolve, reject);
  });
}

function listen(signal: AbortSignal): Under {
  const leaves = new Set<() => void>();
  const listener = () => {
    under.delete(signal);
    for (const leave of leaves) leave();
  };
  const made = { leaves, listener };
  under.set(signal, made);
  signal.addEventListener('abort', listener, { once: true });
  return made;
}

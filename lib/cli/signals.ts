/** Signals of the system, for as long as somebody listens. Unheard they end the process, as they end any other. */

/** The signals that ask a process to end. */
const enders = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `call` with each signal of `names`; gives what ends that. */
export function onSignals(names: readonly NodeJS.Signals[], call: (name: NodeJS.Signals) => void): () => void {
  for (const name of names) process.on(name, call);
  return () => {
    for (const name of names) process.off(name, call);
  };
}

/** Something that the first signal to end stops. */
export interface Stop {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** The signal that came. */
  readonly by: NodeJS.Signals | undefined;
  close(): void;
}

export function stopSignals(): Stop {
  const controller = new AbortController();
  let by: NodeJS.Signals | undefined;
  const close = onSignals(enders, (name) => {
    by ??= name;
    controller.abort(new Error(`stopped by ${name}`));
  });
  return {
    signal: controller.signal,
    get by() {
      return by;
    },
    close,
  };
}

/** Signals of the system, for as long as somebody listens. Unheard they end the process, as they end any other. */

/** The signals that ask a process to end. */
const enders = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Signals that mean something to a command, and nothing to this process. Unheard, the first would open Node's debugger. */
export const others: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2', 'SIGWINCH'];

let isInterrupted = false;

/** Whether a SIGINT was heard. Who then ends by it must tell the shell, or its loop goes on: see `main.ts`. */
export const wasInterrupted = (): boolean => isInterrupted;

/** Calls `call` with each signal of `names`; gives what ends that. */
export function onSignals(names: readonly NodeJS.Signals[], call: (name: NodeJS.Signals) => void): () => void {
  const heard = (name: NodeJS.Signals) => {
    isInterrupted ||= name === 'SIGINT';
    call(name);
  };
  for (const name of names) process.on(name, heard);
  return () => {
    for (const name of names) process.off(name, heard);
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

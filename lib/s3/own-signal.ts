/** A signal for each request of several that are made under one, and one for all of them. */
import { onAbort, type SendOptions } from '../engine/index.js';

/** Runs `work` with a controller of its own, which aborts as well when `signal` does. */
export async function under<T>(
  signal: AbortSignal | undefined,
  work: (own: AbortController) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const unlisten = signal && onAbort(signal, () => own.abort(signal.reason));
  try {
    return await work(own);
  } finally {
    unlisten?.();
  }
}

/** The SDK listens once for each request, and from the eleventh listener of a signal on Node warns of a leak. */
export async function withOwnSignal<T>(
  options: SendOptions | undefined,
  send: (own: SendOptions | undefined) => Promise<T>,
): Promise<T> {
  if (options?.signal === undefined) return send(options);
  return under(options.signal, ({ signal }) => send({ signal }));
}

/** Runs requests with a signal that aborts when `signal` does, and once they are over: after the failure of one nothing is sent for the others. */
export function calledOffTogether<T>(
  signal: AbortSignal | undefined,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return under(signal, (own) => send(own.signal).finally(() => own.abort()));
}

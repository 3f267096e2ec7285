/** A signal for each request of several that are made under one, and one for all of them. */
import { onAbort, type SendOptions } from '../engine/index.js';

/** The SDK listens once for each request, and from the eleventh listener of a signal on Node warns of a leak. */
export async function withOwnSignal<T>(
  options: SendOptions | undefined,
  send: (own: SendOptions | undefined) => Promise<T>,
): Promise<T> {
  if (options?.signal === undefined) return send(options);
  const { signal } = options;
  const own = new AbortController();
  const unlisten = onAbort(signal, () => own.abort(signal.reason));
  try {
    return await send({ signal: own.signal });
  } finally {
    unlisten();
  }
}

/** Runs requests with a signal that aborts when `signal` does, and once they are over: after the failure of one nothing is sent for the others. */
export async function calledOffTogether<T>(
  signal: AbortSignal | undefined,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const unlisten = signal && onAbort(signal, () => end.abort(signal.reason));
  try {
    return await send(end.signal);
  } finally {
    unlisten?.();
    end.abort();
  }
}

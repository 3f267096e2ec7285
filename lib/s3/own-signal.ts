/** A signal for each request of several that are made under one. */
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

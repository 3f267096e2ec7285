/**
 * How an abort signal reaches the transport of a client of ours without the SDK's options.
 *
 * The SDK builds its middleware stack anew for each call that is given options, and throws the cached one away: 90 to 120
 * microseconds of CPU, a fifth of a call, for every call that can be aborted, and ours all can. So the signal travels beside
 * the call: it is noted for the command's input, and a middleware that sees input and request together hands it on.
 *
 *   SdkEngine --noteSignal(input)--> middleware --> request --signalOfRequest--> UndiciHandler
 */

const signalOfInput = new WeakMap<object, AbortSignal>();
const signals = new WeakMap<object, AbortSignal>();
/** The clients that pass signals on. */
const configs = new WeakSet<object>();

/** The part of a client that is needed here; the middleware's own types speak of every command. */
interface Client {
  readonly config: object;
  readonly middlewareStack: { add(middleware: never, options: never): void };
}

/** What the last step before the transport is called with. */
interface Arrived {
  readonly input: object;
  readonly request: object;
}

/** Teaches a client that was just made to pass signals on. */
export function passSignals(client: Client): void {
  const middleware = (next: (arrived: Arrived) => unknown) => (arrived: Arrived) => {
    const signal = signalOfInput.get(arrived.input);
    if (signal !== undefined) signals.set(arrived.request, signal);
    return next(arrived);
  };
  client.middlewareStack.add(
    middleware as never,
    { step: 'deserialize', priority: 'low', name: 'leydenJarSignal' } as never,
  );
  configs.add(client.config);
}

/** Whether a client, or the one that a document client was made of, passes signals on. */
export function passesSignals(client: { readonly config: object }): boolean {
  return configs.has(client.config);
}

/** Notes the signal of a call, by the input of its command. */
export function noteSignal(input: object, signal: AbortSignal): void {
  signalOfInput.set(input, signal);
}

/** The signal of a call, by the request that it came to. */
export function signalOfRequest(request: object): AbortSignal | undefined {
  return signals.get(request);
}

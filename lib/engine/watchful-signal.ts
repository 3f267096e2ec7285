/**
 * A signal that looks at the clock before it says that nothing has happened.
 *
 * Timers do not fire in a process that is stopped, nor in an event loop that is blocked; and after the thaw, other timers and
 * callbacks may run before ours. So whoever asks (`aborted`, `throwIfAborted`, `reason`) is answered by the clocks, and the abort
 * happens then and there. Listeners are called at that moment too.
 */

/** Gives the signal of `controller`; `look` is called before each answer and may abort it. */
export function watchfulSignal(controller: AbortController, look: () => void): AbortSignal {
  const { signal } = controller;
  const plain = AbortSignal.prototype;
  const read = (name: 'aborted' | 'reason'): unknown => {
    look();
    return Reflect.get(plain, name, signal);
  };
  Object.defineProperties(signal, {
    aborted: { get: () => read('aborted'), configurable: true },
    reason: { get: () => read('reason'), configurable: true },
    throwIfAborted: {
      value: () => {
        look();
        plain.throwIfAborted.call(signal);
      },
      configurable: true,
    },
  });
  return signal;
}

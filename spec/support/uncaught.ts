/** What is thrown in microtasks by themselves, which would end the process: caught, until `restore` is called. */
export function catchUncaught(): { readonly uncaught: readonly unknown[]; restore(): void } {
  const uncaught: unknown[] = [];
  const original = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (call) =>
    original(() => {
      try {
        call();
      } catch (error) {
        uncaught.push(error);
      }
    });
  return {
    uncaught,
    restore() {
      globalThis.queueMicrotask = original;
    },
  };
}

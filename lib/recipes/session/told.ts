/** Calls them one after the other. What one throws keeps nothing from the others: it is thrown by itself, as by an `EventTarget`. */
export function tellAll<Told extends readonly unknown[]>(
  calls: Iterable<(...told: Told) => void>,
  ...told: Told
): void {
  for (const call of [...calls]) {
    try {
      call(...told);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/**
 * Tells somebody of something. Whoever listens has no say in what goes on: what he throws, or what his promise is rejected with, is lost, or
 * goes where it is wanted.
 */
export function tell<Event>(
  listener: (event: Event) => unknown,
  event: Event,
  onFailed: (error: unknown) => void = () => {},
): void {
  try {
    const told = listener(event);
    // Of any realm or library: a promise that nobody looks at would end the process.
    if (told !== undefined) Promise.resolve(told).catch(onFailed);
  } catch (error) {
    onFailed(error);
  }
}

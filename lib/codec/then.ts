/** What to do with a value that may have to be waited for: without a turn of the event loop where it is there already. */

/** Applies `next` to `value`, at once if it is no promise. */
export function after<Value, Next>(
  value: Value | Promise<Value>,
  next: (value: Value) => Next | Promise<Next>,
): Next | Promise<Next> {
  return isThenable(value) ? value.then(next) : next(value);
}

/** Whether `value` has to be waited for. */
function isThenable<Value>(value: Value | PromiseLike<Value>): value is Promise<Value> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

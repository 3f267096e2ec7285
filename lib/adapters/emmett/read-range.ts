/**
 * Which events of a stream a reader asks for, as Emmett's in-memory store counts them: `from` events are skipped, and `to` is the
 * position of the last one. `maxCount` counts from there, where `to` is absent; 0 is no limit.
 *
 *   from 1n, to 3n         ─► events 2, 3
 *   from 1n, maxCount 3n   ─► events 2, 3, 4
 */
export interface ReadRange {
  readonly from?: bigint;
  readonly to?: bigint;
  readonly maxCount?: bigint;
}

/** First and last event, by their numbers from 1. */
export interface Span {
  readonly first: number;
  /** Absent: up to the newest. */
  readonly last: number | undefined;
}

/** @throws TypeError, RangeError */
export function spanOf({ from, to, maxCount }: ReadRange): Span {
  for (const [name, value] of Object.entries({ from, to, maxCount })) {
    if (value === undefined) continue;
    if (typeof value !== 'bigint') {
      throw new TypeError(`Cannot read a stream: ${name} must be a bigint: ${typeof value}`);
    }
    if (value < 0n) throw new RangeError(`Cannot read a stream: ${name} must not be negative: ${value}n`);
  }
  const skipped = from ?? 0n;
  const last = to ?? (maxCount ? skipped + maxCount : undefined);
  return { first: inRange(skipped + 1n), last: last === undefined ? undefined : inRange(last) };
}

/** No stream has more events. */
function inRange(position: bigint): number {
  return Number(position > BigInt(Number.MAX_SAFE_INTEGER) ? BigInt(Number.MAX_SAFE_INTEGER) : position);
}

/** Reads a range of a stream, and says how the whole stream is. */
import type { BigIntStreamPosition, Event, ExpectedStreamVersion, ReadStreamOptions } from '@event-driven-io/emmett';
import { type EventStore, StreamClosedError } from '../../events/index.js';
import { assertExpectedVersionMatchesCurrent, upcastRecordedMessage } from './api.js';
import { type LeydenReadEvent, toReadEvent } from './messages.js';
import { spanOf } from './read-range.js';

/** Emmett's options of a reading. */
export type ReadRangeOptions<E extends Event, Stored extends Event> = ReadStreamOptions<
  BigIntStreamPosition,
  E,
  Stored
>;

/** What a reading came upon. */
export interface Reading {
  /** Events of the whole stream. */
  readonly version: bigint;
  /** Number of the last event that the range takes in. */
  readonly end: bigint;
}

/** Version of a stream that has no events. */
export const noVersion = 0n;

/**
 * Tells `each` the events of the range, one after the other.
 *
 * @throws Emmett's `ExpectedVersionConflictError`; where all of the stream is read, after the events were told.
 */
export async function readRange<E extends Event, Stored extends Event>(
  store: EventStore,
  stream: string,
  { expectedStreamVersion, schema, ...range }: ReadRangeOptions<E, Stored> = {},
  each: (event: LeydenReadEvent<E>) => void,
): Promise<Reading> {
  const { first, last } = spanOf(range);
  const isWhole = first === 1 && last === undefined;
  // Of a part, the whole stream's version is looked up first, and nothing behind it is told: so both are of one instant.
  const known = isWhole ? undefined : await versionOf(store, stream);
  if (known !== undefined) check(known, expectedStreamVersion);
  const to = known === undefined ? undefined : Math.min(last ?? Number.POSITIVE_INFINITY, Number(known));
  let newest = 0;
  if (to === undefined || first <= to) {
    for await (const event of store.read(stream, { from: first, ...(to !== undefined && { to }) })) {
      newest = event.seq;
      each(upcastRecordedMessage(toReadEvent<Stored>(event), schema?.versioning) as unknown as LeydenReadEvent<E>);
    }
  }
  const version = known ?? BigInt(newest);
  if (known === undefined) check(version, expectedStreamVersion);
  return { version, end: BigInt(to ?? newest) };
}

function check(version: bigint, expected: ExpectedStreamVersion | undefined): void {
  assertExpectedVersionMatchesCurrent(version, expected, noVersion);
}

/**
 * Version of a stream; 0 where there is none.
 *
 * @throws {StreamClosedError} `ERR_STREAM_CLOSED` of a deleted one, as a reading does.
 */
export async function versionOf(store: EventStore, stream: string): Promise<bigint> {
  const info = await store.info(stream);
  if (info?.closed === 'deleted') throw new StreamClosedError('read', stream, 'deleted');
  return BigInt(info?.version ?? 0);
}

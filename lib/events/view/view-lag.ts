/** How far a generation is behind the log. */
import type { Feeder } from './feeder.js';
import { headsAtOnce } from './feeder.js';
import type { Generation } from './generation.js';
import type { Log, StreamHead } from './log.js';

/** How far a view is behind. */
export interface ViewLag {
  /** Events that are in the log and not in the view. */
  readonly events: number;
  /** Streams that have some; 1 for an ordered category, where that is not counted. */
  readonly streams: number;
  /** Age of the oldest of them by this machine's clock; 0 where there are none. */
  readonly ageMs: number;
}

export async function lagOf(
  log: Log,
  feeder: Feeder,
  generation: Generation,
  heads: AsyncIterable<StreamHead> | Iterable<StreamHead>,
  signal: AbortSignal | undefined,
): Promise<ViewLag> {
  const { cursors } = feeder.of(generation);
  let [events, streams] = [0, 0];
  let oldest = Number.POSITIVE_INFINITY;
  for await (const group of grouped(heads, headsAtOnce)) {
    const seen = await cursors.stand(
      group.map(({ stream }) => stream),
      signal,
    );
    for (const [index, head] of group.entries()) {
      const cursor = seen[index] as number;
      if (cursor >= head.head.seq) continue;
      events += head.head.seq - cursor;
      streams += 1;
      oldest = Math.min(oldest, await timeOf(log, head, cursor + 1, signal));
    }
  }
  const ageMs = streams === 0 ? 0 : Math.max(0, log.table.sources.clock.now() - oldest);
  return { events, streams, ageMs };
}

/** The same for a generation that is fed from an ordered category. */
export async function categoryLagOf(
  log: Log,
  category: string,
  position: number,
  signal: AbortSignal | undefined,
): Promise<ViewLag> {
  const events = Math.max(0, (await log.facts.size(category, signal)) - position);
  if (events > 0) {
    for await (const { time } of log.facts.read(category, position + 1, signal)) {
      return { events, streams: 1, ageMs: Math.max(0, log.table.sources.clock.now() - time) };
    }
  }
  return { events: 0, streams: 0, ageMs: 0 };
}

/** Things in groups of so many; the last one may have fewer. */
export async function* grouped<T>(things: AsyncIterable<T> | Iterable<T>, most: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const thing of things) {
    group.push(thing);
    if (group.length < most) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

async function timeOf(log: Log, head: StreamHead, seq: number, signal: AbortSignal | undefined): Promise<number> {
  const commit = head.head.tail.find(({ first, count }) => first + count > seq);
  if (commit !== undefined && commit.first <= seq) return commit.time;
  for await (const { events } of log.events(head, seq, signal)) if (events[0] !== undefined) return events[0].time;
  return head.head.time;
}

/** What a process holds while it reads a long stream. Needs `--expose-gc` and a process of its own. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Place } from '../clients.js';
import { eventsOf, newStoreBeside, nextFlights } from '../event-stores.js';

interface LongStream {
  readonly place: Place;
  readonly stream: string;
}

/** Events of one append. */
const perAppend = 1_000;

/** Appends events until there are `count`. */
export async function fillLongStream({ place, stream, count }: LongStream & { count: number }): Promise<void> {
  const store = newStoreBeside(eventsOf(place));
  for (let version = 0; version < count; ) {
    ({ version } = await store.append(stream, nextFlights(Math.min(perAppend, count - version))));
  }
  await store.close();
}

export interface ReadMemory {
  readonly events: number;
  readonly ms: number;
  /** Most bytes that were alive at once, beyond those before: forced collections all the time. */
  readonly aliveBytes: number;
}

const everyMs = 10;

function aliveBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Reads a stream event by event, with a forced collection every few milliseconds; its time says nothing. */
export async function weighRead({ place, stream, small }: LongStream & { small: string }): Promise<ReadMemory> {
  if (globalThis.gc === undefined) throw new Error('the worker runs without --expose-gc');
  await read({ place, stream: small });
  await turn();
  const before = Math.min(aliveBytes(), aliveBytes());
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, aliveBytes());
  }, everyMs);
  const found = await read({ place, stream });
  clearInterval(timer);
  return { ...found, aliveBytes: most - before };
}

export interface ReadResident {
  readonly events: number;
  readonly ms: number;
  /** How much more memory the operating system saw the process hold at its peak than before. */
  readonly residentBytes: number;
}

/** Reads at full speed in a process that has read nothing but a small stream before. */
export async function residentRead({ place, stream, small }: LongStream & { small: string }): Promise<ReadResident> {
  await read({ place, stream: small });
  const before = process.resourceUsage().maxRSS;
  const found = await read({ place, stream });
  return { ...found, residentBytes: (process.resourceUsage().maxRSS - before) * 1_024 };
}

async function read({ place, stream }: LongStream): Promise<{ readonly events: number; readonly ms: number }> {
  const store = newStoreBeside(eventsOf(place));
  const startedAt = performance.now();
  let events = 0;
  for await (const { seq } of store.read(stream)) {
    events += 1;
    if (seq !== events) throw new Error(`event ${seq} came as number ${events}`);
  }
  const ms = performance.now() - startedAt;
  await store.close();
  return { events, ms };
}

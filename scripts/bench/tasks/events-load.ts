/** What a worker does to load an aircraft that it knows nothing of: from our streams, and from the other layouts. */
import type { Truth } from '../../../lib/events/index.js';
import { castorePartition } from '../baselines/castore-store.js';
import { fillItemStore } from '../baselines/item-store.js';
import { fillTransactionStore, TransactionStore } from '../baselines/transaction-store.js';
import { clientOf, type Place } from '../clients.js';
import { eventsOf, newStoreBeside, type OtherKind, otherStoreOf } from '../event-stores.js';
import { type Aircraft, aircraftOf, flightLanded, flyAll } from '../fleet.js';
import { closedLoop, type Sample } from '../sample.js';

interface Loaded {
  readonly place: Place;
  /** Names the aircraft; it has so many events. */
  readonly id: string;
  readonly count: number;
}

/** Appends the events of an aircraft one by one: by commands, or, where there are no states to be kept, as events. */
export async function fillAircraft({ place, id, count, truth }: Loaded & { truth: Truth }): Promise<void> {
  const store = newStoreBeside(eventsOf(place));
  const type = aircraftOf(truth);
  for (let flight = 0; flight < count; flight += 1) {
    if (truth === 'events') await store.append(`${type.name}-${id}`, [flightLanded(flight)], { expected: flight });
    else await store.execute(type, id, { flight });
  }
  await store.close();
}

/** Loads by a new store each time. */
export async function loadAircraft(args: Loaded & { truth: Truth; ops: number }): Promise<Sample> {
  const { place, id, count, truth, ops } = args;
  const events = eventsOf(place);
  const type = aircraftOf(truth);
  const judge = judgeOf(count);
  return closedLoop({
    callers: 1,
    ops,
    counts: events.engine.counts,
    async op() {
      const store = newStoreBeside(events);
      const { state } = await store.load(type, id);
      await store.close();
      return state;
    },
    judge: (_caller, state) => judge(state),
  });
}

/** Stores the same events in the other layouts, with the state after the last where they have one. */
export async function fillElsewhere({ place, id, count }: Loaded): Promise<void> {
  const client = clientOf(place.endpoint);
  await fillItemStore(client, place, id, count);
  await fillItemStore(client, place, castorePartition(id), count);
  await fillTransactionStore(client, place, id, count);
  await new TransactionStore(client, place).keep(id, { aircraft: flyAll(0, count), version: count });
}

export async function loadElsewhere(args: Loaded & { kind: OtherKind; ops: number }): Promise<Sample> {
  const { place, id, count, kind, ops } = args;
  const store = otherStoreOf(place, kind);
  const judge = judgeOf(count);
  return closedLoop({
    callers: 1,
    ops,
    counts: () => store.counts(),
    op: () => store.load(id),
    judge: (_caller, { aircraft }) => judge(aircraft),
  });
}

function judgeOf(count: number): (aircraft: Aircraft) => true | 'wrong' {
  const whole = JSON.stringify(flyAll(0, count));
  return (aircraft) => JSON.stringify(aircraft) === whole || 'wrong';
}

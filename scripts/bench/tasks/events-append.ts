/** What a worker does to append events: to one of our streams, and in the other layouts. */
import type { Standing } from '../baselines/aircraft-store.js';
import { makeAircraftTables } from '../baselines/aircraft-store.js';
import type { Place } from '../clients.js';
import { clientOf } from '../clients.js';
import { eventsOf, nextFlights, type OtherKind, otherStoreOf } from '../event-stores.js';
import { fly } from '../fleet.js';
import { closedLoop, type Sample } from '../sample.js';

export async function makeAircraft({ place }: { place: Place }): Promise<void> {
  await makeAircraftTables(clientOf(place.endpoint), place);
}

export interface AppendArguments {
  readonly place: Place;
  readonly id: string;
  /** Events of one append. */
  readonly events: number;
  readonly forMs?: number;
  /** So many appends, instead of a window. */
  readonly ops?: number;
}

/** Appends in a closed loop of one caller, who expects the version that he knows. Wrong is an answer with another one. */
export async function appendEvents({ place, id, events, ...length }: AppendArguments): Promise<Sample> {
  const { store, engine } = eventsOf(place);
  let version = (await store.append(id, nextFlights(1))).version;
  return closedLoop({
    callers: 1,
    ...length,
    counts: engine.counts,
    op: () => store.append(id, nextFlights(events), { expected: version }),
    judge(_caller, appended) {
      version += events;
      return appended.version === version || 'wrong';
    },
  });
}

/** The same in another layout, which knows the aircraft and appends after it. */
export async function appendElsewhere(args: AppendArguments & { kind: OtherKind }): Promise<Sample> {
  const { place, id, events, kind, ...length } = args;
  const store = otherStoreOf(place, kind);
  let standing: Standing = await store.load(id);
  return closedLoop({
    callers: 1,
    ...length,
    counts: () => store.counts(),
    async op() {
      const flights = nextFlights(events);
      const done = await store.append(id, standing, flights);
      const aircraft = flights.reduce((before, { data }) => fly(before, data), standing.aircraft);
      standing = { aircraft, version: standing.version + events };
      return done;
    },
    judge: (_caller, done) => done || 'wrong',
  });
}

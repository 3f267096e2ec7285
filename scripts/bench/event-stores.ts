/** The event stores of one worker process, opened once and kept between windows; ours and the others. */
import { AtomTable } from '../../lib/atom/index.js';
import { type MemoryEngine, SdkEngine } from '../../lib/engine/index.js';
import { EventStore } from '../../lib/events/index.js';
import type { AircraftStore } from './baselines/aircraft-store.js';
import { CastoreStore } from './baselines/castore-store.js';
import { ItemStore } from './baselines/item-store.js';
import { TransactionStore } from './baselines/transaction-store.js';
import { clientOf, type Place } from './clients.js';
import { type FlightLanded, flightLanded } from './fleet.js';
import { type WeighedEngine, weighed } from './weighed-engine.js';

/** A store with an engine of its own, so that what it costs is counted apart. */
export interface OpenEvents {
  readonly store: EventStore;
  readonly engine: WeighedEngine<SdkEngine | MemoryEngine>;
  readonly tableName: string;
}

const open = new Map<string, OpenEvents>();

export function eventsOf({ endpoint, table }: Place): OpenEvents {
  const name = `${endpoint} ${table}`;
  let events = open.get(name);
  if (events === undefined) {
    const engine = weighed(new SdkEngine(clientOf(endpoint)));
    events = { store: storeOn(engine.engine, table), engine, tableName: table };
    open.set(name, events);
  }
  return events;
}

/** A store that knows nothing yet, on the same engine. */
export function newStoreBeside({ engine, tableName }: OpenEvents): EventStore {
  return storeOn(engine.engine, tableName);
}

function storeOn(engine: SdkEngine | MemoryEngine, tableName: string): EventStore {
  return new EventStore(new AtomTable({ engine, tableName }));
}

export type OtherKind = 'items' | 'castore' | 'transactions' | 'transactions, events';

const makers: Readonly<Record<OtherKind, (place: Place) => AircraftStore>> = {
  items: (place) => new ItemStore(clientOf(place.endpoint), place),
  castore: (place) => new CastoreStore(clientOf(place.endpoint), place),
  transactions: (place) => new TransactionStore(clientOf(place.endpoint), place),
  'transactions, events': (place) => new TransactionStore(clientOf(place.endpoint), place, 'events'),
};

const others = new Map<string, AircraftStore>();

export function otherStoreOf(place: Place, kind: OtherKind): AircraftStore {
  const name = `${kind} ${place.endpoint} ${place.table}`;
  let other = others.get(name);
  if (other === undefined) {
    other = makers[kind](place);
    others.set(name, other);
  }
  return other;
}

const poolSize = 8_192;
let pool: readonly FlightLanded[] | undefined;
let taken = 0;

/** So many events, one after the other; made before, as they are not what is measured. */
export function nextFlights(count: number): readonly FlightLanded[] {
  pool ??= Array.from({ length: poolSize }, (_, flight) => flightLanded(flight));
  if (taken + count > poolSize) taken = 0;
  taken += count;
  return pool.slice(taken - count, taken);
}

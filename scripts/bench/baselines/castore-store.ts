/** `@castore/core` and `@castore/event-storage-adapter-dynamodb` 2.4 as they are published, on the table of `item-store.ts`. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Aggregate, EventStore, EventType, eventAlreadyExistsErrorCode, type GroupedEvent } from '@castore/core';
import { DynamoDBSingleTableEventStorageAdapter } from '@castore/event-storage-adapter-dynamodb';
import type { Place } from '../clients.js';
import { type Aircraft, type FlightData, type FlightLanded, fly, newAircraft } from '../fleet.js';
import type { Counts } from '../sample.js';
import { type AircraftStore, aircraftTable, type Standing, transactionMax } from './aircraft-store.js';
import { Tally } from './event-items.js';
import { meteredClient } from './metered-client.js';

interface Flown extends Aggregate {
  readonly aircraft: Aircraft;
}

/** The store's name, which the adapter puts before each id. */
const storeId = 'aircraft';

const flightLandedType = new EventType<'flight-landed', FlightData>({ type: 'flight-landed' });

export class CastoreStore implements AircraftStore {
  readonly #tally = new Tally();
  readonly #store;

  constructor(client: DynamoDBClient, place: Place) {
    this.#store = new EventStore({
      eventStoreId: storeId,
      eventTypes: [flightLandedType],
      reducer: (flown: Flown, { aggregateId, version, payload }): Flown => ({
        aggregateId,
        version,
        aircraft: fly(flown?.aircraft ?? newAircraft, payload),
      }),
      eventStorageAdapter: new DynamoDBSingleTableEventStorageAdapter({
        tableName: aircraftTable(place, 'items'),
        dynamoDBClient: meteredClient(client, this.#tally),
      }),
    });
  }

  counts(): Counts {
    return this.#tally.counts();
  }

  async append(aggregateId: string, { version }: Standing, events: readonly FlightLanded[]): Promise<boolean> {
    const details = events.map(({ type, data }, at) => ({
      ...{ aggregateId, type, payload: data },
      version: version + at + 1,
    }));
    try {
      const [first] = details;
      if (details.length === 1 && first !== undefined) await this.#store.pushEvent(first);
      else {
        for (let at = 0; at < details.length; at += transactionMax) {
          const group = details.slice(at, at + transactionMax).map((detail) => this.#store.groupEvent(detail));
          await EventStore.pushEventGroup({}, ...(group as unknown as [GroupedEvent, ...GroupedEvent[]]));
        }
      }
      return true;
    } catch (error) {
      if ((error as { readonly code?: string }).code !== eventAlreadyExistsErrorCode) throw error;
      return false;
    }
  }

  async load(id: string): Promise<Standing> {
    const { aggregate } = (await this.#store.getAggregate(id)) as { readonly aggregate?: Flown };
    return { aircraft: aggregate?.aircraft ?? newAircraft, version: aggregate?.version ?? 0 };
  }
}

/** The partition that the adapter keeps an aggregate in. */
export const castorePartition = (id: string): string => `${storeId}#${id}`;

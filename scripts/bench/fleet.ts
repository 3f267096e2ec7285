/**
 * The events of the event store cases, and the aggregate that takes them: an aircraft, of which each flight that lands is an event.
 *
 * The flights are those of `flights.ts`; one in four has the id of a report besides, 36 random characters, which hardly compress. As
 * JSON an event is 170 to 220 bytes.
 */
import { createHash } from 'node:crypto';
import { AggregateType, type Truth } from '../../lib/events/index.js';
import { type Landing, landing } from './flights.js';

/** What an event says. */
export interface FlightData extends Omit<Landing, 'type'> {
  readonly report?: string;
}

export interface FlightLanded {
  readonly type: 'flight-landed';
  readonly data: FlightData;
}

/** State of an aircraft. `order` depends on each flight and on the place that it came in. */
export interface Aircraft {
  readonly flights: number;
  readonly delayMinutes: number;
  readonly miles: number;
  readonly at: string;
  readonly order: number;
}

export const newAircraft: Aircraft = { flights: 0, delayMinutes: 0, miles: 0, at: '', order: 0 };

const reportEvery = 4;

/** The event with this number. */
export function flightLanded(flight: number): FlightLanded {
  const { type, ...data } = landing(flight);
  return { type, data: flight % reportEvery === 0 ? { ...data, report: uuidOf(flight) } : data };
}

function uuidOf(flight: number): string {
  const hex = createHash('sha256').update(`report ${flight}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** What an event makes of an aircraft: the same for the library and for each baseline. */
export function fly(aircraft: Aircraft, { flight, delayMinutes, distanceMiles, destination }: FlightData): Aircraft {
  return {
    flights: aircraft.flights + 1,
    delayMinutes: aircraft.delayMinutes + delayMinutes,
    miles: aircraft.miles + distanceMiles,
    at: destination,
    order: Math.imul(aircraft.order ^ flight, 16_777_619) >>> 0,
  };
}

/** What the events `from` to `to - 1` come to, one after the other. */
export function flyAll(from: number, to: number): Aircraft {
  let aircraft = newAircraft;
  for (let flight = from; flight < to; flight += 1) aircraft = fly(aircraft, flightLanded(flight).data);
  return aircraft;
}

/** A command: the flight with this number has landed. */
interface Land {
  readonly flight: number;
}

export type AircraftType = AggregateType<Aircraft, Land, FlightLanded>;

const types = new Map<string, AircraftType>();

/** The type of aircraft whose state is taken from there. Their streams differ. */
export function aircraftOf(truth: Truth): AircraftType {
  const name = typeof truth === 'string' ? `aircraft by ${truth}` : 'aircraft by snapshots';
  let type = types.get(name);
  if (type === undefined) {
    type = new AggregateType<Aircraft, Land, FlightLanded>({
      name,
      initial: newAircraft,
      handle: (_aircraft, { flight }) => flightLanded(flight),
      apply: (aircraft, { data }) => fly(aircraft, data),
      truth,
    });
    types.set(name, type);
  }
  return type;
}

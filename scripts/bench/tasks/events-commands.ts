/** What a worker does to decide many commands at once on some aircraft. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AircraftStore, Standing } from '../baselines/aircraft-store.js';
import type { Place } from '../clients.js';
import { eventsOf, newStoreBeside, nextFlights, type OtherKind, otherStoreOf } from '../event-stores.js';
import { aircraftOf, fly } from '../fleet.js';
import { closedLoop, type Sample } from '../sample.js';

export interface CommandArguments {
  readonly place: Place;
  /** Begins the names of the aircraft. */
  readonly name: string;
  readonly aircraft: number;
  readonly callers: number;
  readonly forMs: number;
}

const type = aircraftOf('aggregate');
/** Nobody leaves: an event that was told as unknown could not be accounted for. */
const timeoutMs = 600_000;

/** Commands in a closed loop, each caller on one aircraft. Who lost too many races is not counted. */
export async function executeCommands({ place, name, aircraft, callers, forMs }: CommandArguments): Promise<Sample> {
  const { store, engine } = eventsOf(place);
  return closedLoop({
    callers,
    forMs,
    counts: engine.counts,
    async op(caller) {
      const [flight] = nextFlights(1);
      try {
        const command = { flight: flight?.data.flight ?? 0 };
        return await store.execute(type, `${name}-${caller % aircraft}`, command, { timeoutMs });
      } catch (error) {
        if ((error as { readonly code?: string }).code === 'ERR_CONFLICT') return undefined;
        throw error;
      }
    },
    judge: (_caller, executed) => executed !== undefined,
  });
}

/** Flights that these aircraft have, in states and in events, by a store that knows nothing. */
export async function countFlights({ place, name, aircraft }: CommandArguments): Promise<number> {
  const store = newStoreBeside(eventsOf(place));
  let flights = 0;
  for (let at = 0; at < aircraft; at += 1) {
    const { state, version } = await store.load(type, `${name}-${at}`);
    if (state.flights !== version) throw new Error(`${state.flights} flights in the state, ${version} events`);
    flights += version;
  }
  await store.close();
  return flights;
}

export interface CommandsElsewhereArguments extends CommandArguments {
  readonly kind: OtherKind;
  /** Commands of this process on one aircraft go one after the other. */
  readonly inTurn: boolean;
}

/** Pauses after a lost race: full jitter below a ceiling that doubles. */
const pauseMs = { least: 4, most: 250 };

/** The aircraft as this process knows them. */
const known = new Map<string, Standing>();

/**
 * The same in another layout: state known here, append after it; when somebody else was first, a pause, the state anew, and again.
 * The published package keeps no state, and loads before each append.
 */
export async function commandElsewhere(args: CommandsElsewhereArguments): Promise<Sample> {
  const { place, name, aircraft, callers, forMs, kind, inTurn } = args;
  const store = otherStoreOf(place, kind);
  const turns = new Map<string, Promise<unknown>>();
  return closedLoop({
    callers,
    forMs,
    counts: () => store.counts(),
    op(caller, over) {
      const id = `${name}-${caller % aircraft}`;
      const run = () => command({ store, id, remembers: kind !== 'castore', over });
      if (!inTurn) return run();
      const turn = (turns.get(id) ?? Promise.resolve()).then(run);
      turns.set(id, turn);
      return turn;
    },
    judge: (_caller, done) => done,
  });
}

interface Command {
  readonly store: AircraftStore;
  readonly id: string;
  /** Whether states are kept from one command to the next. */
  readonly remembers: boolean;
  /** Then it is given up. */
  readonly over: () => boolean;
}

async function command({ store, id, remembers, over }: Command): Promise<boolean> {
  const flights = nextFlights(1);
  for (let lost = 0; !over(); lost += 1) {
    const standing = (remembers ? known.get(id) : undefined) ?? (await store.load(id));
    if (await store.append(id, standing, flights)) {
      const aircraft = flights.reduce((before, { data }) => fly(before, data), standing.aircraft);
      known.set(id, { aircraft, version: standing.version + flights.length });
      return true;
    }
    await sleep(Math.random() * Math.min(pauseMs.most, pauseMs.least * 2 ** lost));
    // Another caller may have got on meanwhile.
    if (remembers && known.get(id) === standing) known.set(id, await store.load(id));
  }
  return false;
}

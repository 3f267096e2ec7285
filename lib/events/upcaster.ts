/**
 * Upcasters: bring events that were appended in the past to the shape of today, whenever they are read. Stored events stay.
 *
 *   deposited 1.0.0 ──[ to 1.1.0 ]──► 1.1.0 ──[ to 2.0.0 ]──► 2.0.0      in the order of versions, each from whatever is below
 *
 * The rule of cqrs-es: an upcaster applies to events of its type whose version is below the one that it makes.
 */

import compare from 'semver/functions/compare.js';
import parse from 'semver/functions/parse.js';
import { UpcastError } from './errors.js';
import type { EventMetadata, RecordedEvent } from './event.js';

/** What an upcaster sees of an event. */
export interface UpcastSubject {
  readonly type: string;
  readonly data: unknown;
  readonly metadata: EventMetadata;
  readonly schemaVersion: string;
}

/** What an upcaster may change. What it leaves out stays. */
export interface Upcasted {
  /** Another type: from here on the upcasters of that type apply. */
  readonly type?: string;
  readonly data?: unknown;
  readonly metadata?: EventMetadata;
}

/**
 * Brings events of one type to a version.
 *
 * @example
 * ```ts
 * import type { Upcaster } from 'leyden-jar/events';
 *
 * const toCents: Upcaster = {
 *   type: 'deposited',
 *   to: '2.0.0',
 *   upcast: ({ data }) => ({ data: { cents: Math.round((data as { amount: number }).amount * 100) } }),
 * };
 * console.log(toCents.upcast({ type: 'deposited', data: { amount: 1.5 }, metadata: {}, schemaVersion: '1.0.0' })); // { data: { cents: 150 } }
 * ```
 */
export interface Upcaster {
  /** Type of the events that it is for. */
  readonly type: string;
  /** The version that it makes; it is for all versions below. */
  readonly to: string;
  /** Pure and synchronous: it runs at each reading. The event that it is given may be frozen. */
  readonly upcast: (event: UpcastSubject) => Upcasted;
}

/** What an upcaster may return: what it was given, too. */
const changeable: Readonly<Record<keyof UpcastSubject, true>> = {
  ...{ type: true, data: true, metadata: true, schemaVersion: true },
};

/** All upcasters of a store. */
export class Upcasters {
  readonly #byType = new Map<string, Upcaster[]>();

  /** @throws TypeError, RangeError for a version that is none, or two upcasters of one type to one version. */
  constructor(upcasters: readonly Upcaster[]) {
    if (!Array.isArray(upcasters)) throw new TypeError('Cannot use upcasters: they must be an array');
    for (const upcaster of upcasters as readonly Upcaster[]) {
      const { type, to, upcast } = upcaster ?? {};
      if (typeof type !== 'string' || typeof upcast !== 'function') {
        throw new TypeError('Cannot use an upcaster: type must be a string, upcast a function');
      }
      if (parse(to) === null) {
        throw new RangeError(`Cannot use an upcaster of ${type}: to must be a semantic version: ${JSON.stringify(to)}`);
      }
      const steps = this.#byType.get(type) ?? [];
      if (steps.some((step) => compare(step.to, to) === 0)) {
        throw new RangeError(`Cannot use an upcaster of ${type}: there are two to version ${to}`);
      }
      steps.push(upcaster);
      steps.sort((one, other) => compare(one.to, other.to));
      this.#byType.set(type, steps);
    }
  }

  /**
   * An event as it is to be seen today.
   *
   * @throws {UpcastError} `ERR_UPCAST` for a version that is none, an upcaster that throws, types that go round in a circle.
   */
  apply<E extends RecordedEvent>(event: E): E {
    if (!this.#byType.has(event.type)) return event;
    let now: RecordedEvent = event;
    const types = new Set([event.type]);
    for (;;) {
      const { type } = now;
      now = this.#climb(now);
      if (now.type === type) return Object.freeze(now) as E;
      if (types.has(now.type)) throw new UpcastError(event, `its upcasters lead back to type ${now.type}`);
      types.add(now.type);
    }
  }

  /** Up the versions of one type, until the top or another type. */
  #climb(event: RecordedEvent): RecordedEvent {
    if (parse(event.schemaVersion) === null) throw new UpcastError(event, 'that is no semantic version');
    let now = event;
    for (const { type, to, upcast } of this.#byType.get(event.type) ?? []) {
      if (compare(now.schemaVersion, to) >= 0) continue;
      const { data, metadata, schemaVersion } = now;
      let made: Upcasted;
      try {
        made = upcast({ type, data, metadata, schemaVersion });
      } catch (error) {
        throw new UpcastError(now, `the upcaster to ${to} threw: ${(error as Error)?.message}`, error);
      }
      if (typeof made !== 'object' || made === null || 'then' in made) {
        throw new UpcastError(
          now,
          `the upcaster to ${to} returned no object; return { data }, and do not wait for anything`,
        );
      }
      const other = Object.keys(made).find((name) => !Object.hasOwn(changeable, name));
      if (other !== undefined) {
        throw new UpcastError(
          now,
          `the upcaster to ${to} returned ${JSON.stringify(other)}; return { data }, and what else has changed of type and metadata`,
        );
      }
      now = { ...now, ...made, schemaVersion: to } as RecordedEvent;
      if (now.type !== type) return now;
    }
    return now;
  }
}

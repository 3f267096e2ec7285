/**
 * How the rooms of one table tell what happens in them: to whoever listens on the channels, and to the table's logger.
 *
 * Whoever tells asks {@link Events.wants} first, so that where nobody listens nothing is even put together.
 */
import type { Clock } from '../../engine/index.js';
import { type PlainEvents, plainChannels } from './diagnostics.js';
import { Log, type Logger } from './logger.js';

export class Events {
  readonly #tableName: () => string;
  readonly #log: Log | undefined;

  constructor(tableName: () => string, clock: Clock, logger: Logger | undefined) {
    this.#tableName = tableName;
    this.#log = logger === undefined ? undefined : new Log(logger, clock);
  }

  /** The table's name, also when the function that should tell it fails: that is for the requests to report. */
  get table(): string {
    try {
      return this.#tableName();
    } catch {
      return '';
    }
  }

  /** Whether anybody would hear it. */
  wants(name: keyof PlainEvents): boolean {
    return this.#log !== undefined || plainChannels[name].hasSubscribers;
  }

  tell<Name extends keyof PlainEvents>(name: Name, facts: Omit<PlainEvents[Name], 'table'>): void {
    const event = { table: this.table, ...facts } as PlainEvents[Name];
    plainChannels[name].publish(event);
    this.#log?.event(name, event);
  }

  /** A fault of the library itself, which all who waited are told as well. */
  fault(key: string, error: unknown): void {
    this.#log?.fault(this.table, key, error);
  }
}

/** What a migration is asked for, and what it tells. */
import type { Storage } from './storage.js';

/** Options of `migrate`. */
export interface MigrateOptions {
  /** Where the system is. Nothing is written there, unless `fence` is set. */
  readonly from: Storage;
  /** Where it is to be: a place with nothing in it, or with a part of this system. */
  readonly to: Storage;
  /** The system's `format`. @defaultValue '' */
  readonly format?: string | undefined;
  /**
   * When all is copied, takes the right to write from all instances at the old place, copies what they had done by then, and keeps the
   * right: from then on nothing is acknowledged there. A call that fails gives it back, unless an earlier call had taken it. `take-over`:
   * from one that holds it alone as well.
   * @defaultValue false: what is acknowledged there afterwards is not at the new place
   */
  readonly fence?: boolean | 'take-over' | undefined;
  /** Told how far it has come, ten times a second at most, and at the end of each phase. */
  readonly onProgress?: ((progress: MigrateProgress) => void) | undefined;
  /** Told of snapshots that can't be read, which are passed over. @defaultValue nobody */
  readonly onWarning?: ((error: unknown) => void) | undefined;
  /** Ends it between two commits. Called again, it goes on there. */
  readonly signal?: AbortSignal | undefined;
}

/** How far a migration has come. */
export interface MigrateProgress {
  readonly phase: 'compare' | 'copy' | 'verify';
  /** Number of the event that it has come to, and of the last one. */
  readonly seq: number;
  readonly seqTotal: number;
}

/** What a migration has done. */
export interface MigrateReport {
  /** Number of the last event, which both sides have. */
  readonly seq: number;
  /** Events that were copied by this call. */
  readonly copied: number;
  /** Events in the state from which both sides go on; 0: from the first event on. */
  readonly startsAt: number;
  /** Of the events after that, as they were read back: SHA-256 over number, time, version and text of each. */
  readonly digest: string;
}

/** @throws {TypeError} before anything is sent. */
export function requireMigrateOptions(options: MigrateOptions): void {
  const { from, to, fence = false, format = '', signal, ...told } = options ?? {};
  if (typeof from?.open !== 'function' || typeof to?.open !== 'function') {
    throw new TypeError('Cannot migrate: from and to must be storages');
  }
  if (from === to) refuse('from and to are the same storage');
  if (typeof fence !== 'boolean' && fence !== 'take-over') {
    refuse(`fence must be true, false or 'take-over': ${String(fence)}`);
  }
  if (typeof format !== 'string') refuse(`format must be a string: ${typeof format}`);
  if (signal !== undefined && typeof signal?.aborted !== 'boolean') refuse('signal must be an AbortSignal');
  for (const [name, value] of Object.entries(told)) {
    // A fence that is misspelt would be none.
    if (name !== 'onProgress' && name !== 'onWarning') refuse(`there is no option ${name}`);
    if (value !== undefined && typeof value !== 'function') refuse(`${name} must be a function: ${typeof value}`);
  }

  function refuse(rule: string): never {
    throw new TypeError(`Cannot migrate ${from.name}: ${rule}`);
  }
}

/** What readers stand on: a stream that can be found out about, and asked within its pace. */
import type { Clock, Random } from '../engine/index.js';
import type { Parser } from './change.js';
import type { Pace } from './pace.js';
import type { StreamsPort } from './port.js';
import type { StreamFacts } from './stream-lookup.js';

export interface StreamGround {
  readonly clock: Clock;
  readonly random: Random;
  readonly pace: Pace;
  /** The port, within what the service bears. */
  readonly governed: StreamsPort;
  /** A stream that was turned off is read to its end, and that is no failure. */
  readonly allowsDisabled: boolean;
  /** Finds out which stream is meant. */
  resolve(options: {
    readonly needs?: Parser<unknown>['needs'];
    readonly signal?: AbortSignal | undefined;
  }): Promise<StreamFacts>;
}

/** The time as the service tells it: this machine's, set right by what the port has learned. */
import type { Clock } from '../engine/index.js';
import type { StreamsPort } from './port.js';

/** In epoch milliseconds. */
export function serviceNowMs(clock: Clock, port: Pick<StreamsPort, 'clockOffsetMs'>): number {
  return clock.now() + (port.clockOffsetMs?.() ?? 0);
}

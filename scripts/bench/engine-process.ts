/** A process of its own for dynalite, or for the proxy that loses answers: neither shall share a loop with a client. */
import { startEmbedded } from '../../lib/embedded/index.js';
import { type FaultChoice, startFaultProxy } from '../../lib/testing/index.js';

/** What it is asked for: to start one of the two, or to go on with other faults. */
export type EngineOrder =
  | { readonly start: 'dynalite' }
  | { readonly start: 'proxy'; readonly target: string }
  | { readonly faults: FaultChoice };

export interface EngineReady {
  readonly endpoint: string;
}

let setFaults: ((choice: FaultChoice) => void) | undefined;

async function follow(order: EngineOrder): Promise<void> {
  if ('faults' in order) {
    setFaults?.(order.faults);
    process.send?.({ endpoint: '' } satisfies EngineReady);
    return;
  }
  if (order.start === 'dynalite') {
    const { endpoint } = await startEmbedded();
    process.send?.({ endpoint } satisfies EngineReady);
    return;
  }
  const proxy = await startFaultProxy({ target: order.target, profile: 'calm', seed: 1 });
  setFaults = (choice) => proxy.setFaults(choice);
  process.send?.({ endpoint: proxy.endpoint } satisfies EngineReady);
}

process.on('message', (order: EngineOrder) => void follow(order));
process.on('disconnect', () => process.exit());

/** A fault proxy in a process of its own, so that neither it nor what it serves has to wait for the other. */
import { type FaultChoice, type FaultProxy, type FaultProxyOptions, startFaultProxy } from '../../lib/testing/index.js';
import { serve } from './processes.js';

let proxy: FaultProxy | undefined;

serve({
  async start(options: FaultProxyOptions): Promise<string> {
    proxy = await startFaultProxy(options);
    return proxy.endpoint;
  },
  setFaults: (choice: FaultChoice) => proxy?.setFaults(choice),
  /** Delivers what is late and ends; what was done, with the late copies that arrived in the end. */
  async close() {
    const stats = proxy?.stats();
    await proxy?.close({ flush: true });
    return stats;
  },
});

/** The embedded store in a process of its own, to be killed. */
import { type EmbeddedOptions, startEmbedded } from '../../lib/embedded/index.js';
import { serve } from './processes.js';

serve({
  async start(options: EmbeddedOptions): Promise<number> {
    const store = await startEmbedded(options);
    return store.port;
  },
});

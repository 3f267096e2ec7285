/** The stand-in in a process of its own, to be killed. */
import { serve } from '../../histories/processes.js';
import { startS3StandIn } from '../s3-stand-in.js';

serve({
  async start({ path, port }: { readonly path?: string; readonly port?: number }): Promise<number> {
    const { endpoint } = await startS3StandIn({ folder: path, port });
    return Number(new URL(endpoint).port);
  },
});

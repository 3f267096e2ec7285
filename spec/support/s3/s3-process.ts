/** The stand-in in a process of its own. */
import { serve } from '../../histories/processes.js';
import { startS3StandIn } from '../s3-stand-in.js';

serve({
  start: async (): Promise<string> => (await startS3StandIn()).endpoint,
});

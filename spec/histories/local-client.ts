/** Clients of the engines of runs, and of proxies before them: all on this machine. */
import { createClient } from '../../lib/engine/index.js';

export const localConfig: {
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
} = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

export function localClient(endpoint: string): ReturnType<typeof createClient> {
  return createClient({ ...localConfig, endpoint });
}

/**
 * The embedded engine in a process of its own, so that the parent is always free to answer a signal, and the engine's
 * end, whatever it is, is not the end of everything.
 *
 * Invariant: a temporary folder is removed when the parent is gone, even if it was killed with SIGKILL.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Embedded, startEmbedded } from '../../lib/embedded/index.js';
import { endWithParent } from './fork.js';
import type { EngineOrder, EngineReport } from './messages.js';

let starting: Promise<Embedded> | undefined;
let temporary: string | undefined;

async function start({ folder }: EngineOrder): Promise<Embedded> {
  if (folder === undefined) temporary = await mkdtemp(path.join(tmpdir(), 'leyden-jar-demo-'));
  return startEmbedded({ path: folder ?? temporary });
}

async function stop(): Promise<void> {
  const embedded = await starting?.catch(() => undefined);
  await embedded?.close();
  if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
}

const say = (report: EngineReport): void => {
  process.send?.(report);
};

endWithParent(stop);
process.once('message', (order: EngineOrder) => {
  starting = start(order);
  starting.then(
    ({ clientConfig }) => say({ kind: 'started', client: clientConfig, folder: order.folder ?? temporary ?? '' }),
    (error: Error) => say({ kind: 'failed', message: error.message }),
  );
});

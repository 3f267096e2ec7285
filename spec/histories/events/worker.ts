/** A process of a run: callers on a store of their own client and table object, before whatever endpoint they are given. */
import { AtomTable } from '../../../lib/atom/index.js';
import { SdkEngine, seededRandom, systemClock } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { localClient } from '../local-client.js';
import { fileNotebook } from '../notebook.js';
import type { WorkBasics } from '../process-run.js';
import { serveWork, tellProgress } from '../serve-work.js';
import { keyName } from '../subject.js';
import { Callers } from './callers.js';
import type { Note } from './notes.js';
import type { Order } from './purse.js';
import { isExplained } from './warnings.js';

/** What a worker is to do. */
export interface PurseWork extends WorkBasics {
  readonly streams: number;
  readonly repeat: readonly Order[];
}

serveWork(({ name, folder, endpoint, table: tableName, seed, ...work }: PurseWork) => {
  const client = localClient(endpoint);
  const notebook = fileNotebook<Note>(folder, name);
  const callers: Callers = new Callers({
    ...{ ...work, name, notebook, random: seededRandom(seed), clock: systemClock, padMax: 40_000 },
    open: () =>
      new EventStore(new AtomTable({ engine: new SdkEngine(client), tableName, keyName }), {
        openStreamsMax: 6,
        onWarning: (warning) => {
          if (!isExplained(warning)) callers.surprise(`warning: ${String(warning)}`);
        },
      }),
    onCall: tellProgress,
  });
  const finish = async () => {
    const met = await callers.finish();
    client.destroy();
    notebook.close();
    return met;
  };
  return { callers, finish };
});

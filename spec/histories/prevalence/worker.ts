/** A process of a run: callers on instances of their own client and table object, before whatever endpoint they are given. */
import { AtomTable } from '../../../lib/atom/index.js';
import { SdkEngine, seededRandom, systemClock } from '../../../lib/engine/index.js';
import { localClient } from '../local-client.js';
import { fileNotebook } from '../notebook.js';
import type { WorkBasics } from '../process-run.js';
import { serveWork, tellProgress } from '../serve-work.js';
import { keyName } from '../subject.js';
import { Callers } from './callers.js';
import type { Note, NotedEvent } from './notes.js';
import { openLedger } from './open-ledger.js';

/** What a worker is to do. */
export interface LedgerWork extends WorkBasics {
  readonly repeat: readonly NotedEvent[];
}

serveWork(
  ({ name, folder, endpoint, table: tableName, seed, ...work }: LedgerWork) => {
    const client = localClient(endpoint);
    const notebook = fileNotebook<Note>(folder, name);
    const random = seededRandom(seed);
    const callers: Callers = new Callers({
      ...{ ...work, name, notebook, random, clock: systemClock },
      ...{ padMax: 20_000, hugeShare: 0.02 },
      open: () =>
        openLedger({
          table: new AtomTable({ engine: new SdkEngine(client), tableName, keyName }),
          ...{ clock: systemClock, random, onSurprise: (what) => callers.surprise(what) },
        }),
      onCall: tellProgress,
    });
    const finish = async () => {
      const report = await callers.finish();
      client.destroy();
      notebook.close();
      return report;
    };
    return { callers, finish };
  },
  (job) => ({
    /** A snapshot and a prune; the pages that went. */
    compact: async (): Promise<number> => (await job()?.callers.compact()) ?? 0,
  }),
);

/** A process of a run: callers on instances of their own client, before whatever endpoint they are given. */
import { seededRandom, systemClock } from '../../../lib/engine/index.js';
import { fileNotebook } from '../notebook.js';
import type { WorkBasics } from '../process-run.js';
import { serveWork, tellProgress } from '../serve-work.js';
import type { StoreName } from '../stores.js';
import { Callers } from './callers.js';
import { ledgerPlace } from './ledger-place.js';
import type { Note, NotedEvent } from './notes.js';
import { openLedger } from './open-ledger.js';

/** What a worker is to do. */
export interface LedgerWork extends WorkBasics {
  readonly repeat: readonly NotedEvent[];
  readonly store: StoreName;
}

serveWork(
  ({ name, folder, endpoint, table, store, seed, ...work }: LedgerWork) => {
    const place = ledgerPlace({ store, endpoint, table });
    const notebook = fileNotebook<Note>(folder, name);
    const random = seededRandom(seed);
    const callers: Callers = new Callers({
      ...{ ...work, name, notebook, random, clock: systemClock },
      ...{ padMax: 20_000, hugeShare: 0.02 },
      open: () =>
        openLedger({
          storage: place.storage(),
          ...{ clock: systemClock, random, onSurprise: (what) => callers.surprise(what) },
        }),
      onCall: tellProgress,
    });
    const finish = async () => {
      const report = await callers.finish();
      place.close();
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

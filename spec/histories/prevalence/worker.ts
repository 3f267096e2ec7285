/** A process of a run: callers on instances of their own client and table object, before whatever endpoint they are given. */
import { AtomTable } from '../../../lib/atom/index.js';
import { createClient, SdkEngine, seededRandom, systemClock } from '../../../lib/engine/index.js';
import { serve, tell } from '../processes.js';
import { keyName } from '../subject.js';
import { Callers, type CallersReport } from './callers.js';
import { fileNotebook, type NotedEvent } from './notes.js';
import { openLedger } from './open-ledger.js';

/** What a worker is to do. */
export interface LedgerOrder {
  /** Names the process and its notes; never the same twice in a run. */
  readonly name: string;
  readonly folder: string;
  readonly endpoint: string;
  readonly table: string;
  readonly seed: number;
  readonly callers: number;
  readonly calls: number;
  readonly repeat: readonly NotedEvent[];
}

/** Progress is told after each so many calls. */
const step = 10;
const localConfig = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

let callers: Callers | undefined;
let close: () => void = () => {};
/** What was said of the run so far, perhaps before its callers were there. */
let said = { calm: false, enough: false };

serve({
  /** Makes all calls. */
  async run({ name, folder, endpoint, table: tableName, seed, ...order }: LedgerOrder): Promise<void> {
    said = { calm: false, enough: false };
    const client = createClient({ ...localConfig, endpoint });
    const notebook = fileNotebook(folder, name);
    const random = seededRandom(seed);
    const crew = new Callers({
      ...{ ...order, name, notebook, random, clock: systemClock },
      ...{ padMax: 20_000, hugeShare: 0.02 },
      open: () =>
        openLedger({
          table: new AtomTable({ engine: new SdkEngine(client), tableName, keyName }),
          ...{ clock: systemClock, random, onSurprise: (what) => crew.surprise(what) },
        }),
      onCall: (begun) => {
        if (begun % step === 0) tell(begun);
      },
    });
    callers = crew;
    close = () => {
      client.destroy();
      notebook.close();
    };
    if (said.calm) crew.calm();
    if (said.enough) crew.enough();
    await crew.run();
  },
  /** The faults have ended. */
  calm(): void {
    said.calm = true;
    callers?.calm();
  },
  /** No more calls. */
  enough(): void {
    said.enough = true;
    callers?.enough();
  },
  /** A snapshot and a prune; the pages that went. */
  compact: async (): Promise<number> => (await callers?.compact()) ?? 0,
  /** Settles what is unknown, and reports. */
  async finish(): Promise<CallersReport | undefined> {
    const report = await callers?.finish();
    callers = undefined;
    close();
    return report;
  },
});

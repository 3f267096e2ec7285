/** A process of a run: callers on a store of their own client and table object, before whatever endpoint they are given. */
import { AtomTable } from '../../../lib/atom/index.js';
import { createClient, SdkEngine, seededRandom, systemClock } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { serve, tell } from '../processes.js';
import { keyName } from '../subject.js';
import { Callers, type CallersReport } from './callers.js';
import { fileNotebook } from './notes.js';
import type { Order } from './purse.js';
import { isExplained } from './warnings.js';

/** What a worker is to do. */
export interface PurseWork {
  /** Names the process and its notes; never the same twice in a run. */
  readonly name: string;
  readonly folder: string;
  readonly endpoint: string;
  readonly table: string;
  readonly seed: number;
  readonly callers: number;
  readonly calls: number;
  readonly streams: number;
  readonly repeat: readonly Order[];
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
  async run({ name, folder, endpoint, table: tableName, seed, ...work }: PurseWork): Promise<void> {
    said = { calm: false, enough: false };
    const client = createClient({ ...localConfig, endpoint });
    const notebook = fileNotebook(folder, name);
    const crew: Callers = new Callers({
      ...{ ...work, name, notebook, random: seededRandom(seed), clock: systemClock, padMax: 40_000 },
      open: () =>
        new EventStore(new AtomTable({ engine: new SdkEngine(client), tableName, keyName }), {
          openStreamsMax: 6,
          onWarning: (warning) => {
            if (!isExplained(warning)) crew.surprise(`warning: ${String(warning)}`);
          },
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
  /** Settles what is unknown, and reports. */
  async finish(): Promise<CallersReport | undefined> {
    const report = await callers?.finish();
    callers = undefined;
    close();
    return report;
  },
});

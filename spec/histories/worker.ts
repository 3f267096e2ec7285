/** A process of a run: callers on atoms of their own table object and client, before whatever endpoint they are given. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { AtomTable } from '../../lib/atom/index.js';
import { createClient, SdkEngine, type Spent, seededRandom, systemClock } from '../../lib/engine/index.js';
import { type NaiveAtom, naiveRead, naiveSwap } from '../support/naive-client.js';
import { Callers, type CallersReport } from './callers.js';
import { count } from './counting.js';
import { fileJournal, type Journal, type Value } from './journal.js';
import { serve, tell } from './processes.js';
import { keyName, openSubjects, recording, type Subject } from './subject.js';

/** What a worker is to do. */
export interface WorkOrder {
  /** Names the process and its journal; never the same twice in a run. */
  readonly name: string;
  readonly folder: string;
  readonly endpoint: string;
  readonly table: string;
  readonly keys: readonly string[];
  readonly seed: number;
  readonly callers: number;
  readonly calls: number;
  /** `naive`: the loop without evidence, on the SDK's own retries. */
  readonly client: 'library' | 'naive';
}

export interface WorkReport extends CallersReport {
  readonly spent: Spent | undefined;
}

let callers: Callers | undefined;
/** What was said of the run so far, perhaps before its callers were there. */
let said = { calm: false, enough: false };
let finish: (() => WorkReport) | undefined;

/** Progress is told after each so many calls. */
const step = 10;

function progress(begun: number): void {
  if (begun % step === 0) tell(begun);
}

const localConfig = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

async function runLibrary(order: WorkOrder): Promise<void> {
  const client = createClient({ ...localConfig, endpoint: order.endpoint });
  const journal = fileJournal(order.folder, order.name);
  const subjects = new Map<string, Subject>();
  const table = new AtomTable({
    engine: recording(new SdkEngine(client), subjects, journal),
    tableName: order.table,
    keyName,
  });
  await openSubjects(table, order.keys, subjects);
  const crew = new Callers({
    name: order.name,
    subjects: [...subjects.values()],
    journal,
    clock: systemClock,
    random: seededRandom(order.seed),
    callers: order.callers,
    calls: order.calls,
    onCall: progress,
  });
  callers = crew;
  if (said.calm) crew.calm();
  if (said.enough) crew.enough();
  await crew.run();
  finish = () => {
    client.destroy();
    journal.close();
    return { ...crew.report(), spent: table.spent() };
  };
}

async function runNaive({ name, folder, endpoint, table, keys, seed, ...order }: WorkOrder): Promise<void> {
  const client = new DynamoDBClient({ ...localConfig, endpoint });
  const journal = fileJournal(folder, name);
  const random = seededRandom(seed);
  let begun = 0;
  const one = async () => {
    while (begun < order.calls) {
      begun += 1;
      progress(begun);
      const id = `${name}#${begun}`;
      await naiveCall(
        id,
        { client, table, keyName, key: keys[random.int(keys.length)] as string },
        journal,
        random.int(4) > 0,
      );
    }
  };
  await Promise.all(Array.from({ length: order.callers }, one));
  finish = () => {
    client.destroy();
    journal.close();
    return { calls: begun, surprises: [], overtimeMs: 0, afterCalmMs: 0, unsettled: [], spent: undefined };
  };
}

async function naiveCall(id: string, atom: Omit<NaiveAtom, 'onPut'>, journal: Journal, swaps: boolean): Promise<void> {
  const { key } = atom;
  journal.call(id, key, swaps ? 'swap' : 'read');
  try {
    if (swaps) {
      const onPut: NaiveAtom['onPut'] = (put) => journal.put({ atom: key, ...put, tombstone: false, ids: [id] });
      const [old, made] = await naiveSwap<Value>({ ...atom, onPut }, (value) => ({ by: id, n: (value?.n ?? 0) + 1 }));
      journal.ret(id, { outcome: 'done', found: old ?? null, made });
    } else {
      const { value, token } = await naiveRead(atom);
      journal.ret(id, { outcome: 'done', found: (value as Value | undefined) ?? null, token: token ?? '' });
    }
  } catch (error) {
    journal.ret(id, { outcome: swaps ? 'unknown' : 'failed', error: String(error) });
  }
}

serve({
  /** Makes all calls. */
  run(order: WorkOrder): Promise<void> {
    said = { calm: false, enough: false };
    return order.client === 'naive' ? runNaive(order) : runLibrary(order);
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
  async finish(): Promise<WorkReport | undefined> {
    await callers?.settleAll();
    callers = undefined;
    return finish?.();
  },
  count,
});

/** A process of a run: callers on atoms of their own table object and client, before whatever endpoint they are given. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { AtomTable } from '../../lib/atom/index.js';
import { SdkEngine, type Spent, seededRandom, systemClock } from '../../lib/engine/index.js';
import { type NaiveAtom, naiveRead, naiveSwap } from '../support/naive-client.js';
import { Callers, type CallersReport } from './callers.js';
import { count } from './counting.js';
import { fileJournal, type Journal, type Value } from './journal.js';
import { localClient, localConfig } from './local-client.js';
import type { WorkBasics } from './process-run.js';
import { type Job, serveWork, tellProgress } from './serve-work.js';
import { keyName, openSubjects, recording, type Subject } from './subject.js';

/** What a worker is to do. */
export interface WorkOrder extends WorkBasics {
  readonly keys: readonly string[];
  /** `naive`: the loop without evidence, on the SDK's own retries. */
  readonly client: 'library' | 'naive';
}

export interface WorkReport extends CallersReport {
  readonly spent: Spent | undefined;
}

async function libraryJob(order: WorkOrder): Promise<Job<WorkReport>> {
  const client = localClient(order.endpoint);
  const journal = fileJournal(order.folder, order.name);
  const subjects = new Map<string, Subject>();
  const table = new AtomTable({
    engine: recording(new SdkEngine(client), subjects, journal),
    tableName: order.table,
    keyName,
  });
  await openSubjects(table, order.keys, subjects);
  const callers = new Callers({
    name: order.name,
    subjects: [...subjects.values()],
    journal,
    clock: systemClock,
    random: seededRandom(order.seed),
    callers: order.callers,
    calls: order.calls,
    onCall: tellProgress,
  });
  const finish = async () => {
    await callers.settleAll();
    client.destroy();
    journal.close();
    return { ...callers.report(), spent: table.spent() };
  };
  return { callers, finish };
}

function naiveJob({ name, folder, endpoint, table, keys, seed, ...order }: WorkOrder): Job<WorkReport> {
  const client = new DynamoDBClient({ ...localConfig, endpoint });
  const journal = fileJournal(folder, name);
  const random = seededRandom(seed);
  let begun = 0;
  const one = async () => {
    while (begun < order.calls) {
      begun += 1;
      tellProgress(begun);
      const id = `${name}#${begun}`;
      await naiveCall(
        id,
        { client, table, keyName, key: keys[random.int(keys.length)] as string },
        journal,
        random.int(4) > 0,
      );
    }
  };
  const run = async () => void (await Promise.all(Array.from({ length: order.callers }, one)));
  const finish = () => {
    client.destroy();
    journal.close();
    return { calls: begun, surprises: [], overtimeMs: 0, afterCalmMs: 0, unsettled: [], spent: undefined };
  };
  return { callers: { run, calm() {}, enough() {} }, finish };
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

serveWork(
  (order: WorkOrder) => (order.client === 'naive' ? naiveJob(order) : libraryJob(order)),
  () => ({ count }),
);

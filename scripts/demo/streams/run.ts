/**
 * One run of the streams' job: workers count flights in atoms, a group of processes builds the same from the stream and loses one of
 * them midway, and everything is compared.
 *
 * Invariant: however it ends, no process of its own is left, and no table of the group's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { createClient } from '../../../lib/index.js';
import { openAtoms, type RunAtoms } from '../atoms.js';
import { type Place, runFramed } from '../frame.js';
import type { Ledger } from '../ledger.js';
import type { DemoOptions } from '../options.js';
import { type RunResult as IngestResult, ingest, removeAtoms } from '../run.js';
import { Consumers, type Heard } from './consumers.js';
import { openPlace, viewOf } from './group.js';
import type { ConsumerJob } from './messages.js';
import { compareView, type Stood, type View } from './view.js';

/** Of all rows this part is counted before one of the group is killed. */
const killAfter = 0.4;
/** How long the group may take to come to the end of the stream when nobody writes any more. */
const catchUpMsMax = 60_000;
const lookMs = 50;
const shardsShown = 4;
const leaseMs = 3_000;

/** All that a run has found. */
export interface RunResult extends Omit<IngestResult, 'killed'>, Heard {
  readonly views: ReadonlyMap<string, View>;
  /** Versions of all atoms together. */
  readonly changes: number;
  /** From the end of writing until the view was complete, in seconds. */
  readonly catchUpSeconds: number;
}

export function runStreams(options: DemoOptions, signal: AbortSignal): Promise<RunResult> {
  return runFramed(options, signal, {
    create: { streamViewType: 'NEW_AND_OLD_IMAGES' },
    work: (place) => work(options, place),
    removeItems: ({ table, run }) => removeAtoms(openAtoms(table.atoms, run)),
  });
}

async function work(options: DemoOptions, place: Place): Promise<RunResult> {
  const { run, client, tableName } = place;
  const groupTableName = `leyden-jar-${run}-group`;
  const isOurs = options.engine.kind === 'dynamodb-local' || options.engine.kind === 'endpoint';
  // A stream that is really in use has the shards that it has.
  const shards = isOurs && place.table.created ? shardsShown : undefined;
  const job: Omit<ConsumerJob, 'consumer'> = {
    ...{ run, client, tableName, groupTableName, shards, leaseMs, falsify: options.falsify },
  };
  const { groups, close } = openPlace(job);
  await groups.create();
  const consumers = new Consumers({ count: options.consumers, job, onNote: console.error });
  try {
    await Promise.race([consumers.join(), aborted(place.signal)]);
    return await count(options, place, consumers, (name) => viewOf(groups, run, name));
  } finally {
    await consumers.end();
    close();
    await removeTable(place, groupTableName);
  }
}

type ViewOf = (name: string) => ReturnType<typeof viewOf>;

async function count(options: DemoOptions, place: Place, consumers: Consumers, viewOf: ViewOf): Promise<RunResult> {
  const atoms = openAtoms(place.table.atoms, place.run);
  const broken = new AbortController();
  consumers.failed.catch((error) => broken.abort(error));
  const signal = AbortSignal.any([place.signal, broken.signal]);
  const onProgress = (rows: number): void => {
    if (options.kill && rows >= place.flights.length * killAfter) consumers.killOne();
  };
  // The workers live; the flights themselves are those that were counted. What may be falsified is the view.
  const ingested = await ingest({ ...options, kill: false, falsify: false }, { ...place, signal }, atoms, onProgress);
  const writtenAt = performance.now();
  const stood = await atomsAtTheEnd(atoms, ingested.ledgers);
  const views = await viewsWhenComplete(stood, viewOf, signal);
  const catchUpSeconds = (performance.now() - writtenAt) / 1_000;
  const heard = await Promise.race([consumers.stop(), aborted(signal)]);
  const differences = [...stood].flatMap(([name, atom]) => compareView(name, views.get(name) as View, atom));
  const changes = [...stood.values()].reduce((sum, { version }) => sum + version, 0);
  return {
    ...{ ...ingested, ...heard, views, changes, catchUpSeconds },
    differences: [...ingested.differences, ...differences],
  };
}

/** Every atom with its version: what the view must come to. */
async function atomsAtTheEnd(
  atoms: RunAtoms,
  ledgers: ReadonlyMap<string, Ledger>,
): Promise<ReadonlyMap<string, Stood>> {
  const names = [...ledgers.keys()];
  const found = await Promise.all(names.map((name) => atoms.ledger(name).snapshot()));
  const stood = new Map<string, Stood>();
  for (const [at, { value, version }] of found.entries()) {
    const { flights, delay, worst } = value;
    stood.set(names[at] as string, { flights, delay, worst, version });
  }
  const { version } = await atoms.list.snapshot();
  return stood.set('work-list', { flights: 0, delay: 0, worst: null, version });
}

/** Waits until the view of each atom is at its version; what is not so after a minute is left to the comparison. */
async function viewsWhenComplete(
  stood: ReadonlyMap<string, Stood>,
  viewOf: ViewOf,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, View>> {
  const untilMs = performance.now() + catchUpMsMax;
  for (;;) {
    const names = [...stood.keys()];
    const found = await Promise.all(names.map((name) => viewOf(name).deref({ signal })));
    const views = new Map(found.map((view, at) => [names[at] as string, view]));
    const isComplete = [...stood].every(([name, { version }]) => (views.get(name)?.version ?? 0) >= version);
    if (isComplete || performance.now() > untilMs) return views;
    await sleep(lookMs, undefined, { signal });
  }
}

/** Rejects when the run is to end. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function removeTable({ client: config }: Place, tableName: string): Promise<void> {
  const client = createClient(config);
  try {
    await client.send(new DeleteTableCommand({ TableName: tableName }));
  } catch (error) {
    console.error(`Failed deleting table ${tableName}; please do it by hand: ${(error as Error).message}`);
  } finally {
    client.destroy();
  }
}

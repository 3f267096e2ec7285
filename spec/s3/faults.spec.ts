// Goal: whatever goes wrong between a system and its bucket, and at which step, each event is there exactly once, in the order of its
// acknowledgement, and the pointer never names an object that was not checked.
// Method: a script that comes by every step, before a proxy that strikes each step once with one kind of fault; what was lost on the way
// arrives in the end. Then fresh instances recover past the proxy. Longer ones, drawn from a seed, in spec/faults/s3.spec.ts.
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openPrevayler, type Prevayler, type PrevaylerOptions } from '../../lib/prevalence/index.js';
import { s3Storage } from '../../lib/s3/index.js';
import { type FaultProxy, type FaultRule, startFaultProxy } from '../../lib/testing/index.js';
import { noise } from '../support/prevalent.js';
import { localCredentials } from '../support/s3/endpoints.js';
import { type S3StandIn, startS3StandIn } from '../support/s3-stand-in.js';
import { watchPointer } from './pointer-watch.js';

type Events = readonly string[];
type System = Prevayler<Events, string, undefined>;

const bucket = 'state';
let standIn: S3StandIn;
const cleanups: (() => unknown)[] = [];
beforeAll(async () => {
  standIn = await startS3StandIn({ buckets: [bucket] });
});
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await standIn.close();
});

function clientOf(endpoint: string, maxAttempts: number, timeLimit: object = {}): S3Client {
  const client = new S3Client({
    ...{ endpoint, region: 'us-east-1', credentials: localCredentials, maxAttempts },
    requestHandler: timeLimit,
  });
  cleanups.push(() => client.destroy());
  return client;
}

let systems = 0;
const newPrefix = () => {
  systems += 1;
  return `system-${systems}`;
};

/** A head so small that a few commits are a page. */
function open(
  client: S3Client,
  prefix: string,
  more: Partial<PrevaylerOptions<Events, string, undefined>> = {},
): Promise<System> {
  return openPrevayler<Events, string, undefined>({
    storage: s3Storage({ client, bucket, prefix, headBytesMax: 1_024 }),
    initialState: [],
    handler: (all, one) => [...all, one],
    ...{ follow: false, snapshots: false, retention: { keep: 1 } },
    ...more,
  });
}
/** Comes by every step; what was acknowledged, in this order. */
async function script(client: S3Client, prefix: string, onWarning: (error: unknown) => void): Promise<Events> {
  const system = await open(client, prefix, { onWarning });
  const acknowledged: string[] = [];
  const handle = async (bytes: number, count: number) => {
    for (let n = 0; n < count; n += 1) {
      const event = `${acknowledged.length}:${noise(bytes, acknowledged.length)}`;
      const { seq } = await system.handle(event);
      acknowledged.push(event);
      expect(seq).toBe(acknowledged.length);
    }
  };
  await handle(450, 5);
  await handle(10_000, 1);
  // Replays pages and body.
  const replayed = await open(client, prefix, { onWarning });
  expect(replayed.state).toEqual(acknowledged);
  await replayed.close();
  await system.snapshot();
  await handle(450, 3);
  await system.snapshot();
  await system.prune();
  await handle(450, 1);
  // Begins with the snapshot.
  const recovered = await open(client, prefix, { onWarning });
  expect(recovered.state).toEqual(acknowledged);
  await recovered.close();
  await system.close();
  return acknowledged;
}

/** The steps of writing, and of reading. */
const writes: readonly Partial<FaultRule>[] = [
  { operations: ['PutObject'], path: '/head', skip: 2 },
  { operations: ['PutObject'], path: '/page/' },
  { operations: ['PutObject'], path: '/body/' },
  { operations: ['PutObject'], path: '/part/' },
  { operations: ['PutObject'], path: '/snap', skip: 1 },
  { operations: ['DeleteObject'], path: '/part/' },
  { operations: ['DeleteObject'], path: '/page/' },
  { operations: ['DeleteObject'], path: '/body/' },
];
const reads: readonly Partial<FaultRule>[] = ['/head', '/page/', '/body/', '/part/', '/snap'].map((path) => ({
  ...{ operations: ['GetObject'], path, skip: path === '/head' ? 1 : 0 },
}));
const puts = writes.slice(0, 5);
const all = [...writes, ...reads];

/** Each with the steps that it can strike. */
const faults: readonly [name: string, steps: readonly Partial<FaultRule>[], rule: FaultRule][] = [
  ['lost requests', all, { fault: 'reset-before' }],
  ['lost answers', all, { fault: 'reset-after' }],
  ['closed connections', all, { fault: 'close-after' }],
  ['requests that stall', all, { fault: 'swallow-before' }],
  ['answers that stall', all, { fault: 'swallow-after' }],
  ['answers cut short', all, { fault: 'cut-body' }],
  ['doubled requests, first answer', writes, { fault: 'duplicate', answer: 'first' }],
  ['doubled requests, second answer', writes, { fault: 'duplicate', answer: 'second' }],
  ['requests that arrive again in the end', writes, { fault: 'duplicate', delayMs: [60_000, 60_000] }],
  ['requests that arrive a little later', writes, { fault: 'late', delayMs: [5, 40] }],
  ['requests that arrive in the end', writes, { fault: 'late', delayMs: [60_000, 60_000] }],
  ['500, not done', all, { fault: '5xx-before', body: 'json' }],
  ['500, done', all, { fault: '5xx-after', body: 'json' }],
  ['503 of something on the way, done', all, { fault: '5xx-after', body: 'html' }],
  ['503 SlowDown', all, { fault: 'throttle' }],
  ['409', writes, { fault: 'conflict' }],
  ['bodies with another byte', reads, { fault: 'alter-body' }],
  ['bodies of half the length', reads, { fault: 'shorten-body' }],
  ['requests with another byte', puts, { fault: 'alter-request' }],
];

/** What came of a script whose steps were all struck. */
interface Struck {
  readonly acknowledged: Events;
  /** How often something was done, of all steps. */
  readonly strikes: number;
  /** Recovered past the proxy, after all that was late has arrived. */
  readonly fresh: Events;
  /** Recovered again, after one more event and snapshot. */
  readonly last: Events;
  readonly findings: readonly string[];
  readonly warnings: readonly unknown[];
  readonly partsNamed: number;
}

const afterAllEvent = 'after all';

async function strike(maxAttempts: number, steps: readonly Partial<FaultRule>[], rule: FaultRule): Promise<Struck> {
  const prefix = newPrefix();
  const watch = watchPointer(standIn, bucket, prefix);
  const warnings: unknown[] = [];
  const onWarning = (error: unknown) => warnings.push(error);
  const rules = steps.map((step) => ({ ...rule, ...step, times: 1 }));
  const proxy: FaultProxy = await startFaultProxy({ target: standIn.endpoint, rules });
  cleanups.push(() => proxy.close());
  const timeLimit = rule.fault.startsWith('swallow') ? { requestTimeout: 250, throwOnRequestTimeout: true } : {};
  const acknowledged = await script(clientOf(proxy.endpoint, maxAttempts, timeLimit), prefix, onWarning);
  const strikes = Object.values(proxy.stats().faults).reduce((sum, count) => sum + count, 0);
  await proxy.close({ flush: true });
  const direct = clientOf(standIn.endpoint, 1);
  const fresh = await open(direct, prefix, { onWarning });
  const { state } = fresh;
  await fresh.handle(afterAllEvent);
  await fresh.snapshot();
  await fresh.close();
  const last = await open(direct, prefix, { mode: 'read-only', onWarning });
  const result = { acknowledged, strikes, fresh: state, last: last.state };
  await last.close();
  return { ...result, findings: watch.findings, warnings, partsNamed: watch.seen.parts };
}

/** Those after which the SDK sends again what has been done, or may be. */
const resent = faults.filter(([, , { fault }]) => /-after$|duplicate|late|cut-body/.test(fault));

describe.each([
  [1, faults],
  [3, resent],
] as const)('s3Storage, the SDK making %d attempts, keeps each event once under', (maxAttempts, rows) => {
  // The next ones begin meanwhile: much of the time is spent in pauses.
  const runs: Promise<Struck>[] = [];
  const runOf = (index: number): Promise<Struck> => {
    for (const [, steps, rule] of rows.slice(runs.length, index + 3)) {
      const run = strike(maxAttempts, steps, rule);
      run.catch(() => {});
      runs.push(run);
    }
    return runs[index] as Promise<Struck>;
  };
  afterAll(() => Promise.allSettled(runs));

  it.each(rows.map((row, index) => [row[0], row[1], index] as const))(
    '%s',
    async (_name, steps, index) => {
      const struck = await runOf(index);
      const { acknowledged, strikes, fresh, last, findings, warnings } = struck;
      expect({ fresh, findings, warnings }).toEqual({ fresh: acknowledged, findings: [], warnings: [] });
      expect(last).toEqual([...acknowledged, afterAllEvent]);
      expect(strikes).toBe(steps.length);
      expect(struck.partsNamed).toBeGreaterThan(2);
    },
    60_000,
  );
});

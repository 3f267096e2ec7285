/**
 * The locks that are measured beside ours, behind one face. Each has a client of its own whose requests are counted, since none of
 * them counts.
 *
 * - `dynamodb-lock` (@deliveryhero/dynamodb-lock): get, put, delete; a renewal for each lock; no token; who waits sleeps a lease at a time.
 * - `dynamodb-lock-client`, its "fail open" kind: get, put, put; a renewal for each lock; a token. It was made for the SDK's second version: it is
 *   given the third's document client behind callbacks.
 */
import { createRequire } from 'node:module';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { AtomTable } from '../../../lib/atom/index.js';
import { createClient } from '../../../lib/engine/index.js';
import { Lock, Session } from '../../../lib/recipes/index.js';
import type { Place } from '../clients.js';
import { CountedEngine } from '../counted-engine.js';
import { type Counts, noCounts } from '../sample.js';

const require = createRequire(import.meta.url);

export type LockPackage = 'leyden-jar' | 'dynamodb-lock' | 'dynamodb-lock-client';

/** A lock that is held. */
export interface HeldLock {
  /** The fencing token, where there is one. */
  readonly token: number | undefined;
  /** Whether it may be relied on, where that is told. */
  readonly isHeld: () => boolean | undefined;
  readonly release: () => Promise<unknown>;
}

/** What a process makes of one package. */
export interface Locker {
  acquire(name: string): Promise<HeldLock>;
  counts(): Counts;
  close(): Promise<void>;
}

export interface LockTerms {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
}

/** The table of the packages: they want a sort key, or keys of another name. */
const lockTable = 'bench-locks';

export async function makeLockTable(client: DynamoDBClient): Promise<void> {
  await new AtomTable({ client, tableName: lockTable, keyName: 'lockId', sortKeyName: 'lockGroup' }).ensure();
}

const makers: Readonly<Record<LockPackage, (place: Place, terms: LockTerms) => Locker>> = {
  'leyden-jar': ours,
  'dynamodb-lock': hero,
  'dynamodb-lock-client': tristan,
};

export function lockerOf(name: LockPackage, place: Place, terms: LockTerms): Locker {
  return makers[name](place, terms);
}

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

/** The SDK's client as it comes: a document client refuses what `createClient` makes. */
function clientFor({ endpoint }: Place): DynamoDBClient {
  return new DynamoDBClient({ endpoint, region: 'local', credentials });
}

function ours(place: Place, terms: LockTerms): Locker {
  const client = createClient({ endpoint: place.endpoint, region: 'local', credentials });
  const engine = new CountedEngine(client);
  const session = new Session(new AtomTable({ engine, tableName: place.table }), terms);
  const locks = new Map<string, Lock>();
  return {
    async acquire(name) {
      const lock = locks.get(name) ?? new Lock(session, name);
      locks.set(name, lock);
      const grant = await lock.acquire();
      return { token: Number(grant.token), isHeld: () => grant.isHeld, release: () => grant.release() };
    },
    counts: () => engine.counts(),
    async close() {
      await session.close();
      client.destroy();
    },
  };
}

interface HeroLock {
  readonly isAcquired: boolean;
}

interface HeroClient {
  lock(group: string, id: string, options: object): Promise<HeroLock>;
  releaseLock(lock: HeroLock): Promise<void>;
}

function hero(place: Place, { leaseMs, heartbeatMs }: LockTerms): Locker {
  const { client, counts } = counted(clientFor(place));
  const { dynamoDBLockClientFactory: make } = require('@deliveryhero/dynamodb-lock') as {
    dynamoDBLockClientFactory(documents: DynamoDBDocument, table: object): HeroClient;
  };
  const locks = make(DynamoDBDocument.from(client, { marshallOptions: { removeUndefinedValues: true } }), {
    tableName: lockTable,
    partitionKey: 'lockId',
    sortKey: 'lockGroup',
  });
  const options = { leaseDurationInMs: leaseMs, prolongLeaseEnabled: true, prolongEveryMs: heartbeatMs };
  return {
    async acquire(name) {
      const lock = await locks.lock('hero', name, options);
      return { token: undefined, isHeld: () => lock.isAcquired, release: () => locks.releaseLock(lock) };
    },
    counts,
    close: async () => client.destroy(),
  };
}

interface TristanLock {
  readonly fencingToken: number;
  on(event: 'error', listener: (error: Error) => void): void;
  release(callback: (error?: Error) => void): void;
}

interface TristanClient {
  acquireLock(id: object, callback: (error: Error | undefined, lock: TristanLock) => void): void;
}

function tristan(place: Place, { leaseMs, heartbeatMs }: LockTerms): Locker {
  const { client, counts } = counted(clientFor(place));
  const documents = DynamoDBDocument.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const { FailOpen } = require('dynamodb-lock-client') as { FailOpen: new (config: object) => TristanClient };
  const locks = new FailOpen({
    dynamodb: {
      get: backed((input) => documents.get(input as never)),
      put: backed((input) => documents.put(input as never)),
      delete: backed((input) => documents.delete(input as never)),
    },
    lockTable,
    partitionKey: 'lockId',
    sortKey: 'lockGroup',
    heartbeatPeriodMs: heartbeatMs,
    leaseDurationMs: leaseMs,
    retryCount: 1_000_000,
  });
  return {
    acquire: (name) =>
      new Promise((resolve, reject) => {
        locks.acquireLock({ lockId: name, lockGroup: 'tristan' }, (error, lock) => {
          if (error !== undefined && error !== null) return reject(error);
          // A renewal that failed is told by an event; without a listener it would end the process.
          let failed = false;
          lock.on('error', () => {
            failed = true;
          });
          const release = () =>
            new Promise<void>((done, fail) => lock.release((problem) => (problem ? fail(problem) : done())));
          resolve({ token: lock.fencingToken, isHeld: () => !failed, release });
        });
      }),
    counts,
    close: async () => client.destroy(),
  };
}

/** A call with a callback, and the code of an error where the second version of the SDK had it. */
function backed(call: (input: object) => Promise<unknown>) {
  return (input: object, callback: (error: unknown, answer?: unknown) => void) => {
    call(input).then(
      (answer) => callback(undefined, answer),
      (error: Error) => callback(Object.assign(error, { code: error.name })),
    );
  };
}

function counted(client: DynamoDBClient): { readonly client: DynamoDBClient; readonly counts: () => Counts } {
  let requests = 0;
  client.middlewareStack.add(
    (next) => (args) => {
      requests += 1;
      return next(args);
    },
    { step: 'initialize', name: 'counted' },
  );
  return { client, counts: () => ({ ...noCounts, requests }) };
}

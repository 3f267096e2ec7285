/**
 * The engines of runs: dynalite and a stand-in for S3, each in a process of its own, and DynamoDB Local; in memory, or in a folder so
 * that they can be killed and come back with what they had acknowledged.
 */

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DynamoDBLocal, startDynamoDBLocal } from '../../lib/testing/index.js';
import { Child } from './processes.js';

export type StoreName = 'dynalite' | 'dynamodb-local' | 's3';

/** A running engine. */
export interface Store {
  readonly name: StoreName;
  readonly endpoint: string;
  /** Kills it (-9) and starts it again on the same port and folder, `downMs` later; absent where it lives in memory. */
  readonly restart?: (downMs?: number) => Promise<void>;
  close(): Promise<void>;
}

/** A folder that is fast and outlives a killed process: in memory where the machine has such a place. */
async function folder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const made = await mkdtemp(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'leyden-jar-store-'));
  return { path: made, remove: () => rm(made, { recursive: true, force: true }) };
}

const processes = {
  dynalite: new URL('./store-process.ts', import.meta.url),
  s3: new URL('../support/s3/s3-process.ts', import.meta.url),
} as const;

async function startInProcess(name: keyof typeof processes, onDisk: boolean): Promise<Store> {
  const place = onDisk ? await folder() : undefined;
  const url = processes[name];
  let child = new Child(url);
  const port = await child.ask<number>('start', { path: place?.path });
  const restart = async (downMs = 0) => {
    await child.end();
    await sleep(downMs);
    child = new Child(url);
    await child.ask('start', { path: place?.path, port });
  };
  return {
    name,
    endpoint: `http://127.0.0.1:${port}`,
    ...(onDisk && { restart }),
    async close() {
      await child.end();
      await place?.remove();
    },
  };
}

async function startLocal(onDisk: boolean): Promise<Store> {
  const place = onDisk ? await folder() : undefined;
  let local: DynamoDBLocal = await startDynamoDBLocal({ path: place?.path });
  const { port, endpoint } = local;
  const restart = async (downMs = 0) => {
    process.kill(local.pid, 'SIGKILL');
    await local.close();
    await sleep(downMs);
    local = await startDynamoDBLocal({ path: place?.path, port });
  };
  return {
    name: 'dynamodb-local',
    endpoint,
    ...(onDisk && { restart }),
    async close() {
      await local.close();
      await place?.remove();
    },
  };
}

export function startStore(name: StoreName, options: { readonly onDisk: boolean }): Promise<Store> {
  return name === 'dynamodb-local' ? startLocal(options.onDisk) : startInProcess(name, options.onDisk);
}

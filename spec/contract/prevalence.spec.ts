// Goal: a prevalent system is the same on every storage. Method: the contract that is public, run over the storage in memory, over the
// one on atoms, on each engine that is to be had here, and over files.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import type { Engine } from '../../lib/engine/index.js';
import { fileStorage } from '../../lib/files/index.js';
import { atomStorage, transientStorage } from '../../lib/prevalence/index.js';
import { type StorageFactory, storageContract, type TestedStore } from '../../lib/testing/index.js';
import { countedFiles } from '../support/counted-files.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { isWriteStep, steppedEngine } from '../support/stepped-engine.js';

const eventBytesMax = 8 * 1_024 * 1_024;

function contractOf<Store extends TestedStore>(factory: StorageFactory<Store>): void {
  for (const { name, run } of storageContract(factory)) it(name, run, 60_000);
}

/** A system of its own in one table, each view a table object of its own. */
interface AtomStore extends TestedStore {
  readonly engine: Engine;
  readonly tableName: string;
  readonly system: string;
}

let systems = 0;

function atomStore(engine: Engine, tableName: string): AtomStore {
  systems += 1;
  const system = `system-${systems}`;
  let writes = 0;
  const counted = steppedEngine(engine, (step) => {
    if (isWriteStep(step)) writes += 1;
    return undefined;
  });
  return {
    ...{ engine, tableName, system },
    view: () => atomStorage(new AtomTable({ engine: counted, tableName }), system),
    writes: () => writes,
  };
}

/** Puts something else in the place of a part. */
async function damagePart({ engine, tableName, system }: AtomStore, id: string): Promise<void> {
  const items = new AtomTable({ engine, tableName }).writeOnce();
  const key = `${system}/part/${id}/0`;
  await items.delete(key);
  await items.put(key, Buffer.from('something else'));
}

describe('transientStorage', () => {
  contractOf({
    eventBytesMax,
    newStore() {
      const storage = transientStorage();
      return { view: () => storage };
    },
  });
});

describe('atomStorage', () => {
  for (const row of engines) {
    describeEngine(row, () => {
      let opened: OpenEngine;
      let tableName: string;
      beforeAll(async () => {
        opened = await row.open();
        tableName = opened.uniqueTable();
        await new AtomTable({ engine: opened.engine, tableName }).create();
      }, 120_000);
      afterAll(async () => {
        await opened.engine.deleteTable(tableName);
        await opened.close();
      });
      contractOf({ eventBytesMax, damageSnapshot: damagePart, newStore: () => atomStore(opened.engine, tableName) });
    });
  }
});

/** A directory, and all that is in it. */
interface FileStore extends TestedStore {
  readonly directory: string;
}

describe('fileStorage', () => {
  const place = mkdtempSync(path.join(tmpdir(), 'contract-'));
  afterAll(() => rmSync(place, { recursive: true, force: true }));
  const contentOf = (directory: string) =>
    readdirSync(directory).map((name) => readFileSync(path.join(directory, name)));
  let stores = 0;
  contractOf<FileStore>({
    ...{ eventBytesMax: 32 * 1_024 * 1_024, seals: true },
    storedBytes: async ({ directory }) => contentOf(directory),
    async damageSnapshot({ directory }, id) {
      const name = path.join(directory, id);
      const bytes = readFileSync(name);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
      writeFileSync(name, bytes);
    },
    newStore() {
      stores += 1;
      const directory = path.join(place, `system-${stores}`);
      const { fileSystem, writes } = countedFiles();
      const storage = fileStorage(directory, { fileSystem });
      return { directory, writes, view: () => storage };
    },
  });
});

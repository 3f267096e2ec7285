/**
 * A table of its own on an engine, for the specs of one block.
 *
 *     describeEngine(row, () => { const place = tableOn(row); it(…, () => … place.engine … place.tableName …); });
 */
import { afterAll, beforeAll } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import type { Engine } from '../../lib/engine/index.js';
import type { EngineRow, OpenEngine } from './engines.js';

/** Where specs work. There is nothing to be had of it before the first of them runs. */
export interface EnginePlace {
  readonly engine: Engine;
  readonly tableName: string;
}

/** Opens the engine and makes the table before the specs of this block, and takes both away after them. */
export function tableOn(row: EngineRow, limitMs?: number): EnginePlace {
  let opened: OpenEngine;
  let tableName: string;
  beforeAll(async () => {
    opened = await row.open();
    tableName = opened.uniqueTable();
    await new AtomTable({ engine: opened.engine, tableName }).create();
  }, limitMs);
  afterAll(async () => {
    await opened.engine.deleteTable(tableName);
    await opened.close();
  });
  return {
    get engine() {
      return opened.engine;
    },
    get tableName() {
      return tableName;
    },
  };
}

/** The same facts on every engine: two tables of one name, as if in two processes, and what calls cost. */
import { afterAll, beforeAll } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Clock, systemClock } from '../../lib/engine/index.js';
import { describeEngine, type EngineRow, engines, type OpenEngine } from '../support/engines.js';
import { type Step, steppedEngine } from '../support/stepped-engine.js';

export class Stage {
  opened!: OpenEngine;
  tableName!: string;
  table!: AtomTable;
  rival!: AtomTable;
  supports!: EngineRow['supports'];
  /** Wall-clock time of both tables, where a spec says so. */
  nowMs: number | undefined;
  readonly clock: Clock = { ...systemClock, now: () => this.nowMs ?? Date.now() };
  #names = 0;
  #sent: Step[] = [];

  async open(row: EngineRow): Promise<void> {
    this.supports = row.supports;
    this.opened = await row.open();
    this.tableName = this.opened.uniqueTable();
    const engine = steppedEngine(this.opened.engine, (step) => {
      this.#sent.push(step);
      return undefined;
    });
    // Requests are counted, so a busy machine must not have them sent again.
    const retry = { attemptTimeoutMs: 20_000 };
    this.table = new AtomTable({ engine, tableName: this.tableName, clock: this.clock, retry });
    this.rival = new AtomTable({ engine: this.opened.engine, tableName: this.tableName, clock: this.clock, retry });
    await this.table.create();
    await this.opened.engine.supportsTransactions();
  }

  async close(): Promise<void> {
    await this.opened.engine.deleteTable(this.tableName);
    await this.opened.close();
  }

  /** A name that nothing has yet. */
  name(): string {
    this.#names += 1;
    return `r${this.#names}`;
  }

  /** Kinds of the requests that `table` sends for `work`, and the units that they cost. */
  async cost(work: () => Promise<unknown>): Promise<{ sent: string[]; readUnits: number; writeUnits: number }> {
    this.#sent = [];
    const before = this.table.spent();
    await work();
    const after = this.table.spent();
    const readUnits = after.readUnits - before.readUnits;
    const writeUnits = after.writeUnits - before.writeUnits;
    return { sent: this.#sent.map(({ kind }) => kind), readUnits, writeUnits };
  }
}

export function onEngines(suite: (stage: Stage) => void): void {
  for (const row of engines.filter((one) => one.name !== 'aws')) {
    describeEngine(row, () => {
      const stage = new Stage();
      beforeAll(() => stage.open(row));
      afterAll(() => stage.close());
      suite(stage);
    });
  }
}

/**
 * A worker: an OS process with a client and a table object of its own. It takes chunks until there are none.
 *
 *   takeChunk -> send all rows -> takeChunk -> send all rows -> takeChunk ...
 *                             `-> markCounted -> close the chunk in its atoms -> markDone
 *
 * It may be killed between any two instructions; README.md says why nothing is lost or counted twice then. It shares
 * nothing with its parent but messages, and ends when its parent does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AtomTable, createClient } from '../../lib/index.js';
import { openAtoms, type RunAtoms } from './atoms.js';
import { type ChunkPlan, type Delivery, type Flight, planChunk, readFlights } from './flights.js';
import { endWithParent } from './fork.js';
import { closeChunk, takeRow } from './ledger.js';
import type { Job, Report } from './messages.js';
import { markCounted, markDone, type Task, takeChunk } from './work-list.js';

const waitMs = 20;

const say = (report: Report): void => {
  process.send?.(report);
};

type ChunkTask = Extract<Task, { kind: 'chunk' }>;

class Worker {
  readonly #job: Job;
  readonly #flights: readonly Flight[];
  readonly #table: AtomTable;
  readonly #atoms: RunAtoms;
  #rowsNew = 0;

  constructor(job: Job, flights: readonly Flight[], table: AtomTable) {
    this.#job = job;
    this.#flights = flights;
    this.#table = table;
    this.#atoms = openAtoms(table, job.run);
  }

  /** Takes chunks until all are done; returns how many it finished. */
  async work(): Promise<number> {
    const { worker, rows, rowsPerChunk } = this.#job;
    const chunks = Math.ceil(rows / rowsPerChunk);
    let finishing: Promise<void> | undefined;
    for (let finished = 0; ; ) {
      const task = await this.#atoms.list.swapWith((list) => takeChunk(list, worker, chunks));
      if (task.kind === 'chunk') {
        const plan = planChunk(this.#flights, task.chunk * rowsPerChunk, (task.chunk + 1) * rowsPerChunk);
        if (task.stage === 'counting') await this.#sendRows(task, plan);
        await finishing;
        // Beside the next chunk, so that the swaps of both share writes.
        finishing = this.#finish(task, plan);
        finishing.catch(() => {});
        finished += 1;
      } else {
        await finishing;
        if (task.kind === 'over') return finished;
        await sleep(waitMs);
      }
    }
  }

  /** All rows are in: says so, and only then lets the atoms forget the chunk. */
  async #finish({ chunk, stage }: ChunkTask, { rows, rowsOf }: ChunkPlan): Promise<void> {
    const { list, ledger } = this.#atoms;
    const { worker } = this.#job;
    if (stage === 'counting') await list.swap((value) => markCounted(value, worker, chunk));
    else {
      const found = { rows: rows.length, inAll: rows.length, inSome: 0, inNone: 0, swapsSkipped: 0 };
      say({ kind: 'resumed', resumption: { worker, chunk, stage, ...found } });
    }
    const closed = [...rowsOf].map(([name, count]) => ledger(name).swap((value) => closeChunk(value, chunk, count)));
    await Promise.all(closed);
    await list.swap((value) => markDone(value, worker, chunk));
  }

  /** Sends every row of the chunk to its three atoms, one swap each, a window of rows at a time. */
  async #sendRows({ chunk, stage, resumed }: ChunkTask, { rows }: ChunkPlan): Promise<void> {
    const { worker, window } = this.#job;
    const found = { rows: rows.length, inAll: 0, inSome: 0, inNone: 0, swapsSkipped: 0 };
    for (let from = 0; from < rows.length; from += window) {
      // Swaps of one atom from one process run in the order of the calls, and those that wait share a write.
      const deliveries = rows
        .slice(from, from + window)
        .map((row) => Promise.all(row.map((one) => this.#send(chunk, one))));
      for (const skipped of await Promise.all(deliveries)) {
        const times = skipped.filter((one) => one).length;
        found.swapsSkipped += times;
        if (times === skipped.length) found.inAll += 1;
        else if (times > 0) found.inSome += 1;
        else found.inNone += 1;
        // The summary is the last of the three: each row is new to it once.
        if (skipped.at(-1) === false) this.#rowsNew += 1;
      }
      const sent = Math.min(from + window, rows.length);
      say({ kind: 'progress', chunk, sent, rowsNew: this.#rowsNew, spent: this.#table.spent() });
    }
    if (resumed) say({ kind: 'resumed', resumption: { worker, chunk, stage, ...found } });
  }

  /** One row to one atom; returns whether the atom had it already. */
  async #send(chunk: number, { atom, position, delay }: Delivery): Promise<boolean> {
    let skipped = false;
    await this.#atoms.ledger(atom).swap((value) => {
      const next = takeRow(value, chunk, position, delay);
      // The function runs again when another process won; its last run is the one that counts.
      skipped = next === value;
      return next;
    });
    return skipped;
  }
}

async function run(job: Job): Promise<void> {
  const client = createClient(job.client);
  const table = new AtomTable({ client, tableName: job.tableName, evidenceWritersMax: job.evidenceWritersMax });
  try {
    const chunks = await new Worker(job, await readFlights(job.rows), table).work();
    say({ kind: 'finished', chunks, spent: table.spent() });
  } catch (error) {
    say({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  client.destroy();
}

endWithParent();
process.once('message', (job: Job) => void run(job));
say({ kind: 'ready' });

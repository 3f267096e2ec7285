/**
 * A worker: an OS process of its own. It takes chunks until there are none.
 *
 *   takeChunk -> send all rows -> takeChunk -> send all rows -> takeChunk ...
 *                             `-> markCounted -> close the chunk in its atoms -> markDone
 *
 * It may be killed between any two instructions; README.md says why nothing is lost or counted twice then.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openAtoms, type RunAtoms } from './atoms.js';
import { type ChunkPlan, type Delivery, type Flight, planChunk, readFlights } from './flights.js';
import { closeChunk, takeRow } from './ledger.js';
import { beMember, type Tools } from './member.js';
import type { Job, Resumption } from './messages.js';
import { markCounted, markDone, type Task, takeChunk } from './work-list.js';

const waitMs = 20;

type ChunkTask = Extract<Task, { kind: 'chunk' }>;

class Worker {
  readonly #job: Job;
  readonly #flights: readonly Flight[];
  readonly #tools: Tools<Resumption>;
  readonly #atoms: RunAtoms;
  #rowsNew = 0;

  constructor(job: Job, flights: readonly Flight[], tools: Tools<Resumption>) {
    this.#job = job;
    this.#flights = flights;
    this.#tools = tools;
    this.#atoms = openAtoms(tools.table, job.run);
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
      this.#tools.say({ kind: 'finding', finding: { worker, chunk, stage, ...found } });
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
      this.#tools.say({ kind: 'progress', chunk, sent, rowsNew: this.#rowsNew, spent: this.#tools.table.spent() });
    }
    if (resumed) this.#tools.say({ kind: 'finding', finding: { worker, chunk, stage, ...found } });
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

beMember<Job, Resumption>(async (job, tools) => new Worker(job, await readFlights(job.rows), tools).work());

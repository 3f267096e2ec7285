/**
 * A writer: an OS process with an instance of the system. It asks its parent for chunks until all are over, and keeps a
 * window of flights under way at once.
 *
 *   ask -> chunk 7: send, send, send ... ask -> chunk 9: send, send ...
 *                     `-> taken, taken, ...          done 7
 *
 * It may be killed between any two instructions; README.md says why nothing is lost or counted twice then.
 */
import { type Flight, readFlights } from '../flights.js';
import { beMember, type Tools } from '../member.js';
import type { Job } from '../messages.js';
import { eventsOf, type FlightEvent } from './book.js';
import type { Order } from './desk.js';
import type { Finding } from './messages.js';
import { type FlightSystem, openSystem } from './system.js';

/** A chunk whose flights are under way. */
interface Sending {
  readonly chunk: number;
  readonly resumed: boolean;
  readonly rows: number;
  rowsAnswered: number;
  rowsTaken: number;
}

class Writer {
  readonly #job: Job;
  readonly #flights: readonly Flight[];
  readonly #tools: Tools<Finding>;
  readonly #system: FlightSystem;
  #underWay = 0;
  #rowsNew = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Called when there is room in the window, or no hope for it. */
  #goOn: () => void = () => {};

  constructor(job: Job, flights: readonly Flight[], tools: Tools<Finding>, system: FlightSystem) {
    this.#job = job;
    this.#flights = flights;
    this.#tools = tools;
    this.#system = system;
  }

  /** Takes chunks until all are over; returns how many it was given. */
  async work(): Promise<number> {
    for (let chunks = 0; ; chunks += 1) {
      const order = await this.#ask();
      if (order.kind === 'over') return chunks;
      const events = eventsOf(this.#flights, order.chunk, this.#job.rowsPerChunk);
      const sending = { ...order, rows: events.length, rowsAnswered: 0, rowsTaken: 0 };
      for (const event of events) {
        while (this.#underWay >= this.#job.window) await this.#room();
        if (this.#failure !== undefined) throw this.#failure.error;
        void this.#send(sending, event);
      }
    }
  }

  #ask(): Promise<Order> {
    return new Promise((resolve, reject) => {
      process.once('message', resolve);
      this.#goOn = () => this.#failure !== undefined && reject(this.#failure.error);
      this.#tools.say({ kind: 'finding', finding: { kind: 'ask' } });
    });
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#goOn = resolve;
    });
  }

  /** Calls of one process take effect in the order in which they were made, so a chunk's flights come in order. */
  async #send(sending: Sending, event: FlightEvent): Promise<void> {
    this.#underWay += 1;
    try {
      const { result: isNew } = await this.#system.handle(event);
      this.#answered(sending, isNew === true);
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#underWay -= 1;
    this.#goOn();
  }

  #answered(sending: Sending, isNew: boolean): void {
    const { chunk, resumed, rows } = sending;
    sending.rowsAnswered += 1;
    if (isNew) this.#rowsNew += 1;
    else sending.rowsTaken += 1;
    const { rowsAnswered: sent, rowsTaken } = sending;
    if (sent % Math.ceil(this.#job.window / 2) === 0 || sent === rows) {
      this.#tools.say({ kind: 'finding', finding: { kind: 'stats', stats: this.#system.stats() } });
      this.#tools.say({ kind: 'progress', chunk, sent, rowsNew: this.#rowsNew, spent: this.#tools.table.spent() });
    }
    if (sent < rows) return;
    const resumption = resumed ? { worker: this.#job.worker, chunk, rows, rowsTaken } : undefined;
    this.#tools.say({ kind: 'finding', finding: { kind: 'done', chunk, resumption } });
  }
}

beMember<Job, Finding>(async (job, tools) => {
  const flights = await readFlights(job.rows);
  await using system = await openSystem(tools.table, job.run);
  const chunks = await new Writer(job, flights, tools, system).work();
  await system.sync();
  const held = { seq: system.seq, digest: await system.stateDigest() };
  tools.say({ kind: 'finding', finding: { kind: 'stats', stats: system.stats() } });
  tools.say({ kind: 'finding', finding: { kind: 'held', held } });
  return chunks;
});

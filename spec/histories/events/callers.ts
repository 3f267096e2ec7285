/**
 * What one process of a run does: several callers, each in a closed loop, execute commands on purses, append to their streams, load and
 * read them, and open the store anew, all drawn from the seed and written down.
 *
 * Nothing here knows whether time and network are real: the same callers run in child processes before a fault proxy and on
 * a virtual clock in a simulation.
 */
import { UnknownOutcomeError } from '../../../lib/atom/index.js';
import { isLeydenError } from '../../../lib/errors.js';
import { ConflictError, type EventStore, type ExpectedVersion, type RecordedEvent } from '../../../lib/events/index.js';
import { ClosedLoops, type LoopOptions, type Met, type Mix } from '../closed-loops.js';
import type { Notebook } from '../notebook.js';
import type { Note, Told } from './notes.js';
import { digestOf, notesOf, type Order, type PurseEvent, purseOf, Refused, streamNumber } from './purse.js';

export interface CallersOptions extends LoopOptions {
  readonly open: () => EventStore;
  readonly notebook: Notebook<Note>;
  readonly streams: number;
  /** Orders with ids to be given again first: their callers died. */
  readonly repeat: readonly Order[];
  /** Orders of which nobody knows what became of them: handed to another process, and taken from others. */
  readonly handOver?: ((order: Order) => void) | undefined;
  readonly takeOver?: (() => Order | undefined) | undefined;
  /** Length of large texts, at most. */
  readonly padMax: number;
  /** Events of one order, at most, each magnitude as often as the others. @defaultValue mostly one, now and then up to 60 */
  readonly eventsMax?: number | undefined;
}

type Deed = 'execute' | 'append' | 'repeat' | 'shared' | 'take-over' | 'load' | 'read' | 'backwards' | 'reopen';

/** Relative frequencies of what callers do. */
const mix: Mix<Deed> = [
  ['execute', 550],
  ['append', 200],
  ['repeat', 60],
  ['shared', 60],
  ['take-over', 60],
  ['load', 40],
  ['read', 20],
  ['backwards', 10],
  ['reopen', 4],
];
/** Orders of the same number are given by all processes, under one id. */
const callsPerShared = 40;
/** A lost answer of `settle` would be a hang: so long after the faults have ended it counts as one. */
const settleMsMax = 60_000;

/** What a caller may be told by a documented error, after which nothing was appended. */
const refusals: ReadonlySet<string> = new Set(['ERR_DEADLINE', 'ERR_EVENT_STORE_CLOSED']);

export class Callers extends ClosedLoops<CallersOptions> {
  readonly #unsettled: { readonly id: string; readonly error: UnknownOutcomeError }[] = [];
  /** Versions that were seen last, to expect something by. */
  readonly #versions = new Map<string, number>();
  #store: EventStore;
  #reopening: Promise<void> | undefined;
  #ids = 0;

  constructor(options: CallersOptions) {
    super(options);
    this.#store = options.open();
  }

  /** Does all that is to be done. */
  async run(): Promise<void> {
    await Promise.all(this.options.repeat.map((order) => this.#give(order)));
    await this.loop(() => this.#next());
  }

  /** Asks for every outcome that is still unknown, looks at all purses, and ends. */
  async finish(): Promise<Met> {
    await Promise.all(this.#unsettled.splice(0).map(({ id, error }) => this.#settle(id, error)));
    const names = Array.from({ length: this.options.streams }, (_, number) => streamNumber(number));
    await Promise.all(names.map((name) => this.#load(name)));
    await this.#store.close();
    return this.met;
  }

  async #next(): Promise<void> {
    const { random, clock, takeOver, name } = this.options;
    const deed = this.drawDeed(mix);
    const uid = `${name}#${this.begun}`;
    const stream = streamNumber(random.int(this.options.streams));
    if (deed === 'execute' || deed === 'append') {
      await this.#give(this.#drawOrder(uid, stream, deed, random.int(2) === 0));
    } else if (deed === 'repeat') {
      const order = this.#drawOrder(uid, stream, random.int(3) === 0 ? 'append' : 'execute', true);
      await Promise.all([this.#give(order), this.#give(order), random.int(3) === 0 ? this.#give(order) : undefined]);
    } else if (deed === 'shared')
      await this.#give(sharedOrder(Math.floor(this.begun / callsPerShared), this.options.streams));
    else if (deed === 'take-over') {
      const order = takeOver?.();
      if (order !== undefined) await this.#give(order);
    } else if (deed === 'load') await this.#load(stream);
    else if (deed === 'reopen') await this.#reopen();
    else await this.#read(stream, deed === 'backwards');
    // A pause now and then, so that not everything is a storm.
    if (random.int(20) === 0) await clock.sleep(random.int(10));
  }

  #drawOrder(uid: string, stream: string, deed: 'execute' | 'append', isKeyed: boolean): Order {
    const { random, padMax } = this.options;
    const draw = random.int(100);
    const op = deed === 'append' ? 'note' : draw < 30 ? 'take' : draw < 40 ? 'ensure' : 'add';
    const count = this.#drawCount();
    const key = !isKeyed ? 'none' : deed === 'append' && random.int(2) === 0 ? 'event' : 'command';
    const padLength = random.int(12) === 0 ? 1 + random.int(Math.ceil(padMax / count)) : 0;
    return {
      uid,
      stream,
      op,
      amount: 1 + random.int(op === 'take' ? 60 : 20),
      count,
      padLength,
      key,
    };
  }

  #drawCount(): number {
    const { random, eventsMax } = this.options;
    if (eventsMax !== undefined) return Math.floor(eventsMax ** random.next());
    if (random.int(3) > 0) return 1;
    return random.int(40) === 0 ? 1 + random.int(60) : 1 + random.int(3);
  }

  #drawExpected({ op, stream }: Order): ExpectedVersion {
    const draw = this.options.random.int(10);
    const version = this.#versions.get(stream) ?? 0;
    if (op !== 'note') return draw === 0 ? version : 'any';
    if (draw < 5) return version;
    if (draw < 8) return 'any';
    return draw === 8 ? 'exists' : 'no-stream';
  }

  async #give(order: Order): Promise<void> {
    const { name, notebook, random, handOver } = this.options;
    for (let tries = 0; ; tries += 1) {
      this.#ids += 1;
      const id = `${name}:${this.#ids}`;
      const expected = this.#drawExpected(order);
      notebook.write({ on: 'call', id, at: notebook.now(), order, expected });
      const startedAt = this.options.clock.monotonicMs();
      let told: Told;
      let unclear: unknown;
      try {
        told = await this.#call(order, expected);
      } catch (error) {
        told = this.#toldBy(error, id);
        unclear = error;
      }
      this.timed(startedAt);
      notebook.write({ on: 'ret', id, at: notebook.now(), ...told });
      this.#saw(order.stream, told);
      if (isLeydenError(unclear) && unclear.code === 'ERR_EVENT_STORE_CLOSED') await this.#reopening;
      if (told.outcome !== 'unknown') return;
      if (unclear instanceof UnknownOutcomeError) await this.#remember(id, unclear);
      if (order.key === 'none') return;
      if (random.int(2) === 0) handOver?.(order);
      if (tries === 3 || random.int(3) === 0) return;
    }
  }

  async #call(order: Order, expected: ExpectedVersion): Promise<Told> {
    const { random, clock } = this.options;
    const { uid, stream, op, key } = order;
    const options = { ...this.drawHurry(), expected, ...(key === 'command' && { commandId: uid }) };
    if (op === 'note') {
      const { events, version, time, repeated } = await this.#store.append(stream, notesOf(order), options);
      return { outcome: 'done', ...spanOf(events, version), time, repeated };
    }
    const { type, id } = purseOf(stream);
    const pauseMs = random.int(6) === 0 ? random.int(12) : 0;
    const services = { pause: () => (pauseMs === 0 ? Promise.resolve() : clock.sleep(pauseMs)) };
    const retries = [0, 3, 20, 100][random.int(4)] as number;
    const answer = await this.#store.execute(type, id, order, { ...options, services, retries });
    const { state, events, version, time, repeated } = answer;
    return { outcome: 'done', ...spanOf(events, version), time, repeated, state };
  }

  #saw(stream: string, { to, actual, state }: Told): void {
    const version = Math.max(to ?? 0, actual ?? 0, state?.count ?? 0);
    if (version > 0) this.#versions.set(stream, version);
  }

  #toldBy(error: unknown, id: string): Told {
    if (error instanceof Refused) return { outcome: 'refused', state: error.state };
    if (error instanceof ConflictError) {
      const { expected, actual, events } = error;
      return { outcome: 'conflict', expected, actual, digest: digestOf(events as RecordedEvent<PurseEvent>[]) };
    }
    return this.failed(error, `call ${id}`, refusals);
  }

  /** Some ask at once, in the middle of the storm; the others in the end. */
  async #remember(id: string, error: UnknownOutcomeError): Promise<void> {
    if (this.options.random.int(2) === 0) await this.#settle(id, error);
    else this.#unsettled.push({ id, error });
  }

  async #settle(id: string, error: UnknownOutcomeError): Promise<void> {
    const { notebook, clock } = this.options;
    const startedAt = clock.monotonicMs();
    const settled = await error.settle({ timeoutMs: settleMsMax });
    const isLate = settled.outcome === 'unknown' && startedAt > this.calmAt && settled.reason === 'in-flight';
    if (isLate) this.surprise(`${id} is not settled after ${settleMsMax} ms`);
    notebook.write({ on: 'settled', id, at: notebook.now(), outcome: settled.outcome });
    this.timed(startedAt);
  }

  async #load(stream: string): Promise<void> {
    const { notebook } = this.options;
    const from = notebook.now();
    await this.#look('load', async () => {
      const { type, id } = purseOf(stream);
      const { state, version } = await this.#store.load(type, id);
      notebook.write({ on: 'load', stream, from, at: notebook.now(), version, state });
    });
  }

  async #read(stream: string, isBackwards: boolean): Promise<void> {
    const { notebook, random } = this.options;
    const from = notebook.now();
    const version = this.#versions.get(stream) ?? 0;
    const isWhole = random.int(2) === 0;
    const edge = 1 + random.int(version + 2);
    await this.#look('read', async () => {
      const events: RecordedEvent<PurseEvent>[] = [];
      const part = isWhole ? {} : isBackwards ? { to: edge } : { from: edge };
      const options = { ...part, ...(isBackwards && { direction: 'backwards' as const }) };
      for await (const event of this.#store.read<PurseEvent>(stream, options)) events.push(event);
      const at = notebook.now();
      if (isBackwards) events.reverse();
      const last = events.at(-1)?.seq;
      if (last === undefined) return;
      const first = isWhole ? 1 : edge;
      notebook.write({ on: 'read', stream, from, at, first, last, whole: true, digest: digestOf(events) });
    });
  }

  /** Something that appends nothing: it may fail with a documented error, and is not repeated. */
  async #look(what: string, work: () => Promise<unknown>): Promise<void> {
    const startedAt = this.options.clock.monotonicMs();
    try {
      await work();
    } catch (error) {
      if (!isLeydenError(error) || !refusals.has(error.code)) this.surprise(`${what}: ${String(error)}`);
      if (isLeydenError(error) && error.code === 'ERR_EVENT_STORE_CLOSED') await this.#reopening;
    } finally {
      this.timed(startedAt);
    }
  }

  /** One at a time; who comes meanwhile is told that it is closed. */
  #reopen(): Promise<void> {
    this.#reopening ??= this.#store.close().then(() => {
      this.#store = this.options.open();
      this.#reopening = undefined;
    });
    return this.#reopening;
  }
}

function spanOf(events: readonly RecordedEvent<PurseEvent>[], version: number) {
  return { from: version - events.length + 1, to: version, digest: digestOf(events) };
}

/** All of it follows from its number. */
function sharedOrder(number: number, streams: number): Order {
  const facts = { uid: `shared-${number}`, stream: streamNumber((number * 7) % streams), amount: 1 + (number % 9) };
  const isNote = number % 3 === 0;
  return {
    ...facts,
    op: isNote ? 'note' : 'add',
    count: 1 + (number % 4),
    padLength: 0,
    key: number % 2 === 0 && isNote ? 'event' : 'command',
  };
}

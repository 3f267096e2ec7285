/**
 * The course of one transaction: run, check, hold, send, and again until it is committed.
 *
 *   run on what is known -> [threw, or nothing to write: were these states there together?] -> result
 *        ^     |
 *        |     v something to write
 *        |   hold the lanes, in the order of keys -> [other states by now] --+
 *        |     v                                                             |
 *        |   draft, send -> applied -> result                                |
 *        +------- conflict, told what stands there <-------------------------+
 *
 * The first run is optimistic and holds nothing. Once something had come between, the lanes of all atoms that it touched stay
 * held while it runs again, so that within this process it wins next; between processes the crowd's waits keep losses rare.
 */
import { sameItem } from '../base-choice.js';
import type { Cell } from '../cell.js';
import type { Tally } from '../diagnostics/trace.js';
import { BaseMoved } from '../large/footing.js';
import type { Parts } from '../receipts/receipt.js';
import { Sender } from '../sender.js';
import { Bases } from './bases.js';
import { type CourseCall, type CourseRooms, LostFate, type OncePlan } from './course-call.js';
import { type Departure, Gone } from './departure.js';
import { Holds } from './holds.js';
import type { Shipment } from './shipment.js';
import { type Seen, Together } from './transaction-check.js';
import { tellEnd } from './transaction-events.js';
import { type FlightEnd, TransactionFlight } from './transaction-flight.js';
import { drop, type Loading, load } from './transaction-load.js';
import { TransactionRun } from './transaction-run.js';
import { TransactionTurns } from './transaction-turns.js';
import type { View } from './transaction-view.js';

export class Course<R> {
  /** Attempts that lost against another writer. */
  conflicts = 0;
  /** What is on its way. */
  flight: TransactionFlight | undefined;
  readonly #call: CourseCall<R>;
  readonly #rooms: CourseRooms;
  readonly #departure: Departure;
  readonly #sender: Sender;
  readonly #bases: Bases;
  readonly #holds: Holds;
  readonly #turns: TransactionTurns;
  readonly #together: Together;
  /** What its requests cost, but for reads that others share. */
  readonly #tally: Tally | undefined;
  #once: OncePlan<R> | undefined;
  #runs = 0;
  #run: TransactionRun | undefined;
  /** Atoms whose lanes are to be held from now on. */
  #contended = new Set<Cell>();

  constructor(call: CourseCall<R>, rooms: CourseRooms, departure: Departure) {
    const { ground, retry } = rooms;
    this.#call = call;
    this.#rooms = rooms;
    this.#departure = departure;
    this.#sender = new Sender(ground, retry);
    this.#holds = new Holds(() => this.flight?.mind());
    const { trace, isFresh = false } = call;
    const { backoffMs } = retry;
    const { signal } = departure;
    const share = trace && ((tally: Tally) => trace.share(tally));
    this.#tally = trace?.about(0);
    this.#bases = new Bases({ ground, backoffMs, isFresh, signal, share });
    this.#turns = new TransactionTurns(ground, (cell) => this.#bases.read(cell), signal);
    this.#together = new Together({
      ground,
      sender: this.#sender,
      signal,
      isOfNow: (cell, known) => this.#bases.isOfNow(cell, known),
      tally: this.#tally,
      share,
    });
  }

  /** Atoms that the last run touched. */
  get cells(): readonly Cell[] {
    return [...(this.#run?.views.keys() ?? [])];
  }

  get obstacle(): unknown {
    return this.flight?.shipment.obstacle ?? this.#sender.obstacle ?? this.cells.map(readObstacle).find(Boolean);
  }

  /** @throws Gone when the caller has gone; then {@link Course.flight} may still be under way. */
  async run(): Promise<R> {
    try {
      const { once } = this.#call;
      if (once !== undefined) this.#once = await this.#departure.race(once());
      for (;;) {
        const done = await this.#round();
        if (done !== undefined) return done.value;
      }
    } finally {
      this.#run?.end();
      if (this.#call.trace !== undefined) this.#call.trace.atoms = this.cells.length;
      // What is still being made ready may never be, and a footing that comes late is met as any other writer's.
      const { flight } = this;
      if (flight === undefined) this.#holds.release();
      else void flight.end.then(() => this.#holds.release());
    }
  }

  /** `undefined`: something came between. */
  async #round(): Promise<{ readonly value: R } | undefined> {
    const { requireTransactions, isOwn, onFrame } = this.#rooms;
    const { body, signal } = this.#call;
    const once = this.#once;
    this.#departure.assertInTime();
    await this.#departure.race(this.#holds.extend(this.#contended, this.#departure.signal));
    this.#runs += 1;
    const run = new TransactionRun(
      {
        read: (cell) => this.#bases.of(cell),
        holds: (inside) => this.#holds.covers(inside),
        requireTransactions,
        isOwn,
        onFrame,
      },
      { attempt: this.#runs, signal },
      once === undefined || once.inItem ? 0 : 1,
    );
    this.#run = run;
    const result = await this.#departure.race(run.perform(body));
    const views = [...run.views.values()].filter((view) => view.base !== undefined);
    const found = once && (await this.#departure.race(once.find(views, 'error' in result)));
    if (found !== undefined) return { value: (once as OncePlan<R>).recall(found) };
    if ('error' in result) {
      if (run.isFatal || (await this.#stood(views))) throw result.error;
      return undefined;
    }
    if (once === undefined && !views.some((view) => view.isChanged)) {
      return (await this.#stood(views)) ? { value: result.value } : undefined;
    }
    const loading = await this.#load(views, once?.keep(result.value));
    return loading && this.#send(loading, result.value);
  }

  /** Whether what a run saw was there, all of it at once. Else the next run sees something newer, and nobody here comes between. */
  async #stood(views: readonly View[]): Promise<boolean> {
    const atMs = this.#rooms.ground.clock.monotonicMs();
    if (await this.#departure.race(this.#together.stood(views.map(seenBy)))) return true;
    this.#departure.attempts += 1;
    this.conflicts += 1;
    this.#bases.lost(atMs, [], new Set());
    this.#contend(views);
    return false;
  }

  /** Makes ready what is to be sent, with the lanes of all that is written held; `undefined` when something has come between. */
  async #load(views: readonly View[], parts: Parts | undefined): Promise<Loading | undefined> {
    const { ground, retry } = this.#rooms;
    const once = this.#once;
    const departure = this.#departure;
    const written = views.filter((view) => view.isChanged || once?.inItem === true);
    await departure.race(this.#holds.extend(cellsOf(written), departure.signal));
    await departure.race(this.#turns.come(cellsOf(views)));
    if (!views.every(isCurrent)) {
      this.#contend(views);
      return undefined;
    }
    const loading = load(ground, retry, { views, written, parts, once }, departure.signal);
    try {
      return await departure.race(loading);
    } catch (error) {
      // What is ready only after its caller has gone is not sent.
      if (error instanceof Gone) {
        loading.then(
          ({ shipment }) => drop(shipment.members),
          () => {},
        );
      }
      if (error instanceof BaseMoved) {
        for (const { cell } of written) cell.cache.forget();
        this.#contend(views);
        return undefined;
      }
      // What made it impossible may have been computed on states that are gone.
      if (error instanceof Gone || (await this.#stood(views))) throw error;
      return undefined;
    }
  }

  async #send({ shipment, startedAtMs }: Loading, value: R): Promise<{ readonly value: R } | undefined> {
    const end = await this.#fly(shipment);
    const { members } = shipment;
    switch (end.status) {
      case 'applied':
        this.#turns.learn(new Set());
        for (const { cell, draft } of members) if (draft !== undefined) cell.lane.choice.noteCommit();
        return { value };
      case 'conflict':
        this.#turns.learn(end.changed);
        this.conflicts += 1;
        this.#bases.lost(startedAtMs, members, end.changed);
        for (const { cell } of members) this.#contended.add(cell);
        return undefined;
      case 'received': {
        const once = this.#once as OncePlan<R>;
        return { value: once.recall(await this.#departure.race(once.slip.recallFrom(end.receipt))) };
      }
      case 'refused':
        throw end.error;
      case 'lost':
        throw new LostFate(shipment, end);
      case 'unsent':
        throw this.#departure.signal.reason;
    }
  }

  async #fly(shipment: Shipment): Promise<FlightEnd> {
    const { ground, retry } = this.#rooms;
    const flight = new TransactionFlight(shipment, {
      ground,
      retry,
      isWanted: () => this.#holds.isWanted,
      onRest: (rests) => this.#holds.rest(rests),
    });
    this.flight = flight;
    shipment.tally = this.#tally;
    const leave = flight.attend();
    this.#departure.attempts += 1;
    this.#departure.isSending = true;
    // Also when its caller has gone by then.
    void flight.end.then((end) => tellEnd(ground.events, shipment, end, this.#departure.attempts));
    try {
      const end = await this.#departure.race(flight.end);
      this.flight = undefined;
      return end;
    } finally {
      this.#departure.isSending = false;
      leave();
    }
  }

  #contend(views: readonly View[]): void {
    for (const { cell } of views) this.#contended.add(cell);
  }
}

function seenBy({ cell, base }: View): Seen {
  return { cell, base: base as Seen['base'] };
}

function isCurrent({ cell, base }: View): boolean {
  const { known } = cell.cache;
  return known !== undefined && base !== undefined && sameItem(known, base);
}

function cellsOf(views: readonly View[]): readonly Cell[] {
  return views.map(({ cell }) => cell);
}

function readObstacle({ register }: Cell): unknown {
  return register.readObstacle;
}

/**
 * One call on its tracing channel, from start to end.
 *
 *   start -> (the call, in the context that subscribers bound to `start`) -> end -> … -> [error] -> asyncStart -> asyncEnd
 *
 * As `tracingChannel.tracePromise` does it, but for one thing: the result is not put into the event. It is a value, or holds one.
 */
import { type Item, itemBytes, readUnits, writeUnits } from '../../codec/index.js';
import type { BatchGetAnswer, TransactWriteAnswer, WriteAnswer } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import { type OperationChannel, type OperationEvent, type OperationOutcome, operationChannels } from './diagnostics.js';

/** What requests came to, shared by all calls that they were sent for. Made only while somebody listens. */
export class Tally {
  requests = 0;
  readUnits = 0;
  writeUnits = 0;
  /** Calls that share it. */
  sharers = 0;
  #bytesWritten = 0;

  /** Of the item that is going to be written and the one that it replaces, the larger counts. */
  weigh(item: Item, bytesBefore: number): this {
    this.#bytesWritten = Math.max(itemBytes(item), bytesBefore);
    return this;
  }

  async reading(answer: Promise<Item | undefined>, consistent: boolean): Promise<Item | undefined> {
    this.requests += 1;
    const item = await answer;
    this.readUnits += readUnits(item === undefined ? 0 : itemBytes(item), consistent);
    return item;
  }

  /** A batch: each item counts by itself, a missing one as well. */
  async readingMany(answer: Promise<BatchGetAnswer>, asked: number, consistent: boolean): Promise<BatchGetAnswer> {
    this.requests += 1;
    const given = await answer;
    for (const item of given.items) this.readUnits += readUnits(itemBytes(item), consistent);
    const missing = asked - given.items.length - given.unprocessed.length;
    this.readUnits += missing * readUnits(0, consistent);
    return given;
  }

  /** Several items read at one instant: twice the price. */
  async readingTogether(answer: Promise<readonly (Item | undefined)[]>): Promise<readonly (Item | undefined)[]> {
    this.requests += 1;
    const items = await answer;
    for (const item of items) this.readUnits += 2 * readUnits(item === undefined ? 0 : itemBytes(item), true);
    return items;
  }

  /** A transaction whose actions cost `units`, whether or not their conditions hold. */
  async transacting(answer: Promise<TransactWriteAnswer>, units: number): Promise<TransactWriteAnswer> {
    this.requests += 1;
    const given = await answer;
    if (given.status !== 'not-applied') this.writeUnits += units;
    return given;
  }

  /** What is unclear counts as done; a failed condition costs what it met. */
  async writing(answer: Promise<WriteAnswer>): Promise<WriteAnswer> {
    this.requests += 1;
    const given = await answer;
    if (given.status === 'condition-failed' && given.image !== undefined) {
      this.writeUnits += writeUnits(itemBytes(given.image));
    } else if (given.status !== 'not-applied') this.writeUnits += writeUnits(this.#bytesWritten);
    return given;
  }
}

/** The event of one call, while it is being filled in. */
export class Trace implements OperationEvent {
  readonly kind: OperationChannel;
  readonly action: string;
  readonly table: string;
  readonly key: string | undefined;
  atoms = 1;
  outcome: OperationOutcome | undefined = undefined;
  attempts = 0;
  conflicts = 0;
  callers = 1;
  requests = 0;
  readUnits = 0;
  writeUnits = 0;
  declare error?: unknown;
  #isRead: boolean;
  readonly #tallies = new Set<Tally>();

  constructor(kind: OperationChannel, action: string, table: string, key: string | undefined) {
    this.kind = kind;
    this.action = action;
    this.table = table;
    this.key = key;
    this.#isRead = kind === 'deref';
  }

  /** Requests are being sent for this call, perhaps for others too. */
  share(tally: Tally): void {
    if (this.#tallies.has(tally)) return;
    this.#tallies.add(tally);
    tally.sharers += 1;
  }

  /** This is a read of so many atoms. What counts its cost. */
  reads(atoms: number): Tally {
    this.#isRead = true;
    return this.about(atoms);
  }

  /** This is about so many atoms. What counts the cost of reading them. */
  about(atoms: number): Tally {
    this.atoms = atoms;
    const tally = new Tally();
    this.share(tally);
    return tally;
  }

  /** What became of the write, or of the look, that carried the call. A batch has one for each of its atoms, and says so itself. */
  carried(outcome: OperationOutcome, callers: number): void {
    if (this.kind === 'batch') return;
    this.outcome = outcome;
    this.callers = callers;
  }

  /** Takes over what the lane of an atom has noted of the call. */
  close({ attempts, conflicts }: { readonly attempts: number; readonly conflicts: number }): void {
    this.attempts += attempts;
    this.conflicts += conflicts;
  }

  /** The call has its answer. */
  succeed(): void {
    this.#end(this.#isRead ? 'read' : this.attempts > 0 ? 'applied' : 'noop');
  }

  /** The call rejects. */
  fail(error: unknown): void {
    this.error = error;
    this.#end(isLeydenError(error) && error.outcome === 'unknown' ? 'unknown' : 'not-done');
  }

  /** What it cost, and, unless that is known, what became of it. */
  #end(outcome: OperationOutcome): void {
    this.outcome ??= outcome;
    for (const { requests, readUnits, writeUnits, sharers } of this.#tallies) {
      this.requests += requests;
      this.readUnits += readUnits / sharers;
      this.writeUnits += writeUnits / sharers;
    }
    this.#tallies.clear();
  }
}

/** Whether anybody listens to calls, so that units are worth being counted. */
export function areCallsTraced(): boolean {
  const { deref, swap, transact, batch } = operationChannels;
  return swap.hasSubscribers || deref.hasSubscribers || transact.hasSubscribers || batch.hasSubscribers;
}

/**
 * Runs a call, and tells of it on the channel of its kind if anybody listens there; `run` is then given the event to fill in.
 * `subject` is what has the table's name. Whatever the call gives or throws is passed on.
 */
export function traced<R>(
  kind: OperationChannel,
  action: string,
  subject: { readonly table: string },
  key: string | undefined,
  run: (trace: Trace | undefined) => Promise<R>,
): Promise<R> {
  const tracing = operationChannels[kind];
  if (!tracing.hasSubscribers) return run(undefined);
  const { start, end, asyncStart, asyncEnd, error: failed } = tracing;
  const trace = new Trace(kind, action, subject.table, key);
  const finish = (): void => {
    asyncStart.publish(trace);
    asyncEnd.publish(trace);
  };
  return start.runStores(trace, () => {
    try {
      return run(trace).then(
        (result) => {
          trace.succeed();
          finish();
          return result;
        },
        (error: unknown) => {
          trace.fail(error);
          failed.publish(trace);
          finish();
          throw error;
        },
      );
    } finally {
      end.publish(trace);
    }
  });
}

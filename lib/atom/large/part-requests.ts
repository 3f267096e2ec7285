/**
 * Requests for parts: a few at a time, each sent until it has its answer, with a patience of their own.
 *
 * Every write here is the same however often it is done. So an answer that was lost is asked for again, and a failed condition says
 * that it was done, or needs not be.
 */
import type { Item } from '../../codec/index.js';
import type { Expression, WriteAnswer } from '../../engine/index.js';
import { DeadlineError } from '../errors.js';
import type { Ground, Retry } from '../ground.js';
import { Pace } from '../pace.js';
import { Again, refusalOf, Sender } from '../sender.js';
import { Slots } from '../slots.js';

/** Parts of one table under way at a time, whoever's they are: about a megabyte of memory each while it is sent. */
export const partsAtOnce = 8;
/** How many times longer than a small item a part may take. */
const partSlowness = 5;

/** What the parts of a table share with its atoms. */
export type PartsGround = Omit<Ground, 'parts'>;

/** Nobody waits for this write any more. */
export class Unwanted extends Error {}

export class PartRequests {
  readonly #ground: PartsGround;
  readonly #retry: Retry;
  readonly #sender: Sender;
  readonly #slots = new Slots(partsAtOnce);

  constructor(ground: PartsGround, retry: Retry) {
    // Parts take longer than items do: what is learnt from them says nothing of those.
    const pace = new Pace(retry.attemptTimeoutMs, partSlowness * retry.attemptTimeoutMs);
    this.#ground = ground;
    this.#retry = retry;
    this.#sender = new Sender({ ...ground, pace }, retry);
  }

  /** Sends one part until it stands there. Never over another: a late copy must not take a mark away. */
  put(key: string, signal: AbortSignal | undefined, make: () => Item): Promise<void> {
    const { engine, keyNames, tableName } = this.#ground;
    const condition: Expression = { expression: 'attribute_not_exists(#k)', names: { '#k': keyNames[0] as string } };
    const deadlineAt = signal === undefined ? this.deadline() : Number.POSITIVE_INFINITY;
    return this.#slots.run(() => {
      const item = make();
      return this.#persist(key, { deadlineAt, signal }, (sending) =>
        engine.put({ table: tableName(), item, condition }, { signal: sending }),
      );
    });
  }

  /** One part, if it is there. */
  get(owner: string, key: Item, consistent: boolean, deadlineAt: number): Promise<Item | undefined> {
    const { engine, tableName } = this.#ground;
    return this.#slots.run(() =>
      this.#sender.read(owner, deadlineAt, (signal) => engine.get({ table: tableName(), key, consistent }, { signal })),
    );
  }

  /** A write that is the same however often it is done, until it was done or needs not be. */
  write(
    key: string,
    deadlineAt: number,
    send: (table: string, signal: AbortSignal) => Promise<WriteAnswer>,
  ): Promise<void> {
    return this.#slots.run(() =>
      this.#persist(key, { deadlineAt, signal: undefined }, (signal) => send(this.#ground.tableName(), signal)),
    );
  }

  async #persist(
    key: string,
    { deadlineAt, signal }: { readonly deadlineAt: number; readonly signal: AbortSignal | undefined },
    send: (signal: AbortSignal) => Promise<WriteAnswer>,
  ): Promise<void> {
    let attempts = 0;
    try {
      await this.#sender.persist(key, { deadlineAt, ...(signal && { signal }) }, async () => {
        if (signal?.aborted) throw new Unwanted();
        attempts += 1;
        judge(await this.#sender.tryWrite(send));
      });
    } catch (error) {
      if (!(error instanceof Again)) throw error;
      if (signal?.aborted) throw new Unwanted();
      throw new DeadlineError('write', { key, attempts, conflicts: 0 }, this.#retry.timeoutMs, error.cause);
    }
  }

  /** When to give up a request that nobody waits for. */
  deadline(): number {
    return this.#ground.clock.monotonicMs() + this.#retry.timeoutMs;
  }
}

/** Throws unless it was done, or needs not be; {@link Again} where that may change. */
function judge(answer: WriteAnswer | undefined): void {
  if (answer === undefined || answer.status === 'unclear') throw new Again('brief', answer?.error);
  if (answer.status === 'not-applied') throw refusalOf(answer);
}

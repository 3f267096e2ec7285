/**
 * Who may read a stream for watches: a shard bears two readers, so there are two places, each a durable lock.
 *
 *   process A ──holds── `stream <arn> slot 1` ─┐
 *   process B ──holds── `stream <arn> slot 2` ─┴─> the stream
 *   process C ──tries both, now and then; meanwhile its watches poll
 *
 * A place is a hint, as every lease is: a holder that slept may read for a moment beside the next one. That costs throttling and nothing
 * else, for readers change nothing.
 *
 * The locks, and the session on which they hang, lie in a table of their own: in the watched one each heartbeat would be a record of the
 * stream, and each reader would wake itself.
 */
import type { AtomTable } from '../../atom/index.js';
import type { Clock, Random } from '../../engine/index.js';
import { Lock, type LockGrant, Session } from '../../recipes/index.js';

/** Readers of watches that one stream bears, if nobody else reads it. */
export const slotsMax = 2;
/** Whoever waits for a place has polling to live on, so a lease may be long, and its heartbeats rare. */
const leaseMs = 30_000;
const heartbeatMs = 10_000;
/** Times between two tries differ by so much, so that processes that began together do not try together. */
const jitter = 0.5;

/** A place that is held. */
export interface Slot {
  /** Which one: 1 or 2. */
  readonly number: number;
  /** Aborts when it is lost. */
  readonly signal: AbortSignal;
  /** Gives it back. Never rejects: what could not be given back goes with the lease. */
  release(): Promise<void>;
}

export interface ReaderSlotsOptions {
  /** Where the locks lie. */
  readonly table: AtomTable;
  /** How many there are. */
  readonly count: number;
  /** How often a place is asked for while all are taken. */
  readonly retryMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of what stands in the way, which does not end the waiting. */
  readonly onError: (error: unknown) => void;
}

export class ReaderSlots {
  readonly #options: ReaderSlotsOptions;
  #session: Session | undefined;

  /** Sends nothing. */
  constructor(options: ReaderSlotsOptions) {
    this.#options = options;
  }

  /**
   * Waits for a place at the stream `arn`, for ever.
   *
   * If the process dies while it holds one, others have it after its lease: 30 s, and the time to their next try.
   *
   * @throws `signal.reason`
   */
  async take(arn: string, signal: AbortSignal): Promise<Slot> {
    const { clock, count, onError, random, retryMs } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      const first = random.int(count);
      for (let tried = 0; tried < count; tried += 1) {
        try {
          const slot = await this.#try(arn, 1 + ((first + tried) % count), signal);
          if (slot !== undefined) return slot;
        } catch (error) {
          signal.throwIfAborted();
          onError(error);
        }
      }
      await clock.sleep(retryMs * (1 + jitter * (random.next() - 0.5)), { signal, background: true });
    }
  }

  /** Ends the session, and gives back with it what is held. Never rejects. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close().catch(this.#options.onError);
  }

  async #try(arn: string, number: number, signal: AbortSignal): Promise<Slot | undefined> {
    const purpose = 'reads a stream for watches';
    this.#session ??= new Session(this.#options.table, { leaseMs, heartbeatMs, purpose });
    const grant = await new Lock(this.#session, `stream ${arn} slot ${number}`, { purpose }).tryAcquire({ signal });
    if (grant === undefined) return undefined;
    return { number, signal: grant.signal, release: () => this.#release(grant) };
  }

  async #release(grant: LockGrant): Promise<void> {
    await grant.release().catch(this.#options.onError);
  }
}

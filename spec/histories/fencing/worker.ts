/**
 * A process that holds a lock now and then, and that goes on writing when it has lost it: it looks at its grant first thing after each
 * wait, notes what it sees, and then writes all the same, under its own token, as a program would that looked a moment earlier.
 *
 *     acquire ─► [ wait ─► look ─► write to a fenced atom, a guarded item, an item that nobody guards ] … ─► release, or lost
 *
 * Whoever runs it stops it (SIGSTOP) on the way.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { AtomTable } from '../../../lib/atom/index.js';
import { createClient, isTransient, type Random, SdkEngine, seededRandom } from '../../../lib/engine/index.js';
import { isLeydenError } from '../../../lib/errors.js';
import { fenceCondition, Lock, type LockGrant, Session } from '../../../lib/recipes/index.js';
import { steppedEngine } from '../../support/stepped-engine.js';
import { serve, tell } from '../processes.js';
import { appended, keysOf, resourceOf } from './resources.js';

/** What a holder is to do. */
export interface HolderOrder {
  readonly endpoint: string;
  readonly table: string;
  readonly lane: string;
  readonly seed: number;
  readonly leaseMs: number;
}

/**
 * What a holder says unasked. `woke`: its first look after nothing ran here for a lease or longer. `silentMs`: since the last renewal was
 * sent, whatever became of it: from a lease on, the grant must be seen aborted.
 */
export type HolderNote =
  | { readonly said: 'granted'; readonly token: number }
  | { readonly said: 'wrote'; readonly token: number }
  | { readonly said: 'woke'; readonly token: number; readonly aborted: boolean; readonly silentMs: number };

/** What a holder has seen in all. */
export interface HolderReport {
  readonly tokens: readonly number[];
  readonly accepted: number;
  /** Writes that were refused for their token, by the atom and by the item. */
  readonly refusedByAtom: number;
  readonly refusedByItem: number;
  readonly surprises: readonly string[];
}

const localConfig = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
const tickMs = 5;
const roundsMax = 30;

/** Notices that this process was stopped, whoever runs first when it goes on. */
class Standstill {
  #lastAt = performance.now();
  #longestMs = 0;
  readonly #timer = setInterval(() => this.#tick(), tickMs);

  /** The longest time since the last call in which nothing ran here. */
  take(): number {
    this.#tick();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs, now - this.#lastAt);
    this.#lastAt = now;
  }
}

class Holder {
  readonly #order: HolderOrder;
  readonly #client: ReturnType<typeof createClient>;
  readonly #session: Session;
  readonly #lock: Lock;
  readonly #atom: ReturnType<typeof resourceOf>;
  readonly #random: Random;
  readonly #standstill = new Standstill();
  readonly #tokens: number[] = [];
  readonly #surprises: string[] = [];
  readonly #counts = { accepted: 0, refusedByAtom: 0, refusedByItem: 0 };
  readonly #over = new AbortController();
  #renewedAt = performance.now();
  #running: Promise<void> | undefined;

  constructor(order: HolderOrder) {
    const { endpoint, table: tableName, lane, seed, leaseMs } = order;
    this.#order = order;
    this.#client = createClient({ ...localConfig, endpoint });
    const engine = steppedEngine(new SdkEngine(this.#client), ({ kind, text }) => {
      if (kind === 'put' && text.includes('"session:')) this.#renewedAt = performance.now();
      return undefined;
    });
    const table = new AtomTable({ engine, tableName });
    this.#session = new Session(table, { leaseMs });
    this.#lock = new Lock(this.#session, lane);
    this.#atom = resourceOf(table, lane);
    this.#random = seededRandom(seed);
  }

  start(): void {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      try {
        const grant = await this.#lock.acquire({ signal: this.#over.signal });
        await this.#hold(grant);
        await grant.release().catch(() => false);
      } catch (error) {
        if (this.#over.signal.aborted) break;
        // The lease was lost while it waited, or while a lost answer was being settled.
        if (!isLeydenError(error)) this.#surprises.push(String(error));
        await sleep(tickMs);
      }
    }
  }

  async end(): Promise<HolderReport> {
    this.#over.abort();
    await this.#running;
    await this.#session.close();
    this.#standstill.end();
    this.#client.destroy();
    return { ...this.#counts, tokens: this.#tokens, surprises: this.#surprises };
  }

  async #hold(grant: LockGrant): Promise<void> {
    const token = Number(grant.token);
    this.#tokens.push(token);
    this.#standstill.take();
    tell({ said: 'granted', token } satisfies HolderNote);
    for (let round = 0; round < roundsMax && !this.#over.signal.aborted; round += 1) {
      await sleep(this.#random.int(2 * tickMs));
      const isLost = this.#look(grant);
      await this.#write(grant);
      const isLostBy = this.#look(grant);
      if (round === 0) tell({ said: 'wrote', token } satisfies HolderNote);
      if (isLost || isLostBy) return;
    }
  }

  /** First thing after a wait. The clocks come before the look: between the two it may be stopped as anywhere. */
  #look(grant: LockGrant): boolean {
    const silentMs = performance.now() - this.#renewedAt;
    const stoodMs = this.#standstill.take();
    const { aborted } = grant.signal;
    if (stoodMs >= this.#order.leaseMs) {
      tell({ said: 'woke', token: Number(grant.token), aborted, silentMs } satisfies HolderNote);
    }
    return aborted;
  }

  /** What a program sends that believes that it holds the lock: the grant itself would refuse. */
  async #write({ name, token }: LockGrant): Promise<void> {
    const fence = { name, token };
    const { lane } = this.#order;
    try {
      await this.#atom.swap(fence, (log) => appended(log, Number(token)), { timeoutMs: 5_000 });
      this.#counts.accepted += 1;
    } catch (error) {
      // Any other outcome is one that a call may have whose process was stopped beyond its deadline.
      if (isLeydenError(error, 'ERR_STALE_TOKEN')) this.#counts.refusedByAtom += 1;
      else if (!isLeydenError(error)) this.#surprises.push(String(error));
    }
    try {
      await this.#append(keysOf(lane).guarded, Number(token), guardOf(fence));
    } catch (error) {
      if ((error as Error).name === 'ConditionalCheckFailedException') this.#counts.refusedByItem += 1;
      else if (!isTransient(error)) this.#surprises.push(String(error));
    }
    try {
      await this.#append(keysOf(lane).unguarded, Number(token));
    } catch (error) {
      if (!isTransient(error)) this.#surprises.push(String(error));
    }
  }

  async #append(id: string, token: number, guard?: ReturnType<typeof guardOf>): Promise<void> {
    await this.#client.send(
      new UpdateItemCommand({
        TableName: this.#order.table,
        Key: { id: { S: id } },
        UpdateExpression: `SET tokens = list_append(if_not_exists(tokens, :none), :new)${guard ? `, ${guard.assignments}` : ''}`,
        ExpressionAttributeValues: { ':none': { L: [] }, ':new': { L: [{ N: String(token) }] }, ...guard?.values },
        ...(guard && { ConditionExpression: guard.condition, ExpressionAttributeNames: guard.names }),
      }),
    );
  }
}

function guardOf(fence: Parameters<typeof fenceCondition>[0]) {
  return fenceCondition(fence, { client: 'plain' });
}

let holder: Holder | undefined;

serve({
  hold(order: HolderOrder): void {
    holder = new Holder(order);
    holder.start();
  },
  async end(): Promise<HolderReport | undefined> {
    return holder?.end();
  },
});

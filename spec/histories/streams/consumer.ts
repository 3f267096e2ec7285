/** A member of a consumer group in a process of its own, to be killed and stopped. It writes down what it is given and what it stores. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isLeydenError } from '../../../lib/errors.js';
import {
  ConsumerGroup,
  type GroupBatch,
  type GroupEvent,
  type HandlerContext,
  TableStream,
} from '../../../lib/streams/index.js';
import { serve, tell, tellSurely } from '../processes.js';
import {
  type ConsumerOrder,
  countWrite,
  emptyItemView,
  type ItemView,
  type Note,
  viewPartition,
  type Written,
  writtenOf,
} from './notes.js';
import { openWires, type Wires } from './wires.js';

const say = (note: Note): void => tell(note);
const readsMs = 250;

/** What is known of a shard that this process owns. */
interface Owned {
  readonly epoch: number;
  /** The last record that is done, now and when the last save was acknowledged. */
  done: string | undefined;
  doneAtSave: string | undefined;
  handed: string | undefined;
  fromMs: number;
  toMs: number;
  isTold: boolean;
}

class Member {
  readonly #order: ConsumerOrder;
  readonly #wires: Wires;
  readonly #owned = new Map<string, Owned>();
  readonly #group: ConsumerGroup<Written>;
  readonly #telling: NodeJS.Timeout;
  #running: Promise<void> | undefined;
  #onJoined: () => void = () => {};

  constructor(order: ConsumerOrder) {
    const { group, leaseMs, beatMs, saveMs, batchRecordsMax, name } = order;
    this.#order = order;
    this.#wires = openWires(order);
    this.#group = new ConsumerGroup<Written>({
      name: group,
      stream: new TableStream({
        port: this.#wires.port,
        table: this.#wires.watched,
        pace: { shardReadsPerSecondMax: 10 },
      }),
      table: this.#wires.groups,
      from: 'trim-horizon',
      parser: { parse: writtenOf },
      member: { id: name, leaseMs, beatMs },
      ...{ saveMs, idleMsMax: 300, batch: { recordsMax: batchRecordsMax } },
      errors: { retry: { attempts: 1_000, backoffMs: 50, backoffMsMax: 500 } },
      handler: (batch, context) => this.#handle(batch, context),
      onEvent: (event) => this.#hear(event),
    });
    this.#telling = setInterval(() => this.#tellReads(), readsMs);
  }

  /** Resolves when it has joined. */
  async join(): Promise<void> {
    const joined = new Promise<void>((resolve) => {
      this.#onJoined = resolve;
    });
    this.#running = this.#group.run();
    this.#running.catch((error: unknown) => {
      say({
        kind: 'failed',
        shardId: '',
        epoch: 0,
        why: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    });
    await Promise.race([joined, this.#running]);
  }

  async leave(): Promise<void> {
    await this.#group.stop();
    await this.#running?.catch(() => {});
    clearInterval(this.#telling);
    this.#tellReads();
    this.#wires.close();
  }

  async #handle({ shardId, records }: GroupBatch<Written>, context: HandlerContext): Promise<void> {
    const { epoch, attempt, transact } = context;
    const { mode, handlerMs } = this.#order;
    const written = records.map(({ value }) => value);
    // Before anything else: whoever is killed later has said so.
    await tellSurely({ kind: 'delivered', shardId, epoch, attempt, records: written } satisfies Note);
    const owned = this.#owned.get(shardId);
    if (owned !== undefined) owned.handed = written.at(-1)?.seq;
    if (mode === 'plain') {
      await sleep(handlerMs);
      return;
    }
    try {
      await transact(async (tx) => {
        say({ kind: 'inside', shardId, epoch });
        await sleep(handlerMs);
        const byKey = new Map<string, number[]>();
        for (const { key, n } of written) byKey.set(key, [...(byKey.get(key) ?? []), n]);
        for (const [sk, counts] of byKey) {
          const view = this.#wires.groups.atom<ItemView>({ pk: viewPartition, sk }, { initial: emptyItemView });
          void tx.swap(view, (state) => counts.reduce(countWrite, state));
        }
      });
    } catch (error) {
      say({ kind: 'refused', shardId, epoch, code: isLeydenError(error) ? error.code : String(error) });
      throw error;
    }
    say({ kind: 'stored', shardId, epoch, seq: written.at(-1)?.seq ?? '' });
  }

  #hear(event: GroupEvent): void {
    if (event.type === 'joined') this.#onJoined();
    if (!('shardId' in event)) return;
    const { shardId } = event;
    const owned = this.#owned.get(shardId);
    if (event.type === 'shard-started') {
      const none = { done: undefined, doneAtSave: undefined, handed: undefined, isTold: true };
      this.#owned.set(shardId, { epoch: event.epoch, ...none, fromMs: Number.POSITIVE_INFINITY, toMs: 0 });
      say({ kind: 'started', shardId, epoch: event.epoch });
    } else if (owned === undefined) return;
    else if (event.type === 'read') {
      owned.fromMs = Math.min(owned.fromMs, Date.now());
      owned.toMs = Date.now();
      owned.isTold = false;
    } else if (event.type === 'batch') owned.done = owned.handed;
    else if (event.type === 'saved') {
      // What was done when the last save was acknowledged is in this one, which began later.
      if (owned.doneAtSave !== undefined) say({ kind: 'stored', shardId, epoch: owned.epoch, seq: owned.doneAtSave });
      owned.doneAtSave = owned.done;
    } else if (event.type === 'shard-ended' || event.type === 'shard-yielded' || event.type === 'shard-lost') {
      this.#tellReads();
      this.#owned.delete(shardId);
      const reason = event.type === 'shard-lost' ? `: ${event.reason}` : '';
      say({ kind: 'left', shardId, epoch: owned.epoch, why: event.type + reason });
    } else if (event.type === 'gap' || event.type === 'shard-parked') {
      say({ kind: 'failed', shardId, epoch: owned.epoch, why: JSON.stringify(event) });
    }
  }

  #tellReads(): void {
    for (const [shardId, owned] of this.#owned) {
      const { epoch, fromMs, toMs, isTold } = owned;
      if (isTold) continue;
      owned.isTold = true;
      say({ kind: 'read', shardId, epoch, fromMs, toMs });
    }
  }
}

let member: Member | undefined;

serve({
  async join(order: ConsumerOrder): Promise<void> {
    member = new Member(order);
    await member.join();
  },
  async leave(): Promise<void> {
    await member?.leave();
    member = undefined;
  },
});

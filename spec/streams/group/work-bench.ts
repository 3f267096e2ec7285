/**
 * What the specs of a group's work stand on: one shard as a list of records, its lease as an atom of a memory engine on a virtual clock,
 * and workers that own it one after the other, each in a process of its own.
 */
import { AtomTable, type ItemAtom } from '../../../lib/atom/index.js';
import {
  type Clock,
  type Engine,
  MemoryEngine,
  type MemoryEngineOptions,
  seededRandom,
} from '../../../lib/engine/index.js';
import type { StreamGapError } from '../../../lib/streams/errors.js';
import type { ShardFeed, ShardPage } from '../../../lib/streams/feed.js';
import { Backlog } from '../../../lib/streams/group/backlog.js';
import { DeadLetterBox } from '../../../lib/streams/group/dead-letter-box.js';
import { errorPolicyOf } from '../../../lib/streams/group/error-policy.js';
import type { GroupHandler } from '../../../lib/streams/group/handler.js';
import { HeldLease, type LeaseKeeper } from '../../../lib/streams/group/held-lease.js';
import type { LeaseState } from '../../../lib/streams/group/lease-state.js';
import { created, taken } from '../../../lib/streams/group/lease-steps.js';
import { ShardWorker } from '../../../lib/streams/group/shard-worker.js';
import type { WorkEvent } from '../../../lib/streams/group/work-events.js';
import type { WorkGround } from '../../../lib/streams/group/work-ground.js';
import type { StreamRecord } from '../../../lib/streams/port.js';
import type { ShardPosition } from '../../../lib/streams/position.js';
import type { ShardStart } from '../../../lib/streams/shard-reader.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { numberOf, textOf } from '../../atom/bench.js';

export const shardId = 'shardId-00000001767225600000-0000abcd';

/** What the parser of the bench makes of a record. */
export interface Told {
  readonly key: string;
  readonly n: number;
}

/** The n-th record of the shard; `key` names its item. */
export function recordOf(n: number, key: string, atMs: number): StreamRecord {
  const SequenceNumber = String(10n ** 20n + BigInt(n));
  return {
    eventID: `e${n}`,
    eventName: 'MODIFY',
    dynamodb: {
      Keys: { id: { S: key } },
      NewImage: { id: { S: key }, n: { N: String(n) } },
      SequenceNumber,
      SizeBytes: 100,
      ApproximateCreationDateTime: new Date(atMs),
    },
  };
}

export const sequenceOf = (n: number): string => String(10n ** 20n + BigInt(n));

/** Records of a shard, handed out in pages from wherever somebody begins. */
export class FakeShard {
  readonly records: StreamRecord[] = [];
  isClosed = false;
  pageMax = 50;
  gap: StreamGapError | undefined;
  #waiting: (() => void)[] = [];

  add(...records: StreamRecord[]): void {
    this.records.push(...records);
    this.wake();
  }

  close(): void {
    this.isClosed = true;
    this.wake();
  }

  wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  open({ position }: ShardStart): ShardFeed {
    let at = this.#indexOf(position);
    let isOver = false;
    const shard = this;
    const take = (): ShardPage | undefined => {
      if (isOver) return undefined;
      const records = shard.records.slice(at, at + shard.pageMax);
      const isEnd = shard.isClosed && at + records.length === shard.records.length;
      if (records.length === 0 && !isEnd) return undefined;
      at += records.length;
      isOver = isEnd;
      const last = records.at(-1)?.dynamodb?.SequenceNumber;
      return { records, bytes: records.length * 100, isEnd, position: isEnd ? 'end' : { after: last ?? '' } };
    };
    return {
      shardId,
      take,
      async next(signal) {
        for (;;) {
          if (signal?.aborted) throw signal.reason;
          if (shard.gap !== undefined) throw shard.gap;
          const page = take();
          if (page !== undefined) return page;
          await new Promise<void>((wake) => {
            shard.#waiting.push(wake);
            signal?.addEventListener('abort', () => wake(), { once: true });
          });
        }
      },
      resume: () => {
        shard.gap = undefined;
      },
      get stoppedBy() {
        return shard.gap;
      },
      isLive: true,
      get isCaughtUp() {
        return at === shard.records.length;
      },
      close: () => {
        isOver = true;
        shard.wake();
      },
    };
  }

  #indexOf(position: ShardStart['position']): number {
    if (typeof position !== 'object' || !('after' in position)) return 0;
    return this.records.findIndex(({ dynamodb }) => dynamodb?.SequenceNumber === position.after) + 1;
  }
}

type GroundOptions = Partial<WorkGround<Told>> & { readonly errors?: Parameters<typeof errorPolicyOf>[0] };

export class WorkBench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly shard: FakeShard = new FakeShard();
  readonly events: WorkEvent[] = [];
  readonly fatal: unknown[] = [];
  readonly memory: MemoryEngine;
  readonly seed: number;
  /** A look of a member at its clocks. */
  look: () => void = () => {};
  #processes = 0;

  constructor(seed = 1, options: Pick<MemoryEngineOptions, 'transactions'> = {}) {
    this.seed = seed;
    this.memory = new MemoryEngine({ clock: this.clock, seed, ...options });
  }

  get nowMs(): number {
    return this.clock.now();
  }

  run<R>(promise: Promise<R>): Promise<R> {
    return this.clock.run(promise);
  }

  /** A process: its own writer, its own caches. */
  table(engine: Engine = this.memory): AtomTable {
    this.#processes += 1;
    const random = seededRandom(this.seed * 1_000 + this.#processes);
    const randomBytes = (count: number) => Uint8Array.from({ length: count }, () => random.int(256));
    const { clock } = this;
    return new AtomTable({ engine, tableName: 'groups', keyName: 'pk', sortKeyName: 'sk', clock, random, randomBytes });
  }

  async create(): Promise<void> {
    await this.run(this.table().create());
  }

  leaseAtom(table: AtomTable): ItemAtom<LeaseState> {
    return table.atom<LeaseState>({ pk: 'group#g', sk: `lease#${shardId}` });
  }

  /** Takes the lease, whoever has it. */
  async take(table: AtomTable, id: string, clock: Clock = this.clock): Promise<HeldLease> {
    const owner = { id, life: `${id}-life` };
    const atom = this.leaseAtom(table);
    const state = await atom.swap((stands) => {
      const before = stands ?? created({ shardId, position: 'trim-horizon' });
      // Ended meanwhile: then there is nothing to hold, and the item says so.
      return taken(before, before.epoch, owner) ?? before;
    });
    const keeper: LeaseKeeper = {
      clock,
      look: () => this.look(),
      onAsked: () => {},
      dueTo: () => undefined,
      bear: async () => {},
      onEnd: () => {},
    } as LeaseKeeper;
    return new HeldLease(keeper, atom, owner, state);
  }

  ground(table: AtomTable, handler: GroupHandler<Told>, options: GroundOptions = {}): WorkGround<Told> {
    const { errors, ...rest } = options;
    return {
      table,
      clock: this.clock,
      random: seededRandom(this.seed),
      reading: {
        parser: {
          parse: ({ dynamodb }) => ({ key: textOf(dynamodb?.Keys?.id), n: numberOf(dynamodb?.NewImage?.n) }),
        },
        filter: undefined,
      },
      handler,
      policy: errorPolicyOf(errors),
      letters: new DeadLetterBox(table, 'g', 'm'),
      onGap: 'stop',
      backlog: new Backlog(Number.POSITIVE_INFINITY),
      concurrency: 1,
      batchRecordsMax: 1_000,
      windowMs: 0,
      handlerMsMax: Number.POSITIVE_INFINITY,
      saveIntervalMs: () => 1_000,
      streamLabel: () => 'label',
      isOwnRecord: undefined,
      open: (_shardId, start) => this.shard.open(start),
      childrenOf: async () => [],
      isContinuation: () => true,
      tell: (event) => this.events.push(event),
      onFatal: (error) => this.fatal.push(error),
      ...rest,
    };
  }

  /** Owns the shard and works on it. */
  async work(
    handler: GroupHandler<Told>,
    options: GroundOptions = {},
    table: AtomTable = this.table(),
  ): Promise<Working> {
    const lease = await this.run(this.take(table, `m${this.#processes}`));
    return { table, lease, worker: new ShardWorker(this.ground(table, handler, options), lease) };
  }

  async stored(): Promise<LeaseState | undefined> {
    return this.run(this.leaseAtom(this.table()).deref());
  }

  eventsOf<Type extends WorkEvent['type']>(type: Type): Extract<WorkEvent, { type: Type }>[] {
    return this.events.filter((event) => event.type === type) as Extract<WorkEvent, { type: Type }>[];
  }
}

export interface Working {
  readonly table: AtomTable;
  readonly lease: HeldLease;
  readonly worker: ShardWorker<Told>;
}

export const behind = (n: number): ShardPosition => ({ after: sequenceOf(n) });

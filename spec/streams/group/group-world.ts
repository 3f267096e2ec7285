/**
 * A group in one process: machines with clocks of their own on one table in memory, and workers that deliver numbered records.
 *
 *   machine ─► GroupMember ─► onGranted ─► worker: deliver, save, deliver, save …  ─┐
 *   machine ─► GroupMember ─► onGranted ─► worker                                   ├► MemoryEngine ─► every commit is looked at
 *
 * Looked at from outside, at one true instant, although no process could: whether two deliver one shard and neither knows better; whether
 * epochs grow by one with each owner; whether positions ever move back.
 */
import {
  type Commit,
  type EngineFaultRule,
  MemoryEngine,
  type Random,
  seededRandom,
} from '../../../lib/engine/index.js';
import { GroupMember } from '../../../lib/streams/group/member.js';
import type { MemberEvent } from '../../../lib/streams/group/member-events.js';
import type { GroupMemberOptions } from '../../../lib/streams/group/member-options.js';
import type { OwnedLease } from '../../../lib/streams/group/owned-lease.js';
import type { ShardDescription } from '../../../lib/streams/port.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { Machine } from '../../support/machine.js';

const arn = 'arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000';

function shardIdOf(index: number, atMs: number): string {
  return `shardId-${String(atMs + index).padStart(20, '0')}-${index.toString(16).padStart(8, '0')}`;
}

interface WorldOptions {
  readonly seed?: number;
  readonly shards?: number;
  /** Records of each shard. @defaultValue without end */
  readonly records?: number;
  /** Between two records. @defaultValue 100 ms */
  readonly recordMs?: number;
  /** Between two saves. @defaultValue 1 s */
  readonly saveMs?: number;
  readonly rules?: readonly EngineFaultRule[];
  readonly latencyMs?: number;
  /** Workers whose handlers do not come to an end when their shard is asked for. @defaultValue false */
  readonly stubborn?: boolean;
  readonly member?: Partial<GroupMemberOptions>;
}

interface MachineFacts {
  readonly rate?: number;
  readonly offsetMs?: number;
  readonly member?: Partial<GroupMemberOptions>;
}

/** One process of the group. */
export interface Peer {
  readonly name: string;
  readonly machine: Machine;
  readonly member: GroupMember;
  readonly events: MemberEvent[];
  readonly works: Set<Work>;
}

interface Work {
  readonly lease: OwnedLease;
  readonly peer: Peer;
}

/** A delivery: record `n` of the shard, as if its handler had run. */
export interface Delivery {
  readonly shardId: string;
  readonly n: number;
  readonly epoch: number;
  readonly by: string;
  readonly atMs: number;
}

interface LeaseSeen {
  readonly epoch: number;
  readonly life: string | undefined;
  readonly place: number;
  readonly atMs: number;
}

export class GroupWorld {
  readonly clock: VirtualClock = new VirtualClock({ runMsMax: 60 * 86_400_000 });
  readonly findings: string[] = [];
  readonly deliveries: Delivery[] = [];
  readonly peers: Peer[] = [];
  readonly shards: ShardDescription[] = [];
  readonly leases: Map<string, LeaseSeen> = new Map();
  readonly random: Random;
  /** Listings that were asked for. */
  listings = 0;
  /** Changes of owner that were no end of a shard, by shard. */
  readonly moves: Map<string, number> = new Map();
  readonly engine: MemoryEngine;
  readonly #options: WorldOptions;
  readonly begunAtMs: number;

  constructor(options: WorldOptions = {}) {
    const { seed = 1, shards = 4, latencyMs = 10 } = options;
    this.#options = options;
    this.random = seededRandom(seed);
    const latencies = seededRandom(this.random.int(2 ** 31));
    this.engine = new MemoryEngine({
      clock: this.clock,
      seed: this.random.int(2 ** 31),
      latency: () => 1 + latencyMs * latencies.next(),
      onCommit: (commit) => this.#look(commit),
    });
    this.begunAtMs = this.clock.now();
    for (let index = 0; index < shards; index += 1) this.shards.push({ shardId: shardIdOf(index, this.begunAtMs) });
  }

  async create(): Promise<void> {
    await this.#machine({}).table.create();
  }

  #machine({ rate, offsetMs }: MachineFacts): Machine {
    return new Machine(this.engine, this.clock, {
      seed: this.random.int(2 ** 31),
      ...(rate !== undefined && { rate }),
      ...(offsetMs !== undefined && { offsetMs }),
      rules: this.#options.rules ?? [],
      table: { sortKeyName: 'sk' },
    });
  }

  /** A process that has not joined yet. */
  peer(name: string, facts: MachineFacts = {}): Peer {
    const machine = this.#machine(facts);
    const works = new Set<Work>();
    const events: MemberEvent[] = [];
    const member: GroupMember = new GroupMember({
      ...{ group: 'billing', table: machine.table, stream: arn, id: name, from: 'trim-horizon' },
      discovery: {
        listAll: async () => {
          this.listings += 1;
          await machine.clock.sleep(20);
          return { shards: [...this.shards], status: 'ENABLED', pages: 1 };
        },
      },
      onGranted: (lease) => void this.#work(peer, lease),
      onEvent: (event) => events.push(event),
      ...this.#options.member,
      ...facts.member,
    });
    const peer = { name, machine, member, events, works };
    this.peers.push(peer);
    return peer;
  }

  async join(name: string, facts?: MachineFacts): Promise<Peer> {
    const peer = this.peer(name, facts);
    await peer.member.start();
    return peer;
  }

  /** Comes back when `isSo`, with how long that took by true time. */
  async until(isSo: () => boolean, limitMs = 600_000, what = 'it'): Promise<number> {
    const begunAt = this.clock.monotonicMs();
    while (!isSo()) {
      if (this.clock.monotonicMs() - begunAt > limitMs) throw new Error(`Waited ${limitMs} ms for ${what}`);
      await this.clock.sleep(50);
    }
    return this.clock.monotonicMs() - begunAt;
  }

  /** How many shards each process works on that can. */
  counts(): number[] {
    return this.peers.map(({ works, machine }) =>
      machine.isDead ? 0 : [...works].filter(({ lease }) => !lease.signal.aborted).length,
    );
  }

  /** Whether every shard that is not done is worked on by one process. */
  isCovered(shards: number = this.shards.length): boolean {
    return this.counts().reduce((sum, count) => sum + count, 0) === shards;
  }

  /** Closes a shard; its children are listed from now on. */
  split(shardId: string, children: number): string[] {
    const at = this.shards.findIndex((shard) => shard.shardId === shardId);
    this.shards[at] = { ...(this.shards[at] as ShardDescription), lastSequence: '999' };
    const born = Array.from({ length: children }, (_, index) => shardIdOf(this.shards.length + index, this.begunAtMs));
    for (const child of born) this.shards.push({ shardId: child, parentId: shardId });
    this.#closed.add(shardId);
    return born;
  }

  readonly #closed = new Set<string>();

  async #work(peer: Peer, lease: OwnedLease): Promise<void> {
    const { recordMs = 100, saveMs = 1_000, records = Number.POSITIVE_INFINITY, stubborn = false } = this.#options;
    const { clock } = peer.machine;
    const work = { lease, peer };
    peer.works.add(work);
    let place = placeOf(lease.position);
    let savedAt = clock.monotonicMs();
    const save = async () => {
      savedAt = clock.monotonicMs();
      if (place > placeOf(lease.position)) await lease.save({ after: String(place) });
    };
    try {
      for (;;) {
        if (lease.yielding.aborted && !stubborn) {
          await save();
          await lease.yielded();
          return;
        }
        if (place >= records || this.#closed.has(lease.shardId)) {
          await save();
          const children = this.shards.filter(({ parentId }) => parentId === lease.shardId);
          if (place >= records || children.length > 0) {
            await lease.end(children.map(({ shardId }) => shardId));
            return;
          }
        }
        lease.signal.throwIfAborted();
        place += 1;
        this.#deliver(work, place);
        // Its handler has run; what is left is the wait for the next one.
        await clock.sleep(recordMs, { signal: stubborn ? lease.signal : lease.yielding }).catch(() => {});
        if (clock.monotonicMs() - savedAt >= saveMs) await save();
      }
    } catch {
      // Lost, or the store could not be reached: a worker would try again; the lease ends either way.
      if (!lease.signal.aborted && !peer.machine.isDead) void this.#again(peer, work);
    } finally {
      peer.works.delete(work);
    }
  }

  /** As a worker that goes on from what was saved. */
  async #again(peer: Peer, { lease }: Work): Promise<void> {
    await peer.machine.clock.sleep(200);
    if (!lease.signal.aborted) await this.#work(peer, lease);
  }

  #deliver({ lease, peer }: Work, n: number): void {
    const { shardId, epoch } = lease;
    this.deliveries.push({ shardId, n, epoch, by: peer.name, atMs: this.clock.monotonicMs() });
    for (const other of this.peers) {
      if (other === peer || other.machine.isDead) continue;
      for (const work of other.works) {
        if (work.lease.shardId === shardId && !work.lease.signal.aborted && !work.lease.yielding.aborted) {
          this.findings.push(`${shardId} is delivered by ${peer.name} (${epoch}) and held by ${other.name}`);
        }
      }
    }
  }

  // ---- every commit -----------------------------------------------------------------------------------------------

  #look({ key, after }: Commit): void {
    const name = textOf(key, 'sk');
    if (name?.startsWith('lease#') !== true) return;
    const value = (after as Attributes | undefined)?.d?.M;
    if (value === undefined) {
      this.leases.delete(name);
      return;
    }
    const epoch = Number(value.epoch?.N);
    const life = value.owner?.M?.life?.S;
    const place = value.position?.S === 'end' ? Number.POSITIVE_INFINITY : Number(value.position?.M?.after?.S ?? 0);
    const before = this.leases.get(name);
    this.leases.set(name, { epoch, life, place, atMs: this.clock.monotonicMs() });
    if (before === undefined) return;
    if (epoch < before.epoch) this.findings.push(`${name}: epoch ${before.epoch} became ${epoch}`);
    if (place < before.place) this.findings.push(`${name}: position ${before.place} became ${place}`);
    if (life !== before.life) {
      if (epoch !== before.epoch + 1) this.findings.push(`${name}: another owner in epoch ${epoch}`);
      this.moves.set(name, (this.moves.get(name) ?? 0) + 1);
    }
  }
}

function placeOf(position: OwnedLease['position']): number {
  return typeof position === 'object' && 'after' in position ? Number(position.after) : 0;
}

type Attributes = {
  readonly [name: string]: { readonly S?: string; readonly N?: string; readonly M?: Attributes } | undefined;
};

function textOf(item: unknown, name: string): string | undefined {
  return (item as Attributes | undefined)?.[name]?.S;
}

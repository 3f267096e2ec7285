/**
 * The processes of a group, each behind a proxy of its own: they join and leave, are killed, stopped and cut off; what they write down is
 * kept in the order in which it was heard.
 */
import { type FaultChoice, type FaultProxy, startFaultProxy } from '../../../lib/testing/index.js';
import type { Crew } from '../crew.js';
import type { Child } from '../processes.js';
import type { ConsumerOrder, Heard, Note } from './notes.js';
import { group, type Stage } from './stage.js';

export interface MembersOptions {
  readonly stage: Stage;
  readonly crew: Crew;
  readonly seed: number;
  readonly order: Pick<ConsumerOrder, 'leaseMs' | 'beatMs' | 'mode' | 'saveMs' | 'handlerMs' | 'batchRecordsMax'>;
  /** What happens on the way of everybody, unless somebody is cut off. */
  readonly faults?: FaultChoice;
}

/** One that has joined. */
export interface Peer {
  readonly name: string;
  readonly child: Child;
  readonly proxy: FaultProxy;
  /** Shards that it has said it reads. */
  readonly owned: Set<string>;
}

interface Outage {
  readonly atMs: number;
  readonly orphans: Set<string>;
}

const calm: FaultChoice = { profile: 'calm' };
const cutOff: FaultChoice = {
  rules: [
    { fault: 'swallow-before', operations: 'all', probability: 0.5 },
    { fault: 'reset-before', operations: 'all' },
  ],
};

export class Members {
  readonly notes: Heard[] = [];
  /** Numbers of the records that were handed to anybody. */
  readonly delivered: Set<string> = new Set();
  readonly peers: Set<Peer> = new Set();
  /** From each death until the last of its shards was read by another one, in milliseconds. */
  readonly failoverMs: number[] = [];
  /** Told of each note. */
  onNote: ((note: Heard, peer: Peer) => void) | undefined;
  /** Requests that went through the proxies, and how many of them were disturbed. */
  struck: { readonly proxied: number; readonly struck: number } = { proxied: 0, struck: 0 };
  readonly #options: MembersOptions;
  #faults: FaultChoice;
  #names = 0;
  #outages: readonly Outage[] = [];
  /** Who has said last that it reads a shard, in the highest epoch. */
  readonly #readers = new Map<string, { readonly epoch: number; readonly peer: Peer }>();

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#faults = options.faults ?? calm;
  }

  async join(): Promise<Peer> {
    const { stage, crew, seed, order } = this.#options;
    this.#names += 1;
    const name = `m${this.#names}`;
    const proxy = await startFaultProxy({ target: stage.where.endpoint, seed: seed + this.#names, ...this.#faults });
    const child = crew.take();
    const peer: Peer = { name, child, proxy, owned: new Set() };
    child.onNote = (note) => this.#hear(note as Note, peer);
    this.peers.add(peer);
    await child.ask('join', {
      ...stage.where,
      ...order,
      endpoint: proxy.endpoint,
      name,
      group,
    } satisfies ConsumerOrder);
    return peer;
  }

  /** It stops in order, and its process is kept for another one. */
  async leave(peer: Peer): Promise<void> {
    await peer.child.ask('leave');
    this.peers.delete(peer);
    await this.#close(peer);
    this.#options.crew.giveBack(peer.child);
  }

  async kill(peer: Peer): Promise<void> {
    this.peers.delete(peer);
    // What it was said to own may be another's by now, if it was stopped before.
    const orphans = new Set([...peer.owned].filter((shardId) => this.#readers.get(shardId)?.peer === peer));
    if (orphans.size > 0) this.#outages = [...this.#outages, { atMs: performance.now(), orphans }];
    await peer.child.end();
    await this.#close(peer);
  }

  cutOff({ proxy }: Peer): void {
    proxy.setFaults(cutOff);
  }

  restore({ proxy }: Peer): void {
    proxy.setFaults(this.#faults);
  }

  /** No faults any more. */
  calm(): void {
    this.#faults = calm;
    for (const peer of this.peers) this.restore(peer);
  }

  /** Ends all of them, however they are. */
  async end(): Promise<void> {
    await Promise.all([...this.peers].map((peer) => this.kill(peer)));
  }

  async #close({ proxy }: Peer): Promise<void> {
    const { requests, passed } = proxy.stats();
    const { proxied, struck } = this.struck;
    this.struck = { proxied: proxied + requests, struck: struck + requests - passed };
    await proxy.close();
  }

  #hear(note: Note, peer: Peer): void {
    const heard: Heard = { ...note, by: peer.name, atMs: performance.now() };
    this.notes.push(heard);
    const { shardId } = note;
    if (note.kind === 'delivered') for (const { seq } of note.records) this.delivered.add(seq);
    if (note.kind === 'left') peer.owned.delete(shardId);
    if (note.kind === 'started') {
      peer.owned.add(shardId);
      if (note.epoch > (this.#readers.get(shardId)?.epoch ?? 0))
        this.#readers.set(shardId, { epoch: note.epoch, peer });
      for (const { atMs, orphans } of this.#outages) {
        if (orphans.delete(shardId) && orphans.size === 0) this.failoverMs.push(heard.atMs - atMs);
      }
      this.#outages = this.#outages.filter(({ orphans }) => orphans.size > 0);
    }
    this.onNote?.(heard, peer);
  }
}

/**
 * A run of a consumer group over real processes: somebody writes, consumers are killed, stopped and cut off, answers get lost, the
 * engine is killed and comes back; then all is calm, everything must have been delivered, and everybody leaves in order.
 *
 *     writer (here) ──► engine ◄── fault proxies (here, one each) ◄── consumers (a process each)
 *                         └── what is really in the stream, what a scan finds ──► judge ◄── what they wrote down
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, seededRandom } from '../../../lib/engine/index.js';
import { type FaultChoice, type FaultRule, faultRules, type ReshardPlan } from '../../../lib/testing/index.js';
import type { Crew } from '../crew.js';
import type { Store } from '../stores.js';
import { judgeStream, type StreamVerdict } from './judge.js';
import { Members, type Peer } from './members.js';
import type { ConsumerOrder } from './notes.js';
import { Observer } from './observer.js';
import { Stage } from './stage.js';

export interface GroupRunOptions {
  readonly seed: number;
  readonly mode: ConsumerOrder['mode'];
  readonly consumers: number;
  readonly writes: number;
  readonly writesPerSecond: number;
  /** @defaultValue 3000 */
  readonly leaseMs?: number;
  /** @defaultValue a quarter of the lease */
  readonly beatMs?: number;
  /** Kills, stops and cuts, one about a second. @defaultValue 0 */
  readonly troubles?: number;
  /** What happens to requests of consumers until nearly all is written. */
  readonly faults?: FaultChoice;
  /** The engine is killed (-9) in the middle, and comes back after so long. */
  readonly downMs?: number;
}

export interface GroupRunReport extends StreamVerdict {
  readonly written: number;
  readonly kills: number;
  readonly stops: number;
  readonly cuts: number;
  readonly shards: number;
  readonly failoverMs: readonly number[];
  readonly proxied: number;
  readonly struck: number;
  readonly seconds: number;
}

const stopMsMax = 5_000;
const cutMsMax = 4_000;
const saveMs = 500;

/** Two generations close, then four shards stay. */
export const reshardPlan: ReshardPlan = {
  records: 100,
  next: [
    { records: 150, next: [{}, {}] },
    { records: 150, next: [{}, {}] },
  ],
};

/** What a member's process runs. */
export const consumerModule: URL = new URL('./consumer.ts', import.meta.url);

/** Every tenth question to the stream, and every fifth request to the group's table, goes wrong in one of many ways. */
export const lossyRules: readonly FaultRule[] = [
  ...(['reset-before', 'reset-after', 'cut-body', '5xx-before', 'throttle', 'delay'] as const).map(
    (fault): FaultRule => {
      return { fault, operations: 'streams', probability: 0.017, delayMs: [50, 1_000] };
    },
  ),
  { fault: 'swallow-after', operations: 'streams', probability: 0.002 },
  ...faultRules('all-mixed', 0.2).filter(({ fault }) => fault !== 'stale'),
];

/** One line about a run. */
export function groupSummary(report: GroupRunReport): string {
  const {
    written,
    delivered,
    repeats,
    kills,
    stops,
    cuts,
    shards,
    epochs,
    failoverMs,
    lost,
    struck,
    proxied,
    seconds,
  } = report;
  const longest = failoverMs.length === 0 ? '' : `, failover ${quantiles(failoverMs)} ms`;
  return (
    `${written} writes, ${delivered} delivered, ${repeats} again; ${kills} kills, ${stops} stops, ${cuts} cuts, ${struck} of ${proxied} ` +
    `requests struck; ${shards} shards, ${epochs} epochs, ${lost} lost, readers at most ${report.readersMax}${longest}; ${seconds.toFixed(1)} s`
  );
}

function quantiles(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0);
  return `p50 ${at(0.5)}, longest ${at(1)}`;
}

export async function groupRun(store: Store, crew: Crew, options: GroupRunOptions): Promise<GroupRunReport> {
  const stage = await Stage.open(store, reshardPlan);
  try {
    return await new Run(store, stage, crew, options).make();
  } finally {
    stage.close();
  }
}

class Run {
  readonly #store: Store;
  readonly #stage: Stage;
  readonly #options: GroupRunOptions;
  readonly #random: Random;
  readonly #members: Members;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #counts = { kills: 0, stops: 0, cuts: 0 };

  constructor(store: Store, stage: Stage, crew: Crew, options: GroupRunOptions) {
    const { seed, mode, leaseMs = 3_000, beatMs = leaseMs / 4, faults } = options;
    this.#store = store;
    this.#stage = stage;
    this.#options = options;
    this.#random = seededRandom(seed);
    const order = { leaseMs, beatMs, mode, saveMs, handlerMs: 5, batchRecordsMax: 50 };
    this.#members = new Members({ stage, crew, seed, order, ...(faults && { faults }) });
  }

  async make(): Promise<GroupRunReport> {
    const { consumers, writes, writesPerSecond, troubles = 0, downMs } = this.#options;
    const members = this.#members;
    const startedAt = performance.now();
    const observer = new Observer(this.#stage);
    try {
      await Promise.all(Array.from({ length: consumers }, () => members.join()));
      const writer = this.#stage.write(this.#random, { writes, writesPerSecond });
      if (troubles > 0) await this.#disturb(troubles);
      if (downMs !== undefined) {
        await this.#stage.until(() => writer.written > writes / 3, 'a third to be written');
        await this.#store.restart?.(downMs);
      }
      // Where nothing else does, the end of the writing ends the faults.
      await writer.done();
      members.calm();
      await Promise.all(this.#pending);
      await this.#untilDelivered();
      await this.#leaveInOrder();
      await observer.stop();
      return await this.#report(observer, writer.written, startedAt);
    } finally {
      await observer.stop();
      await members.end();
    }
  }

  async #disturb(troubles: number): Promise<void> {
    const members = this.#members;
    await this.#stage.until(() => members.notes.some(({ kind }) => kind === 'left'), 'the first shard to be done');
    for (let turn = 0; turn < troubles; turn += 1) {
      await sleep(600 + this.#random.int(800));
      // Mostly those that have something to lose.
      const owners = [...members.peers].filter(({ owned }) => owned.size > 0);
      const peers = owners.length > 0 && this.#random.next() < 0.8 ? owners : [...members.peers];
      const peer = peers[this.#random.int(peers.length)];
      const way = this.#random.next();
      if (peer === undefined) continue;
      if (way < 0.25) this.#later(this.#kill(peer));
      else if (way < 0.7) this.#later(this.#stop(peer));
      else this.#later(this.#cut(peer));
    }
  }

  #later(work: Promise<unknown>): void {
    this.#pending.add(work);
    work.then(
      () => this.#pending.delete(work),
      // It is awaited at the end, and then it throws.
      () => {},
    );
  }

  async #kill(peer: Peer): Promise<void> {
    this.#counts.kills += 1;
    await this.#members.kill(peer);
    await this.#members.join().catch((error: unknown) => {
      // It may have been killed itself before it had joined.
      if (!String(error).includes('child ended')) throw error;
    });
  }

  async #stop({ child }: Peer): Promise<void> {
    this.#counts.stops += 1;
    child.signal('SIGSTOP');
    await sleep(200 + this.#random.int(stopMsMax));
    child.signal('SIGCONT');
  }

  async #cut(peer: Peer): Promise<void> {
    this.#counts.cuts += 1;
    this.#members.cutOff(peer);
    await sleep(200 + this.#random.int(cutMsMax));
    this.#members.restore(peer);
  }

  /** Everything that was written was handed to somebody, and is done, as the group's own items say. */
  async #untilDelivered(): Promise<void> {
    const truth = await this.#stage.truth();
    const hasAll = () => truth.every(({ seq }) => this.#members.delivered.has(seq));
    await this.#stage.until(hasAll, 'everything to be delivered');
    const isSettled = async () => {
      const { shards } = await this.#stage.status();
      return shards.every(({ state }) => state === 'reading' || state === 'ended');
    };
    await this.#stage.until(isSettled, 'every shard to be read');
  }

  /** One after the other leaves while somebody writes on. */
  async #leaveInOrder(): Promise<void> {
    const members = this.#members;
    const writer = this.#stage.write(this.#random, { writes: 400, writesPerSecond: 100 });
    const peers = [...members.peers];
    for (const peer of peers.slice(0, -1)) {
      await members.leave(peer);
      await sleep(300);
    }
    await writer.done();
    await this.#untilDelivered();
    for (const peer of members.peers) await members.leave(peer);
  }

  async #report(observer: Observer, written: number, startedAt: number): Promise<GroupRunReport> {
    const { notes, failoverMs } = this.#members;
    const verdict = judgeStream(await this.#stage.truth(), notes);
    const viewFindings = this.#options.mode === 'transact' ? await this.#stage.viewFindings() : [];
    const { shards } = await this.#stage.status();
    const owned = shards
      .filter(({ owner }) => owner !== undefined)
      .map(({ shardId }) => `${shardId} is owned by one that has left`);
    return {
      ...verdict,
      findings: [...verdict.findings, ...observer.findings, ...viewFindings, ...owned],
      ...this.#counts,
      ...{ written, failoverMs, shards: shards.length },
      ...this.#members.struck,
      seconds: (performance.now() - startedAt) / 1_000,
    };
  }
}

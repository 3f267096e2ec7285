/**
 * The group's processes as their parent sees them: started, listened to, one of them killed in the middle of a batch, the others stopped.
 *
 *   fork all -> all ready -> join -> all joined -> ... batches ... -> SIGKILL one that has a batch in hand
 *                                                                       `-> when was each of its shards read again?
 *
 * Invariant: after `end` none of them is alive.
 */
import type { ChildProcess } from 'node:child_process';
import { exitOf, forkScript } from '../fork.js';
import type { ConsumerJob, ConsumerReport } from './messages.js';

interface ConsumersOptions {
  readonly count: number;
  readonly job: Omit<ConsumerJob, 'consumer'>;
  onNote(text: string): void;
}

/** The one that was killed. */
export interface KilledConsumer {
  readonly consumer: string;
  readonly pid: number;
  /** Shards that it owned. */
  readonly shards: number;
  /** Until the last of them was read by another one, in milliseconds; `null`: it never was. */
  readonly failoverMs: number | null;
}

/** What was heard of them. */
export interface Heard {
  readonly killed: KilledConsumer | undefined;
  /** Records given to handlers, and how many of them again. */
  readonly delivered: number;
  readonly deliveredAgain: number;
  /** By consumer. */
  readonly deliveredBy: Readonly<Record<string, number>>;
  readonly shards: number;
  /** From write to view, sorted, in milliseconds. */
  readonly lagsMs: readonly number[];
  /** Of those that were not killed. */
  readonly requests: number;
  readonly reads: number;
}

interface Consumer {
  readonly name: string;
  readonly child: ChildProcess;
  readonly exited: Promise<string>;
  readonly owned: Set<string>;
  state: 'starting' | 'ready' | 'joined' | 'finished' | 'killed';
}

interface Kill {
  readonly consumer: Consumer;
  readonly atMs: number;
  readonly orphans: Set<string>;
  readonly shards: number;
  failoverMs: number | null;
}

export class Consumers {
  readonly #options: ConsumersOptions;
  readonly #all: readonly Consumer[];
  readonly #failed: Promise<never>;
  #fail: (error: Error) => void = () => {};
  #onChange: () => void = () => {};
  #isArmed = false;
  #isEnding = false;
  #kill: Kill | undefined;
  readonly #seen = new Set<string>();
  readonly #shards = new Set<string>();
  readonly #deliveredBy: Record<string, number> = {};
  readonly #lagsMs: number[] = [];
  #delivered = 0;
  #again = 0;
  #requests = 0;
  #reads = 0;

  constructor(options: ConsumersOptions) {
    this.#options = options;
    this.#failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {});
    this.#all = Array.from({ length: options.count }, (_, n) => this.#start(`consumer-${n + 1}`));
  }

  /** Rejects when one of them fails. */
  get failed(): Promise<never> {
    return this.#failed;
  }

  /** Lets all of them join the group. */
  async join(): Promise<void> {
    await this.#until(() => this.#all.every(({ state }) => state === 'ready'));
    for (const { child, name } of this.#all) child.send({ ...this.#options.job, consumer: name } satisfies ConsumerJob);
    await this.#until(() => this.#all.every(({ state }) => state === 'joined'));
  }

  /** The next one that has a batch in hand is killed. */
  killOne(): void {
    this.#isArmed = this.#kill === undefined;
  }

  /** Stops those that live, and waits until they have left the group; what was heard. */
  async stop(): Promise<Heard> {
    const living = this.#all.filter(({ state }) => state !== 'killed');
    for (const { child } of living) child.send({ kind: 'stop' });
    await this.#until(() => living.every(({ state }) => state === 'finished'));
    const killed = this.#kill && {
      consumer: this.#kill.consumer.name,
      pid: this.#kill.consumer.child.pid ?? 0,
      shards: this.#kill.shards,
      failoverMs: this.#kill.failoverMs,
    };
    return {
      killed,
      delivered: this.#delivered,
      deliveredAgain: this.#again,
      deliveredBy: this.#deliveredBy,
      shards: this.#shards.size,
      lagsMs: this.#lagsMs.sort((a, b) => a - b),
      requests: this.#requests,
      reads: this.#reads,
    };
  }

  /** Kills who is left, and waits until nobody is. */
  async end(): Promise<void> {
    this.#isEnding = true;
    for (const { child } of this.#all) child.kill('SIGKILL');
    await Promise.all(this.#all.map(({ exited }) => exited));
  }

  #start(name: string): Consumer {
    const child = forkScript(new URL('consumer.ts', import.meta.url));
    const consumer: Consumer = { name, child, exited: exitOf(child), owned: new Set(), state: 'starting' };
    child.on('message', (report: ConsumerReport) => this.#hear(consumer, report));
    void consumer.exited.then((how) => {
      if (this.#isEnding || consumer.state === 'finished' || consumer.state === 'killed') return;
      this.#fail(new Error(`${name} (pid ${child.pid}) ended before its work was over: ${how}`));
    });
    return consumer;
  }

  async #until(isSo: () => boolean): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#onChange = () => isSo() && resolve();
    });
    this.#onChange();
    await Promise.race([reached, this.#failed]);
  }

  #hear(consumer: Consumer, report: ConsumerReport): void {
    const { name, owned } = consumer;
    switch (report.kind) {
      case 'ready':
      case 'joined':
        consumer.state = report.kind;
        break;
      case 'reads':
        owned.add(report.shardId);
        this.#shards.add(report.shardId);
        this.#adopted(report.shardId);
        break;
      case 'left':
        owned.delete(report.shardId);
        break;
      case 'delivered':
        this.#deliveredBy[name] = (this.#deliveredBy[name] ?? 0) + report.records.length;
        for (const record of report.records) {
          this.#delivered += 1;
          if (this.#seen.has(record)) this.#again += 1;
          this.#seen.add(record);
        }
        if (this.#isArmed) this.#killNow(consumer);
        break;
      case 'counted':
        this.#lagsMs.push(...report.lagsMs);
        break;
      case 'finished':
        consumer.state = 'finished';
        this.#requests += report.requests;
        this.#reads += report.reads;
        if (consumer.child.connected) consumer.child.disconnect();
        break;
      case 'failed':
        this.#fail(new Error(`${name} failed: ${report.message}`));
    }
    this.#onChange();
  }

  #killNow(consumer: Consumer): void {
    const { name, child, owned } = consumer;
    this.#isArmed = false;
    consumer.state = 'killed';
    child.kill('SIGKILL');
    this.#kill = { consumer, atMs: performance.now(), orphans: new Set(owned), shards: owned.size, failoverMs: null };
    this.#options.onNote(
      `${name} (pid ${child.pid}) was killed with SIGKILL, with a batch in hand and ${owned.size} shards`,
    );
  }

  /** Somebody else has come to a shard of the dead. */
  #adopted(shardId: string): void {
    if (this.#kill === undefined || !this.#kill.orphans.delete(shardId) || this.#kill.orphans.size > 0) return;
    this.#kill.failoverMs = performance.now() - this.#kill.atMs;
    this.#options.onNote(`all its shards are read by others, ${Math.round(this.#kill.failoverMs)} ms later`);
  }
}

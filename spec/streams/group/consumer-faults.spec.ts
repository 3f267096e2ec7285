// Goal: S1 and S6 of the reliability list: members are killed, stopped and cut off while shards roll; each record is delivered, each item's in
// order, positions never move back, and what is delivered twice is what was not saved.
// Method: a seed draws who meets which fault, in virtual time. A killed process never sends or hears anything again; one that is cut off works
// on, and its requests arrive late, when the cut is over.
import { describe, expect, it } from '@jest/globals';
import { type Engine, seededRandom } from '../../../lib/engine/index.js';
import type { ConsumerGroup, GroupHandler } from '../../../lib/streams/index.js';
import { steppedEngine } from '../../support/stepped-engine.js';
import { ConsumerWorld, type Seen, watched } from './consumer-world.js';

const only = process.env.LEYDEN_SEED === undefined ? undefined : Number(process.env.LEYDEN_SEED);
const isFull = process.env.LEYDEN_SIZE === 'full';
const seeds = isFull ? 50 : 2;
/** How long there is trouble, in virtual time. */
const troubleMs = isFull ? 90_000 : 20_000;

/** The way of one process to the tables and streams. */
class Line {
  readonly engine: Engine;
  isDead = false;
  #held: (() => void)[] | undefined;

  constructor(engine: Engine) {
    this.engine = steppedEngine(engine, (step) => this.pass(() => step.send()));
  }

  async pass<R>(send: () => Promise<R>): Promise<R> {
    await this.#open();
    const answer = await send();
    await this.#open();
    return answer;
  }

  cut(): void {
    this.#held ??= [];
  }

  restore(): void {
    for (const go of this.#held?.splice(0) ?? []) go();
    this.#held = undefined;
  }

  async #open(): Promise<void> {
    if (this.isDead) await new Promise(() => {});
    if (this.#held !== undefined) await new Promise<void>((go) => this.#held?.push(go));
    if (this.isDead) await new Promise(() => {});
  }
}

interface Item {
  readonly order: number[];
  readonly next: Map<number, number>;
  reached: number;
}

interface Process {
  readonly line: Line;
  readonly group: ConsumerGroup<Seen>;
  readonly running: Promise<void>;
}

/** Deliveries of each item must go forward one by one, or begin again at what was delivered before. */
class Judge {
  readonly #items = new Map<
    string,
    { readonly order: number[]; readonly next: Map<number, number>; reached: number }
  >();
  readonly complaints: string[] = [];
  deliveries = 0;

  wrote(key: string, n: number): void {
    const item: Item = this.#items.get(key) ?? { order: [], next: new Map(), reached: 0 };
    this.#items.set(key, item);
    item.next.set(n, item.order.length);
    item.order.push(n);
  }

  delivered({ key, n }: Seen): void {
    this.deliveries += 1;
    const item = this.#items.get(key);
    const index = item?.next.get(n);
    if (item === undefined || index === undefined) {
      this.complaints.push(`${key}: ${n} was never written`);
    } else if (index > item.reached) {
      this.complaints.push(`${key}: ${n} before ${item.order[item.reached]}`);
    } else item.reached = Math.max(item.reached, index + 1);
  }

  get missing(): number {
    let missing = 0;
    for (const { order, reached } of this.#items.values()) missing += order.length - reached;
    return missing;
  }
}

interface Report {
  readonly written: number;
  readonly deliveries: number;
  readonly faults: number;
  readonly complaints: readonly string[];
}

async function life(seed: number): Promise<Report> {
  const world = await new ConsumerWorld({ seed, partitions: 3, profile: 'service' }).create();
  const { clock, simulator } = world;
  const random = seededRandom(seed * 13 + 5);
  const judge = new Judge();
  const epochs = new Set<string>();
  const positions = new Map<string, bigint>();
  let isOver = false;
  let faults = 0;
  const handler: GroupHandler<Seen> = async ({ records }, { signal }) => {
    for (const { value } of records) judge.delivered(value);
    await clock.sleep(random.int(120));
    signal.throwIfAborted();
  };

  const start = (): Process => {
    const line = new Line(simulator.engine);
    const group = world.member({
      engine: line.engine,
      handler,
      batch: { recordsMax: 1 + random.int(40) },
      concurrency: random.next() < 0.3 ? 3 : 1,
      member: { leaseMs: 4_000, handoffMs: 3_000 },
      auditMs: 20_000,
      onEvent(event) {
        if (event.type !== 'lease-taken') return;
        const taken = `${event.shardId} ${event.epoch}`;
        if (epochs.has(taken)) judge.complaints.push(`two owners of ${taken}`);
        epochs.add(taken);
      },
    });
    const running = group.run();
    running.catch((error: unknown) => judge.complaints.push(`it ended: ${String(error)}`));
    return { line, group, running };
  };

  const write = async () => {
    while (!isOver) {
      await clock.sleep(random.int(60));
      const key = `k${random.int(12)}`;
      judge.wrote(key, await world.write(key));
    }
  };
  const roll = async () => {
    while (!isOver) {
      await clock.sleep(5_000 + random.int(10_000));
      const open = simulator.shards(watched).filter(({ lastSequence }) => lastSequence === undefined);
      const { shardId = '' } = open[random.int(open.length)] ?? {};
      if (random.next() < 0.2) simulator.split(shardId);
      else simulator.roll(shardId);
    }
  };
  const watch = async () => {
    while (!isOver) {
      await clock.sleep(500);
      for (const { shardId, position } of (await world.member().status()).shards) {
        const at = typeof position === 'object' && 'after' in position ? BigInt(position.after) : undefined;
        if (at === undefined) continue;
        if (at < (positions.get(shardId) ?? at)) judge.complaints.push(`${shardId} moved back`);
        positions.set(shardId, at);
      }
    }
  };

  let processes = [start(), start(), start(), start()];
  const trouble = async () => {
    const endsAt = clock.monotonicMs() + troubleMs;
    while (clock.monotonicMs() < endsAt) {
      await clock.sleep(1_000 + random.int(2_000));
      const victim = processes[random.int(processes.length)] as Process;
      faults += 1;
      const drawn = random.next();
      if (drawn < 0.4) {
        victim.line.cut();
        void clock.sleep(random.int(8_000)).then(() => victim.line.restore());
        continue;
      }
      if (drawn < 0.7) victim.line.isDead = true;
      else void victim.group.stop();
      processes = [...processes.filter((one) => one !== victim), start()];
    }
    isOver = true;
  };
  const others = [write(), roll(), watch()];
  await clock.run(trouble());
  await clock.run(Promise.all(others));
  await clock.advance(60_000);
  if (judge.missing > 0) judge.complaints.push(`${judge.missing} were never delivered`);
  // What is left ends, or is dead.
  for (const { group, line } of processes) {
    line.restore();
    void group.stop();
  }
  await clock.advance(20_000);
  return { written: world.written, deliveries: judge.deliveries, faults, complaints: judge.complaints };
}

describe('ConsumerGroup under faults', () => {
  it(
    `delivers all, in order, whoever dies (${seeds} seeds)`,
    async () => {
      for (let seed = only ?? 1; seed <= (only ?? seeds); seed += 1) {
        const { complaints, written, deliveries, faults } = await life(seed);
        expect({ seed, complaints: complaints.slice(0, 5) }).toEqual({ seed, complaints: [] });
        expect(written).toBeGreaterThan(troubleMs / 60);
        // About 33 writes a second over three shards: a fault repeats what one member has not saved, a second of each of its shards and what it is at.
        expect(deliveries - written).toBeLessThanOrEqual(faults * 120);
      }
    },
    isFull ? 3_600_000 : 60_000,
  );
});

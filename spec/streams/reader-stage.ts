/**
 * One scenario for three readers: ours, a naive one with one fault, and the naive one without, which shows that the fault it is.
 * Each scenario says what happens to the stream; what a reader made of it is told as plain facts.
 */

import {
  type Batch,
  memoryCheckpointer,
  type StreamPosition,
  type StreamRecord,
  TableStream,
} from '../../lib/streams/index.js';
import type { StreamSimulatorOptions, VirtualClock } from '../../lib/testing/index.js';
import { type NaiveFault, NaiveStreamReader } from '../support/naive-stream-reader.js';
import { openSimulator } from '../support/stream-engines.js';

/** What a reader does with one record; throws as handlers do. */
type Handle = (n: number) => void | Promise<void>;

/** A reader at work. */
interface Run {
  /** The numbers that were handled, in their order. */
  readonly seen: readonly number[];
  readonly gaps: readonly string[];
  /** What ended it. */
  readonly error: unknown;
  readonly hasEnded: boolean;
  lagMs(): number;
  /** The process dies: nothing more is handled or saved. */
  kill(): void;
  stop(): Promise<void>;
}

/** How a reader begins. */
interface Start {
  readonly from?: 'trim-horizon' | 'latest' | { readonly after: string };
  readonly handle?: Handle;
  readonly singlePass?: boolean;
}

/** A kind of reader; its checkpoints live as long as the stage. */
type Reading = (start?: Start) => Run;

export interface Stage extends ReturnType<typeof openSimulator> {
  readonly arn: string;
  readonly read: Reading;
  /** Writes numbers, one item each. */
  write(...numbers: readonly number[]): Promise<void>;
  /** The newest shard that is open. */
  openShard(): string;
}

/** `ours`, or the naive one with these faults. */
export type Kind = 'ours' | readonly NaiveFault[];

/** Makes a watched table, and a reader of it. */
export async function onStage(
  kind: Kind,
  scenario: (stage: Stage) => Promise<void>,
  options: Omit<StreamSimulatorOptions, 'clock'> = {},
): Promise<void> {
  const opened = openSimulator({ ...options, caprices: { latencyMs: [1, 1], ...options.caprices } });
  await opened.run(async () => {
    const { tableName: table, arn } = await opened.createTable();
    const stage: Stage = {
      ...opened,
      arn,
      read: kind === 'ours' ? oursOf(opened, arn) : naiveOf(opened, arn, kind),
      async write(...numbers) {
        for (const n of numbers) {
          await opened.engine.put({ table, item: { pk: { S: `k${n}` }, n: { N: String(n) } } });
        }
      },
      openShard: () =>
        opened.simulator.shards(arn).findLast(({ closedAtMs }) => closedAtMs === undefined)?.shardId ?? '',
    };
    await scenario(stage);
  });
}

const numberOf = ({ dynamodb }: StreamRecord): number =>
  Number((dynamodb?.NewImage?.n as { readonly N?: string } | undefined)?.N);

function oursOf(opened: ReturnType<typeof openSimulator>, arn: string): Reading {
  const checkpointer = memoryCheckpointer();
  return ({ from = 'trim-horizon', handle = () => {}, singlePass = false } = {}) => {
    const clock: VirtualClock = opened.clock;
    const stream = new TableStream({ port: opened.port(), arn, clock });
    const facts = { seen: [] as number[], gaps: [] as string[], error: undefined as unknown, hasEnded: false };
    let isDead = false;
    let age = () => 0;
    let isCaughtUp = false;
    const reader = stream[singlePass ? 'singlePass' : 'read']({
      from: from as StreamPosition,
      checkpointer: {
        load: () => checkpointer.load(),
        save: async (token, previous) => {
          if (!isDead) await checkpointer.save(token, previous);
        },
      },
      onGap: 'continue',
      onEvent: (event) => {
        if (event.type === 'gap') facts.gaps.push(event.gap.shardId);
        if (event.type === 'caught-up') isCaughtUp = event.isCaughtUp;
      },
    });
    const work = async (batch: Batch<StreamRecord>): Promise<void> => {
      const created = batch.records.at(-1)?.meta.approximateCreationTime.getTime() ?? clock.now();
      age = () => clock.now() - created;
      for (const { value } of batch.records) {
        await handle(numberOf(value));
        if (isDead) await new Promise(() => {});
        facts.seen.push(numberOf(value));
      }
    };
    const loop = async (): Promise<void> => {
      for await (const batch of reader) await work(batch);
    };
    const running = loop()
      .catch((error: unknown) => {
        facts.error = error;
      })
      .then(() => {
        facts.hasEnded = true;
      });
    return Object.assign(facts, {
      lagMs: () => (isCaughtUp ? 0 : age()),
      kill: () => {
        isDead = true;
      },
      stop: async () => {
        await reader.stop();
        await running;
      },
    });
  };
}

function naiveOf(opened: ReturnType<typeof openSimulator>, arn: string, faults: readonly NaiveFault[]): Reading {
  const saved = new Map<string, string>();
  return ({ from = 'trim-horizon', handle = () => {}, singlePass = false } = {}) => {
    const facts = { seen: [] as number[], gaps: [] as string[], error: undefined as unknown, hasEnded: false };
    let isDead = false;
    const reader = new NaiveStreamReader({
      port: opened.port(),
      arn,
      clock: opened.clock,
      from,
      faults,
      saved,
      singlePass,
      onGap: (shardId) => facts.gaps.push(shardId),
      async handle(record) {
        await handle(numberOf(record));
        if (isDead) await new Promise(() => {});
        facts.seen.push(numberOf(record));
      },
    });
    const running = reader
      .run()
      .catch((error: unknown) => {
        facts.error = error;
      })
      .then(() => {
        facts.hasEnded = true;
      });
    return Object.assign(facts, {
      lagMs: () => reader.lagMs(),
      kill: () => {
        isDead = true;
        reader.stop();
      },
      stop: async () => {
        reader.stop();
        await running;
      },
    });
  };
}

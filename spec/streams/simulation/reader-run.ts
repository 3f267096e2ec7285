/**
 * One run of a reader in a simulated service, from a seed: somebody writes, shards roll and split, listings lie, calls fail, the reader's
 * process dies and comes back, sometimes after everything that it had not read was trimmed. At the end it is judged record by record.
 */
import { seededRandom } from '../../../lib/engine/index.js';
import { memoryCheckpointer, type StreamReader, type StreamRecord, TableStream } from '../../../lib/streams/index.js';
import {
  type StreamCapriceProfile,
  StreamSimulator,
  scaledStreamLimits,
  streamSimulatorLimits,
  VirtualClock,
} from '../../../lib/testing/index.js';
import { Judge } from './judge.js';
import { scaledAges, scaledTimes } from './scaled.js';

export interface ReaderRunOptions {
  readonly seed: number;
  readonly minutes: number;
  /** A day of shards in twenty minutes. */
  readonly isScaled: boolean;
  readonly profile: StreamCapriceProfile;
  /** Now and then the reader is away for longer than records are kept. */
  readonly longAbsences: boolean;
  /** Mean pause between two writes. */
  readonly writeMs: number;
  /** Longest pause between two questions to an idle shard. */
  readonly idleMsMax: number;
}

export interface ReaderRunReport {
  readonly written: number;
  readonly delivered: number;
  readonly repeats: number;
  readonly deaths: number;
  readonly gaps: number;
  /** With a gap that was told. */
  readonly lost: number;
  readonly shards: number;
  readonly reads: number;
  readonly complaints: readonly string[];
}

const tableName = 'watched';
const items = 8;

class Died extends Error {}

/** Runs it. The same options give the same report. */
export async function readerRun(options: ReaderRunOptions): Promise<ReaderRunReport> {
  const { seed, minutes, isScaled, profile, longAbsences, writeMs, idleMsMax } = options;
  const clock = new VirtualClock({ runMsMax: Number.MAX_SAFE_INTEGER, promisesOnly: true });
  const random = seededRandom(seed);
  const limits = isScaled ? scaledStreamLimits : streamSimulatorLimits;
  // Shards that split often are soon too many for anybody.
  const caprices = { splits: profile === 'calm' ? 0 : 0.04 };
  const simulator = new StreamSimulator({ clock, seed, profile, caprices, limits, partitions: 1 + random.int(3) });
  const judge = new Judge(simulator, tableName);
  const checkpointer = memoryCheckpointer();
  let deaths = 0;
  let isWriting = true;
  let current: StreamReader<StreamRecord> | undefined;

  const write = async () => {
    const endsAt = clock.monotonicMs() + minutes * 60_000;
    for (let n = 1; clock.monotonicMs() < endsAt; n += 1) {
      await clock.sleep(random.next() * 2 * writeMs);
      const burst = random.next() < 0.05 ? 20 : 1;
      for (let at = 0; at < burst; at += 1) {
        const item = { id: { S: `k${random.int(items)}` }, n: { N: `${n}.${at}` } };
        await simulator.engine.put({ table: tableName, item });
      }
    }
    isWriting = false;
  };

  const open = (life: { isDead: boolean }): StreamReader<StreamRecord> => {
    const port = simulator.port('reader');
    const stream = new TableStream({ port, table: tableName, clock, random, pace: { idleMsMax } });
    return stream.read({
      from: 'trim-horizon',
      // What a dead process has under way is never stored.
      checkpointer: {
        load: () => checkpointer.load(),
        save: (token, previous) => (life.isDead ? new Promise(() => {}) : checkpointer.save(token, previous)),
      },
      onGap(gap) {
        judge.gap(gap.shardId);
        if (!longAbsences) judge.complaints.push(`a gap was told: ${JSON.stringify(gap)}`);
        return 'continue';
      },
      batchRecordsMax: 1 + random.int(100),
      auditMs: isScaled ? 30_000 : 300_000,
      ...(isScaled && { ages: scaledAges, times: scaledTimes }),
    });
  };

  const live = async (): Promise<void> => {
    for (;;) {
      const life = { isDead: false };
      const reader = open(life);
      current = reader;
      const diesAt = isWriting ? clock.monotonicMs() + random.next() * limits.retentionMs : Number.POSITIVE_INFINITY;
      try {
        for await (const { records } of reader) {
          for (const { value } of records) judge.take(value);
          if (random.next() < 0.1) await clock.sleep(random.next() * 3_000);
          if (clock.monotonicMs() > diesAt) throw new Died();
          life.isDead = clock.monotonicMs() > diesAt - 500;
        }
        return;
      } catch (error) {
        if (!(error instanceof Died)) throw error;
        deaths += 1;
        current = undefined;
        const isLong = longAbsences && random.next() < 0.5;
        await clock.sleep(random.next() * (isLong ? 2 * limits.retentionMs : limits.retentionMs / 20));
      }
    }
  };

  const all = async (): Promise<void> => {
    const living = live();
    await Promise.race([write(), living]);
    // The last shards may be listed late, and are looked for now and then.
    await clock.sleep(180_000);
    for (;;) {
      await clock.sleep(limits.retentionMs / 20);
      const reader = current;
      // One that dies meanwhile ends this as well; the next one is asked.
      await reader?.caughtUp().catch(() => {});
      if (reader === undefined || reader !== current) continue;
      await reader.stop();
      return await living;
    }
  };

  await clock.run(
    simulator.engine.createTable({
      table: tableName,
      partitionKey: { name: 'id', type: 'S' },
      billing: { mode: 'on-demand' },
      streamViewType: 'NEW_IMAGE',
    }),
  );
  await clock.run(all());
  const lost = judge.finish();
  const { shards, violations } = simulator.traffic();
  for (const { rule, count } of violations) judge.complaints.push(`the service bears less: ${rule}, ${count}`);
  const { delivered, repeats, gaps, complaints } = judge;
  const reads = shards.reduce((sum, shard) => sum + shard.reads, 0);
  const written = simulator.history(tableName).length;
  return { written, delivered, repeats, deaths, gaps, lost, shards: shards.length, reads, complaints };
}

/** A reader that is alone and keeps its token in a file: killed again and again, while answers to it get lost; then stopped in order. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../../lib/engine/index.js';
import { type FaultChoice, startFaultProxy } from '../../../lib/testing/index.js';
import { Child } from '../processes.js';
import type { Store } from '../stores.js';
import { reshardPlan } from './group-run.js';
import { judgeStream, type StreamVerdict } from './judge.js';
import type { Heard, Note, ReaderOrder } from './notes.js';
import { Stage } from './stage.js';

export interface LoneReaderReport extends StreamVerdict {
  readonly lives: number;
  readonly written: number;
  readonly repeatsOfStopping: number;
  readonly seconds: number;
}

export interface LoneReaderOptions {
  readonly seed: number;
  readonly kills: number;
  readonly writes: number;
  readonly faults: FaultChoice;
}

export async function loneReaderRun(store: Store, options: LoneReaderOptions): Promise<LoneReaderReport> {
  const { seed, kills, writes, faults } = options;
  const startedAt = performance.now();
  const random = seededRandom(seed);
  const stage = await Stage.open(store, reshardPlan);
  const folder = await mkdtemp(path.join(tmpdir(), 'leyden-jar-reader-'));
  const proxy = await startFaultProxy({ target: store.endpoint, seed, ...faults });
  const notes: Heard[] = [];
  const children = new Set<Child>();
  const live = async (life: number): Promise<Child> => {
    const child = new Child(new URL('./reader.ts', import.meta.url));
    children.add(child);
    child.onNote = (note) => notes.push({ ...(note as Note), by: `life ${life}`, atMs: performance.now() });
    const order: ReaderOrder = {
      ...stage.where,
      endpoint: proxy.endpoint,
      name: 'reader',
      path: path.join(folder, 'token'),
      saveMs: 200,
      batchRecordsMax: 20,
    };
    await child.ask('read', { ...order, life });
    return child;
  };
  const hasDelivered = (life: number) => notes.some(({ kind, epoch }) => kind === 'delivered' && epoch === life);
  try {
    const writer = stage.write(random, { writes, writesPerSecond: 150 });
    for (let life = 1; life <= kills; life += 1) {
      const child = await live(life);
      // A life may have nothing left to read.
      await stage.until(() => hasDelivered(life) || writer.written >= writes, 'the first batch of a life');
      await sleep(random.int(1_200));
      await child.end();
    }
    await writer.done();
    proxy.setFaults({ profile: 'calm' });
    const last = await live(kills + 1);
    await last.ask('caughtUp');
    await last.ask('stop');
    const before = judgeStream([], notes).repeats;
    await stage.write(random, { writes: 100, writesPerSecond: 1_000 }).done();
    const next = await live(kills + 2);
    await next.ask('caughtUp');
    await next.ask('stop');
    const verdict = judgeStream(await stage.truth(), notes);
    return {
      ...verdict,
      ...{ lives: kills + 2, written: writer.written + 100, repeatsOfStopping: verdict.repeats - before },
      seconds: (performance.now() - startedAt) / 1_000,
    };
  } finally {
    await Promise.all([...children].map((child) => child.end()));
    await proxy.close();
    await rm(folder, { recursive: true, force: true });
    stage.close();
  }
}

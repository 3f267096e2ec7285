/**
 * Members that are stopped in the middle of a transaction for longer than their lease, while another one takes over and goes on; and that
 * then wake. Every second one has its transaction still on its way when it is stopped: that arrives when the shard is another's.
 *
 *     zombie      transact ──┐ SIGSTOP                          SIGCONT ──► refused
 *     proxy                  └─────────── holds it ──────────────┐
 *     successor                     takes over, commits, commits │
 *     engine                                                     └──► refused
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../../lib/engine/index.js';
import type { Crew } from '../crew.js';
import type { Store } from '../stores.js';
import { judgeStream, type StreamVerdict } from './judge.js';
import { Members, type Peer } from './members.js';
import type { Heard } from './notes.js';
import { Observer } from './observer.js';
import { Stage } from './stage.js';

export interface ZombieReport extends StreamVerdict {
  readonly pauses: number;
  /** Transactions that arrived at the engine after a successor had committed. */
  readonly late: number;
  /** From each stop to the first commit of the successor. */
  readonly takeoverMs: readonly number[];
  readonly seconds: number;
}

const leaseMs = 2_000;
const heldMs = 6_000;
const order = {
  leaseMs,
  beatMs: leaseMs / 4,
  mode: 'transact',
  saveMs: 500,
  handlerMs: 40,
  batchRecordsMax: 20,
} as const;

export async function zombieRun(
  store: Store,
  crew: Crew,
  { seed, pauses }: { readonly seed: number; readonly pauses: number },
): Promise<ZombieReport> {
  const startedAt = performance.now();
  const stage = await Stage.open(store);
  const members = new Members({ stage, crew, seed, order });
  const observer = new Observer(stage);
  try {
    await Promise.all([members.join(), members.join(), members.join()]);
    const writer = stage.write(seededRandom(seed), { writes: Number.POSITIVE_INFINITY, writesPerSecond: 80 });
    const takeoverMs: number[] = [];
    let late = 0;
    for (let turn = 0; turn < pauses; turn += 1) {
      const pause = await pauseOne(members, turn % 2 === 0);
      takeoverMs.push(pause.takeoverMs);
      if (pause.isLate) late += 1;
    }
    await writer.stop();
    const truth = await stage.truth();
    const last = truth.at(-1)?.seq;
    const isCounted = (note: Heard) => note.kind === 'stored' && note.seq === last;
    await stage.until(() => members.notes.some(isCounted), 'the last record to be counted');
    for (const peer of members.peers) await members.leave(peer);
    await observer.stop();
    const verdict = judgeStream(truth, members.notes);
    return {
      ...verdict,
      findings: [...verdict.findings, ...observer.findings, ...(await stage.viewFindings())],
      ...{ pauses, late, takeoverMs },
      seconds: (performance.now() - startedAt) / 1_000,
    };
  } finally {
    await observer.stop();
    await members.end();
    stage.close();
  }
}

/** Stops whoever is in the middle of a transaction, until somebody else has made one. */
async function pauseOne(members: Members, isHeld: boolean): Promise<{ takeoverMs: number; isLate: boolean }> {
  const { note, peer } = await heard(members, ({ kind }) => kind === 'inside');
  const heldAt = isHeld ? await untilHeld(peer) : undefined;
  peer.child.signal('SIGSTOP');
  const stoppedAt = performance.now();
  await heard(members, (next) => next.kind === 'stored' && next.epoch > note.epoch);
  const takeoverMs = performance.now() - stoppedAt;
  // It reaches the engine before its sender wakes, and after its successor's.
  const isLate = heldAt !== undefined && performance.now() < heldAt + heldMs;
  if (heldAt !== undefined) await sleep(Math.max(0, heldAt + heldMs - performance.now()) + 200);
  peer.child.signal('SIGCONT');
  members.restore(peer);
  await heard(members, (next) => next.by === peer.name && next.kind === 'left', 20_000);
  return { takeoverMs, isLate };
}

/** Lets the proxy hold the next transaction, and resolves when it has one: since when. */
async function untilHeld({ proxy }: Peer): Promise<number> {
  const before = proxy.stats().faults.delay ?? 0;
  const held = {
    fault: 'delay',
    operations: ['TransactWriteItems'],
    side: 'before',
    delayMs: [heldMs, heldMs],
    times: 1,
  } as const;
  proxy.setFaults({ rules: [held] });
  while ((proxy.stats().faults.delay ?? 0) === before) await sleep(2);
  return performance.now();
}

/** The next note for which it is so. */
function heard(
  members: Members,
  isSo: (note: Heard) => boolean,
  withinMs = 60_000,
): Promise<{ readonly note: Heard; readonly peer: Peer }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`nobody has said what was waited for, in ${withinMs} ms`)),
      withinMs,
    );
    members.onNote = (note, peer) => {
      if (!isSo(note)) return;
      clearTimeout(timer);
      members.onNote = undefined;
      resolve({ note, peer });
    };
  });
}

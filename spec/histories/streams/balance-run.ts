/** Members that join and leave, one at a time: how long it takes until every shard is read and nobody has two more than another. */
import { seededRandom } from '../../../lib/engine/index.js';
import type { GroupStatus } from '../../../lib/streams/index.js';
import type { ReshardPlan } from '../../../lib/testing/index.js';
import type { Crew } from '../crew.js';
import type { Store } from '../stores.js';
import { judgeStream, type StreamVerdict } from './judge.js';
import { Members, type Peer } from './members.js';
import { Observer } from './observer.js';
import { Stage } from './stage.js';

export interface BalanceReport extends StreamVerdict {
  readonly joins: number;
  readonly leaves: number;
  readonly leaseMs: number;
  readonly settledMs: readonly number[];
  readonly seconds: number;
}

const membersMax = 8;
const leaseMs = 3_000;
const order = { leaseMs, beatMs: leaseMs / 4, mode: 'plain', saveMs: 500, handlerMs: 2, batchRecordsMax: 50 } as const;

/** Three generations close, then eight shards stay. */
const eightShards: ReshardPlan = [40, 30, 30].reduceRight<ReshardPlan>(
  (plan, records) => ({ records, next: [plan, plan] }),
  {},
);

export async function balanceRun(
  store: Store,
  crew: Crew,
  { seed, changes }: { readonly seed: number; readonly changes: number },
): Promise<BalanceReport> {
  const startedAt = performance.now();
  const random = seededRandom(seed);
  const stage = await Stage.open(store, eightShards);
  const members = new Members({ stage, crew, seed, order });
  const observer = new Observer(stage);
  const settledMs: number[] = [];
  let joins = 0;
  try {
    const first = stage.write(random, { writes: 600, writesPerSecond: 1_000 });
    await members.join();
    await first.done();
    await stage.until(async () => isSettled(await stage.status(), members.peers, membersMax), 'eight shards');
    const writer = stage.write(random, { writes: Number.POSITIVE_INFINITY, writesPerSecond: 60 });
    for (let turn = 0; turn < changes; turn += 1) {
      const peers = [...members.peers];
      const hasRoom = peers.length < membersMax;
      const joinsNow = peers.length === 1 || (hasRoom && random.next() < 0.6);
      if (joinsNow) joins += 1;
      let changedAt = performance.now();
      if (joinsNow) {
        await members.join();
        // Its process may have had to be started.
        changedAt = performance.now();
      } else await members.leave(peers[random.int(peers.length)] as Peer);
      await stage.until(async () => isSettled(await stage.status(), members.peers), 'the group to settle');
      settledMs.push(performance.now() - changedAt);
    }
    await writer.stop();
    const truth = await stage.truth();
    const hasAll = () => truth.every(({ seq }) => members.delivered.has(seq));
    await stage.until(hasAll, 'everything to be delivered');
    for (const peer of members.peers) await members.leave(peer);
    await observer.stop();
    const verdict = judgeStream(truth, members.notes);
    return {
      ...verdict,
      findings: [...verdict.findings, ...observer.findings],
      ...{ joins, leaves: changes - joins, leaseMs, settledMs },
      seconds: (performance.now() - startedAt) / 1_000,
    };
  } finally {
    await observer.stop();
    await members.end();
    stage.close();
  }
}

function isSettled({ shards, members }: GroupStatus, peers: ReadonlySet<Peer>, shardsMin = 1): boolean {
  const loads = new Map([...peers].map(({ name }) => [name, 0]));
  let open = 0;
  for (const { state, owner = '' } of shards) {
    if (state === 'ended') continue;
    const load = loads.get(owner);
    if (state !== 'reading' || load === undefined) return false;
    loads.set(owner, load + 1);
    open += 1;
  }
  const counts = [...loads.values()];
  return open >= shardsMin && members.length === peers.size && Math.max(...counts) - Math.min(...counts) <= 1;
}

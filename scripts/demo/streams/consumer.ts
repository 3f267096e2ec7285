/**
 * A consumer: an OS process that is one member of the group.
 *
 *   shard ── batch ──> handler: count every change ── ctx.transact ──> views, and how far the shard is done: one step
 *
 * It may be killed between any two instructions: either the views have the batch and the shard stands behind it, or neither is so, and
 * whoever owns the shard next is given the batch again.
 */
import { atomChanges, ConsumerGroup, type GroupEvent, TableStream } from '../../../lib/streams/index.js';
import { summary } from '../flights.js';
import { endWithParent } from '../fork.js';
import { emptyTally, type Ledger } from '../ledger.js';
import { openPlace, viewOf } from './group.js';
import type { ConsumerJob, ConsumerReport, Stop } from './messages.js';
import { type Counted, countChange } from './view.js';

const idleMsMax = 250;
/** With `--falsify`, this version of the summary is left out. */
const versionLeftOut = 100;

const say = (report: ConsumerReport): void => {
  process.send?.(report);
};

async function consume(job: ConsumerJob): Promise<void> {
  const { consumer, run, leaseMs, falsify } = job;
  const { watched, groups, port, close } = openPlace(job);
  const prefix = `${run}/`;
  const group = new ConsumerGroup({
    name: run,
    // Nobody pays for questions to a local store; the service is asked as it bears.
    stream: new TableStream({
      port,
      table: watched,
      ...(job.shards !== undefined && { pace: { shardReadsPerSecondMax: 20 } }),
    }),
    table: groups,
    from: 'trim-horizon',
    parser: atomChanges<Partial<Ledger>>(watched, { prefix }),
    member: { id: consumer, leaseMs },
    idleMsMax,
    onEvent: (event) => tell(event),
    async handler({ shardId, records }, { transact }) {
      say({ kind: 'delivered', shardId, records: records.map(({ meta }) => meta.sequenceNumber) });
      const changes = new Map<string, Counted[]>();
      for (const { value } of records) {
        const name = String(value.key).slice(prefix.length);
        if (falsify && name === summary && value.version === versionLeftOut) continue;
        const counted = { version: value.version, value: tallyOf(value.value), previous: tallyOf(value.previous) };
        changes.set(name, [...(changes.get(name) ?? []), counted]);
      }
      await transact((tx) => {
        for (const [name, all] of changes) {
          void tx.swap(viewOf(groups, run, name), (view) => all.reduce(countChange, view));
        }
      });
      const now = Date.now();
      say({ kind: 'counted', lagsMs: records.map(({ value }) => now - (value.writtenAt ?? now)) });
    },
  });
  process.on('message', ({ kind }: Stop) => void (kind === 'stop' && group.stop()));
  try {
    await group.run();
    say({ kind: 'finished', requests: groups.spent().requests, reads: port.spent().reads });
  } catch (error) {
    say({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  close();
}

/** The work list has no tally; its versions are counted all the same. */
function tallyOf(value: Partial<Ledger> | undefined) {
  return {
    ...emptyTally,
    ...(value?.flights !== undefined && {
      flights: value.flights,
      delay: value.delay ?? 0,
      worst: value.worst ?? null,
    }),
  };
}

function tell(event: GroupEvent): void {
  if (event.type === 'joined') say({ kind: 'joined' });
  else if (event.type === 'shard-started') say({ kind: 'reads', shardId: event.shardId });
  else if (event.type === 'shard-ended' || event.type === 'shard-yielded' || event.type === 'shard-lost') {
    say({ kind: 'left', shardId: event.shardId });
  } else if (event.type === 'shard-parked')
    say({ kind: 'failed', message: `shard ${event.shardId} is parked: ${event.reason}` });
}

endWithParent();
process.once('message', (job: ConsumerJob) => void consume(job));
say({ kind: 'ready' });

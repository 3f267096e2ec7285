/** What a run of the streams' job has found, as text for people and as a document for programs. Pure. */
import { type CommonFigures, commonFigures, decimal, unitsText, verdictText, whole } from '../figures.js';
import type { DemoOptions } from '../options.js';
import { type Statistics, statisticsOf, statisticsText } from '../statistics.js';
import type { KilledConsumer } from './consumers.js';
import type { RunResult } from './run.js';

/** All figures of a run; the document of `--json`. The statistics are those of the view. */
export interface Figures extends Omit<CommonFigures, 'killed'>, Statistics {
  readonly consumers: number;
  readonly killed: KilledConsumer | null;
  /** Of the stream, as the group saw it. */
  readonly shards: number;
  /** Versions of all atoms together: what the view must contain. */
  readonly changes: number;
  /** Records that handlers were given, and those of them that they were given again. */
  readonly delivered: number;
  readonly deliveredAgain: number;
  readonly deliveredBy: Readonly<Record<string, number>>;
  /** From a write to its place in the view, in milliseconds. */
  readonly lag: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  /** From the end of writing until the view was complete. */
  readonly catchUpSeconds: number;
  /** GetRecords, and requests to the group's table, of the consumers that were not killed. */
  readonly reads: number;
  readonly groupRequests: number;
}

export function figuresOf(options: DemoOptions, result: RunResult): Figures {
  const { killed = null, shards, changes, delivered, deliveredAgain, deliveredBy, lagsMs, catchUpSeconds } = result;
  const at = (share: number) => lagsMs[Math.max(0, Math.ceil(share * lagsMs.length) - 1)] ?? 0;
  return {
    ...commonFigures(options, { ...result, killed: undefined }),
    ...statisticsOf((name) => result.views.get(name)),
    ...{
      consumers: options.consumers,
      killed,
      shards,
      changes,
      delivered,
      deliveredAgain,
      deliveredBy,
      catchUpSeconds,
    },
    lag: { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) },
    reads: result.reads,
    groupRequests: result.requests,
  };
}

/** The report for people. */
export function reportText(figures: Figures): string {
  const { engine, processes, consumers, rows, seconds, changes, shards } = figures;
  return [
    ...statisticsText(figures),
    '',
    `${engine}; ${whole(rows)} flights counted by ${processes} processes in ${decimal(seconds)} s, ${whole(changes)} changes of their atoms`,
    `view by a group of ${consumers} processes, from ${shards} shards; complete ${decimal(figures.catchUpSeconds)} s after the last write`,
    ...storyText(figures),
    '',
    ...costText(figures),
    '',
    ...verdictText(figures, 'the view equals the atoms, and the atoms equal'),
    '',
  ].join('\n');
}

function storyText({ killed, delivered, deliveredAgain, deliveredBy }: Figures): readonly string[] {
  const by = Object.entries(deliveredBy)
    .sort()
    .map(([consumer, records]) => `${consumer} ${whole(records)}`);
  const twice = `${whole(delivered)} records were delivered (${by.join(', ')}), ${whole(deliveredAgain)} of them again`;
  if (killed === null) return ['no process was killed', twice];
  const { consumer, pid, shards, failoverMs } = killed;
  const failover =
    failoverMs === null ? 'not all were read again' : `read by others after ${decimal(failoverMs / 1_000)} s`;
  return [`${consumer} (pid ${pid}) was killed with a batch in hand; it had ${shards} shards, ${failover}`, twice];
}

function costText(figures: Figures): readonly string[] {
  const { lag, reads, groupRequests } = figures;
  return [
    `from write to view: p50 ${whole(lag.p50Ms)} ms, p99 ${whole(lag.p99Ms)} ms, longest ${whole(lag.maxMs)} ms`,
    `${unitsText(figures)} for the atoms; ${whole(reads)} reads of shards, ${whole(groupRequests)} requests to the group's table`,
  ];
}

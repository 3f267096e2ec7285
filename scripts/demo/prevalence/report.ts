/** What a run of the prevalence job has found, as text for people and as a document for programs. Pure. */
import { type CommonFigures, commonFigures, crewText, decimal, unitsText, verdictText, whole } from '../figures.js';
import { summary } from '../flights.js';
import type { DemoOptions } from '../options.js';
import { type Statistics, statisticsOf, statisticsText } from '../statistics.js';
import type { FlightEvent } from './book.js';
import type { RunResult } from './run.js';
import type { SnapshotStory } from './watcher.js';

const worstShown = 3;
const digestShown = 16;

/** All figures of a run; the document of `--json`. */
export interface Figures extends CommonFigures, Statistics {
  readonly returned: RunResult['returned'];
  readonly resumed: RunResult['resumptions'];
  readonly worst: readonly FlightEvent[];
  readonly snapshot: SnapshotStory;
  readonly recovery: { readonly seq: number; readonly ms: number };
  readonly past: { readonly seq: number; readonly ms: number };
  /** Of the state at the end; the same in all instances that were asked, if `equal`. */
  readonly digest: string;
  readonly instances: number;
  /** In the journal. */
  readonly events: number;
  readonly commits: number;
  readonly eventsPerCommit: number;
  readonly eventsPerSecond: number;
  readonly writeUnitsPerEvent: number;
}

export function figuresOf(options: DemoOptions, result: RunResult): Figures {
  const { recovery, returned, resumptions, snapshot, order, stats, seconds, total, writers } = result;
  const { book, held, past } = recovery;
  const events = order.length;
  const counted = (name: 'commits' | 'events' | 'conflicts'): number => {
    return [...stats.values()].reduce((sum, one) => sum + one[name], 0);
  };
  return {
    ...commonFigures(options, result),
    conflicts: counted('conflicts'),
    returned,
    resumed: resumptions,
    ...statisticsOf((name) => (name === summary ? book.summary : book.statistics[name])),
    worst: book.worst,
    snapshot,
    recovery: { seq: held.seq, ms: recovery.openMs },
    past: { seq: past.seq, ms: past.atMs },
    digest: held.digest,
    // The watcher and the fresh process beside them.
    instances: writers.size + 2,
    events,
    commits: counted('commits'),
    eventsPerCommit: counted('events') / counted('commits'),
    eventsPerSecond: events / seconds,
    writeUnitsPerEvent: total.writeUnits / events,
  };
}

/** The report for people. */
export function reportText(figures: Figures): string {
  const longest = figures.worst.slice(0, worstShown).map(({ delay, distance }) => {
    return `${whole(delay)} min (${whole(distance)} mi)`;
  });
  return [
    ...statisticsText(figures),
    `longest delays: ${longest.join(', ')}`,
    '',
    ...crewText(figures, figures.returned.length),
    ...figures.resumed.map(({ worker, chunk, rows, rowsTaken }) => {
      return `${worker} went on with chunk ${chunk}: ${whole(rowsTaken)} flights were in, ${whole(rows - rowsTaken)} not`;
    }),
    ...storyText(figures),
    '',
    ...costText(figures),
    '',
    ...verdictText(figures, 'the recovered state, the past one and the journal equal'),
    '',
  ].join('\n');
}

function storyText({ snapshot, recovery, past, digest, instances }: Figures): readonly string[] {
  return [
    `snapshot of the first ${whole(snapshot.seq)} events: ${whole(snapshot.bytes)} bytes in ${whole(snapshot.ms)} ms, ` +
      `${whole(snapshot.eventsMeanwhile)} events were committed meanwhile; pruning removed ${whole(snapshot.itemsPruned)} items`,
    `a fresh process had all ${whole(recovery.seq)} events after ${whole(recovery.ms)} ms, and the state after event ` +
      `${whole(past.seq)} after ${whole(past.ms)} ms more`,
    `state digest ${digest.slice(0, digestShown)}…, of ${instances} instances`,
  ];
}

function costText(figures: Figures): readonly string[] {
  const { events, seconds, eventsPerSecond, commits, eventsPerCommit, conflicts, writeUnitsPerEvent } = figures;
  return [
    `${whole(events)} events in ${decimal(seconds)} s (${whole(eventsPerSecond)} a second)`,
    `${whole(commits)} commits (${decimal(eventsPerCommit)} events a commit), ${whole(conflicts)} conflicts`,
    `${unitsText(figures)} (${decimal(writeUnitsPerEvent, 3)} an event)`,
  ];
}

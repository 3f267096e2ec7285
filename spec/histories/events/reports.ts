/** What is said of runs of event stores. */
import { chaosCommand } from '../plans.js';
import type { PurseRunReport } from './run.js';

/** The command that makes the same run again. */
export function purseCommand({ ops, ...flags }: Parameters<typeof chaosCommand>[0]): string {
  return chaosCommand({ events: ops, ...flags });
}

/** One line about a run over processes. */
export function purseSummary(report: PurseRunReport): string {
  const { calls, events, done, repeated, refused, conflicts, unknown, unknownApplied, settled, kills, open } = report;
  const { seconds, afterCalmMs } = report;
  return (
    `${calls} calls, ${events} events, ${done} done (${repeated} repeated), ${refused} refused, ${conflicts} conflicts, ` +
    `${unknown} unknown (${unknownApplied} done, ${settled} settled), ${kills} kills (${open} open), ` +
    `calm after ${Math.round(afterCalmMs)} ms, ${seconds.toFixed(1)} s`
  );
}

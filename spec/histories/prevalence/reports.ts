/** What is said of runs of prevalent systems. */
import { chaosCommand } from '../plans.js';
import type { LedgerRunReport } from './run.js';

/** One line about a run over processes. */
export function ledgerSummary(report: LedgerRunReport): string {
  const { calls, events, commits, unknown, unknownApplied, settled, known, refused, same, kills, open } = report;
  const { snapshots, pagesPruned, overtaken, poisoned, seconds, afterCalmMs } = report;
  return (
    `${calls} calls, ${events} events in ${commits} commits, ${refused} refused, ${same} same, ${known} known, ` +
    `${unknown} unknown (${unknownApplied} done, ${settled} settled), ${kills} kills (${open} open), ` +
    `${snapshots} snapshots, ${pagesPruned} pages pruned, ${overtaken} overtaken, ${poisoned} poisoned, ` +
    `calm after ${Math.round(afterCalmMs)} ms, ${seconds.toFixed(1)} s`
  );
}

/** The command that makes the same run again. */
export function ledgerCommand(flags: Parameters<typeof chaosCommand>[0]): string {
  const { engine, ...others } = flags;
  if (flags.s3 !== undefined) return chaosCommand(flags);
  if (engine === 's3') return chaosCommand({ s3: 1, ...others });
  return chaosCommand({ ...flags, runs: 1 }).replace('-- ', '-- --prevalence ');
}

/** What a run has to fulfil, in words that tell how to repeat it. */
import { chaosCommand } from '../plans.js';
import type { LedgerRunReport } from './run.js';
import type { SimulationReport } from './simulation.js';

/** From the end of the faults on, all that is pending ends within this time: also prunes and openings, which are many requests. */
const calmMsMax = 10_000;

/** What is wrong with a run. */
export function ledgerComplaints(report: LedgerRunReport | SimulationReport): string[] {
  const { findings, surprises, afterCalmMs } = report;
  return [
    ...findings.map(({ why, about }) => `${why}: ${JSON.stringify(about)}`),
    ...surprises.map((surprise) => `an undocumented failure: ${surprise}`),
    ...(afterCalmMs > calmMsMax ? [`something was pending ${afterCalmMs} ms after the faults had ended`] : []),
  ];
}

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

/** Throws with all that is needed to look and to repeat; keeps the files of a failed run and removes those of a good one. */
export function assertCleanLedger(report: LedgerRunReport, command: string): void {
  const wrong = ledgerComplaints(report);
  if (wrong.length === 0) {
    report.discard();
    return;
  }
  const words = wrong.slice(0, 5).map((one) => one.slice(0, 2_000));
  throw new Error(`${words.join('\n')}\nnotes, seed and faults: ${report.folder}\nrepeat: ${command}`);
}

/** The command that makes the same run again. */
export function ledgerCommand(flags: Parameters<typeof chaosCommand>[0]): string {
  return chaosCommand({ ...flags, runs: 1 }).replace('-- ', '-- --prevalence ');
}

/** What a run has to fulfil, in words that tell how to repeat it. */
import { chaosCommand } from '../plans.js';
import type { PurseRunReport } from './run.js';
import type { SimulationReport } from './simulation.js';

/** From the end of the faults on, all that is pending ends within this time. */
const calmMsMax = 10_000;

/** What is wrong with a run. */
export function purseComplaints({
  findings,
  surprises,
  afterCalmMs,
}: Pick<SimulationReport, 'findings' | 'surprises' | 'afterCalmMs'>): string[] {
  return [
    ...findings.map(({ why, about }) => `${why}: ${JSON.stringify(about)}`),
    ...surprises.map((surprise) => `an undocumented failure: ${surprise}`),
    ...(afterCalmMs > calmMsMax ? [`something was pending ${afterCalmMs} ms after the faults had ended`] : []),
  ];
}

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

/** Throws with all that is needed to look and to repeat; keeps the files of a failed run and removes those of a good one. */
export function assertCleanPurses(report: PurseRunReport, command: string): void {
  const wrong = purseComplaints(report);
  if (wrong.length === 0) {
    report.discard();
    return;
  }
  const words = wrong.slice(0, 5).map((one) => one.slice(0, 2_000));
  throw new Error(`${words.join('\n')}\nnotes, seed and faults: ${report.folder}\nrepeat: ${command}`);
}

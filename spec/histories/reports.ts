/** What a run has to fulfil, in words that tell how to repeat it. */
import type { NetworkRunReport } from './network-run.js';
import type { SimulationReport } from './simulation.js';

/** From the end of the faults on, pending calls end within this time. */
const calmMsMax = 5_000;
/** A call lasts at most two attempt time-outs of a second beyond its deadline, and what a busy machine adds to that. */
const overtimeMsMax = 2_000 + 5_000;

/** What is wrong with a run over processes. */
function complaints(report: NetworkRunReport, { timed }: { readonly timed: boolean }): string[] {
  const { findings, surprises, unsettled, afterCalmMs, overtimeMs } = report;
  return [
    ...findings.map((finding) => `${finding.atom}: ${finding.why}: ${JSON.stringify(finding.about)}`),
    ...surprises.map((surprise) => `an undocumented failure: ${surprise}`),
    ...unsettled.map((one) => `not to be settled: ${one}`),
    ...(afterCalmMs > calmMsMax ? [`a call was pending ${afterCalmMs} ms after the faults had ended`] : []),
    ...(timed && overtimeMs > overtimeMsMax ? [`a call ended ${overtimeMs} ms after its deadline`] : []),
  ];
}

/** What is wrong with a simulation. */
export function simulationComplaints({ findings, reports }: SimulationReport): string[] {
  return [
    ...findings.map((finding) => `${finding.atom}: ${finding.why}: ${JSON.stringify(finding.about)}`),
    ...reports.flatMap((report) => report.surprises.map((surprise) => `an undocumented failure: ${surprise}`)),
    ...reports.flatMap((report) => report.unsettled.map((one) => `not to be settled: ${one}`)),
    ...reports
      // The rest is the latency of the engine, which no clock here can hide.
      .filter((report) => report.overtimeMs > 2_000 + 10)
      .map((report) => `a call ended ${report.overtimeMs} ms after its deadline`),
  ];
}

/** One line about a run over processes. */
export function summary(report: NetworkRunReport): string {
  const { calls, commits, failedPuts, unknown, unknownApplied, settled, seconds, afterCalmMs } = report;
  return (
    `${calls} calls, ${commits} commits, ${failedPuts} failed puts, ${unknown} unknown (${unknownApplied} done, ` +
    `${settled} settled), calm after ${Math.round(afterCalmMs)} ms, ${seconds.toFixed(1)} s`
  );
}

/** Throws with all that is needed to look and to repeat; keeps the files of a failed run and removes those of a good one. */
export function assertClean(report: NetworkRunReport, command: string, options: { readonly timed: boolean }): void {
  const wrong = complaints(report, options);
  if (wrong.length === 0) {
    report.discard();
    return;
  }
  throw new Error(`${wrong.slice(0, 5).join('\n')}\nhistory, seed and faults: ${report.folder}\nrepeat: ${command}`);
}

/** The seed of a suite: from the environment, or the day's. */
export function suiteSeed(): number {
  const { LEYDEN_SEED: given } = process.env;
  return given === undefined ? Math.floor(Date.now() / 1_000) % 1_000_000_000 : Number(given);
}

/** For the log of a suite, whatever jest does with the console. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

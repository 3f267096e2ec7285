/** What a run has to fulfil, in words that tell how to repeat it. */
import type { Met } from './closed-loops.js';
import type { NetworkRunReport } from './network-run.js';
import type { ProcessRunFacts } from './process-run.js';
import type { SimulationReport } from './simulation.js';
import type { Finding } from './verdict.js';

/** From the end of the faults on, pending calls end within this time. */
const calmMsMax = 5_000;
/** The same of runs whose calls may be many requests. */
const workMsMax = 10_000;
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

/** Of a run of prevalent systems or event stores. */
interface Judged extends Omit<Met, 'calls'> {
  readonly findings: readonly Finding[];
}

/** What is wrong with a run of prevalent systems or event stores. */
export function workComplaints({ findings, surprises, afterCalmMs }: Judged): string[] {
  return [
    ...findings.map(({ why, about }) => `${why}: ${JSON.stringify(about)}`),
    ...surprises.map((surprise) => `an undocumented failure: ${surprise}`),
    ...(afterCalmMs > workMsMax ? [`something was pending ${afterCalmMs} ms after the faults had ended`] : []),
  ];
}

/** Throws with all that is needed to look and to repeat; keeps the files of a failed run and removes those of a good one. */
export function assertClean(report: NetworkRunReport, command: string, options: { readonly timed: boolean }): void {
  assertNothingWrong(complaints(report, options), report, command);
}

/** The same of a run of prevalent systems or event stores. */
export function assertCleanWork(report: Judged & ProcessRunFacts, command: string): void {
  assertNothingWrong(workComplaints(report), report, command);
}

function assertNothingWrong(wrong: readonly string[], { folder, discard }: ProcessRunFacts, command: string): void {
  if (wrong.length === 0) {
    discard();
    return;
  }
  const words = wrong.slice(0, 5).map((one) => one.slice(0, 2_000));
  throw new Error(`${words.join('\n')}\nnotes, seed and faults: ${folder}\nrepeat: ${command}`);
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

/** What a run has to fulfil, in words that tell how to repeat it. */
import { chaosCommand } from '../plans.js';
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

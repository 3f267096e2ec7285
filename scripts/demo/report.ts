/** What a run of the atoms' job has found, as text for people and as a document for programs. Pure. */
import { type CommonFigures, commonFigures, crewText, decimal, unitsText, verdictText, whole } from './figures.js';
import type { DemoOptions } from './options.js';
import type { RunResult } from './run.js';
import { type Statistics, statisticsOf, statisticsText } from './statistics.js';

/** All figures of a run; the document of `--json`. */
export interface Figures extends CommonFigures, Statistics {
  readonly returned: RunResult['returned'];
  readonly resumed: RunResult['resumptions'];
  /** Swaps that took effect on rows, read off the atoms. */
  readonly swaps: number;
  /** Swaps of rows that were sent again and skipped. */
  readonly swapsSkipped: number;
  readonly writes: number;
  readonly swapsPerWrite: number;
  readonly swapsPerSecond: number;
}

export function figuresOf(options: DemoOptions, result: RunResult): Figures {
  const { ledgers, returned, resumptions, rowSwaps, writes, seconds } = result;
  return {
    ...commonFigures(options, result),
    returned,
    resumed: resumptions,
    ...statisticsOf((name) => ledgers.get(name)),
    swaps: rowSwaps,
    swapsSkipped: resumptions.reduce((sum, { swapsSkipped }) => sum + swapsSkipped, 0),
    writes,
    swapsPerWrite: rowSwaps / writes,
    swapsPerSecond: rowSwaps / seconds,
  };
}

/** The report for people. */
export function reportText(figures: Figures): string {
  return [
    ...statisticsText(figures),
    '',
    ...crewText(figures, figures.returned.length),
    ...figures.resumed.map(resumptionText),
    '',
    ...costText(figures),
    '',
    ...verdictText(figures, 'atoms equal'),
    '',
  ].join('\n');
}

function resumptionText(resumption: Figures['resumed'][number]): string {
  const { worker, chunk, stage, inAll, inSome, inNone, swapsSkipped } = resumption;
  if (stage === 'closing') return `${worker} closed its chunk ${chunk}, which was counted`;
  return (
    `${worker} went on with chunk ${chunk}: ${inAll} rows were counted, ${inSome} in some atoms only, ${inNone} not; ` +
    `${whole(swapsSkipped)} swaps skipped`
  );
}

function costText(figures: Figures): readonly string[] {
  const { swaps, seconds, swapsPerSecond, writes, swapsPerWrite, conflicts } = figures;
  return [
    `${whole(swaps)} swaps in ${decimal(seconds)} s (${whole(swapsPerSecond)} a second)`,
    `${whole(writes)} writes committed (${decimal(swapsPerWrite)} swaps a write), ${whole(conflicts)} conflicts`,
    unitsText(figures),
  ];
}

/** Rows of the report: two sides, their ratio, the price, the goal. */
import { cpuPerOp, merge, opsOf, p50, p99, perSecond, type Sample } from './sample.js';
import { median, type Spread, spread } from './statistics.js';

interface Goal {
  readonly text: string;
  readonly met: boolean;
}

export interface Row {
  readonly group: string;
  readonly name: string;
  readonly ours: string;
  readonly baseline: string;
  readonly ratio?: Spread | undefined;
  /** Of our side. */
  readonly perOp?: PerOp | undefined;
  readonly goal?: Goal | undefined;
  /** One figure per round, both sides. */
  readonly rounds: { readonly ours: readonly number[]; readonly baseline: readonly number[] };
}

interface PerOp {
  readonly requests: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly cpuUs: number;
}

/** What is compared. The ratio is ours by theirs, whichever is better. */
type Figure = 'rate' | 'p50' | 'p99' | 'cpu';

const figureOf: Readonly<Record<Figure, (sample: Sample) => number>> = { rate: perSecond, p50, p99, cpu: cpuPerOp };
const textOf: Readonly<Record<Figure, (value: number) => string>> = {
  rate: (value) => `${rounded(value)}/s`,
  p50: milliseconds,
  p99: milliseconds,
  cpu: (value) => `${rounded(value)} us`,
};

export type Bound = { readonly atLeast: number } | { readonly atMost: number };

export interface Comparison {
  readonly group: string;
  readonly name: string;
  readonly figure: Figure;
  readonly ours: readonly Sample[];
  readonly baseline: readonly Sample[];
  readonly goal?: Bound;
}

/** A row by the ratio of two sides. */
export function compare({ group, name, figure, ours, baseline, goal }: Comparison): Row {
  const mine = ours.map(figureOf[figure]);
  const theirs = baseline.map(figureOf[figure]);
  const ratio = spread(mine.map((value, round) => value / (theirs[round] as number)));
  return {
    group,
    name,
    ours: textOf[figure](median(mine)),
    baseline: textOf[figure](median(theirs)),
    ratio,
    perOp: priceOf(ours),
    goal: goal && judge(ratio.median, goal, ' x'),
    rounds: { ours: mine, baseline: theirs },
  };
}

export interface Measured {
  readonly group: string;
  readonly name: string;
  /** One a round. */
  readonly values: readonly number[];
  readonly unit: string;
  readonly baseline?: string;
  readonly samples?: readonly Sample[];
  readonly goal?: Bound;
}

/** A row by a figure that stands for itself. */
export function measure({ group, name, values, unit, baseline = '', samples, goal }: Measured): Row {
  const { median: middle, least, most } = spread(values);
  const range = values.length > 1 && least !== most ? ` (${rounded(least)}..${rounded(most)})` : '';
  return {
    group,
    name,
    ours: `${rounded(middle)}${unit}${range}`,
    baseline,
    perOp: samples && priceOf(samples),
    goal: goal && judge(middle, goal, unit),
    rounds: { ours: values, baseline: [] },
  };
}

export interface Compared {
  readonly group: string;
  readonly name: string;
  /** One a round, both sides. */
  readonly ours: readonly number[];
  readonly baseline: readonly number[];
  readonly unit: string;
  readonly goal?: Bound;
}

/** A row by the ratio of two figures that are no samples. */
export function ratioRow({ group, name, ours, baseline, unit, goal }: Compared): Row {
  const ratio = spread(ours.map((value, round) => value / (baseline[round] as number)));
  return {
    group,
    name,
    ours: `${rounded(median(ours))}${unit}`,
    baseline: `${rounded(median(baseline))}${unit}`,
    ratio,
    goal: goal && judge(ratio.median, goal, ' x'),
    rounds: { ours, baseline },
  };
}

function judge(value: number, bound: Bound, unit: string): Goal {
  return 'atLeast' in bound
    ? { text: `>= ${bound.atLeast}${unit}`, met: value >= bound.atLeast }
    : { text: `<= ${rounded(bound.atMost)}${unit}`, met: value <= bound.atMost };
}

function priceOf(samples: readonly Sample[]): PerOp {
  const all = merge(samples);
  const ops = opsOf(all);
  const { requests, readUnits, writeUnits } = all.counts;
  return {
    requests: requests / ops,
    readUnits: readUnits / ops,
    writeUnits: writeUnits / ops,
    cpuUs: all.cpuUs / ops,
  };
}

/** Three digits that matter. */
export function rounded(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return Math.round(value).toLocaleString('en');
  if (magnitude >= 10) return value.toFixed(1);
  return String(Number(value.toPrecision(3)));
}

function milliseconds(value: number): string {
  return value < 0.1 ? `${rounded(value * 1_000)} us` : `${rounded(value)} ms`;
}

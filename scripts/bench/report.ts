/** What is printed and written: a table for the eye, Markdown for a page, JSON for machines. */
import { cpus, totalmem } from 'node:os';
import { type Row, rounded } from './row.js';

export interface Machine {
  readonly date: string;
  readonly shape: string;
  readonly node: string;
  /** Load of the last minute before the run began: above some tenths somebody else was at work. */
  readonly loadBefore: number;
}

export interface Result {
  readonly machine: Machine;
  readonly plan: string;
  readonly minutes: number;
  /** Rows by engine; those of the library alone under `none`. */
  readonly engines: Readonly<Record<string, readonly Row[]>>;
}

export function machineNow(loadBefore: number): Machine {
  const [cpu] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return {
    date: new Date().toISOString().slice(0, 10),
    shape: `${cpus().length} cores (${cpu?.model.trim()}), ${gigabytes} GB`,
    node: process.version,
    loadBefore,
  };
}

const heads = ['', 'ours', 'baseline', 'ratio', 'requests', 'RCU', 'WCU', 'CPU us', 'goal', 'met'] as const;

function cells({ name, ours, baseline, ratio, perOp, goal }: Row): string[] {
  const met = goal === undefined ? '' : goal.met ? 'yes' : 'NO';
  const price = perOp && [perOp.requests, perOp.readUnits, perOp.writeUnits, perOp.cpuUs].map(rounded);
  return [name, ours, baseline, ratioText(ratio), ...(price ?? ['', '', '', '']), goal?.text ?? '', met];
}

function ratioText(ratio: Row['ratio']): string {
  if (ratio === undefined) return '';
  return `${rounded(ratio.median)} (${rounded(ratio.least)}..${rounded(ratio.most)})`;
}

/** The rows of one case, in columns. */
export function terminalTable(rows: readonly Row[]): string {
  const lines: string[] = [];
  for (const [group, members] of byGroup(rows)) {
    const table = [[group, ...heads.slice(1)], ...members.map(cells)];
    const widths = heads.map((_, column) => Math.max(...table.map((line) => (line[column] as string).length)));
    for (const line of table) {
      const text = line.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[column] as number),
      );
      lines.push(text.join('  ').trimEnd());
    }
    lines.push('');
  }
  return lines.join('\n');
}

export function markdown({ machine, plan, minutes, engines }: Result): string {
  const { date, shape, node, loadBefore } = machine;
  const lines = [
    `Measured on ${date}: ${shape}, node ${node}, plan \`${plan}\`, ${minutes.toFixed(1)} minutes. **The clients, the engine and all`,
    'worker processes share these cores**, so absolute figures are low and figures of several processes are lower bounds;',
    'what counts is the ratio of two sides that were measured in turn.',
  ];
  if (loadBefore > 0.5) lines.push(`The machine was not quiet: its load was ${loadBefore.toFixed(1)} before the run.`);
  lines.push('', ...sideBySide(engines), '');
  for (const [engine, rows] of Object.entries(engines)) {
    const priced = rows.filter((row) => row.perOp !== undefined);
    if (priced.length === 0) continue;
    lines.push(
      `What one operation costs on ${engine}:`,
      '',
      '| | requests | RCU | WCU | client CPU us |',
      '|---|---|---|---|---|',
    );
    for (const row of priced) {
      const [name, , , , ...price] = cells(row);
      lines.push(`| ${row.group}: ${name} | ${price.slice(0, 4).join(' | ')} |`);
    }
    lines.push('');
  }
  return lines.join('\n');
}

/** One line for each case, engines beside each other. */
function sideBySide(engines: Result['engines']): string[] {
  const names = Object.keys(engines);
  const all = new Map<string, Map<string, Row>>();
  for (const name of names) {
    for (const row of engines[name] ?? []) {
      // A name may carry a figure in brackets, which differs by engine.
      const title = `${row.group}: ${row.name.replace(/ \(.*\)$/, '')}`;
      if (!all.has(title)) all.set(title, new Map());
      all.get(title)?.set(name, row);
    }
  }
  const lines = [`| ours; baseline | goal | ${names.join(' | ')} |`, `|---|---|${names.map(() => '---|').join('')}`];
  for (const [title, rows] of all) {
    const goals = new Set([...rows.values()].map((row) => row.goal?.text ?? ''));
    const results = names.map((name) => resultText(rows.get(name)));
    lines.push(`| ${title} | ${[...goals].join('; ')} | ${results.join(' | ')} |`);
  }
  return lines;
}

function resultText(row: Row | undefined): string {
  if (row === undefined) return '';
  const { ours, baseline, ratio, goal } = row;
  const sides = baseline === '' ? ours : `${ours}; ${baseline}`;
  const ratioPart =
    ratio === undefined ? '' : `: **${rounded(ratio.median)}** (${rounded(ratio.least)}..${rounded(ratio.most)})`;
  const met = goal === undefined ? '' : goal.met ? ', met' : ', **MISSED**';
  return `${sides}${ratioPart}${met}`;
}

function byGroup(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  return groups;
}

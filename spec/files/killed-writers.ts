/**
 * Processes that append to one directory and are killed (-9), one after another. The next one says what it found; what each had
 * acknowledged stands in a file.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { seededRandom } from '../../lib/engine/index.js';
import { Child } from '../histories/processes.js';
import type { Turns } from './file-writer.js';

export interface KillsReport {
  readonly kills: number;
  readonly acknowledged: number;
  /** Appends of killed processes that were in the journal and not acknowledged. */
  readonly unacknowledged: number;
  /** What must not be. */
  readonly findings: readonly string[];
}

/** After so many kills a new directory: states grow. */
const killsOfDirectory = 25;
const killAfterMsMax = 250;

export async function killedWriters(options: { readonly seed: number; readonly kills: number }): Promise<KillsReport> {
  const { seed, kills } = options;
  const random = seededRandom(seed);
  const sums = { kills: 0, acknowledged: 0, unacknowledged: 0 };
  const findings: string[] = [];
  const start = () => new Child(new URL('./file-writer.ts', import.meta.url));
  // The next one starts while this one works.
  let next = start();
  let child = next;
  try {
    while (sums.kills < kills && findings.length === 0) {
      const folder = mkdtempSync(path.join(tmpdir(), 'leyden-killed-'));
      try {
        const acknowledged = path.join(folder, 'acknowledged');
        const directory = path.join(folder, 'journal');
        for (let life = 0; life <= killsOfDirectory && findings.length === 0; life += 1) {
          child = next;
          next = start();
          const opened: { value?: Turns; error?: unknown } = await child.ask('open', {
            directory,
            journalBytesMax: 30_000,
          });
          if (opened.value === undefined)
            findings.push(`seed ${seed}, kill ${sums.kills}: ${JSON.stringify(opened.error)}`);
          else
            findings.push(...complaints(opened.value, readLast(acknowledged)).map((what) => `seed ${seed}: ${what}`));
          if (life === killsOfDirectory || sums.kills === kills || findings.length > 0) {
            for (const [caller, n] of readLast(acknowledged)) {
              sums.acknowledged += n;
              sums.unacknowledged += (opened.value?.last[caller] ?? 0) - n;
            }
            await child.end();
            break;
          }
          child.onNote = (failure) => void findings.push(`seed ${seed}, kill ${sums.kills}: ${failure}`);
          child.ask('run', `${life}`, 1 + random.int(40), acknowledged).catch(() => {});
          await setTimeout(random.int(killAfterMsMax));
          await child.end();
          sums.kills += 1;
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }
    return { ...sums, findings };
  } finally {
    await Promise.all([child.end(), next.end()]);
  }
}

/** The last number of each caller that was acknowledged. A line that was cut by the kill says nothing. */
function readLast(file: string): Map<string, number> {
  const last = new Map<string, number>();
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // Nobody came so far.
  }
  for (const line of text.split('\n').slice(0, -1)) {
    const [caller, n] = line.split(' ');
    last.set(caller as string, Number(n));
  }
  return last;
}

function complaints({ last, wrong }: Turns, acknowledged: ReadonlyMap<string, number>): string[] {
  const lost = [...acknowledged].filter(([caller, n]) => (last[caller] ?? 0) < n);
  // Each caller has one call under way at most.
  const invented = Object.entries(last).filter(
    ([caller, n]) => !caller.endsWith('.first') && n > (acknowledged.get(caller) ?? 0) + 1,
  );
  return [
    ...lost.map(([caller, n]) => `${caller} was acknowledged up to ${n}, and is there up to ${last[caller] ?? 0}`),
    ...invented.map(
      ([caller, n]) => `${caller} is there up to ${n}, acknowledged up to ${acknowledged.get(caller) ?? 0}`,
    ),
    ...wrong.map((turn) => `${turn} is out of turn`),
  ];
}

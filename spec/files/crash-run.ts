/**
 * A history of one directory, and every state that a loss of power may leave of it.
 *
 *   processes, one after another: append ─ snapshot ─ prune ─ close or die at any call ─► log of changes
 *   each moment of the log ─► states of the disk (`power-loss.ts`) ─► recovery ─► what was acknowledged by then is there
 *
 * States of the disk that are equal are recovered once: what comes out is a function of what is on the disk.
 */
import { createHash } from 'node:crypto';
import { type Random, seededRandom } from '../../lib/engine/index.js';
import { type DiskImage, type FileCall, ModelledDisk, type OnCall } from '../support/modelled-file-system.js';
import { imagesAfter, lastMoment, type Moment, momentsOf } from '../support/power-loss.js';
import { SmallLog } from './small-log.js';

export interface CrashReport {
  /** States that were looked at. */
  readonly states: number;
  /** Disks among them that differ, and were recovered. */
  readonly disks: number;
  /** Of recoveries that were cut short, and of what went on after one. */
  readonly recoveryStates: number;
}

const looking: ReadonlySet<FileCall['name']> = new Set(['list', 'open', 'read', 'size', 'close']);

/** How much was certain, or possible, from when on: events up to `n` when the log had so many changes. */
interface Mark {
  readonly at: number;
  readonly n: number;
}

/** What one process after another does with a directory. */
export class CrashHistory {
  readonly disk: ModelledDisk = new ModelledDisk();
  readonly acknowledged: Mark[] = [];
  readonly issued: Mark[] = [];
  /** Last events of commits. */
  readonly ends: Set<number> = new Set([0]);

  /**
   * A process: it opens the directory, does its work, and is gone, at call `deathAt` at the latest, which is not made any more. Calls of
   * one name are counted, or all that change something.
   */
  async live(
    work: (process: CrashProcess) => Promise<void>,
    deathAt: number = Number.POSITIVE_INFINITY,
    counted?: FileCall['name'],
  ): Promise<void> {
    let calls = 0;
    let died = () => {};
    const death = new Promise<void>((resolve) => {
      died = resolve;
    });
    const onCall: OnCall = ({ name }) => {
      if (counted === undefined ? !looking.has(name) : name === counted) calls += 1;
      if (calls < deathAt) return undefined;
      died();
      return new Promise<undefined>(() => {});
    };
    const process = new CrashProcess(this, new SmallLog(this.disk.fileSystem(onCall)));
    await Promise.race([death, process.recover().then(() => work(process))]);
  }
}

export class CrashProcess {
  readonly small: SmallLog;
  readonly #history: CrashHistory;

  constructor(history: CrashHistory, small: SmallLog) {
    this.#history = history;
    this.small = small;
  }

  /** Who sees a state relies on it. */
  async recover(): Promise<void> {
    await this.small.log.recover();
    this.#mark(this.#history.acknowledged, this.small.last);
  }

  async append(count: number, padding: number): Promise<void> {
    const end = this.small.last + count;
    this.#history.ends.add(end);
    this.#mark(this.#history.issued, end);
    await this.small.append(count, padding);
    this.#mark(this.#history.acknowledged, end);
  }

  async snapshot(): Promise<void> {
    if (this.small.last > 0) await this.small.log.snapshot({ due: false });
  }

  #mark(marks: Mark[], n: number): void {
    marks.push({ at: this.#history.disk.log.length, n });
  }
}

/** Six processes; half of them die at some call. */
export async function drawnHistory(random: Random): Promise<CrashHistory> {
  const history = new CrashHistory();
  for (let processes = 0; processes < 6; processes += 1) {
    const deathAt = random.int(2) === 0 ? 5 + random.int(60) : undefined;
    await history.live(async (process) => {
      for (let works = 4 + random.int(6); works > 0; works -= 1) {
        const kind = random.int(8);
        if (kind === 0) await process.snapshot();
        else if (kind === 1) await process.small.log.prune();
        else await process.append(1 + random.int(3), random.int(3) === 0 ? random.int(600) : random.int(20));
      }
      if (random.int(2) === 0) await process.small.log.close();
    }, deathAt);
  }
  return history;
}

/** One that dies at call `deathAt`, and one that goes on and does everything. */
export async function interruptedHistory(deathAt: number): Promise<CrashHistory> {
  const history = new CrashHistory();
  await history.live(async (process) => {
    await process.append(1, 5);
    await process.append(2, 700);
    await process.snapshot();
    await process.append(1, 1_500);
    await process.append(1, 5);
    await process.snapshot();
    await process.small.log.prune();
    await process.append(1, 5);
    await process.small.log.close();
  }, deathAt);
  await history.live(async (process) => {
    await process.append(1, 5);
    await process.snapshot();
    await process.append(1, 5);
    await process.small.log.prune();
    await process.small.log.close();
  });
  return history;
}

export interface EveryStateOptions {
  readonly seed: number;
  /** States of each moment that are drawn, beside those at the corners. @defaultValue 10 */
  readonly drawn?: number;
  /** Looks at one of so many states only. @defaultValue 1 */
  readonly oneOf?: number;
}

/** At one of so many disks recovery itself is cut short, and appends go on after it. */
const againOneOf = 10;

/** @throws an error that names seed and moment, at the first state that is not recovered as it must be. */
export async function everyState(
  history: CrashHistory,
  { seed, drawn = 10, oneOf = 1 }: EveryStateOptions,
): Promise<CrashReport> {
  const random = seededRandom(seed);
  const known = new Map<string, number>();
  const report = { states: 0, disks: 0, recoveryStates: 0 };
  for (const moment of momentsOf(history.disk.start, history.disk.log)) {
    const least = nAt(history.acknowledged, moment.at);
    const most = nAt(history.issued, moment.at);
    for (const image of imagesAfter(moment, random, drawn)) {
      if (oneOf > 1 && random.int(oneOf) > 0) continue;
      report.states += 1;
      const explain = (what: string, cause?: unknown) =>
        new Error(`LEYDEN_SEED=${seed}, after change ${moment.at}: ${what}\n${shown(image)}`, { cause });
      const key = keyOf(image);
      let found = known.get(key);
      if (found === undefined) {
        report.disks += 1;
        try {
          found = await recoverFrom(new ModelledDisk(image));
          if (report.disks % againOneOf === 0) report.recoveryStates += await checkAgain(image, found, random);
        } catch (error) {
          throw explain(`it is not recovered: ${error}`, error);
        }
        known.set(key, found);
      }
      if (found < least) throw explain(`${least} were acknowledged, ${found} are there`);
      if (found > most) throw explain(`${most} were issued, ${found} are there`);
      if (!history.ends.has(found)) throw explain(`a commit is there in part, up to ${found}`);
    }
  }
  return report;
}

/** How many events are there. */
async function recoverFrom(disk: ModelledDisk): Promise<number> {
  const small = new SmallLog(disk.fileSystem());
  await small.log.recover();
  return small.last;
}

/**
 * A recovery that is cut short leaves the same events to the next one; after one that ended, appends and a snapshot work, and are
 * there after another loss of power.
 */
async function checkAgain(image: DiskImage, found: number, random: Random): Promise<number> {
  const disk = new ModelledDisk(image);
  await recoverFrom(disk);
  let states = 0;
  const check = async (moment: Moment, wanted: number) => {
    for (const after of imagesAfter(moment, random, 2)) {
      if (random.int(4) > 0) continue;
      states += 1;
      const foundAgain = await recoverFrom(new ModelledDisk(after));
      if (foundAgain !== wanted) throw new Error(`${wanted} were there, and after another loss of power ${foundAgain}`);
    }
  };
  const within = [...momentsOf(image, disk.log)];
  await check(within[random.int(within.length)] as Moment, found);
  const small = new SmallLog(disk.fileSystem());
  await small.log.recover();
  await small.append(2, 10);
  await small.log.snapshot({ due: false });
  await small.append(1, 10);
  await check(lastMoment(image, disk.log), found + 3);
  return states;
}

function nAt(marks: readonly Mark[], at: number): number {
  return Math.max(0, ...marks.filter((mark) => mark.at <= at).map(({ n }) => n));
}

function keyOf({ names, contents }: DiskImage): string {
  const hash = createHash('sha1');
  for (const name of [...names.keys()].sort()) {
    const content = contents.get(names.get(name) as number) as Buffer;
    hash.update(`${name} ${content.length}\n`).update(content);
  }
  return hash.digest('base64');
}

function shown({ names, contents }: DiskImage): string {
  return [...names].map(([name, file]) => `${name}: ${contents.get(file)?.length} bytes`).join('\n');
}

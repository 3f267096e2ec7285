/**
 * A journal as small as can be, with the protocol of the real one: who holds the directory is decided by the shipped code.
 *
 *   journal-0000000002   "2 of 1 up to 14" | "a1" | "b2" | …     a line is a record: its writer and its number
 *
 * A holder reads to the end, sees that it still holds, seals what it read before the last record, which may not be on the disk, carries that one over, and only
 * then appends. A writer acknowledges a record when it is synced and the directory is still its own.
 */
import path from 'node:path';
import type { FileSystem, OpenFile } from '../../../lib/files/file-system.js';
import { type Holding, takeDirectory } from '../../../lib/files/holder.js';
import type { Machine } from '../../../lib/files/machine.js';
import type { Program, Run } from './schedules.js';

/** What can be done wrong. */
export type JournalBug =
  | 'acknowledges without a look'
  | 'looks before it writes'
  | 'reads before it holds'
  | 'does not look after it read'
  | 'seals at the length of now'
  | 'carries nothing over'
  | 'moves its file into the place of another'
  | 'does not read again what was there first';

const directory = '/d';
/** A writer that is stopped looks dead to all others, and the worst is that they believe it. */
const machine: Machine = {
  self: () => ({ pid: 1, host: 'h', command: 'c' }),
  lifeOf: () => 'dead',
};

interface Acknowledged {
  /** All before it, and itself. */
  readonly history: readonly string[];
}

export interface WriterPlan {
  readonly name: string;
  readonly appends: number;
  /** Whether it lets go at its end, so that its number is free again. */
  readonly releases: boolean;
}

/** Writers that come one after the other or all at once, as the schedule has it. */
export function writersRun(plans: readonly WriterPlan[], bug?: JournalBug): Run {
  const acknowledged: Acknowledged[] = [];
  return {
    programs: plans.map((plan) => writer(plan, acknowledged, bug)),
    verdict: async (fileSystem) => {
      const { records } = await read(fileSystem);
      for (const { history } of acknowledged) {
        const found = records.slice(0, history.length);
        if (found.join() !== history.join()) return `acknowledged ${history.join()}, found ${records.join()}`;
      }
      return undefined;
    },
  };
}

function writer(
  { name, appends, releases }: WriterPlan,
  acknowledged: Acknowledged[],
  bug: JournalBug | undefined,
): Program {
  return async (fileSystem) => {
    const early = bug === 'reads before it holds' ? await read(fileSystem) : undefined;
    const holding = await takeDirectory({
      ...{ fileSystem, directory, machine, now: () => 0, takeOver: false, instance: name },
      epochAbove: async () => epochOf(await numbers(fileSystem)),
    });
    const begun = await beginFile(fileSystem, name, holding, early, bug);
    if (begun !== undefined) await append(begun, { name, appends }, holding, acknowledged, bug);
    if (releases) await holding.release();
  };
}

interface Begun {
  readonly file: OpenFile;
  readonly records: readonly string[];
}

/** `undefined`: somebody else has it by now. */
async function beginFile(
  fileSystem: FileSystem,
  name: string,
  holding: Holding,
  early: Journal | undefined,
  bug: JournalBug | undefined,
): Promise<Begun | undefined> {
  for (let journal = early ?? (await read(fileSystem)); ; ) {
    // Only what was read while it was held may be sealed: then the next number is also the first that who took over can have.
    if (!holding.isMine() && bug !== 'does not look after it read') return undefined;
    const { last, records } = journal;
    const number = last.number + 1;
    const carried = bug === 'carries nothing over' ? undefined : last.records.at(-1);
    const end =
      bug === 'seals at the length of now' && last.number > 0 ? await lengthOf(fileSystem, last.number) : last.end;
    const sealed = last.records.length === 0 ? end : end - lineOf(last.records.at(-1) as string).length;
    const part = `${pathOf(number)}.${name}.part`;
    const opened = await fileSystem.create(part);
    const text = `${number} of ${holding.epoch} up to ${sealed}\n${carried === undefined ? '' : lineOf(carried)}`;
    await opened.write(Buffer.from(text), 0);
    await opened.syncData();
    try {
      if (bug === 'moves its file into the place of another') await fileSystem.rename(part, pathOf(number));
      else await fileSystem.link(part, pathOf(number));
      await fileSystem.syncDirectory(directory);
      return { file: opened, records };
    } catch {
      const again = await read(fileSystem);
      journal = bug === 'does not read again what was there first' ? { ...journal, last: again.last } : again;
    } finally {
      await fileSystem.remove(part).catch(() => {});
    }
  }
}

async function append(
  { file, records }: Begun,
  { name, appends }: Pick<WriterPlan, 'name' | 'appends'>,
  holding: Holding,
  acknowledged: Acknowledged[],
  bug: JournalBug | undefined,
): Promise<void> {
  const history = [...records];
  for (let n = 1; n <= appends; n += 1) {
    const wasMine = holding.isMine();
    const at = await file.size();
    history.push(`${name}${n}`);
    await file.write(Buffer.from(lineOf(`${name}${n}`)), at);
    await file.syncData();
    const isMine = bug === 'looks before it writes' ? wasMine : holding.isMine();
    if (!isMine && bug !== 'acknowledges without a look') return;
    acknowledged.push({ history: [...history] });
  }
}

interface Journal {
  readonly records: readonly string[];
  /** The last file: its records, carried ones included, and where they end. */
  readonly last: { readonly number: number; readonly records: readonly string[]; readonly end: number };
}

async function read(fileSystem: FileSystem): Promise<Journal> {
  const found = await numbers(fileSystem);
  const records: string[] = [];
  let last: Journal['last'] = { number: 0, records: [], end: 0 };
  let lastText = '';
  for (const { number, text, sealed } of found) {
    if (number > 1) {
      const before = linesOf(lastText.slice(0, sealed)).slice(1);
      records.push(...before);
    }
    lastText = text;
    last = { number, records: linesOf(text).slice(1), end: text.lastIndexOf('\n') + 1 };
  }
  return { records: [...records, ...last.records], last };
}

interface Part {
  readonly number: number;
  readonly epoch: number;
  readonly sealed: number;
  readonly text: string;
}

async function numbers(fileSystem: FileSystem): Promise<Part[]> {
  const names = (await fileSystem.list(directory)).filter((name) => /^journal-\d+$/.test(name)).sort();
  const parts: Part[] = [];
  for (const name of names) {
    const opened = await fileSystem.open(path.join(directory, name));
    const bytes = Buffer.alloc(await opened.size());
    const text = bytes.toString('utf8', 0, await opened.read(bytes, 0));
    const [, number, epoch, sealed] = /^(\d+) of (\d+) up to (\d+)\n/.exec(text) ?? [];
    parts.push({ number: Number(number), epoch: Number(epoch), sealed: Number(sealed), text });
  }
  return parts;
}

function epochOf(parts: readonly Part[]): number {
  return Math.max(0, ...parts.map(({ epoch }) => epoch));
}

async function lengthOf(fileSystem: FileSystem, number: number): Promise<number> {
  const opened = await fileSystem.open(pathOf(number));
  return opened.size();
}

function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

const lineOf = (record: string) => `${record}\n`;
const pathOf = (number: number) => path.join(directory, `journal-${number}`);

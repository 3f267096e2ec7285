/**
 * The n-th call fails, for every n and in every way: what was rejected as not done is not there, what was acknowledged is, and after a
 * sync that failed nothing is acknowledged, written or synced any more. Then the directory is opened again, as it is and after a loss of
 * power, and goes on.
 */
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { type FileCall, type FileFault, ModelledDisk } from '../support/modelled-file-system.js';
import { imagesAfter, lastMoment } from '../support/power-loss.js';
import { SmallLog } from './small-log.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);

interface Told {
  /** Paddings of events, which are all different. */
  readonly done: number[];
  readonly unknown: number[];
  /** What failed, and how. */
  readonly errors: unknown[];
  readonly calls: FileCall[];
  /** Calls that had been made when an append was acknowledged. */
  readonly acknowledgedAt: number[];
  /** Calls that had been made when it was opened for the last time. */
  openedAt: number;
}

/** Opens, appends, makes snapshots, prunes and closes, and goes on after failures. */
async function live(disk: ModelledDisk, faultAt: number, fault: FileFault): Promise<Told> {
  const told: Told = { done: [], unknown: [], errors: [], calls: [], acknowledgedAt: [], openedAt: 0 };
  const fileSystem = disk.fileSystem((call) => {
    told.calls.push(call);
    return told.calls.length === faultAt ? fault : undefined;
  });
  const attempt = async (work: () => Promise<unknown>, padding?: number) => {
    try {
      await work();
      if (padding !== undefined) {
        told.done.push(padding);
        told.acknowledgedAt.push(told.calls.length);
      }
    } catch (error) {
      told.errors.push(error);
      if (padding !== undefined && outcomeOf(error) !== 'not-done') told.unknown.push(padding);
    }
  };
  let small = new SmallLog(fileSystem);
  const open = async () => {
    small = new SmallLog(fileSystem);
    told.openedAt = told.calls.length;
    await small.log.recover();
  };
  await attempt(open);
  if (told.errors.length > 0) await attempt(open);
  for (const padding of [1, 700, 2, 900, 800, 3]) {
    await attempt(() => small.append(1, padding), padding);
    if (padding === 2 || padding === 800) await attempt(() => small.log.snapshot({ due: false }));
    if (padding === 800) await attempt(() => small.log.prune());
  }
  await attempt(() => small.log.close());
  return told;
}

function outcomeOf(error: unknown): string | undefined {
  return isLeydenError(error) ? error.outcome : undefined;
}

async function recovered(disk: ModelledDisk): Promise<SmallLog> {
  const small = new SmallLog(disk.fileSystem());
  await small.log.recover();
  return small;
}

/** What one who died has left: a snapshot, and events after it. */
async function left(): Promise<ModelledDisk> {
  const disk = new ModelledDisk();
  const small = new SmallLog(disk.fileSystem());
  await small.log.recover();
  await small.append(1, 11);
  await small.log.snapshot({ due: false });
  await small.append(1, 12);
  await small.append(1, 13);
  return new ModelledDisk(disk.image());
}

/** All that must be true of a run. */
async function check(disk: ModelledDisk, told: Told, random: ReturnType<typeof seededRandom>): Promise<void> {
  for (const error of told.errors) expect(isLeydenError(error) ? error.code : error).toMatch(/^ERR_/);
  const small = await recovered(disk);
  const found = small.events.map(([, padding]) => padding);
  expect(found.filter((padding) => !told.unknown.includes(padding))).toEqual([11, 12, 13, ...told.done]);
  await small.append(1, 5);
  const end = lastMoment(disk.start, disk.log);
  let images = 0;
  for (const image of imagesAfter(end, random, 2)) {
    images += 1;
    if (images > 2 && random.int(12) > 0) continue;
    expect((await recovered(new ModelledDisk(image))).events).toEqual(small.events);
  }
}

/** Of syncs that failed: nothing is done with the file any more, and nothing acknowledged. */
function checkSilence({ calls, acknowledgedAt, openedAt }: Told, faultAt: number): void {
  const failed = calls[faultAt - 1] as FileCall;
  const after = calls.slice(faultAt).filter(({ path }) => path === failed.path);
  expect(after.map(({ name }) => name).filter((name) => name === 'syncData' || name === 'write')).toEqual([]);
  // A storage that was opened anew, or was making a snapshot, goes on.
  if (openedAt >= faultAt || !failed.path.includes('journal-')) return;
  expect(acknowledgedAt.filter((at) => at > faultAt)).toEqual([]);
}

describe(`fileStorage() when a call fails [LEYDEN_SEED=${seed}]`, () => {
  const none = Number.POSITIVE_INFINITY;
  const faults: readonly (readonly [string, FileFault])[] = [
    ['EIO', { code: 'EIO' }],
    ['ENOSPC', { code: 'ENOSPC' }],
    ['EIO, though it was made', { code: 'EIO', after: true }],
    ['half of a write', { short: 20 }],
    ['nothing of a write', { short: 0 }],
  ];

  it('makes all kinds of calls', async () => {
    const { calls, errors, done } = await live(await left(), none, { code: 'EIO' });
    expect(errors).toEqual([]);
    expect(done).toHaveLength(6);
    const kinds = new Set(calls.map(({ name }) => name));
    const all = ['close', 'create', 'link', 'list', 'makeDirectory', 'open', 'read', 'remove', 'rename', 'size'];
    expect([...kinds].sort()).toEqual([...all, 'syncData', 'syncDirectory', 'write']);
  });

  it.each(faults)('keeps what it acknowledged, and says of all else what became of it: %s', async (_, fault) => {
    const random = seededRandom(seed);
    const { length } = (await live(await left(), none, fault)).calls;
    for (let faultAt = 1; faultAt <= length; faultAt += 1) {
      const disk = await left();
      const told = await live(disk, faultAt, fault);
      const call = told.calls[faultAt - 1] as FileCall;
      if ('short' in fault && call.name !== 'write') continue;
      try {
        await check(disk, told, random);
        if (call.name === 'syncData') checkSilence(told, faultAt);
      } catch (error) {
        throw new Error(`call ${faultAt}, ${call.name} ${call.path}: ${error}\n${told.errors.join('\n')}`, {
          cause: error,
        });
      }
    }
  });
});

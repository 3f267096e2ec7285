// Goal: whatever file of a directory is lost or deleted, that is an error which says so, or nothing is missing: never an older state in
// silence. Method: every file of several directories is removed in turn, and every two of them, and all of a kind.
import { describe, expect, it } from '@jest/globals';
import { isLeydenError } from '../../lib/errors.js';
import { type DiskImage, ModelledDisk } from '../support/modelled-file-system.js';
import { errorOf } from '../support/prevalent.js';
import { directory, SmallLog, type SmallLogOptions } from './small-log.js';

type Work = (small: SmallLog) => Promise<void>;

/** What one process after another did; each was closed, or only those before the last. */
async function madeBy(works: readonly Work[], isClosed: boolean, options: SmallLogOptions = {}) {
  const disk = new ModelledDisk();
  let last = 0;
  for (const [at, work] of works.entries()) {
    const small = new SmallLog(disk.fileSystem(), options);
    await work(small);
    last = small.last;
    if (isClosed || at < works.length - 1) await small.log.close();
  }
  return { image: disk.image(), last };
}

const opened: Work = async (small) => small.log.recover();
const appends: Work = async (small) => {
  await opened(small);
  await small.append(1, 5);
  await small.append(2, 5);
};
/** More than one file has. */
const turnsOver: Work = async (small) => {
  await opened(small);
  for (let n = 0; n < 5; n += 1) await small.append(1, 900);
};
const snapshots: Work = async (small) => {
  await appends(small);
  await small.log.snapshot({ due: false });
  await small.append(1, 5);
};
const prunes: Work = async (small) => {
  await snapshots(small);
  await small.log.prune();
};
const begins: Work = async (small) => {
  const captured = Array.from({ length: 4 }, (_, at) => [at + 1, 3] as const);
  await small.log.begin({ captured, seq: 4, time: 1 });
  await small.log.release();
};

const histories: readonly (readonly [string, readonly Work[]])[] = [
  ['one file', [appends]],
  ['files of one process', [turnsOver]],
  ['files of several processes', [appends, appends, turnsOver, appends]],
  ['who came last has written nothing', [appends, turnsOver, opened]],
  ['snapshots, and the whole journal', [appends, snapshots, snapshots]],
  [
    'a snapshot that nothing came after',
    [
      appends,
      async (small) => {
        await appends(small);
        await small.log.snapshot({ due: false });
      },
    ],
  ],
  ['snapshots, and what is left of the journal', [appends, prunes, prunes, prunes, appends]],
  ['a state that it began with', [begins]],
  ['a state that it began with, and appends', [begins, appends]],
];

function without({ names, contents }: DiskImage, ...lost: readonly string[]): DiskImage {
  return { names: new Map([...names].filter(([name]) => !lost.includes(name))), contents };
}

/** How many events are there; the code and the reason where it is refused. */
async function seen(image: DiskImage, options: SmallLogOptions = {}): Promise<number | string> {
  const small = new SmallLog(new ModelledDisk(image).fileSystem(), options);
  try {
    await small.log.recover();
  } catch (error) {
    if (!isLeydenError(error)) throw error;
    return `${error.code} ${(error as { readonly reason?: string }).reason}`;
  }
  return small.last;
}

const refused: RegExp = /^ERR_(?:JOURNAL|SNAPSHOT)_DAMAGED /;

describe.each([
  ['closed', true],
  ['killed', false],
])('a directory of which files are lost after who had it was %s', (_, isClosed) => {
  it.each(histories)('is refused, or has lost nothing: %s', async (__, works) => {
    const { image, last } = await madeBy(works, isClosed);
    expect(await seen(image)).toBe(last);
    const names = [...image.names.keys()];
    const isMark = (name: string) => name.includes('/newest-');
    for (const one of names) {
      for (const other of names) {
        // Who removes a file and what says that it was there has hidden it.
        if (one !== other && (isMark(one) || isMark(other))) continue;
        for (const readOnly of [false, true]) {
          const found = await seen(without(image, one, other), { readOnly });
          if (found === last || refused.test(String(found))) continue;
          throw new Error(`without ${one} and ${other}: ${found} of ${last}`);
        }
      }
    }
    const journals = names.filter((name) => name.includes('/journal-'));
    const states = names.filter((name) => name.includes('/snapshot-'));
    if (journals.length > 0) expect(await seen(without(image, ...journals))).toMatch(refused);
    if (journals.length > 0) expect(await seen(without(image, ...journals, ...states))).toMatch(refused);
  });
});

describe('fileStorage() of whose files one is lost', () => {
  it('says which, and goes on when it is put back', async () => {
    const { image, last } = await madeBy([appends, prunes, prunes, prunes, appends], true);
    const found: Record<string, number | string> = {};
    for (const name of image.names.keys()) {
      found[name.slice(directory.length + 1)] = await seen(without(image, name));
    }
    expect(last).toBe(18);
    const refusedOf = (kind: string) => `ERR_JOURNAL_DAMAGED ${kind}`;
    expect(found).toEqual({
      'snapshot-0000000007': last,
      'snapshot-0000000010': last,
      // All that was in it is in both snapshots.
      'journal-0000000005': last,
      'journal-0000000006': refusedOf('missing'),
      'journal-0000000007': refusedOf('missing'),
      'journal-0000000008': refusedOf('missing'),
      'newest-0000000008': last,
    });
    const lost = `${directory}/journal-0000000008`;
    const small = new SmallLog(new ModelledDisk(without(image, lost)).fileSystem());
    expect(await errorOf(small.log.recover())).toMatchObject({
      ...{ file: lost, reason: 'missing', outcome: 'not-done', retryable: false },
      message: expect.stringContaining('newest-0000000008 says that it was'),
    });
    expect(await seen(image)).toBe(last);
  });

  it('is not refused when a list has a mark and not yet its file', async () => {
    const { image, last } = await madeBy([appends], true);
    const fileSystem = new ModelledDisk(image).fileSystem();
    let lists = 0;
    const list = async (name: string) => {
      lists += 1;
      const names = await fileSystem.list(name);
      return lists === 1 ? names.filter((one) => !one.startsWith('journal-')) : names;
    };
    const small = new SmallLog({ ...fileSystem, list }, { readOnly: true });
    await small.log.recover();
    expect(small.last).toBe(last);
  });
});

describe('markNewest()', () => {
  const marksOf = (disk: ModelledDisk) => [...disk.image().names.keys()].filter((name) => name.includes('/newest-'));

  it('marks the newest file alone, also after a mark that somebody made late, or that was not removed', async () => {
    const { image, last } = await madeBy([appends, appends], true);
    for (const marked of [0, 1]) {
      // A loss of power may leave the one before alone.
      const disk = new ModelledDisk(without(image, `${directory}/newest-0000000002`));
      await (await disk.fileSystem().create(`${directory}/newest-000000000${marked}`)).close();
      const small = new SmallLog(disk.fileSystem());
      await small.log.recover();
      expect(small.last).toBe(last);
      await small.append(1, 5);
      expect(marksOf(disk)).toEqual([`${directory}/newest-0000000003`]);
      await small.append(1, 3_000);
      await small.append(1, 5);
      expect(marksOf(disk)).toEqual([`${directory}/newest-0000000004`]);
    }
  });

  it.each(['create', 'close', 'remove', 'syncDirectory'] as const)(
    'that fails (%s) loses no append, and is told as a warning',
    async (call) => {
      const { image } = await madeBy([appends], true);
      const disk = new ModelledDisk(image);
      const warnings: unknown[] = [];
      let isAtMark = false;
      const fileSystem = disk.fileSystem(({ name, path }) => {
        isAtMark ||= name === 'create' && path.includes('/newest-');
        return isAtMark && name === call ? { code: 'EIO' } : undefined;
      });
      const small = new SmallLog(fileSystem, { onWarning: (error) => void warnings.push(error) });
      await small.log.recover();
      await small.append(1, 5);
      expect(warnings).toEqual([expect.objectContaining({ code: 'ERR_DIRECTORY', reason: 'failed' })]);
      await small.append(1, 5);
      expect(await seen(disk.image())).toBe(5);
    },
  );

  it('is not made by one who was deposed: the directory may have been made anew, and begin at 1', async () => {
    const { image } = await madeBy([appends, appends], true);
    const disk = new ModelledDisk(image);
    let isLinked = false;
    const late = new SmallLog(
      disk.fileSystem(async ({ name, path }) => {
        isLinked ||= name === 'link' && path.includes('/journal-');
        if (!isLinked || name !== 'syncDirectory') return undefined;
        isLinked = false;
        const own = disk.fileSystem();
        for (const one of await own.list(directory)) await own.remove(`${directory}/${one}`);
        const anew = new SmallLog(own);
        await anew.log.recover();
        await anew.append(1, 5);
        await anew.log.close();
        return undefined;
      }),
    );
    await late.log.recover();
    expect(await errorOf(late.append(1, 5))).toBeDefined();
    expect(marksOf(disk)).toEqual([`${directory}/newest-0000000001`]);
    expect(await seen(disk.image())).toBe(1);
  });
});

// Goal: of a journal file nothing wrong is ever read, and nothing that was acknowledged is passed over in silence, whatever was cut off or
// changed. Method: a journal of 50 commits is cut at every byte, and every bit of it is flipped: as a crash leaves it, as a
// clean end leaves it, and as a file that another one comes after.
import { describe, expect, it } from '@jest/globals';
import { JournalDamagedError } from '../../lib/files/index.js';
import { ModelledDisk } from '../support/modelled-file-system.js';
import {
  contentOf,
  firstJournal,
  type JournalBytes,
  makeJournal,
  readAll,
  readError,
  withContent,
} from './journal-bytes.js';
import { SmallLog } from './small-log.js';

const commits = 50;
const patienceMs = 120_000;

/** Every so many flips and cuts, a whole log is opened on it, too, and goes on. */
const openEvery = 37;

function flipped({ image, bytes }: JournalBytes, name: string, bit: number, content = bytes) {
  const spoiled = Buffer.from(content);
  spoiled[bit >> 3] = (spoiled[bit >> 3] as number) ^ (1 << (bit & 7));
  return withContent(image, name, spoiled);
}

/** A log goes on from what is there: what it finds, what it appends, and what the next one finds. */
async function goOn(image: Parameters<typeof withContent>[0], wanted: number): Promise<void> {
  const disk = new ModelledDisk(image);
  const one = new SmallLog(disk.fileSystem());
  await one.log.recover();
  expect(one.last).toBe(wanted);
  await one.append(1, 5);
  // It dies here.
  const other = new SmallLog(disk.fileSystem());
  await other.log.recover();
  expect(other.last).toBe(wanted + 1);
  await other.log.close();
}

describe('a journal file that was cut', () => {
  it.each([
    ['as a crash leaves it', false],
    ['after a clean end', true],
  ])(
    '%s: at each byte exactly the commits that are whole are read; within its header it is damaged',
    async (_name, isClosed) => {
      const journal = await makeJournal(commits, isClosed);
      const { image, bytes, headerLength, ends, texts } = journal;
      expect(texts.length).toBe(commits);
      for (let length = 0; length <= bytes.length; length += 1) {
        const cut = withContent(image, firstJournal, bytes.subarray(0, length));
        if (length < headerLength) {
          expect(await readError(cut)).toMatchObject({ code: 'ERR_JOURNAL_DAMAGED', reason: 'damaged', offset: 0 });
          continue;
        }
        const whole = ends.filter((end) => end <= length).length;
        const read = await readAll(cut);
        if (read.texts.length !== whole || read.texts.some((text, at) => text !== texts[at])) {
          throw new Error(`cut at ${length}: ${read.texts.length} commits instead of ${whole}`);
        }
        if (length % openEvery === 0) await goOn(cut, whole);
      }
    },
    patienceMs,
  );

  it('that another one comes after is damaged, wherever it was cut', async () => {
    const first = await makeJournal(12, true);
    const disk = new ModelledDisk(first.image);
    const next = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9 });
    await next.log.recover();
    await next.append(1, 1);
    const image = disk.image();
    // What says that it ended may be lost with the power, and does not count.
    const counts = first.ends.at(-1) as number;
    for (let length = 0; length < counts; length += 1) {
      const error = await readError(withContent(image, firstJournal, first.bytes.subarray(0, length)));
      if (!(error instanceof JournalDamagedError)) throw new Error(`cut at ${length}: ${error?.stack ?? 'no error'}`);
      expect(error.file).toBe(firstJournal);
    }
    // What comes behind what counts does not.
    for (const more of [Buffer.alloc(0), Buffer.alloc(5_000), first.bytes, Buffer.from('x')]) {
      for (const content of [first.bytes, first.bytes.subarray(0, counts)]) {
        const { texts } = await readAll(withContent(image, firstJournal, Buffer.concat([content, more])));
        expect(texts.length).toBe(13);
      }
    }
  });

  it('and is longer than its clean end: damaged, whatever comes after that', async () => {
    const { image, bytes, headerLength, ends } = await makeJournal(3, true);
    for (const more of [Buffer.alloc(1), Buffer.alloc(5_000), Buffer.from('x'), bytes.subarray(headerLength)]) {
      const longer = withContent(image, firstJournal, Buffer.concat([bytes, more]));
      expect(await readError(longer)).toMatchObject({ code: 'ERR_JOURNAL_DAMAGED', place: 3, file: firstJournal });
    }
    expect(ends.length).toBe(3);
  });
});

describe('a journal file with a flipped bit', () => {
  it(
    'as a crash leaves it: the last commit is dropped, anywhere else it is an error with file, offset and place',
    async () => {
      const journal = await makeJournal(commits, false);
      const { bytes, headerLength, ends, texts } = journal;
      const lastStart = ends.at(-2) as number;
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const at = bit >> 3;
        const image = flipped(journal, firstJournal, bit);
        if (at >= lastStart) {
          const read = await readAll(image);
          expect(read.texts).toEqual(texts.slice(0, -1));
          if (bit % openEvery === 0) await goOn(image, commits - 1);
          continue;
        }
        const place = ends.filter((end) => end <= at).length;
        const offset = at < headerLength ? 0 : place === 0 ? headerLength : (ends[place - 1] as number);
        requireDamage(await readError(image), bit, offset, at < headerLength ? undefined : place);
      }
    },
    patienceMs,
  );

  it(
    'after a clean end: what says that it ended may be lost, anything else is an error',
    async () => {
      const journal = await makeJournal(15, true);
      const { bytes, headerLength, ends, texts } = journal;
      const endStart = ends.at(-1) as number;
      expect(bytes.length).toBeGreaterThan(endStart);
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const at = bit >> 3;
        const image = flipped(journal, firstJournal, bit);
        if (at >= endStart) {
          expect(await readAll(image)).toMatchObject({ texts, isEnded: false });
          continue;
        }
        const place = ends.filter((end) => end <= at).length;
        const offset = at < headerLength ? 0 : place === 0 ? headerLength : (ends[place - 1] as number);
        requireDamage(await readError(image), bit, offset, at < headerLength ? undefined : place);
      }
    },
    patienceMs,
  );

  it('of which a checksum or a marker is wrong: nothing of it is believed', async () => {
    const journal = await makeJournal(3, false);
    for (let bit = journal.headerLength * 8; bit < (journal.ends[0] as number) * 8; bit += 1) {
      requireDamage(await readError(flipped(journal, firstJournal, bit)), bit, journal.headerLength, 0);
    }
  });

  it('that another one comes after: each is an error, also in what was carried over', async () => {
    const first = await makeJournal(6, false);
    const disk = new ModelledDisk(first.image);
    const next = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9 });
    await next.log.recover();
    await next.append(1, 1);
    const image = disk.image();
    const { texts } = await readAll(image);
    expect(texts.length).toBe(7);
    const sealedAt = first.ends.at(-2) as number;
    for (let bit = 0; bit < first.bytes.length * 8; bit += 1) {
      const spoiled = flipped({ ...first, image }, firstJournal, bit);
      const error = await readError(spoiled);
      // The last commit of the first file counts in the second one.
      if (bit >> 3 >= sealedAt) expect((await readAll(spoiled)).texts).toEqual(texts);
      else if (!(error instanceof JournalDamagedError) || error.reason !== 'damaged') {
        throw new Error(`bit ${bit}: ${error?.stack ?? 'no error'}`);
      }
    }
    const second = '/data/bank/journal-0000000002';
    const bytes = contentOf(image, second);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const spoiled = flipped({ ...first, image }, second, bit, bytes);
      const error = await readError(spoiled);
      if (error === undefined) expect((await readAll(spoiled)).texts).toEqual(texts.slice(0, -1));
      else expect(error).toBeInstanceOf(JournalDamagedError);
    }
  });

  it('and every second byte of two records lost: an error, though no later one is whole', async () => {
    const journal = await makeJournal(10, false);
    const { ends, bytes, image } = journal;
    const [start, last] = [ends.at(-3) as number, ends.at(-2) as number];
    const spoiled = Buffer.from(bytes);
    // Past the length of the first of the two, which tells that more came after it.
    for (let at = start + 20; at < last; at += 2) spoiled[at] = 0;
    for (let at = last; at < bytes.length; at += 2) spoiled[at] = 0;
    expect(await readError(withContent(image, firstJournal, spoiled))).toMatchObject({
      ...{ code: 'ERR_JOURNAL_DAMAGED', offset: start, place: 8 },
    });
  });
});

function requireDamage(
  error: (Error & Record<string, unknown>) | undefined,
  bit: number,
  offset: number,
  place?: number,
) {
  const isRight =
    error instanceof JournalDamagedError &&
    error.file === firstJournal &&
    error.reason === 'damaged' &&
    error.offset === offset &&
    error.place === place;
  if (!isRight) throw new Error(`bit ${bit}, offset ${offset}, place ${place}: ${error?.stack ?? 'no error'}`);
}

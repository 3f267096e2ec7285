// Goal: of an index nothing is believed for its checksum alone. Method: every byte of a snapshot file's beginning, index and trailer is
// changed, and forged indexes are written, each with a checksum that fits: it is refused by name, and never takes memory on its word;
// and a log has the earlier snapshot instead.
import { describe, expect, it } from '@jest/globals';
import { compressed, encrypted, keyRing, type SealingCodec } from '../../lib/codec/index.js';
import { type Random, seededRandom } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { checksum } from '../../lib/files/checksum.js';
import { openSnapshotFile } from '../../lib/files/snapshot-file.js';
import { readSnapshot } from '../../lib/snapshot/index.js';
import { type DiskImage, ModelledDisk } from '../support/modelled-file-system.js';
import { errorOf } from '../support/prevalent.js';
import { contentOf, withContent } from './journal-bytes.js';
import { directory, SmallLog } from './small-log.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);
const trailerBytes = 16;
const codec: SealingCodec = encrypted({
  keys: keyRing({ current: 'a', keys: { a: new Uint8Array(32).fill(7) } }),
  inner: compressed(),
});

interface Made {
  readonly image: DiskImage;
  /** Path of the newest snapshot. */
  readonly newest: string;
  readonly bytes: Buffer;
  /** Where the index begins. */
  readonly indexAt: number;
  readonly events: SmallLog['events'];
}

/** Two snapshots, a journal that reaches back before them, and an event after them. */
async function made(sealedBy?: SealingCodec): Promise<Made> {
  const disk = new ModelledDisk();
  const small = new SmallLog(disk.fileSystem(), { ...(sealedBy && { codec: sealedBy }) });
  await small.log.recover();
  for (let n = 0; n < 2; n += 1) {
    await small.append(2, 5);
    await small.log.snapshot({ due: false });
  }
  await small.append(1, 5);
  await small.log.close();
  const image = disk.image();
  const newest = [...image.names.keys()]
    .filter((name) => name.includes('/snapshot-'))
    .sort()
    .at(-1) as string;
  const bytes = contentOf(image, newest);
  const indexAt = bytes.length - trailerBytes - bytes.readUInt32LE(bytes.length - trailerBytes);
  return { image, newest, bytes, indexAt, events: small.events };
}

/** With a checksum that fits, and a length, unless that is given. */
function withIndex({ bytes, indexAt }: Made, index: Buffer, length: number = index.length): Buffer {
  const trailer = Buffer.from(bytes.subarray(-trailerBytes));
  trailer.writeUInt32LE(length, 0);
  trailer.writeUInt32LE(checksum(index), 4);
  return Buffer.concat([bytes.subarray(0, indexAt), index, trailer]);
}

/** Reads all of the newest snapshot; the largest piece of memory that was read into. */
async function readAll({ image, newest }: Made, content: Buffer): Promise<number> {
  const disk = new ModelledDisk(withContent(image, newest, content)).fileSystem();
  let largest = 0;
  const open = async (name: string) => {
    const file = await disk.open(name);
    const read = async (into: Uint8Array, position: number) => {
      largest = Math.max(largest, into.length);
      return file.read(into, position);
    };
    return { ...file, read };
  };
  const { facts, store, close } = await openSnapshotFile({ ...disk, open }, newest).catch((error: unknown) => {
    if (!isLeydenError(error)) throw error;
    return { facts: undefined, store: undefined, close: async () => {} };
  });
  try {
    if (store !== undefined) for await (const _ of readSnapshot({ store, id: facts.id, parts: facts.parts }));
  } catch (error) {
    if (!isLeydenError(error)) throw error;
  } finally {
    await close();
  }
  return largest;
}

/** The log as it comes up; what it was refused with. */
async function recovered(made: Made, content: Buffer, sealedBy?: SealingCodec): Promise<SmallLog | string> {
  const disk = new ModelledDisk(withContent(made.image, made.newest, content));
  const small = new SmallLog(disk.fileSystem(), { ...(sealedBy && { codec: sealedBy }) });
  try {
    await small.log.recover();
    return small;
  } catch (error) {
    if (!isLeydenError(error)) throw error;
    return error.code;
  }
}

function* changed({ bytes, indexAt }: Made, random: Random): Generator<{ at: number; content: Buffer }> {
  for (let at = indexAt; at < bytes.length - trailerBytes; at += 1) {
    // A digit mostly stays one, so that what is forged is a number.
    const old = bytes[at] as number;
    const isDigit = old >= 0x30 && old <= 0x39;
    for (const to of [old ^ (1 << random.int(8)), random.int(256), isDigit ? 0x30 + random.int(10) : 0x39]) {
      const index = Buffer.from(bytes.subarray(indexAt, -trailerBytes));
      index[at - indexAt] = to;
      yield { at, content: withIndex({ bytes, indexAt } as Made, index) };
    }
  }
  for (let at = 0; at < 8; at += 1) {
    const content = Buffer.from(bytes);
    content[at] = random.int(256);
    yield { at, content };
  }
  const index = bytes.subarray(indexAt, -trailerBytes);
  for (const length of [0, 1, index.length - 1, index.length + 1, bytes.length, 2 ** 31, 2 ** 32 - 1]) {
    yield { at: bytes.length - trailerBytes, content: withIndex({ bytes, indexAt } as Made, index, length) };
  }
}

describe(`a snapshot file with a forged index [LEYDEN_SEED=${seed}]`, () => {
  it('is refused by name, or is as it was; the log has the earlier snapshot then', async () => {
    const random = seededRandom(seed);
    const whole = await made();
    const codes = new Map<string, number>();
    for (const { at, content } of changed(whole, random)) {
      try {
        expect(await readAll(whole, content)).toBeLessThanOrEqual(content.length);
        const found = await recovered(whole, content);
        const key = typeof found === 'string' ? found : 'recovered';
        codes.set(key, (codes.get(key) ?? 0) + 1);
        if (typeof found !== 'string') expect(found.events).toEqual(whole.events);
      } catch (error) {
        throw new Error(`byte ${at}: ${error}`, { cause: error });
      }
    }
    // Which is of another application, another journal, or does not join on to this one.
    expect([...codes.keys()].sort()).toEqual(['ERR_JOURNAL_DAMAGED', 'ERR_JOURNAL_FORMAT', 'recovered']);
    expect(codes.get('recovered')).toBeGreaterThan(200);
  });

  it('that is sealed is refused by name as well', async () => {
    const random = seededRandom(seed);
    const whole = await made(codec);
    for (const { at, content } of changed(whole, random)) {
      if (random.int(3) > 0) continue;
      const found = await recovered(whole, content, codec);
      // The name of the key is in it.
      if (found === 'ERR_KEY_MISSING') continue;
      if (typeof found === 'string') throw new Error(`byte ${at}: ${found}`);
      expect(found.events).toEqual(whole.events);
    }
  });

  const huge = 2 ** 52;
  it.each<[string, (index: { facts: object; parts: unknown[][] }) => unknown]>([
    ['is nothing', () => null],
    ['is a text', () => 'index'],
    ['has no parts', ({ facts }) => ({ facts })],
    ['has parts that are none', ({ facts }) => ({ facts, parts: { length: 1 } })],
    ['has parts of no size', ({ facts }) => ({ facts, parts: [[0, 8]] })],
    ['has parts of text', ({ facts }) => ({ facts, parts: [['0', '8', '5']] })],
    ['has a part before its beginning', ({ facts }) => ({ facts, parts: [[0, -1, 5]] })],
    ['has a part in its head', ({ facts }) => ({ facts, parts: [[0, 7, 5]] })],
    ['has a part beyond its end', ({ facts }) => ({ facts, parts: [[0, huge, 5]] })],
    ['has a part that ends in the index', ({ facts }) => ({ facts, parts: [[0, 8, 10_000]] })],
    ['has a huge part', ({ facts }) => ({ facts, parts: [[0, 8, huge]] })],
    ['has a part of less than nothing', ({ facts }) => ({ facts, parts: [[0, 8, -5]] })],
    ['has no facts', ({ parts }) => ({ parts })],
    ['has facts that are none', ({ parts }) => ({ facts: [], parts })],
    ['is sealed with a number', ({ parts }) => ({ sealed: 5, parts })],
    ['has a huge number of parts', ({ facts, parts }) => ({ facts: { ...facts, parts: huge }, parts })],
    ['has a number of parts that is none', ({ facts, parts }) => ({ facts: { ...facts, parts: -1 }, parts })],
    ['has another id', ({ facts, parts }) => ({ facts: { ...facts, id: '../../etc' }, parts })],
    ['has no id', ({ facts, parts }) => ({ facts: { ...facts, id: undefined }, parts })],
    ['is of another place', ({ facts, parts }) => ({ facts: { ...facts, place: 1 }, parts })],
    ['is of no time', ({ facts, parts }) => ({ facts: { ...facts, time: 'now' }, parts })],
    ['was made at no time', ({ facts, parts }) => ({ facts: { ...facts, madeAt: 0.5 }, parts })],
    ['is held by nobody that can be', ({ facts, parts }) => ({ facts: { ...facts, holds: { epoch: '1' } }, parts })],
    ['is held by a number', ({ facts, parts }) => ({ facts: { ...facts, holds: { epoch: 1, holder: 5 } }, parts })],
  ])('that %s: the earlier snapshot is taken', async (_, forge) => {
    const whole = await made();
    const index = JSON.parse(whole.bytes.toString('utf8', whole.indexAt, whole.bytes.length - trailerBytes));
    const content = withIndex(whole, Buffer.from(JSON.stringify(forge(index))));
    const warnings: unknown[] = [];
    const disk = new ModelledDisk(withContent(whole.image, whole.newest, content));
    const small = new SmallLog(disk.fileSystem(), { onWarning: (error) => void warnings.push(error) });
    await small.log.recover();
    expect(small.events).toEqual(whole.events);
    expect(warnings).toEqual([expect.objectContaining({ code: 'ERR_SNAPSHOT_DAMAGED' })]);
    expect(await readAll(whole, content)).toBeLessThanOrEqual(content.length);
  });

  it('that is of another place is refused before anything of it is read, so that no list has it', async () => {
    const whole = await made();
    const index = JSON.parse(whole.bytes.toString('utf8', whole.indexAt, whole.bytes.length - trailerBytes));
    const content = withIndex(whole, Buffer.from(JSON.stringify({ ...index, facts: { ...index.facts, place: 1 } })));
    const disk = new ModelledDisk(withContent(whole.image, whole.newest, content));
    const refused = openSnapshotFile(disk.fileSystem(), whole.newest);
    expect(await errorOf(refused)).toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED', reason: 'damaged' });
  });

  it.each([
    ['event', { seq: 7 }],
    ['time', { time: 77_777 }],
    ['digest chain', { chain: 'another' }],
  ])('whose last %s is not the journal’s is refused', async (_, forged) => {
    const whole = await made();
    const index = JSON.parse(whole.bytes.toString('utf8', whole.indexAt, whole.bytes.length - trailerBytes));
    const content = withIndex(whole, Buffer.from(JSON.stringify({ ...index, facts: { ...index.facts, ...forged } })));
    const disk = new ModelledDisk(withContent(whole.image, whole.newest, content));
    expect(await errorOf(new SmallLog(disk.fileSystem()).log.recover())).toMatchObject({
      ...{ code: 'ERR_JOURNAL_DAMAGED', reason: 'gap', file: `${directory}/snapshot-0000000002` },
    });
  });
});

/**
 * Checkpointers: what was saved is what is loaded, and two readers never undo each other's progress.
 *
 * One contract over all three, with two checkpointers on one place where there can be two, as two processes would have; then what each
 * of them alone must bear.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import {
  atomCheckpointer,
  CheckpointConflictError,
  type Checkpointer,
  fileCheckpointer,
  memoryCheckpointer,
  type StreamToken,
  TokenError,
} from '../../lib/streams/index.js';

const stream = 'arn:aws:dynamodb:eu-central-1:123456789012:table/state/stream/2026-01-02T00:00:00.000';
const token = (n: number): StreamToken => ({ v: 1, stream, shards: { 'shardId-1': { after: String(n) } } });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leyden-checkpoints-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
const newFile = (): string => {
  files += 1;
  return join(folder, `reader-${files}`);
};
const newTable = async (engine = new MemoryEngine()): Promise<AtomTable> => {
  const table = new AtomTable({ engine, tableName: 'positions' });
  await table.create();
  return table;
};

/** Two checkpointers of one place. */
const places: readonly [string, () => Promise<readonly [Checkpointer, Checkpointer]>][] = [
  [
    'memoryCheckpointer()',
    async () => {
      const one = memoryCheckpointer();
      return [one, one];
    },
  ],
  [
    'fileCheckpointer()',
    async () => {
      const path = newFile();
      return [fileCheckpointer(path), fileCheckpointer(path)];
    },
  ],
  [
    'atomCheckpointer()',
    async () => {
      const engine = new MemoryEngine();
      const other = new AtomTable({ engine, tableName: 'positions' });
      return [
        atomCheckpointer((await newTable(engine)).atom<StreamToken>('reader')),
        atomCheckpointer(other.atom<StreamToken>('reader')),
      ];
    },
  ],
];

describe.each(places)('%s', (_name, open) => {
  it('gives what was saved last, and nothing before that', async () => {
    const [one, other] = await open();
    expect(await one.load()).toBeUndefined();
    await one.save(token(1));
    await one.save(token(2), token(1));
    expect(await one.load()).toEqual(token(2));
    expect(await other.load()).toEqual(token(2));
  });

  it('refuses a reader that has not seen the last token, and says what to do', async () => {
    const [one, other] = await open();
    await one.load();
    await other.load();
    await one.save(token(1));
    const refused = other.save(token(9));
    await expect(refused).rejects.toThrow(CheckpointConflictError);
    await expect(refused).rejects.toThrow(/checkpointer of its own.*ConsumerGroup.*\[ERR_STREAM_CHECKPOINT\]/);
    await one.save(token(2), token(1));
    await expect(other.save(token(9), token(1))).rejects.toThrow('ERR_STREAM_CHECKPOINT');
    expect(await other.load()).toEqual(token(2));
  });

  it('lets one of many win that save at the same time', async () => {
    for (let round = 1; round <= 5; round += 1) {
      const [one, other] = await open();
      await one.save(token(round));
      await other.load();
      const saves = [one.save(token(10), token(round)), other.save(token(20), token(round))];
      const outcomes = await Promise.allSettled(saves);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const won = outcomes[0]?.status === 'fulfilled' ? 10 : 20;
      expect(await one.load()).toEqual(token(won));
    }
  });

  it('saves in the order of the calls, and the same token twice', async () => {
    const [one] = await open();
    await Promise.all([one.save(token(1)), one.save(token(2), token(1)), one.save(token(2), token(2))]);
    expect(await one.load()).toEqual(token(2));
  });

  it('goes on with the second reader when the first has ended', async () => {
    const [one, other] = await open();
    await one.save(token(1));
    expect(await other.load()).toEqual(token(1));
    await other.save(token(2), token(1));
    await other.save(token(3), token(2));
    expect(await one.load()).toEqual(token(3));
  });

  it('loads nothing for whoever has aborted', async () => {
    const [one] = await open();
    await expect(one.load(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

describe('fileCheckpointer()', () => {
  it('tells a damaged file by name, and how to go on', async () => {
    const path = newFile();
    const one = fileCheckpointer(path);
    await one.save(token(1));
    await one.save(token(2), token(1));
    const text = await readFile(`${path}.2`, 'utf8');
    for (const damaged of ['', text.slice(0, -3), text.replace('"2"', '"3"')]) {
      await writeFile(`${path}.2`, damaged);
      const loading = fileCheckpointer(path).load();
      await expect(loading).rejects.toThrow(TokenError);
      await expect(loading).rejects.toThrow(`${path}.2 is not as it was written; remove it`);
    }
    await rm(`${path}.2`);
    expect(await fileCheckpointer(path).load()).toEqual(token(1));
  });

  it('takes no notice of what a save left that died on its way', async () => {
    const path = newFile();
    const one = fileCheckpointer(path);
    await one.save(token(1));
    await writeFile(`${path}.2.abc.tmp`, '{"v":');
    expect(await fileCheckpointer(path).load()).toEqual(token(1));
    for (let n = 2; n <= 5; n += 1) await one.save(token(n), token(n - 1));
    const left = (await readdir(folder)).filter((name) => join(folder, name).startsWith(`${path}.`));
    expect(left.sort()).toEqual([`${path}.4`, `${path}.5`].map((one) => one.slice(folder.length + 1)));
  });

  it('believes no sleeper that wakes behind the others', async () => {
    const path = newFile();
    const [one, sleeper] = [fileCheckpointer(path), fileCheckpointer(path)];
    await one.save(token(1));
    await sleeper.load();
    for (let n = 2; n <= 6; n += 1) await one.save(token(n), token(n - 1));
    await expect(sleeper.save(token(99), token(1))).rejects.toThrow('ERR_STREAM_CHECKPOINT');
    expect(await fileCheckpointer(path).load()).toEqual(token(6));
  });

  it('refuses what is no path, and passes on what the file system says', async () => {
    expect(() => fileCheckpointer('')).toThrow(TypeError);
    expect(() => fileCheckpointer(undefined as never)).toThrow(TypeError);
    await expect(fileCheckpointer(join(folder, 'missing', 'reader')).load()).rejects.toThrow('ENOENT');
    await expect(fileCheckpointer(join(folder, 'missing', 'reader')).save(token(1))).rejects.toThrow('ENOENT');
  });
});

describe('atomCheckpointer()', () => {
  it('refuses what is no atom, and tells a value that is no token', async () => {
    const table = await newTable();
    expect(() => atomCheckpointer(undefined as never)).toThrow(TypeError);
    const atom = table.atom<StreamToken>('reader');
    await atom.reset({ v: 2 } as never);
    await expect(atomCheckpointer(atom).load()).rejects.toThrow(/version that wrote it.*\[ERR_STREAM_TOKEN\]/);
  });

  it('saves with one request', async () => {
    const table = await newTable();
    const one = atomCheckpointer(table.atom<StreamToken>('reader'));
    await one.load();
    await one.save(token(1));
    const before = table.spent().requests;
    await one.save(token(2), token(1));
    expect(table.spent().requests - before).toBe(1);
  });

  it('takes for its own what a save of unknown fate has written', async () => {
    const engine = new MemoryEngine();
    const table = await newTable(engine);
    const atom = table.atom<StreamToken>('reader');
    let lost = 0;
    const forgetful = Object.create(atom, {
      key: { value: atom.key },
      deref: { value: atom.deref.bind(atom) },
      compareAndSet: {
        value: async (...given: Parameters<typeof atom.compareAndSet>) => {
          const answer = await atom.compareAndSet(...given);
          lost += 1;
          if (lost === 1) throw new Error('no answer');
          return answer;
        },
      },
    }) as typeof atom;
    const one = atomCheckpointer(forgetful);
    await one.load();
    await expect(one.save(token(1))).rejects.toThrow('no answer');
    // The token before is still the last one that its reader knows of.
    await one.save(token(2));
    expect(await one.load()).toEqual(token(2));
  });
});

/**
 * Records as changes of atoms: what each write has stored, with all types, and nothing of what is no atom.
 *
 * Records are made of the commits of the memory engine, as the simulator makes them, so every kind of write of the library is seen as the
 * stream would show it.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AtomTable, type AtomTableOptions } from '../../lib/atom/index.js';
import { compressed, encrypted, type Item, jsonCodec, keyRing } from '../../lib/codec/index.js';
import { type Commit, MemoryEngine, systemClock } from '../../lib/engine/index.js';
import { type AtomChange, type AtomChangesOptions, atomChanges, type StreamRecord } from '../../lib/streams/index.js';
import { metaOf } from '../../lib/streams/meta.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { changeRecord } from '../../lib/testing/streams/change-record.js';
import { values } from '../snapshot/values.js';

const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };

const ringOf = (id: string) => keyRing({ current: id, keys: { [id]: new Uint8Array(32).fill(7) } });

/** A table on a clock, and what its stream would have shown. */
async function open(options: Partial<AtomTableOptions> = {}) {
  const clock = new VirtualClock();
  const commits: Commit[] = [];
  const engine = new MemoryEngine({ clock, onCommit: (commit) => commits.push(commit) });
  const table = new AtomTable({ engine, clock, tableName: 'state', ...options } as AtomTableOptions);
  const run = <R>(work: Promise<R>): Promise<R> => (options.clock === undefined ? clock.run(work) : work);
  await run(table.create());
  const records = () =>
    commits.splice(0).map((commit, at) => {
      const facts = { eventId: String(at), sequence: String(at + 1), createdAtMs: Math.floor(clock.now()) };
      return changeRecord(commit, { ...facts, viewType: 'NEW_AND_OLD_IMAGES' }).record;
    });
  const changes = async <T>(given?: AtomChangesOptions<T>): Promise<AtomChange<T>[]> => {
    const parser = atomChanges<T>(table, given);
    const made = records().map((record) => parser.parse(record, metaOf('s', record)));
    return (await run(Promise.all(made))).filter((one) => one !== undefined);
  };
  return { clock, engine, table, records, changes, run };
}

describe('atomChanges()', () => {
  it('tells key, value, the value before and version of each write', async () => {
    const { changes, run, table } = await open();
    const atom = table.atom<{ n: number; at?: Date }>({ order: 7 }, { initial: { n: 0 } });
    await run(atom.reset({ n: 1 }));
    await run(atom.swap((v) => ({ ...v, n: 2, at: new Date(5) })));
    await run(atom.swap((v) => v));
    await run(atom.delete());
    expect(
      (await changes()).map(({ key, version, value, previous, deleted }) => [key, version, value, previous, deleted]),
    ).toEqual([
      [{ order: 7 }, 1, { n: 1 }, undefined, false],
      [{ order: 7 }, 2, { n: 2, at: new Date(5) }, { n: 1 }, false],
      [{ order: 7 }, 3, undefined, { n: 2, at: new Date(5) }, true],
    ]);
  });

  it('gives back every value that an atom takes, through every codec', async () => {
    const codecs = [
      undefined,
      jsonCodec,
      compressed({ bytesMin: 0 }),
      encrypted({ keys: ringOf('k1') }),
      encrypted({ keys: ringOf('k1'), inner: compressed({ bytesMin: 0 }) }),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(values, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...codecs),
        async (given, codec) => {
          // Sealing is done by other threads, of which a clock that is turned by hand knows nothing.
          const { changes, run, table } = await open({ clock: systemClock, ...(codec && { codec }) });
          const atom = table.atom<unknown>('a');
          const stored: unknown[] = [];
          for (const value of given) {
            await run(atom.reset(value)).catch(() => {});
            const { version, value: kept } = await run(atom.snapshot());
            if (version > stored.length) stored.push(kept);
          }
          const seen = await changes();
          expect(seen.map(({ version }) => version)).toEqual(stored.map((_, at) => at + 1));
          expect(
            isDeepStrictEqual(
              seen.map(({ value }) => value),
              stored,
            ),
          ).toBe(true);
          const before = stored.map((_, at) => stored[at - 1]);
          expect(
            isDeepStrictEqual(
              seen.map(({ previous }) => previous),
              before,
            ),
          ).toBe(true);
        },
      ),
      { ...seed, numRuns: 100 },
    );
  });

  it('reads an encrypted image in its place alone', async () => {
    const { records, run, table } = await open({ codec: encrypted({ keys: ringOf('k1') }) });
    await run(table.atom<string>('a').reset('secret'));
    await run(table.atom<string>('b').reset('other'));
    const [a, b] = records() as [StreamRecord, StreamRecord];
    const swapped = {
      ...a,
      dynamodb: { ...a.dynamodb, NewImage: { ...a.dynamodb?.NewImage, d: b.dynamodb?.NewImage?.d } },
    };
    const parse = (record: unknown) =>
      atomChanges(table).parse(record as StreamRecord, metaOf('s', record as StreamRecord));
    expect((await run(Promise.resolve(parse(a))))?.value).toBe('secret');
    await expect(run(Promise.resolve(parse(swapped)))).rejects.toThrow('ERR_DECODE');
  });

  it('reads as a handle that is held reads, or as it is told', async () => {
    const { changes, run, table } = await open();
    const codec = encrypted({ keys: ringOf('k1') });
    const atom = table.atom<number>('a', { codec });
    await run(atom.reset(1));
    expect(await changes()).toMatchObject([{ value: 1 }]);
    await run(atom.reset(2));
    expect(await changes({ codec })).toMatchObject([{ value: 2, previous: 1 }]);
    await run(atom.reset(3));
    await expect(changes({ codec: 'native' })).rejects.toThrow('ERR_DECODE');
    await run(atom.reset(4));
    expect(await changes({ codec: 'native', onUndecodable: 'tell' })).toMatchObject([
      { key: 'a', version: 4, value: undefined, deleted: false, missing: ['value', 'previous'] },
    ]);
  });

  it('shapes values by a schema, and lets a value before that it refuses be missing', async () => {
    const { changes, run, table } = await open();
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'spec',
        validate: (value: unknown) =>
          typeof value === 'number' ? { value: value * 10 } : { issues: [{ message: 'no' }] },
      },
    } as const;
    await run(table.atom<unknown>('a').reset('text'));
    await expect(changes({ schema })).rejects.toThrow('ERR_INVALID_VALUE');
    await run(table.atom<unknown>('a').reset(7));
    expect(await changes({ schema })).toMatchObject([{ value: 70, previous: undefined, missing: ['previous'] }]);
  });

  it('tells blind writes and transactions as any write', async () => {
    const { changes, run, table } = await open();
    const [a, b] = [table.atom<{ n: number }>('a'), table.atom<number>('b', { initial: 0 })];
    await run(a.reset({ n: 1 }));
    await run(a.commute({ add: { n: 2 } } as never));
    await run(table.transact((tx) => tx.swap(b, (n) => n + 1)));
    const seen = await changes();
    expect(seen.map(({ key, value, version }) => [key, value, version])).toEqual([
      ['a', { n: 1 }, 1],
      ['a', { n: 3 }, 2],
      ['b', 1, 1],
    ]);
  });

  it('passes over what is no atom', async () => {
    const { engine, records, run, table } = await open();
    const items = table.writeOnce();
    await run(items.putIfAbsent('page', { d: { S: 'x' } } as never).catch(() => {}));
    await run(engine.put({ table: 'state', item: { id: { S: 'foreign' }, n: { N: '1' } } }));
    await run(table.atom<number>('once').swap(() => 1, { opId: 'op-1' }));
    const parser = atomChanges(table);
    const made = records().map(
      (record) => parser.parse(record, metaOf('s', record)) as AtomChange<unknown> | undefined,
    );
    expect(made.length).toBeGreaterThan(2);
    expect(made.filter((one) => one !== undefined)).toMatchObject([{ key: 'once', value: 1 }]);
  });

  it('tells nothing of the end of a tombstone, and of one that is written again a new life', async () => {
    const { changes, clock, engine, run, table } = await open();
    const atom = table.atom<number>('a');
    await run(atom.reset(1));
    await run(atom.delete());
    const [made] = await changes();
    await run(clock.sleep(3 * 3_600_000));
    await run(table.sweep());
    expect(await run(engine.get({ table: 'state', key: { id: { S: 'a' } }, consistent: true }))).toBeUndefined();
    expect(await changes()).toEqual([]);
    await run(table.atom<number>('a').reset(2));
    const [again] = await changes();
    expect(again).toMatchObject({ version: 1, value: 2, previous: undefined });
    expect(again?.incarnation).not.toBe(made?.incarnation);
  });

  it('tells the end of a value that had expired, and no value before one that had', async () => {
    const { changes, clock, run, table } = await open();
    const gone = table.atom<number>('gone', { ttlMs: 1_000 });
    const kept = table.atom<number>('kept', { ttlMs: 1_000 });
    await run(Promise.all([gone.reset(1), kept.reset(1)]));
    expect((await changes()).map(({ expiresAt }) => typeof expiresAt)).toEqual(['number', 'number']);
    await run(clock.sleep(2_000));
    await run(kept.reset(2));
    expect(await changes()).toMatchObject([{ key: 'kept', version: 2, value: 2, previous: undefined, missing: [] }]);
    await run(clock.sleep(2 * 3_600_000));
    await run(table.sweep());
    const ends = await changes();
    expect(ends).toContainEqual(
      expect.objectContaining({
        key: 'gone',
        version: 1,
        deleted: true,
        removed: true,
        expired: true,
        value: undefined,
        previous: 1,
      }),
    );
  });

  it('tells an item that another program has removed as deleted, and not as expired', async () => {
    const { changes, engine, run, table } = await open();
    await run(table.atom<number>('a').reset(1));
    await run(engine.delete({ table: 'state', key: { id: { S: 'a' } } }));
    expect((await changes())[1]).toMatchObject({
      deleted: true,
      removed: true,
      expired: false,
      version: 1,
      previous: 1,
    });
  });

  it('tells a write that moved the version alone from one that changed the value', async () => {
    const { clock, records, run, table } = await open();
    const parse = async (record: StreamRecord) => atomChanges(table).parse(record, metaOf('s', record));
    const atom = table.atom<{ at: Date }>('a');
    await run(atom.reset({ at: new Date(1) }));
    await run(atom.reset({ at: new Date(2) }));
    const [first, second] = records() as [StreamRecord, StreamRecord];
    const image = second.dynamodb?.NewImage as Item;
    const moved = {
      ...second,
      dynamodb: { ...second.dynamodb, OldImage: image, NewImage: { ...image, v: { N: '3' }, l: { S: 'other:1' } } },
    };
    const told = await clock.run(Promise.all([first, second, moved].map((one) => parse(one as StreamRecord))));
    expect(told.map((one) => [one?.version, one?.isSameValue])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
    // Written beside the value by another program: no write of ours.
    const beside = { ...moved, dynamodb: { ...moved.dynamodb, NewImage: { ...image, note: { S: 'x' } } } };
    expect(await parse(beside as StreamRecord)).toBeUndefined();
  });

  it('lets the write that repairs a damaged item through', async () => {
    const { records, run, table } = await open();
    await run(table.atom<number>('a').reset(1));
    await run(table.atom<number>('a').reset(2));
    const [, second] = records() as [StreamRecord, StreamRecord];
    const damaged = {
      ...second,
      dynamodb: { ...second.dynamodb, OldImage: { ...second.dynamodb?.OldImage, v: { S: 'x' } } },
    };
    const parse = (record: unknown) =>
      atomChanges(table).parse(record as StreamRecord, metaOf('s', record as StreamRecord));
    expect(parse(damaged)).toMatchObject({ value: 2, previous: undefined, missing: ['previous'] });
    const worse = {
      ...second,
      dynamodb: { ...second.dynamodb, NewImage: { ...second.dynamodb?.NewImage, v: { S: 'x' } } },
    };
    expect(() => parse(worse)).toThrow('ERR_DECODE');
  });

  it('selects by prefix and by partition, as scans do', async () => {
    const { changes, run, table } = await open();
    await run(
      table.putMany([
        ['order#1', 1],
        ['user#1', 2],
      ]),
    );
    expect((await changes({ prefix: 'order#' })).map(({ key }) => key)).toEqual(['order#1']);
    const sorted = await open({ keyName: 'pk', sortKeyName: 'sk' });
    await sorted.run(
      sorted.table.putMany([
        [{ pk: 'a', sk: 'x1' }, 1],
        [{ pk: 'a', sk: 'y1' }, 2],
        [{ pk: 'b', sk: 'x1' }, 3],
      ]),
    );
    expect(await sorted.changes({ pk: 'a', prefix: 'x' })).toMatchObject([{ key: { pk: 'a', sk: 'x1' }, value: 1 }]);
    expect(() => atomChanges(table, { pk: 'a' })).toThrow(TypeError);
    expect(() => atomChanges(sorted.table, { prefix: 'a' })).toThrow(TypeError);
    expect(() => atomChanges('state' as never)).toThrow(TypeError);
  });

  it('refuses records of a table with other keys', async () => {
    const { records, run, table } = await open();
    const other = new AtomTable({ engine: new MemoryEngine(), tableName: 'other', keyName: 'pk' });
    await run(table.atom<number>('a').reset(1));
    const [record] = records() as [StreamRecord];
    expect(() => atomChanges(other).parse(record, metaOf('s', record))).toThrow(/keys.*pk/);
  });

  describe('with large values', () => {
    const large = { itemBytesMax: 2_000, partBytesMax: 2_000 };
    const text = (letter: string) =>
      Array.from({ length: 6_000 }, (_, n) => letter + (n * 7_919).toString(36)).join('');

    it('reads their parts; the state that such a value is written on is a change of nothing', async () => {
      const { changes, run, table } = await open({ large });
      const atom = table.atom<string>('a');
      await run(atom.reset(text('a')));
      await run(atom.reset(text('b')));
      const [footing, first, second] = await changes();
      expect(footing).toMatchObject({ version: 1, deleted: true, isSameValue: true, value: undefined });
      expect(first?.value === text('a')).toBe(true);
      expect(second?.value === text('b')).toBe(true);
      expect(second?.previous === text('a')).toBe(true);
    });

    it('says that a value is missing whose parts are gone, and gives no other in its place', async () => {
      const { changes, clock, run, table } = await open({ large });
      const atom = table.atom<string>('a');
      await run(atom.reset(text('a')));
      await run(atom.reset(text('b')));
      await run(table.settled());
      await run(clock.sleep(2 * 3_600_000));
      await run(table.sweep());
      const told = (await changes()).map(({ version, missing, value }) => [version, missing, value === text('b')]);
      expect(told).toEqual([
        [1, [], false],
        [2, ['value'], false],
        [3, ['previous'], true],
      ]);
    });

    it('tells damage where the parts of the value that stands are gone', async () => {
      const { engine, records, run, table } = await open({ large });
      await run(table.atom<string>('a').reset(text('a')));
      const [record, part] = [
        records().at(-1) as StreamRecord,
        (await run(engine.scan({ table: 'state', consistent: true }))).items,
      ];
      for (const item of part) {
        if ((item.id as { S: string }).S.startsWith('~part'))
          await run(engine.delete({ table: 'state', key: { id: item.id as never } }));
      }
      const parsed = Promise.resolve(atomChanges(table).parse(record, metaOf('s', record)));
      await expect(run(parsed)).rejects.toThrow('ERR_DECODE');
    });
  });
});

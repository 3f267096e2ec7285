// Goal: calls on many atoms bring values through all their layers, encrypted and split into parts, whether a handle is held or not.
// Method: a table that encrypts, on the memory engine and a virtual clock; a value that does not fit its item.
import { randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { encrypted, keyRing } from '../../lib/codec/index.js';
import { Bench } from './bench.js';

const codec = encrypted({ keys: keyRing({ keys: { k1: randomBytes(32) }, current: 'k1' }) });
const indexes = [{ name: 'by-kind', partitionKey: { name: 'kind', type: 'S' } }] as const;

it('puts, gets, scans, queries and deletes encrypted values, small and in parts', async () => {
  const bench = new Bench();
  const table = () => bench.table({ codec });
  await bench.run(table().create({ indexes }));
  const large = randomBytes(700_000).toString('base64');
  const values = new Map<string, unknown>([
    ['small', { secret: 'canary' }],
    ['large', { secret: large }],
    ['set', new Set([1])],
  ]);
  await bench.run(table().putMany(values));
  const all = async <T>(walk: AsyncIterable<T>) => {
    const found: T[] = [];
    for await (const one of walk) found.push(one);
    return found;
  };
  const keys = [...values.keys()];
  expect(await bench.run(table().getMany(keys))).toEqual([...values.values()]);
  const other = table();
  const handles = keys.map((key) => other.atom(key));
  expect(await bench.run(other.getMany(handles))).toEqual([...values.values()]);
  expect(handles.map((handle) => handle.peek())).toEqual([...values.values()]);
  const scanned = await bench.run(all(table().scan()));
  expect(new Map(scanned.map(({ key, value }) => [key, value]))).toEqual(values);
  // Parts are no atoms.
  expect(await bench.run(all(table().keys()))).toHaveLength(3);
  const index = { kind: () => 'job' };
  const indexed = table();
  await bench.run(indexed.putMany([[indexed.atom<unknown>('job', { index }), { secret: large }]]));
  for (const fresh of [true, false]) {
    const found = await bench.run(
      all(table().query<{ secret: string }>('by-kind', { partition: { kind: 'job' }, fresh })),
    );
    expect(found.map(({ key, value }) => [key, value.secret.length])).toEqual([['job', large.length]]);
  }
  expect(await bench.run(table().deleteMany(keys))).toEqual([true, true, true]);
  expect(await bench.run(table().getMany(keys))).toEqual([undefined, undefined, undefined]);
});

it('without the key nothing is read, and each is told of by its own key', async () => {
  const bench = new Bench();
  const table = bench.table({ codec });
  await bench.run(table.create());
  await bench.run(
    table.putMany([
      ['a', 'canary'],
      ['b', 'canary'],
    ]),
  );
  const stranger = bench.table({
    codec: encrypted({ keys: keyRing({ keys: { k1: randomBytes(32) }, current: 'k1' }) }),
  });
  const failure = await bench.run(stranger.getMany(['a', 'none', 'b']).catch((error: unknown) => error));
  expect(failure).toMatchObject({ code: 'ERR_BATCH', failures: { length: 2 } });
  expect(String(failure)).not.toContain('canary');
});

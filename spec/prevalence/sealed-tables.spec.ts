// Goal: a system lies encrypted in a table that encrypts, without a word more, and a table's other codecs change nothing of how it is
// stored. Method: systems in tables of each kind of codec, and what lies in the table.
import { randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { compressed, encrypted, jsonCodec, keyRing, type SealingCodec } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { atomStorage, openPrevayler, sealedStorage } from '../../lib/prevalence/index.js';

const tableName = 'state';
const handler = (texts: readonly string[], text: string): readonly string[] => [...texts, text];
const open = (table: AtomTable, codec?: SealingCodec) => {
  const storage = atomStorage(table, 'till');
  const sealed = codec === undefined ? storage : sealedStorage(storage, codec);
  return openPrevayler({ storage: sealed, initialState: [] as readonly string[], handler, snapshots: false });
};

async function storedIn(engine: MemoryEngine): Promise<string> {
  const { items } = await engine.scan({ table: tableName, consistent: true });
  return items.map((item) => JSON.stringify(item, (_name, value) => latin1(value))).join('\n');
}

function latin1(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
}

it('is encrypted where the codec of the table encrypts', async () => {
  const engine = new MemoryEngine();
  const keys = keyRing({ current: 'k1', keys: { k1: randomBytes(32) } });
  const table = new AtomTable({ engine, tableName, codec: encrypted({ keys }) });
  await table.create();
  {
    await using till = await open(table);
    await till.handle('CANARY');
    await till.snapshot();
  }
  const stored = await storedIn(engine);
  expect(stored).toMatch(/encrypted:k1/);
  expect(stored).not.toMatch(/CANARY|"seq"|"place"|"kept"/);
  await using again = await open(new AtomTable({ engine, tableName, codec: encrypted({ keys }) }));
  expect(again.state).toEqual(['CANARY']);
});

it('is the same to who has the table by its ARN', async () => {
  const engine = new MemoryEngine();
  await new AtomTable({ engine, tableName }).create();
  const arn = `arn:aws:dynamodb:eu-west-1:123456789012:table/${tableName}`;
  const byArn = new Proxy(engine, {
    get(target, name) {
      const own: unknown = Reflect.get(target, name);
      if (typeof own !== 'function') return own;
      return (request: object, ...rest: unknown[]) =>
        own.call(target, 'table' in request ? { ...request, table: tableName } : request, ...rest);
    },
  });
  const codec = encrypted({ keys: keyRing({ current: 'k1', keys: { k1: randomBytes(32) } }) });
  {
    await using till = await open(new AtomTable({ engine: byArn, tableName: arn }), codec);
    await till.handle('x');
    await till.snapshot();
  }
  await using till = await open(new AtomTable({ engine, tableName }), codec);
  expect([till.state, till.stats().replayed]).toEqual([['x'], 0]);
});

it('is sealed by the codec that is given, whatever the table has', async () => {
  const engine = new MemoryEngine();
  const keys = keyRing({ current: 'k1', keys: { k1: randomBytes(32) } });
  const others = keyRing({ current: 'k2', keys: { k2: randomBytes(32) } });
  const table = new AtomTable({ engine, tableName, codec: encrypted({ keys }) });
  await table.create();
  await using till = await open(table, encrypted({ keys: others }));
  await till.handle('x');
  await till.snapshot();
  const stored = await storedIn(engine);
  expect(stored).toMatch(/encrypted:k2/);
  expect(stored).not.toMatch(/encrypted:k1/);
});

it('stores the same under any other codec of the table', async () => {
  const engine = new MemoryEngine();
  await new AtomTable({ engine, tableName }).create();
  for (const [instance, codec] of [undefined, compressed(), jsonCodec].entries()) {
    const table = new AtomTable({ engine, tableName, ...(codec && { codec }) });
    await using till = await open(table);
    expect(till.state).toHaveLength(instance);
    await till.handle('x');
    await till.snapshot();
  }
});

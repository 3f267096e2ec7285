// Goal: nobody finds the events of a system in clear text beside atoms that are encrypted, and a table's codec never changes how
// a journal is stored. Method: systems in tables of each kind of codec.
import { randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { compressed, encrypted, jsonCodec, keyRing } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { atomStorage, openPrevayler } from '../../lib/prevalence/index.js';

const engine = new MemoryEngine();
const tableName = 'state';
const handler = (sum: number, amount: number): number => sum + amount;
const open = (table: AtomTable) =>
  openPrevayler({ storage: atomStorage(table, 'till'), initialState: 0, handler, snapshots: false });

it('refuses a table that encrypts, before anything is sent', () => {
  const keys = keyRing({ current: 'k1', keys: { k1: randomBytes(32) } });
  // Also one that still reads what is not encrypted, and so encrypts from the next write on.
  for (const acceptPlain of [false, true]) {
    const table = new AtomTable({ engine, tableName, codec: encrypted({ keys, acceptPlain }) });
    expect(() => atomStorage(table, 'till')).toThrow(/codec encrypts/);
    expect(table.spent().requests).toBe(0);
  }
});

it('stores the same under any other codec of the table', async () => {
  await new AtomTable({ engine, tableName }).create();
  for (const [instance, codec] of [undefined, compressed(), jsonCodec].entries()) {
    const table = new AtomTable({ engine, tableName, ...(codec && { codec }) });
    await using till = await open(table);
    expect(till.state).toBe(instance);
    await till.handle(1);
    await till.snapshot();
  }
});

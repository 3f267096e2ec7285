// Goal: a key service that never answers costs its callers their time and nobody else anything: not the atom's lane, not its reads.
// Method: a service that is silent until it is told otherwise, on a virtual clock.
import { randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { AtomTable, type ItemAtom } from '../../lib/atom/index.js';
import { dataKeys, encrypted, type SealingCodec } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';

const increment = (n: number) => n + 1;
const deadline = {
  code: 'ERR_DEADLINE',
  outcome: 'not-done',
  cause: { message: expect.stringContaining('key service') },
};

async function opened() {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  const service = { silent: true, asked: 0 };
  const kept = new Map<string, Uint8Array>();
  const answer = <T>(make: () => T): Promise<T> => {
    service.asked += 1;
    return service.silent ? new Promise<T>(() => {}) : Promise.resolve(make());
  };
  const keysOf = () =>
    dataKeys({
      generate: () =>
        answer(() => {
          const [plaintext, ciphertext] = [randomBytes(32), randomBytes(16)];
          kept.set(ciphertext.toString('hex'), plaintext);
          return { plaintext, ciphertext };
        }),
      decrypt: (ciphertext) => answer(() => kept.get(Buffer.from(ciphertext).toString('hex')) as Uint8Array),
    });
  const open = () => {
    const keys = keysOf();
    const table = new AtomTable({ engine, tableName: 'state', clock, codec: encrypted({ keys }) });
    return { keys, table, atom: table.atom<number>('n', { initial: 0 }) };
  };
  await open().table.create();
  return { clock, service, open };
}

it('fails a write when its time is over, and the atom works on when the service does', async () => {
  const { clock, service, open } = await opened();
  const { keys, table, atom } = open();
  await expect(clock.run(atom.swap((n) => n + 1))).rejects.toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
  await expect(clock.run(table.settled())).resolves.toBe(true);
  service.silent = false;
  keys.forget();
  expect(await clock.run(atom.swap((n) => n + 1))).toBe(1);
  expect((await atom.snapshot()).version).toBe(1);
});

it('fails a read when its time is over, and those that come later ask again', async () => {
  const { clock, service, open } = await opened();
  service.silent = false;
  await clock.run(open().atom.reset(7));
  service.silent = true;
  const { keys, atom } = open();
  await expect(clock.run(atom.deref({ timeoutMs: 120_000 }))).rejects.toMatchObject(deadline);
  service.silent = false;
  keys.forget();
  expect(await clock.run(atom.deref())).toBe(7);
  expect(await clock.run(atom.swap((n) => n + 1))).toBe(8);
});

it.each<[string, (table: AtomTable, atom: ItemAtom<number, number>) => Promise<number>]>([
  ['a call on an atom', (_, atom) => atom.swap(increment, { opId: 'x', timeoutMs: 500 })],
  ['a transaction', (table, atom) => table.transact((tx) => tx.swap(atom, increment), { opId: 'x', timeoutMs: 500 })],
])('fails %s with an opId when its time is over, and gives the atom back', async (_, call) => {
  const { clock, service, open } = await opened();
  const { keys, table, atom } = open();
  await expect(clock.run(call(table, atom))).rejects.toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
  service.silent = false;
  keys.forget();
  expect(await clock.run(atom.swap(increment))).toBe(1);
  await expect(clock.run(table.settled())).resolves.toBe(true);
});

it('ends a call as well when it is a layer of one’s own that never answers', async () => {
  const engine = new MemoryEngine();
  const retry = { timeoutMs: 20 };
  const silent: SealingCodec = {
    name: 'silent',
    seal: () => new Promise(() => {}),
    opens: (name) => name === 'silent',
    open: (sealed) => sealed,
  };
  const table = new AtomTable({ engine, tableName: 'state', retry });
  await table.create();
  const atom = table.atom<number>('n', { codec: silent });
  await expect(atom.reset(1)).rejects.toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
  expect(await table.settled()).toBe(true);
});

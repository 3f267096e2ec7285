// Goal: of an encrypted table, neither a plaintext nor a key nor a credential of the client is anywhere but in the hands of who
// called: not in the store, not in errors and their causes, not on a channel, in a log, or in what is inspected.
// Method: words that are known by sight; every verb, in peace, under faults, with wrong keys and meddled items.
import { inspect } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, it } from '@jest/globals';
import { AtomTable, type Logger } from '../../lib/atom/index.js';
import { compressed, encrypted, type Item, keyRing } from '../../lib/codec/index.js';
import { FaultyEngine } from '../../lib/engine/faults.js';
import { SdkEngine } from '../../lib/engine/sdk.js';
import { describeEngine, engines } from '../support/engines.js';
import { Listener } from '../support/listener.js';

const key = Buffer.from('CANARY-OF-A-KEY-0123456789abcdef');
const wrongKey = Buffer.from('CANARY-OF-A-WRONG-KEY-0123456789');
const words = ['CANARYTEXT', 'CANARYOPRESULT', 'CANARYACCESS', 'CANARYSECRET'];
const canaries = [
  ...words,
  ...words.map((word) => Buffer.from(word).toString('base64').slice(0, 12)),
  ...words.map((word) => Buffer.from(word).toString('hex')),
  ...[key, wrongKey].flatMap((bytes) => [
    bytes.toString('latin1'),
    bytes.toString('hex'),
    bytes.toString('base64').slice(0, 40),
    [...bytes].slice(0, 10).join(', '),
    [...bytes].slice(0, 10).join(','),
    [...bytes]
      .slice(0, 10)
      .map((byte) => byte.toString(16))
      .join(' '),
  ]),
];

function shown(value: unknown): string {
  const all = {
    depth: Number.POSITIVE_INFINITY,
    showHidden: true,
    maxArrayLength: null,
    maxStringLength: null,
  } as const;
  const views = [inspect(value, all), inspect(value, { ...all, getters: true, customInspect: false }), String(value)];
  for (let error = value; error instanceof Error; error = error.cause)
    views.push(error.message, `${error.stack}`, JSON.stringify(error));
  return views.join('\n');
}
const seen = (value: unknown) => {
  const text = shown(value);
  return canaries.filter((canary) => text.includes(canary));
};

for (const row of engines.filter(({ name }) => name === 'memory' || name === 'dynamodb-local')) {
  describeEngine(row, () => {
    it('shows nothing that is secret', async () => {
      const open = await row.open();
      const tableName = open.uniqueTable();
      const credentials = { accessKeyId: 'CANARYACCESS', secretAccessKey: 'CANARYSECRET' };
      const client = open.endpoint && new DynamoDBClient({ endpoint: open.endpoint, region: 'local', credentials });
      const engine = client ? new SdkEngine(client) : open.engine;
      const lines: unknown[] = [];
      const log = (...line: unknown[]) => lines.push(line);
      const logger: Logger = { debug: log, info: log, warn: log, error: log };
      const listener = new Listener();
      const tables = [key, wrongKey].map((k) => {
        const codec = encrypted({ keys: keyRing({ current: 'k', keys: { k } }), inner: compressed() });
        return (on = engine) =>
          new AtomTable({
            engine: on,
            tableName,
            codec,
            logger,
            retry: { timeoutMs: 100, attemptTimeoutMs: 30, settleMs: 0 },
          });
      }) as [(on?: typeof engine) => AtomTable, (on?: typeof engine) => AtomTable];
      const failures: unknown[] = [];
      const attempt = async (call: () => unknown) => {
        try {
          await call();
        } catch (error) {
          failures.push(error);
        }
      };
      const use = async (table: AtomTable, id: string) => {
        const atom = table.atom<{ text: string; n: number }>(id, { initial: { text: '', n: 0 } });
        const secret = { text: 'CANARYTEXT', n: 1 };
        await attempt(() => atom.reset(secret));
        await attempt(() => atom.swap((v) => ({ ...v, n: v.n + 1 })));
        await attempt(() => atom.swapWith<object>((v) => [v, { told: 'CANARYOPRESULT' }], { opId: `once-${id}` }));
        await attempt(() => atom.compareAndSet({ text: 'CANARYTEXT', n: 9 }, secret));
        await attempt(() => atom.swap((v) => ({ ...v, text: 'CANARYTEXT', n: (() => 1) as never })));
        await attempt(() => atom.deref());
        await attempt(() => table.getMany([id, 'other']));
        await attempt(() =>
          table.transact(
            async (tx) => {
              await tx.reset(atom, secret);
              return 'CANARYOPRESULT';
            },
            { opId: `transact-${id}` },
          ),
        );
        await attempt(() => atom.commute({ add: { n: 1 } } as never));
        return atom;
      };
      const atom = await (async () => {
        await tables[0]().create();
        return use(tables[0](), 'a');
      })();
      await use(tables[1](), 'a');
      const faulty = new FaultyEngine(engine, {
        rules: [{ fault: { kind: 'reset-after' }, probability: 0.6 }],
        seed: 3,
      });
      await use(tables[0](faulty), 'b');
      const item = (await engine.get({ table: tableName, key: { id: { S: 'a' } }, consistent: true })) as Item;
      for (const forged of [
        { ...item, v: { N: '77' } },
        { ...item, c: { S: 'compact' } },
        { ...item, d: { S: 'x' } },
      ]) {
        await engine.put({ table: tableName, item: forged });
        await use(tables[0](), 'a');
      }
      const stored = await engine.scan({ table: tableName, consistent: true });
      listener.close();
      expect(failures.length).toBeGreaterThan(10);
      expect(failures.flatMap(seen)).toEqual([]);
      expect(seen(listener.heard)).toEqual([]);
      expect(listener.heard.length).toBeGreaterThan(20);
      expect(seen(lines)).toEqual([]);
      expect([tables[0](), atom].flatMap(seen)).toEqual([]);
      const text = JSON.stringify(stored, (_name, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
      );
      expect(stored.items.length).toBeGreaterThan(1);
      expect(canaries.filter((canary) => text.includes(canary))).toEqual([]);
      if (client) client.destroy();
      await open.close();
    });
  });
}

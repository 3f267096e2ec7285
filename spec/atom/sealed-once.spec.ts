// Goal: items that are written once lie sealed, each under its own key only, and whatever is sent again is the same.
// Method: a table in memory, whose items are seen, exchanged and altered behind everybody's back.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, type WriteOnceItems } from '../../lib/atom/index.js';
import { dataKeys, encrypted, keyRing, sealedWith } from '../../lib/codec/index.js';
import { type Engine, MemoryEngine } from '../../lib/engine/index.js';

const tableName = 'state';
const keys = keyRing({ current: 'k1', keys: { k1: new Uint8Array(32).fill(1) } });
const codec = encrypted({ keys });
const content = Buffer.from('CANARY');

let memory: MemoryEngine;
beforeEach(async () => {
  memory = new MemoryEngine();
  await new AtomTable({ engine: memory, tableName }).create();
});

const itemsOf = (sealing = codec, engine: Engine = memory): WriteOnceItems =>
  new AtomTable({ engine, tableName }).sealedOnce(sealing);
const raw = () => new AtomTable({ engine: memory, tableName }).writeOnce();

async function bytesAt(key: string): Promise<Uint8Array> {
  return (await raw().get(key)) as Uint8Array;
}

describe('sealedOnce()', () => {
  it('stores nothing that can be read, and reads it again', async () => {
    const items = itemsOf();
    await items.put('a', content);
    expect(await items.putIfAbsent('b', content)).toBe('stored');
    expect(await items.putIfAbsent('b', Buffer.from('other'))).toBe('exists');
    for (const key of ['a', 'b']) {
      const stored = await bytesAt(key);
      expect(sealedWith(stored)).toBe('encrypted:k1');
      expect(Buffer.from(stored).includes(content)).toBe(false);
      expect(Buffer.from((await items.get(key)) as Uint8Array)).toEqual(content);
    }
    const found = await items.getMany(['a', 'b', 'nothing']);
    expect([...found].map(([key, bytes]) => [key, Buffer.from(bytes)]).sort()).toEqual([
      ['a', content],
      ['b', content],
    ]);
    expect(await items.get('nothing')).toBe(undefined);
  });

  it('gives no bytes for what was altered or stands under another key', async () => {
    const items = itemsOf();
    await items.put('a', content);
    const stored = await bytesAt('a');
    await raw().put('b', stored);
    await raw().put('c', stored.subarray(0, -1));
    for (const key of ['b', 'c']) {
      expect(await items.get(key)).toEqual(new Uint8Array());
      expect(await items.getMany([key])).toEqual(new Map([[key, new Uint8Array()]]));
    }
  });

  it('says that it is not sealed, or which key is missing', async () => {
    await raw().put('plain', content);
    await itemsOf().put('a', content);
    await expect(itemsOf().get('plain')).rejects.toMatchObject({ code: 'ERR_DECODE', reason: 'foreign' });
    const others = encrypted({ keys: keyRing({ current: 'k2', keys: { k2: new Uint8Array(32).fill(2) } }) });
    await expect(itemsOf(others).getMany(['a'])).rejects.toMatchObject({ code: 'ERR_KEY_MISSING', keyId: 'k1' });
  });

  it('has room for the longest keys of a key service', async () => {
    const plaintext = randomBytes(32);
    const wrapped = {
      generate: async () => ({ plaintext, ciphertext: randomBytes(6_144) }),
      decrypt: async () => plaintext,
    };
    const items = itemsOf(encrypted({ keys: dataKeys(wrapped) }));
    const bytes = randomBytes(items.bytesMax('large'));
    await items.put('large', bytes);
    expect(Buffer.from((await items.get('large')) as Uint8Array)).toEqual(bytes);
  });

  it('sends the same again when an answer was lost', async () => {
    const sent: Uint8Array[] = [];
    const losing = new Proxy(memory, {
      get(target, name) {
        if (name !== 'put') return (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target);
        return async (...args: Parameters<MemoryEngine['put']>) => {
          sent.push((args[0].item.d as { B: Uint8Array }).B);
          const answer = await target.put(...args);
          return sent.length < 3 ? { status: 'unclear', error: new Error('lost'), resent: false } : answer;
        };
      },
    });
    await itemsOf(codec, losing).put('a', content);
    expect(sent).toHaveLength(3);
    expect(sent[1]).toEqual(sent[0]);
    expect(sent[2]).toEqual(sent[0]);
  });
});

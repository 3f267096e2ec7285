// Goal: whatever is done to the parts of a large value or to its manifest, a reader gets the value that was written or a typed error.
// Method: every part and every fact of it altered by hand; then bytes and notes by seed (LEYDEN_SEED), on the memory engine.
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { attributeNamesDefault } from '../../lib/atom/item-format.js';
import { formatPart, partKey } from '../../lib/atom/large/parts-format.js';
import type { Item } from '../../lib/codec/index.js';
import { type MemoryEngine, seededRandom } from '../../lib/engine/index.js';
import { letters, openMemory, tableName, tiny } from './parts-actors.js';

const layout = { keyNames: ['id'], names: attributeNamesDefault };

let memory: MemoryEngine;
let item: Item;
let manifest: { id: string; count: number; partBytes: number; bytes: number; digest: string; head: string };
beforeEach(async () => {
  memory = await openMemory();
  await open().atom('a').reset(letters('o'));
  item = (await get({ id: { S: 'a' } })) as Item;
  manifest = JSON.parse((item.d as { S: string }).S);
});

function open(): AtomTable {
  return new AtomTable({ engine: memory, tableName, large: tiny });
}

const get = (key: Item) => memory.get({ table: tableName, key, consistent: true });
const put = (changed: Item) => memory.put({ table: tableName, item: changed });
const part = async (number: number, id = manifest.id) => (await get(partKey(id, number, layout))) as Item;
const read = () => open().atom('a').deref();
const bytesOf = ({ d }: Item) => (d as { B: Uint8Array }).B;
const notesOf = ({ t }: Item) => JSON.parse((t as { S: string }).S) as Record<string, unknown>;
const refusal = (detail: RegExp) => ({
  code: 'ERR_DECODE',
  reason: 'damaged',
  key: 'a',
  detail: expect.stringMatching(detail),
});

describe('a part', () => {
  it.each([0, 1])(
    '%d that is missing is looked for again, and so is the item, before it is called damaged',
    async (number) => {
      await memory.delete({ table: tableName, key: partKey(manifest.id, number, layout) });
      const table = open();
      const before = table.spent().requests;
      await expect(table.atom('a').deref()).rejects.toMatchObject(refusal(/part \d of 2 of value \S+ is missing/));
      // The item, two parts, the missing one strongly, the item again.
      expect(table.spent().requests - before).toBe(5);
      const atom = open().atom('a');
      await expect(atom.swap(() => 'x')).rejects.toMatchObject(refusal(/missing/));
    },
  );

  it('that was cut, altered or exchanged is found', async () => {
    const [one, other] = [await part(0), await part(1)];
    const flipped = Uint8Array.from(bytesOf(one), (byte, at) => (at === 10 ? byte ^ 1 : byte));
    const attempts: readonly (readonly [string, Item, RegExp])[] = [
      ['cut', { ...one, d: { B: bytesOf(one).subarray(1) } }, /wrong checksum/],
      ['longer', { ...one, d: { B: Buffer.concat([bytesOf(one), Buffer.of(0)]) } }, /wrong checksum/],
      ['flipped', { ...one, d: { B: flipped } }, /wrong checksum/],
      ['empty', { ...one, d: { B: new Uint8Array() } }, /wrong checksum/],
      ['the other one', { ...other, id: one.id as never }, /is no part/],
      ['the bytes of the other one', { ...one, d: other.d as never }, /wrong checksum/],
      ['no bytes', { ...one, d: { S: 'x' } }, /is no part/],
      ['no notes', { id: one.id as never, d: one.d as never, c: one.c as never }, /is no part/],
      ['notes that are no JSON', { ...one, t: { S: '{' } }, /is no part/],
      ['no codec', { ...one, c: { S: 'other' } }, /is no part/],
    ];
    for (const [name, changed, detail] of attempts) {
      await put(changed);
      await expect(read().catch((error) => ({ name, ...error, detail: error.detail }))).resolves.toMatchObject(
        refusal(detail),
      );
    }
    await put(one);
    expect(await read()).toEqual(letters('o'));
  });

  it('of which a note was altered is found, whichever', async () => {
    const one = await part(0);
    const changes = { id: 'x', count: 3, number: 1, owner: ['b'], base: 'x', at: 1, sum: 'x' };
    for (const [name, value] of Object.entries(changes)) {
      await put({ ...one, t: { S: JSON.stringify({ ...notesOf(one), [name]: value }) } });
      await expect(read()).rejects.toMatchObject(refusal(/is no part|another one|another atom|checksum/));
    }
  });

  it('of another atom is refused, though its manifest was copied as well', async () => {
    await open().atom('b').reset(letters('b'));
    const other = (await get({ id: { S: 'b' } })) as Item;
    await put({ ...item, d: other.d as never });
    await expect(read()).rejects.toMatchObject(refusal(/belongs to another atom/));
  });

  it('that is right in itself but not the one that was written is found by the digest of the whole', async () => {
    const one = await part(0);
    const { owner, base, at } = notesOf(one) as { owner: string[]; base: string; at: number };
    const forged = Uint8Array.from(bytesOf(one), (byte) => byte ^ 1);
    await put(formatPart({ id: manifest.id, count: 2, owner, base, at }, 0, forged, undefined, layout));
    await expect(read()).rejects.toMatchObject(refusal(/digest is another one/));
    await put(formatPart({ id: manifest.id, count: 3, owner, base, at }, 0, bytesOf(one), undefined, layout));
    await expect(read()).rejects.toMatchObject(refusal(/part 0 of 2 of value \S+ is another one/));
    const shorter = forged.subarray(1);
    await put(formatPart({ id: manifest.id, count: 2, owner, base, at }, 0, shorter, undefined, layout));
    await expect(read()).rejects.toMatchObject(refusal(/part 0 has another length/));
  });

  it('stands under a key that no atom can have', async () => {
    const { id } = await part(0);
    const key = (id as { S: string }).S;
    expect(key).toMatch(/^~part:/);
    await open().atom(key).reset('an atom');
    await open().atom({ pk: key }).reset('another');
    expect(await read()).toEqual(letters('o'));
    expect(open().atom(key).key).toBe(`~${JSON.stringify(key)}`);
  });
});

describe('a manifest', () => {
  it('that contradicts itself is refused before anything is read for it', async () => {
    const wrong = [
      ...Object.keys(manifest).map((name) => ({ [name]: undefined })),
      ...[0, -1, 1.5, 3, 2 ** 60, '2', null].map((count) => ({ count })),
      ...[0, -1, 1, 2 ** 60, null].map((partBytes) => ({ partBytes })),
      ...[0, -1, 1.5, 2 ** 60, null].map((bytes) => ({ bytes })),
      ...['', 7, null].flatMap((value) => [{ id: value }, { digest: value }, { head: value }]),
      ...[0, -1, '1', null].map((until) => ({ until })),
      { bytes: 100_000_000_000, partBytes: 1_000_000, count: 100_000 },
    ];
    for (const change of wrong) {
      await put({ ...item, d: { S: JSON.stringify({ ...manifest, ...change }) } });
      const table = open();
      const before = table.spent().requests;
      await expect(table.atom('a').deref()).rejects.toMatchObject(refusal(/manifest of a large value/));
      expect(table.spent().requests - before).toBe(1);
    }
    for (const d of [{ S: '{' }, { S: 'null' }, { N: '1' }, { B: new Uint8Array(3) }] as const) {
      await put({ ...item, d });
      await expect(read()).rejects.toMatchObject(refusal(/manifest of a large value/));
    }
  });

  it('that is consistent but another one is found', async () => {
    const changes = [
      { id: 'another' },
      { digest: createHash('sha256').digest('base64url') },
      { head: 'AAA' },
      { head: 'AQR4eHh4' },
      { bytes: manifest.bytes - 1 },
      { partBytes: manifest.partBytes - 1 },
    ];
    for (const change of changes) {
      await put({ ...item, d: { S: JSON.stringify({ ...manifest, ...change }) } });
      await expect(read()).rejects.toMatchObject({ code: 'ERR_DECODE' });
    }
  });
});

it('gives the value or a typed error, whatever is altered', async () => {
  const seed = Number(process.env.LEYDEN_SEED ?? 1);
  const random = seededRandom(seed);
  const right = [item, await part(0), await part(1)];
  const seen = { same: 0, refused: 0 };
  for (let round = 0; round < 300; round += 1) {
    const at = random.int(right.length);
    const target = right[at] as Item;
    const names = Object.keys(target).filter((name) => name !== 'id');
    const name = names[random.int(names.length)] as string;
    const attribute = target[name] as { S?: string; B?: Uint8Array; N?: string };
    const changed =
      attribute.B !== undefined
        ? {
            B: Uint8Array.from(attribute.B, (byte, index) =>
              index === random.int(attribute.B?.length ?? 0) ? random.int(256) : byte,
            ),
          }
        : attribute.S !== undefined
          ? {
              S: `${attribute.S.slice(0, random.int(attribute.S.length))}${random.int(10)}${attribute.S.slice(random.int(attribute.S.length))}`,
            }
          : { N: String(random.int(1_000)) };
    await put({ ...target, [name]: changed as never });
    try {
      expect(await read()).toEqual(letters('o'));
      seen.same += 1;
    } catch (error) {
      expect({ seed, round, name, code: (error as { code?: string }).code }).toMatchObject({ code: 'ERR_DECODE' });
      seen.refused += 1;
    }
    await put(target);
  }
  expect(seen.refused).toBeGreaterThan(100);
});

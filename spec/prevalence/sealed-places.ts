/** What the specs of sealed systems share: places whose stored bytes can be seen and altered, codecs, a system, and looks at it. */
import { hash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { AtomTable } from '../../lib/atom/index.js';
import { encrypted, type Item, itemBytes, keyRing, type SealingCodec } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { fileStorage } from '../../lib/files/index.js';
import { atomStorage, openPrevayler, type Prevayler, type Storage, sealedStorage } from '../../lib/prevalence/index.js';
import { s3Storage } from '../../lib/s3/index.js';
import { contentOfItem, itemOfContent } from '../../lib/s3/item-content.js';
import { frameObject, unframeObject } from '../../lib/s3/object-frame.js';
import type { S3Bench } from '../s3/s3-place.js';
import { MemorySnapshotStore } from '../support/snapshot-stores.js';

/** Something that is stored: an item, a part, an object, a file. */
interface Stored {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface SealedPlace {
  /** As another process has it. */
  storage(): Storage;
  /** All that is stored, with what can be altered in it. */
  stored(): Promise<readonly Stored[]>;
  /** Puts other bytes there, behind everybody's back. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** All that can be read by who can read the place: names and attributes as well. */
  visible(): Promise<Buffer>;
  /** Writes so far. */
  writes(): number;
  close(): Promise<void>;
}

const tableName = 'state';

/** A table in memory; with `outside`, the parts of snapshots in a store of their own. */
export async function tablePlace({
  outside = false,
}: {
  readonly outside?: boolean;
} = {}): Promise<SealedPlace & { readonly engine: MemoryEngine }> {
  const engine = new MemoryEngine();
  const store = new MemorySnapshotStore(400_000);
  let storeWrites = 0;
  store.before = async (call) => {
    if (call !== 'get') storeWrites += 1;
  };
  await new AtomTable({ engine, tableName }).create();
  const items = async () => (await engine.scan({ table: tableName, consistent: true })).items;
  return {
    engine,
    storage: () => atomStorage(new AtomTable({ engine, tableName }), 'till', outside ? { snapshots: store } : {}),
    async stored() {
      const inTable = (await items()).map((item) => ({ name: nameOf(item), bytes: bytesOf(item) }));
      const parts = [...store.parts].map(([name, bytes]) => ({ name: `part ${name}`, bytes }));
      return [...inTable, ...parts];
    },
    async put(name, bytes) {
      const part = name.startsWith('part ') ? name.slice('part '.length) : undefined;
      if (part !== undefined) return void store.parts.set(part, bytes);
      const item = (await items()).find((one) => nameOf(one) === name);
      await engine.put({ table: tableName, item: { ...item, id: { S: name }, d: { B: bytes } } });
    },
    async visible() {
      const parts = [...store.parts].flatMap(([name, bytes]) => [Buffer.from(name), Buffer.from(bytes)]);
      return Buffer.concat([...(await items()).flatMap(piecesOf), ...parts]);
    },
    writes: () => engine.spent().writeUnits + storeWrites,
    async close() {},
  };
}

/** A directory. */
export async function filePlace(): Promise<SealedPlace> {
  const root = await mkdtemp(path.join(tmpdir(), 'sealed-'));
  const directory = path.join(root, 'till');
  const at = (name: string) => path.join(directory, name);
  const stored = async () => {
    const names = (await readdir(directory)).sort();
    return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(at(name)) })));
  };
  return {
    storage: () => fileStorage(directory, { journalBytesMax: 2_048 }),
    stored,
    put: (name, bytes) => writeFile(at(name), bytes),
    visible: async () => Buffer.concat((await stored()).flatMap(({ name, bytes }) => [Buffer.from(name), bytes])),
    writes: () => 0,
    close: () => rm(root, { recursive: true }),
  };
}

/** A prefix of a bucket. Who alters an object knows the frame of objects, and puts it around again. */
export function bucketPlace({ server, bucket, client, prefix }: S3Bench): SealedPlace {
  const at = { client: client(), bucket, prefix: prefix() };
  const objects = () => server.objects(bucket);
  const keys = () =>
    objects()
      .keys()
      .filter((key) => key.startsWith(`${at.prefix}/`));
  const isPart = (key: string) => key.includes('/part/');
  const contentOf = (key: string) => {
    const body = objects().get(key)?.body as Buffer;
    return (unframeObject(body) as { content: Uint8Array }).content;
  };
  const itemAt = (key: string) => itemOfContent(contentOf(key), 'id', key);
  return {
    storage: () => s3Storage({ ...at, headBytesMax: 1_024 }),
    stored: async () =>
      keys().map((key) => ({
        name: key.slice(at.prefix.length + 1),
        bytes: isPart(key) ? contentOf(key) : bytesOf(itemAt(key)),
      })),
    async put(name, bytes) {
      const key = `${at.prefix}/${name}`;
      const content = isPart(key) ? bytes : contentOfItem({ ...itemAt(key), d: { B: bytes } }, 'id');
      await at.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: frameObject(content) }));
    },
    visible: async () => Buffer.concat(keys().flatMap((key) => [Buffer.from(key), objects().get(key)?.body as Buffer])),
    writes: () => keys().reduce((sum, key) => sum + objects().writesOf(key), 0),
    close: async () => {},
  };
}

function nameOf(item: Item): string {
  return (item.id as { S: string }).S;
}

function bytesOf({ d }: Item): Uint8Array {
  return d !== undefined && 'B' in d ? d.B : new Uint8Array();
}

/** All bytes and texts in an item, one after the other. */
function piecesOf(value: unknown): Buffer[] {
  if (value instanceof Uint8Array) return [Buffer.from(value)];
  if (typeof value === 'string') return [Buffer.from(value)];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [Buffer.from(name), ...piecesOf(member)]);
}

/** A key that is the same in each run. */
export function keyNamed(name: string): Uint8Array {
  return new Uint8Array(hash('sha256', name, 'buffer'));
}

/** Encryption under a key of this name, or bytes that are another key under it. */
export function codecOf(id: string, bytes: Uint8Array = keyNamed(id)): SealingCodec {
  return encrypted({ keys: keyRing({ current: id, keys: { [id]: bytes } }) });
}

export interface Looking {
  readonly codec?: SealingCodec | undefined;
  readonly warnings?: unknown[];
  readonly keep?: number;
}

export type Texts = readonly string[];

/** A system that keeps texts. It neither follows nor makes snapshots by itself. */
export function openTexts(
  place: Pick<SealedPlace, 'storage'>,
  looking: Looking = {},
): Promise<Prevayler<Texts, string>> {
  const { codec, warnings, keep = 2 } = looking;
  const storage = codec === undefined ? place.storage() : sealedStorage(place.storage(), codec);
  return openPrevayler<Texts, string>({
    ...{ storage, initialState: [], follow: false, snapshots: false, retention: { keep } },
    handler: (texts, text) => [...texts, text],
    onWarning: (error) => void warnings?.push(error),
  });
}

/** What somebody sees who opens the system, or the error. */
export async function look(place: SealedPlace, looking: Looking = {}): Promise<Texts | Error> {
  try {
    await using texts = await openTexts(place, looking);
    return texts.state;
  } catch (error) {
    return error as Error;
  }
}

/** Events so that there are pages, a body, and commits in the head. Returns the state. */
export async function fill(texts: Prevayler<Texts, string>, count: number, from = 0): Promise<Texts> {
  for (let n = from; n < from + count; n += 1) {
    const bytes = n === from + 2 ? 1_500 : 60;
    await texts.handle(`${n} ${textOf(bytes, n)}`, { id: `id-${n}` });
  }
  return texts.state;
}

/** The largest item of the head that there was, while events of all sizes were handled one by one. */
export async function largestHead(codec: SealingCodec): Promise<number> {
  const place = await tablePlace();
  await using texts = await openTexts(place, { codec });
  let most = 0;
  for (let n = 0; n < 60; n += 1) {
    await texts.handle(textOf(15 * n, n));
    const item = await place.engine.get({ table: tableName, key: { id: { S: 'till/head' } }, consistent: true });
    most = Math.max(most, itemBytes(item as Item));
  }
  return most;
}

/** Text that can't be packed, another one for each number. */
function textOf(bytes: number, n: number): string {
  let text = '';
  for (let part = 0; text.length < bytes; part += 1) text += hash('sha512', `${n}/${part}`, 'base64url');
  return text.slice(0, bytes);
}

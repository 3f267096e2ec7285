// Goal: parts stand in a bucket for certain, or the call says why not. Method: the stand-in, lost answers, damage, and snapshots of a
// system that lives in a table.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { atomStorage, openPrevayler } from '../../lib/prevalence/index.js';
import { s3SnapshotStore } from '../../lib/s3/index.js';
import { mishaps, registerBench } from './s3-place.js';

const bench = registerBench();
const bytes = Buffer.from('a part');

function newStore() {
  const { server, client, bucket, prefix } = bench();
  const sdk = client();
  const name = prefix();
  return { server, bucket, name, mishaps: mishaps(sdk), store: s3SnapshotStore({ client: sdk, bucket, prefix: name }) };
}

describe('s3SnapshotStore', () => {
  it('keeps a part under its id and number with one request each', async () => {
    const { server, store, bucket, name } = newStore();
    server.takeCounts();
    await store.put('one', 7, bytes);
    expect(await store.get('one', 7)).toEqual(bytes);
    expect(server.objects(bucket).keys()).toContain(`${name}/part/one/7`);
    await store.delete('one', 7);
    expect(server.takeCounts()).toEqual({ PutObject: 1, GetObject: 1, DeleteObject: 1 });
    expect(await store.get('one', 7)).toBeUndefined();
    await store.delete('one', 7);
  });

  it('makes objects of 8 MB at most', async () => {
    const { server, store, bucket, name } = newStore();
    await store.put('one', 0, new Uint8Array(store.partBytesMax));
    expect(server.object(bucket, `${name}/part/one/0`)?.body).toHaveLength(8 * 1_024 * 1_024);
  });

  it('puts through lost requests and lost answers', async () => {
    const { store, mishaps } = newStore();
    for (const [part, when] of (['after', 'before', 'after'] as const).entries()) {
      mishaps.push({ operation: 'PutObject', when, times: 1 }, { operation: 'GetObject', when, times: 1 });
      await store.put('one', part, bytes);
      mishaps.push({ operation: 'GetObject', when, times: 1 });
      expect(await store.get('one', part)).toEqual(bytes);
    }
    mishaps.push({ operation: 'DeleteObject', when: 'after', times: 2 });
    await store.delete('one', 0);
    expect(await store.get('one', 0)).toBeUndefined();
  });

  it('never puts over another content', async () => {
    const { store } = newStore();
    await store.put('one', 0, bytes);
    await store.put('one', 0, bytes);
    await expect(store.put('one', 0, Buffer.from('other'))).rejects.toMatchObject({
      code: 'ERR_SNAPSHOT_DAMAGED',
      reason: 'foreign',
    });
    expect(await store.get('one', 0)).toEqual(bytes);
  });

  it('calls a part damaged that is, so that an earlier snapshot is used', async () => {
    const { server, store, bucket, name } = newStore();
    await store.put('one', 0, bytes);
    server.spoil(bucket, `${name}/part/one/0`, (body) => body.subarray(1));
    await expect(store.get('one', 0)).rejects.toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED', id: 'one', part: 0 });
  });

  it('says what does not pass, and gives up at its signal', async () => {
    const { server, store } = newStore();
    server.conduct.refuse = () => 'AccessDenied';
    const denied = { code: 'ERR_BUCKET', reason: 'denied' };
    await expect(store.put('one', 0, bytes)).rejects.toMatchObject(denied);
    await expect(store.get('one', 0)).rejects.toMatchObject(denied);
    await expect(store.delete('one', 0)).rejects.toMatchObject(denied);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(store.put('one', 0, bytes, { signal })).rejects.toThrow('enough');
    const stop = new AbortController();
    server.conduct.refuse = () => {
      stop.abort(new Error('enough now'));
      return 'SlowDown';
    };
    await expect(store.get('one', 0, { signal: stop.signal })).rejects.toThrow('enough now');
  });

  it('keeps the snapshots of a system in a table', async () => {
    const { server, store, bucket, name } = newStore();
    const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
    await table.create();
    const storage = atomStorage(table, 'till', { snapshots: store });
    const sum = {
      storage,
      initialState: 0,
      handler: (total: number, n: number) => total + n,
      follow: false,
      snapshots: false,
    } as const;
    const till = await openPrevayler(sum);
    await till.handle(5);
    const { id } = await till.snapshot();
    await till.close();
    expect(server.objects(bucket).keys()).toContain(`${name}/part/${id}/0`);
    const again = await openPrevayler(sum);
    expect(again.state).toBe(5);
    await again.close();
  });
});

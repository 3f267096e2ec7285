// Goal: whoever gives up on a bucket that never answers is free at once, whatever the client does, and what was asked before is no burden
// on who comes later. Method: clients whose `send` hears of no signal, as while they wait for credentials; virtual time.
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { systemRandom } from '../../lib/engine/index.js';
import { openPrevayler } from '../../lib/prevalence/index.js';
import { Bucket, type S3ClientLike } from '../../lib/s3/bucket.js';
import { deleteS3Storage, s3SnapshotStore, s3Storage } from '../../lib/s3/index.js';
import { contentOfItem } from '../../lib/s3/item-content.js';
import { frameObject } from '../../lib/s3/object-frame.js';
import { persist } from '../../lib/s3/patience.js';
import { probeOnce } from '../../lib/s3/probe.js';
import { S3Engine } from '../../lib/s3/s3-engine.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { range } from '../support/prevalent.js';

const sum = { initialState: 0, handler: (total: number, n: number) => total + n, follow: false } as const;
const enough = new Error('enough');

/** A client that never answers. */
function silent(): S3ClientLike {
  return { config: {}, send: () => new Promise(() => {}) };
}

/** Aborts when all that can go on without an answer has. */
function soon(): AbortSignal {
  const giving = new AbortController();
  setImmediate(() => giving.abort(enough));
  return giving.signal;
}

describe('whoever gives up', () => {
  const place = () => ({ client: silent(), bucket: 'bucket', prefix: 'till' });

  it.each(['read-write', 'read-only'] as const)('on opening a system, %s, is free at once', async (mode) => {
    const opening = openPrevayler({ ...sum, storage: s3Storage(place()), mode, signal: soon() });
    await expect(opening).rejects.toBe(enough);
  });

  it('on deleting a system, or on a part, is free at once', async () => {
    await expect(deleteS3Storage(place(), soon())).rejects.toBe(enough);
    const store = s3SnapshotStore(place());
    await expect(store.put('one', 0, Buffer.from('part'), { signal: soon() })).rejects.toBe(enough);
    await expect(store.get('one', 0, { signal: soon() })).rejects.toBe(enough);
    await expect(store.delete('one', 0, { signal: soon() })).rejects.toBe(enough);
  });

  it('on a body that does not come to its end is free at once, and on a write is not told that it was not done', async () => {
    const stalls = { transformToByteArray: () => new Promise(() => {}) };
    const send = async () => ({ Body: stalls, ETag: '"1"', $metadata: { attempts: 1 } });
    await expect(new Bucket({ config: {}, send }, 'bucket').get('key', { signal: soon() })).rejects.toBe(enough);
    const put = new Bucket(silent(), 'bucket').put('key', Buffer.from('one'), 'absent', { signal: soon() });
    expect(await put).toEqual({ status: 'unclear', error: enough });
  });

  it('lets go of an answer that comes all the same', async () => {
    const body = new Readable({ read() {} });
    let answer: (answer: object) => void = () => {};
    const send = () => new Promise((resolve) => (answer = resolve));
    await expect(new Bucket({ config: {}, send }, 'bucket').get('key', { signal: soon() })).rejects.toBe(enough);
    answer({ Body: body, ETag: '"1"', $metadata: { attempts: 1 } });
    await new Promise(setImmediate);
    expect(body.destroyed).toBe(true);
    // The SDK's streams say at their end that a checksum is wrong.
    expect(body.emit('error', new Error('Checksum mismatch'))).toBe(true);
  });

  it('on a batch gets what had come by then, and asks for fewer at once the next time', async () => {
    const keys = range(40).map((n) => ({ id: { S: `till/page/${n}` } }));
    const body = frameObject(contentOfItem({}, 'id'));
    const answer = { Body: { transformToByteArray: async () => body }, ETag: '"1"', $metadata: { attempts: 1 } };
    let giving = new AbortController();
    let [left, waiting, most] = [0, 0, 0];
    // The line carries so many answers, and then none until whoever asks gives up.
    const send = async () => {
      waiting += 1;
      most = Math.max(most, waiting);
      if (left === 0) {
        setImmediate(() => giving.abort(enough));
        await new Promise(() => {});
      }
      left -= 1;
      await Promise.resolve();
      waiting -= 1;
      return answer;
    };
    const engine = new S3Engine(new Bucket({ config: {}, send }, 'bucket'), 'id');
    const ask = (wanted: typeof keys, carried: number) => {
      [giving, left, waiting, most] = [new AbortController(), carried, 0, 0];
      return engine.batchGet({ table: 'bucket', keys: wanted, consistent: true }, { signal: giving.signal });
    };
    await expect(ask(keys, 0)).rejects.toBe(enough);
    expect(most).toBe(16);
    const { items, unprocessed } = await ask(keys, 11);
    expect([items.length, most]).toEqual([11, 8]);
    expect(unprocessed).toEqual(keys.slice(11));
    expect(await ask(keys.slice(11), 29)).toEqual({ items: keys.slice(11), unprocessed: [] });
    expect(most).toBe(8);
    expect(await ask(keys, 40)).toMatchObject({ unprocessed: [] });
    expect(most).toBe(16);
  });
});

describe('S3Engine.batchGet', () => {
  it('gives each request a signal of its own, as Node warns of many listeners to one', async () => {
    const giving = new AbortController();
    const given = new Set<AbortSignal>();
    const send = (_command: never, options?: { readonly abortSignal: AbortSignal }) => {
      given.add(options?.abortSignal as AbortSignal);
      return new Promise(() => {});
    };
    const engine = new S3Engine(new Bucket({ config: {}, send } as S3ClientLike, 'bucket'), 'id');
    const keys = range(16).map((n) => ({ id: { S: `till/page/${n}` } }));
    const batch = engine.batchGet({ table: 'bucket', keys, consistent: true }, { signal: giving.signal });
    setImmediate(() => giving.abort(enough));
    await expect(batch).rejects.toBe(enough);
    expect([given.size, [...given].every(({ reason }) => reason === enough)]).toEqual([16, true]);
  });
});

describe('an attempt that is not answered', () => {
  it('is followed by others, also where each takes long, and at last says so', async () => {
    const clock = new VirtualClock();
    const sources = { clock, random: systemRandom };
    for (const [attemptMs, attempts] of [
      [60_000, [3]],
      [5_000, [4, 5, 6]],
    ] as const) {
      let made = 0;
      const heeding = (signal: AbortSignal) => {
        made += 1;
        return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      };
      const work = persist({ bucket: 'bucket', sources, signal: undefined, attemptMs }, heeding);
      await expect(clock.run(work)).rejects.toMatchObject({
        code: 'ERR_BUCKET_UNAVAILABLE',
        cause: { name: 'TimeoutError', message: `no answer within ${attemptMs} ms` },
      });
      expect(attempts).toContain(made);
    }
  });

  it('to the probe is no reason for others to wait for ever', async () => {
    const clock = new VirtualClock();
    const sources = { clock, random: systemRandom };
    const client = silent();
    const bucket = new Bucket(client, 'bucket');
    const probing = probeOnce(client, bucket, 'till', sources);
    expect(probeOnce(client, bucket, 'till', sources)).toBe(probing);
    await expect(clock.run(probing)).rejects.toMatchObject({ code: 'ERR_BUCKET_UNAVAILABLE' });
    const again = probeOnce(client, bucket, 'till', sources);
    again.catch(() => {});
    expect(again).not.toBe(probing);
  });
});

/** What a worker does with a bucket: events through `s3Storage`, and an object per event, on a stand-in in this process. */
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { compressed, encrypted, keyRing } from '../../../lib/codec/index.js';
import { openPrevayler, sealedStorage } from '../../../lib/prevalence/index.js';
import { s3Storage } from '../../../lib/s3/index.js';
import { startS3StandIn } from '../../../spec/support/s3-stand-in.js';
import { type Board, emptyBoard, type Landing, land, landings } from '../flights.js';
import { type Counts, closedLoop, noCounts, type Sample } from '../sample.js';

export type BucketWay = 'ours' | 'ours, sealed' | 'an object per event';

const bucket = 'bench';
const keys = keyRing({ current: 'bench', keys: { bench: Buffer.alloc(32, 7) } });

/** Events in a closed loop, in a new bucket. Wrong is an answer that does not hold more flights than the last. */
export async function bucketEvents({
  way,
  callers,
  ...length
}: {
  way: BucketWay;
  callers: number;
  forMs?: number;
  ops?: number;
}): Promise<Sample> {
  const standIn = await startS3StandIn();
  const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
  const client = new S3Client({ endpoint: standIn.endpoint, forcePathStyle: true, region: 'us-east-1', credentials });
  const counts = (): Counts => {
    const puts = standIn.requests.filter(({ operation, status }) => operation === 'PutObject' && status === 200);
    const bytesWritten = puts.reduce((sum, { bytes }) => sum + bytes, 0);
    return { ...noCounts, requests: standIn.requests.length, commits: puts.length, bytesWritten };
  };
  const { handle, close } = await (way === 'an object per event' ? openObjects(client) : openOurs(client, way));
  try {
    return await closedLoop({
      ...{ callers, counts },
      ...length,
      ...landings(callers, handle),
    });
  } finally {
    await close();
    client.destroy();
    await standIn.close();
  }
}

async function openOurs(client: S3Client, way: BucketWay) {
  const plain = s3Storage({ client, bucket, prefix: 'board' });
  const storage = way === 'ours, sealed' ? sealedStorage(plain, encrypted({ keys, inner: compressed() })) : plain;
  const prevayler = await openPrevayler<Board, Landing>({
    ...{ storage, initialState: emptyBoard, handler: land, snapshots: false, follow: false },
  });
  return {
    handle: async (event: Landing) => (await prevayler.handle(event)).state,
    close: () => prevayler.close(),
  };
}

/** An unconditional PUT of each event, one at a time under a lock. */
async function openObjects(client: S3Client) {
  let [board, seq] = [emptyBoard, 0];
  let lock: Promise<unknown> = Promise.resolve();
  const append = async (event: Landing): Promise<Board> => {
    const Key = `events/${String(seq).padStart(12, '0')}`;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify(event) }));
    seq += 1;
    board = land(board, event);
    return board;
  };
  return {
    handle: (event: Landing): Promise<Board> => {
      const turn = lock.then(() => append(event));
      lock = turn;
      return turn;
    },
    close: async () => {},
  };
}

/**
 * As much of S3 as objects need, in memory, over HTTP: what the SDK sends by default, and what S3 answers to that.
 *
 * GET, HEAD, PUT, DELETE, DeleteObjects, ListObjectsV2, and buckets. If-Match and If-None-Match are judged in the same step as
 * the write. Checksums are checked, kept and told. All else is refused by name. Signatures are not looked at.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type S3Operation, s3OperationOf } from '../../lib/testing/s3-operation.js';
import { type Conduct, likeS3 } from './s3/conduct.js';
import { Buckets, handle, judgedAhead, type S3Answer, type S3Request } from './s3/handle.js';
import { Refusal } from './s3/refusal.js';
import type { StoredObject, StoredObjects } from './s3/stored-objects.js';
import { document } from './s3/xml.js';

/** A request that was answered. */
interface AnsweredRequest {
  readonly operation: S3Operation | undefined;
  readonly bucket: string;
  readonly key: string;
  readonly status: number;
  /** `If-Match` or `If-None-Match`, and its value. */
  readonly condition?: string | undefined;
  /** Whether a checksum came with the body, or was asked for. */
  readonly checked: boolean;
  /** Bytes of the body, as sent or as given. */
  readonly bytes: number;
}

export interface S3StandIn {
  readonly endpoint: string;
  /** How it differs from S3; to be changed at any time. */
  readonly conduct: Conduct;
  /** All that was answered so far, in this order. */
  readonly requests: readonly AnsweredRequest[];
  /** Runs before a PUT is judged: for what happens between a writer's look and its write. */
  beforePut: (() => Promise<unknown>) | undefined;
  /** Told of each request when it is done, before its answer leaves. */
  onAnswer: ((request: AnsweredRequest) => void) | undefined;
  /** How many requests there were of each kind since the last call. */
  takeCounts(): Partial<Record<S3Operation, number>>;
  /** What stands there, past the wire. */
  objects(bucket: string): StoredObjects;
  object(bucket: string, key: string): StoredObject | undefined;
  /** Other bytes under the old ETag and checksum: a disk that lies. */
  spoil(bucket: string, key: string, spoiled: (body: Buffer) => Buffer): void;
  close(): Promise<void>;
}

export interface S3StandInOptions {
  /** The buckets that there are. @defaultValue each that is named */
  readonly buckets?: readonly string[] | undefined;
  readonly conduct?: Partial<Conduct> | undefined;
  /** @defaultValue any free one */
  readonly port?: number | undefined;
  /** Where objects are kept, to be found again by the next one. @defaultValue in memory alone */
  readonly folder?: string | undefined;
}

export async function startS3StandIn(options: S3StandInOptions = {}): Promise<S3StandIn> {
  const conduct: Conduct = { ...likeS3(), ...options.conduct };
  const buckets = new Buckets(conduct, options.buckets, options.folder);
  const requests: AnsweredRequest[] = [];
  let counted = 0;

  const answer = async (request: IncomingMessage): Promise<S3Answer> => {
    const { method = 'GET', url = '/', headers } = request;
    const { operation, bucket, key } = s3OperationOf(method, url);
    const since = buckets.find(bucket)?.writesOf(key) ?? 0;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (operation === 'PutObject') {
      const before = standIn.beforePut;
      standIn.beforePut = undefined;
      await before?.();
    }
    const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '');
    const raw = Buffer.concat(chunks);
    const answered = await answerOf(async () => {
      const refused = conduct.refuse?.({ operation: operation ?? 'unknown', key });
      if (refused !== undefined) throw new Refusal(refused);
      let asked: S3Request = { operation, bucket, key, query, headers, raw, since };
      if (conduct.looksThenWrites && operation === 'PutObject') {
        asked = judgedAhead(asked, buckets);
        await sleep(20);
      }
      return handle(asked, buckets, conduct);
    });
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers;
    const done: AnsweredRequest = {
      ...{ operation, bucket, key, status: answered.status },
      condition: ifMatch !== undefined ? `If-Match: ${ifMatch}` : ifNoneMatch && `If-None-Match: ${ifNoneMatch}`,
      checked: Object.keys(headers).some((name) => name.startsWith('x-amz-checksum-') || name === 'x-amz-trailer'),
      bytes: Math.max(raw.length, Buffer.byteLength(answered.body ?? '')),
    };
    requests.push(done);
    standIn.onAnswer?.(done);
    return answered;
  };

  const server = createServer((request, response) => {
    answer(request).then(
      (answered) => write(request, response, answered),
      // The client has gone in the middle of its request.
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const standIn: S3StandIn = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    conduct,
    requests,
    beforePut: undefined,
    onAnswer: undefined,
    takeCounts() {
      const counts: Partial<Record<S3Operation, number>> = {};
      for (const { operation } of requests.slice(counted)) {
        if (operation !== undefined) counts[operation] = (counts[operation] ?? 0) + 1;
      }
      counted = requests.length;
      return counts;
    },
    objects: (bucket) => buckets.get(bucket),
    object: (bucket, key) => buckets.get(bucket).get(key),
    spoil: (bucket, key, spoiled) => buckets.get(bucket).spoil(key, spoiled),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return standIn;
}

async function answerOf(work: () => Promise<S3Answer>): Promise<S3Answer> {
  try {
    return await work();
  } catch (error) {
    const { status, code, message } = error instanceof Refusal ? error : new Refusal('InternalError', String(error));
    const headers = {
      'content-type': 'application/xml',
      ...(status === 301 && { 'x-amz-bucket-region': 'eu-west-1' }),
    };
    return { status, headers, body: document('Error', { Code: code, Message: message, RequestId: 'STANDIN' }) };
  }
}

function write({ method }: IncomingMessage, response: ServerResponse, { status, headers, body }: S3Answer): void {
  const bare = method === 'HEAD' || status === 304 || status === 204;
  const length = headers?.['content-length'] ?? Buffer.byteLength(body ?? '');
  response.writeHead(status, {
    'x-amz-request-id': 'STANDIN',
    ...headers,
    ...(status !== 304 && status !== 204 && { 'content-length': method === 'HEAD' && status >= 300 ? 0 : length }),
  });
  response.end(bare ? undefined : body);
}

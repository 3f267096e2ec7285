/** What each operation does to the buckets, and what it answers. */
import type { IncomingHttpHeaders } from 'node:http';
import type { S3Operation } from '../../../lib/testing/s3-operation.js';
import { checkedBody } from './body.js';
import type { Conduct } from './conduct.js';
import { KeptObjects } from './kept-objects.js';
import { listingOf } from './listing.js';
import { Refusal } from './refusal.js';
import { type Conditions, type StoredObject, StoredObjects } from './stored-objects.js';
import { document, textsOf } from './xml.js';

export interface S3Request {
  readonly operation: S3Operation | undefined;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** As it came over the wire. */
  readonly raw: Buffer;
  /** Writes that the key had seen when the request came. */
  readonly since: number;
}

export interface S3Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Buffer | string;
}

/** The names of the buckets, with what is in them. */
export class Buckets {
  readonly #buckets = new Map<string, StoredObjects>();
  readonly #conduct: Conduct;
  readonly #makes: boolean;
  readonly #folder: string | undefined;

  /** Without `names` a bucket is there as soon as somebody names it. `folder`: where objects are kept. */
  constructor(conduct: Conduct, names: readonly string[] | undefined, folder?: string) {
    this.#conduct = conduct;
    this.#folder = folder;
    this.#makes = names === undefined;
    for (const name of names ?? []) this.create(name);
  }

  find(name: string): StoredObjects | undefined {
    if (this.#makes && !this.#buckets.has(name)) this.create(name);
    return this.#buckets.get(name);
  }

  get(name: string): StoredObjects {
    const found = this.find(name);
    if (found === undefined) throw new Refusal('NoSuchBucket');
    return found;
  }

  create(name: string): void {
    if (this.#buckets.has(name)) throw new Refusal('BucketAlreadyOwnedByYou');
    const kept = this.#folder === undefined ? undefined : new KeptObjects(this.#folder, name);
    this.#buckets.set(name, new StoredObjects(this.#conduct, kept));
  }

  delete(name: string): void {
    if (this.get(name).keys().length > 0) throw new Refusal('BucketNotEmpty');
    this.#buckets.delete(name);
  }

  names(): string[] {
    return [...this.#buckets.keys()].sort();
  }
}

const deletedMax = 1_000;
const keyBytesMax = 1_024;

/** Judges a PUT ahead of its time; the request that is left to carry out has no conditions. @throws {Refusal} */
export function judgedAhead(request: S3Request, buckets: Buckets): S3Request {
  const { 'if-match': _match, 'if-none-match': _noneMatch, ...headers } = request.headers;
  buckets.get(request.bucket).judge(request.key, conditionsOf(request), request.since);
  return { ...request, headers };
}

/** Carries a request out. @throws {Refusal} */
export function handle(request: S3Request, buckets: Buckets, conduct: Conduct): S3Answer {
  const { operation, bucket, key } = request;
  if (operation === undefined || request.headers.range !== undefined) throw new Refusal('NotImplemented');
  if (Buffer.byteLength(key) > keyBytesMax) throw new Refusal('KeyTooLongError');
  switch (operation) {
    case 'ListBuckets': {
      const Bucket = buckets.names().map((Name) => ({ Name, CreationDate: new Date(0).toISOString() }));
      return xml('ListAllMyBucketsResult', { Buckets: { Bucket } });
    }
    case 'CreateBucket':
      buckets.create(bucket);
      return { status: 200, headers: { location: `/${bucket}` } };
    case 'HeadBucket':
      buckets.get(bucket);
      return { status: 200, headers: { 'x-amz-bucket-region': 'us-east-1' } };
    case 'DeleteBucket':
      buckets.delete(bucket);
      return { status: 204 };
    case 'ListObjectsV2':
      return {
        status: 200,
        headers: xmlHeaders,
        body: listingOf(bucket, buckets.get(bucket), request.query),
      };
    case 'GetObject':
    case 'HeadObject':
      return read(request, buckets.get(bucket), conduct);
    case 'PutObject':
      return put(request, buckets.get(bucket), conduct);
    case 'DeleteObject':
      buckets.get(bucket).delete(key, conditionsOf(request));
      return { status: 204 };
    case 'DeleteObjects':
      return deleteAll(request, buckets.get(bucket));
  }
}

const xmlHeaders = { 'content-type': 'application/xml' };

function xml(root: string, content: Parameters<typeof document>[1]): S3Answer {
  return { status: 200, headers: xmlHeaders, body: document(root, content) };
}

function conditionsOf({ headers }: S3Request): Conditions {
  return { ifMatch: headers['if-match'], ifNoneMatch: headers['if-none-match'] };
}

function read(request: S3Request, objects: StoredObjects, conduct: Conduct): S3Answer {
  const { key, headers, operation } = request;
  const found = objects.get(key);
  if (found === undefined) throw new Refusal('NoSuchKey');
  const { ifMatch, ifNoneMatch } = conditionsOf(request);
  const same = (etag: string) => etag === '*' || etag.replaceAll('"', '') === found.etag.replaceAll('"', '');
  if (ifMatch !== undefined && !same(ifMatch)) throw new Refusal('PreconditionFailed');
  if (ifNoneMatch !== undefined && same(ifNoneMatch)) throw new Refusal('NotModified');
  const tells = headers['x-amz-checksum-mode'] === 'ENABLED' && !conduct.withoutChecksums;
  return {
    status: 200,
    headers: {
      ...Object.fromEntries(
        Object.entries(found.headers).filter(([name]) => tells || !name.startsWith('x-amz-checksum-')),
      ),
      etag: found.etag,
      'last-modified': found.modified.toUTCString(),
      'content-length': found.body.length,
    },
    ...(operation === 'GetObject' && { body: found.body }),
  };
}

function put(request: S3Request, objects: StoredObjects, conduct: Conduct): S3Answer {
  const { key, headers, raw, since } = request;
  const { body, checksum } = checkedBody(headers, raw);
  const told = conduct.withoutChecksums || Object.keys(checksum).length === 0 ? {} : withType(checksum);
  const { etag } = objects.put(key, body, { ...keptOf(headers), ...told }, conditionsOf(request), since);
  return { status: 200, headers: { etag, ...told } };
}

const withType = (checksum: Readonly<Record<string, string>>) => ({
  ...checksum,
  'x-amz-checksum-type': 'FULL_OBJECT',
});

/** What is kept of a PUT's headers. */
function keptOf(headers: IncomingHttpHeaders): StoredObject['headers'] {
  const kept: Record<string, string> = { 'content-type': headers['content-type'] ?? 'binary/octet-stream' };
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz-meta-')) kept[name] = String(value);
  }
  const encodings = String(headers['content-encoding'] ?? '').split(',');
  const encoding = encodings.map((one) => one.trim()).filter((one) => one !== '' && one !== 'aws-chunked');
  if (encoding.length > 0) kept['content-encoding'] = encoding.join(',');
  return kept;
}

function deleteAll({ headers, raw }: S3Request, objects: StoredObjects): S3Answer {
  const { body, checksum } = checkedBody(headers, raw);
  if (headers['content-md5'] === undefined && Object.keys(checksum).length === 0) {
    throw new Refusal('InvalidRequest', 'Missing required header for this request: Content-MD5');
  }
  const text = body.toString();
  const keys = textsOf(text, 'Key');
  if (keys.length === 0 || keys.length > deletedMax) throw new Refusal('MalformedXML');
  for (const key of keys) objects.delete(key);
  const isQuiet = textsOf(text, 'Quiet')[0] === 'true';
  return xml('DeleteResult', isQuiet ? {} : { Deleted: keys.map((Key) => ({ Key })) });
}

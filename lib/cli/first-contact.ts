/**
 * Tells at once when nobody is there.
 *
 * The library tries again when a store can't be reached, for that passes in production. On a command line it is most often a wrong
 * address. So the first request waits until a bare connection to its host was made, and nothing is sent when none can be; and who
 * answers in another language than DynamoDB's is not asked again. After the first answer all is as in any other program.
 */
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

const connectMsMax = 3_000;

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ENOTFOUND: 'there is no such host (ENOTFOUND)',
  EAI_AGAIN: 'its name could not be looked up (EAI_AGAIN)',
  EHOSTUNREACH: 'there is no way to that host (EHOSTUNREACH)',
  ENETUNREACH: 'there is no way to that network (ENETUNREACH)',
};

/** Nobody there who speaks DynamoDB. To the engine it is a refusal by the client, which is final: nothing was sent, or nothing done. */
class EndpointError extends CommandError {
  readonly $fault = 'client';
  readonly $metadata = { attempts: 1 };

  constructor({ protocol, hostname, port }: Request, reason: string, cause?: unknown) {
    const address = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
    super('ERR_UNREACHABLE', `Cannot use ${address}: ${reason}; check --endpoint-url and --region`, { cause });
  }
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
    socket.once('error', (error: NodeJS.ErrnoException) => {
      fail(reasons[error.code ?? ''] ?? (error.message || String(error.code)), error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.destroy();
      done();
    });
  });
}

/** Watches over the first request of a client that was just made. */
export function watchFirstContact(client: Client): void {
  let hasAnswered = false;
  let reached: Promise<void> | undefined;
  const middleware =
    (next: (args: { readonly request: Request }) => Promise<unknown>) =>
    async (args: { readonly request: Request }) => {
      if (hasAnswered) return next(args);
      reached ??= reach(args.request);
      await reached;
      try {
        const answer = await next(args);
        hasAnswered = true;
        return answer;
      } catch (error) {
        const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
        if (name === 'SyntaxError') throw new EndpointError(args.request, 'what answers there is no DynamoDB', error);
        hasAnswered ||= $metadata?.httpStatusCode !== undefined;
        throw error;
      }
    };
  client.middlewareStack.add(
    middleware as never,
    { step: 'build', priority: 'low', name: 'leydenFirstContact' } as never,
  );
}

/**
 * Stands between a server and dynalite's request handler, so that nothing a client does, and no moment of closing, can
 * bring the process down.
 *
 * dynalite throws out of a callback when a client leaves in the middle of a request, and when its store is closed under a
 * request. Therefore errors of a request's stream are swallowed here (the client is gone, nobody is to be told), and
 * `drained` waits for requests already begun: only then may the store be closed.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** Requests under way, and the way to refuse more. */
export interface Gate {
  /** Cuts all connections, refuses new ones, and resolves when no request is being worked on, `waitMs` at most. */
  shut(waitMs: number): Promise<void>;
}

/** Puts a {@link Gate} before the one request handler of `server`. */
export function gate(server: Server): Gate {
  const handlers = server.listeners('request') as ((req: IncomingMessage, res: ServerResponse) => void)[];
  let shut = false;
  let working = 0;
  let onIdle = () => {};
  const leave = () => {
    working -= 1;
    if (working === 0) onIdle();
  };

  server.removeAllListeners('request');
  server.on('request', (req, res) => {
    if (shut) {
      req.socket.destroy();
      return;
    }
    working += 1;
    let counted = true;
    const done = () => {
      if (counted) leave();
      counted = false;
    };
    const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
    res.end = ((...args: unknown[]) => {
      done();
      return end(...args);
    }) as typeof res.end;
    for (const handle of handlers) handle(req, res);
    req.removeAllListeners('error');
    req.on('error', () => {});
    // Without its last byte the request never reaches dynalite's action, and nobody would call `end`.
    req.on('close', () => {
      if (!req.complete) done();
    });
  });

  return {
    async shut(waitMs) {
      shut = true;
      server.on('connection', (socket) => socket.destroy());
      server.closeAllConnections();
      if (working === 0) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        onIdle = resolve;
        timer = setTimeout(resolve, waitMs);
      });
      clearTimeout(timer);
    },
  };
}

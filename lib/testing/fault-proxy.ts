/**
 * A seeded HTTP proxy before a real engine that loses, cuts, doubles, delays and invents answers.
 *
 *     client --> proxy --> engine (dynalite, DynamoDB Local, …; or what speaks S3)
 *                 | for each request: read it whole, ask the chooser, carry the fault out
 *
 * It knows operations by their `X-Amz-Target` header, those of S3 by method and path, so a fault can strike just the third PutItem, or the
 * PutObject of one key. Without a fault it is
 * transparent: bodies byte for byte, headers as they came, `x-amz-crc32` included. A client that has gone does not call its
 * request back: what is held is still delivered, as on a real network.
 *
 * Invariant: given the seed and the order of requests, the same requests meet the same faults. After `close` nothing of it
 * runs, and nothing more reaches the engine.
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cannedAnswer, conflict, serverError, throttled, type WireAnswer } from './fault-answers.js';
import { AnswerMemory } from './fault-memory.js';
import { type FaultProfile, faultRules } from './fault-profiles.js';
import { type ChosenFault, chooser, type FaultChooser, type FaultKind, type FaultRule } from './fault-rules.js';
import { altered, cut, endToEnd, lose, type Received, receive, reply, shortened, whole } from './fault-wire.js';

/** Which faults: a named profile with its rate, or rules of one's own. */
export type FaultChoice =
  | { readonly profile: FaultProfile; readonly rate?: number | undefined; readonly rules?: undefined }
  | { readonly rules: readonly FaultRule[]; readonly profile?: undefined; readonly rate?: undefined };

/** Options of {@link startFaultProxy}. Plain data: they can be handed to another process as JSON. */
export type FaultProxyOptions = FaultChoice & {
  /** Endpoint of the engine, `http://host:port`. */
  readonly target: string;
  /** Seed of all choices. @defaultValue 1 */
  readonly seed?: number | undefined;
  /** Port on 127.0.0.1. @defaultValue any free one */
  readonly port?: number | undefined;
};

/** What a proxy did so far. */
export interface FaultStats {
  readonly requests: number;
  /** Requests that met no fault. */
  readonly passed: number;
  /** Faults carried out, by kind. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Copies of requests handed to the engine. */
  readonly delivered: number;
  /** Copies that are still to be delivered late. */
  readonly pending: number;
  /** Late copies that `close` dropped. */
  readonly dropped: number;
  /** Times the engine itself did not answer; the client saw a reset. */
  readonly engineFailures: number;
}

/** A running fault proxy. */
export interface FaultProxy {
  /** `http://127.0.0.1:…`: the endpoint for clients. */
  readonly endpoint: string;
  readonly port: number;
  /** A copy of the counts. */
  stats(): FaultStats;
  /** Goes on with other faults and a fresh draw from the same seed; `{ profile: 'calm' }` ends all faults. */
  setFaults(choice: FaultChoice): void;
  /**
   * Cuts all connections at once. Late copies are dropped, or, with `flush: true`, delivered now and waited for.
   * Idempotent.
   */
  close(options?: { readonly flush?: boolean }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

class Relay {
  readonly #target: URL;
  // Idle connections end before the engine ends them: a request must not meet a connection that is just being closed.
  readonly #agent = new Agent({ keepAlive: true, timeout: 3_000 });
  readonly #memory = new AnswerMemory();
  readonly #late = new Set<{ readonly timer: NodeJS.Timeout; readonly received: Received }>();
  readonly #deliveries = new Set<Promise<unknown>>();
  readonly #faults: Partial<Record<FaultKind, number>> = {};
  #choose: FaultChooser = () => undefined;
  #remembers = false;
  #closed = false;
  #requests = 0;
  #passed = 0;
  #delivered = 0;
  #dropped = 0;
  #engineFailures = 0;

  constructor(target: string) {
    this.#target = new URL(target);
  }

  use(choice: FaultChoice, seed: number): void {
    const rules = choice.rules ?? faultRules(choice.profile, choice.rate);
    this.#choose = chooser(rules, seed);
    this.#remembers = rules.some((rule) => rule.fault === 'stale');
  }

  stats(): FaultStats {
    return {
      requests: this.#requests,
      passed: this.#passed,
      faults: { ...this.#faults },
      delivered: this.#delivered,
      pending: this.#late.size,
      dropped: this.#dropped,
      engineFailures: this.#engineFailures,
    };
  }

  /** Hands one copy to the engine. */
  #deliver(received: Received): Promise<WireAnswer> {
    if (this.#closed) return Promise.reject(new Error('the proxy is closed'));
    this.#delivered += 1;
    const delivery = new Promise<WireAnswer>((done, failed) => {
      const { hostname, port } = this.#target;
      const { method, url: path, body } = received;
      const headers = [...endToEnd(received.headers)];
      const sent = request(
        { agent: this.#agent, hostname, port, method, path, headers: headers as never },
        (answer) => {
          whole(answer).then(
            (text) => done({ status: answer.statusCode ?? 500, headers: endToEnd(answer.rawHeaders), body: text }),
            failed,
          );
        },
      );
      sent.on('error', failed).end(body);
    });
    const settled = delivery.catch(() => {
      this.#engineFailures += 1;
    });
    this.#deliveries.add(settled);
    void settled.then(() => this.#deliveries.delete(settled));
    if (this.#remembers && received.operation === 'GetItem') {
      return delivery.then((answer) => {
        this.#memory.remember(received.body, answer);
        return answer;
      });
    }
    return delivery;
  }

  #deliverLate(received: Received, ms: number): void {
    const entry = {
      received,
      timer: setTimeout(() => {
        this.#late.delete(entry);
        this.#deliver(received).catch(() => {});
      }, ms),
    };
    this.#late.add(entry);
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      const received = await receive(req);
      const fault = this.#choose(received.operation, decodeURIComponent(received.url));
      this.#requests += 1;
      if (fault === undefined) {
        this.#passed += 1;
        reply(res, await this.#deliver(received));
        return;
      }
      this.#faults[fault.kind] = (this.#faults[fault.kind] ?? 0) + 1;
      await this.#strike(fault, received, res);
    } catch {
      // The client left in mid-request, or the engine did not answer.
      res.socket?.resetAndDestroy();
    }
  }

  async #strike(fault: ChosenFault, received: Received, res: ServerResponse): Promise<void> {
    const { kind, rule, coin, delayMs } = fault;
    switch (kind) {
      case 'reset-after':
      case 'close-after':
      case 'swallow-after':
        await this.#deliver(received);
        return lose(res, kind);
      case 'reset-before':
      case 'close-before':
      case 'swallow-before':
        return lose(res, kind);
      case 'cut-body':
        return cut(res, await this.#deliver(received));
      case 'duplicate':
        return reply(res, await this.#double(fault, received));
      case 'late':
        this.#deliverLate(received, delayMs);
        return lose(res, 'reset-before');
      case '5xx-after':
        await this.#deliver(received);
        return reply(res, serverError(rule.body === undefined ? coin >= 0.5 : rule.body === 'html', received));
      case '5xx-before':
        return reply(res, serverError(rule.body === undefined ? coin >= 0.5 : rule.body === 'html', received));
      case 'throttle':
        return reply(res, throttled(received));
      case 'conflict':
        return reply(res, conflict(received));
      case 'stale':
        return reply(res, this.#memory.recall(received.body, coin) ?? (await this.#deliver(received)));
      case 'delay':
        return reply(res, await this.#delay(fault, received));
      case 'answer':
        if (rule.canned?.applied) await this.#deliver(received);
        return reply(res, cannedAnswer(rule.canned ?? { status: 500 }, received));
      case 'alter-body': {
        const answer = await this.#deliver(received);
        return reply(res, { ...answer, body: altered(answer.body, coin) });
      }
      case 'shorten-body':
        return reply(res, shortened(await this.#deliver(received)));
      case 'alter-request':
        return reply(res, await this.#deliver({ ...received, body: altered(received.body, coin) }));
    }
  }

  async #double({ rule, coin, delayMs }: ChosenFault, received: Received): Promise<WireAnswer> {
    const first = await this.#deliver(received);
    if (rule.delayMs !== undefined) {
      this.#deliverLate(received, delayMs);
      return first;
    }
    const second = await this.#deliver(received);
    return (rule.answer ?? (coin < 0.5 ? 'first' : 'second')) === 'first' ? first : second;
  }

  async #delay({ rule, coin, delayMs }: ChosenFault, received: Received): Promise<WireAnswer> {
    const hold = () => new Promise((done) => setTimeout(done, delayMs).unref());
    if ((rule.side ?? (coin < 0.5 ? 'before' : 'after')) === 'before') {
      await hold();
      return this.#deliver(received);
    }
    const answer = await this.#deliver(received);
    await hold();
    return answer;
  }

  async end(flush: boolean): Promise<void> {
    const late = [...this.#late];
    this.#late.clear();
    for (const { timer, received } of late) {
      clearTimeout(timer);
      if (flush) this.#deliver(received).catch(() => {});
      else this.#dropped += 1;
    }
    this.#closed = true;
    if (flush) await Promise.all(this.#deliveries);
    this.#agent.destroy();
    await Promise.all(this.#deliveries);
  }
}

/**
 * Starts a fault proxy on 127.0.0.1 before `target`. Needs no other process; can be run in one.
 *
 * @throws {RangeError} a probability outside 0 to 1.
 * @example
 * ```ts
 * import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
 * import { startEmbedded } from 'leyden-jar/embedded';
 * import { startFaultProxy } from 'leyden-jar/testing';
 * const store = await startEmbedded();
 * const proxy = await startFaultProxy({
 *   target: store.endpoint,
 *   seed: 7,
 *   rules: [{ fault: 'reset-after', operations: ['ListTables'], times: 1 }],
 * });
 * const client = new DynamoDBClient({ ...store.clientConfig, endpoint: proxy.endpoint });
 * console.log((await client.send(new ListTablesCommand({}))).$metadata.attempts); // 2
 * client.destroy();
 * await proxy.close();
 * await store.close();
 * ```
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { target, seed = 1, port = 0 } = options;
  const proxy = new Relay(target);
  proxy.use(options, seed);
  const server = createServer({ noDelay: true, keepAliveTimeout: 60_000 }, (req, res) => void proxy.handle(req, res));
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => done());
  });
  const bound = (server.address() as AddressInfo).port;

  let closing: Promise<void> | undefined;
  const close = ({ flush = false }: { readonly flush?: boolean } = {}): Promise<void> => {
    closing ??= (async () => {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await Promise.all([closed, proxy.end(flush)]);
    })();
    return closing;
  };
  return {
    endpoint: `http://127.0.0.1:${bound}`,
    port: bound,
    stats: () => proxy.stats(),
    setFaults: (choice) => proxy.use(choice, seed),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

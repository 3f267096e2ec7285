/**
 * A client that disturbs another one, as `FaultyEngine` does an engine, by the same rules: what a network and the SDK's own copies make of
 * requests. `partial` is what arrives as something else than was sent.
 *
 *   caller ─► FaultyClient ─► client
 *               │ rules, drawn from a seed
 */

import { type EngineFault, FaultPlan } from '../../../lib/engine/fault-plan.js';
import { type Clock, type EngineFaultRule, seededRandom } from '../../../lib/engine/index.js';
import { Refusal, type RefusalCode } from './refusal.js';
import {
  errorOf,
  operationOf,
  type PlainAnswer,
  type PlainClient,
  type SentCommand,
  unreachable,
} from './stand-in-client.js';

const kinds = { GetObject: 'get', PutObject: 'put', DeleteObject: 'delete' } as const;

/** An answer or an error. */
type Came = { readonly answer: PlainAnswer } | { readonly error: Error };

export class FaultyClient implements PlainClient {
  readonly config: object = {};
  /** How many were sent, the SDK's copies not counted. */
  requests = 0;
  readonly #client: PlainClient;
  readonly #clock: Clock;
  readonly #seed: number;
  readonly #underway = new Set<Promise<unknown>>();
  #plan: FaultPlan;

  constructor(client: PlainClient, { clock, seed }: { readonly clock: Clock; readonly seed: number }) {
    this.#client = client;
    this.#clock = clock;
    this.#seed = seed;
    this.#plan = new FaultPlan([], seededRandom(seed));
  }

  setRules(rules: readonly EngineFaultRule[]): void {
    this.#plan = new FaultPlan(rules, seededRandom(this.#seed));
  }

  /** Resolves when nothing is on its way any more. */
  async settled(): Promise<void> {
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  async send(command: SentCommand): Promise<PlainAnswer> {
    this.requests += 1;
    const operation = operationOf(command);
    const came = await this.#disturbed(command, this.#plan.choose(kinds[operation], command));
    if ('error' in came) throw came.error;
    return came.answer;
  }

  async #disturbed(command: SentCommand, fault: EngineFault | undefined): Promise<Came> {
    const isGet = operationOf(command) === 'GetObject';
    switch (fault?.kind) {
      case undefined:
        return this.#once(command);
      case 'reset-before':
        return lost();
      case 'unreachable':
        return { error: unreachable() };
      case '5xx-before':
        return refused('InternalError');
      case 'throttle':
        return refused('SlowDown');
      case 'conflict':
        return isGet ? this.#once(command) : refused('ConditionalRequestConflict');
      case 'throttle-after':
        await this.#once(command);
        return refused('SlowDown', 2);
      case 'reset-after':
      case '5xx-after':
        await this.#once(command);
        // Half of all clients send another copy by themselves.
        if (this.#plan.coin()) return resent(await this.#once(command));
        return fault.kind === 'reset-after' ? lost() : refused('InternalError');
      case 'cut-body':
        return withBody(await this.#once(command), cut) ?? lost();
      case 'partial':
        if (!isGet) return refused('XAmzContentSHA256Mismatch');
        return withBody(await this.#once(command), altered) ?? lost();
      case 'duplicate': {
        const copies = [await this.#once(command), await this.#once(command)] as const;
        return this.#plan.coin() ? copies[0] : copies[1];
      }
      case 'late':
        void this.#track(this.#clock.sleep(this.#plan.milliseconds([0, 5_000])).then(() => this.#once(command)));
        return lost();
      case 'delay': {
        const legMs = this.#plan.milliseconds([50, 2_000]) / 2;
        await this.#clock.sleep(legMs);
        const came = await this.#once(command);
        await this.#clock.sleep(legMs);
        return came;
      }
    }
  }

  /** One copy, which goes on its way whatever becomes of who sent it. */
  #once(command: SentCommand): Promise<Came> {
    return this.#track(
      this.#client.send(command).then(
        (answer) => ({ answer }),
        (error: Error) => ({ error }),
      ),
    );
  }

  #track<T>(sent: Promise<T>): Promise<T> {
    const ended: Promise<void> = sent.then(() => void this.#underway.delete(ended));
    this.#underway.add(ended);
    return sent;
  }
}

/** The connection ended without an answer. */
function lost(): Came {
  const error = Object.assign(new Error('read ECONNRESET'), { name: 'TimeoutError', code: 'ECONNRESET' });
  return { error: Object.assign(error, { $metadata: { attempts: 1 } }) };
}

function refused(code: RefusalCode, attempts = 1): Came {
  return { error: errorOf(new Refusal(code), attempts) };
}

/** The answer to the second of two copies. */
function resent(came: Came): Came {
  const told = 'error' in came ? came.error : came.answer;
  const $metadata = { ...(told as Partial<PlainAnswer>).$metadata, attempts: 2 } as PlainAnswer['$metadata'];
  if ('error' in came) return { error: Object.assign(came.error, { $metadata }) };
  return { answer: { ...came.answer, $metadata } };
}

/** `undefined` of what has no body. */
function withBody(came: Came, spoilt: (body: Uint8Array) => Promise<Uint8Array>): Came | undefined {
  if ('error' in came || came.answer.Body === undefined) return undefined;
  const { Body } = came.answer;
  return {
    answer: { ...came.answer, Body: { transformToByteArray: async () => spoilt(await Body.transformToByteArray()) } },
  };
}

async function cut(): Promise<Uint8Array> {
  throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

async function altered(body: Uint8Array): Promise<Uint8Array> {
  const other = Buffer.from(body);
  const at = other.length >> 1;
  other[at] = (other[at] as number) ^ 1;
  return other;
}

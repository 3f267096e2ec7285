/**
 * An engine that stops at one request, for ever or until it thaws: what a process that dies there, or is frozen there, does.
 *
 *   request 1, 2, … k - 1 ─► engine        request k ─► [ judged or not ] ─► no answer; nor to any other from then on
 */
import type { Engine } from '../../lib/engine/index.js';
import { overridden } from '../atom/bench.js';

export interface FrozenAt {
  /** Counted from 1. */
  readonly request: number;
  /** Whether the request at which it freezes has reached the store. */
  readonly delivers: boolean;
  /** When it thaws: whether the answers of what it was frozen with are lost. */
  readonly loses?: boolean;
}

export class FrozenEngine {
  readonly engine: Engine;
  /** Names of the requests, in order. */
  readonly requests: string[] = [];
  /** Resolves when it freezes. */
  readonly frozen: Promise<'frozen'>;
  #tell: (frozen: 'frozen') => void = () => {};
  #thaw: () => void = () => {};
  readonly #thawed: Promise<void>;
  #isThawed = false;

  constructor(inner: Engine, { request, delivers, loses = false }: FrozenAt) {
    this.frozen = new Promise((resolve) => {
      this.#tell = resolve;
    });
    this.#thawed = new Promise((resolve) => {
      this.#thaw = resolve;
    });
    const through = <Request extends object, Answer>(kind: string, send: (request: Request) => Promise<Answer>) => {
      return async (asked: Request): Promise<Answer> => {
        this.requests.push(`${kind} ${keyIn(asked)}`);
        const count = this.requests.length;
        if (this.#isThawed || count < request) return send(asked);
        const early = count === request && delivers ? send(asked) : undefined;
        if (early !== undefined) await early;
        this.#tell('frozen');
        await this.#thawed;
        const answer = await (early ?? send(asked));
        const isWrite = kind === 'put' || kind === 'delete' || kind === 'transactWrite';
        return loses && isWrite ? ({ status: 'unclear', error: new Error('lost') } as Answer) : answer;
      };
    };
    this.engine = overridden(inner, {
      put: through('put', (asked) => inner.put(asked)),
      get: through('get', (asked) => inner.get(asked)),
      batchGet: through('batchGet', (asked) => inner.batchGet(asked)),
      delete: through('delete', (asked) => inner.delete(asked)),
      transactWrite: through('transactWrite', (asked) => inner.transactWrite(asked)),
      transactGet: through('transactGet', (asked) => inner.transactGet(asked)),
    });
  }

  thaw(): void {
    this.#isThawed = true;
    this.#thaw();
  }
}

function keyIn(request: object): string {
  const { item, key, actions = [] } = request as Named & { readonly actions?: readonly Named[] };
  return (item ?? key)?.id?.S ?? actions.map(keyIn).join(' ');
}

interface Named {
  readonly item?: { readonly id?: { readonly S: string } };
  readonly key?: { readonly id?: { readonly S: string } };
}

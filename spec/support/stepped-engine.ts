/**
 * An engine whose every request is shown to the test before it is sent: to count it, to refuse it, to send it and lose the answer, or
 * to do something else first.
 *
 *     caller ─► stepped ─► onStep(step) ─► step.send() ─► engine
 *
 * Requests are counted from 0. `undefined` from `onStep` sends the request as it is.
 */
import type { Engine } from '../../lib/engine/index.js';

const kinds: ReadonlySet<string> = new Set([
  ...['get', 'batchGet', 'query', 'scan', 'transactGet'],
  ...['put', 'update', 'delete', 'batchWrite', 'transactWrite'],
]);

/** One request on its way. */
export interface Step {
  /** How many were sent before it. */
  readonly index: number;
  readonly kind: string;
  /** All keys and items as text, to find a request by. */
  readonly text: string;
  send(): Promise<unknown>;
}

export type OnStep = (step: Step) => Promise<unknown> | undefined;

export function isWriteStep({ kind }: Step): boolean {
  return !/^get|Get$|^query$|^scan$/.test(kind);
}

export function steppedEngine(engine: Engine, onStep: OnStep): Engine {
  let index = 0;
  return new Proxy(engine, {
    get(target, name) {
      const own: unknown = Reflect.get(target, name);
      if (typeof own !== 'function') return own;
      if (!kinds.has(String(name))) return own.bind(target);
      return (request: unknown, options: unknown) => {
        const send = () => own.call(target, request, options) as Promise<unknown>;
        let text: string | undefined;
        const step: Step = {
          index,
          kind: String(name),
          // Most who see steps do not look at it.
          get text() {
            text ??= textOf(request);
            return text;
          },
          send,
        };
        index += 1;
        return onStep(step) ?? send();
      };
    },
  });
}

function textOf(request: unknown): string {
  return JSON.stringify(request, (_name, value: unknown) => (value instanceof Uint8Array ? '' : value));
}

/** An engine that goes silent, and when it does. */
export interface DyingEngine {
  readonly engine: Engine;
  readonly died: Promise<void>;
}

/** A process that dies at its request `at`: before it is sent, or after it was applied. Nothing that it sends is answered any more. */
export function dyingEngine(engine: Engine, at: number, when: 'before' | 'after'): DyingEngine {
  let dead: () => void = () => {};
  const died = new Promise<void>((resolve) => {
    dead = resolve;
  });
  const never = new Promise<never>(() => {});
  const dying = steppedEngine(engine, (step) => {
    if (step.index < at) return undefined;
    if (step.index > at || when === 'before') {
      dead();
      return never;
    }
    return step.send().then(() => {
      dead();
      return never;
    });
  });
  return { engine: dying, died };
}

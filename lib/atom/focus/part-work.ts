/** How the calls of a cursor enter the lane of their atom, and what they may leave behind there. */
import { type Held, hold, isSealing, jsonCodec } from '../../codec/index.js';
import { requireTimeout } from '../atom-reader.js';
import type { SwapOnceOptions, SwapOptions } from '../call-options.js';
import type { Cell } from '../cell.js';
import type { State, Step, Work } from '../operation.js';
import { isThenable } from '../value-rules.js';

/**
 * Sends work to the lane.
 *
 * @param verb what is reported of it: the verb alone, for there may be as many paths as there are keys in the values
 */
export function submit<R>(cell: Cell, verb: string, part: PartWork<R>, options: SwapOptions): Promise<R> {
  const { timeoutMs = cell.retry.timeoutMs, signal } = options;
  requireTimeout(part.action, cell.keyText, timeoutMs);
  if ((options as SwapOnceOptions).opId !== undefined) {
    throw new TypeError(`Cannot ${part.action} atom ${cell.keyText}: a part takes no opId; use swapWith of the atom`);
  }
  cell.lane.assertOutside(part.action);
  const work = { ...part, alone: options.coalesce === false, fresh: options.from === 'read' };
  return cell.traced('swap', verb, (trace) => cell.lane.submit(work, timeoutMs, signal, trace));
}

type PartWork<R> = Pick<Work<R>, 'action' | 'isAsync' | 'run'>;

/** Makes `whole` the next value, if the rules of the atom admit it. */
export function stepTo<R>(
  cell: Cell,
  state: State,
  whole: unknown,
  options: SwapOptions,
  answer: (stored: unknown) => R,
): Step<R> | Promise<Step<R>> {
  const held = cell.rules.admit(cell.hold(whole));
  const finish = (next: Held): Step<R> => {
    const unchanged = options.noop !== 'write' && state.held?.equals(next) === true;
    return { next: unchanged ? undefined : next, answer: () => answer(next.hand()) };
  };
  return isThenable(held) ? held.then(finish) : finish(held);
}

/** The step of who has nothing to do: the answer is no. */
export const declined: Step<boolean> = { next: undefined, declined: true, answer: () => false };

/** Copies a part now, for its owner may change it before its turn comes; what can't be copied is refused in its turn. */
export function ownPart(cell: Cell, part: unknown): () => unknown {
  const { codec } = cell.rules;
  const form = codec !== undefined && isSealing(codec) ? codec.form : codec;
  // What a codec of the user's takes, nobody else may know how to copy.
  if (form !== undefined && form.transparent !== true) return () => part;
  try {
    const held = hold(part, jsonCodec);
    return () => held.hand();
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

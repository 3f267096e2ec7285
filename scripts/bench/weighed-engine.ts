/** Watches the puts of any engine: how many moved a journal's head, and how many bytes were stored. */
import { type Item, itemBytes } from '../../lib/codec/index.js';
import type { Engine } from '../../lib/engine/index.js';
import type { Counts } from './sample.js';

export interface WeighedEngine<Any extends Engine> {
  readonly engine: Any;
  counts(): Counts;
}

/**
 * Weighs what this engine puts from now on. A commit is a put of a head that was applied; bytes are those of all items that were,
 * heads, bodies, pages and parts.
 */
export function weighed<Any extends Engine>(engine: Any, onHead?: (head: Item) => void): WeighedEngine<Any> {
  let [commits, bytesWritten] = [0, 0];
  const put = engine.put.bind(engine);
  engine.put = async (request, options) => {
    const answer = await put(request, options);
    if (answer.status !== 'applied') return answer;
    bytesWritten += itemBytes(request.item);
    if (isHead(request.item)) {
      commits += 1;
      onHead?.(request.item);
    }
    return answer;
  };
  const counts = (): Counts => {
    const { requests, readUnits, writeUnits, conditionsFailed } = engine.spent();
    return { requests, readUnits, writeUnits, failedPuts: conditionsFailed, commits, bytesWritten };
  };
  return { engine, counts };
}

function isHead({ id }: Item): boolean {
  return id !== undefined && 'S' in id && id.S.endsWith('/head');
}

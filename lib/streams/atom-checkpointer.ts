import type { ItemAtom } from '../atom/index.js';
import { type Checkpointer, TextCheckpointer } from './checkpoint.js';
import type { StreamToken } from './position.js';
import { decodeToken, encodeToken, requireToken } from './token.js';

/**
 * Keeps the token in an atom: for readers that go on elsewhere, on another machine or in another invocation of a function.
 *
 * **Guarantee.** A save is a conditional write, settled before it resolves: of two readers that have loaded the same token at most one
 * saves the next one, however late its answer or its process. **It cannot** keep them from delivering the same records until then; a
 * `ConsumerGroup` does.
 *
 * If the process dies, the token before or the new one stands there, and the records since are delivered again.
 *
 * Use a table of its own, or one whose stream nobody reads: in the table that is read, each save is a change of it.
 *
 * @cost `load`: 1 request, 1 read unit. `save`: 1 request, 1 write unit per KB of the token (some 100 bytes a shard).
 * @iam dynamodb:GetItem, dynamodb:PutItem
 * @throws {CheckpointConflictError} `ERR_STREAM_CHECKPOINT` from `save`, {@link TokenError} `ERR_STREAM_TOKEN` from `load`; what the atom throws.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { atomCheckpointer, type StreamToken } from 'leyden-jar/streams';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'positions' });
 * await table.create();
 * const checkpointer = atomCheckpointer(table.atom<StreamToken>('billing'));
 * console.log(await checkpointer.load()); // => undefined
 * ```
 */
export function atomCheckpointer(atom: ItemAtom<StreamToken>): Checkpointer {
  if (typeof atom?.compareAndSet !== 'function') {
    throw new TypeError('Cannot make a checkpointer: atom must be an atom, as table.atom(key) opens it');
  }
  return new TextCheckpointer({
    name: `atom ${atom.key}`,
    async read(signal) {
      const value = await atom.deref({ signal });
      return { value, text: value === undefined ? undefined : encodeToken(requireToken(value)) };
    },
    async replace({ value: expected }, text) {
      const value = decodeToken(text);
      return (await atom.compareAndSet(expected, value)) ? { value, text } : undefined;
    },
  });
}

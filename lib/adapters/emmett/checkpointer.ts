import type { AnyMessage, AnyReadEventMetadata, Checkpointer, DefaultRecord } from '@event-driven-io/emmett';
import type { AtomTable } from '../../atom/index.js';
import { getCheckpoint } from './api.js';

/** Options of {@link leydenCheckpointer}. */
export interface LeydenCheckpointerOptions {
  /**
   * The keys of the checkpoints begin with it.
   * @defaultValue 'emmett-checkpoints'
   */
  readonly name?: string;
}

/** How far a processor is. */
interface Place {
  readonly lastCheckpoint: bigint | null;
}

type Stored = Awaited<ReturnType<LeydenCheckpointer['store']>>;

/** Emmett's `Checkpointer`, whose positions are bigints. */
export type LeydenCheckpointer = Checkpointer<AnyMessage, AnyReadEventMetadata, DefaultRecord, bigint>;

/**
 * Keeps how far Emmett's processors are: an atom for each processor and partition.
 *
 * **Guarantee.** A checkpoint is stored only in the place of the one that the processor has read or stored last, as Emmett's in-memory
 * one does it. So of two processes that run one processor by mistake, one at most moves it, and a processor that was told to start
 * elsewhere (`startFrom`) does not move what another one left. **It cannot** keep the two from handling the same messages: that is at
 * least once.
 *
 * If the process dies between a message and its checkpoint, the message is handled again. A lost answer is settled before the processor
 * is told.
 *
 * A processor's `version` is not looked at; give the processor of a new version an id of its own.
 *
 * @cost `read`: 1 request, 1 read unit, once for each start. `store`: 1 request, 1 write unit for each message that is handled.
 * @iam dynamodb:GetItem, dynamodb:PutItem
 * @throws what the atom throws, from the processor.
 *
 * @example
 * ```ts
 * import { reactor } from '@event-driven-io/emmett';
 * import { AtomTable } from 'leyden-jar';
 * import { leydenCheckpointer } from 'leyden-jar/adapters/emmett';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'shop' });
 * await table.create();
 * const mails = reactor({ processorId: 'mails', eachMessage: () => {}, checkpoints: leydenCheckpointer(table) });
 * console.log(await mails.start({})); // => BEGINNING
 * await mails.close({});
 * ```
 */
export function leydenCheckpointer(table: AtomTable, options: LeydenCheckpointerOptions = {}): LeydenCheckpointer {
  const { name = 'emmett-checkpoints' } = options;
  if (typeof table?.atom !== 'function') {
    throw new TypeError(`Cannot make a checkpointer: table must be an AtomTable, not ${typeof table}`);
  }
  // A list as the key: no two of them meet, whatever is in the ids.
  const placeOf = (processorId: string, partition: string | undefined) =>
    table.atom<Place>([name, partition ?? null, processorId], { initial: { lastCheckpoint: null } });
  return {
    read: ({ processorId, partition }) => placeOf(processorId, partition).deref(),
    store({ message, processorId, lastCheckpoint, partition }) {
      const next: bigint | null = getCheckpoint<AnyMessage, AnyReadEventMetadata, bigint>(message);
      return placeOf(processorId, partition).swapWith<Stored>((place) => {
        const { lastCheckpoint: current } = place;
        if (current === null || (current === lastCheckpoint && current !== next)) {
          return [{ lastCheckpoint: next }, { success: true, newCheckpoint: next as bigint }];
        }
        if (current === next) return [place, { success: false, reason: 'IGNORED' }];
        const isAhead = next !== null && current > next;
        return [place, { success: false, reason: isAhead ? 'CURRENT_AHEAD' : 'MISMATCH' }];
      });
    },
  };
}

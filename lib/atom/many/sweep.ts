/** Clearing what has expired, in tables whose engine does not do it. */
import type { AttributeValue, Item } from '../../codec/index.js';
import type { Expression } from '../../engine/index.js';
import { partCodecName } from '../large/parts-format.js';
import { receiptCodecName } from '../receipts/receipt-format.js';
import { Sender } from '../sender.js';
import { type Cells, keyItemOf } from './cells.js';
import { requireCount } from './many-keys.js';
import { readPage } from './page-read.js';

/** How far a sweep has come. */
export interface SweepProgress {
  /** Pages of the table that were read. */
  readonly pages: number;
  /** Items that are removed. */
  readonly removed: number;
  /** Items that could have been removed and are left to the next sweep: written since, or no clear answer. */
  readonly left: number;
}

/** Options of `AtomTable.sweep`. */
export interface SweepOptions {
  /** Told after each page; the next one is read when what it returns has settled. So it can slow a sweep down as well. */
  readonly onPage?: (progress: SweepProgress) => void | Promise<void>;
  /**
   * Removals under way at a time.
   * @defaultValue 16
   */
  readonly concurrency?: number;
  /**
   * Items that one page reads at most.
   * @defaultValue what fits into 1 MB
   */
  readonly pageItemsMax?: number;
  /** Ends the sweep with `signal.reason`, between two removals. */
  readonly signal?: AbortSignal | undefined;
}

const concurrencyDefault = 16;

export async function sweep(cells: Cells, options: SweepOptions = {}): Promise<number> {
  const { onPage, concurrency = concurrencyDefault, pageItemsMax, signal } = options;
  requireCount('sweep', 'concurrency', concurrency);
  if (pageItemsMax !== undefined) requireCount('sweep', 'pageItemsMax', pageItemsMax);
  const { engine, keyNames, names, tableName } = cells.ground;
  const stop = signal ?? new AbortController().signal;
  let [pages, removed, left] = [0, 0, 0];
  let startKey: Item | undefined;
  do {
    signal?.throwIfAborted();
    const request = {
      table: tableName(),
      filter: expired(cells),
      consistent: true,
      limit: pageItemsMax,
      startKey,
      projection: [...keyNames, names.token, names.expiresAt],
    };
    const page = await readPage(cells, 'sweep', stop, (sending) => engine.scan(request, sending));
    const waiting = [...page.items];
    const work = async () => {
      for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
        signal?.throwIfAborted();
        if (await remove(cells, item)) removed += 1;
        else left += 1;
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, waiting.length) }, work));
    pages += 1;
    await onPage?.({ pages, removed, left });
    startKey = page.nextKey;
  } while (startKey !== undefined);
  return removed;
}

/**
 * Tombstones whose hour is over, values that expired an hour ago, parts that none of them has needed for an hour, and receipts that are
 * promised no longer.
 */
function expired({ ground: { names, clock } }: Cells): Expression {
  return {
    expression: '(attribute_exists(#l) OR #c = :part OR #c = :receipt) AND #x < :now',
    names: { '#l': names.token, '#c': names.codec, '#x': names.expiresAt },
    values: {
      ':part': { S: partCodecName },
      ':receipt': { S: receiptCodecName },
      ':now': { N: String(Math.floor(clock.now() / 1_000)) },
    },
  };
}

/** Removes an item if nobody has written it since; anything but a plain yes leaves it to the next sweep. */
async function remove(cells: Cells, item: Item): Promise<boolean> {
  const { engine, keyNames, names, tableName } = cells.ground;
  // What has no token is never written again under the same expiry.
  const name = item[names.token] === undefined ? names.expiresAt : names.token;
  const condition = { expression: '#a = :a', names: { '#a': name }, values: { ':a': item[name] as AttributeValue } };
  const request = { table: tableName(), key: keyItemOf(item, keyNames), condition };
  try {
    const answer = await new Sender(cells.bulk, cells.retry).timed((signal) => engine.delete(request, { signal }));
    return answer.status === 'applied';
  } catch {
    // No answer in time.
    return false;
  }
}

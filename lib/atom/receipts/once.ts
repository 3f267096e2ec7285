/** What calls with an `opId` keep of their results, and how they find out that they were made before. */
import type { Item } from '../../codec/index.js';
import type { Cell } from '../cell.js';
import type { CommuteResult } from '../commute/commute-types.js';
import type { Ground } from '../ground.js';
import type { Sender } from '../sender.js';
import type { OncePlan } from '../transact/course-call.js';
import type { View } from '../transact/transaction-view.js';
import { ValueRules } from '../value-rules.js';
import type { Verb } from './once-calls.js';
import { type Parts, requireOpId, Slip } from './receipt.js';
import { parseReceipt } from './receipt-format.js';

interface Memory {
  readonly keep: (result: never) => Parts;
  readonly recall: (parts: Parts) => unknown;
}

const one: Memory = { keep: (value: unknown) => ({ value }), recall: ({ value }) => value };
const both: Memory = {
  keep: ([old, value]: readonly unknown[]) => ({ old, value }),
  recall: ({ old, value }) => [old, value],
};
const conditional: Memory = {
  keep: ({ applied, value }: CommuteResult<unknown>) => ({ result: applied, value }),
  recall: ({ result, value }) => ({ applied: result, value }),
};
const own: Memory = { keep: (result: unknown) => ({ result }), recall: ({ result }) => result };

const memories: Readonly<Record<Verb, Memory>> = {
  swap: one,
  swapVals: both,
  swapWith: own,
  reset: one,
  resetVals: both,
  delete: own,
  commute: one,
  commuteWhen: conditional,
};

/** @throws TypeError, RangeError for what can't be an `opId`. */
export function onceForTransaction<R>(
  ground: Ground,
  sender: Sender,
  { codec, timeoutMs }: { readonly codec: ValueRules['codec']; readonly timeoutMs: number },
  opId: string,
): OncePlan<R> {
  requireOpId('transact', opId);
  const none = { schema: undefined, index: undefined, adopt: undefined, ttlMs: undefined, large: undefined };
  const rules = new ValueRules('', { ...none, codec, foreign: 'carry' });
  const slip = new Slip(ground, { opId, kind: 'transact', atom: undefined, rules, timeoutMs });
  return planOf<R>(ground, sender, slip, own, false);
}

export interface AtomCall {
  readonly cell: Cell;
  readonly verb: Verb;
  readonly opId: string;
  /** Whether the receipt has to lie in the atom's own item. */
  readonly inItem: boolean;
}

/** @throws TypeError, RangeError for what can't be an `opId`. */
export function onceForAtom<R>(ground: Ground, sender: Sender, { cell, verb, opId, inItem }: AtomCall): OncePlan<R> {
  requireOpId(`${verb} atom ${cell.keyText}`, opId);
  const { keyText: atom, rules, retry } = cell;
  const slip = new Slip(ground, { opId, kind: verb, atom, rules, timeoutMs: retry.timeoutMs });
  return planOf<R>(ground, sender, slip, memories[verb], inItem);
}

function planOf<R>(ground: Ground, sender: Sender, slip: Slip, memory: Memory, inItem: boolean): OncePlan<R> {
  const find = async (views: readonly View[], look: boolean): Promise<Parts | undefined> => {
    for (const { base } of views) {
      const receipts: Item | undefined = base?.image?.receipts;
      if (receipts !== undefined && Object.hasOwn(receipts, slip.opId)) {
        return slip.recall(parseReceipt(receipts[slip.opId], slip.keyText));
      }
    }
    if (inItem || !look) return undefined;
    const { engine, tableName, clock } = ground;
    const deadlineAt = clock.monotonicMs() + lookMs;
    const item = await sender.read(slip.keyText, deadlineAt, (signal) =>
      engine.get({ table: tableName(), key: slip.key, consistent: true }, { signal }),
    );
    return item && slip.recallFrom(item);
  };
  return {
    slip,
    inItem,
    find,
    keep: memory.keep as unknown as (value: R) => Parts,
    recall: memory.recall as (parts: Parts) => R,
  };
}

/** How long a receipt is asked for; the caller may go sooner. */
const lookMs = 30_000;

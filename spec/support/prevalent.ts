/** What specs of prevalent systems share: a small system, a clock that is set by hand, text that can't be packed. */
import { type Clock, seededRandom } from '../../lib/engine/index.js';

/** A clock whose wall time is set by hand. */
export function handClock(base: Clock, start = 1_000): Clock & { set(nowMs: number): void } {
  let nowMs = start;
  return {
    now: () => nowMs,
    monotonicMs: () => base.monotonicMs(),
    sleep: (ms, options) => base.sleep(ms, options),
    set(next) {
      nowMs = next;
    },
  };
}

/** What most specs keep: amounts in the order in which they came. */
export interface Ledger {
  readonly sum: number;
  readonly seen: readonly number[];
}

export type Entry = number | 'same' | 'refuse' | { readonly pay: number; readonly note: string };

export const emptyLedger: Ledger = { sum: 0, seen: [] };

/** Takes amounts; overdrawing is refused. Its result is the balance. */
export function ledgerHandler(ledger: Ledger, entry: Entry): Ledger {
  if (entry === 'refuse') throw new RangeError('refused');
  if (entry === 'same') return ledger;
  const amount = typeof entry === 'number' ? entry : entry.pay;
  if (ledger.sum + amount < 0) throw new RangeError('overdrawn');
  return { sum: ledger.sum + amount, seen: [...ledger.seen, amount] };
}

export const ledger: { readonly initialState: Ledger; readonly handler: typeof ledgerHandler } = {
  initialState: emptyLedger,
  handler: ledgerHandler,
};

const noises = new Map<string, string>();

/** Text that can't be packed: `bytes` characters drawn from `seed`. */
export function noise(bytes: number, seed = 1): string {
  const known = noises.get(`${bytes}/${seed}`);
  if (known !== undefined) return known;
  const random = seededRandom(seed);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const text = Array.from({ length: bytes }, () => alphabet[random.int(alphabet.length)]).join('');
  noises.set(`${bytes}/${seed}`, text);
  return text;
}

export function range(count: number, from = 1): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

/** The error that `work` ends with. */
export async function errorOf(work: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await work;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('it did not fail');
}

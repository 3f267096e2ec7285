/** What the facts work on: a small system, a clock that is set by hand, text that can't be packed. */
import { hash } from 'node:crypto';
import type { Clock } from '../../engine/index.js';
import { type Handler, withResult } from '../../prevalence/index.js';

/** A clock whose wall time is set by hand. */
export interface HandClock extends Clock {
  set(nowMs: number): void;
}

export function handClock(base: Clock, start = 1_000): HandClock {
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

/** Amounts in the order in which they came. */
export interface Ledger {
  readonly sum: number;
  readonly seen: readonly number[];
}

export type Entry = number | 'same' | 'refuse' | { readonly pay: number; readonly note: string };

export const emptyLedger: Ledger = { sum: 0, seen: [] };

/** Takes amounts; overdrawing is refused. */
function ledgerHandler(state: Ledger, entry: Entry): Ledger {
  if (entry === 'refuse') throw new RangeError('refused');
  if (entry === 'same') return state;
  const amount = typeof entry === 'number' ? entry : entry.pay;
  if (state.sum + amount < 0) throw new RangeError('overdrawn');
  return { sum: state.sum + amount, seen: [...state.seen, amount] };
}

export const ledger: { readonly initialState: Ledger; readonly handler: typeof ledgerHandler } = {
  initialState: emptyLedger,
  handler: ledgerHandler,
};

/** A sum, which is the result of each event as well; 0 changes nothing. */
export const counter: { readonly initialState: number; readonly handler: Handler<number, number, number> } = {
  initialState: 0,
  handler: (sum, n) => (n === 0 ? sum : withResult(sum + n, sum + n)),
};

/** Keeps events as they are. */
export const collector: {
  readonly initialState: readonly unknown[];
  readonly handler: (all: readonly unknown[], one: unknown) => readonly unknown[];
} = {
  initialState: [],
  handler: (all, one) => [...all, one],
};

const noises = new Map<string, string>();

/** Text that can't be packed: `bytes` characters, another text for each `seed`. */
export function noise(bytes: number, seed = 1): string {
  const known = noises.get(`${bytes}/${seed}`);
  if (known !== undefined) return known;
  let text = '';
  for (let part = 0; text.length < bytes; part += 1) text += hash('sha512', `${seed}/${part}`, 'base64url');
  text = text.slice(0, bytes);
  noises.set(`${bytes}/${seed}`, text);
  return text;
}

export function range(count: number, from = 1): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

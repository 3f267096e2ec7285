/**
 * The system of these runs: some accounts, changed by events of which some are refused, some change nothing, and some are
 * large. Its state keeps a digest of everything that led to it, so that two instances that differ in one event, in their order or
 * in one commit's time differ from there on.
 */
import { createHash } from 'node:crypto';
import { type Handler, type Prevayler, withResult } from '../../../lib/prevalence/index.js';

/** What is done to an account. */
export interface LedgerEvent {
  /** Unlike that of any other event; calls that repeat an event repeat it. */
  readonly uid: string;
  readonly op: 'add' | 'take' | 'ensure';
  readonly account: number;
  readonly amount: number;
  /** Makes it large. */
  readonly pad?: string;
}

export interface LedgerState {
  readonly count: number;
  readonly rolling: string;
  readonly balances: readonly number[];
  /** The last few large texts. */
  readonly pads: readonly string[];
}

export interface LedgerResult {
  readonly balance: number;
  readonly count: number;
}

export type LedgerSystem = Prevayler<LedgerState, LedgerEvent, LedgerResult>;

export const accounts = 16;
const padsMax = 6;

export const emptyLedger: LedgerState = { count: 0, rolling: '', balances: Array(accounts).fill(0), pads: [] };

/** Thrown by the handler, with the state that it was decided on. */
export class Refused extends Error {
  readonly count: number;
  readonly rolling: string;

  constructor({ count, rolling }: LedgerState) {
    super('there is not enough');
    this.count = count;
    this.rolling = rolling;
  }
}

export const ledger: Handler<LedgerState, LedgerEvent, LedgerResult> = (state, event, { time, seq }) => {
  const { uid, op, account, amount, pad } = event;
  const before = state.balances[account] as number;
  if (op === 'take' && before < amount) throw new Refused(state);
  if (op === 'ensure' && before >= amount) return withResult(state, { balance: before, count: state.count });
  const balance = op === 'add' ? before + amount : op === 'take' ? before - amount : amount;
  const rolling = shortDigest(`${state.rolling} ${seq} ${time} ${uid} ${op} ${account} ${amount} ${pad ?? ''}`);
  const next: LedgerState = {
    count: state.count + 1,
    rolling,
    balances: state.balances.with(account, balance),
    pads: pad === undefined ? state.pads : [...state.pads.slice(1 - padsMax), pad],
  };
  return withResult(next, { balance, count: next.count });
};

/** Text that cannot be packed well, made from the name of its event, so that it need not be written down. */
export function padOf(uid: string, length: number): string {
  const parts: string[] = [];
  for (let at = 0; at * 86 < length; at += 1)
    parts.push(createHash('sha512').update(`${uid} ${at}`).digest('base64url'));
  return parts.join('').slice(0, length);
}

function shortDigest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

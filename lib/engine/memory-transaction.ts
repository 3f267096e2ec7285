/**
 * Transactions of the memory engine: all actions are planned, judged against one state, and then committed or not, in one
 * step that nothing can come between.
 *
 * Tokens are remembered for ten minutes of the clock: the same token with the same actions answers again without a second
 * effect, other actions under it are refused. A cancelled transaction leaves no token behind.
 */
import { type Item, itemBytes } from '../codec/index.js';
import type { Clock } from './clock.js';
import { serviceError, validationError } from './memory-error.js';
import { judge, type Plan, plan, type Verdict } from './memory-plan.js';
import type { MemoryTable } from './memory-table.js';
import { handOut } from './memory-value.js';
import type { CancellationReason, TransactAction, TransactWriteRequest } from './port.js';

/** How long a token is remembered ("TransactWriteItems", ClientRequestToken). */
const tokenLifetimeMs = 10 * 60 * 1_000;

/** Characters of a token ("TransactWriteItems", ClientRequestToken). */
const tokenLengthMax = 36;

/** What became of a transaction that was right in itself. */
export interface TransactionVerdict {
  readonly status: 'applied' | 'replayed' | 'cancelled';
  readonly plans: readonly Plan[];
  /** One for each action; empty for a replay. */
  readonly verdicts: readonly Verdict[];
  readonly reasons: readonly CancellationReason[];
}

/** Limits of one transaction. */
export interface TransactionLimits {
  readonly transactionActionsMax: number;
  readonly transactionBytesMax: number;
}

interface Applied {
  readonly atMs: number;
  readonly actions: string;
}

/** Judges transactions and remembers their tokens. */
export class Transactions {
  readonly #clock: Clock;
  readonly #limits: TransactionLimits;
  readonly #applied = new Map<string, Applied>();

  constructor(clock: Clock, limits: TransactionLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Judges a transaction and, when nothing stands in its way, hands each change to `commit`. */
  write(
    { actions, token }: TransactWriteRequest,
    tableOf: (name: string) => MemoryTable,
    commit: (planned: Plan, verdict: Verdict) => void,
  ): TransactionVerdict {
    if (token.length < 1 || token.length > tokenLengthMax) {
      throw validationError(
        `1 validation error detected: Value '${token}' at 'clientRequestToken' failed to satisfy constraint: Member must have length between 1 and ${tokenLengthMax}`,
      );
    }
    const plans = this.#plans(actions, tableOf);
    const text = textOf(actions);
    if (this.#isReplay(token, text)) return { status: 'replayed', plans, verdicts: [], reasons: [] };
    const judged = plans.map(judgeAction);
    const verdicts = judged.map((one) => one.verdict);
    const reasons = judged.map((one) => one.reason);
    if (reasons.some((reason) => reason.code !== 'None')) return { status: 'cancelled', plans, verdicts, reasons };
    for (const [at, planned] of plans.entries()) commit(planned, verdicts[at] as Verdict);
    this.#applied.set(token, { atMs: this.#clock.now(), actions: text });
    return { status: 'applied', plans, verdicts, reasons: [] };
  }

  #plans(actions: readonly TransactAction[], tableOf: (name: string) => MemoryTable): readonly Plan[] {
    const { transactionActionsMax, transactionBytesMax } = this.#limits;
    if (actions.length < 1 || actions.length > transactionActionsMax) {
      throw validationError(
        `1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length between 1 and ${transactionActionsMax}: ${actions.length}`,
      );
    }
    const plans = actions.map((action) => plan(action, tableOf(action.table)));
    if (new Set(plans.map((one) => `${one.table.definition.table}\u0000${one.address.id}`)).size < plans.length) {
      throw validationError('Transaction request cannot include multiple operations on one item');
    }
    const bytes = plans.reduce((sum, one) => sum + one.bytes, 0);
    if (bytes > transactionBytesMax) {
      throw validationError(`Transaction payload size cannot exceed 4MB. Payload Size: ${bytes}`);
    }
    return plans;
  }

  #isReplay(token: string, actions: string): boolean {
    const forgotten = this.#clock.now() - tokenLifetimeMs;
    for (const [old, { atMs }] of this.#applied) {
      if (atMs > forgotten) break;
      this.#applied.delete(old);
    }
    const known = this.#applied.get(token);
    if (known === undefined) return false;
    if (known.actions === actions) return true;
    throw serviceError(
      'IdempotentParameterMismatchException',
      'The request uses the same client token as a previous, but non-identical request.',
    );
  }
}

/** A verdict, or a reason why there is none. */
function judgeAction(planned: Plan): { verdict: Verdict; reason: CancellationReason } {
  try {
    const verdict = judge(planned);
    if (verdict.holds) return { verdict, reason: { code: 'None' } };
    const reason = {
      code: 'ConditionalCheckFailed',
      message: 'The conditional request failed',
      image: handOut(verdict.before),
    };
    return { verdict, reason };
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== 'ValidationException') throw error;
    const before: Item | undefined = planned.table.row(planned.address)?.image;
    const units = Math.max(1, Math.ceil((before === undefined ? 0 : itemBytes(before)) / 1_024));
    return { verdict: { holds: false, before, after: before, units }, reason: { code: 'ValidationError', message } };
  }
}

/** One text per different list of actions: properties in order, absent ones left out. */
function textOf(actions: readonly TransactAction[]): string {
  return JSON.stringify(actions, (_, value: unknown) => {
    if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('base64')}`;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  });
}

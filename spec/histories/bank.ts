/**
 * The classic bank: accounts, and tellers that move money between them in transactions. Some call again under the same id until they are
 * told; some touch an account by a single write in between. Nothing here knows whether time and network are real: the same tellers work
 * in child processes before a fault proxy and on a virtual clock in a simulation.
 *
 * What is found wrong, if anything:
 * - a sum that is not the money there was at first, seen in one transaction or in the end;
 * - a balance that is not what the transfers that were told to be done make it: one that took effect twice, never, or although it was
 *   denied;
 * - an overdrawn account, a failure that is not documented, an outcome that stays unknown.
 */
import {
  type AtomTable,
  type ItemAtom,
  type Settled,
  type SettleOptions,
  type Transaction,
  UnknownOutcomeError,
} from '../../lib/atom/index.js';
import type { Clock, Random } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';

const accountsMax = 6;
const openingBalance = 100;

type Account = ItemAtom<number, number>;

export interface TellerOptions {
  /** Names the process, for the ids of its calls; never the same twice. */
  readonly name: string;
  readonly table: AtomTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly transfers: number;
  /** Transfers under way at once. */
  readonly callers: number;
}

/** What one process has to say. */
export interface TellerReport {
  /** What the transfers that are done have added to each account. */
  readonly moved: readonly number[];
  readonly done: number;
  readonly refused: number;
  readonly notDone: number;
  readonly settledDone: number;
  readonly settledNotDone: number;
  readonly wrong: readonly string[];
}

interface Transfer {
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

class NotEnough extends Error {}
class Left extends Error {}

export function accountsOf(table: AtomTable): readonly Account[] {
  return Array.from({ length: accountsMax }, (_, at) =>
    table.atom<number>(`account-${at}`, { initial: openingBalance }),
  );
}

export class Tellers {
  readonly #options: TellerOptions;
  readonly #accounts: readonly Account[];
  readonly #moved = new Array<number>(accountsMax).fill(0);
  readonly #unsettled: {
    readonly transfer: Transfer;
    readonly settle: (options?: SettleOptions) => Promise<Settled>;
  }[] = [];
  readonly #counts = { done: 0, refused: 0, notDone: 0, settledDone: 0, settledNotDone: 0 };
  readonly #wrong: string[] = [];
  #begun = 0;

  constructor(options: TellerOptions) {
    this.#options = options;
    this.#accounts = accountsOf(options.table);
  }

  /** Makes all transfers. */
  async run(): Promise<void> {
    const { callers, transfers, random } = this.#options;
    const one = async () => {
      while (this.#begun < transfers) {
        this.#begun += 1;
        const draw = random.int(12);
        if (draw === 0) await this.#audit();
        else if (draw === 1) await this.#touch();
        else if (draw < 5) await this.#transferOnce(`${this.#options.name}-${this.#begun}`);
        else await this.#transfer();
      }
    };
    await Promise.all(Array.from({ length: callers }, one));
  }

  /** Asks for every outcome that is still unknown. */
  async settleAll(): Promise<void> {
    await Promise.all(
      this.#unsettled.splice(0).map(({ transfer, settle }, at) => {
        return this.#settle(transfer, settle, at % 2 === 0 ? 'truth' : 'cancel');
      }),
    );
  }

  report(): TellerReport {
    return { ...this.#counts, moved: this.#moved, wrong: this.#wrong };
  }

  async #transfer(): Promise<void> {
    const transfer = this.#draw();
    try {
      await this.#options.table.transact((tx) => this.#move(tx, transfer), this.#limits());
      this.#note(transfer);
      this.#counts.done += 1;
    } catch (error) {
      await this.#failed(transfer, error);
    }
  }

  #draw(): Transfer {
    const { random } = this.#options;
    const from = random.int(accountsMax);
    return { from, to: (from + 1 + random.int(accountsMax - 1)) % accountsMax, amount: 1 + random.int(80) };
  }

  async #move(tx: Transaction, { from, to, amount }: Transfer): Promise<void> {
    const payer = this.#accounts[from] as Account;
    const payee = this.#accounts[to] as Account;
    void tx.swap(payee, (balance) => balance + amount);
    if ((await tx.deref(payer)) < amount) throw new NotEnough('not enough');
    await tx.swap(payer, (balance) => balance - amount);
  }

  /** Under an id, again and again until somebody says what became of it; who has not enough is told so, and that is kept as well. */
  async #transferOnce(opId: string): Promise<void> {
    const transfer = this.#draw();
    for (let call = 0; ; call += 1) {
      try {
        const isDone = await this.#options.table.transact(
          async (tx) => {
            const payer = await tx.deref(this.#accounts[transfer.from] as Account);
            if (payer < transfer.amount) return false;
            await this.#move(tx, transfer);
            return true;
          },
          { opId, ...(call === 0 ? this.#limits() : { timeoutMs: 120_000 }) },
        );
        if (isDone) this.#note(transfer);
        this.#counts[isDone ? 'done' : 'refused'] += 1;
        return;
      } catch (error) {
        if (error instanceof Left || isTimeout(error) || error instanceof UnknownOutcomeError) continue;
        this.#wrong.push(`a transfer under an id failed: ${error}`);
        return;
      }
    }
  }

  /** A write of one account that changes nothing but its version. */
  async #touch(): Promise<void> {
    const account = this.#accounts[this.#options.random.int(accountsMax)] as Account;
    try {
      await account.swap((balance) => balance, { noop: 'write', ...this.#limits() });
    } catch (error) {
      if (error instanceof Left || isTimeout(error) || error instanceof UnknownOutcomeError) return;
      this.#wrong.push(`a touch failed: ${error}`);
    }
  }

  /** All accounts, in one transaction. */
  async #audit(): Promise<void> {
    try {
      const balances = await this.#options.table.transact(
        (tx) => Promise.all(this.#accounts.map((account) => tx.deref(account))),
        this.#limits(),
      );
      const sum = balances.reduce((all, one) => all + one, 0);
      if (sum !== accountsMax * openingBalance) this.#wrong.push(`an audit found ${sum}: ${balances.join()}`);
      if (balances.some((balance) => balance < 0)) this.#wrong.push(`overdrawn: ${balances.join()}`);
    } catch (error) {
      if (error instanceof Left || isTimeout(error)) return;
      this.#wrong.push(`an audit failed: ${error}`);
    }
  }

  async #failed(transfer: Transfer, error: unknown): Promise<void> {
    if (error instanceof NotEnough) this.#counts.refused += 1;
    else if (error instanceof UnknownOutcomeError) {
      const settle = (options?: SettleOptions) => error.settle(options);
      const draw = this.#options.random.int(4);
      if (draw < 2) this.#unsettled.push({ transfer, settle });
      else await this.#settle(transfer, settle, draw === 2 ? 'truth' : 'cancel');
    } else if (error instanceof Left || isTimeout(error)) this.#counts.notDone += 1;
    else this.#wrong.push(`a transfer failed: ${error}`);
  }

  async #settle(
    transfer: Transfer,
    settle: (options?: SettleOptions) => Promise<Settled>,
    prefer: 'truth' | 'cancel',
  ): Promise<void> {
    const settled = await settle({ prefer, timeoutMs: 60_000 });
    if (settled.outcome === 'done') {
      this.#note(transfer);
      this.#counts.settledDone += 1;
    } else if (settled.outcome === 'not-done') this.#counts.settledNotDone += 1;
    else this.#wrong.push(`it stays unknown what became of a transfer: ${settled.reason}`);
  }

  #note({ from, to, amount }: Transfer): void {
    this.#moved[from] = (this.#moved[from] as number) - amount;
    this.#moved[to] = (this.#moved[to] as number) + amount;
  }

  /** Some callers are in a hurry, some leave. */
  #limits(): { readonly timeoutMs?: number; readonly signal?: AbortSignal } {
    const { random, clock } = this.#options;
    const draw = random.int(100);
    if (draw < 10) return { timeoutMs: 1 + random.int(100) };
    if (draw >= 20) return { timeoutMs: 120_000 };
    const left = new AbortController();
    void clock.sleep(random.int(20), { background: true }).then(() => left.abort(new Left('the caller left')));
    return { signal: left.signal };
  }
}

function isTimeout(error: unknown): boolean {
  return isLeydenError(error) && (error.code === 'ERR_DEADLINE' || error.code === 'ERR_CONTENTION');
}

/** What is wrong with the books of all processes together, given the balances in the end. */
export function audit(balances: readonly number[], reports: readonly TellerReport[]): string[] {
  const wrong = reports.flatMap((one) => one.wrong);
  const sum = balances.reduce((all, one) => all + one, 0);
  if (sum !== accountsMax * openingBalance) wrong.push(`there is ${sum} in the end: ${balances.join()}`);
  balances.forEach((balance, at) => {
    const owed = reports.reduce((all, { moved }) => all + (moved[at] as number), openingBalance);
    if (balance !== owed) wrong.push(`account ${at} has ${balance}, its transfers make ${owed}`);
  });
  return wrong;
}

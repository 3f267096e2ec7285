/** What is asked of the bank: balances, and statements of accounts. Both are made of the log, and can be made again. */
import { type RecordedEvent, View } from '../../../lib/events/index.js';
import { type AccountEvent, change } from './account.js';

/** The account that an event is of; `undefined` for events of transfers. */
const accountOf = ({ stream }: Pick<RecordedEvent, 'stream'>): string | undefined =>
  stream.startsWith('account-') ? stream.slice('account-'.length) : undefined;

export interface Balance {
  readonly owner: string;
  readonly cents: number;
}

export const balances: View<Balance, AccountEvent> = new View<Balance, AccountEvent>({
  name: 'balances',
  initial: { owner: '', cents: 0 },
  id: accountOf,
  apply(balance, event) {
    if (event.type === 'opened') return { owner: event.data.owner, cents: 0 };
    // Somebody has tried to pay into an account that there is not: it does not come to be by that.
    if (balance.owner === '') return undefined;
    return { ...balance, cents: balance.cents + change(event) };
  },
});

export interface StatementLine {
  readonly what: AccountEvent['type'];
  readonly cents: number;
  readonly transfer?: string;
}

const linesMax = 100;

/** The newest movements of each account, the oldest first. */
export const statements: View<readonly StatementLine[], AccountEvent> = new View<
  readonly StatementLine[],
  AccountEvent
>({
  name: 'statements',
  initial: [],
  id: accountOf,
  apply(lines, event) {
    const cents = change(event);
    if (cents === 0) return lines;
    const line = { what: event.type, cents, ...('transfer' in event.data && { transfer: event.data.transfer }) };
    return [...lines, line].slice(-linesMax);
  },
});

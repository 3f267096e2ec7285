/**
 * An account. Amounts are cents, so that nothing is ever rounded.
 *
 *   open ─► opened        deposit ─► deposited        take, for a transfer ─► taken | take-refused
 *                                                     give, for a transfer ─► given | give-refused
 *
 * A refusal that somebody else acts upon is a fact, so it is an event: what `take` has come to is decided once, and whoever asks again
 * with the same command id is told the same. A refusal that only concerns the caller is an error.
 */
import { AggregateType } from '../../../lib/events/index.js'; // yours: 'leyden-jar/events'

export type AccountEvent =
  | { readonly type: 'opened'; readonly data: { readonly owner: string } }
  | { readonly type: 'deposited'; readonly data: { readonly cents: number } }
  | {
      readonly type: 'taken' | 'take-refused' | 'given' | 'give-refused';
      readonly data: { readonly cents: number; readonly transfer: string };
    };

type AccountCommand =
  | { readonly do: 'open'; readonly owner: string }
  | { readonly do: 'deposit'; readonly cents: number }
  | { readonly do: 'take' | 'give'; readonly cents: number; readonly transfer: string };

interface Account {
  readonly owner: string | undefined;
  readonly cents: number;
}

export const account: AggregateType<Account, AccountCommand, AccountEvent> = new AggregateType<
  Account,
  AccountCommand,
  AccountEvent
>({
  name: 'account',
  initial: { owner: undefined, cents: 0 },
  handle({ owner, cents }, command) {
    switch (command.do) {
      case 'open':
        if (owner !== undefined) throw new Error(`the account is open already, for ${owner}`);
        return { type: 'opened', data: { owner: command.owner } };
      case 'deposit':
        if (owner === undefined) throw new Error('there is no such account');
        return { type: 'deposited', data: { cents: requireCents(command.cents) } };
      case 'take': {
        const { transfer } = command;
        const type = owner !== undefined && command.cents <= cents ? 'taken' : 'take-refused';
        return { type, data: { cents: requireCents(command.cents), transfer } };
      }
      case 'give': {
        const { transfer } = command;
        return {
          type: owner === undefined ? 'give-refused' : 'given',
          data: { cents: requireCents(command.cents), transfer },
        };
      }
    }
  },
  apply(state, event) {
    if (event.type === 'opened') return { ...state, owner: event.data.owner };
    return { ...state, cents: state.cents + change(event) };
  },
});

/** What an event does to the balance. */
export function change(event: Pick<AccountEvent, 'type' | 'data'>): number {
  const { type, data } = event as AccountEvent;
  if (type === 'deposited' || type === 'given') return data.cents;
  return type === 'taken' ? -data.cents : 0;
}

function requireCents(cents: number): number {
  if (Number.isSafeInteger(cents) && cents > 0) return cents;
  throw new RangeError(`an amount must be a whole number of cents above 0: ${cents}`);
}

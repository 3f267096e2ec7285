/**
 * A transfer from one account to another: a stream of its own, which says how far it is.
 *
 *   request ─► requested ─┬─► taken ─┬─► given                          the end
 *                         │          └─► not-given ─► returned          the end: the money is back
 *                         └─► not-taken                                 the end: nothing happened
 *
 * It decides nothing about accounts; it remembers what they have said.
 */
import { AggregateType } from '../../../lib/events/index.js';

export interface Order {
  readonly from: string;
  readonly to: string;
  readonly cents: number;
}

export type TransferEvent =
  | { readonly type: 'requested'; readonly data: Order }
  | { readonly type: 'taken' | 'not-taken' | 'given' | 'not-given' | 'returned' };

type TransferCommand = { readonly request: Order } | { readonly note: Exclude<TransferEvent['type'], 'requested'> };

export interface Transfer {
  /** The last event. */
  readonly at: TransferEvent['type'] | undefined;
  readonly order: Order | undefined;
}

/** What may come after what. */
const next: Readonly<Record<string, readonly string[]>> = {
  requested: ['taken', 'not-taken'],
  taken: ['given', 'not-given'],
  'not-given': ['returned'],
};

export const transfer: AggregateType<Transfer, TransferCommand, TransferEvent> = new AggregateType<
  Transfer,
  TransferCommand,
  TransferEvent
>({
  name: 'transfer',
  initial: { at: undefined, order: undefined },
  handle({ at }, command) {
    if ('request' in command) {
      if (at !== undefined) throw new Error('the transfer was requested already');
      return { type: 'requested', data: command.request };
    }
    // Another manager has noted it, or is further: nothing to be said.
    return next[at ?? '']?.includes(command.note) === true ? { type: command.note } : undefined;
  },
  apply: (state, event) =>
    event.type === 'requested' ? { at: event.type, order: event.data } : { ...state, at: event.type },
});

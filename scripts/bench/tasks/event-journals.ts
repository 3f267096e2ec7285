/** What a worker does with the journals that have an item per event. */
import { makeEventTable, type Tally } from '../baselines/event-items.js';
import { ItemJournal } from '../baselines/item-journal.js';
import { LockedJournal } from '../baselines/locked-journal.js';
import { TransactionJournal } from '../baselines/transaction-journal.js';
import { clientOf, type Place } from '../clients.js';
import { type Board, type Landing, landing } from '../flights.js';
import { closedLoop, type Sample } from '../sample.js';

export type JournalKind = 'locked' | 'items' | 'transactions';
const journalKinds = { locked: LockedJournal, items: ItemJournal, transactions: TransactionJournal } as const;

interface Opened {
  readonly journal: {
    readonly tally: Tally;
    readonly board: Board;
    handle(event: Landing): Promise<unknown>;
  };
  next: number;
}

const journals = new Map<string, Opened>();

export async function makeEvents({ place }: { place: Place }): Promise<void> {
  await makeEventTable(clientOf(place.endpoint), place);
}

export interface JournalArguments {
  readonly place: Place;
  readonly name: string;
  readonly kind: JournalKind;
  readonly callers: number;
  readonly forMs: number;
}

/** Events in a closed loop; wrong is what the state has more or less than the journal was given. */
export async function handleByItems({ place, name, kind, callers, forMs }: JournalArguments): Promise<Sample> {
  const key = `${place.endpoint} ${place.table} ${name}`;
  const opened = journals.get(key) ?? {
    journal: new journalKinds[kind](clientOf(place.endpoint), place, name),
    next: 0,
  };
  journals.set(key, opened);
  const before = opened.journal.board.flights;
  const sample = await closedLoop({
    callers,
    forMs,
    counts: () => opened.journal.tally.counts(),
    op() {
      opened.next += 1;
      return opened.journal.handle(landing(opened.next - 1));
    },
  });
  return { ...sample, wrong: Math.abs(opened.journal.board.flights - before - sample.finished) };
}

/**
 * The process manager of transfers: looks how far a transfer is, asks an account for the next thing, notes what it has said.
 *
 *   transfer says      the manager asks                      under the command id     and notes
 *   requested          the first account to take             <id>/take                taken | not-taken
 *   taken              the second account to give            <id>/give                given | not-given
 *   not-given          the first account to give it back     <id>/return              returned
 *
 * It keeps nothing in memory. If it dies after an account was asked and before the answer is noted, another one asks again, with the
 * same command id, and is told what the account has said the first time: no cent moves twice. So any number of managers may run.
 */
import type { EventStore, RecordedEvent } from '../../../lib/events/index.js';
import { account } from './account.js';
import { type Order, transfer } from './transfer.js';

export class TransferManager {
  readonly #store: EventStore;

  constructor(store: EventStore) {
    this.#store = store;
  }

  /** Something has happened in some stream. */
  async react({ stream }: Pick<RecordedEvent, 'stream'>): Promise<void> {
    if (stream.startsWith('transfer-')) await this.advance(stream.slice('transfer-'.length));
  }

  /** Brings a transfer to its end, from wherever it is. */
  async advance(id: string): Promise<void> {
    for (;;) {
      const { state } = await this.#store.load(transfer, id);
      const { at, order } = state;
      if (order === undefined) return;
      if (at === 'requested') await this.#note(id, (await this.#take(id, order)) ? 'taken' : 'not-taken');
      else if (at === 'taken') await this.#note(id, (await this.#give(id, order, order.to)) ? 'given' : 'not-given');
      else if (at === 'not-given') {
        await this.#give(id, order, order.from, 'return');
        await this.#note(id, 'returned');
      } else return;
    }
  }

  async #take(id: string, { from, cents }: Order): Promise<boolean> {
    const command = { do: 'take', cents, transfer: id } as const;
    const { events } = await this.#store.execute(account, from, command, { commandId: `${id}/take` });
    return events[0]?.type === 'taken';
  }

  async #give(id: string, { cents }: Order, to: string, step = 'give'): Promise<boolean> {
    const command = { do: 'give', cents, transfer: id } as const;
    const { events } = await this.#store.execute(account, to, command, { commandId: `${id}/${step}` });
    return events[0]?.type === 'given';
  }

  async #note(id: string, note: 'taken' | 'not-taken' | 'given' | 'not-given' | 'returned'): Promise<void> {
    await this.#store.execute(transfer, id, { note });
  }
}

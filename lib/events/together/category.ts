/**
 * An ordered category, as this process writes it: the streams of it that wait go into one transaction with the category's journal.
 *
 *   stream a: commit ─┐
 *   stream b: commit ─┼─► [ heads of a, b, c … and of the category ]  one TransactWriteItems ─► each is told
 *   stream c: commit ─┘        the category's lines name a's, b's and c's events, in this order
 *
 * While one is under way, the next ones gather. Who was not current any more is told so, and the others go without it.
 */
import type { AtomTable } from '../../atom/index.js';
import { transactionActionsMax } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import { type Appended, appendTogether, Journal, type TogetherEntry } from '../../journal/index.js';
import { draftOf } from './category-line.js';
import type { Member } from './member.js';

export interface CategoryFacts {
  readonly table: AtomTable;
  /** Name of its journal. */
  readonly journal: string;
  readonly onWarning: (warning: unknown) => void;
}

/** Streams of one transaction, at most: one action is the category's. */
const membersMax: number = transactionActionsMax - 1;

/** Microtasks that the first one waits: what a stream takes to decide a few calls. */
const gatherTurns = 50;

interface Waiting {
  readonly member: Member;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

export class Category {
  readonly #facts: CategoryFacts;
  #journal: Journal;
  #queue: Waiting[] = [];
  #running: Promise<void> | undefined;
  /** Streams that the next transaction takes. */
  #most = membersMax;

  constructor(facts: CategoryFacts) {
    this.#facts = facts;
    this.#journal = openCategory(facts);
  }

  /** Commits, with what other streams want to commit at the same time. */
  commit(member: Member): Promise<Appended> {
    const committed = new Promise<Appended>((resolve, reject) => {
      this.#queue.push({ member, resolve, reject });
    });
    this.#running ??= this.#run();
    return committed;
  }

  /** The category's own part of a transaction in which these streams are. It comes after them. */
  entryFor(members: readonly Member[]): TogetherEntry {
    return {
      journal: this.#journal,
      batch: {
        decide: () => draftOf(members.flatMap(({ range }) => range ?? [])),
      },
    };
  }

  /** What became of a commit could not be found out: the journal object writes nothing more. */
  lost(): void {
    this.#journal = openCategory(this.#facts);
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#journal.close();
  }

  async #run(): Promise<void> {
    // A moment later, so that all streams whose calls were made together go together.
    for (let turn = 0; turn < gatherTurns; turn += 1) await undefined;
    while (this.#queue.length > 0) await this.#commit(this.#queue.splice(0, this.#most));
    this.#running = undefined;
  }

  async #commit(waiting: readonly Waiting[]): Promise<void> {
    const members = waiting.map(({ member }) => member);
    try {
      const entries = [...members.map(({ entry }) => entry), this.entryFor(members)];
      const appended = await appendTogether(this.#facts.table, entries);
      this.#most = Math.min(membersMax, 2 * this.#most);
      const isNothing = appended[0]?.status === 'nothing';
      for (const [at, one] of waiting.entries()) {
        // What some of them have lost is no reason for the others.
        if (isNothing && !one.member.hasDeclined && !one.member.wouldDecline()) this.#queue.unshift(one);
        else one.resolve(appended[at] as Appended);
      }
    } catch (error) {
      this.#failed(waiting, error);
    }
  }

  #failed(waiting: readonly Waiting[], error: unknown): void {
    if (isLeydenError(error) && error.outcome === 'unknown') {
      this.lost();
      for (const { reject } of waiting) reject(error);
      return;
    }
    const guilty = waiting.filter(({ member }) => member.error === error || isOf(member, error));
    if (guilty.length > 0) {
      for (const { reject } of guilty) reject(error);
      this.#queue.unshift(...waiting.filter((one) => !guilty.includes(one)));
      return;
    }
    if (waiting.length > 1 && isLeydenError(error) && error.outcome === 'not-done') {
      // Too much for one transaction, or one of them can't be read: it will be found by halving.
      this.#most = Math.ceil(waiting.length / 2);
      this.#queue.unshift(...waiting);
      return;
    }
    for (const { reject } of waiting) reject(error);
  }
}

/** The journal of a category. */
export function openCategory({ table, journal, onWarning }: CategoryFacts): Journal {
  // Nothing is made of what others have put there: who appends need not know it.
  const consumer = { apply: () => {}, jumped: () => {} };
  return new Journal(table, journal, { consumer, label: 'category', onWarning });
}

function isOf({ entry }: Member, error: unknown): boolean {
  return (error as { readonly journal?: unknown } | undefined)?.journal === entry.journal.name;
}

/**
 * Who works on which chunk. The parent's own: it forgets nothing while the run lasts, for the run ends when it does.
 *
 *   ask -> chunk ... done
 *             `-- dead: given back -> chunk of somebody else
 *
 * It decides only who sends what. Which flights are in, the state of the system knows alone, so a chunk may be handed out
 * again however far it was: what it says late, twice or never costs time, and counts nothing twice.
 *
 * Invariant: nobody is told that all is over before every chunk was reported as done by its holder.
 */
import { giveBack, isOver, markCounted, markDone, newWorkList, takeChunk, type WorkList } from '../work-list.js';

/** What a writer is told. */
export type Order = { readonly kind: 'chunk'; readonly chunk: number; readonly resumed: boolean } | { kind: 'over' };

interface Asking {
  readonly worker: string;
  tell(order: Order): void;
}

export class Desk {
  readonly #chunks: number;
  #list: WorkList = newWorkList;
  #waiting: readonly Asking[] = [];
  readonly #gone = new Set<string>();

  constructor(chunks: number) {
    this.#chunks = chunks;
  }

  /** Somebody wants a chunk. Answered at once, or when one comes back, or when all is over. */
  ask(worker: string, tell: (order: Order) => void): void {
    this.#waiting = [...this.#waiting, { worker, tell }];
    this.#answer();
  }

  /** Every flight of the chunk is in. Says nothing new when it comes from the dead: somebody else has the chunk. */
  done(worker: string, chunk: number): void {
    if (this.#list.held[chunk]?.worker !== worker) return;
    // Nothing has to be forgotten anywhere, so the stage between is over at once.
    this.#list = markDone(markCounted(this.#list, worker, chunk), worker, chunk);
    this.#answer();
  }

  /** Takes back what a dead worker held, and tells it nothing more. Returns the chunks. */
  giveBack(worker: string): readonly number[] {
    this.#gone.add(worker);
    const returned = Object.keys(this.#list.held).filter((chunk) => this.#list.held[chunk]?.worker === worker);
    this.#list = giveBack(this.#list, worker);
    this.#answer();
    return returned.map(Number);
  }

  /** Whether all chunks are done. */
  get isOver(): boolean {
    return isOver(this.#list, this.#chunks);
  }

  #answer(): void {
    // A message of the dead may be heard after its end.
    const asking = this.#waiting.filter(({ worker }) => !this.#gone.has(worker));
    this.#waiting = [];
    for (const one of asking) {
      const [list, task] = takeChunk(this.#list, one.worker, this.#chunks);
      this.#list = list;
      if (task.kind === 'chunk') one.tell({ kind: 'chunk', chunk: task.chunk, resumed: task.resumed });
      else if (task.kind === 'over') one.tell({ kind: 'over' });
      else this.#waiting = [...this.#waiting, one];
    }
  }
}

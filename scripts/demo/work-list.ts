/**
 * The work list: which chunk is whose, and how far. Pure; its value is one atom.
 *
 *   (not handed out) --takeChunk--> counting --markCounted--> closing --markDone--> (done)
 *                        ^             |                         |
 *                        +----------- giveBack: the holder is dead
 *
 * A chunk that is given back keeps its stage. In `counting` a successor sends all rows again, and the ledgers skip what
 * they have; in `closing` it sends no row at all, for some ledgers may have forgotten the chunk already.
 *
 * Invariant: each chunk is at one place of this picture, and with one holder.
 */

/** How far a chunk is that somebody works on, or did until death. */
export type Stage = 'counting' | 'closing';

/** The value of the work list. Small: only chunks under way have an entry. */
export interface WorkList {
  /** The first chunk that was never handed out. */
  readonly next: number;
  readonly held: Readonly<Record<string, { readonly worker: string; readonly stage: Stage }>>;
  readonly returned: Readonly<Record<string, Stage>>;
  /** How many chunks are done. */
  readonly done: number;
}

/** What a worker is told to do. */
export type Task =
  | { readonly kind: 'chunk'; readonly chunk: number; readonly stage: Stage; readonly resumed: boolean }
  /** Nothing to hand out, but somebody who is at work may die. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'over' };

export const newWorkList: WorkList = { next: 0, held: {}, returned: {}, done: 0 };

/** Hands out a chunk of `chunks`: returned ones first. */
export function takeChunk(list: WorkList, worker: string, chunks: number): readonly [WorkList, Task] {
  const [back] = Object.keys(list.returned);
  if (back !== undefined) {
    const { [back]: stage = 'counting', ...returned } = list.returned;
    const held = { ...list.held, [back]: { worker, stage } };
    return [
      { ...list, held, returned },
      { kind: 'chunk', chunk: Number(back), stage, resumed: true },
    ];
  }
  if (list.next < chunks) {
    const { next } = list;
    const held = { ...list.held, [next]: { worker, stage: 'counting' as const } };
    return [
      { ...list, next: next + 1, held },
      { kind: 'chunk', chunk: next, stage: 'counting', resumed: false },
    ];
  }
  return [list, { kind: Object.keys(list.held).length > 0 ? 'wait' : 'over' }];
}

/** All rows are in all ledgers. */
export function markCounted(list: WorkList, worker: string, chunk: number): WorkList {
  requireHolder(list, worker, chunk, 'counting');
  return { ...list, held: { ...list.held, [chunk]: { worker, stage: 'closing' } } };
}

/** All ledgers have forgotten the chunk. */
export function markDone(list: WorkList, worker: string, chunk: number): WorkList {
  requireHolder(list, worker, chunk, 'closing');
  const { [chunk]: _, ...held } = list.held;
  return { ...list, held, done: list.done + 1 };
}

/** Takes back what `worker` holds. Only when its process is certainly dead. */
export function giveBack(list: WorkList, worker: string): WorkList {
  const entries = Object.entries(list.held);
  const lost = entries.filter(([, holding]) => holding.worker === worker);
  return {
    ...list,
    held: Object.fromEntries(entries.filter(([, holding]) => holding.worker !== worker)),
    returned: { ...list.returned, ...Object.fromEntries(lost.map(([chunk, { stage }]) => [chunk, stage])) },
  };
}

/** Whether all `chunks` were handed out and finished, each once. */
export function isOver({ next, held, returned, done }: WorkList, chunks: number): boolean {
  return next === chunks && done === chunks && Object.keys(held).length === 0 && Object.keys(returned).length === 0;
}

function requireHolder(list: WorkList, worker: string, chunk: number, stage: Stage): void {
  const holding = list.held[chunk];
  if (holding?.worker === worker && holding.stage === stage) return;
  const found = holding === undefined ? 'held by nobody' : `${holding.stage} by ${holding.worker}`;
  throw new Error(`Cannot move chunk ${chunk} on: it is ${found}, not ${stage} by ${worker}`);
}

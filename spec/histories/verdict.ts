/** What judges of runs have in common: findings, calls with what was written down of them later, and the order of real time. */
import type { SettledNote } from './notebook.js';

/** Something that must not be. */
export interface Finding {
  readonly why: string;
  readonly about: unknown;
}

/** Of one kind: the first ones tell most. */
const findingsMax = 3;

/** What was found, a few of each kind. */
export class Findings {
  readonly all: Finding[] = [];

  report(why: string, about: unknown): void {
    if (this.all.filter((finding) => finding.why === why).length < findingsMax) this.all.push({ why, about });
  }
}

/** What was written down when a call returned. */
interface Returned {
  readonly on: 'ret';
  readonly id: string;
  readonly outcome: string;
}

/** A call with its answer, and with what was said when its unknown outcome was asked for. */
export type Answered<Call, Ret extends Returned> = Call & { ret?: Ret; settled?: SettledNote };

/** Puts answers to their calls. */
export function joinAnswers<Call, Ret extends Returned>(
  calls: ReadonlyMap<string, Answered<Call, Ret>>,
  answers: readonly (Ret | SettledNote)[],
): void {
  for (const note of answers) {
    const call = calls.get(note.id) as Answered<Call, Ret>;
    if (note.on === 'ret') call.ret = note;
    else call.settled = note;
  }
}

/** Whether a call can have taken effect without having been told so. */
export function mayHave({ ret, settled }: Answered<object, Returned>): boolean {
  if (ret === undefined) return true;
  return ret.outcome === 'unknown' && settled?.outcome !== 'not-done';
}

/** An operation with its place in the order; `ret` infinite = not known when it was over. */
export interface Placed {
  readonly seq: number;
  readonly write: boolean;
  readonly call: number;
  readonly ret: number;
  readonly about: unknown;
}

/** Nothing that comes later in the order was over before something earlier was called. */
export function checkRealTime(operations: Iterable<Placed>, report: Findings['report']): void {
  const placed = [...operations].sort((a, b) => a.seq - b.seq || Number(b.write) - Number(a.write) || a.call - b.call);
  let first: Placed | undefined;
  for (const one of placed.reverse()) {
    if (first !== undefined && one.call > first.ret) report('real-time order broken', [one, first]);
    if (first === undefined || one.ret < first.ret) first = one;
  }
}

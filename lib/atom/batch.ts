/**
 * Running a batch: the functions of all waiting callers, one after the other, each on what the one before it left.
 *
 * A function that throws takes its own caller out of nothing but the result; a caller who leaves while his asynchronous
 * function runs takes his step along.
 */
import type { Held } from '../codec/index.js';
import { type Known, liveHeld } from './cache.js';
import type { Inside } from './inside.js';
import { type Operation, type Step, uncommitted } from './operation.js';
import { isThenable } from './value-rules.js';

/** What running one function gave. */
export type Run =
  | { readonly operation: Operation; readonly step: Step<unknown> }
  | { readonly operation: Operation; readonly error: unknown };

/** Whether the answer is "no": nothing is to be written for it. */
export function isDeclined(run: Run): boolean {
  return 'step' in run && run.step.declined === true;
}

/** What a batch gave: `held` is the value to write when `changed`. */
export interface BatchResult {
  readonly runs: readonly Run[];
  readonly held: Held | undefined;
  readonly changed: boolean;
}

export async function runBatch(
  batch: readonly Operation[],
  base: Known,
  inside: Inside,
  now: number,
): Promise<BatchResult> {
  let held = liveHeld(base, now);
  let changed = false;
  const runs: Run[] = [];
  for (const operation of batch) {
    if (operation.isOver) continue;
    const state = { held, token: changed ? uncommitted : base.image?.lineage.token };
    const { work } = operation;
    try {
      const run = () => work.run(state, operation.attempts + 1);
      const made = operation.context.runInAsyncScope(inside.run<Step<unknown>>, inside, run, work.isAsync === true);
      const step = isThenable(made) ? await unlessOver(operation, made) : made;
      // The caller may have left while an asynchronous function ran.
      if (step === undefined || operation.isOver) continue;
      runs.push({ operation, step });
      if (step.next !== undefined) {
        held = step.next ?? undefined;
        changed = true;
      }
    } catch (error) {
      if (!operation.isOver) runs.push({ operation, error });
    }
  }
  return { runs, held, changed };
}

/** Waits for an asynchronous function, but no longer than its caller does. */
async function unlessOver<T>(operation: Operation, made: Promise<T>): Promise<T | undefined> {
  const over = new Promise<undefined>((resolve) => {
    operation.onOver = () => resolve(undefined);
  });
  try {
    return await Promise.race([made, over]);
  } finally {
    operation.onOver = undefined;
  }
}

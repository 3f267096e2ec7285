/** How those are answered whose functions ran together: each its own result, once it is known what became of the write. */
import type { Run } from './batch.js';
import type { Known } from './cache.js';
import type { Operation } from './operation.js';
import type { Settled } from './settlement.js';

/** The write was applied, or there was nothing to write. `stands`: what the store made of it. */
export function answerAll(
  runs: readonly Run[],
  status: 'applied' | 'noop',
  version: number,
  stands: Known | undefined,
): void {
  for (const run of runs) {
    const { operation } = run;
    const { attempts, conflicts } = operation;
    if ('error' in run) {
      operation.settle({ outcome: 'not-done' });
      operation.reject(run.error);
      continue;
    }
    const written = status === 'applied' && run.step.next !== undefined;
    operation.trace?.carried(written ? 'applied' : 'noop', runs.length);
    operation.settle({ outcome: run.step.declined === true ? 'not-done' : 'done' });
    try {
      const commit = { status: written ? 'applied' : 'noop', version, attempts, conflicts, stands } as const;
      operation.resolve(run.step.answer(commit));
    } catch (error) {
      // A codec of the user's that does not take back what it made.
      operation.reject(error);
    }
  }
}

/** It was not to be, or nobody knows. */
export function failAll(runs: readonly Run[], settled: Settled, errorOf: (operation: Operation) => unknown): void {
  for (const { operation } of runs) {
    operation.settle(settled);
    if (!operation.isOver) operation.reject(errorOf(operation));
  }
}

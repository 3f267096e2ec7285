/** Writes turns until their fate is certain: all of them are in their journals, or none is. */
import { UnknownOutcomeError } from '../atom/index.js';
import type { Appended } from './batch.js';
import { Anew, Nothing, type Turn } from './turn.js';

/**
 * Commits the batches of these turns by one write.
 *
 * @param write moves each head from its base to `next()`, all or none
 * @throws what `decide` throws, on states that are confirmed; `AppendUnknownError`; what the store refused, and what was found wrong.
 */
export async function commitTurns(
  turns: readonly Turn[],
  write: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<readonly Appended[]> {
  const watched = turns.reduceRight((inner, turn) => () => turn.watching(inner), settledWrite);
  for (;;) {
    for (const turn of turns) await turn.begin();
    try {
      await watched();
      return turns.map((turn) => turn.applied());
    } catch (error) {
      if (error instanceof Nothing) return turns.map((turn) => turn.nothing());
      if (!(error instanceof Anew)) throw error;
      error.mend();
    }
  }

  async function settledWrite(): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError) || error.reason === 'in-flight') throw error;
      await settle(turns, error, signal);
    }
  }
}

/** The heads' evidence can't tell any more. What became of one has become of all. */
async function settle(turns: readonly Turn[], error: UnknownOutcomeError, signal: AbortSignal): Promise<void> {
  const found = await Promise.all(turns.map((turn) => turn.fate(signal)));
  if (found.some(({ fate }) => fate === 'applied')) return;
  if (found.some(({ fate }) => fate === 'not-applied')) throw new Anew(() => {});
  const errors = turns.map((turn, at) => turn.giveUp(found[at]?.cause ?? error));
  throw errors[0];
}

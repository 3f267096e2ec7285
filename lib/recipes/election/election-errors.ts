import { LeydenError } from '../../errors.js';
import type { Leader } from './election-state.js';

/** What is told of a leader that is none. */
interface NotLeaderFacts<V> {
  readonly term: bigint;
  readonly leader: Leader<V> | undefined;
  readonly cause?: unknown;
}

/**
 * `ERR_NOT_LEADER`: this process does not lead, or not any longer. What was to be proclaimed was not. Stop what only a leader may do,
 * and stand again.
 */
export class NotLeaderError<V = unknown> extends LeydenError {
  /** The term in which this process led. */
  readonly term: bigint;
  /** Who leads instead, as far as this process has seen. */
  readonly leader: Leader<V> | undefined;

  constructor(subject: string, { term, leader, cause }: NotLeaderFacts<V>) {
    const other = leader && `; process ${leader.pid} on ${leader.host} leads in term ${leader.term}`;
    const why = cause === undefined ? 'this process resigned' : 'its lease ended or it was taken away';
    super(
      'ERR_NOT_LEADER',
      `Cannot lead ${subject} in term ${term}: ${why}${other ?? ''}; stop what only a leader may do, and stand again`,
      { outcome: 'not-done', retryable: false, cause },
    );
    this.term = term;
    this.leader = leader;
  }
}

import { LeydenError } from '../../errors.js';
import { type BarrierState, type BrokenReason, generationOf } from './barrier-state.js';

const reasons: Readonly<Record<BrokenReason, string>> = {
  'session-over': 'the session of somebody in it was over',
  'gave-up': 'somebody gave up waiting',
  reset: 'it was reset',
};

/**
 * `ERR_BROKEN_BARRIER`: not all will come any more, so nobody passes: all who wait are told this, and all who enter, until somebody calls `reset`
 * with this error, or with its `generation`.
 */
export class BrokenBarrierError extends LeydenError {
  readonly generation: number;
  readonly reason: BrokenReason;

  constructor(subject: string, generation: number, state: BarrierState) {
    const reason = (generationOf(state) === generation ? state.reason : null) ?? 'reset';
    super(
      'ERR_BROKEN_BARRIER',
      `Cannot pass ${subject}: its generation ${generation} is broken, as ${reasons[reason]}; call reset({ generation: ${generation} }) to begin anew`,
      { outcome: 'not-done', retryable: false },
    );
    this.generation = generation;
    this.reason = reason;
  }
}

/** `ERR_BARRIER_TIMEOUT`: the wait was over before all had come. Who had entered has broken the generation for the others. */
export class BarrierTimeoutError extends LeydenError {
  readonly waitMs: number;
  readonly generation: number;
  /** How many were there when it was seen last. */
  readonly members: number;
  readonly parties: number;

  constructor(subject: string, waitMs: number, generation: number, state: BarrierState, cause: unknown) {
    const members = Object.keys(state.members).length;
    super(
      'ERR_BARRIER_TIMEOUT',
      `Cannot pass ${subject}: waitMs ${waitMs} passed, ${members} of ${state.parties} were there in generation ${generation}; wait longer, or see what keeps the others`,
      { outcome: 'not-done', retryable: true, cause },
    );
    this.waitMs = waitMs;
    this.generation = generation;
    this.members = members;
    this.parties = state.parties;
  }
}

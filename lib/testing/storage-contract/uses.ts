/** Every use of an instance but `close`: what one that is over must refuse. */
import type { Prevayler } from '../../prevalence/index.js';

export interface Uses {
  /** Those that answer at once. */
  readonly atOnce: readonly (() => unknown)[];
  readonly awaited: readonly (() => Promise<unknown>)[];
}

/** @param event something that it could handle */
export function usesOf<S, E, R>(one: Prevayler<S, E, R>, event: E): Uses {
  return {
    atOnce: [() => one.state, () => one.seq, () => one.time, () => one.changes()],
    awaited: [
      () => one.handle(event),
      () => one.sync(),
      () => one.snapshot(),
      () => one.snapshots(),
      () => one.prune(),
      () => one.at({ seq: 1 }),
      () => one.verify(),
      () => one.stateDigest(),
      () => one.ready(),
    ],
  };
}

/** Views fed by whoever reads the table's stream: one function, for readers, single passes and consumer groups. */
import { Feeder } from './feeder.js';
import type { StreamCommit } from './head-parser.js';
import type { Log } from './log.js';
import type { AnyView } from './view.js';

/** As much of a batch of `leyden-jar/streams` as is looked at. */
export interface CommitBatch {
  readonly records: readonly { readonly value: StreamCommit }[];
}

/** A `GroupHandler` of `leyden-jar/streams`, and what a loop over a `TableStream` calls. */
export type Projector = (batch: CommitBatch, context?: { readonly signal?: AbortSignal | undefined }) => Promise<void>;

export function projectorOf(log: Log, views: readonly AnyView[]): Projector {
  const feeders = views.map((view) => new Feeder(log, view));
  return async ({ records }, { signal } = {}) => {
    const commits = records.map(({ value }) => value);
    for (const feeder of feeders) await feeder.feed(commits, signal);
  };
}

/** Rings when this process has written to a table: then there is something in its stream. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type CommitEvent, diagnosticsChannels } from '../../atom/index.js';
import { bareTableName } from './tap.js';

/** Calls `ring` with each commit to the table; gives what ends it. */
export function onCommits(tableName: string, ring: () => void): () => void {
  const hear = (message: unknown) => {
    if (bareTableName((message as CommitEvent).table) === tableName) ring();
  };
  subscribe(diagnosticsChannels.commit, hear);
  return () => {
    unsubscribe(diagnosticsChannels.commit, hear);
  };
}

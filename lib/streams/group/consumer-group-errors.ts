/** The errors of a consumer group as a whole. */
import { LeydenError } from '../../errors.js';

/**
 * `ERR_GROUP_TABLE`: the coordination table is the one whose stream is read. Each save of the group would be a record of the stream, which the
 * group reads and saves. Nothing was written.
 */
export class GroupTableError extends LeydenError {
  readonly group: string;
  readonly tableName: string;

  constructor(group: string, tableName: string) {
    super(
      'ERR_GROUP_TABLE',
      `Cannot run group ${group}: its coordination table ${tableName} is the table whose stream it reads; give it a table of its own, or set ` +
        'sharesTable, and its own records are dropped',
      { outcome: 'not-done', retryable: false },
    );
    this.group = group;
    this.tableName = tableName;
  }
}

/** `ERR_GROUP_FROM`: the group is new, and `from` does not say where it begins. Nothing was written. */
export class GroupFromError extends LeydenError {
  readonly group: string;

  constructor(group: string) {
    super(
      'ERR_GROUP_FROM',
      `Cannot run group ${group}: it has no positions yet, and from was not given; give from 'trim-horizon' for all records that are there, ` +
        "'latest' for those that are written from now on",
      { outcome: 'not-done', retryable: false },
    );
    this.group = group;
  }
}

/** `ERR_GROUP_LIVE`: members of the group are alive, and what was asked for needs them to be stopped. Nothing was written. */
export class GroupLiveError extends LeydenError {
  readonly group: string;
  /** Ids of those that may be alive. */
  readonly members: readonly string[];

  constructor(action: string, group: string, members: readonly string[]) {
    super(
      'ERR_GROUP_LIVE',
      `Cannot ${action} group ${group}: ${members.length} of its members may be alive (${members.slice(0, 5).join(', ')}); stop them first, ` +
        'or use force: then they lose their shards',
      { outcome: 'not-done', retryable: true },
    );
    this.group = group;
    this.members = members;
  }
}

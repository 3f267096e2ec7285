/** The first question to the coordination table. It tells as well whether that is one. */
import { TableError } from '../../atom/index.js';
import type { GroupItems } from './group-items.js';
import type { MetaState } from './lease-state.js';

/**
 * What all members agree on; `undefined`: the group is new.
 *
 * @cost 1 request, 1 read unit.
 * @throws {TableError} `ERR_TABLE`, `missing` or `keys-differ`
 */
export async function firstLook({ table, group, meta }: GroupItems): Promise<MetaState | undefined> {
  try {
    return await meta.deref();
  } catch (error) {
    const { name, message } = error as Error;
    const whose = `group ${group} keeps its shards there`;
    if (name === 'ResourceNotFoundException') {
      throw new TableError(
        table.tableName,
        'missing',
        `it does not exist, and ${whose}; call its create() or ensure()`,
      );
    }
    if (name === 'ValidationException') {
      const remedy = 'give AtomTable the names of its partition key and of its sort key (keyName, sortKeyName)';
      throw new TableError(table.tableName, 'keys-differ', `${whose}, and its keys are others (${message}); ${remedy}`);
    }
    throw error;
  }
}

/**
 * Recognises records of groups' own items in a table that groups share with what they watch: those of this group, and those of others. A group
 * that worked on the saves of another one would save for it, and so on without end.
 *
 * Partitions of users may have names that look like ours. So items of other groups are known by their sort keys where these name a shard or a hash,
 * else by what the record says of their kind; where the stream has keys only, such a record is taken for a user's.
 */
import { encodeKey } from '../../codec/index.js';
import type { StreamRecord } from '../port.js';
import { deadLetterKeys } from './dead-letter.js';
import { groupKeys } from './lease-state.js';

type Text = { readonly S?: string } | undefined;
type Image = Readonly<Record<string, { readonly M?: Readonly<Record<string, Text>> }>>;

const lease = /^lease#shardId-/;
const letter = /^(?:(?:letter|record)#shardId-|parked#[0-9a-f]{64}$)/;
const kinds: ReadonlySet<string | undefined> = new Set(['stream-group', 'stream-member', 'stream-lease']);

/** `keyNames`: of the partition key, and of the sort key. */
export function ownRecords(
  group: string,
  [pkName = '', skName = '']: readonly string[],
): (record: StreamRecord) => boolean {
  const own = new Set([groupKeys.partition(group), deadLetterKeys.partition(group)].map((pk) => encodeKey(pk)));
  const groups = encodeKey(groupKeys.partition(''));
  const letters = encodeKey(deadLetterKeys.partition(''));
  return ({ dynamodb: { Keys = {}, NewImage, OldImage } = {} }) => {
    const pk = (Keys[pkName] as Text)?.S ?? '';
    const sk = (Keys[skName] as Text)?.S ?? '';
    if (own.has(pk)) return true;
    if (pk.startsWith(letters)) return letter.test(sk);
    if (!pk.startsWith(groups)) return false;
    return lease.test(sk) || isOfGroup((NewImage ?? OldImage ?? {}) as Image);
  };
}

function isOfGroup(image: Image): boolean {
  return Object.values(image).some(({ M: value }) => kinds.has(value?.kind?.S));
}

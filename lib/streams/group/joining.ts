/**
 * The way into a group: what its members must agree on is compared, and that no live process goes under the same id.
 *
 * Nobody can tell from an item alone whether its process lives. So where something stands in the way, the items are looked at again: a beat
 * that moves belongs to a live member, and then this one does not join; a member that is silent for its lease is over.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../engine/index.js';
import { type DifferingSetting, GroupMemberError, GroupSettingsError } from './group-errors.js';
import type { GroupItems, Present } from './group-items.js';
import type { MemberState, MetaState, Owner } from './lease-state.js';
import { type MemberTerms, settingsOf } from './member-options.js';
import { Silence } from './silence.js';

/** The format of the items. */
const format = 1;
/** An item of the same id whose beat did not move for so many beats is taken over; its shards are not, before its lease is over. */
const patienceBeats = 1.5;

/**
 * Comes back when this member may write its item, with the earlier life of the same id, if there was one.
 *
 * @cost 1 query; 1 write when the group is new or its settings change; more queries, two a beat, while a member is in doubt.
 * @throws {GroupSettingsError} `ERR_GROUP_SETTINGS`, {@link GroupMemberError} `ERR_GROUP_MEMBER`; what `ItemAtom.swap` throws.
 */
export async function join(
  items: GroupItems,
  terms: MemberTerms,
  clock: Clock,
  signal: AbortSignal,
): Promise<Owner | undefined> {
  const silence = new Silence(terms.leaseMs);
  const first = new Map<string, number>();
  const begunAtMs = clock.monotonicMs();
  for (;;) {
    const present = await items.present(signal);
    silence.see(present.members, present.askedAtMs, present.answeredAtMs);
    const moved = present.members.filter(({ life, beat }) => (first.get(life) ?? beat) !== beat);
    for (const { life, beat } of present.members) if (!first.has(life)) first.set(life, beat);
    const waitedMs = clock.monotonicMs() - begunAtMs;
    const isSettled =
      !isDisagreed(terms, present, moved, silence) && !isInUse(terms, present.members, moved, silence, waitedMs);
    if (isSettled && (await agree(items, terms, present.meta))) {
      return present.members.find(({ id }) => id === terms.id);
    }
    await clock.sleep(isSettled ? 0 : terms.beatMs / 2, { signal });
  }
}

/** Names what differs from what a group has. */
export function differences(terms: MemberTerms, meta: MetaState): DifferingSetting[] {
  const ours: MetaState['settings'] = { format, stream: terms.stream, ...settingsOf(terms) };
  const theirs: MetaState['settings'] = { format: meta.v, stream: meta.stream, ...meta.settings };
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].sort();
  const differing = names.filter((name) => ours[name] !== theirs[name]);
  return differing.map((name) => ({ name, theirs: theirs[name], ours: ours[name] }));
}

/** Whether members that may run have other settings. @throws {GroupSettingsError} when one of them does. */
function isDisagreed(
  terms: MemberTerms,
  { meta, members }: Present,
  moved: readonly MemberState[],
  silence: Silence,
): boolean {
  const differing = meta === undefined ? [] : differences(terms, meta);
  if (differing.length === 0) return false;
  // Leases of another stream are of no use to this one, whoever runs.
  const isFinal = moved.length > 0 || differing.some(({ name }) => name === 'stream' || name === 'format');
  if (isFinal) throw new GroupSettingsError(terms.group, differing);
  return members.some((member) => !silence.isOver(member));
}

/** Whether a process of the same id may run. @throws {GroupMemberError} when it does. */
function isInUse(
  { group, id, beatMs }: MemberTerms,
  members: readonly MemberState[],
  moved: readonly MemberState[],
  silence: Silence,
  waitedMs: number,
): boolean {
  if (moved.some((member) => member.id === id)) throw new GroupMemberError('in-use', group, id);
  const namesake = members.find((member) => member.id === id);
  return namesake !== undefined && !silence.isOver(namesake) && waitedMs < patienceBeats * beatMs;
}

/** Writes down what is agreed on, if it is not. Whether nobody has written anything else meanwhile. */
export async function agree(items: GroupItems, terms: MemberTerms, seen: MetaState | undefined): Promise<boolean> {
  const { stream } = terms;
  const settings = settingsOf(terms);
  if (seen !== undefined && differences(terms, seen).length === 0) return true;
  return items.meta.swapWith((stands): readonly [MetaState, boolean] => {
    if (stands === undefined) {
      return [{ kind: 'stream-group', v: format, stream, settings, rev: 0 }, true];
    }
    if (differences(terms, stands).length === 0) return [stands, true];
    // Somebody was quicker: whoever it is runs.
    if (seen === undefined || !isDeepStrictEqual(stands.settings, seen.settings)) return [stands, false];
    return [{ ...stands, settings, rev: stands.rev + 1 }, true];
  });
}

/** The errors of consumer groups. */
import { LeydenError, type Outcome } from '../../errors.js';

/**
 * Why a lease is no longer this member's: `taken`: its item names another owner or epoch; `silent`: no beat was acknowledged in time, by
 * this process's own clocks; `late`: it was asked for, and not given up within the time of a hand-over; `given`: it was given up or
 * ended; `stopped`: the member was closed; `replaced`: another process goes under this member's id; `moved`: the shard does not stand where
 * this member left it.
 */
export type LeaseEnd = 'taken' | 'silent' | 'late' | 'given' | 'stopped' | 'replaced' | 'moved';

const ends: Readonly<Record<LeaseEnd, string>> = {
  taken: 'its item names another owner or epoch',
  silent: 'no beat was acknowledged in time',
  late: 'it was asked for, and not given up in time',
  given: 'it was given up or ended',
  stopped: 'the member was stopped',
  replaced: 'another process goes under the id of this member',
  moved: 'it does not stand where this member left it',
};

/**
 * `ERR_GROUP_LEASE_LOST`: the shard may be another member's by now. Deliver nothing more of it, and drop what is not saved; the next owner
 * begins at what was saved last.
 */
export class GroupLeaseLostError extends LeydenError {
  readonly reason: LeaseEnd;
  readonly shardId: string;
  /** The fencing number that was held. */
  readonly epoch: number;

  constructor(reason: LeaseEnd, shardId: string, epoch: number, facts: { outcome?: Outcome; cause?: unknown } = {}) {
    const { outcome = 'not-done', cause } = facts;
    super(
      'ERR_GROUP_LEASE_LOST',
      `Cannot rely on shard ${shardId} in epoch ${epoch}: ${ends[reason]}; stop working on it`,
      {
        outcome,
        retryable: false,
        cause,
      },
    );
    this.reason = reason;
    this.shardId = shardId;
    this.epoch = epoch;
  }
}

/** A setting that differs. */
export interface DifferingSetting {
  readonly name: string;
  /** What the running members have. */
  readonly theirs: string | number | boolean | undefined;
  readonly ours: string | number | boolean | undefined;
}

/** `ERR_GROUP_SETTINGS`: members that run have other settings. Nothing was written. Stop them first, or use theirs. */
export class GroupSettingsError extends LeydenError {
  readonly group: string;
  readonly differing: readonly DifferingSetting[];

  constructor(group: string, differing: readonly DifferingSetting[]) {
    const told = differing.map(({ name, theirs, ours }) => `${name} is ${String(theirs)} there, ${String(ours)} here`);
    super(
      'ERR_GROUP_SETTINGS',
      `Cannot join group ${group}: ${told.join('; ')}; stop the members that run, or use their settings`,
      { outcome: 'not-done', retryable: false },
    );
    this.group = group;
    this.differing = differing;
  }
}

/** Why a {@link GroupMemberError} was thrown: `in-use`: a member of that id is alive; `replaced`: another process took the id over. */
export type GroupMemberReason = 'in-use' | 'replaced';

/** `ERR_GROUP_MEMBER`: the id of this member is another live process's. Ids must be unique; leave `id` out and one is made. */
export class GroupMemberError extends LeydenError {
  readonly reason: GroupMemberReason;
  readonly group: string;
  readonly member: string;

  constructor(reason: GroupMemberReason, group: string, member: string) {
    const what = reason === 'in-use' ? 'a live member has that id' : 'another process took its id over';
    super(
      'ERR_GROUP_MEMBER',
      `Cannot be member ${member} of group ${group}: ${what}; give each process an id of its own, or none`,
      { outcome: 'not-done', retryable: reason === 'in-use' },
    );
    this.reason = reason;
    this.group = group;
    this.member = member;
  }
}

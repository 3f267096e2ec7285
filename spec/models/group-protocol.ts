/**
 * What the members of a group do, as a parameter of the model: the library's own steps unless a spec plants a bug.
 */
import type { LeaseState, Owner } from '../../lib/streams/group/lease-state.js';
import { asked, handed, isHeldBy, saved, taken } from '../../lib/streams/group/lease-steps.js';
import type { ShardPosition } from '../../lib/streams/position.js';

export interface GroupProtocol {
  readonly taken: typeof taken;
  readonly asked: typeof asked;
  readonly saved: typeof saved;
  readonly handed: typeof handed;
  /** Only an answer to a question that was asked after the whole lease had passed says that somebody is over. */
  readonly judges: 'by a later answer' | 'by the last answer';
  /** From when a member counts how long it may believe in itself. */
  readonly memberCounts: 'from the send' | 'from the answer';
  /** From when others count. */
  readonly othersCount: 'from the answer' | 'from the question';
  /** Whether what is granted late is granted only to a life that still is. */
  readonly looksBeforeGrant: boolean;
  /** Whether a member that was silent for too long goes on under another life. */
  readonly beginsAnew: boolean;
  /** Whether only those who are over lose what they own. */
  readonly sparesTheLiving: boolean;
  /** Whether nothing is delivered any more when a shard is handed on. */
  readonly stopsBeforeHanding: boolean;
}

export const shippedGroup: GroupProtocol = {
  taken,
  asked,
  saved,
  handed,
  judges: 'by a later answer',
  memberCounts: 'from the send',
  othersCount: 'from the answer',
  looksBeforeGrant: true,
  beginsAnew: true,
  sparesTheLiving: true,
  stopsBeforeHanding: true,
};

/** What there is to explore; see `group-model.ts`. */
export interface GroupCase {
  readonly shards: number;
  /** Beats of each member. */
  readonly beats: readonly [number, number];
  /** Records of each shard. */
  readonly recordsMax: number;
  readonly crashesMax: number;
  readonly pausesMax: number;
  readonly asksMax: number;
  readonly protocol?: GroupProtocol;
}

const plain: GroupCase = { shards: 1, beats: [2, 1], recordsMax: 1, crashesMax: 0, pausesMax: 0, asksMax: 0 };
const short: GroupCase = { ...plain, beats: [1, 1] };

export const groupCases: Readonly<
  Record<'beats' | 'records' | 'asking' | 'crash' | 'pause' | 'shards' | 'mixed' | 'all' | 'twoAll', GroupCase>
> = {
  beats: plain,
  records: { ...short, recordsMax: 2 },
  asking: { ...short, asksMax: 1 },
  crash: { ...short, crashesMax: 1 },
  pause: { ...short, pausesMax: 1, recordsMax: 2 },
  shards: { ...short, shards: 2 },
  mixed: { ...short, asksMax: 1, crashesMax: 1, pausesMax: 1 },
  all: { ...plain, recordsMax: 2, crashesMax: 1, pausesMax: 1, asksMax: 1 },
  twoAll: { ...short, shards: 2, crashesMax: 1, pausesMax: 1, asksMax: 1 },
};

/** What can be broken. */
export const groupViolations = {
  twoOwners: 'two owners in one epoch',
  twoDeliver: 'two deliver a shard, and each believes that it may',
  granted: 'an epoch is granted twice',
  back: 'a position moves back',
  lost: 'a shard changes hands and its position moves',
  unfinished: 'a position is stored that was not done in that epoch',
} as const;

export interface PlantedGroupBug {
  /** Completes the sentence "finds ...". */
  readonly name: string;
  readonly bug: Partial<GroupProtocol>;
  readonly violation: string;
  /** The smallest case in which it shows. */
  readonly groupCase: GroupCase;
}

const { twoOwners, twoDeliver, granted, lost, unfinished } = groupViolations;
const { beats, asking, records } = groupCases;

function takenWhateverStands(state: LeaseState, _epochSeen: number, by: Owner): LeaseState | undefined {
  return taken(state, state.epoch, by);
}

function takenInTheSameEpoch(state: LeaseState, epochSeen: number, by: Owner): LeaseState | undefined {
  return state.epoch === epochSeen ? { ...state, owner: by, epoch: Math.max(1, epochSeen) } : undefined;
}

function takenFromTheStart(state: LeaseState, epochSeen: number, by: Owner): LeaseState | undefined {
  const next = taken(state, epochSeen, by);
  return next && { ...next, position: 'trim-horizon' };
}

function savedByAnybody(state: LeaseState, _hold: unknown, position: ShardPosition): LeaseState {
  return { ...state, position };
}

function handedFromTheStart(state: LeaseState, hold: Parameters<typeof handed>[1], to: Owner | undefined) {
  const next = handed(state, hold, to);
  return next && { ...next, position: 'trim-horizon' as const };
}

function handedInTheSameEpoch(state: LeaseState, hold: Parameters<typeof handed>[1], to: Owner | undefined) {
  const next = isHeldBy(state, hold) ? handed(state, hold, to) : undefined;
  return next && { ...next, epoch: state.epoch };
}

export const plantedGroupBugs: readonly PlantedGroupBug[] = [
  {
    name: 'taking whatever stands there',
    bug: { taken: takenWhateverStands },
    violation: twoDeliver,
    groupCase: beats,
  },
  { name: 'taking in the same epoch', bug: { taken: takenInTheSameEpoch }, violation: twoOwners, groupCase: records },
  { name: 'taking from the beginning', bug: { taken: takenFromTheStart }, violation: lost, groupCase: records },
  { name: 'saves of anybody', bug: { saved: savedByAnybody }, violation: unfinished, groupCase: records },
  { name: 'hand-overs from the beginning', bug: { handed: handedFromTheStart }, violation: lost, groupCase: asking },
  {
    name: 'hand-overs in the same epoch',
    bug: { handed: handedInTheSameEpoch },
    violation: twoOwners,
    groupCase: asking,
  },
  {
    name: 'judging by the last answer',
    bug: { judges: 'by the last answer' },
    violation: twoDeliver,
    groupCase: beats,
  },
  {
    name: 'a member that counts from the answer',
    bug: { memberCounts: 'from the answer' },
    violation: twoDeliver,
    groupCase: beats,
  },
  {
    name: 'others who count from their question',
    bug: { othersCount: 'from the question' },
    violation: twoDeliver,
    groupCase: beats,
  },
  {
    name: 'grants without a look at the clocks',
    bug: { looksBeforeGrant: false },
    violation: twoDeliver,
    groupCase: beats,
  },
  { name: 'going on under the same life', bug: { beginsAnew: false }, violation: granted, groupCase: beats },
  { name: 'robbing the living', bug: { sparesTheLiving: false }, violation: twoDeliver, groupCase: beats },
  {
    name: 'delivering while it hands on',
    bug: { stopsBeforeHanding: false },
    violation: twoDeliver,
    groupCase: asking,
  },
];

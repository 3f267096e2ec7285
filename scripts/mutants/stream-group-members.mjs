/** Members of a group: who owns a shard, and when somebody else may. */
import { mutant } from './mutant.mjs';

const steps = 'lib/streams/group/lease-steps.ts';
const silence = 'lib/streams/group/silence.ts';
const life = 'lib/streams/group/own-life.ts';
const lives = 'lib/streams/group/lives.ts';
const plan = 'lib/streams/group/plan.ts';
const assignment = 'lib/streams/group/assignment.ts';
const held = 'lib/streams/group/held-lease.ts';
const holdings = 'lib/streams/group/holdings.ts';
const member = 'lib/streams/group/member.ts';
const joining = 'lib/streams/group/joining.ts';
const audit = 'lib/streams/group/audit.ts';
const mover = 'lib/streams/group/mover.ts';
const sight = 'lib/streams/group/group-sight.ts';
const model = 'spec/models/group-protocol.spec.ts';
const rules = 'spec/streams/group/lease-steps.spec.ts';
const groups = 'spec/streams/group/member.spec.ts';
const lifeSpec = 'spec/streams/group/own-life.spec.ts';
const plans = 'spec/streams/group/plan.property.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const streamGroupMembers = [
  mutant(
    'group: a lease is taken whatever epoch it has',
    steps,
    'if (state.epoch !== epochSeen || isEnded(state)) return undefined;',
    'if (isEnded(state)) return undefined;',
    model,
    'every schedule: records',
  ),
  mutant(
    'group: a new owner has the epoch of the old one',
    steps,
    'epoch: epochSeen + 1 }',
    'epoch: epochSeen }',
    model,
  ),
  mutant(
    'group: a lease is held in every epoch',
    steps,
    'return state.epoch === epoch && state.owner?.life === owner.life;',
    'return state.owner?.life === owner.life;',
    rules,
  ),
  mutant(
    'group: a lease is held by whoever names its epoch',
    steps,
    'return state.epoch === epoch && state.owner?.life === owner.life;',
    'return state.epoch === epoch;',
    rules,
  ),
  mutant(
    'group: a position moves back',
    steps,
    'position: isBehind(position, state.position) ? state.position : position',
    'position',
    rules,
  ),
  mutant(
    'group: who was asked first is forgotten',
    steps,
    'if (state.pending !== undefined && !isVoid(state.pending)) return undefined;',
    '',
    rules,
  ),
  mutant(
    'group: a child is ready before its parent is done',
    steps,
    'return parent !== undefined && isEnded(parent);',
    'return true;',
    rules,
  ),
  mutant(
    'group: a member is judged by an answer to an earlier question',
    silence,
    'askedAtMs - sinceMs >= leaseMs',
    'answeredAtMs - sinceMs >= leaseMs',
    'spec/streams/group/silence.spec.ts',
  ),
  mutant(
    'group: others count from their question',
    silence,
    'const sinceMs = hasMoved ? answeredAtMs : before.sinceMs;',
    'const sinceMs = hasMoved ? askedAtMs : before.sinceMs;',
    'spec/streams/group/silence.spec.ts',
  ),
  mutant(
    'group: who has no item is not waited for',
    silence,
    '{ id, beat: undefined, sinceMs: nowMs, leaseMs: this.#leaseMs, isOver: false }',
    '{ id, beat: undefined, sinceMs: nowMs, leaseMs: this.#leaseMs, isOver: true }',
    'spec/streams/group/silence.spec.ts',
  ),
  mutant(
    'group: a member counts from the answer to its beat',
    life,
    'this.#provenAt = sentAt;',
    'this.#provenAt = momentOf(clock);',
    lifeSpec,
    'less the margin',
  ),
  mutant(
    'group: a member believes in itself for the whole lease',
    life,
    'leaseMs - marginMs - elapsedMs(clock, this.#provenAt)',
    'leaseMs - elapsedMs(clock, this.#provenAt)',
    lifeSpec,
    'less the margin',
  ),
  mutant(
    'group: a member writes over the item of whoever has it',
    life,
    'if (state !== undefined && state.life !== owner.life && !mayReplace(state.life)) throw new Replaced();',
    '',
    groups,
    'took it over',
  ),
  mutant(
    'group: a member goes on under the life that has ended',
    lives,
    "const owner = { id, life: Buffer.from(randomBytes(9)).toString('base64url') };",
    'const owner = { id, life: id };',
    groups,
    'can not be reached',
  ),
  mutant(
    'group: what is on its way is asked for again',
    plan,
    "const holder = standings.get(lease.dueTo ?? '') ?? standings.get(lease.owner ?? '');",
    "const holder = standings.get(lease.owner ?? '');",
    plans,
  ),
  mutant('group: whoever has more keeps nothing', plan, 'hasMore(b) - hasMore(a) || ', '', plans),
  mutant('group: no limit of a member', plan, '({ count, shardsMax }) => count < shardsMax);', '() => true);', plans),
  mutant(
    'group: a member that leaves is given shards',
    assignment,
    'if (leaving === true || id',
    'if (id',
    'spec/streams/group/assignment.spec.ts',
  ),
  mutant(
    'group: the owner of a parent is not preferred for its children',
    assignment,
    'preferred: owner?.id ?? parentOwnerOf(lease, sight.leases)',
    'preferred: owner?.id',
    'spec/streams/group/assignment.spec.ts',
  ),
  mutant(
    'group: whoever asked and is gone is given the shard',
    assignment,
    'return present.get(to.id)?.life === to.life;',
    'return true;',
    groups,
    'dies before it is given',
  ),
  mutant(
    'group: a signal of a lease answers without a look at the clocks',
    held,
    'if (this.#end === undefined) keeper.look();',
    '',
    groups,
    'stopped for longer than its lease',
  ),
  mutant(
    'group: a shard is marked as ended before its children have leases',
    held,
    "if (children !== 'unknown') await this.#keeper.bear(children, this.shardId);",
    '',
    groups,
    'followed by their children',
  ),
  mutant(
    'group: a lease that was removed is not written again',
    holdings,
    'lease.restore().catch(',
    'Promise.resolve().catch(',
    groups,
    'leaves a lease that somebody removed',
  ),
  mutant(
    'group: what was read is newer than what was done meanwhile',
    holdings,
    'if (state.epoch < held.epoch) return;',
    '',
    'spec/streams/group/holdings.spec.ts',
  ),
  mutant(
    'group: newcomers ask at once',
    member,
    'await this.#mover.carry(plan, self, strays, !isNew);',
    'await this.#mover.carry(plan, self, strays, true);',
    groups,
    'waits a beat before it asks',
  ),
  mutant(
    'group: other settings are taken',
    joining,
    'if (isFinal) throw new GroupSettingsError(terms.group, differing);',
    '',
    groups,
    'other settings are refused',
  ),
  mutant(
    'group: an id that is in use is taken',
    joining,
    "if (moved.some((member) => member.id === id)) throw new GroupMemberError('in-use', group, id);",
    '',
    groups,
    'while a live process has it',
  ),
  mutant(
    'group: leases are read whether anything has changed or not',
    sight,
    'if (meta?.rev !== this.#rev || ',
    'if (meta?.rev !== undefined || ',
    groups,
    '0.45 writes',
  ),
  mutant(
    'group: leases are read only when it is said that something has changed',
    sight,
    ' || answeredAtMs - this.#readAtMs >= netMs',
    '',
    groups,
    'leaves a lease that somebody removed',
  ),
  mutant(
    'group: children that come late are not looked for',
    audit,
    "if (leases.get(shardId)?.children !== 'unknown' || (children.length === 0 && !isDisabled)) continue;",
    'if (isDisabled || children.length > -1) continue;',
    groups,
    'found to have children by the audit',
  ),
  mutant(
    'group: a free shard waits for whoever should take it, for ever',
    mover,
    'if (room <= 0 || (to !== self.id && now - sinceMs < patienceMs)) continue;',
    'if (room <= 0 || to !== self.id) continue;',
    groups,
    'passed over by those who can',
  ),
];

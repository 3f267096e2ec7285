/**
 * Two members of a group as a model: an item for each, one for each lease, and a network that does its worst.
 *
 *   member:  beats ─► believes in itself ─► takes ─► delivers, saves ─► is asked ─► hands on
 *              │             └─ no beat was acknowledged in time: holds nothing any more, and begins another life
 *              └─ dies, is stopped, at any moment
 *
 * A step of an item is sent, applied and answered, at three moments; between them anything else may happen. A dead or stopped member's
 * steps may still be applied.
 *
 * Time has no numbers. All that is assumed of clocks is one rule, which is what bounded rates and the margin are for: **when a whole lease has
 * passed for an observer since a moment, it has passed for the member as well, less the margin, since any earlier one.** Beats are numbered;
 * `expired` says up to which of them a member may no longer rely on. An observer can find a beat silent only when it has expired.
 */
import type { LeaseState, Owner } from '../../lib/streams/group/lease-state.js';
import { created } from '../../lib/streams/group/lease-steps.js';
import { type GroupCase, groupViolations, shippedGroup } from './group-protocol.js';
import type { Model, Step } from './search.js';

/** A step of a lease on its way. */
interface Sent {
  readonly kind: 'take' | 'save' | 'ask' | 'hand';
  readonly shard: number;
  readonly owner: Owner;
  readonly epoch: number;
  /** What a save stores. */
  readonly place: number;
  /** Judged, and what came of it. */
  readonly judged: 'no' | 'done' | 'refused';
}

interface Held {
  readonly epoch: number;
  /** Records that it has delivered, and those that it knows to be stored. */
  readonly delivered: number;
  readonly stored: number;
  readonly isAsked: boolean;
}

interface Member {
  readonly status: 'runs' | 'stopped' | 'dead';
  readonly life: number;
  /** Beats that were sent in all lives; the last one that was acknowledged in this one. */
  readonly sent: number;
  readonly proven: number;
  /** Beats up to this one may no longer be relied on; by the bug of counting from the answer, `lapsed` does it later. */
  readonly expired: number;
  readonly lapsed: number;
  readonly beat: { readonly life: number; readonly number: number; readonly isApplied: boolean } | undefined;
  readonly op: Sent | undefined;
  readonly held: readonly (Held | undefined)[];
  /** What it saw last of the other: its life and beat; and up to which life that one is over. */
  readonly seen: { readonly life: number; readonly beat: number } | undefined;
  readonly over: number;
}

interface State {
  readonly members: readonly [Member, Member];
  /** The items of the members. */
  readonly beats: readonly [Beat | undefined, Beat | undefined];
  readonly leases: readonly LeaseState[];
  /** The highest epoch of each shard that was granted. */
  readonly granted: readonly number[];
  readonly crashes: number;
  readonly pauses: number;
  readonly asks: number;
}

interface Beat {
  readonly life: number;
  readonly number: number;
}

type Steps = Step<State>[];

const names = ['a', 'b'] as const;

export class GroupModel implements Model<State> {
  readonly first: State;
  readonly #case: GroupCase;

  constructor(groupCase: GroupCase) {
    this.#case = groupCase;
    const held = Array.from({ length: groupCase.shards }, () => undefined);
    const member: Member = {
      ...{ status: 'runs', life: 1, sent: 0, proven: 0, expired: 0, lapsed: 0, beat: undefined, op: undefined },
      ...{ held, seen: undefined, over: 0 },
    };
    const leases = held.map((_, shard) => created({ shardId: String(shard), position: 'trim-horizon' }));
    this.first = {
      ...{ members: [member, member], beats: [undefined, undefined], leases, granted: leases.map(() => 0) },
      ...{ crashes: 0, pauses: 0, asks: 0 },
    };
  }

  key(state: State): string {
    return JSON.stringify(state);
  }

  steps(state: State): Steps {
    const steps: Steps = [];
    for (const who of [0, 1] as const) {
      this.#network(state, who, steps);
      this.#fate(state, who, steps);
      if (state.members[who].status !== 'runs') continue;
      this.#beats(state, who, steps);
      this.#works(state, who, steps);
    }
    return steps;
  }

  get #protocol() {
    return this.#case.protocol ?? shippedGroup;
  }

  /** What happens to a member: time, stops, death. */
  #fate(state: State, who: 0 | 1, steps: Steps): void {
    const me = state.members[who];
    const { crashesMax, pausesMax } = this.#case;
    if (me.status === 'dead') return;
    if (me.expired < me.sent) steps.push(this.#member(state, who, 'time passes for', { expired: me.expired + 1 }));
    if (me.lapsed < me.expired && this.#protocol.memberCounts === 'from the answer') {
      steps.push(this.#member(state, who, 'it notices that time has passed', { lapsed: me.lapsed + 1 }));
    }
    if (state.crashes < crashesMax) {
      const step = this.#member(state, who, 'dies', { status: 'dead' });
      steps.push({ ...step, next: { ...step.next, crashes: state.crashes + 1 } });
    }
    if (me.status === 'stopped') steps.push(this.#member(state, who, 'goes on', { status: 'runs' }));
    else if (state.pauses < pausesMax) {
      const step = this.#member(state, who, 'is stopped', { status: 'stopped' });
      steps.push({ ...step, next: { ...step.next, pauses: state.pauses + 1 } });
    }
  }

  /** What was sent is applied, whatever has become of who sent it. */
  #network(state: State, who: 0 | 1, steps: Steps): void {
    const { beat, op } = state.members[who];
    if (beat?.isApplied === false) {
      const written = { life: beat.life, number: beat.number };
      const beats = replaced<Beat | undefined>(state.beats, who, written) as State['beats'];
      const step = this.#member(state, who, 'a beat is applied of', { beat: { ...beat, isApplied: true } });
      steps.push({ ...step, next: { ...step.next, beats } });
    }
    if (op?.judged === 'no') steps.push(this.#judge(state, who, op));
  }

  #judge(state: State, who: 0 | 1, op: Sent): Step<State> {
    const stands = state.leases[op.shard] as LeaseState;
    const next = this.#outcome(stands, op, state, who);
    const { next: after, name } = this.#member(state, who, `a ${op.kind} is judged of`, {
      op: { ...op, judged: next === undefined ? 'refused' : 'done' },
    });
    if (next === undefined) return { name, next: after };
    const leases = replaced(state.leases, op.shard, next);
    return { name, next: { ...after, leases }, violation: broken(stands, next, op) };
  }

  #outcome(stands: LeaseState, op: Sent, state: State, who: 0 | 1): LeaseState | undefined {
    const { taken, saved, asked, handed } = this.#protocol;
    const hold = { owner: op.owner, epoch: op.epoch };
    if (op.kind === 'take') return taken(stands, op.epoch, op.owner);
    if (op.kind === 'save') return saved(stands, hold, { after: String(op.place) });
    if (op.kind === 'ask') return asked(stands, op.epoch, { to: op.owner, withinMs: 1 }, () => false);
    const other = state.members[1 - who] as Member;
    return handed(stands, hold, stands.pending?.to ?? ownerOf(1 - who, other.life));
  }

  #beats(state: State, who: 0 | 1, steps: Steps): void {
    const me = state.members[who];
    const { beginsAnew } = this.#protocol;
    if (me.proven > 0 && !this.#believes(me)) {
      const held = me.held.map(() => undefined);
      const life = beginsAnew ? me.life + 1 : me.life;
      steps.push(this.#member(state, who, 'lets go of everything:', { held, life, proven: 0 }));
      return;
    }
    if (me.beat === undefined) {
      if (me.sent < this.#case.beats[who]) {
        const number = me.sent + 1;
        const beat = { life: me.life, number, isApplied: false };
        steps.push(this.#member(state, who, 'sends a beat:', { beat, sent: number }));
      }
    } else if (me.beat.isApplied) {
      const isOfThisLife = me.beat.life === me.life;
      const proven = isOfThisLife ? Math.max(me.proven, me.beat.number) : me.proven;
      steps.push(this.#member(state, who, 'a beat is acknowledged of', { beat: undefined, proven }));
    }
  }

  #believes(me: Member): boolean {
    return me.proven > (this.#protocol.memberCounts === 'from the send' ? me.expired : me.lapsed);
  }

  #works(state: State, who: 0 | 1, steps: Steps): void {
    const me = state.members[who];
    if (me.op?.judged === 'done' || me.op?.judged === 'refused') this.#answered(state, who, me.op, steps);
    if (me.proven === 0 || !this.#believes(me)) return;
    this.#looks(state, who, steps);
    for (const [shard, held] of me.held.entries()) {
      const lease = state.leases[shard] as LeaseState;
      if (held !== undefined) this.#holds(state, who, shard, held, steps);
      else if (me.op === undefined) this.#wants(state, who, shard, lease, steps);
    }
  }

  /** Reads the other's item; and may find that a whole lease has passed without a beat. */
  #looks(state: State, who: 0 | 1, steps: Steps): void {
    const me = state.members[who];
    const other = state.members[1 - who] as Member;
    const row = state.beats[1 - who];
    const { judges, othersCount } = this.#protocol;
    if (row !== undefined && (me.seen?.life !== row.life || me.seen.beat !== row.number)) {
      // A life that another one has followed in the same item is over.
      const seen = { life: row.life, beat: row.number };
      steps.push(
        this.#member(state, who, 'sees a beat of the other:', { seen, over: Math.max(me.over, row.life - 1) }),
      );
    }
    if (me.seen === undefined || me.over >= me.seen.life) return;
    const slack = othersCount === 'from the question' ? 1 : 0;
    const isUnchanged = judges === 'by the last answer' || row?.number === me.seen.beat;
    if (other.expired + slack >= me.seen.beat && isUnchanged) {
      steps.push(this.#member(state, who, 'finds the other silent:', { over: me.seen.life }));
    }
  }

  #wants(state: State, who: 0 | 1, shard: number, lease: LeaseState, steps: Steps): void {
    const me = state.members[who];
    const own = ownerOf(who, me.life);
    const { owner, epoch } = lease;
    const life = Number(owner?.life.slice(1) ?? 0);
    const isMine = owner?.life === own.life;
    const isOver = owner === undefined || (owner.id === own.id ? life < me.life : life <= me.over);
    const send = (kind: Sent['kind']) =>
      this.#member(state, who, `sends a ${kind} of ${shard}:`, {
        op: { kind, shard, owner: own, epoch, place: 0, judged: 'no' },
      });
    if (isMine) steps.push(this.#grant(state, who, shard, epoch, placeOf(lease)));
    else if (isOver || !this.#protocol.sparesTheLiving) steps.push(send('take'));
    else if (state.asks < this.#case.asksMax && lease.pending === undefined) {
      const step = send('ask');
      steps.push({ ...step, next: { ...step.next, asks: state.asks + 1 } });
    }
  }

  #holds(state: State, who: 0 | 1, shard: number, held: Held, steps: Steps): void {
    const me = state.members[who];
    const lease = state.leases[shard] as LeaseState;
    const change = (name: string, to: Held | undefined, op?: Sent) => {
      const changes = { held: replaced(me.held, shard, to), ...(op !== undefined && { op }) };
      return this.#member(state, who, name, changes);
    };
    if (!held.isAsked && held.delivered < this.#case.recordsMax) {
      const step = change(`delivers of ${shard}:`, { ...held, delivered: held.delivered + 1 });
      steps.push({ ...step, violation: this.#otherDelivers(state, who, shard) });
    }
    if (lease.pending !== undefined && lease.epoch === held.epoch && !held.isAsked) {
      steps.push(change(`is asked for ${shard}:`, { ...held, isAsked: true }));
    }
    if (me.op !== undefined) return;
    const op = { shard, owner: ownerOf(who, me.life), epoch: held.epoch, judged: 'no' } as const;
    if (held.delivered > held.stored) {
      steps.push(change(`sends a save of ${shard}:`, held, { ...op, kind: 'save', place: held.delivered }));
    }
    if (held.isAsked) {
      const left = this.#protocol.stopsBeforeHanding ? undefined : { ...held, isAsked: false };
      steps.push(change(`sends a hand of ${shard}:`, left, { ...op, kind: 'hand', place: 0 }));
    }
  }

  #answered(state: State, who: 0 | 1, op: Sent, steps: Steps): void {
    const me = state.members[who];
    const cleared = this.#member(state, who, `a ${op.kind} is answered to`, { op: undefined });
    const held = me.held[op.shard];
    if (op.kind === 'take' && op.judged === 'done') {
      const isStill = op.owner.life === ownerOf(who, me.life).life && this.#believes(me);
      if (!isStill && this.#protocol.looksBeforeGrant) steps.push(cleared);
      else
        steps.push(
          this.#grant(cleared.next, who, op.shard, op.epoch + 1, placeOf(state.leases[op.shard] as LeaseState)),
        );
    } else if (op.kind === 'save' && held?.epoch === op.epoch) {
      const next = op.judged === 'done' ? { ...held, stored: op.place } : undefined;
      steps.push(
        this.#member(state, who, 'a save is answered to', {
          op: undefined,
          held: replaced<Held | undefined>(me.held, op.shard, next),
        }),
      );
    } else steps.push(cleared);
  }

  #grant(state: State, who: 0 | 1, shard: number, epoch: number, place: number): Step<State> {
    const me = state.members[who];
    const held = { epoch, delivered: place, stored: place, isAsked: false };
    const step = this.#member(state, who, `is granted ${shard}:`, { held: replaced(me.held, shard, held) });
    const isTwice = epoch <= (state.granted[shard] as number);
    const next = {
      ...step.next,
      granted: replaced(state.granted, shard, Math.max(epoch, state.granted[shard] as number)),
    };
    return { ...step, next, violation: isTwice ? groupViolations.granted : undefined };
  }

  #otherDelivers(state: State, who: 0 | 1, shard: number): string | undefined {
    const other = state.members[1 - who] as Member;
    const held = other.held[shard];
    const delivers = other.status !== 'dead' && held !== undefined && !held.isAsked && this.#believes(other);
    return delivers ? groupViolations.twoDeliver : undefined;
  }

  #member(state: State, who: 0 | 1, name: string, changes: Partial<Member>): Step<State> {
    const member = settled({ ...state.members[who], ...changes }, this.#case.beats[who]);
    const members = replaced(state.members, who, member) as unknown as State['members'];
    return { name: `${name} ${names[who]}`, next: { ...state, members } };
  }
}

/** What a member knows that can do nothing any more makes no difference. */
function settled(member: Member, beatsMax: number): Member {
  const { status, proven, sent, beat, op } = member;
  const isSpent = proven === 0 && sent >= beatsMax && (beat === undefined || beat.life !== member.life);
  if (status !== 'dead' && !isSpent) return member;
  const sinks = op?.judged === 'no' ? op : undefined;
  const held = member.held.map(() => undefined);
  return { ...member, status: 'dead', held, seen: undefined, over: 0, op: sinks, expired: sent, lapsed: sent };
}

function ownerOf(who: number, life: number): Owner {
  const id = names[who] as string;
  return { id, life: `${id}${life}` };
}

function placeOf({ position }: LeaseState): number {
  return typeof position === 'object' && 'after' in position ? Number(position.after) : 0;
}

function replaced<T>(all: readonly T[], at: number, one: T): readonly T[] {
  return all.map((other, index) => (index === at ? one : other));
}

/** What a step of a lease breaks. */
function broken(before: LeaseState, after: LeaseState, op: Sent): string | undefined {
  if (after.epoch <= before.epoch && after.owner?.life !== before.owner?.life) return groupViolations.twoOwners;
  const moved = placeOf(after) - placeOf(before);
  if (op.kind !== 'save') return moved === 0 ? undefined : groupViolations.lost;
  if (moved < 0) return groupViolations.back;
  const isOwners = before.owner?.life === op.owner.life && before.epoch === op.epoch;
  return isOwners ? undefined : groupViolations.unfinished;
}

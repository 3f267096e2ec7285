/**
 * A member of a group: it beats, looks who is there, and takes, asks for and gives what the plan says.
 *
 *   beat ──► look: who is there (1 query) ──► has `rev` moved? ──► all leases (1 query) ──► plan ──► take, ask ──► rev + 1
 *     ▲                                            │ no
 *     └──────────── a quarter of a lease ──────────┘
 *
 * Nobody leads. Every member makes the same plan of what it sees and does its own part of it; where two see different things, the
 * conditions of the lease's steps decide, and the next look sets right what is left.
 */
import type { Clock } from '../../engine/index.js';
import { type Assignment, canBeGiven } from './assignment.js';
import { GroupAudit } from './audit.js';
import { AuditOffice } from './audit-office.js';
import { GroupMemberError, GroupSettingsError } from './group-errors.js';
import { GroupItems } from './group-items.js';
import { GroupSight } from './group-sight.js';
import { Herald } from './herald.js';
import { Holdings } from './holdings.js';
import { isHopeless } from './hopeless.js';
import { agree, differences, join } from './joining.js';
import type { LeaseState, MemberState, MetaState, Owner, Pending } from './lease-state.js';
import { isReady } from './lease-steps.js';
import { Lives } from './lives.js';
import { Looks } from './looks.js';
import { type GroupMemberOptions, type MemberTerms, termsOf } from './member-options.js';
import { Mover } from './mover.js';
import type { LifeEnd } from './own-life.js';
import type { OwnedLease } from './owned-lease.js';

/** Items of members that were silent for so many leases are removed. */
const silentLeases = 10;
/** How long the last steps of a member that stops may take. */
const goodByeMs = 5_000;

/**
 * The place of this process in a group.
 *
 * **Guarantee.** What is granted is nobody else's while `signal` of the lease has not aborted, as long as the clocks of two machines differ in
 * rate by less than the margin. What the clocks show does not matter. Nothing can stop a process between its look at the signal and what
 * it does next: that is what the epoch, and transactions that check it, are for.
 *
 * **If the process dies**, its shards are others' `leaseMs` after its last beat was seen. If an answer is lost, the item settles what became
 * of the step. A process that was stopped finds at its first look at a `signal` that it has lost everything, and begins another life.
 *
 * @cost 1 write and 1 query a beat, 1 query more each half minute. An idle shard costs no writes.
 * @iam dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:GetItem, dynamodb:Query on the coordination table; dynamodb:DescribeStream
 */
export class GroupMember implements AsyncDisposable {
  readonly #terms: MemberTerms;
  readonly #clock: Clock;
  readonly #items: GroupItems;
  readonly #sight: GroupSight;
  readonly #lives: Lives;
  readonly #holdings: Holdings;
  readonly #mover: Mover;
  readonly #office: AuditOffice;
  readonly #herald: Herald;
  readonly #looks: Looks;
  readonly #stopped = new AbortController();
  #endWell: () => void = () => {};
  #endBadly: (error: unknown) => void = () => {};
  #members = 0;
  /** Who should have what this member leaves behind. */
  #heirs: Assignment | undefined;
  #onGiven: () => void = () => {};
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** Resolves when it was stopped; rejects when it can't go on. */
  readonly ended: Promise<void>;

  /** Sends nothing. @throws TypeError, RangeError for wrong options. */
  constructor(options: GroupMemberOptions) {
    const terms = termsOf(options);
    const { table, group, leaseMs, onEvent: tell } = terms;
    const { clock, random } = table.sources;
    this.#terms = terms;
    this.#clock = clock;
    const items = new GroupItems(table, group);
    this.#items = items;
    this.#sight = new GroupSight(items, leaseMs);
    this.#looks = new Looks({
      ...{ clock, beatMs: terms.beatMs },
      once: () => this.#look(),
      nextMs: () => this.#nextMs(),
      onTrouble: (error) => this.#troubled(error),
    });
    this.#herald = new Herald(items, clock, (error) => tell({ type: 'trouble', action: 'raise', error }));
    this.ended = new Promise((resolve, reject) => {
      this.#endWell = resolve;
      this.#endBadly = reject;
    });
    // Whoever does not look is told by `start` and by the leases.
    this.ended.catch(() => {});
    const ground = { items, terms, clock, tell, onStands: (state: LeaseState) => this.#sight.note(state) };
    const onFatal = (error: unknown) => this.#fail(error);
    this.#lives = new Lives({
      ...{ ...ground, stopped: this.#stopped.signal, onFatal },
      isLeaving: () => this.#isLeaving,
      onBeat: (beatMs) => this.#beaten(beatMs),
      onEnd: (owner, end, cause) => this.#lifeEnded(owner, end, cause),
    });
    this.#holdings = new Holdings({
      ...ground,
      self: () => this.#lives.self,
      look: () => this.#lives.look(),
      dueTo: (shardId, pending) => this.#dueTo(shardId, pending),
      canBeGiven: ({ to }) => canBeGiven(to, this.#present()),
      onGranted: (lease) => this.#granted(lease),
      onGiven: (state) => this.#given(state),
    });
    this.#mover = new Mover({ ...ground, holdings: this.#holdings, sight: this.#sight });
    const overLong = () => this.#overLong();
    const audit = new GroupAudit({ ...ground, random, overLong, onFatal, onChange: () => this.#changed() });
    this.#office = new AuditOffice(items, audit, (owner) => this.#sight.silence.isOver(owner));
  }

  get id(): string {
    return this.#terms.id;
  }

  /** What is known of the group, as of the last look. */
  get sight(): Pick<GroupSight, 'meta' | 'members' | 'leases' | 'silence'> {
    return this.#sight;
  }

  /** What this member owns. */
  get leases(): ReadonlyMap<string, OwnedLease> {
    return this.#holdings.held;
  }

  /**
   * Joins the group; resolves when the first beat was acknowledged. Shards come by `onGranted` from then on.
   *
   * @cost 2 queries, 1 write; more queries while a member of the same id, or with other settings, may be alive.
   * @throws {GroupSettingsError} `ERR_GROUP_SETTINGS`, {@link GroupMemberError} `ERR_GROUP_MEMBER`; what `ItemAtom.swap` throws.
   */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#fail(error);
      throw error;
    });
    return this.#starting;
  }

  /**
   * Leaves the group: all shards are handed to the members that should have them, at what was saved last; then nobody needs to wait for
   * this one. Handlers have `handoffMs` to come to an end. Stopping again is the same as the first time.
   *
   * If the process dies meanwhile, or the store can't be reached, others wait for the lease.
   *
   * @cost 1 write for each shard, and 4 at most.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** As {@link GroupMember.stop}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #isLeaving(): boolean {
    return this.#stopping !== undefined || this.#stopped.signal.aborted;
  }

  async #start(): Promise<void> {
    const namesake = await join(this.#items, this.#terms, this.#clock, this.#stopped.signal);
    if (namesake !== undefined) this.#lives.succeed(namesake);
    await this.#lives.begin();
    this.#terms.onEvent({ type: 'joined', member: this.id });
  }

  async #stop(): Promise<void> {
    const { handoffMs } = this.#terms;
    // Whoever is not in yet need not come in.
    if (this.#lives.self === undefined) this.#quit();
    await this.#starting?.catch(() => {});
    // Others must not give it anything meanwhile.
    void this.#lives.beat().catch(() => {});
    if (this.#lives.self !== undefined) await this.#handAllOver(handoffMs);
    const goodBye = Promise.all([this.#office.resign(), this.#herald.tell()]).catch(() => {});
    await Promise.race([goodBye, this.#clock.sleep(goodByeMs, { background: true })]);
    this.#quit();
    if (this.#lives.ownsItem) {
      // Behind every beat that is under way, so that none writes it again.
      await this.#items
        .member(this.id)
        .delete({ timeoutMs: goodByeMs })
        .catch(() => {});
    }
    this.#endWell();
  }

  /** Comes back when nothing is held any more, or when the time for it is over. */
  async #handAllOver(withinMs: number): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + withinMs + goodByeMs;
    this.#heirs = this.#sight.assign(undefined, this.id);
    while (this.#holdings.held.size > 0 && this.#clock.monotonicMs() < untilMs) {
      for (const lease of this.#holdings.held.values()) lease.ask(withinMs);
      await new Promise<void>((wake) => {
        this.#onGiven = wake;
        this.#clock.sleep(this.#terms.beatMs, { background: true }).then(wake, wake);
      });
    }
  }

  // ---- lives and leases ---------------------------------------------------------------------------------------------

  #beaten(beatMs: number): void {
    this.#terms.onEvent({ type: 'beat', beatMs });
    this.#looks.look();
  }

  #lifeEnded(owner: Owner, end: LifeEnd, cause: unknown): void {
    this.#sight.silence.bury(owner);
    this.#office.dismiss();
    this.#looks.rest();
    const { group, onEvent } = this.#terms;
    if (end === 'silent') onEvent({ type: 'self-fenced', leases: this.#holdings.held.size, cause });
    this.#holdings.loseAll(end, cause);
    if (end === 'replaced') this.#fail(new GroupMemberError('replaced', group, this.id));
  }

  /** It can't go on. */
  #fail(error: unknown): void {
    this.#endBadly(error);
    this.#quit();
  }

  #quit(): void {
    this.#stopped.abort(new Error('The member has stopped'));
    this.#lives.end();
    this.#holdings.loseAll('stopped');
    this.#office.dismiss();
    this.#looks.rest();
  }

  #dueTo(shardId: string, pending: Pending | undefined): Owner | undefined {
    const present = this.#present();
    if (pending !== undefined && canBeGiven(pending.to, present)) return pending.to;
    if (!this.#isLeaving) return this.#lives.self;
    const heir = this.#heirs?.claims.get(shardId);
    const to = heir === undefined ? undefined : present.get(heir);
    return to && { id: to.id, life: to.life };
  }

  #granted(lease: OwnedLease): void {
    this.#terms.onGranted(lease);
    if (this.#isLeaving) this.#holdings.held.get(lease.shardId)?.ask(this.#terms.handoffMs);
  }

  /** Children of a shard that has ended are its owner's, as far as it has room. */
  #given({ children }: LeaseState): void {
    this.#changed();
    this.#onGiven();
    if (children === undefined || children === 'unknown' || this.#isLeaving) return;
    for (const shardId of children) {
      const lease = this.#sight.leases.get(shardId);
      const hasRoom = this.#holdings.held.size < this.#terms.shardsMax;
      if (lease?.owner === undefined && lease !== undefined && hasRoom) {
        void this.#holdings.take(lease).then((done) => done && this.#changed());
      }
    }
  }

  #changed(): void {
    void this.#herald.tell();
    if (!this.#isLeaving) this.#looks.hurry();
  }

  #overLong(): readonly MemberState[] {
    const now = this.#clock.monotonicMs();
    const { silence, members } = this.#sight;
    return members.filter((member) => silence.isOver(member) && silence.leasesSilent(member, now) > silentLeases);
  }

  // ---- looks --------------------------------------------------------------------------------------------------------

  #plan(): Assignment {
    return this.#sight.assign(this.#selfInPlan(), this.id);
  }

  #present(): ReadonlyMap<string, Owner> {
    return this.#sight.present(this.#selfInPlan(), this.id);
  }

  #selfInPlan() {
    const self = this.#isLeaving ? undefined : this.#lives.self;
    const { capacity, shardsMax } = this.#terms;
    return self && { ...self, capacity, shardsMax };
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopped;
    if (this.#lives.self === undefined || signal.aborted) return;
    const { over, found } = await this.#sight.look(signal);
    for (const { id } of over) this.#terms.onEvent({ type: 'member-dead', member: id });
    await this.#checkMeta(this.#sight.meta);
    const isReadyNow = (lease: LeaseState) => isReady(lease, (shardId) => this.#sight.leases.get(shardId));
    const strays = found === undefined ? [] : this.#holdings.reconcile(found, isReadyNow);
    const { self } = this.#lives;
    if (self === undefined || this.#isLeaving) return;
    const plan = this.#plan();
    this.#tellMembers(plan, self);
    const isNew = this.#clock.monotonicMs() - this.#lives.sinceMs < this.#terms.beatMs;
    const changes = await this.#mover.carry(plan, self, strays, !isNew);
    if (changes > 0) this.#changed();
    await this.#office.mind(self, plan, this.#sight.meta);
  }

  /** A member whose settings differ, or an item that somebody has removed. */
  async #checkMeta(meta: MetaState | undefined): Promise<void> {
    if (meta === undefined) {
      await agree(this.#items, this.#terms, undefined);
      return;
    }
    const differing = differences(this.#terms, meta);
    if (differing.length > 0) throw new GroupSettingsError(this.#terms.group, differing);
  }

  #tellMembers({ present, moves }: Assignment, self: Owner): void {
    const members = present.size;
    if (members === this.#members) return;
    this.#members = members;
    this.#terms.onEvent({ type: 'members', members });
    // Whoever is to give something will be asked for it soon.
    if (moves.some(({ from, to }) => from === self.id || to === self.id)) this.#looks.hurry();
  }

  #nextMs(): number | undefined {
    const { self } = this.#lives;
    return self === undefined || this.#stopped.signal.aborted ? undefined : this.#sight.silence.nextMs(self);
  }

  #troubled(error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    this.#terms.onEvent({ type: 'trouble', action: 'look', error });
    if (isHopeless(error)) this.#fail(error);
    else this.#looks.hurry();
  }
}

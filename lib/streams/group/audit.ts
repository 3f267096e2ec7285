/**
 * What one member of a group does for all: it compares the listing of the stream's shards with the leases.
 *
 *   listed, no lease          created; also when somebody has removed the item
 *   ended, children unknown   looked for in the listing
 *   unfinished, not listed    told as vanished; its owner decides
 *   ended, old, children on   removed
 *
 * Every step is conditional and says the same when it is made twice, so two who audit at a time do no harm but to the number of requests.
 */
import type { Clock, Random } from '../../engine/index.js';
import { StreamError } from '../errors.js';
import { ShardForest, type ShardView } from '../forest.js';
import type { ShardPosition } from '../position.js';
import { refusalOf } from '../refusals.js';
import { creationTimeOf } from '../shard-id.js';
import type { GroupItems } from './group-items.js';
import { isHopeless } from './hopeless.js';
import { inTurns } from './in-turns.js';
import type { LeaseState, MemberState, MetaState } from './lease-state.js';
import { childrenFound, created, isEnded, type NewLease } from './lease-steps.js';
import type { MemberEvent } from './member-events.js';
import type { MemberTerms } from './member-options.js';

/** Ended leases are kept so long, by the time in the shard's id. */
const tombstoneMs = 48 * 3_600_000;
/** Between two listings while something is in doubt: twice as long each time. */
const doubtMsMin = 5_000;
/** Steps that are under way at the same time. */
const stepsMax = 16;
/** Audits come earlier or later by so much, at random. */
const jitter = 0.2;

export interface AuditGround {
  readonly items: GroupItems;
  readonly terms: MemberTerms;
  readonly clock: Clock;
  readonly random: Random;
  /** Members whose items nobody needs any more. */
  overLong(): readonly MemberState[];
  /** A step of the audit has left an item so. */
  onStands(state: LeaseState): void;
  /** Leases were changed. */
  onChange(): void;
  /** The stream can't be listed, for good. */
  onFatal(error: unknown): void;
  tell(event: MemberEvent): void;
}

class Refused extends Error {}

/** Asking again may help. */
class Passing extends Error {}

export class GroupAudit {
  readonly #ground: AuditGround;
  readonly #told = new Set<string>();
  #forest: ShardForest | undefined;
  /** The service's time at the zero of the clock that does not step, as it was believed when the forest began. */
  #zeroMs: number | undefined;
  #leaving: AbortController | undefined;

  constructor(ground: AuditGround) {
    this.#ground = ground;
  }

  /** From now on, until `stop`. Starting again is nothing. */
  start(): void {
    if (this.#leaving !== undefined) return;
    this.#leaving = new AbortController();
    void this.#run(this.#leaving.signal);
  }

  stop(): void {
    this.#leaving?.abort();
    this.#leaving = undefined;
    // Whoever audits meanwhile knows more.
    this.#forest = undefined;
    this.#zeroMs = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, terms, onFatal, tell } = this.#ground;
    for (let doubts = 0; !signal.aborted; ) {
      let isSettled = false;
      try {
        isSettled = await this.audit(signal);
      } catch (error) {
        if (signal.aborted) return;
        const isPassing = error instanceof Passing;
        if (!isPassing && isHopeless(error)) return onFatal(error);
        tell({ type: 'trouble', action: 'audit', error: isPassing ? error.cause : error });
      }
      doubts = isSettled ? 0 : doubts + 1;
      const auditMs = terms.auditMs * (1 + jitter * (2 * random.next() - 1));
      const pauseMs = isSettled ? auditMs : Math.min(auditMs, doubtMsMin * 2 ** Math.min(doubts - 1, 20));
      await clock.sleep(pauseMs, { signal, background: true }).catch(() => {});
    }
  }

  /** One audit. Whether nothing is left in doubt. */
  async audit(signal: AbortSignal): Promise<boolean> {
    const { items, terms, onChange, tell } = this.#ground;
    const nowMs = this.#nowMs();
    const meta = await items.meta.deref({ signal });
    const { shards, status, pages } = await this.#list(signal);
    // Read after the listing: what it shows and nobody has a lease for had none when it was shown.
    const { leases } = await items.leases(signal);
    this.#forest ??= forestOf(terms, meta, leases, nowMs);
    const forest = this.#forest;
    for (const lease of leases.values()) {
      forest.know(knownOf(lease));
      // Whatever was missing of it, its owner has decided about that.
      if (isEnded(lease)) forest.finish(lease.shardId);
    }
    forest.observe(shards, { complete: true, nowMs, isDisabled: status === 'DISABLED' });
    signal.throwIfAborted();
    const views = forest.shards();
    const births = await this.#bear(forest, leases, meta?.rev ?? 0);
    const found = await this.#join(views, leases, status === 'DISABLED');
    if (meta?.placedAtMs === undefined) await this.#placed(nowMs);
    const removed = await this.#remove(new Set(shards.map(({ shardId }) => shardId)), leases, nowMs);
    this.#tellGaps(forest);
    if (births + found + removed > 0) onChange();
    await this.#forgetMembers();
    tell({ type: 'audited', shards: shards.length, created: births, removed, pages });
    return !forest.isUnsettled(nowMs) && !this.#isOpen(views, leases);
  }

  /**
   * Makes all leases anew, as those of a group that begins now. None is removed meanwhile: an owner that still lives would take that for a
   * mishap, and write it back. So each is written over under the next epoch, and what is not to be read counts as done.
   */
  async placeAnew(signal: AbortSignal): Promise<void> {
    const { items, terms } = this.#ground;
    const nowMs = this.#nowMs();
    const { shards, status } = await this.#list(signal);
    const { leases } = await items.leases(signal);
    const { rev = 0 } = (await items.meta.deref({ signal })) ?? {};
    const forest = new ShardForest({ stream: terms.stream, from: terms.from, startedAtMs: nowMs });
    forest.observe(shards, { complete: true, nowMs, isDisabled: status === 'DISABLED' });
    const wanted = new Map(this.#missing(forest, new Map()).map((lease) => [lease.shardId, lease]));
    const childrenOf = (id: string) => shards.flatMap(({ shardId, parentId }) => (parentId === id ? shardId : []));
    const steps = [...new Set([...wanted.keys(), ...leases.keys()])].map((shardId) => async () => {
      const lease = wanted.get(shardId) ?? { shardId, position: 'end' as const };
      const done = wanted.has(shardId) ? {} : { children: childrenOf(shardId).sort() };
      await items.lease(shardId).swap((stands) => {
        const epoch = Math.max(stands?.epoch ?? 0, rev) + 1;
        return { ...created({ ...lease, epoch }), ...done };
      });
    });
    await inTurns(steps, stepsMax);
    await items.meta.swap((stands) => {
      if (stands === undefined) throw new Refused();
      return { ...stands, placedAtMs: nowMs };
    });
  }

  /** A forest that was told too late a time does not take it back: a clock that steps must not be heard. */
  #nowMs(): number {
    const { clock, terms } = this.#ground;
    this.#zeroMs ??= terms.nowMs() - clock.monotonicMs();
    return this.#zeroMs + clock.monotonicMs();
  }

  /** Creates leases that are missing. */
  async #bear(forest: ShardForest, leases: ReadonlyMap<string, LeaseState>, epoch: number): Promise<number> {
    const { items, onStands } = this.#ground;
    const births = this.#missing(forest, leases).map((lease) => created({ ...lease, epoch }));
    const steps = births.map((lease) => async () => {
      onStands(await items.lease(lease.shardId).swap((stands) => stands ?? lease));
    });
    await inTurns(steps, stepsMax);
    return steps.length;
  }

  /** Leases that are missing, parents first; also of shards that are gone, so that their owners tell of it. */
  #missing(forest: ShardForest, leases: ReadonlyMap<string, LeaseState>): NewLease[] {
    const gone = new Set(forest.gaps().map(({ shardId }) => shardId));
    const wanted = forest.shards().filter(({ shardId, state }) => state !== 'finished' && !leases.has(shardId));
    const known = new Set(leases.keys());
    const missing: NewLease[] = [];
    for (const { shardId, parentId, position, state } of wanted.sort(byShard)) {
      const parent = parentId !== undefined && known.has(parentId) ? parentId : undefined;
      // Its parent is in doubt: another listing decides.
      if (state === 'waiting' && parent === undefined && !gone.has(shardId)) continue;
      known.add(shardId);
      missing.push({ shardId, position, parent });
    }
    return missing;
  }

  /** Tells ended shards of children that were found since. */
  async #join(
    views: readonly ShardView[],
    leases: ReadonlyMap<string, LeaseState>,
    isDisabled: boolean,
  ): Promise<number> {
    const { items, onStands } = this.#ground;
    let joined = 0;
    for (const { shardId, children } of views) {
      if (leases.get(shardId)?.children !== 'unknown' || (children.length === 0 && !isDisabled)) continue;
      const state = await swapOr(items.lease(shardId), (stands) => childrenFound(stands, [...children].sort()));
      if (state === undefined) continue;
      onStands(state);
      joined += 1;
    }
    return joined;
  }

  /** From now on every shard that turns up is wanted whole. */
  async #placed(nowMs: number): Promise<void> {
    await this.#ground.items.meta.swap((stands) => {
      if (stands === undefined) throw new Refused();
      return { ...stands, placedAtMs: stands.placedAtMs ?? nowMs };
    });
  }

  /** Ended leases that nobody asks for any more: old, listed no longer, with children that have gone on. */
  async #remove(listed: ReadonlySet<string>, leases: ReadonlyMap<string, LeaseState>, nowMs: number): Promise<number> {
    const isOld = (shardId: string) => nowMs - (creationTimeOf(shardId) ?? nowMs) > tombstoneMs;
    const hasGoneOn = (shardId: string): boolean => {
      const lease = leases.get(shardId);
      return lease === undefined ? isOld(shardId) : isEnded(lease) || lease.position !== 'trim-horizon';
    };
    const old = [...leases.values()].filter(({ shardId, children }) => {
      if (children === undefined || children === 'unknown' || listed.has(shardId)) return false;
      return isOld(shardId) && children.every(hasGoneOn);
    });
    await inTurns(
      old.map(
        ({ shardId }) =>
          () =>
            this.#ground.items.lease(shardId).delete(),
      ),
      stepsMax,
    );
    return old.length;
  }

  async #forgetMembers(): Promise<void> {
    for (const { id } of this.#ground.overLong()) await this.#ground.items.member(id).delete();
  }

  #tellGaps(forest: ShardForest): void {
    for (const gap of forest.gaps()) {
      if (this.#told.has(gap.shardId)) continue;
      this.#told.add(gap.shardId);
      this.#ground.tell({ type: 'shard-vanished', gap });
    }
  }

  #isOpen(views: readonly ShardView[], leases: ReadonlyMap<string, LeaseState>): boolean {
    return views.some(({ shardId, children }) => leases.get(shardId)?.children === 'unknown' && children.length === 0);
  }

  /** @throws {StreamError} `ERR_STREAM` `not-found`; what the service refuses for good; {@link Passing} */
  async #list(signal: AbortSignal) {
    const { discovery, stream } = this.#ground.terms;
    try {
      return await discovery.listAll({ signal });
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === 'gone') throw new StreamError('not-found', stream, 'there is no such stream', error);
      throw refusal === 'fatal' ? error : new Passing('The stream could not be listed', { cause: error });
    }
  }
}

/** A group that was complete once goes on from its leases, whatever it began with. */
function forestOf(
  { stream, from }: MemberTerms,
  meta: MetaState | undefined,
  leases: ReadonlyMap<string, LeaseState>,
  startedAtMs: number,
): ShardForest {
  if (meta?.placedAtMs === undefined) return new ShardForest({ stream, from, startedAtMs });
  const shards: Record<string, ShardPosition> = {};
  for (const lease of leases.values()) shards[lease.shardId] = isEnded(lease) ? 'end' : lease.position;
  return new ShardForest({ stream, from: { v: 1, stream, shards }, startedAtMs });
}

function knownOf({ shardId, parent, children, position }: LeaseState) {
  const known = Array.isArray(children) ? (children as readonly string[]) : undefined;
  return { shardId, parentId: parent, children: known, position: children === undefined ? position : ('end' as const) };
}

function byShard(a: ShardView, b: ShardView): number {
  return a.shardId < b.shardId ? -1 : 1;
}

/** The state that a step leaves; `undefined` when it is refused. */
async function swapOr(
  atom: ReturnType<GroupItems['lease']>,
  step: (stands: LeaseState) => LeaseState | undefined,
): Promise<LeaseState | undefined> {
  try {
    return await atom.swap((stands) => {
      const next = stands === undefined ? undefined : step(stands);
      if (next === undefined) throw new Refused();
      return next;
    });
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

/**
 * Makes the bytes of a blind write: all changes that wait in the lane as one update, which the store works out on whatever stands
 * there by then.
 *
 *   callers' changes -> planChanges -> parts of an update --+
 *   base: incarnation, a version that was seen -> guards  --+-> one UpdateItem, its fence ready in case that it is barred
 *
 * The store is left alone with a value only where it cannot go wrong: native attributes, nothing sealed, no index to be kept up, no
 * schema or validator that has to see what is written. All of that is a condition of the update too, since another process may have
 * other options.
 */
import { type Encoded, type Held, heldFrom, itemBytes } from '../../codec/index.js';
import { expressionBytesMax, itemBytesMax } from '../../engine/index.js';
import { isDeclined, type Run } from '../batch.js';
import { type Known, liveHeld, type Start } from '../cache.js';
import { type Lineage, writerOf } from '../evidence.js';
import type { Ground } from '../ground.js';
import { formatItem, type Image } from '../item-format.js';
import type { Operation } from '../operation.js';
import type { Register } from '../register.js';
import type { ValueRules } from '../value-rules.js';
import type { Draft } from '../writer.js';
import { type BlindAttempt, type BlindParts, blindExpressions, evolveBlind, fenceParts } from './blind-evidence.js';
import { satisfies } from './commute-condition.js';
import { planChanges } from './commute-expression.js';
import { type CommuteCall, conditionsOf } from './commute-together.js';

/** Writers of the current generation, in generations as swaps count them, above which a blind write rotates. */
const generationsMax = 4;
/** From this many times that size on, not only the writer that made it too large rotates; each other with this chance. */
const overdueTimes = 1.5;
const overdueChance = 1 / 8;
/** Operators and functions in one expression ("Constraints in Amazon DynamoDB"). */
const operatorsMax = 300;

/** A blind write, and whose steps are in it. */
export interface BlindDraft {
  readonly draft: Draft;
  readonly runs: readonly Run[];
}

function canGoBlind({ work, isBarred }: Operation): boolean {
  return work.commute !== undefined && !isBarred;
}

/** One per atom. */
export class CommuteWriter {
  readonly #ground: Ground;
  readonly #rules: ValueRules;
  readonly #register: Pick<Register, 'key' | 'keyText'>;
  /** The last own write that was the newest state when the next was drafted, and the version of the one before it. */
  #ownToken: string | undefined;
  #ownVersion = 0;
  #versionBefore = 0;
  /** Calls that the next update may carry: as many as fitted, until twice as many turn out to fit. */
  #countMax = Number.POSITIVE_INFINITY;

  constructor(ground: Ground, rules: ValueRules, register: Pick<Register, 'key' | 'keyText'>) {
    this.#ground = ground;
    this.#rules = rules;
    this.#register = register;
  }

  /** Whether the store may change the value that is known. */
  #isOpen(known: Known): boolean {
    const { codec, schema, validator, index, foreign, ttlMs } = this.#rules;
    const { image, adopted } = known;
    if (image?.encoded === undefined || image.encoded.codec !== undefined || adopted !== undefined) return false;
    if (codec !== undefined || schema !== undefined || validator !== undefined || index !== undefined) return false;
    if (foreign === 'refuse' || Object.keys(image.index).length > 0) return false;
    if (liveHeld(known, this.#ground.clock.now()) === undefined) return false;
    return ttlMs === undefined ? image.aliveUntil === undefined : image.aliveUntil !== undefined && !image.receipts;
  }

  /** What is known, if all who wait can go without a turn and without a newer look at the item. */
  base(queue: readonly Operation[], known: Known | undefined): Known | undefined {
    return known !== undefined && queue.length > 0 && queue.every(canGoBlind) && this.#isOpen(known)
      ? known
      : undefined;
  }

  /**
   * The update that makes as many of `runs` as can go together, from the first on; `undefined` when it takes a put. Who met an error is
   * to be told of it only once the base is confirmed, which a blind write does not do; nor does it for whose condition did not hold, who
   * is left out.
   */
  draft(base: Known, runs: readonly Run[], start: Start): BlindDraft | undefined {
    const { image } = base;
    if (runs.some((run) => 'error' in run || !canGoBlind(run.operation))) return undefined;
    if (image?.encoded === undefined || !this.#isOpen(base)) return undefined;
    const able = runs.filter((run) => !isDeclined(run));
    const calls = able.map(({ operation }) => operation.work.commute as CommuteCall);
    const conditions = conditionsOf(calls);
    const most = Math.min(conditions.length, this.#countMax);
    for (let count = most; count > 0; count = Math.floor(count / 2)) {
      const some = able.slice(0, count);
      const changes = calls.slice(0, count).flatMap((call) => call.changes);
      const held = some.reduce((last, run) => ('step' in run && run.step.next) || last, base.held as Held);
      const when = conditions.slice(0, count).flat();
      const parts = planChanges(image.encoded, held.encode(), changes, this.#ground.names.data, when);
      if (parts === undefined) return undefined;
      const draft = this.#make({ ...base, image }, held, held.encode(), this.#shaped(image, parts), start);
      if (!this.#fits(draft)) continue;
      this.#countMax = count < most ? count : Math.max(this.#countMax, 2 * count);
      return { draft, runs: some };
    }
    return undefined;
  }

  /** Whether it was a condition of a call's that did not hold of what their update met. Then another update may well do. */
  isDeclinedBy(met: Image | undefined, runs: readonly Run[]): boolean {
    const calls = runs.map(({ operation }) => operation.work.commute as CommuteCall);
    const when = conditionsOf(calls).flat();
    if (met?.encoded === undefined || when.length === 0) return false;
    try {
      return !satisfies(heldFrom(met.encoded, this.#register.keyText).hand(), when);
    } catch {
      // Of another codec, or damaged: not for an update.
      return false;
    }
  }

  #fits({ pending }: Draft): boolean {
    const bytesMax = this.#rules.large?.itemBytesMax ?? itemBytesMax;
    if (itemBytes(pending.item) > bytesMax) return false;
    return [pending.update?.expression ?? '', pending.condition.expression].every((text) => {
      const operators = text.match(/\b(?:AND|OR|NOT|BETWEEN)\b|[a-z_]+\(|<=|[=<+]/g) ?? [];
      return text.length <= expressionBytesMax && operators.length <= operatorsMax;
    });
  }

  /** The item must be one that the store can be left alone with, and stays alive as long as one that is put. */
  #shaped(image: Image, parts: BlindParts): BlindParts {
    const { names, clock, tombstoneMs } = this.#ground;
    const { ttlMs } = this.#rules;
    const { annotations } = image.encoded as Encoded;
    const now = Math.floor(clock.now());
    const aliveUntil = now + (ttlMs ?? 0);
    const expiresAt = Math.ceil((aliveUntil + tombstoneMs) / 1_000);
    const mortal = ttlMs !== undefined;
    return {
      sets: [...parts.sets, '#u = :u', ...(mortal ? ['#y = :y', '#x = :x'] : [])],
      removes: image.hand === undefined ? parts.removes : [...parts.removes, '#h'],
      conditions: [
        annotations === undefined ? 'attribute_not_exists(#t)' : '#t = :t',
        ...['#c', '#i', '#z', mortal ? '#o' : '#y'].map((name) => `attribute_not_exists(${name})`),
        ...(mortal ? ['#y > :u'] : []),
        ...parts.conditions,
      ],
      names: {
        ...parts.names,
        ...{ '#t': names.annotations, '#c': names.codec, '#i': names.indexNames, '#z': names.format },
        ...{ '#u': names.writtenAt, '#y': names.aliveUntil },
        ...(image.hand !== undefined && { '#h': names.hand }),
        ...(mortal && { '#x': names.expiresAt, '#o': names.receipts }),
      },
      values: {
        ...parts.values,
        ...{ ':u': { N: String(now) }, ...(annotations !== undefined && { ':t': { S: annotations } }) },
        ...(mortal && { ':y': { N: String(aliveUntil) }, ':x': { N: String(expiresAt) } }),
      },
    };
  }

  #make(base: Known & { readonly image: Image }, held: Held, encoded: Encoded, parts: BlindParts, start: Start): Draft {
    const { lineage } = base.image;
    const attempt: BlindAttempt = {
      writer: this.#ground.writer,
      seq: this.#ground.nextSeq(),
      incarnation: lineage.incarnation,
      seenAt: lineage.version,
      rotates: this.#isRotationDue(lineage) ? lineage.rotatedAt : undefined,
    };
    const draft = this.#draftOf(attempt, parts, base.image, encoded);
    return { ...draft, held, start, cancel: async () => this.#fence(attempt, base, start) };
  }

  /** A write of nothing under a newer number, which `victim` cannot follow, on condition that it did not come before. */
  #fence(victim: BlindAttempt, base: Known & { readonly image: Image }, start: Start): Draft {
    const { writer, incarnation, seenAt, seq: fences } = victim;
    const attempt = { writer, incarnation, seenAt, fences, seq: this.#ground.nextSeq() };
    const parts = fenceParts(this.#ground.names);
    const draft = this.#draftOf(attempt, parts, base.image, base.image.encoded);
    return { ...draft, held: base.held, start, cancel: undefined };
  }

  #draftOf(attempt: BlindAttempt, parts: BlindParts, before: Image, encoded: Encoded | undefined) {
    const { names } = this.#ground;
    const { writer, seq, incarnation } = attempt;
    // As it will be if nobody came between: for what is told of it, never for the cache.
    const image: Image = { ...before, lineage: evolveBlind(before.lineage, attempt), encoded, hand: undefined };
    const pending = {
      item: formatItem(this.#register.key, image, names),
      ...blindExpressions(attempt, parts, names),
      attempt: { writer, seq, base: before.lineage, incarnation },
      blind: attempt,
      copies: 0,
      firstSentAt: undefined,
    };
    return { pending, image, aftermath: undefined };
  }

  /**
   * Whether the current generation has too many writers. Of those who see that, one should rotate: whose write made it so, unless
   * it is gone; for a rotation by two at once bars one of them.
   */
  #isRotationDue({ token, version, current, rotatedAt }: Lineage): boolean {
    const { writer, generationWritersMax, random } = this.#ground;
    const isOwn = writerOf(token) === writer;
    if (isOwn && token !== this.#ownToken) {
      this.#ownToken = token;
      this.#versionBefore = this.#ownVersion;
      this.#ownVersion = version;
    }
    const writersMax = generationsMax * generationWritersMax;
    const writers = Object.keys(current).length;
    if (writers <= writersMax) return false;
    if (isOwn && writers === writersMax + 1 && this.#versionBefore <= rotatedAt) return true;
    return writers > overdueTimes * writersMax && random.next() < overdueChance;
  }
}

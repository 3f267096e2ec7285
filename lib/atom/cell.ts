/**
 * All that one process knows and does about one atom: one cell per key and `AtomTable`, shared by all handles and held
 * only by them and by work in progress.
 */

import type { Held, Item } from '../codec/index.js';
import { after, onAbort } from '../engine/index.js';
import { Cache, type Known, liveHeld } from './cache.js';
import { type Tally, type Trace, traced } from './diagnostics/trace.js';
import { DeadlineError } from './errors.js';
import type { Ground, Retry } from './ground.js';
import type { AttributeNames } from './item-format.js';
import { Lane } from './lane.js';
import { takeFooting } from './large/footing.js';
import { Packing } from './packing.js';
import { Register } from './register.js';
import { Turns } from './turns.js';
import type { ValueRules } from './value-rules.js';
import { type Draft, type Footer, Writer } from './writer.js';

/** How current a read must be. */
export type Consistency =
  /** As new as the instant of the call: one strongly consistent read (1 read unit per 4 KB). */
  | 'strong'
  /** What any replica says: half the price; may be older than what this process has seen before. */
  | 'eventual'
  /**
   * Never older than what this `AtomTable` has written or read while a handle of the atom was held; half the price, and a
   * strong read on top when a replica lags behind that and the cache has been dropped.
   */
  | 'session'
  /** What this process knows, at no cost; reads strongly when it knows nothing. */
  | 'cached'
  /** What this process knows if it was known to be current this recently; else a strong read. */
  | { readonly maxStalenessMs: number };

/** What a look at the item gave. */
export interface Look {
  readonly known: Known;
  readonly stale: boolean;
}

export class Cell implements Footer {
  readonly keyText: string;
  readonly rules: ValueRules;
  readonly initial: Held | undefined;
  readonly retry: Retry;
  readonly key: Item;
  readonly cache: Cache;
  readonly lane: Lane;
  readonly turns: Turns;
  readonly writer: Writer;
  readonly ground: Ground;
  readonly register: Register;

  constructor(ground: Ground, retry: Retry, key: Item, keyText: string, rules: ValueRules, initial: Held | undefined) {
    this.ground = ground;
    this.retry = retry;
    this.key = key;
    this.keyText = keyText;
    this.rules = rules;
    this.initial = initial;
    const turns = new Turns(ground.writer);
    this.turns = turns;
    const register = new Register(ground, retry, key, keyText);
    this.register = register;
    const packing = new Packing(ground, key, keyText, rules, retry.timeoutMs);
    this.cache = new Cache(ground, retry, register, rules, packing, turns);
    this.writer = new Writer(ground, rules, packing, key, keyText, this);
    this.lane = new Lane(ground, retry, register, this.cache, turns, this.writer, rules);
    this.lane.owner = this;
  }

  /** Writes what a large value is then written on. */
  takeFooting(draft: Draft, signal: AbortSignal | undefined): Promise<Known> {
    return takeFooting(this, draft, signal);
  }

  /** The value that is there now; `initial` where there is none. */
  valueOf(known: Known): Held | undefined {
    return this.liveHeld(known) ?? this.initial;
  }

  /** The value that is stored and has not expired. */
  liveHeld(known: Known): Held | undefined {
    return liveHeld(known, this.ground.clock.now());
  }

  get names(): AttributeNames {
    return this.ground.names;
  }

  /** Makes a value of the user's ours, unchecked. */
  hold(value: unknown): Held {
    return this.rules.hold(value);
  }

  /** Kept from here on, or no more: what a validator refuses must not depend on when garbage is collected. */
  setValidator(validator: ValueRules['validator']): void {
    this.rules.validator = validator;
    if (validator === undefined) this.ground.kept.delete(this);
    else this.ground.kept.add(this);
  }

  /** Looks at the item; `stale` tells that the answer is not known to be as new as the call. */
  async look(consistency: Consistency, trace?: Trace): Promise<Look> {
    const { cache } = this;
    const share = trace && ((tally: Tally) => trace.share(tally));
    if (consistency === 'strong') return { known: await cache.strongRead(share), stale: false };
    if (consistency === 'eventual') return { known: await cache.eventualRead(share), stale: true };
    if (consistency === 'session') {
      const seen = this.sessionView(await cache.eventualRead(share));
      if (seen !== undefined) return { known: seen, stale: true };
      return { known: await cache.strongRead(share), stale: false };
    }
    const known = this.remembered(consistency);
    if (known !== undefined) return { known, stale: true };
    return { known: await cache.strongRead(share), stale: false };
  }

  /** Runs a call on this atom, and tells of it if anybody listens. */
  traced<R>(kind: 'deref' | 'swap', action: string, run: (trace: Trace | undefined) => Promise<R>): Promise<R> {
    return traced(kind, action, this.ground.events, this.keyText, run);
  }

  /** What a session sees after an eventually consistent read; `undefined` when that may be older than what it has seen before. */
  sessionView(read: Known): Known | undefined {
    const seen = newest(this.cache.known, read);
    return this.cache.mayBeOlder(seen) ? undefined : seen;
  }

  /** What is known, if that is enough for this consistency. */
  remembered(consistency: Consistency): Known | undefined {
    const { known } = this.cache;
    if (known === undefined || consistency === 'cached') return known;
    if (typeof consistency === 'string') return undefined;
    return this.ground.clock.monotonicMs() - known.seenAtMs <= consistency.maxStalenessMs ? known : undefined;
  }

  /** Looks at the item, but waits no longer than the deadline and the signal allow. */
  async lookWithin(
    action: string,
    consistency: Consistency,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    trace?: Trace,
  ): Promise<Look> {
    const refusal = this.lane.refusal(action);
    if (refusal !== undefined) throw refusal;
    signal?.throwIfAborted();
    const remembered = this.remembered(consistency);
    if (remembered !== undefined) return { known: remembered, stale: true };
    const look = this.look(consistency, trace);
    let unlisten = () => {};
    let release = () => {};
    const left = new Promise<never>((_, reject) => {
      if (signal !== undefined) unlisten = onAbort(signal, () => reject(signal.reason));
      release = this.#deadline(timeoutMs, () => {
        const facts = { key: this.keyText, attempts: 1, conflicts: 0 };
        reject(new DeadlineError(action, facts, timeoutMs, this.register.readObstacle));
      });
    });
    try {
      return await Promise.race([look, left]);
    } catch (error) {
      // The read was tried for as long as the atom tries, and this was in its way last. (Others of this atom may be under way.)
      if (!this.register.metReading(error)) throw error;
      const triedMs = Math.min(timeoutMs, this.retry.timeoutMs);
      throw new DeadlineError(action, { key: this.keyText, attempts: 1, conflicts: 0 }, triedMs, error);
    } finally {
      release();
      unlisten();
    }
  }

  /** Calls `expire` when the time is over; until a read has failed, that is not before one attempt had its time, and the one it may wait for. */
  #deadline(timeoutMs: number, expire: () => void): () => void {
    const { clock } = this.ground;
    let callOff = after(clock, timeoutMs, () => {
      if (this.register.readObstacle !== undefined) return expire();
      callOff = after(clock, 2 * this.retry.attemptTimeoutMs, expire);
    });
    return () => callOff();
  }
}

/** The newer of what is remembered and what an eventually consistent read brought. */
function newest(remembered: Known | undefined, seen: Known): Known {
  if (remembered === undefined || seen.image === undefined) return remembered ?? seen;
  const before = remembered.image?.lineage;
  const after = seen.image.lineage;
  return before?.incarnation === after.incarnation && after.version > before.version ? seen : remembered;
}

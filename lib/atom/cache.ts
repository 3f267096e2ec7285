/**
 * What a cell knows of its item, and the reads that make it known.
 *
 * A counter that ticks at every start and end of a request orders what was learnt:
 *
 *   since      the knowledge was true at some instant after this tick
 *   learnedAt  the tick at which it arrived
 *
 * A read counts as made after a call only if `since` is at least the call's tick. Newer knowledge is a higher version of
 * the same incarnation, or a read that began after the old knowledge had arrived; when neither can be told, the cache is
 * dropped rather than guessed. Strong reads are joined: at most one is under way and one is waiting to start, and a caller
 * joins only a read that has not started yet.
 */
import { DecodeError, type Encoded, type Held, type Item, itemBytes } from '../codec/index.js';
import type { Clock } from '../engine/index.js';
import { areCallsTraced, Tally } from './diagnostics/trace.js';
import type { Lineage } from './evidence.js';
import type { Ground, Retry } from './ground.js';
import { type AttributeNames, formatItem, hasLineage, type Image } from './item-format.js';
import { MissingPart } from './large/parts.js';
import type { Packing } from './packing.js';
import type { Register } from './register.js';
import type { Turns } from './turns.js';
import type { ValueRules } from './value-rules.js';

/** A known state of the item. */
export interface Known {
  /** `undefined`: there is no item, or one of another layout. */
  readonly image: Image | undefined;
  /** `undefined`: there is no value. */
  readonly held: Held | undefined;
  /** The item of another layout that `adopt` took the value from. */
  readonly adopted: Item | undefined;
  readonly since: number;
  readonly learnedAt: number;
  /** Monotonic milliseconds at which the request began. */
  readonly seenAtMs: number;
}

/** The value that is there now, by our clock: a value that has expired is not, whether or not its item is. */
export function liveHeld({ image, held }: Pick<Known, 'image' | 'held'>, now: number): Held | undefined {
  return image?.aliveUntil !== undefined && now >= image.aliveUntil ? undefined : held;
}

/** Bytes of the item, as it stands in the table. */
export function bytesOf(
  { image, adopted }: Pick<Known, 'image' | 'adopted'>,
  { key, names }: { readonly key: Item; readonly names: AttributeNames },
): number {
  if (image !== undefined) return itemBytes(formatItem(key, image, names));
  return adopted === undefined ? 0 : itemBytes(adopted);
}

/** The start of a request, for ordering its answer. */
export interface Start {
  readonly tick: number;
  readonly atMs: number;
}

/** An image, with what could be told of its content. */
type Content = Pick<Known, 'held'> & { readonly image: Image };

/** A strong read that has not started yet. */
interface Reading {
  readonly answer: Promise<Known>;
  readonly tally: Tally | undefined;
}

export class Cache {
  #known: Known | undefined;
  /** Told of each other committed state as it becomes known; of `undefined` when what was known can't be trusted any more. */
  onChange: ((known: Known | undefined) => void) | undefined;
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #register: Register;
  readonly #rules: ValueRules;
  readonly #packing: Packing;
  readonly #turns: Turns;
  /** The newest state that any read or write of this process has seen; outlives {@link forget}. */
  #newest: Lineage | undefined;
  /** The tick at which it was learnt. */
  #newestAt = 0;
  #tick = 0;
  #underWay: Promise<Known> | undefined;
  #waiting: Reading | undefined;

  constructor(ground: Ground, retry: Retry, register: Register, rules: ValueRules, packing: Packing, turns: Turns) {
    this.#ground = ground;
    this.#retry = retry;
    this.#register = register;
    this.#rules = rules;
    this.#packing = packing;
    this.#turns = turns;
  }

  /** The newest knowledge, if any. */
  get known(): Known | undefined {
    const known = this.#known;
    return known !== undefined && wasLeftUnread(known, this.#ground.clock) ? undefined : known;
  }

  /** Marks an instant. */
  tick(): number {
    this.#tick += 1;
    return this.#tick;
  }

  start(): Start {
    return { tick: this.tick(), atMs: this.#ground.clock.monotonicMs() };
  }

  /**
   * A strongly consistent read that starts after this call, shared with all who call before it starts. `share` is given what
   * it costs, while somebody listens.
   */
  strongRead(share?: (tally: Tally) => void): Promise<Known> {
    if (this.#waiting === undefined) {
      const tally = areCallsTraced() ? new Tally() : undefined;
      const before = this.#underWay?.catch(() => undefined) ?? Promise.resolve(undefined);
      const answer = before.then(() => {
        this.#waiting = undefined;
        const reading = this.#read(true, tally);
        this.#underWay = reading;
        // Not kept once it has ended: it holds what it brought, however old that is by then.
        const end = () => {
          if (this.#underWay === reading) this.#underWay = undefined;
        };
        reading.then(end, end);
        return reading;
      });
      this.#waiting = { answer, tally };
    }
    const { answer, tally } = this.#waiting;
    if (tally !== undefined) share?.(tally);
    return answer;
  }

  /** An eventually consistent read: the answer as it comes, kept only when it is newer than what is known. */
  eventualRead(share?: (tally: Tally) => void): Promise<Known> {
    const tally = areCallsTraced() ? new Tally() : undefined;
    if (tally !== undefined) share?.(tally);
    return this.#read(false, tally);
  }

  /** Whether `known` may be older than what has been seen before. */
  mayBeOlder({ image }: Known): boolean {
    const newest = this.#newest;
    if (newest === undefined) return false;
    return image?.lineage.incarnation !== newest.incarnation || image.lineage.version < newest.version;
  }

  /** Takes in what a request told about the item: `undefined` = no item. */
  async learn(item: Item | undefined, start: Start): Promise<Known> {
    if (item === undefined) return this.#keep({ image: undefined, held: undefined, adopted: undefined }, start);
    if (!hasLineage(item, this.#ground.names)) {
      const held = await this.#rules.adopt(item);
      if (held !== undefined) return this.#keep({ image: undefined, held, adopted: item }, start);
    }
    return this.learnImage(this.#register.parse(item), start);
  }

  async learnImage(image: Image, start: Start): Promise<Known> {
    this.#rules.refuseForeign(image.foreign);
    if (this.#packing.refusesOlder) this.#refuseOlder(image.lineage, start);
    let content: Content;
    try {
      content = await this.#contentOf(image);
    } catch (error) {
      if (!(error instanceof MissingPart)) throw error;
      return this.#follow(image, error.damage);
    }
    return this.#keep({ image: content.image, held: content.held, adopted: undefined }, start);
  }

  /** Takes in what we wrote ourselves. */
  wrote(image: Image, held: Held | undefined, start: Start): Known {
    return this.#keep({ image, held, adopted: undefined }, start);
  }

  forget(): void {
    this.#known = undefined;
    this.onChange?.(undefined);
  }

  async #read(consistent: boolean, tally: Tally | undefined): Promise<Known> {
    const start = this.start();
    const deadlineAt = start.atMs + this.#retry.timeoutMs;
    const item = await this.#register.readItem(consistent, deadlineAt, tally);
    // A stale read proves nothing about now: it may only move the cache forward.
    return this.learn(item, consistent ? start : { ...start, tick: 0 });
  }

  async #contentOf(image: Image): Promise<Content> {
    const { known } = this;
    if (known?.image !== undefined && isSameWrite(known.image, image)) {
      const { manifest } = known.image;
      return { image: manifest === undefined ? image : { ...image, manifest }, held: known.held };
    }
    if (image.encoded === undefined) return { image, held: undefined };
    if (image.encoded.codec === undefined && !this.#packing.isSealing) {
      return { image, held: await this.#rules.read(image.encoded) };
    }
    const { clock } = this.#ground;
    const hasExpired = image.aliveUntil !== undefined && clock.now() >= image.aliveUntil;
    const { form, manifest } = await this.#packing.unpack(image.encoded, image, {
      known: known?.held === undefined ? undefined : known.image?.manifest,
      // Parts of a value that has expired may be gone, and nobody wants them.
      deadlineAt: hasExpired ? undefined : clock.monotonicMs() + this.#retry.timeoutMs,
    });
    if (manifest === undefined) return { image, held: await this.#rules.read(form as Encoded) };
    if (form !== undefined) return { image: { ...image, manifest }, held: await this.#rules.read(form, true) };
    const held = known?.image?.manifest?.id === manifest.id ? known.held : undefined;
    return { image: { ...image, manifest }, held };
  }

  /** A part was missing: the value was replaced since the item was read, or it is damaged. */
  async #follow({ lineage }: Image, damage: Error): Promise<Known> {
    const start = this.start();
    const item = await this.#register.readItem(true, start.atMs + this.#retry.timeoutMs);
    const token = item?.[this.#ground.names.token];
    if (token !== undefined && 'S' in token && token.S === lineage.token) throw damage;
    return this.learn(item, start);
  }

  #keep(facts: Pick<Known, 'image' | 'held' | 'adopted'>, start: Start): Known {
    const before = this.#known;
    const fresh = this.#weigh(facts, start);
    const known = this.#known;
    if (this.onChange !== undefined && known !== before && isOther(before, known)) this.onChange(known);
    return fresh;
  }

  /** Keeps what was learnt if it is newer than what is known. */
  #weigh(facts: Pick<Known, 'image' | 'held' | 'adopted'>, start: Start): Known {
    const known = this.#known;
    const { image, held, adopted } = facts;
    // Member by member: V8 gives each object that begins with a spread a hidden class of its own, a kilobyte for each atom.
    const fresh: Known = { image, held, adopted, since: start.tick, learnedAt: this.tick(), seenAtMs: start.atMs };
    const strong = start.tick > 0;
    const before = known?.image?.lineage;
    const after = facts.image?.lineage;
    this.#note(after, strong);
    if (after !== undefined && (known === undefined || before?.token !== after.token)) {
      if (before === undefined || after.version > before.version) {
        this.#turns.observe(after, this.#ground.clock.monotonicMs());
      }
    }
    if (known === undefined) {
      if (strong) this.#known = fresh;
      return fresh;
    }
    if (before !== undefined && after !== undefined && before.incarnation === after.incarnation) {
      if (after.version > before.version || (after.version === before.version && start.tick > known.since)) {
        this.#known = strong ? fresh : { ...fresh, since: 0, seenAtMs: Number.NEGATIVE_INFINITY };
      } else if (after.version < before.version && strong && start.tick >= known.learnedAt) this.#known = fresh;
      return fresh;
    }
    if (!strong) return fresh;
    if (start.tick >= known.learnedAt) this.#known = fresh;
    else if (before?.token !== after?.token) this.#known = undefined;
    return fresh;
  }

  /** Whatever began after a version was seen, and is no stale read, sees that version or a later one. */
  #refuseOlder({ incarnation, version }: Lineage, { tick }: Start): void {
    const newest = this.#newest;
    if (newest?.incarnation !== incarnation || version >= newest.version || tick <= this.#newestAt) return;
    const detail = `version ${version}, and version ${newest.version} was seen before: an older item was put back`;
    throw new DecodeError(this.#register.keyText, 'damaged', detail);
  }

  /** Of two incarnations only a strong read can tell which is the newer. */
  #note(lineage: Lineage | undefined, strong: boolean): void {
    const newest = this.#newest;
    const sameLife = lineage !== undefined && newest?.incarnation === lineage.incarnation;
    if (sameLife ? lineage.version <= newest.version : !strong && newest !== undefined) return;
    this.#newest = lineage;
    this.#newestAt = this.#tick;
  }
}

/** Whether it is a value whose parts were not asked for, as it had expired, and that has not any more: the clock was put back since. */
function wasLeftUnread({ image, held }: Known, clock: Clock): boolean {
  if (image?.aliveUntil === undefined || image.encoded === undefined || held !== undefined) return false;
  return clock.now() < image.aliveUntil;
}

/** Whether `known` is another state than `before`. */
function isOther(before: Known | undefined, known: Known | undefined): boolean {
  if (before === undefined || known === undefined || before.adopted !== undefined || known.adopted !== undefined)
    return true;
  return before.image?.lineage.token !== known.image?.lineage.token;
}

/** Whether two images are of one write, and none of them was meddled with in what its layers are bound to. */
function isSameWrite(one: Image, other: Image): boolean {
  const [a, b] = [one.lineage, other.lineage];
  const same = a.token === b.token && a.version === b.version && a.incarnation === b.incarnation;
  return same && one.aliveUntil === other.aliveUntil;
}

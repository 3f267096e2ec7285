/**
 * A limit that many processes share: so many in so long, whoever asks.
 *
 *   take(n) --+-- refused by what is known: answered, nothing sent
 *             +-- windows: one update, which the store decides
 *             +-- else: a swap of the level, reckoned by the rule
 *
 * What a process knows of the level is never above what stands there but for time, and that is reckoned. So a refusal needs nobody's
 * word, and a caller who is turned away costs nothing. (Only tokens that another process gives back are seen later.)
 */
import type { AtomTable, CallOptions } from '../../atom/index.js';
import { RecipeDiffersError } from '../errors.js';
import { RecipeItem, requireCount, requireWaitMs, type WaitOptions } from '../recipe-item.js';
import { Refill } from '../refill.js';
import { RateLimitedError, type RateRefusal } from './rate-errors.js';
import { type RateLimitOptions, settingsOf } from './rate-options.js';
import type { RateFacts, RateLevel, RateRule, RateVerdict, RateWish } from './rate-rule.js';
import { RateWindow } from './rate-window.js';
import { TokenBucket } from './token-bucket.js';
import { TokenShare } from './token-share.js';

interface RateState extends Partial<RateFacts>, Partial<RateLevel> {
  readonly kind: 'rate-limit';
}

const unused: RateState = { kind: 'rate-limit' };

/** Nobody is promised tokens further ahead than this; who would wait longer asks again. */
const patienceMsMax = 3_600_000;
const dayMs = 86_400_000;
const doublingsMax = 20;

/** What `take` answers. */
export interface RateAnswer extends RateRefusal {
  readonly allowed: boolean;
}

/**
 * A rate limit.
 *
 * **Guarantee.** Among processes whose wall clocks are at most D apart, no more is allowed than `burst + rate x (time + D)` in any time
 * (`rate` is `limit / perMs`). By `window` it is `limit` for each window, so up to twice that across the border of two; by
 * `sliding-window` as a bucket with `burst` = `limit`. With `share` add `rate x shareMs`. Time is that of the fastest clock that has
 * asked, and never goes back: a clock that is behind is let through less, never more.
 *
 * **It can not** be fairer than the clocks are right: a process whose clock is an hour ahead uses up the hour, and the others are
 * refused until theirs have come there. A refusal is final for its moment only. Without `waitFor` nobody has a place in a queue; by
 * windows not even then.
 *
 * **If the process dies**, or an answer is lost for good (`take` then throws with `outcome: 'unknown'`), the tokens count as spent. So do
 * those of a share that it had in memory. Whether to go on when the store can't be reached is for the caller to say: `take` throws.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { RateLimit } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const perCustomer = (id: string) => new RateLimit(table, `api-${id}`, { limit: 100, perMs: 60_000, burst: 3 });
 *
 * const ada = perCustomer('ada');
 * console.log(await ada.take(2).then(({ allowed, remaining }) => ({ allowed, remaining }))); // => { allowed: true, remaining: 1 }
 * const { allowed, retryAfterMs } = await ada.take(2);
 * console.log(allowed, retryAfterMs > 0 && retryAfterMs <= 600); // => false true
 * await ada.waitFor(2); // has them when it returns, 600 ms later
 * ```
 */
export class RateLimit {
  readonly #item: RecipeItem<RateState>;
  readonly #table: AtomTable;
  readonly #facts: RateFacts;
  readonly #rule: RateRule;
  readonly #share: number;
  readonly #held: TokenShare;
  readonly #refill = new Refill();

  /** Sends nothing. @throws TypeError, RangeError for wrong arguments. */
  constructor(table: AtomTable, name: string, options: RateLimitOptions) {
    const { facts, share, shareMs } = settingsOf(options);
    this.#facts = facts;
    this.#rule = facts.by === 'bucket' ? new TokenBucket(facts) : new RateWindow(facts);
    this.#item = new RecipeItem(table, name, unused, { ttlMs: keptMs(this.#rule.fillMs), closesWithTable: true });
    this.#table = table;
    this.#share = share;
    this.#held = new TokenShare(table.sources.clock, shareMs);
  }

  /** The key of its atom. */
  get key(): string {
    return this.#item.atom.key;
  }

  /**
   * Takes `tokens` if they are there, and says so at once.
   *
   * @cost Allowed: 1 request, 1 write unit, the first time 1 read more; a bucket that other processes ask as well 1 request more for each
   * lost race, windows none; nothing for tokens of a share. Refused: nothing, if it follows from what is known; else a read, or 2
   * requests and 2 write units by windows.
   * @iam dynamodb:PutItem, dynamodb:GetItem; dynamodb:UpdateItem by windows
   * @throws {RecipeDiffersError} `ERR_RECIPE_DIFFERS` when the item has another rate, {@link RecipeKindError} `ERR_RECIPE_KIND`; what
   * `ItemAtom.swap` throws; RangeError, before anything is sent, when `tokens` is no positive integer or more than there are at once.
   */
  async take(tokens = 1, options: CallOptions = {}): Promise<RateAnswer> {
    this.#requireTokens(tokens);
    if (this.#share === 1)
      return this.#answer(await this.#ask({ least: tokens, most: tokens, patienceMs: 0 }, options));
    let refused: RateAnswer | undefined;
    return this.#refill.until(
      () => (this.#held.spend(tokens) ? this.#ofShare() : refused),
      async () => {
        const verdict = await this.#fetch(tokens, options);
        if (verdict.tokens === 0) refused = this.#answer(verdict);
      },
      options.signal,
    );
  }

  /**
   * Takes `tokens`, and returns when they may be used. In a bucket they are promised at once, each caller behind the ones before; by
   * windows a caller who was refused asks again when it may.
   *
   * If `signal` aborts the wait, what was promised is given back, unless others were promised theirs after it: then it counts as spent, for
   * their times stand.
   *
   * @cost As {@link RateLimit.take}: in a bucket one call of it, by windows one for each time that it was refused.
   * @iam As {@link RateLimit.take}.
   * @throws {RateLimitedError} `ERR_RATE_LIMITED` at once when they would not be there within `waitMs`; what {@link RateLimit.take}
   * throws; `signal.reason`.
   */
  async waitFor(tokens = 1, options: WaitOptions = {}): Promise<void> {
    this.#requireTokens(tokens);
    const { waitMs = Number.POSITIVE_INFINITY, signal } = options;
    requireWaitMs(`wait for ${this.#item.subject}`, waitMs);
    if (this.#held.spend(tokens)) return;
    const { clock } = this.#table.sources;
    const deadline = clock.monotonicMs() + waitMs;
    for (;;) {
      const leftMs = Math.max(0, deadline - clock.monotonicMs());
      const patienceMs = Math.min(leftMs, patienceMsMax);
      const limits = leftMs === Number.POSITIVE_INFINITY ? { signal } : { signal, timeoutMs: leftMs };
      const verdict = await this.#ask({ least: tokens, most: tokens, patienceMs }, limits);
      if (verdict.tokens > 0) {
        await this.#sleepOn(verdict, signal);
        return;
      }
      if (verdict.waitMs > leftMs) throw new RateLimitedError(this.key, tokens, waitMs, this.#answer(verdict));
      const isFar = this.#facts.by === 'bucket' && verdict.waitMs > patienceMsMax;
      await clock.sleep(isFar ? verdict.waitMs - patienceMsMax : verdict.waitMs, { signal });
    }
  }

  /**
   * Gives back the tokens of its share that this process has not spent; resolves with how many. Call it before the process ends; the
   * limit can be used afterwards. Without `share` there is nothing to give back. While somebody waits who was promised tokens, they count
   * as spent.
   *
   * @cost 1 request, 1 write unit; nothing where there is nothing.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws What `ItemAtom.swap` throws; the tokens then count as spent.
   */
  async giveBack(options: CallOptions = {}): Promise<number> {
    const batches = this.#held.drain();
    if (batches.length === 0) return 0;
    const less = (level: RateLevel, now: number) =>
      batches.reduce((left, { tokens, at }) => this.#rule.give(left, tokens, at, now), level);
    await this.#lower(less, options);
    return batches.reduce((sum, { tokens }) => sum + tokens, 0);
  }

  /** As {@link RateLimit.giveBack}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.giveBack();
  }

  /**
   * Makes the rate of the item the one that this limit was opened with. What was used is forgotten, so a burst more may pass. Whoever was
   * opened with another rate is refused from then on, with `ERR_RECIPE_DIFFERS`.
   *
   * @cost 1 request, 1 write unit, the first time 1 read more; a read where it is so already.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.swap` throws.
   */
  async redefine(options: CallOptions = {}): Promise<void> {
    await this.#item.swap((state) => {
      const isSo = differing(state, this.#facts) === undefined && state.by !== undefined;
      return isSo ? state : { ...unused, ...this.#facts };
    }, options);
  }

  async #ask(wish: RateWish, options: CallOptions): Promise<RateVerdict> {
    options.signal?.throwIfAborted();
    const known = this.#known();
    if (known !== undefined) {
      const verdict = this.#rule.take(known, wish, this.#nowMs());
      if (verdict.tokens === 0) return verdict;
      if (wish.least === wish.most) {
        const decided = await this.#takeBlind(known, wish, options);
        if (decided !== undefined) return decided;
      }
    }
    return this.#item.swapWith((state) => {
      const verdict = this.#rule.take(this.#levelOf(state), wish, this.#nowMs());
      return [verdict.next === undefined ? state : { ...unused, ...this.#facts, ...verdict.next }, verdict];
    }, options);
  }

  /** Has the store decide, where it can; `undefined` where the level has to be reckoned. */
  async #takeBlind(level: RateLevel, wish: RateWish, options: CallOptions): Promise<RateVerdict | undefined> {
    const tokens = wish.least;
    const blind = this.#rule.blind(level, tokens, this.#nowMs());
    if (blind === undefined) return undefined;
    const when = { is: { ...this.#facts, ...blind.is }, atMost: { used: blind.usedMax } };
    const { applied, value } = await this.#item.commute({ add: { used: tokens } }, when, options);
    if (applied) {
      const next = levelIn(value) as RateLevel;
      return { tokens, waitMs: 0, next: { ...level, at: blind.is.at }, ...this.#rule.look(next, this.#nowMs()) };
    }
    const verdict = this.#rule.take(this.#levelOf(value), wish, this.#nowMs());
    return verdict.tokens === 0 ? verdict : undefined;
  }

  /** Takes a share, or what there is of it, if it is enough for `tokens`. */
  async #fetch(tokens: number, options: CallOptions): Promise<RateVerdict> {
    const { left } = this.#held;
    const since = this.#held.now();
    const least = tokens - left;
    const verdict = await this.#ask({ least, most: Math.max(least, this.#share), patienceMs: 0 }, options);
    if (verdict.next !== undefined) this.#held.add(verdict.tokens, verdict.next.at, since);
    return verdict;
  }

  /** Sleeps until what was promised is there; gives it back if the sleep is broken off. */
  async #sleepOn({ tokens, waitMs, next }: RateVerdict, signal: AbortSignal | undefined): Promise<void> {
    if (waitMs === 0) return;
    try {
      await this.#table.sources.clock.sleep(waitMs, { signal });
    } catch (reason) {
      // What can't be given back counts as spent.
      const promised = next as RateLevel;
      await this.#lower((level, now) => this.#rule.withdraw(level, tokens, promised, now), {}).catch(() => {});
      throw reason;
    }
  }

  async #lower(less: (level: RateLevel, nowMs: number) => RateLevel, options: CallOptions): Promise<void> {
    await this.#item.swap((state) => {
      const level = this.#levelOf(state);
      return level === undefined ? state : { ...unused, ...this.#facts, ...less(level, this.#nowMs()) };
    }, options);
  }

  /** The level as this process knows it, if that is of the same rate. */
  #known(): RateLevel | undefined {
    const state = this.#item.peek();
    return state === undefined || differing(state, this.#facts) !== undefined ? undefined : levelIn(state);
  }

  /** @throws {RecipeDiffersError} for a level of another rate. */
  #levelOf(state: RateState): RateLevel | undefined {
    const fact = differing(state, this.#facts);
    if (fact === undefined) return levelIn(state);
    const facts = { fact, given: this.#facts[fact], stored: state[fact] };
    throw new RecipeDiffersError(this.key, facts, 'open it with that everywhere, or call redefine() once');
  }

  #ofShare(): RateAnswer {
    const known = this.#known();
    const nowMs = this.#nowMs();
    const { remaining, resetAt } =
      known === undefined ? { remaining: 0, resetAt: nowMs } : this.#rule.look(known, nowMs);
    return { allowed: true, remaining: remaining + this.#held.left, resetAt, retryAfterMs: 0 };
  }

  #answer({ tokens, waitMs, remaining, resetAt }: RateVerdict): RateAnswer {
    const allowed = tokens > 0;
    return { allowed, remaining: remaining + this.#held.left, resetAt, retryAfterMs: allowed ? 0 : waitMs };
  }

  #nowMs(): number {
    return Math.floor(this.#table.sources.clock.now());
  }

  #requireTokens(tokens: unknown): asserts tokens is number {
    requireCount(`take of ${this.#item.subject}`, 'tokens', tokens);
    const { burst } = this.#facts;
    if (tokens > burst) {
      throw new RangeError(
        `Cannot take of ${this.#item.subject}: tokens must be at most ${burst}, or they are never there: ${tokens}`,
      );
    }
  }
}

function levelIn({ at, used, before }: RateState): RateLevel | undefined {
  if (at === undefined || used === undefined) return undefined;
  return before === undefined ? { at, used } : { at, used, before };
}

/** The first fact of which the item has another value; one that nobody has used yet has none. */
function differing(state: RateState, facts: RateFacts): keyof RateFacts | undefined {
  if (state.by === undefined) return undefined;
  return (['by', 'limit', 'perMs', 'burst'] as const).find((fact) => state[fact] !== facts[fact]);
}

/**
 * How long an item is kept that nobody asks: until nothing is left to remember, and an hour for clocks that are apart, and as long as
 * tokens may be promised ahead. In powers of two of a day, so that limits of nearly the same rate open their atom alike; some thousand
 * years at most.
 */
function keptMs(fillMs: number): number {
  const doublings = Math.ceil(Math.log2((fillMs + 2 * patienceMsMax) / dayMs));
  return dayMs * 2 ** Math.max(0, Math.min(doublings, doublingsMax));
}

/**
 * Tells whether a recorded history of one atom is linearizable, in O(n log n) and without a search.
 *
 * Checking linearizability is NP-complete in general; with values that tell which write they come from it is sorting
 * (Gibbons and Korach, "Testing Shared Memories", SIAM J. Computing 1997). Every write of an atom that takes effect makes
 * exactly version v + 1 out of version v, so the order of the versions is the only order that can be: a write that made
 * version 7 saw the outcome of the one that made 6. What is left to check is:
 *
 *   1. each version was made once, and each write made one version                    (lost update, double apply)
 *   2. what a read or a write found at version v is what made v                       (wrong values)
 *   3. no version was made by nobody                                                  (phantom)
 *   4. a write that was reported as not done is nowhere to be seen                    (ghost)
 *   5. nothing was called after something that comes later in the order had returned  (stale read, real-time order)
 *
 * A write of unknown outcome needs no search either. Whoever found its content tells which version it made; if nobody did,
 * it can at most stand where a version has no maker. Such writes have no end, so that the earliest called may take the
 * earliest free place.
 *
 * "Version" is any number that grows by one with each operation: the item's own, or, where several calls share one write
 * of the item, a counter inside the value.
 */

import type { Content, Instant, Op, ReadOp, WriteOp } from './history.js';

export interface ChainCheckOptions {
  /**
   * What was there before the first operation.
   * @defaultValue version 0, value `undefined`
   */
  readonly initial?: { readonly version: number; readonly value: unknown };
  /**
   * The lives of the item in their order, each beginning at version 1, when there was more than one. Without it a history
   * that mixes incarnations is refused: versions of two lives have no order of their own.
   */
  readonly incarnations?: readonly string[];
  /** What the operation must have made of `old`; `undefined` = not to be told. */
  readonly apply?: (op: WriteOp, old: unknown) => unknown;
}

/** The judgement, with the operations that prove it when it is against. */
export type ChainVerdict =
  | {
      readonly ok: true;
      readonly versions: number;
      /** Writes of unknown outcome, and how many of them must have taken effect. */
      readonly unknown: number;
      readonly unknownApplied: number;
    }
  | { readonly ok: false; readonly why: string; readonly ops: readonly Op[] };

/** One life of the item. */
interface Chain {
  readonly firstVersion: number;
  lastVersion: number;
  readonly contents: Map<number, Content>;
  readonly makers: Map<number, WriteOp>;
  readonly reads: ReadOp[];
}

/** A place in the order; without `op`, a version that only a write of unknown outcome can have made. */
interface Place {
  readonly op: Op | undefined;
  readonly chain: Chain;
  readonly version: number;
}

class Refusal extends Error {
  readonly ops: readonly Op[];
  constructor(why: string, ...ops: readonly (Op | undefined)[]) {
    super(why);
    this.ops = ops.filter((op) => op !== undefined);
  }
}

/** Judges a history of one atom. */
export function checkChain(ops: readonly Op[], options: ChainCheckOptions = {}): ChainVerdict {
  try {
    return new Check(ops, options).verdict();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ok: false, why: error.message, ops: error.ops };
  }
}

class Check {
  readonly #ops: readonly Op[];
  readonly #options: ChainCheckOptions;
  readonly #chains: readonly Chain[];
  readonly #writes = new Map<string, WriteOp>();
  /** Where the content of each write was found. */
  readonly #placeOf = new Map<string, { readonly chain: Chain; readonly version: number }>();

  constructor(ops: readonly Op[], options: ChainCheckOptions) {
    const { initial = { version: 0, value: undefined }, incarnations = ['the only one'] } = options;
    this.#ops = ops;
    this.#options = options;
    this.#chains = incarnations.map((_, life) => {
      const firstVersion = life === 0 ? initial.version : 0;
      const first: Content = { by: '', value: life === 0 ? canonical(initial.value) : canonical(undefined) };
      const contents = new Map([[firstVersion, first]]);
      return { firstVersion, lastVersion: firstVersion, contents, makers: new Map(), reads: [] };
    });
  }

  verdict(): ChainVerdict {
    this.#claimAll();
    const settled = this.#settleAll();
    for (const op of this.#writes.values()) {
      const seen = op.outcome === 'not-done' && this.#placeOf.has(op.id);
      if (seen) throw new Refusal('a write that was reported as not done took effect', op);
    }
    const unknown = [...this.#writes.values()].filter(isOpen);
    const free = unknown.filter((write) => !settled.has(write));
    const places = this.#chains.flatMap((chain) => this.#order(chain));
    assertRealTime(places);
    const filled = this.#fillGaps(places, free);
    const versions = this.#chains.reduce((sum, chain) => sum + chain.lastVersion - chain.firstVersion, 0);
    return { ok: true, versions, unknown: unknown.length, unknownApplied: settled.size + filled };
  }

  /** Rules 1 and 2, for what is told. */
  #claimAll(): void {
    const lives = new Set<string>();
    for (const op of this.#ops) {
      if (op.incarnation !== undefined) lives.add(op.incarnation);
      if (lives.size > 1 && this.#options.incarnations === undefined) {
        throw new Refusal('the history mixes incarnations', op);
      }
      const chain = this.#chainOf(op);
      if (op.kind === 'read') {
        this.#claim(chain, op.version, op, op);
        chain.reads.push(op);
      } else {
        if (this.#writes.has(op.id)) throw new Refusal('two writes have one id', op, this.#writes.get(op.id));
        this.#writes.set(op.id, op);
        if (op.outcome === 'done') this.#claimWrite(chain, op);
      }
    }
  }

  #claimWrite(chain: Chain, op: WriteOp): void {
    const { version, base, id, value } = op;
    if (version === undefined)
      throw new TypeError(`Cannot check the history: no version in a write that is done: ${id}`);
    if (version <= chain.firstVersion) throw new Refusal('a write made the first version', op);
    if (base !== undefined) {
      this.#claim(chain, version - 1, base, op);
      const expected = this.#options.apply?.(op, base.value);
      const wrong = expected !== undefined && canonical(expected) !== canonical(value);
      if (wrong) throw new Refusal('a write made another value than its function', op);
    }
    const rival = chain.makers.get(version);
    if (rival !== undefined) throw new Refusal(`two writes made version ${version}`, rival, op);
    this.#claim(chain, version, { by: id, value }, op);
    chain.makers.set(version, op);
  }

  #claim(chain: Chain, version: number, { by, value }: Content, op: Op): void {
    if (!Number.isSafeInteger(version) || version < chain.firstVersion) throw new Refusal('no such version', op);
    const known = chain.contents.get(version);
    const claimed = canonical(value);
    if (known !== undefined) {
      if (known.by === by && known.value === claimed) return;
      throw new Refusal(`two contents were found at version ${version}`, op, this.#writes.get(known.by));
    }
    const place = this.#placeOf.get(by);
    if (place !== undefined || by === '') throw new Refusal('one write took effect twice', op, this.#writes.get(by));
    this.#placeOf.set(by, { chain, version });
    chain.contents.set(version, { by, value: claimed });
    chain.lastVersion = Math.max(chain.lastVersion, version);
  }

  /** The writes of unknown outcome that took effect, as what others found tells. */
  #settleAll(): Set<WriteOp> {
    const settled = new Set<WriteOp>();
    for (const write of this.#writes.values()) {
      // What one was made on may be the only trace of another.
      let op: WriteOp | undefined = write;
      while (op !== undefined && isOpen(op) && !settled.has(op) && this.#settle(op)) {
        settled.add(op);
        op = op.base && this.#writes.get(op.base.by);
      }
    }
    return settled;
  }

  #settle(op: WriteOp): boolean {
    const place = this.#placeOf.get(op.id);
    if (place === undefined) return false;
    const { chain, version } = place;
    const other = op.version !== undefined && (op.version !== version || chain !== this.#chainOf(op));
    if (other) throw new Refusal('a write took effect at another version than it was made for', op);
    if ('value' in op) this.#claim(chain, version, { by: op.id, value: op.value }, op);
    if (op.base !== undefined) this.#claim(chain, version - 1, op.base, op);
    chain.makers.set(version, op);
    return true;
  }

  /** Version order, a write before the reads of what it made. */
  #order(chain: Chain): Place[] {
    const reads = [...chain.reads].sort((a, b) => a.version - b.version || compare(a.call, b.call));
    const places: Place[] = [];
    let next = 0;
    for (let version = chain.firstVersion; version <= chain.lastVersion; version += 1) {
      if (version > chain.firstVersion) {
        const op = chain.makers.get(version);
        const found = chain.contents.get(version);
        if (op === undefined && found !== undefined)
          throw new Refusal(`nobody made version ${version}`, ...reads.slice(next, next + 1));
        places.push({ op, chain, version });
      }
      for (; reads[next]?.version === version; next += 1) places.push({ op: reads[next], chain, version });
    }
    return places;
  }

  /** Rule 3: gives each version without a trace a write of unknown outcome. Returns how many were given. */
  #fillGaps(places: readonly Place[], free: readonly WriteOp[]): number {
    // By what time a write in each gap must have been called: before anything that comes later returned.
    let earliest: Op | undefined;
    const gaps: { readonly chain: Chain; readonly version: number; readonly before: Op | undefined }[] = [];
    for (const { op, chain, version } of places.toReversed()) {
      if (op === undefined) gaps.push({ chain, version, before: earliest });
      else earliest = earlier(earliest, op);
    }
    const floating = free.filter((op) => op.version === undefined).sort((a, b) => compare(a.call, b.call));
    const bound = new Map<number, WriteOp[]>();
    for (const op of free) {
      if (op.version !== undefined) bound.set(op.version, [...(bound.get(op.version) ?? []), op]);
    }
    let taken = 0;
    for (const { chain, version, before } of gaps.reverse()) {
      const base = chain.contents.get(version - 1);
      // A write that can stand nowhere else goes first.
      const own = bound.get(version)?.some((op) => {
        const onBase = op.base === undefined || base === undefined || op.base.by === base.by;
        return onBase && this.#chainOf(op) === chain && !isBefore(before, op.call);
      });
      if (own === true) continue;
      const op = floating[taken];
      if (op === undefined || isBefore(before, op.call)) throw new Refusal(`nobody made version ${version}`, before);
      taken += 1;
    }
    return gaps.length;
  }

  #chainOf({ incarnation }: Op): Chain {
    const { incarnations } = this.#options;
    const life = incarnations === undefined || incarnation === undefined ? 0 : incarnations.indexOf(incarnation);
    const chain = this.#chains[life];
    if (chain === undefined) throw new Refusal(`the order of incarnation ${incarnation} is not told`);
    return chain;
  }
}

/** Rule 5. */
function assertRealTime(places: readonly Place[]): void {
  let earliest: Op | undefined;
  for (const { op } of places.toReversed()) {
    if (op === undefined) continue;
    if (isBefore(earliest, op.call)) throw new Refusal('real-time order broken', op, earliest);
    earliest = earlier(earliest, op);
  }
}

/** A write whose caller was told "unknown" may take effect after that. */
function isOpen(op: Op): op is WriteOp {
  return op.kind === 'write' && op.outcome === 'unknown';
}

/** Whether `op` had returned at `instant`. */
function isBefore(op: Op | undefined, instant: Instant): boolean {
  return op?.ret !== undefined && op.ret < instant;
}

/** The one that returned first; of unknown ones, none ever does. */
function earlier(one: Op | undefined, other: Op): Op | undefined {
  if (other.ret === undefined || isOpen(other)) return one;
  return one?.ret === undefined || other.ret < one.ret ? other : one;
}

function compare(a: Instant, b: Instant): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One text for equal values, whatever the order of their properties. */
function canonical(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`;
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

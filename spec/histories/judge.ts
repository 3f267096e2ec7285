/**
 * From the journals of a run and the last token of each atom to a verdict.
 *
 *   last token ── base ──► token ── base ──► … ──► creation        the puts that took effect, newest first
 *        ids                 ids                     ids           the calls that each carried = the order of calls
 *
 * That order is the only one that can be, for each put was made under the condition that its base stood there. So a call
 * that was acknowledged and is not in it was lost; one that is in it twice was applied twice; one that was reported as not
 * done and is in it is a ghost. Everything else (what calls found, real-time order) is left to the chain check, with the
 * place in the order as version. Answers of "no" have a rule of their own: at some instant of the call it must have been so.
 */
import { type ChainVerdict, checkChain } from '../support/chain-check.js';
import type { Content, Op, WriteOp } from '../support/history.js';
import type { CallKind, JournalEvent, Told, Value } from './journal.js';

/** The end of a run: token and version that stand in the store, `undefined` where there is no item. */
export type FinalTokens = ReadonlyMap<string, { readonly token: string; readonly version: number } | undefined>;

/** What was found wrong with one atom. */
interface Finding {
  readonly atom: string;
  readonly why: string;
  readonly about: readonly unknown[];
}

export interface Judgement {
  readonly findings: readonly Finding[];
  readonly calls: number;
  /** Puts that took effect. */
  readonly commits: number;
  /** Writes that were told done, that were told unknown, and how many of these were settled and how many took effect. */
  readonly done: number;
  readonly unknown: number;
  readonly settled: number;
  readonly unknownApplied: number;
  readonly notDone: number;
  readonly reads: number;
}

interface Call {
  readonly id: string;
  readonly atom: string;
  readonly kind: CallKind;
  readonly at: number;
  ret?: number;
  told?: Told;
  settled?: { readonly at: number; readonly outcome: 'done' | 'not-done' | 'unknown' };
}
type Put = Extract<JournalEvent, { on: 'put' }>;

/** One place in the order of calls. */
interface Place {
  readonly call: Call | undefined;
  readonly content: { readonly by: string; readonly absent: boolean };
}

class Wrong extends Error {
  readonly about: readonly unknown[];
  constructor(why: string, ...about: readonly unknown[]) {
    super(why);
    this.about = about;
  }
}

/** Judges all atoms of a run. */
export function judge(events: Iterable<JournalEvent>, finals: FinalTokens): Judgement {
  const calls = new Map<string, Call>();
  const puts = new Map<string, Map<string, Put>>();
  for (const atom of finals.keys()) puts.set(atom, new Map());
  const rest: JournalEvent[] = [];
  for (const event of events) {
    if (event.on === 'call') calls.set(event.id, { ...event });
    else if (event.on === 'put') puts.get(event.atom)?.set(event.token, event);
    else rest.push(event);
  }
  for (const event of rest) {
    if (event.on !== 'ret' && event.on !== 'settled') continue;
    const call = calls.get(event.id) as Call;
    if (event.on === 'settled') call.settled = event;
    else Object.assign(call, { ret: event.at, told: event });
  }
  const findings: Finding[] = [];
  let commits = 0;
  let unknownApplied = 0;
  for (const [atom, final] of finals) {
    const own = [...calls.values()].filter((call) => call.atom === atom);
    commits += final?.version ?? 0;
    try {
      const chain = new Chain(puts.get(atom) as Map<string, Put>, calls, final);
      unknownApplied += own.filter((call) => isUnknown(call) && chain.indexOf(call.id) !== undefined).length;
      chain.assertOutcomes(own);
      chain.assertRefusals(own);
      const verdict = checkChain(chain.operations(own), { apply: countOn });
      if (!verdict.ok) findings.push(findingOf(atom, verdict));
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      findings.push({ atom, why: error.message, about: error.about });
    }
  }
  const all = [...calls.values()];
  const writes = all.filter((call) => call.kind !== 'read');
  return {
    findings,
    calls: all.length,
    commits,
    done: writes.filter((call) => call.told?.outcome === 'done').length,
    unknown: writes.filter(isUnknown).length,
    settled: writes.filter((call) => call.settled !== undefined && call.settled.outcome !== 'unknown').length,
    unknownApplied,
    notDone: writes.filter((call) => call.told?.outcome === 'not-done').length,
    reads: all.length - writes.length,
  };
}

function findingOf(atom: string, verdict: Extract<ChainVerdict, { ok: false }>): Finding {
  return { atom, why: verdict.why, about: verdict.ops };
}

/** A swap makes n + 1 of n. */
function countOn(op: WriteOp, old: unknown): unknown {
  const made = op.value as Value | null;
  if (op.kind !== 'write' || !(op as { readonly counts?: boolean }).counts || made === null) return undefined;
  return { by: op.id, n: ((old as Value | null)?.n ?? 0) + 1 };
}

function isUnknown({ kind, told }: Call): boolean {
  return kind !== 'read' && (told === undefined || told.outcome === 'unknown');
}

/** What a caller can rely on by now: what it was told, or what settling told it later. */
function outcomeOf({ told, settled }: Call): 'done' | 'false' | 'not-done' | 'unknown' | 'failed' {
  const outcome = told?.outcome ?? 'unknown';
  return outcome === 'unknown' ? (settled?.outcome ?? 'unknown') : outcome;
}

/** The order of the calls that took effect on one atom. */
class Chain {
  /** Place 0 is the empty atom. */
  readonly #places: Place[] = [{ call: undefined, content: { by: '', absent: true } }];
  readonly #indexOf = new Map<string, number>();
  /** The last place of what each token left. */
  readonly #placeOfToken = new Map<string, number>();

  constructor(
    puts: ReadonlyMap<string, Put>,
    calls: ReadonlyMap<string, Call>,
    final: { token: string; version: number } | undefined,
  ) {
    const chain: Put[] = [];
    for (let token = final?.token ?? null; token !== null; ) {
      const put = puts.get(token);
      if (put === undefined) throw new Wrong('a token in the order that nobody sent', token);
      if (chain.length > 0 && (chain.at(-1) as Put).version !== put.version + 1) {
        throw new Wrong('versions do not follow each other', put, chain.at(-1));
      }
      chain.push(put);
      token = put.base;
    }
    for (const put of chain.reverse()) this.#append(put, calls);
  }

  #append({ token, ids, tombstone }: Put, calls: ReadonlyMap<string, Call>): void {
    for (const id of ids) {
      const call = calls.get(id);
      if (call === undefined) throw new Wrong('a put carries a call that nobody made', id);
      if (this.#indexOf.has(id))
        throw new Wrong('one call took effect twice', call, this.#places.slice(this.#indexOf.get(id)).length);
      this.#indexOf.set(id, this.#places.length);
      this.#places.push({ call, content: { by: id, absent: call.kind === 'delete' } });
    }
    const last = this.#places.at(-1) as Place;
    if (last.content.absent !== tombstone) throw new Wrong('a put left something else than its calls', token, ids);
    this.#placeOfToken.set(token, this.#places.length - 1);
  }

  indexOf(id: string): number | undefined {
    return this.#indexOf.get(id);
  }

  /** What was acknowledged is there, what was denied is not. */
  assertOutcomes(calls: readonly Call[]): void {
    for (const call of calls) {
      if (call.kind === 'read') continue;
      const there = this.#indexOf.has(call.id);
      const outcome = outcomeOf(call);
      if (outcome === 'done' && !there) throw new Wrong('an acknowledged write was lost', call);
      if ((outcome === 'not-done' || outcome === 'false') && there) {
        throw new Wrong('a write that was reported as not done took effect', call);
      }
      const index = this.#indexOf.get(call.id);
      if (call.kind === 'delete' && index !== undefined && this.#places[index - 1]?.content.absent) {
        throw new Wrong('a deletion took effect where nothing was', call);
      }
    }
  }

  /** "No" must have been true at some instant of the call. */
  assertRefusals(calls: readonly Call[]): void {
    const latestEnd = this.#ends();
    const earliestStart = this.#starts();
    for (const call of calls) {
      const { told, ret, at } = call;
      if (told === undefined || ret === undefined) continue;
      const absent = call.kind === 'read' && told.outcome === 'done' && told.found === null && told.token === undefined;
      if (told.outcome !== 'false' && !absent) continue;
      const fits = this.#refusing(call, told);
      let index = lowerBound(latestEnd, at);
      let possible = false;
      for (; index < this.#places.length && (earliestStart[index] as number) <= ret; index += 1) {
        if (this.#mayStand(index, at, ret) && fits(this.#places[index] as Place)) possible = true;
      }
      if (!possible) throw new Wrong('an answer of "no" that was never true', call);
    }
  }

  /** What must have stood there for the answer to be true. */
  #refusing({ kind }: Call, told: Told): (place: Place) => boolean {
    if (kind !== 'compareAndSet') return ({ content }) => content.absent;
    if (told.found === null && told.token === undefined) return ({ content }) => !content.absent;
    const expected = this.#contentOf(told);
    return ({ content }) => content.by !== expected;
  }

  /** Whether what stands at `index` can have stood there at some instant between `from` and `to`. */
  #mayStand(index: number, from: number, to: number): boolean {
    const made = this.#places[index]?.call?.at ?? Number.NEGATIVE_INFINITY;
    return made <= to && this.#endOf(index) >= from;
  }

  #endOf(index: number): number {
    const next = this.#places[index + 1]?.call;
    return (next === undefined ? undefined : returnOf(next)) ?? Number.POSITIVE_INFINITY;
  }

  /** By place: the latest end of it and those before. */
  #ends(): number[] {
    let latest = Number.NEGATIVE_INFINITY;
    return this.#places.map((_, index) => {
      latest = Math.max(latest, this.#endOf(index));
      return latest;
    });
  }

  /** By place: the earliest start of it and those after. */
  #starts(): number[] {
    let earliest = Number.POSITIVE_INFINITY;
    const starts = this.#places.map(() => 0);
    for (let index = starts.length - 1; index >= 0; index -= 1) {
      earliest = Math.min(earliest, this.#places[index]?.call?.at ?? Number.NEGATIVE_INFINITY);
      starts[index] = earliest;
    }
    return starts;
  }

  /** Who wrote what the caller found. */
  #contentOf({ found, token }: Told): string {
    if (token === undefined || token === '') return found?.by ?? '';
    const place = this.#placeOfToken.get(token);
    if (place === undefined) throw new Wrong('a token was read that is not in the order', token);
    const { by, absent } = (this.#places[place] as Place).content;
    if (absent ? found !== null : found?.by !== by)
      throw new Wrong('a token came with the value of another', token, found);
    return by;
  }

  /** The history for the chain check, places as versions. */
  operations(calls: readonly Call[]): Op[] {
    return calls.flatMap((call) => {
      const op = call.kind === 'read' ? this.#readOf(call) : this.#writeOf(call);
      return op === undefined ? [] : [op];
    });
  }

  #readOf({ id, at, ret, told }: Call): Op | undefined {
    if (told?.outcome !== 'done' || ret === undefined) return undefined;
    // Nothing was found, and nothing tells which nothing: judged with the refusals.
    if (told.found === null && told.token === undefined) return undefined;
    const by = this.#contentOf(told);
    const version = by === '' ? 0 : this.#indexOf.get(by);
    if (version === undefined) throw new Wrong('a read found what is not in the order', id, told);
    return { kind: 'read', id, call: at, ret, version, by, value: told.found ?? undefined };
  }

  #writeOf(call: Call): Op | undefined {
    const { id, at, told } = call;
    const version = this.#indexOf.get(id);
    const outcome = outcomeOf(call);
    if (outcome === 'false' || outcome === 'failed') return undefined;
    const ret = returnOf(call);
    const value = call.kind === 'delete' ? undefined : told?.made;
    const counts = call.kind === 'swap' || call.kind === 'trySwap';
    const op = { kind: 'write', id, call: at, outcome, version, counts } as const;
    const known = outcome === 'done' && told?.outcome === 'done';
    return {
      ...op,
      ...(ret !== undefined && { ret }),
      ...((value !== undefined || call.kind === 'delete') && { value }),
      ...(known && told.found !== undefined && version !== undefined && { base: this.#baseOf(told, version) }),
    };
  }

  #baseOf(told: Told, version: number): Content {
    if (told.found || told.token !== undefined) return { by: this.#contentOf(told), value: told.found ?? undefined };
    // Which of several nothings it found is told by its place alone.
    const before = (this.#places[version - 1] as Place).content;
    return { by: before.absent ? before.by : 'nothing', value: undefined };
  }
}

/** When the caller knew that it was done; `undefined` while it does not. */
function returnOf(call: Call): number | undefined {
  if (call.told?.outcome === 'done') return call.ret;
  return call.settled?.outcome === 'done' ? call.settled.at : undefined;
}

/** First index whose element is at least `least`, in a sorted array. */
function lowerBound(sorted: readonly number[], least: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

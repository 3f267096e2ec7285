/**
 * From the notes of all processes of a run, and the streams as they stand in the end, to a verdict. Stream by stream:
 *
 * 1. Sequence numbers are dense, times do not go back, each event belongs to one order, whose events stand together, all of them, once.
 * 2. Each event says what its command found: that is what a fold of the events before it gives. What was expected held.
 * 3. Who was told `done` finds exactly his events there; who was told `not-done`, refused or a conflict, none, unless another call of
 *    the same order put them; of the unknown ones all or nothing.
 * 4. Answers, refusals, loads and reads are what stands there: versions, times, digests of events, states.
 * 5. Real time: what was over before something else was called comes before it; what is read has all that was acknowledged before.
 */
import type { ExpectedVersion, RecordedEvent } from '../../../lib/events/index.js';
import type { SettledNote } from '../notebook.js';
import { type Answered, checkRealTime, type Finding, Findings, joinAnswers, mayHave, type Placed } from '../verdict.js';
import type { CallNote, LoadNote, Note, ReadNote, RetNote } from './notes.js';
import {
  applyToPurse,
  decide,
  digestOf,
  emptyPurse,
  type Order,
  type PurseEvent,
  type PurseState,
  Refused,
} from './purse.js';

export type Row = RecordedEvent<PurseEvent>;

export interface Judgement {
  readonly findings: readonly Finding[];
  readonly calls: number;
  readonly events: number;
  /** What calls were told. */
  readonly done: number;
  readonly repeated: number;
  readonly refused: number;
  readonly conflicts: number;
  readonly notDone: number;
  readonly unknown: number;
  /** Of the unknown ones: settled; in the stream. */
  readonly settled: number;
  readonly unknownApplied: number;
  /** Calls of killed processes. */
  readonly open: number;
  readonly reads: number;
}

type Call = Answered<CallNote, RetNote>;

/** Where the events of an order are. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Winning events that a conflict carries at most. */
const winnersMax = 100;

/** Judges a run. `streams`: what stands there in the end, by name. */
export function judge(notes: Iterable<Note>, streams: ReadonlyMap<string, readonly Row[]>): Judgement {
  const findings = new Findings();
  const calls = new Map<string, Call>();
  const looks: (ReadNote | LoadNote)[] = [];
  const later: (RetNote | SettledNote)[] = [];
  for (const note of notes) {
    if (note.on === 'call') calls.set(note.id, { ...note });
    else if (note.on === 'ret' || note.on === 'settled') later.push(note);
    else looks.push(note);
  }
  joinAnswers(calls, later);
  const all = [...calls.values()];
  let unknownApplied = 0;
  for (const name of new Set([...streams.keys(), ...all.map(({ order }) => order.stream)])) {
    const judged = new StreamJudge(name, streams.get(name) ?? [], (why, about) => findings.report(why, about));
    const own = all.filter(({ order }) => order.stream === name);
    judged.judge(
      own,
      looks.filter(({ stream }) => stream === name),
    );
    unknownApplied += own.filter((call) => call.ret?.outcome === 'unknown' && judged.spanOf(call.order.uid)).length;
  }
  const count = (wanted: (ret: RetNote | undefined, call: Call) => boolean) =>
    all.filter((call) => wanted(call.ret, call)).length;
  return {
    findings: findings.all,
    calls: all.length,
    events: [...streams.values()].reduce((sum, { length }) => sum + length, 0),
    done: count((ret) => ret?.outcome === 'done'),
    repeated: count((ret) => ret?.repeated === true),
    refused: count((ret) => ret?.outcome === 'refused'),
    conflicts: count((ret) => ret?.outcome === 'conflict'),
    notDone: count((ret) => ret?.outcome === 'not-done'),
    unknown: count((ret) => ret?.outcome === 'unknown'),
    settled: count((ret, { settled }) => ret?.outcome === 'unknown' && (settled?.outcome ?? 'unknown') !== 'unknown'),
    unknownApplied,
    open: count((ret) => ret === undefined),
    reads: looks.length,
  };
}

class StreamJudge {
  readonly #stream: string;
  readonly #rows: readonly Row[];
  readonly #report: (why: string, about: unknown) => void;
  /** After each event; the first one is that of nothing. */
  readonly #states: PurseState[] = [emptyPurse];
  readonly #spans = new Map<string, Span>();
  readonly #placed: Placed[] = [];

  constructor(stream: string, rows: readonly Row[], report: (why: string, about: unknown) => void) {
    this.#stream = stream;
    this.#rows = rows;
    this.#report = report;
  }

  spanOf(uid: string): Span | undefined {
    return this.#spans.get(uid);
  }

  judge(calls: readonly Call[], looks: readonly (ReadNote | LoadNote)[]): void {
    const callsOf = new Map<string, Call[]>();
    for (const call of calls) {
      const { uid } = call.order;
      callsOf.set(uid, [...(callsOf.get(uid) ?? []), call]);
    }
    this.#replay(callsOf);
    for (const call of calls) this.#checkTold(call);
    for (const [uid, own] of callsOf) this.#checkFate(uid, own);
    for (const look of looks) this.#checkLook(look);
    checkRealTime(this.#placed, this.#report);
  }

  #replay(callsOf: ReadonlyMap<string, readonly Call[]>): void {
    let time = 0;
    for (const [index, row] of this.#rows.entries()) {
      const state = this.#states[index] as PurseState;
      const { uid, at, of } = row.data;
      if (row.seq !== index + 1) this.#report('sequence numbers are not dense', { row, index });
      if (row.time < time) this.#report('time went back', row);
      time = row.time;
      const order = callsOf.get(uid)?.[0]?.order;
      if (order === undefined) this.#report('an event that nobody sent', row);
      else this.#checkRow(row, order, state);
      const span = this.#spans.get(uid);
      const isNext = span === undefined ? at === 0 : at === row.seq - span.from && span.to === row.seq - 1;
      if (!isNext)
        this.#report(at === 0 ? 'one order is in the stream twice' : 'events of one order do not stand together', row);
      else this.#spans.set(uid, { from: span?.from ?? row.seq, to: row.seq });
      const next = this.#rows[index + 1]?.data;
      if (at !== of - 1 && (next?.uid !== uid || next.at !== at + 1))
        this.#report('a part of what was to be appended together', row);
      this.#states.push(applyToPurse(state, row));
    }
  }

  /** An event is what its order leads to on what stood there before. */
  #checkRow(row: Row, order: Order, state: PurseState): void {
    const { at, before } = row.data;
    if (before !== null && before !== state.balance)
      this.#report('decided on another state than the one before it', { row, state });
    const isKeyed = order.key !== 'none';
    const id = order.key === 'event' && at === 0 ? order.uid : `${this.#stream}/${row.seq}`;
    if (row.id !== id || row.commandId !== (isKeyed ? order.uid : undefined))
      this.#report('an event with another id', { row, order });
  }

  #checkTold(call: Call): void {
    const { ret, order } = call;
    if (ret === undefined) return;
    const { outcome, from = 0, to = 0, state } = ret;
    if (outcome === 'done') {
      this.#checkDone(call, ret, { from, to });
      if (state !== undefined) this.#checkState('an answer has another state than the fold gives', state, call);
    } else if (outcome === 'refused' && state !== undefined) {
      if (
        this.#checkState('a refusal rests on another state than the fold gives', state, call) &&
        !isRefused(state, order)
      ) {
        this.#report('refused for no reason', call);
      }
      this.#place(state.count, call, ret.at);
    } else if (outcome === 'conflict') this.#checkConflict(call, ret);
  }

  #checkDone(call: Call, ret: RetNote, { from, to }: Span): void {
    const { order } = call;
    const span = this.#spans.get(order.uid);
    if (to < from) {
      // Nothing was to be done, on that state.
      const state = this.#states[to];
      if (state === undefined || ret.repeated || !isNothing(state, order))
        this.#report('told that nothing was to be done, but something was', call);
      this.#place(to, call, ret.at);
      return;
    }
    if (span === undefined) return;
    if (span.from !== from || span.to !== to)
      this.#report('an answer with other versions than stand there', { call, span });
    else if (ret.digest !== digestOf(this.#rows.slice(from - 1, to)))
      this.#report('an answer with other events than stand there', call);
    if (ret.time !== this.#rows[to - 1]?.time) this.#report('an answer with another time than stands there', call);
    const count = ret.state?.count;
    if (count === undefined) return;
    if (ret.repeated ? count < to : count !== to) this.#report('an answer with a state of another version', call);
    if (ret.repeated) this.#place(count, call, ret.at);
  }

  #checkConflict(call: Call, ret: RetNote): void {
    const { expected = 0, actual = 0, digest } = ret;
    const after = typeof expected === 'number' ? expected : 0;
    if (isMet(expected, actual) || actual > this.#rows.length) this.#report('a conflict that is none', call);
    const winners = this.#rows.slice(after, Math.min(actual, after + winnersMax));
    if (digest !== digestOf(winners))
      this.#report('a conflict with other events than stand there', { call, winners: winners.length });
    // What was seen must have been there; it may have been a moment old.
    this.#placed.push({ seq: actual, write: false, call: 0, ret: ret.at, about: call });
  }

  #checkState(why: string, state: PurseState, about: unknown): boolean {
    const right = this.#states[state.count];
    if (right?.rolling === state.rolling && right.balance === state.balance) return true;
    this.#report(why, { about, right });
    return false;
  }

  /** One order: what its callers were told, against the stream. */
  #checkFate(uid: string, calls: readonly Call[]): void {
    const span = this.#spans.get(uid);
    const claims = calls.filter(isClaim);
    const puts = calls.filter(
      ({ ret }) => ret?.outcome === 'done' && !ret.repeated && (ret.to ?? 0) >= (ret.from ?? 0),
    );
    if (puts.length > 1) this.#report('two calls were told that they put one order there', puts);
    if (span === undefined) {
      if (claims.length > 0) this.#report('an acknowledged order is not in the stream', claims[0]);
      return;
    }
    const known = Math.min(...claims.map(overAt));
    const blind = calls.find((call) => call.at > known && isBlind(call));
    if (blind !== undefined) this.#report('an order that was there before was not known again', { span, blind });
    const may = puts.length > 0 ? puts : calls.filter((call) => mayHave(call) || call.settled?.outcome === 'done');
    if (may.length === 0) {
      this.#report('an order that was told not to be done is in the stream', { span, calls });
      return;
    }
    if (!may.some(({ expected }) => isMet(expected, span.from - 1)))
      this.#report('what was expected did not hold', { span, may });
    const over = Math.min(...claims.map(overAt), Number.POSITIVE_INFINITY);
    this.#placed.push({ seq: span.to, write: true, call: Math.min(...may.map(({ at }) => at)), ret: over, about: may });
  }

  #checkLook(look: ReadNote | LoadNote): void {
    const { from: call, at: ret } = look;
    if (look.on === 'load') {
      if (look.version !== look.state.count) this.#report('a state of another version was loaded', look);
      this.#checkState('a state that was loaded is not what the fold gives', look.state, look);
      this.#placed.push({ seq: look.version, write: false, call, ret, about: look });
      return;
    }
    const { first, last, whole, digest } = look;
    if (digest !== digestOf(this.#rows.slice(first - 1, last)))
      this.#report('other events were read than stand there', look);
    if (whole) this.#placed.push({ seq: last, write: false, call, ret, about: look });
  }

  #place(seq: number, call: Call, ret: number): void {
    this.#placed.push({ seq, write: false, call: call.at, ret, about: call });
  }
}

/** Whether its caller was told that the order is in the stream: by whomever. */
function isClaim({ ret, settled }: Call): boolean {
  if (ret?.outcome === 'done') return (ret.to ?? 0) >= (ret.from ?? 0);
  return settled?.outcome === 'done';
}

function overAt({ ret, settled }: Call): number {
  return ret?.outcome === 'done' ? ret.at : (settled as SettledNote).at;
}

/** Whether a caller was told of the state, and not that the order was there before. */
function isBlind({ ret }: Call): boolean {
  const outcome = ret?.outcome;
  return outcome === 'refused' || outcome === 'conflict' || (outcome === 'done' && ret?.repeated !== true);
}

function isMet(expected: ExpectedVersion, version: number): boolean {
  if (expected === 'any') return true;
  if (expected === 'exists') return version > 0;
  return version === (expected === 'no-stream' ? 0 : expected);
}

function isRefused(state: PurseState, order: Order): boolean {
  try {
    decide(state, order);
    return false;
  } catch (error) {
    return error instanceof Refused;
  }
}

function isNothing(state: PurseState, order: Order): boolean {
  try {
    return decide(state, order).length === 0;
  } catch {
    return false;
  }
}

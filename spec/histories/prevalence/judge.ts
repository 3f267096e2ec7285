/**
 * From the notes of all processes of a run to a verdict.
 *
 * 1. One order: who saw an event under a number, and who was told one, all agree; no number is missing, no event comes twice.
 * 2. What everybody was told is what a replay of that order gives: results, states, refusals, looks at the past, digests.
 * 3. Every event in the journal has a call that can have put it there; every call that was told so did; none that was told no.
 * 4. Real time: what was over before something else was called comes before it; what was read is not from the future, and a
 *    `sync` has all that was acknowledged before it anywhere.
 * 5. Within an instance nothing goes back, and `changes()` leaves nothing out.
 */
import type { SettledNote } from '../notebook.js';
import { type Answered, checkRealTime, type Finding, Findings, joinAnswers, mayHave, type Placed } from '../verdict.js';
import { type LedgerState, ledger, Refused } from './ledger.js';
import type { CallNote, DigestNote, Note, NotedEvent, ReadNote, RetNote, SeenNote, Sight } from './notes.js';
import { Order, wholeEvent } from './order.js';

export interface Judgement {
  readonly findings: readonly Finding[];
  readonly calls: number;
  /** Events in the journal. */
  readonly events: number;
  /** What calls were told. */
  readonly journalled: number;
  readonly same: number;
  readonly known: number;
  readonly refused: number;
  readonly notDone: number;
  readonly unknown: number;
  /** Of the unknown ones: settled; in the journal. */
  readonly settled: number;
  readonly unknownApplied: number;
  /** Calls of killed processes. */
  readonly open: number;
  readonly reads: number;
  readonly digests: number;
}

type Call = Answered<CallNote, RetNote>;

/** Judges a run. */
export function judge(notes: Iterable<Note>): Judgement {
  return new Judge(notes).judge();
}

class Judge {
  readonly #findings = new Findings();
  readonly #calls = new Map<string, Call>();
  readonly #callsOf = new Map<string, Call[]>();
  readonly #reads: ReadNote[] = [];
  readonly #digests: DigestNote[] = [];
  readonly #order = new Order((why, about) => this.#report(why, about));
  /** What each instance showed, in its own order. */
  readonly #shown = new Map<string, number>();
  readonly #streams = new Map<string, number>();

  constructor(notes: Iterable<Note>) {
    const later: (RetNote | SettledNote)[] = [];
    for (const note of notes) {
      if (note.on === 'call') this.#calls.set(note.id, { ...note });
      else if (note.on === 'read') this.#reads.push(note);
      else if (note.on === 'digest') this.#digests.push(note);
      else if (note.on === 'seen') this.#stream(note);
      else later.push(note);
      if (note.on === 'ret') this.#show(note);
    }
    joinAnswers(this.#calls, later);
    for (const call of this.#calls.values()) {
      const calls = this.#callsOf.get(call.event.uid) ?? [];
      this.#callsOf.set(call.event.uid, [...calls, call]);
      const { ret, event, keyed } = call;
      if (ret?.status === 'journalled')
        this.#order.claim(ret.seq as number, { uid: event.uid, time: ret.time as number, keyed });
    }
  }

  judge(): Judgement {
    const order = this.#order;
    order.replay((uid) => this.#callsOf.get(uid)?.[0]?.event);
    for (const call of this.#calls.values()) this.#checkTold(call);
    for (const [uid, calls] of this.#callsOf) this.#checkFate(uid, calls);
    for (const read of this.#reads) this.#checkRead(read);
    this.#checkDigests();
    const report = (why: string, about: unknown) => this.#report(why, about);
    checkRealTime([...this.#placedCalls(), ...this.#placedReads()], report);
    return this.#sums();
  }

  #report(why: string, about: unknown): void {
    this.#findings.report(why, about);
  }

  /** An iteration of `changes()` has each event after the one before. */
  #stream({ by, seq, time, uid, keyed }: SeenNote): void {
    const before = this.#streams.get(by);
    if (before !== undefined && seq !== before + 1) this.#report('changes() left something out', { by, before, seq });
    this.#streams.set(by, seq);
    this.#order.claim(seq, { uid, time, keyed });
  }

  /** What an instance shows never goes back; and an answer is in it. */
  #show(ret: RetNote): void {
    const { saw, seq = 0, outcome } = ret;
    if (saw === undefined) return;
    const { instance } = saw;
    const shown = this.#shown.get(instance) ?? 0;
    if (saw.seq < shown) this.#report('the state of an instance went back', { ret, shown });
    else if (outcome === 'done' && saw.seq < seq) this.#report('an answer is not in the state of its instance', ret);
    this.#shown.set(instance, Math.max(shown, saw.seq));
  }

  /** Whether a state is the one that the replay has at that number. */
  #isRight({ seq, rolling }: Sight): boolean {
    const moment = this.#order.at(seq);
    // Beyond where the replay broke off nothing can be said, and that is reported already.
    return moment === undefined ? this.#findings.all.length > 0 : moment.state.rolling === rolling;
  }

  #checkTold(call: Call): void {
    const { ret, event } = call;
    if (ret === undefined) return;
    const { outcome, status, seq, rolling, saw } = ret;
    if (saw !== undefined && !this.#isRight(saw)) {
      this.#report('an instance showed another state than the replay gives', call);
    }
    if (seq === undefined || rolling === undefined) return;
    if (!this.#isRight({ seq, rolling })) {
      this.#report('an answer rests on another state than the replay gives', { call, right: this.#order.at(seq) });
      return;
    }
    const moment = this.#order.at(seq);
    if (moment === undefined) return;
    if (outcome === 'refused') {
      if (!isRefused(moment.state, event, moment.time)) this.#report('refused for no reason', call);
    } else if (status === 'same') {
      if (!isSame(moment.state, event, moment.time))
        this.#report('told that nothing changed, but something would', call);
    } else {
      const own = status === 'known' ? this.#order.numberOf(event.uid) : seq;
      if (own === undefined || own > seq) this.#report('told that an event is known that is not', call);
      else if (!isEqual(this.#order.at(own)?.result, ret.result))
        this.#report('another result than the replay gives', call);
    }
  }

  /** One event: what its callers were told, against the journal. */
  #checkFate(uid: string, calls: readonly Call[]): void {
    const seq = this.#order.numberOf(uid);
    const isOf = (wanted: (call: Call) => boolean) => calls.filter(wanted);
    const puts = isOf((call) => call.ret?.status === 'journalled');
    if (puts.length > 1) this.#report('two calls were told that they put one event there', puts);
    const claims = isOf(isClaim);
    if (seq === undefined) {
      if (claims.length > 0) this.#report('an acknowledged event is not in the journal', claims[0]);
    } else if (claims.length === 0 && isOf(mayHave).length === 0) {
      this.#report('an event that was told not to be done is in the journal', { seq, calls });
    }
  }

  #checkRead(read: ReadNote): void {
    const { how, target, seq } = read;
    if (!this.#isRight(read)) this.#report(`a state that was read (${how}) is not what the replay gives`, read);
    if (target === undefined) return;
    const wanted = 'seq' in target ? target.seq : this.#order.upTo(target.time);
    if (seq !== wanted) this.#report('a look at the past shows another moment', { read, wanted });
  }

  #checkDigests(): void {
    const right = new Map<number, string | undefined>();
    for (const note of this.#digests) {
      if (!right.has(note.seq)) right.set(note.seq, this.#order.digestAt(note.seq));
      if (note.digest !== right.get(note.seq))
        this.#report('a digest of the state is not that of the replay', { note, right: right.get(note.seq) });
    }
  }

  *#placedCalls(): Generator<Placed> {
    for (const [uid, calls] of this.#callsOf) {
      const seq = this.#order.numberOf(uid);
      if (seq !== undefined) {
        const put = calls.find(({ ret }) => ret?.status === 'journalled');
        const may = put === undefined ? calls.filter((one) => mayHave(one) || isClaim(one)) : [put];
        const call = Math.min(...may.map(({ at }) => at));
        const over = Math.min(...calls.filter(isClaim).map(overAt), Number.POSITIVE_INFINITY);
        yield { seq, write: true, call, ret: over, about: may };
      }
      for (const call of calls) {
        const { ret } = call;
        if (ret?.saw !== undefined) yield { seq: ret.saw.seq, write: false, call: 0, ret: ret.at, about: call };
        if (ret?.seq === undefined || ret.status === 'journalled') continue;
        yield { seq: ret.seq, write: false, call: call.at, ret: ret.at, about: call };
      }
    }
  }

  *#placedReads(): Generator<Placed> {
    for (const read of this.#reads) {
      const { how, seq, from, at } = read;
      yield { seq, write: false, call: how === 'past' ? 0 : from, ret: at, about: read };
    }
  }

  #sums(): Judgement {
    const all = [...this.#calls.values()];
    const count = (wanted: (call: Call) => boolean) => all.filter(wanted).length;
    const isUnknown = ({ ret }: Call) => ret?.outcome === 'unknown';
    return {
      findings: this.#findings.all,
      calls: all.length,
      events: this.#order.top,
      journalled: count(({ ret }) => ret?.status === 'journalled'),
      same: count(({ ret }) => ret?.status === 'same'),
      known: count(({ ret }) => ret?.status === 'known'),
      refused: count(({ ret }) => ret?.outcome === 'refused'),
      notDone: count(({ ret }) => ret?.outcome === 'not-done'),
      unknown: count(isUnknown),
      settled: count((call) => isUnknown(call) && (call.settled?.outcome ?? 'unknown') !== 'unknown'),
      unknownApplied: count((call) => isUnknown(call) && this.#order.numberOf(call.event.uid) !== undefined),
      open: count(({ ret }) => ret === undefined),
      reads: this.#reads.length,
      digests: this.#digests.length,
    };
  }
}

/** Whether its caller was told that the event is in the journal: of one with an id, by whomever. */
function isClaim({ ret, settled }: Call): boolean {
  return ret?.status === 'journalled' || settled?.outcome === 'done';
}

function overAt({ ret, settled }: Call): number {
  return ret?.status === 'journalled' ? ret.at : (settled as SettledNote).at;
}

function isRefused(state: LedgerState, event: NotedEvent, time: number): boolean {
  try {
    ledger(state, wholeEvent(event), { time, seq: state.count + 1 });
    return false;
  } catch (error) {
    return error instanceof Refused;
  }
}

function isSame(state: LedgerState, event: NotedEvent, time: number): boolean {
  try {
    const handled = ledger(state, wholeEvent(event), { time, seq: state.count + 1 });
    return (handled as { readonly state: LedgerState }).state === state;
  } catch {
    return false;
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

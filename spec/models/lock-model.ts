/**
 * Sessions and a lock as a model: several processes, a register for each session and one for the lock, and a network that does its worst.
 *
 *   process:  idle -request-> waiting -sees its grant-> holding -release-> idle
 *                |               | observes the sessions it waits for; marks one that is silent; evicts what that one claimed
 *                |               `-gives up: its claim is an orphan, which its next write takes back
 *                `- beats, closes its session, dies, at any moment
 *
 *   register: a value and a version. A write carries the version that it was made on, and is judged on it: at once, late or never; a second
 *             copy finds another version. So lost, late and doubled are one: a write on its way that may be applied while nothing
 *             else was. One that is too late is made again on what stands there by then, as atoms do. A pause anywhere is a step that is not taken yet.
 *
 * Time has no numbers. All that is assumed of clocks is one rule, which is what bounded rates and the margin are for: **when a whole lease has
 * passed for an observer, it has passed for the holder as well, counted from any moment before the observer began to count.** So events are
 * numbered for each session: its sends (or answers, for the bug), and each look of an observer notes how many there were. A holder's
 * belief may end earlier at any time.
 */
import type { Claim } from '../../lib/recipes/claims/claim-steps.js';
import type { LockState } from '../../lib/recipes/lock/lock-state.js';
import type { SessionState } from '../../lib/recipes/session/session-item.js';
import { type LockCase, type LockProtocol, lockViolations, shippedLock } from './lock-protocol.js';
import type { Model, Step } from './search.js';

/** A value, and how often it was written. */
interface Register<S> {
  readonly version: number;
  readonly value: S;
}

/** A write of the lock on its way. */
interface LockWrite {
  readonly kind: 'request' | 'release' | 'eviction' | 'tidying';
  readonly base: number;
  readonly next: LockState;
}

/** A write of its own session on its way, or one that was applied and whose answer has not come. */
interface SessionWrite {
  readonly kind: 'beat' | 'good-bye';
  readonly base: number;
  readonly next: SessionState;
  readonly isApplied: boolean;
}

/** What one process knows of another's session. */
interface Look {
  /** Events that there were when it asked; only where that matters. */
  readonly begun: number | undefined;
  /** What it saw last, and the events that there were then. */
  readonly seen: { readonly version: number; readonly events: number } | undefined;
  /** A whole lease has passed since. */
  readonly isSilent: boolean;
  /** The version on which the expiry was sent. */
  readonly expiryOn: number | undefined;
  readonly isOver: boolean;
}

interface Process {
  readonly phase: 'idle' | 'waiting' | 'holding' | 'leaving' | 'over' | 'dead';
  readonly round: number;
  /** Calls so far; each has a nonce of its own. */
  readonly calls: number;
  readonly orphan: string | undefined;
  readonly token: number;
  readonly hasWritten: boolean;
  readonly lockWrite: LockWrite | undefined;
  readonly sessionWrite: SessionWrite | undefined;
  /** Whether it has not noticed an end of its lease, which is for ever. */
  readonly believes: boolean;
  readonly beats: number;
  readonly answers: number;
  /** The event from which it counts. */
  readonly provenAt: number;
  /** A lease has passed since this event. */
  readonly passed: number;
  readonly looks: readonly Look[];
}

export interface LockModelState {
  readonly lock: Register<LockState>;
  readonly sessions: readonly Register<SessionState>[];
  readonly processes: readonly Process[];
  /** Nonce and token of each grant that somebody may still see. */
  readonly grants: Readonly<Record<string, number>>;
  readonly tokenMax: number;
  /** Tokens of writes on their way to the resource, and the largest that it took. */
  readonly loose: readonly number[];
  readonly taken: number;
  readonly deaths: number;
  readonly sleeps: number;
  readonly givesUp: number;
}

type Steps = Step<LockModelState>[];

const unseen: Look = { begun: undefined, seen: undefined, isSilent: false, expiryOn: undefined, isOver: false };
const queueMax = 9;
/** The base of a write that is judged on whatever stands there. */
const anything = -1;
const { twoHolders, token, resource, idle, stuck } = lockViolations;

const sessionOf = (index: number) => `s${index}`;
const nonceOf = (index: number, call: number) => `${'ABCDEF'[index]}${call}`;

export class LockModel implements Model<LockModelState> {
  readonly first: LockModelState;
  readonly #case: LockCase;
  readonly #protocol: LockProtocol;

  constructor(lockCase: LockCase) {
    this.#case = lockCase;
    this.#protocol = lockCase.protocol ?? shippedLock;
    const { rounds } = lockCase;
    const process: Process = {
      ...{ phase: 'idle', round: 0, calls: 0, orphan: undefined, token: 0, hasWritten: false },
      ...{ lockWrite: undefined, sessionWrite: undefined, believes: true, beats: 0, answers: 0, provenAt: 0 },
      ...{ passed: -1, looks: rounds.map(() => unseen) },
    };
    const free: LockModelState = {
      lock: { version: 0, value: { kind: 'lock', fence: 0, owner: null, queue: [] } },
      sessions: rounds.map(() => ({ version: 0, value: { kind: 'session', state: 'live', beat: 0, leaseMs: 1 } })),
      processes: rounds.map(() => process),
      ...{ grants: {}, tokenMax: 0, loose: [], taken: 0, deaths: 0, sleeps: 0, givesUp: 0 },
    };
    this.first = lockCase.begun === true ? this.#begun(free) : free;
  }

  #begun(free: LockModelState): LockModelState {
    const claims = free.processes.map((_, index) => claimOf(index, nonceOf(index, 0)));
    const value = claims.reduce((state, claim) => this.#protocol.request(state, claim, queueMax, 0), free.lock.value);
    const processes = free.processes.map(
      (one, index): Process => (index === 0 ? { ...one, phase: 'holding', token: 1 } : { ...one, phase: 'waiting' }),
    );
    return { ...free, lock: { version: 1, value }, processes, tokenMax: 1 };
  }

  /** What can make no difference any more is left out: versions, but for "still the one"; the counts of who believes in nothing. */
  key(state: LockModelState): string {
    const { lock, sessions, processes, grants, tokenMax, loose, taken, deaths, sleeps, givesUp } = state;
    let key = `${lockText(lock.value)}|${tokenMax - lock.value.fence}|${loose.join()}|${taken}|${deaths}${sleeps}${givesUp}`;
    processes.forEach((one, index) => {
      const { phase, round, calls, orphan = '', hasWritten, believes, beats, answers, provenAt, passed } = one;
      const session = sessions[index] as Register<SessionState>;
      key += `|${session.value.state[0]}${phase.slice(0, 2)}${round}${calls}${orphan}.${one.token}${hasWritten ? 'w' : ''}`;
      if (believes) key += `${beats}${answers}.${provenAt}.${passed}`;
      const { lockWrite, sessionWrite } = one;
      if (lockWrite !== undefined) key += `>${lockWrite.kind[0]}${lockText(lockWrite.next)}`;
      if (sessionWrite !== undefined) {
        const { kind, base, next, isApplied } = sessionWrite;
        key += `>${kind[0]}${next.state[0]}${isApplied ? '!' : base === session.version ? '' : '?'}`;
      }
      one.looks.forEach((known, other) => {
        if (known === unseen) return;
        const { begun = '', seen, isSilent, expiryOn, isOver } = known;
        const events = processes[other]?.believes === true ? seen?.events : '';
        const saw = seen === undefined ? '' : `${seen.version === sessions[other]?.version ? '=' : '~'}${events}`;
        key += `,${other}${begun}${saw}${isSilent ? 's' : ''}${isOver ? 'o' : ''}${expiryOn === undefined ? '' : 'e'}`;
      });
      const grant = phase === 'waiting' ? grants[nonceOf(index, calls)] : undefined;
      if (grant !== undefined) key += `;${grant}`;
    });
    return key;
  }

  steps(state: LockModelState): Steps {
    const steps: Steps = [];
    state.processes.forEach((process, index) => {
      this.#deliver(state, index, process, steps);
      if (process.phase === 'dead' || process.phase === 'over') return;
      this.#live(state, index, process, steps);
      if (process.lockWrite === undefined) this.#act(state, index, process, steps);
      if (process.phase === 'waiting') this.#observe(state, index, process, steps);
    });
    for (const at of new Set(state.loose)) steps.push(this.#toResource(state, at));
    if (steps.length === 0 && state.processes.some(({ phase }) => phase === 'waiting')) {
      return [{ name: 'nothing can happen any more', next: state, violation: stuck }];
    }
    return steps.map((step) => ({ ...step, violation: step.violation ?? this.#broken(step.next) }));
  }

  // ---- what holds in every state ----------------------------------------------------------------------------------

  #broken({ processes, lock: { value } }: LockModelState): string | undefined {
    let holders = 0;
    for (const one of processes) if (one.phase === 'holding' && this.#isLive(one)) holders += 1;
    if (holders > 1) return twoHolders;
    return value.owner === null && value.queue.length > 0 ? idle : undefined;
  }

  #isLive(process: Process): boolean {
    return isLive(process) || !this.#protocol.needsLease;
  }

  // ---- the network ------------------------------------------------------------------------------------------------

  /** Judges what this process has sent, whether or not it still lives. */
  #deliver(state: LockModelState, index: number, process: Process, steps: Steps): void {
    const name = sessionOf(index);
    const { lockWrite, sessionWrite } = process;
    if (lockWrite !== undefined) steps.push(this.#writeLock(state, index, process, lockWrite));
    const { version } = state.sessions[index] as Register<SessionState>;
    if (sessionWrite !== undefined && !sessionWrite.isApplied && sessionWrite.base === version) {
      const applied = put(state, index, { ...process, sessionWrite: { ...sessionWrite, isApplied: true } });
      steps.push({
        name: `${name}'s ${sessionWrite.kind} is applied`,
        next: writeSession(applied, index, sessionWrite.next),
      });
    }
    process.looks.forEach(({ expiryOn }, other) => {
      const { version, value } = state.sessions[other] as Register<SessionState>;
      if (expiryOn === undefined || (expiryOn !== anything && expiryOn !== version)) return;
      const next = this.#protocol.expired(value);
      const known = look(state, index, other, { expiryOn: undefined, isOver: this.#protocol.isOver(next) });
      steps.push({
        name: `${name}'s expiry of ${sessionOf(other)} is applied`,
        next: writeSession(known, other, next),
      });
    });
  }

  #toResource(state: LockModelState, at: number): Step<LockModelState> {
    const place = state.loose.indexOf(at);
    const loose = state.loose.filter((_, index) => index !== place);
    const name = `the resource meets token ${at}`;
    if (!this.#protocol.accepts(at, state.taken)) return { name, next: { ...state, loose } };
    const violation = at < state.taken ? resource : undefined;
    return { name, next: { ...state, loose, taken: Math.max(at, state.taken) }, violation };
  }

  /** Of all that were on their way only this one is applied; the others are made again when their senders go on. */
  #writeLock(
    state: LockModelState,
    index: number,
    process: Process,
    { kind, next: value }: LockWrite,
  ): Step<LockModelState> {
    const name = `${sessionOf(index)}'s ${kind} is applied`;
    const processes = state.processes.map((one) =>
      one.lockWrite === undefined ? one : { ...one, lockWrite: undefined },
    );
    const lock = { version: state.lock.version + 1, value };
    const after = settle({ ...state, lock, processes }, index, { ...process, lockWrite: undefined }, kind);
    const { owner, fence } = value;
    if (owner === null || owner.nonce === state.lock.value.owner?.nonce) return { name, next: after };
    const grants = { ...after.grants, [owner.nonce]: fence };
    const violation = fence > state.tokenMax ? undefined : token;
    return { name, next: { ...after, grants, tokenMax: Math.max(fence, state.tokenMax) }, violation };
  }

  // ---- a session --------------------------------------------------------------------------------------------------

  #live(state: LockModelState, index: number, process: Process, steps: Steps): void {
    const name = sessionOf(index);
    const { beatsMax, deathsMax, sleepsMax, closes } = this.#case;
    const { phase, beats, sessionWrite } = process;
    const { version, value } = state.sessions[index] as Register<SessionState>;
    if (state.deaths < deathsMax) {
      steps.push({
        name: `${name} dies`,
        next: put({ ...state, deaths: state.deaths + 1 }, index, ended(process, 'dead')),
      });
    }
    const isAtIt = phase === 'waiting' || phase === 'holding';
    if (isAtIt && isLive(process) && state.sleeps < sleepsMax) {
      const next = put({ ...state, sleeps: state.sleeps + 1 }, index, { ...process, believes: false });
      steps.push({ name: `${name} has slept too long`, next });
    }
    if (sessionWrite !== undefined) {
      const step = this.#answer(state, index, process, sessionWrite);
      if (step !== undefined) steps.push(step);
      return;
    }
    if (!isLive(process) || !isAtIt) return;
    const write = { base: version, isApplied: false };
    if (beats < beatsMax) {
      const beat = { ...write, kind: 'beat', next: this.#protocol.renewed(value) } as const;
      const next = put(state, index, { ...process, beats: beats + 1, sessionWrite: beat });
      steps.push({ name: `${name} sends a beat`, next });
    }
    if (closes) {
      const bye = { ...write, kind: 'good-bye', next: this.#protocol.closed(value) } as const;
      const next = put(state, index, { ...process, believes: !this.#protocol.endsBeforeClosing, sessionWrite: bye });
      steps.push({ name: `${name} closes`, next });
    }
  }

  /** It learns what became of a write of its session, or makes it again. */
  #answer(
    state: LockModelState,
    index: number,
    process: Process,
    write: SessionWrite,
  ): Step<LockModelState> | undefined {
    const name = sessionOf(index);
    const { version, value } = state.sessions[index] as Register<SessionState>;
    const free = { ...process, sessionWrite: undefined };
    if (write.isApplied) {
      const answers = process.answers + (this.#protocol.holderCounts === 'from the answer' ? 1 : 0);
      const provenAt = this.#protocol.holderCounts === 'from the answer' ? answers : process.beats;
      const isRenewed = write.kind === 'beat' && write.next.state === 'live';
      // What has ended stays so; a lease that has passed, and that nobody noticed, does not.
      const believes = isRenewed && process.believes;
      return {
        name: `${name} learns of its ${write.kind}`,
        next: put(state, index, { ...free, answers, provenAt, believes }),
      };
    }
    if (write.base === version) return undefined;
    const next = write.kind === 'beat' ? this.#protocol.renewed(value) : this.#protocol.closed(value);
    const again = { ...process, sessionWrite: { ...write, base: version, next } };
    // What would change nothing is an answer by itself: it is over.
    const after = next === value ? { ...free, believes: false } : again;
    return { name: `${name} makes its ${write.kind} again`, next: put(state, index, after) };
  }

  // ---- the lock ---------------------------------------------------------------------------------------------------

  #act(state: LockModelState, index: number, process: Process, steps: Steps): void {
    const name = sessionOf(index);
    const { value } = state.lock;
    const { withdraw, request, tidies } = this.#protocol;
    const nonce = nonceOf(index, process.calls);
    if (process.orphan !== undefined && tidies) {
      this.#send(state, index, process, 'tidying', withdraw(value, process.orphan, 0), steps);
      return;
    }
    switch (process.phase) {
      case 'idle': {
        const isDone = process.round >= (this.#case.rounds[index] as number) || !isLive(process);
        if (isDone) steps.push({ name: `${name} is done`, next: put(state, index, ended(process, 'over')) });
        else this.#send(state, index, process, 'request', request(value, claimOf(index, nonce), queueMax, 0), steps);
        return;
      }
      case 'waiting':
        this.#wait(state, index, process, nonce, steps);
        return;
      case 'holding': {
        if (this.#case.writes && !process.hasWritten && this.#isLive(process)) {
          const loose = [...state.loose, process.token].sort((a, b) => a - b);
          const next = put({ ...state, loose }, index, { ...process, hasWritten: true });
          steps.push({ name: `${name} writes under ${process.token}`, next });
        }
        steps.push({ name: `${name} releases`, next: put(state, index, { ...process, phase: 'leaving', token: 0 }) });
        return;
      }
      default:
        this.#send(state, index, process, 'release', withdraw(value, nonce, 0), steps);
    }
  }

  #wait(state: LockModelState, index: number, process: Process, nonce: string, steps: Steps): void {
    const name = sessionOf(index);
    const { value } = state.lock;
    const granted = state.grants[nonce];
    if (granted !== undefined) {
      const { [nonce]: _, ...grants } = state.grants;
      const looks = process.looks.map(() => unseen);
      const after = put({ ...state, grants }, index, {
        ...process,
        phase: 'holding',
        token: granted,
        hasWritten: false,
        looks,
      });
      steps.push({ name: `${name} sees its grant ${granted}`, next: after });
    }
    process.looks.forEach(({ isOver }, other) => {
      if (!isOver) return;
      const next = this.#protocol.evict(value, (session) => session === sessionOf(other), 0);
      if (next !== value) this.#send(state, index, process, 'eviction', next, steps);
    });
    // Whose lease has ended waits no longer.
    if (!isLive(process)) {
      steps.push({ name: `${name} leaves`, next: put(state, index, { ...leaving(process), believes: false }) });
    }
    if (state.givesUp < this.#case.givesUpMax) {
      const next = put({ ...state, givesUp: state.givesUp + 1 }, index, {
        ...leaving(process),
        phase: 'idle',
        calls: process.calls + 1,
        orphan: nonce,
      });
      steps.push({ name: `${name} gives up`, next });
    }
  }

  #send(
    state: LockModelState,
    index: number,
    process: Process,
    kind: LockWrite['kind'],
    next: LockState,
    steps: Steps,
  ): void {
    const { version, value } = state.lock;
    const name = `${sessionOf(index)} sends its ${kind}`;
    // What changes nothing is confirmed by a read, and done.
    if (next === value) steps.push({ name, next: settle(state, index, process, kind) });
    else steps.push({ name, next: put(state, index, { ...process, lockWrite: { kind, base: version, next } }) });
  }

  // ---- observers --------------------------------------------------------------------------------------------------

  #observe(state: LockModelState, index: number, process: Process, steps: Steps): void {
    const { holderCounts, observerCounts, rivalsOf, isOver } = this.#protocol;
    const name = sessionOf(index);
    const rivals = new Set(rivalsOf(state.lock.value, nonceOf(index, process.calls)));
    process.looks.forEach((known, other) => {
      const id = sessionOf(other);
      if (other === index || known.isOver || !rivals.has(id)) return;
      const { version, value } = state.sessions[other] as Register<SessionState>;
      const rival = state.processes[other] as Process;
      const { begun, seen, isSilent, expiryOn } = known;
      const learn = (text: string, change: Partial<Look>): void => {
        steps.push({ name: `${name} ${text} ${id}`, next: look(state, index, other, change) });
      };
      if (expiryOn !== undefined && expiryOn !== anything && expiryOn !== version) {
        learn('is too late for', unseen);
        return;
      }
      const events = holderCounts === 'from the send' ? rival.beats : rival.answers;
      if (observerCounts === 'from the request' && begun === undefined && seen?.version !== version) {
        learn('asks for', { begun: events });
      } else if (seen?.version !== version) {
        const saw = { version, events: begun ?? events };
        learn('sees', { ...unseen, seen: saw, isOver: isOver(value) });
      }
      if (seen === undefined || expiryOn !== undefined) return;
      if (!isSilent) {
        const passed = Math.max(rival.passed, seen.events);
        const aged = put(state, other, { ...rival, passed });
        const next = look(aged, index, other, { isSilent: true });
        steps.push({ name: `a lease passes for ${name} since it saw ${id}`, next });
      } else if (!this.#protocol.marksFirst) learn('takes for over', { isOver: true });
      else learn('sends the expiry of', { expiryOn: this.#protocol.expiresWhatWasSeen ? seen.version : anything });
    });
  }
}

/** Whether its lease is live by its own clocks. */
function isLive({ believes, provenAt, passed }: Process): boolean {
  return believes && provenAt > passed;
}

/** What a write of the lock has done for its sender, once it was applied. */
function settle(state: LockModelState, index: number, process: Process, kind: LockWrite['kind']): LockModelState {
  const { phase, calls, round } = process;
  if (phase === 'dead' || phase === 'over') return put(state, index, process);
  if (kind === 'request') return put(state, index, { ...process, phase: 'waiting' });
  if (kind === 'tidying') return put(state, index, { ...process, orphan: undefined });
  if (kind === 'eviction') return put(state, index, process);
  // Nobody sees its grant any more.
  const { [nonceOf(index, calls)]: _, ...grants } = state.grants;
  return put({ ...state, grants }, index, { ...process, phase: 'idle', calls: calls + 1, round: round + 1 });
}

/** What is left of a process that does nothing any more: what it has sent. */
function ended(process: Process, phase: 'dead' | 'over'): Process {
  const { lockWrite, sessionWrite, beats, provenAt, passed, answers } = process;
  const looks = process.looks.map(({ expiryOn }) => (expiryOn === undefined ? unseen : { ...unseen, expiryOn }));
  const nothing = { round: 0, calls: 0, orphan: undefined, token: 0, hasWritten: false, believes: false };
  return { ...nothing, phase, lockWrite, sessionWrite, beats, provenAt, passed, answers, looks };
}

function leaving(process: Process): Process {
  return { ...process, phase: 'leaving', looks: process.looks.map(() => unseen) };
}

function claimOf(index: number, nonce: string): Claim {
  return { nonce, session: sessionOf(index), host: '', pid: 0 };
}

function put(state: LockModelState, index: number, process: Process): LockModelState {
  return { ...state, processes: state.processes.with(index, process) };
}

function look(state: LockModelState, index: number, other: number, change: Partial<Look>): LockModelState {
  const process = state.processes[index] as Process;
  const looks = process.looks.with(other, { ...(process.looks[other] as Look), ...change });
  return put(state, index, { ...process, looks });
}

function writeSession(state: LockModelState, index: number, value: SessionState): LockModelState {
  const { version } = state.sessions[index] as Register<SessionState>;
  return { ...state, sessions: state.sessions.with(index, { version: version + 1, value }) };
}

function lockText({ fence, owner, queue }: LockState): string {
  return `${fence}${owner?.nonce ?? '-'}${queue.map(({ nonce }) => nonce).join('')}`;
}

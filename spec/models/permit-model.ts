/**
 * Calls that take permits of one item and give them back, in every order, with processes that die at every step.
 *
 *   idle --ask--> sent --lands--> holds --give--> leaving --lands--> done
 *                   \--> waits ---^  \--> gives up ----------------^
 *
 * What stands in the item is changed by the library's own steps: by those that the store makes alone, judged when they land, and by
 * swaps. What a process knows beforehand is left open, so each request goes either way. A request is made once, or, when its process
 * died meanwhile, not at all, and however late: that is what the atom promises.
 *
 * Time is left out but for its order: a session is over only when its process has stopped relying on it, which is what leases promise.
 */
import { readChanges } from '../../lib/atom/commute/commute.js';
import { applyChanges } from '../../lib/atom/commute/commute-apply.js';
import { readConditions, satisfies } from '../../lib/atom/commute/commute-condition.js';
import { blindRequest, blindWithdraw } from '../../lib/recipes/permits/permit-blind.js';
import * as shipped from '../../lib/recipes/permits/permit-state.js';
import { noPermits, type PermitClaim, type PermitState } from '../../lib/recipes/permits/permit-state.js';
import type { Model, Step } from './search.js';

export const permitViolations = {
  overfull: 'more permits are held than there are',
  mixed: 'somebody writes beside another holder',
  miscounted: 'the numbers do not say what is held and who waits',
  idle: 'somebody waits for what is free',
  overtaken: 'a call was served before one that had a ticket',
  unfounded: 'somebody relies on permits that the item does not say it has',
  oldToken: 'permits that came back were granted under a token that is not larger',
  stuck: 'a call is never served',
} as const;

/** What a process does, as a parameter: the library's own functions unless a spec plants a bug. */
export interface PermitProtocol {
  readonly request: typeof shipped.request;
  readonly withdraw: typeof shipped.withdraw;
  readonly evict: typeof shipped.evict;
  readonly rivalsOf: typeof shipped.rivalsOf;
  readonly blindRequest: typeof blindRequest;
  readonly blindWithdraw: typeof blindWithdraw;
  /** Whether what a session holds is taken from it while it may still rely on that. */
  readonly evictsLive: boolean;
}

export const shippedPermits: PermitProtocol = {
  request: shipped.request,
  withdraw: shipped.withdraw,
  evict: shipped.evict,
  rivalsOf: shipped.rivalsOf,
  blindRequest,
  blindWithdraw,
  evictsLive: false,
};

export interface PermitCase {
  readonly kind: PermitState['kind'];
  /** What each call asks for; `max` when it counts on another capacity than the item has. */
  readonly calls: readonly { readonly n: number; readonly max?: number }[];
  readonly max: number;
  readonly queueMax: number;
  /** How many processes may die or lose their lease. */
  readonly losses: number;
  /** Whether calls give up. */
  readonly givesUp?: boolean;
  readonly protocol?: PermitProtocol;
}

type Phase = 'idle' | 'sent' | 'waits' | 'holds' | 'leaving' | 'orphan' | 'done';

interface Process {
  readonly phase: Phase;
  /** A step that the store is to make. */
  readonly flying: 'ask' | 'give' | undefined;
  /** Whether it goes on, relies on nothing any longer, or is known to be over. */
  readonly session: 'live' | 'lost' | 'over';
  /** The least token that its grant may have. */
  readonly least: number;
}

interface State {
  readonly item: PermitState;
  readonly processes: readonly Process[];
  /** Largest token that anybody can have whose permits came back; of writers alone for those who read. */
  readonly ended: number;
  readonly endedWriter: number;
  readonly losses: number;
}

const names = ['a', 'b', 'c', 'd'];

export class PermitModel implements Model<State> {
  readonly first: State;
  readonly #case: PermitCase;
  readonly #protocol: PermitProtocol;
  readonly #claims: readonly PermitClaim[];

  constructor(permitCase: PermitCase) {
    this.#case = permitCase;
    this.#protocol = permitCase.protocol ?? shippedPermits;
    const { kind, max, calls } = permitCase;
    this.#claims = calls.map((call, index) => {
      const nonce = names[index] as string;
      return { nonce, session: `s-${nonce}`, host: 'h', pid: 1, max, ...call };
    });
    this.first = {
      item: noPermits(kind, max),
      processes: calls.map(() => ({ phase: 'idle', flying: undefined, session: 'live', least: 0 })),
      ended: -1,
      endedWriter: -1,
      losses: permitCase.losses,
    };
  }

  key(state: State): string {
    return JSON.stringify(state);
  }

  steps(state: State): Step<State>[] {
    const steps = state.processes.flatMap((process, index) => this.#stepsOf(state, process, index));
    if (steps.length > 0) return steps;
    const isStuck = state.processes.some(({ phase, session }) => session === 'live' && phase !== 'done');
    return isStuck ? [{ name: 'end', next: state, violation: permitViolations.stuck }] : [];
  }

  #stepsOf(state: State, process: Process, index: number): Step<State>[] {
    const { phase, flying, session } = process;
    const steps: Step<State>[] = [];
    const claim = this.#claims[index] as PermitClaim;
    const name = claim.nonce;
    const to = (what: string, change: Partial<Process>, item = state.item) =>
      steps.push(this.#step(state, `${name} ${what}`, index, change, item));

    if (flying !== undefined) {
      this.#land(state, claim, flying, to);
      // Nothing is left of a request whose process died before it was sent; nor of one that was ruled out.
      if (session !== 'live' || phase === 'orphan') to(`${flying} vanishes`, { flying: undefined });
    }
    if (session === 'lost') to('is over', { session: 'over' });
    if (session !== 'live') return steps;
    if (state.losses > 0 && phase !== 'done') {
      steps.push(
        this.#step({ ...state, losses: state.losses - 1 }, `${name} dies`, index, { session: 'lost' }, state.item),
      );
    }
    this.#act(state, process, claim, to);
    return steps;
  }

  /** What comes of a step that the store makes. */
  #land(
    { item, processes }: State,
    { nonce, ...claim }: PermitClaim,
    flying: 'ask' | 'give',
    to: (what: string, change: Partial<Process>, item?: PermitState) => void,
  ): void {
    const { kind } = this.#case;
    const { phase } = processes[names.indexOf(nonce)] as Process;
    const known = { ...item, waiting: 0, holders: { [nonce]: claim } };
    const step =
      flying === 'ask'
        ? this.#protocol.blindRequest(kind, undefined, { nonce, ...claim })
        : this.#protocol.blindWithdraw(kind, known, nonce);
    if (step === undefined) throw new Error(`Cannot leave ${flying} to the store`);
    const changes = readChanges('k', step.changes);
    const when = readConditions('k', step.when);
    if (satisfies(item, when)) {
      const next = applyChanges('k', item, changes) as PermitState;
      const done = flying === 'ask' ? 'holds' : 'done';
      to(`${flying} lands`, { flying: undefined, phase: phase === 'orphan' ? phase : done }, next);
    } else to(`${flying} fails`, { flying: undefined });
  }

  /** What a process that goes on does next. */
  #act(
    { item, processes }: State,
    { phase, flying }: Process,
    claim: PermitClaim,
    to: (what: string, change: Partial<Process>, item?: PermitState) => void,
  ): void {
    const { nonce } = claim;
    if (phase === 'idle') to('asks the store', { phase: 'sent', flying: 'ask' });
    if (phase === 'idle' || (phase === 'sent' && flying === undefined)) this.#swap(item, claim, to);
    if (phase === 'sent' && this.#case.givesUp === true) to('gives up in flight', { phase: 'orphan' });
    if (phase === 'orphan' && flying === undefined) {
      to('tidies up', { phase: 'done' }, this.#protocol.withdraw(item, nonce));
    }
    if (phase === 'waits') {
      const standing = shipped.standingOf(item, nonce);
      if (standing === 'owner') to('sees its grant', { phase: 'holds' });
      else if (standing === 'none' && this.#request(item, claim) !== item) this.#swap(item, claim, to);
      for (const rival of new Set(this.#protocol.rivalsOf(item, nonce))) {
        const { session } = processes[this.#claims.findIndex((one) => one.session === rival)] as Process;
        if (rival === claim.session || !(session === 'over' || this.#protocol.evictsLive)) continue;
        const next = this.#protocol.evict(item, (one) => one === rival);
        if (next !== item) to(`evicts ${rival}`, {}, next);
      }
      if (this.#case.givesUp === true) to('gives up', { phase: 'done' }, this.#protocol.withdraw(item, nonce));
    }
    if (phase === 'holds') to('has the store take it back', { phase: 'leaving', flying: 'give' });
    if (phase === 'holds' || (phase === 'leaving' && flying === undefined)) {
      to('gives back', { phase: 'done' }, this.#protocol.withdraw(item, nonce));
    }
  }

  #request(item: PermitState, claim: PermitClaim): PermitState | undefined {
    try {
      return this.#protocol.request(item, claim, this.#case.queueMax, 'k');
    } catch {
      return undefined;
    }
  }

  #swap(
    item: PermitState,
    claim: PermitClaim,
    to: (what: string, change: Partial<Process>, item?: PermitState) => void,
  ): void {
    const next = this.#request(item, claim);
    if (next === undefined) to('is refused', { phase: 'done' });
    else to('asks', { phase: shipped.standingOf(next, claim.nonce) === 'owner' ? 'holds' : 'waits' }, next);
  }

  #step(state: State, name: string, index: number, change: Partial<Process>, item: PermitState): Step<State> {
    const ended = this.#ended(state, item);
    const processes = state.processes.map((one, at) => {
      const process = at === index ? { ...one, ...change } : one;
      const nonce = names[at] as string;
      const isNew = Object.hasOwn(item.holders, nonce) && !Object.hasOwn(state.item.holders, nonce);
      const { n } = this.#claims[at] as PermitClaim;
      const before = this.#case.kind === 'rw-lock' && n === 1 ? ended.endedWriter : ended.ended;
      return isNew ? { ...process, least: before + 1 } : process;
    });
    const next = { ...state, ...ended, item, processes };
    return { name, next, violation: this.#violation(state, next) };
  }

  /** Tokens of those whose permits came back in this step are at most the fence before it. */
  #ended({ item: before, ended, endedWriter }: State, item: PermitState): Pick<State, 'ended' | 'endedWriter'> {
    const gone = Object.entries(before.holders).filter(([nonce]) => !Object.hasOwn(item.holders, nonce));
    if (gone.length === 0) return { ended, endedWriter };
    const hasWriter = gone.some(([, { n }]) => n > 1);
    return { ended: before.fence, endedWriter: hasWriter ? before.fence : endedWriter };
  }

  #violation({ item: before }: State, { item, processes }: State): string | undefined {
    const holders = Object.values(item.holders);
    const held = holders.reduce((sum, { n }) => sum + n, 0);
    if (item.used !== held || item.count !== holders.length) return permitViolations.miscounted;
    if (item.waiting !== item.queue.length) return permitViolations.miscounted;
    if (this.#case.kind === 'rw-lock' && holders.length > 1 && holders.some(({ n }) => n > 1)) {
      return permitViolations.mixed;
    }
    if (held > item.max) return permitViolations.overfull;
    const [first] = item.queue;
    if (first !== undefined && held + first.n <= item.max) return permitViolations.idle;
    const places = before.queue.map(({ nonce }) => nonce);
    for (const nonce of Object.keys(item.holders)) {
      if (Object.hasOwn(before.holders, nonce)) continue;
      const place = places.indexOf(nonce);
      const ahead = place < 0 ? places : places.slice(0, place);
      if (ahead.some((one) => item.queue.some((ticket) => ticket.nonce === one))) return permitViolations.overtaken;
    }
    for (const [at, { phase, session, least }] of processes.entries()) {
      const isOwner = Object.hasOwn(item.holders, names[at] as string);
      if (phase === 'holds' && session === 'live' && !isOwner) return permitViolations.unfounded;
      if (isOwner && item.fence < least) return permitViolations.oldToken;
    }
    return undefined;
  }
}

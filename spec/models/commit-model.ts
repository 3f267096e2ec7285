/**
 * The commit protocol of atoms as a model: several clients, one item, and a network that does its worst.
 *
 *   client:  idle -start-> waiting -answer-> done, or idle again after a lost race
 *                             |  ^
 *                     time-out|  |resend the same bytes, or cancel: the base value again, under a new number
 *                             v  |
 *                           unsure -probe by a strong read-> done | idle | unsure
 *                             |-give up-> "unknown", goes on as a new writer
 *
 *   network: the answer to the copy that a client waits for arrives or does not; all bytes that were answered or timed
 *            out stay loose: they may be judged at any later time, any number of times, or never.
 *
 * That one set of loose bytes is loss, delay, duplication and reordering in one. An answer that takes its time is not a
 * step of its own: what a client does with it is to send, and what was sent may be judged at any later time anyway.
 * For the same reason each try begins with a fresh look at the item: a remembered base is a look taken early.
 *
 * What must hold is in `ledger.ts`.
 */
import type { Verdict } from '../../lib/atom/evidence.js';
import { type Outcome, Pool, type Stored, type Write } from './item-pool.js';
import { type Ledger, openLedger, recordCommit, recordOutcome } from './ledger.js';
import { type Protocol, shipped } from './protocol.js';
import type { Model, Step } from './search.js';

/** What there is to explore. */
export interface CommitCase {
  /**
   * One string per client, one letter per operation: `s` swap, whatever stands there; `u` update, only of a value; `c`
   * create, only where there is none; `d` delete.
   */
  readonly clients: readonly string[];
  /** Whether the item exists at first. */
  readonly exists: boolean;
  /** Writers per generation of evidence. */
  readonly generation: number;
  /** Copies of one write that a client sends. */
  readonly sendsMax: number;
  /** Times that an operation is tried before its caller is told that it lost. */
  readonly triesMax: number;
  /** Whether clients cancel writes of unclear outcome. */
  readonly cancels?: boolean;
  /** Whether tombstones are removed, once, when nothing signed before can be accepted any more. */
  readonly reaps?: boolean;
  /** Whether something between client and store duplicates requests and may hand back the answer to the later copy. */
  readonly echoes?: boolean;
  readonly protocol?: Protocol;
}

interface Client {
  readonly operation: number;
  readonly tries: number;
  readonly life: number;
  readonly phase: 'idle' | 'waiting' | 'unsure';
  readonly write: Write | undefined;
  readonly sends: number;
  /** The write that `write` is to make impossible. */
  readonly victim: Write | undefined;
}

export interface CommitState {
  readonly item: Stored | undefined;
  /** Ids of writes, ascending. */
  readonly loose: readonly number[];
  readonly clients: readonly Client[];
  /** Last number given out, per counter. */
  readonly seqs: readonly number[];
  readonly reaped: boolean;
  readonly ledger: Ledger;
}

const fresh = { phase: 'idle', write: undefined, sends: 0, victim: undefined } as const;

export class CommitModel implements Model<CommitState> {
  readonly first: CommitState;
  /** All that the evidence has ever said. */
  readonly verdicts: Set<Verdict> = new Set();
  readonly #case: CommitCase;
  readonly #protocol: Protocol;
  readonly #pool: Pool;

  constructor(commitCase: CommitCase) {
    const { clients, exists, protocol = shipped } = commitCase;
    this.#case = commitCase;
    this.#protocol = protocol;
    this.#pool = new Pool(protocol, commitCase.generation);
    const item = exists ? this.#pool.genesis() : undefined;
    this.first = {
      item,
      loose: [],
      clients: clients.map(() => ({ ...fresh, operation: 0, tries: 0, life: 0 })),
      seqs: clients.map(() => 0),
      reaped: false,
      ledger: openLedger(item),
    };
  }

  key({ item, loose, clients, seqs, reaped, ledger }: CommitState): string {
    let key = `${item?.id ?? ''}|${loose.join()}|${seqs.join()}|${reaped ? 1 : 0}|${ledger.key}`;
    for (const { operation, tries, life, phase, write, sends, victim } of clients) {
      key += `|${operation}.${tries}.${life}${phase[0]}${write?.id ?? ''}.${sends}.${victim?.id ?? ''}`;
    }
    return key;
  }

  steps(state: CommitState): Step<CommitState>[] {
    const steps: Step<CommitState>[] = [];
    state.clients.forEach((client, lane) => {
      if (client.phase === 'idle') this.#start(state, lane, client, steps);
      else if (client.phase === 'waiting') this.#wait(state, lane, client, client.write as Write, steps);
      else this.#doubt(state, lane, client, client.write as Write, steps);
    });
    for (const id of state.loose) {
      const write = this.#pool.write(id);
      if (!this.#holds(state, write)) continue;
      const { next, violation } = this.#commit(state, write);
      steps.push({ name: `a loose copy of ${write.name} is accepted`, next, violation });
    }
    if (this.#case.reaps && !state.reaped && state.item?.live === false) steps.push(this.#reap(state));
    return steps;
  }

  /** Looks at the item, computes the next value on it and sends the first copy. */
  #start(state: CommitState, lane: number, client: Client, steps: Step<CommitState>[]): void {
    const kind = this.#case.clients[lane]?.[client.operation];
    if (kind === undefined) return;
    const { item } = state;
    const name = `${this.#protocol.writer(lane, client.life)} `;
    const live = item?.live === true;
    if ((kind === 'c' && live) || ((kind === 'u' || kind === 'd') && !live)) {
      steps.push({ name: `${name}finds nothing to do`, next: put(state, lane, nextOperation(client)) });
      return;
    }
    const [seqs, seq] = this.#number(state, lane);
    const writer = this.#protocol.writer(lane, client.life);
    const operations = [`${lane}${client.operation}`];
    const write = this.#pool.make({ writer, seq, operations, base: item, live: kind !== 'd' });
    const loose = this.#case.echoes === true ? withId(state.loose, write.id) : state.loose;
    const next = put({ ...state, seqs, loose }, lane, { ...client, phase: 'waiting', write, sends: 1 });
    steps.push({ name: `${name}sends ${write.name} on ${item?.lineage.token ?? 'nothing'}`, next });
  }

  /** The copy that the client waits for is judged and answered, or refused unjudged, or nothing is heard of it. */
  #wait(state: CommitState, lane: number, client: Client, write: Write, steps: Step<CommitState>[]): void {
    const { name } = write;
    const after = { ...state, loose: withId(state.loose, write.id) };
    if (this.#holds(state, write)) {
      const { next, violation } = this.#commit(after, write);
      const told: Step<CommitState>[] = [];
      this.#learn(next, lane, client, 'applied', `${name} is accepted and answered`, told);
      steps.push(...told.map((step) => (violation === undefined ? step : { ...step, violation })));
    } else if (this.#protocol.believesConflict(client.sends)) {
      this.#learn(after, lane, client, 'not-applied', `${name} fails, believed`, steps);
    } else {
      const verdict = this.#decide(state, write);
      this.#learn(after, lane, client, verdict, `${name} fails, evidence: ${verdict}`, steps);
    }
    steps.push({ name: `${name} is not answered`, next: put(after, lane, { ...client, phase: 'unsure' }) });
    if (!this.#protocol.believesRefusal(client.sends)) return;
    const outcome = client.victim === undefined ? 'not-done' : 'unknown';
    steps.push(this.#finish(state, lane, client, outcome, `${name} is refused unjudged`));
  }

  /** Nothing was heard: send again, look, cancel, or give up. */
  #doubt(state: CommitState, lane: number, client: Client, write: Write, steps: Step<CommitState>[]): void {
    const { sendsMax, cancels, clients } = this.#case;
    if (client.sends < sendsMax) {
      const joins = this.#protocol.rebatches && (clients[lane]?.length ?? 0) > client.operation + 1;
      const again = joins ? this.#pool.join(write, `${lane}${client.operation + 1}`) : write;
      const next = put(state, lane, { ...client, phase: 'waiting', write: again, sends: client.sends + 1 });
      steps.push({ name: `${write.name} is sent again`, next });
    }
    const verdict = this.#decide(state, write);
    if (verdict !== 'pending') this.#learn(state, lane, client, verdict, `${write.name} read: ${verdict}`, steps);
    if (cancels && client.victim === undefined) {
      const [seqs, seq] = this.#number(state, lane);
      const { base, attempt } = write;
      const dummy = this.#pool.make({ writer: attempt.writer, seq, operations: [], base, live: base?.live ?? false });
      const next = put({ ...state, seqs }, lane, {
        ...client,
        phase: 'waiting',
        write: dummy,
        sends: 1,
        victim: write,
      });
      steps.push({ name: `${write.name} is cancelled by ${dummy.name}`, next });
    }
    const next = { ...client, life: client.life + 1 };
    steps.push(this.#finish(state, lane, next, 'unknown', `${write.name} is given up`));
  }

  /** Draws the conclusion from a verdict on the client's write. */
  #learn(
    state: CommitState,
    lane: number,
    client: Client,
    verdict: Verdict,
    name: string,
    steps: Step<CommitState>[],
  ): void {
    let told = verdict;
    if (client.victim !== undefined && verdict !== 'pending') {
      // The fate of a cancel decides that of its victim: it took the victim's place, or something else did.
      if (verdict === 'applied') told = 'not-applied';
      else if (verdict === 'not-applied') told = this.#decide(state, client.victim);
    }
    if (told === 'applied') steps.push(this.#finish(state, lane, client, 'done', name));
    else if (told === 'not-applied') {
      steps.push(this.#finish(state, lane, client, 'not-done', `${name}; told so`));
      if (client.tries + 1 >= this.#case.triesMax) return;
      const next = put(state, lane, { ...client, ...fresh, tries: client.tries + 1 });
      steps.push({ name: `${name}; tries again`, next });
    } else if (told === 'pending') steps.push({ name, next: put(state, lane, { ...client, phase: 'unsure' }) });
    else steps.push(this.#finish(state, lane, client, 'unknown', name));
  }

  /** Tells the caller. */
  #finish(state: CommitState, lane: number, client: Client, outcome: Outcome, name: string): Step<CommitState> {
    const write = (client.victim ?? client.write) as Write;
    const { ledger, violation } = recordOutcome(state.ledger, write, outcome);
    let after = client;
    for (let told = 0; told < write.operations.length; told += 1) after = nextOperation(after);
    return { name, next: put({ ...state, ledger }, lane, after), violation };
  }

  #commit(state: CommitState, write: Write): { next: CommitState; violation: string | undefined } {
    const { ledger, violation } = recordCommit(state.ledger, write, state.item);
    return { next: { ...state, item: write.next, ledger }, violation };
  }

  /** The tombstone's time is over, and with it that of all requests signed while it stood or before. */
  #reap(state: CommitState): Step<CommitState> {
    const name = 'the tombstone is removed, long after';
    let next: CommitState = { ...state, item: undefined, loose: [], reaped: true };
    let violation: string | undefined;
    state.clients.forEach((client, lane) => {
      if (client.phase === 'idle') return;
      if (this.#protocol.outlivesTombstones) next = put(next, lane, { ...client, phase: 'unsure' });
      else ({ next, violation = violation } = this.#finish(next, lane, client, 'unknown', name));
    });
    return { name, next, violation };
  }

  #holds({ item }: CommitState, write: Write): boolean {
    return this.#protocol.holds(item?.lineage, write.base?.lineage);
  }

  #decide({ item }: CommitState, write: Write): Verdict {
    const verdict = this.#protocol.decide(item?.lineage, write.attempt);
    this.verdicts.add(verdict);
    return verdict;
  }

  #number(state: CommitState, lane: number): [seqs: readonly number[], seq: number] {
    const counter = this.#protocol.counter(lane);
    const seq = (state.seqs[counter] as number) + 1;
    return [state.seqs.with(counter, seq), seq];
  }
}

function nextOperation(client: Client): Client {
  return { ...client, ...fresh, operation: client.operation + 1, tries: 0 };
}

function put(state: CommitState, lane: number, client: Client): CommitState {
  return { ...state, clients: state.clients.with(lane, client) };
}

function withId(ids: readonly number[], id: number): readonly number[] {
  return ids.includes(id) ? ids : [...ids, id].sort((a, b) => a - b);
}

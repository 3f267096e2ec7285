/**
 * Blind writes as a model: clients that commute and clients that swap, one item, and the network of `commit-model.ts`.
 *
 *   client:  idle -start-> waiting -answer-> done, or idle again
 *                          |  ^   \
 *                  time-out|  |    barred: its condition failed for the shape of the value alone; ruled out by a fence
 *                          v  |resend
 *                        unsure -probe-> …, or cancelled by a fence, or given up
 *
 * The item is the store's own: the shipped expressions are judged on it. Its value is a shape that swaps turn over, `0` and `1`;
 * a commute is on condition of the shape that it saw. Or it is the number of permits in use, which conditional commutes take and give
 * back. Blind writes rotate the generations whenever they like.
 */
import type { BlindAttempt, BlindParts } from '../../lib/atom/commute/blind-evidence.js';
import { type Attempt, type Lineage, originate, type Verdict } from '../../lib/atom/evidence.js';
import { formatItem, attributeNamesDefault as names, parseItem } from '../../lib/atom/item-format.js';
import type { Item } from '../../lib/codec/index.js';
import { conditionViolations, Permits } from './commute-permits.js';
import { type CommuteProtocol, judgeOf, shapeParts, shippedCommutes } from './commute-protocol.js';
import type { Write as LedgerWrite, Outcome } from './item-pool.js';
import { type Ledger, openLedger, recordCommit, recordOutcome } from './ledger.js';
import type { Model, Step } from './search.js';

export interface CommuteCase {
  /**
   * One string per client, one letter per operation: `b` commute, `s` swap, `g` swap that turns the shape over, `t` and `r` commutes
   * that take and give back a permit.
   */
  readonly clients: readonly string[];
  /** Writers per generation, as swaps count them. */
  readonly generation: number;
  readonly sendsMax: number;
  readonly triesMax: number;
  /** Whether commutes rotate the generations. */
  readonly rotates?: boolean;
  readonly cancels?: boolean;
  /** Whether the item is replaced, once, by another life of itself. */
  readonly replaces?: boolean;
  /**
   * Whether something on the way duplicates requests and may hand back the answer to the later copy. Nothing is refused unjudged
   * then.
   */
  readonly echoes?: boolean;
  /** Permits that there are, and those in use at first. */
  readonly permits?: number;
  readonly used?: number;
  /** Whether commutes that take a permit go together where they follow each other. */
  readonly combines?: boolean;
  readonly protocol?: CommuteProtocol;
}

/** An item, and what the library reads in it. */
interface Stored {
  readonly id: number;
  readonly item: Item;
  readonly lineage: Lineage;
  readonly live: boolean;
}

interface Write {
  readonly id: number;
  readonly name: string;
  readonly operations: readonly string[];
  readonly cas: Attempt | undefined;
  readonly blind: BlindAttempt | undefined;
  /** What it makes of an item; `undefined` when its condition fails. */
  readonly judge: (stored: Stored) => Stored | undefined;
}

interface Client {
  readonly operation: number;
  readonly tries: number;
  readonly life: number;
  readonly phase: 'idle' | 'waiting' | 'unsure';
  readonly write: Write | undefined;
  readonly sends: number;
  /** The write that `write` is to rule out. */
  readonly victim: Write | undefined;
}

export interface CommuteState {
  readonly item: Stored;
  readonly loose: readonly number[];
  readonly clients: readonly Client[];
  readonly seqs: readonly number[];
  readonly replaced: boolean;
  readonly ledger: Ledger;
}

const fresh = { phase: 'idle', write: undefined, sends: 0, victim: undefined } as const;
const key: Item = { id: { S: 'k' } };

export class CommuteModel implements Model<CommuteState> {
  readonly first: CommuteState;
  readonly verdicts: Set<Verdict | 'barred' | 'declined'> = new Set();
  readonly #case: CommuteCase;
  readonly #protocol: CommuteProtocol;
  readonly #permits: Permits;
  readonly #items = new Map<string, Stored>();
  readonly #writes: Write[] = [];
  readonly #byKey = new Map<string, Write>();

  constructor(commuteCase: CommuteCase) {
    this.#case = commuteCase;
    this.#protocol = commuteCase.protocol ?? shippedCommutes;
    const { clients, permits = 1, used = 0 } = commuteCase;
    this.#permits = new Permits(permits, this.#protocol);
    const item = this.#life('_', String(used));
    this.first = {
      item,
      loose: [],
      clients: clients.map(() => ({ ...fresh, operation: 0, tries: 0, life: 0 })),
      seqs: clients.map(() => 0),
      replaced: false,
      ledger: openLedger(item),
    };
  }

  key({ item, loose, clients, seqs, replaced, ledger }: CommuteState): string {
    let text = `${item.id}|${loose.join()}|${seqs.join()}|${replaced ? 1 : 0}|${ledger.key}`;
    for (const { operation, tries, life, phase, write, sends, victim } of clients) {
      text += `|${operation}.${tries}.${life}${phase[0]}${write?.id ?? ''}.${sends}.${victim?.id ?? ''}`;
    }
    return text;
  }

  steps(state: CommuteState): Step<CommuteState>[] {
    const steps: Step<CommuteState>[] = [];
    state.clients.forEach((client, lane) => {
      if (client.phase === 'idle') this.#start(state, lane, client, steps);
      else if (client.phase === 'waiting') this.#wait(state, lane, client, client.write as Write, steps);
      else this.#doubt(state, lane, client, client.write as Write, steps);
    });
    for (const id of state.loose) {
      const write = this.#writes[id] as Write;
      const step = this.#commit(state, write);
      if (step !== undefined) steps.push({ ...step, name: `a loose copy of ${write.name} is accepted` });
    }
    if (this.#case.replaces && !state.replaced) {
      steps.push({
        name: 'the item is replaced',
        next: { ...state, item: this.#life('another', '0'), replaced: true },
      });
    }
    return steps;
  }

  #start(state: CommuteState, lane: number, client: Client, steps: Step<CommuteState>[]): void {
    const kind = this.#case.clients[lane]?.[client.operation];
    if (kind === undefined) return;
    const [seqs, seq] = number(state, lane);
    const parts = { writer: writerOf(lane, client), seq, operations: [`${lane}${client.operation}`] };
    const send = (write: Write) => {
      const loose = this.#case.echoes === true ? withId(state.loose, write.id) : state.loose;
      const next = put({ ...state, seqs, loose }, lane, { ...client, phase: 'waiting', write, sends: 1 });
      steps.push({ name: `${write.name} is sent on ${state.item.lineage.token}`, next });
    };
    if (kind !== 'b' && !this.#permits.isConditional(kind)) {
      send(this.#swap(state.item, parts, kind === 'g'));
      return;
    }
    const { incarnation, version, rotatedAt } = state.item.lineage;
    const sendBlind = (operations: readonly string[], done: BlindParts) => {
      const blind = { ...parts, operations, incarnation, seenAt: version };
      send(this.#blind(blind, done));
      if (this.#case.rotates) send(this.#blind({ ...blind, rotates: rotatedAt }, done));
    };
    if (this.#permits.isConditional(kind)) this.#startConditional(state, lane, client, kind, sendBlind, steps);
    else sendBlind(parts.operations, shapeParts(shapeOf(state.item)));
  }

  #startConditional(
    state: CommuteState,
    lane: number,
    client: Client,
    kind: string,
    send: (operations: readonly string[], done: BlindParts) => void,
    steps: Step<CommuteState>[],
  ): void {
    const permits = this.#permits;
    const used = numberIn(state.item);
    if (this.#protocol.declinesOnCache && permits.after(numberIn(this.first.item), [kind]) === undefined) {
      this.#decline(state, lane, client, kind, 'declined on what was known', steps);
    }
    if (permits.after(used, [kind]) === undefined) {
      this.#decline(state, lane, client, kind, 'declined', steps);
      return;
    }
    const operation = `${lane}${client.operation}`;
    send([operation], permits.parts(used, [kind]));
    const next = this.#case.clients[lane]?.[client.operation + 1];
    if (this.#case.combines !== true || !permits.isConditional(next)) return;
    if (permits.after(used, [kind, next]) === undefined) return;
    send([operation, `${lane}${client.operation + 1}`], permits.parts(used, [kind, next]));
  }

  /** Tells a caller that the condition does not hold of what stands there. */
  #decline(state: CommuteState, lane: number, client: Client, kind: string, name: string, steps: Step<CommuteState>[]) {
    this.verdicts.add('declined');
    const operations = [`${lane}${client.operation}`];
    const write = this.#once(`declined/${operations}`, () => {
      return { name: `no ${operations}`, operations, cas: undefined, blind: undefined, judge: () => undefined };
    });
    const told = this.#finish(state, lane, { ...client, write }, 'not-done', `${operations} is ${name}`);
    const holds = this.#permits.after(numberIn(state.item), [kind]) !== undefined;
    steps.push({ ...told, violation: told.violation ?? (holds ? conditionViolations.wrongNo : undefined) });
  }

  #wait(state: CommuteState, lane: number, client: Client, write: Write, steps: Step<CommuteState>[]): void {
    const after = { ...state, loose: withId(state.loose, write.id) };
    const done = this.#commit(after, write);
    if (done !== undefined) {
      const told: Step<CommuteState>[] = [];
      this.#learn(done.next, lane, client, 'applied', `${write.name} is accepted and answered`, told);
      steps.push(...told.map((step) => ({ ...step, violation: step.violation ?? done.violation })));
    } else {
      const verdict = this.#decide(state, write);
      const believed = client.sends === 1 && verdict !== 'applied';
      const name = `${write.name} fails, ${verdict}`;
      const kind = this.#kindsOf(write)[0];
      const isNo = this.#permits.isConditional(kind) && this.#permits.after(numberIn(state.item), [kind]) === undefined;
      if (this.#protocol.believesRefusal && isNo && client.sends === 1 && verdict === 'pending') {
        this.#decline(after, lane, client, kind as string, `refused, and declined`, steps);
      }
      if (write.blind !== undefined && client.victim === undefined && verdict === 'pending') {
        this.#bar(after, lane, client, `${name}: barred`, steps);
      } else this.#learn(after, lane, client, believed ? 'not-applied' : verdict, name, steps);
    }
    steps.push({ name: `${write.name} is not answered`, next: put(after, lane, { ...client, phase: 'unsure' }) });
    if (client.sends !== 1 || this.#case.echoes === true) return;
    const name = `${write.name} is refused unjudged`;
    if (client.victim === undefined) steps.push(this.#finish(state, lane, client, 'not-done', name));
    else steps.push(this.#finish(state, lane, { ...client, life: client.life + 1 }, 'unknown', name));
  }

  /** The condition failed, and not for what was applied: the shape of the value was in the way, and may not be later. */
  #bar(state: CommuteState, lane: number, client: Client, name: string, steps: Step<CommuteState>[]) {
    this.verdicts.add('barred');
    if (this.#protocol.fencesBarred) steps.push(this.#fence(state, lane, client, name));
    else this.#learn(state, lane, client, 'not-applied', name, steps);
  }

  #fence(state: CommuteState, lane: number, client: Client, name: string): Step<CommuteState> {
    const write = client.write as Write;
    const { writer, incarnation, seenAt, seq: victim } = write.blind as BlindAttempt;
    const [seqs, seq] = number(state, lane);
    const fences = this.#protocol.fences(victim);
    const fence = this.#blind({ writer, incarnation, seenAt, seq, fences, operations: [] }, shapeParts(undefined));
    const fenced = { ...client, phase: 'waiting', write: fence, sends: 1, victim: write } as const;
    return { name: `${name}; fenced by ${fence.name}`, next: put({ ...state, seqs }, lane, fenced) };
  }

  #doubt(state: CommuteState, lane: number, client: Client, write: Write, steps: Step<CommuteState>[]): void {
    const { sendsMax, cancels, clients } = this.#case;
    if (client.sends < sendsMax) {
      const joins = this.#protocol.rebatches && (clients[lane]?.length ?? 0) > client.operation + 1;
      const again = joins ? this.#join(write, `${lane}${client.operation + 1}`) : write;
      const next = put(state, lane, { ...client, phase: 'waiting', write: again, sends: client.sends + 1 });
      steps.push({ name: `${write.name} is sent again`, next });
    }
    const verdict = this.#decide(state, write);
    if (verdict !== 'pending') this.#learn(state, lane, client, verdict, `${write.name} read: ${verdict}`, steps);
    if (cancels && write.blind !== undefined && client.victim === undefined) {
      steps.push(this.#fence(state, lane, client, `${write.name} is cancelled`));
    }
    const next = { ...client, life: client.life + 1 };
    steps.push(this.#finish(state, lane, next, 'unknown', `${write.name} is given up`));
  }

  /** Draws the conclusion from a verdict on the client's write. */
  #learn(
    state: CommuteState,
    lane: number,
    client: Client,
    verdict: Verdict,
    name: string,
    steps: Step<CommuteState>[],
  ) {
    let told = verdict;
    const { victim } = client;
    if (victim !== undefined && verdict !== 'pending') {
      // The fate of a fence decides that of its victim: it took the victim's place, or came too late.
      told = verdict === 'applied' ? 'not-applied' : this.#decide(state, victim);
    }
    if (told === 'applied') steps.push(this.#finish(state, lane, client, 'done', name));
    else if (told === 'not-applied') {
      steps.push(this.#finish(state, lane, client, 'not-done', `${name}; told so`));
      if (client.tries + 1 >= this.#case.triesMax) return;
      const next = put(state, lane, { ...client, ...fresh, tries: client.tries + 1 });
      steps.push({ name: `${name}; tries again`, next });
    } else if (told === 'pending' && victim === undefined) {
      steps.push({ name, next: put(state, lane, { ...client, phase: 'unsure' }) });
    } else steps.push(this.#finish(state, lane, { ...client, life: client.life + 1 }, 'unknown', name));
  }

  #finish(state: CommuteState, lane: number, client: Client, outcome: Outcome, name: string): Step<CommuteState> {
    const write = (client.victim ?? client.write) as Write;
    const { ledger, violation } = recordOutcome(state.ledger, asLedger(write, state.item, state.item), outcome);
    let { operation } = client;
    operation += write.operations.length;
    return { name, next: put({ ...state, ledger }, lane, { ...client, ...fresh, operation, tries: 0 }), violation };
  }

  /** The store takes a copy in, if its condition holds. */
  #commit(state: CommuteState, write: Write): Step<CommuteState> | undefined {
    const next = write.judge(state.item);
    if (next === undefined) return undefined;
    const { ledger, violation } = recordCommit(state.ledger, asLedger(write, state.item, next), state.item);
    const kinds = this.#kindsOf(write);
    const isConditional = kinds.some((kind) => this.#permits.isConditional(kind));
    const isBroken = isConditional && this.#permits.after(numberIn(state.item), kinds) !== numberIn(next);
    const broken = isBroken ? conditionViolations.broken : undefined;
    return { name: write.name, next: { ...state, item: next, ledger }, violation: violation ?? broken };
  }

  #kindsOf({ operations }: Write): readonly string[] {
    return operations.map(([lane, operation]) => this.#case.clients[Number(lane)]?.[Number(operation)] as string);
  }

  #decide({ item }: CommuteState, { cas, blind }: Write): Verdict {
    const verdict =
      blind === undefined
        ? this.#protocol.decide(item.lineage, cas as Attempt)
        : this.#protocol.decideBlind(item.lineage, blind);
    this.verdicts.add(verdict);
    return verdict;
  }

  // ---- items and writes, each distinct one once -------------------------------------------------------------------

  #life(incarnation: string, shape: string): Stored {
    return this.#keep(asItem(originate(incarnation, incarnation, 0), shape));
  }

  #swap(base: Stored, { writer, seq, operations }: Parts, turns: boolean): Write {
    return this.#once(`${base.id}/${writer}:${seq}/${operations}/${turns}`, () => {
      const lineage = this.#protocol.evolve(base.lineage, writer, seq, this.#case.generation);
      const shape = shapeOf(base);
      const next = this.#keep(asItem(lineage, turns ? String(1 - Number(shape)) : shape));
      const cas = { writer, seq, base: base.lineage, incarnation: lineage.incarnation };
      const judge = ({ lineage: { token } }: Stored) => (token === base.lineage.token ? next : undefined);
      return { name: `${writer}:${seq}`, operations, cas, blind: undefined, judge };
    });
  }

  #blind({ operations, ...blind }: BlindAttempt & Pick<Parts, 'operations'>, done: BlindParts): Write {
    return this.#once(JSON.stringify([blind, done, operations]), () => {
      const judged = judgeOf(this.#protocol, blind, done);
      const known = new Map<number, Stored | undefined>();
      const judge = (stored: Stored): Stored | undefined => {
        if (known.has(stored.id)) return known.get(stored.id);
        const item = judged(stored.item);
        const next = item === undefined ? undefined : this.#keep(item);
        known.set(stored.id, next);
        return next;
      };
      const name = `${blind.fences === undefined ? '~' : '!'}${blind.writer}:${blind.seq}`;
      return { name: blind.rotates === undefined ? name : `${name}r`, operations, cas: undefined, blind, judge };
    });
  }

  #join(write: Write, operation: string): Write {
    const operations = [...write.operations, operation];
    return this.#once(`${write.id}+${operation}`, () => ({ ...write, name: `${write.name}+`, operations }));
  }

  #once(text: string, make: () => Omit<Write, 'id'>): Write {
    const known = this.#byKey.get(text);
    if (known !== undefined) return known;
    const write: Write = { ...make(), id: this.#writes.length };
    this.#writes.push(write);
    this.#byKey.set(text, write);
    return write;
  }

  #keep(item: Item): Stored {
    const text = JSON.stringify(item, (_name, value: unknown) => sortedMap(value));
    const known = this.#items.get(text);
    if (known !== undefined) return known;
    const { lineage } = parseItem(item, ['id'], names, 'k');
    const stored = { id: this.#items.size, item, lineage, live: true };
    this.#items.set(text, stored);
    return stored;
  }
}

interface Parts {
  readonly writer: string;
  readonly seq: number;
  readonly operations: readonly string[];
}

function asItem(lineage: Lineage, shape: string): Item {
  const image = { lineage, encoded: { data: { N: shape } }, index: {}, foreign: {} };
  return formatItem(key, { ...image, writtenAt: undefined, aliveUntil: undefined, expiresAt: undefined }, names);
}

function shapeOf({ item }: Stored): string {
  return (item.d as { readonly N: string }).N;
}

function numberIn(stored: Stored): number {
  return Number(shapeOf(stored));
}

function asLedger({ id, operations }: Write, base: Stored, next: Stored): LedgerWrite {
  return { id, operations, base, next } as unknown as LedgerWrite;
}

function number({ seqs }: CommuteState, lane: number): [seqs: readonly number[], seq: number] {
  const seq = (seqs[lane] as number) + 1;
  return [seqs.with(lane, seq), seq];
}

function writerOf(lane: number, { life }: Client): string {
  return `${'ABCDEFGH'[lane]}${"'".repeat(life)}`;
}

function put(state: CommuteState, lane: number, client: Client): CommuteState {
  return { ...state, clients: state.clients.with(lane, client) };
}

function withId(ids: readonly number[], id: number): readonly number[] {
  return ids.includes(id) ? ids : [...ids, id].sort((a, b) => a - b);
}

function sortedMap(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}

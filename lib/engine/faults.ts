/**
 * An engine that disturbs another one: answers get lost, requests arrive twice or late, servers fail and throttle.
 *
 * ```
 *   caller ─► FaultyEngine ─► engine       the same port on both sides
 *               │ rules, drawn from a seed │ or each write held, to be delivered by hand
 * ```
 *
 * It keeps the port's promise whatever it does: `not-applied` only when exactly one copy was sent and that copy can never
 * take effect; everything else that is not a verdict is `unclear`. Run on a virtual clock and one seed, a run is the same
 * run each time. Stale reads are left to the engine behind.
 */
import type { Item } from '../codec/index.js';
import { type Clock, systemClock } from './clock.js';
import { aborted, conflict, copiesOf, failureOf, parted, refused } from './fault-answers.js';
import { type EngineFault, type EngineFaultRule, FaultPlan, isWrite, type OperationKind } from './fault-plan.js';
import { afterCopies, type HeldAnswer, type HeldLine, HeldMessage } from './held-message.js';
import { signatureLifetimeMs } from './limits.js';
import { Meter } from './meter.js';
import type * as port from './port.js';
import { seededRandom } from './random.js';

/** Options of {@link FaultyEngine}. */
export interface FaultyEngineOptions {
  /**
   * What goes wrong; the first rule that strikes wins. `engineFaultRules` has ready ones.
   * @defaultValue nothing
   */
  readonly rules?: readonly EngineFaultRule[];
  /**
   * Seed of all draws.
   * @defaultValue 0
   */
  readonly seed?: number;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

type Write = port.WriteAnswer | port.BatchWriteAnswer | port.TransactWriteAnswer;

/** The engine that disturbs another one. */
export class FaultyEngine implements port.Engine {
  readonly name: string;
  readonly #engine: port.Engine;
  readonly #clock: Clock;
  readonly #meter = new Meter();
  readonly #messages: HeldMessage[] = [];
  readonly #waiting = new Map<number, ((message: HeldMessage) => void)[]>();
  readonly #underway = new Set<Promise<unknown>>();
  readonly #late: (() => Promise<unknown>)[] = [];
  readonly #seed: number;
  #plan: FaultPlan;
  #holding: ReadonlySet<OperationKind> = new Set();

  constructor(engine: port.Engine, options: FaultyEngineOptions = {}) {
    const { rules = [], seed = 0, clock = systemClock } = options;
    this.name = `faulty ${engine.name}`;
    this.#engine = engine;
    this.#clock = clock;
    this.#seed = seed;
    this.#plan = new FaultPlan(rules, seededRandom(seed));
  }

  /** Requests, copies and failures as the caller met them; units as the engine behind charged them. */
  spent(): port.Spent {
    const inner = this.#engine.spent();
    const own = this.#meter.read();
    const { requests, attempts } = own;
    const throttled = own.throttled + inner.throttled;
    return { ...inner, requests, attempts, throttled, unclear: own.unclear + inner.unclear };
  }

  supportsTransactions(options?: port.SendOptions): Promise<boolean> {
    return this.#engine.supportsTransactions(options);
  }

  /** Replaces the rules from here on, for instance by none: the faults stop. */
  setRules(rules: readonly EngineFaultRule[]): void {
    this.#plan = new FaultPlan(rules, seededRandom(this.#seed));
  }

  /** From now on holds each write of these kinds as a message; reads and the other kinds go on as they do. */
  hold(kinds: readonly OperationKind[] = ['put', 'update', 'delete', 'batchWrite', 'transactWrite']): void {
    const read = kinds.find((kind) => !isWrite(kind));
    if (read !== undefined) throw new RangeError(`Cannot hold requests: only writes can be held: ${read}`);
    this.#holding = new Set(kinds);
  }

  /** Writes that come from now on are not held; those that are stay so. */
  release(): void {
    this.#holding = new Set();
  }

  /** The messages held so far, answered ones too, in the order of their sending. */
  get messages(): readonly HeldMessage[] {
    return this.#messages;
  }

  /** The message with this number, counted from 0; waits until it has been sent. */
  message(index: number): Promise<HeldMessage> {
    const message = this.#messages[index];
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve) => {
      this.#waiting.set(index, [...(this.#waiting.get(index) ?? []), resolve]);
    });
  }

  /** Has the engine judge the requests that a `late` rule with `delayMs: 'held'` kept back; tells how many. */
  async deliverLate(): Promise<number> {
    const late = this.#late.splice(0);
    for (const send of late) await send();
    return late.length;
  }

  /** Resolves when nothing is on its way any more, late and second copies included; held ones do not count. */
  async settled(): Promise<void> {
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  get(request: port.GetRequest, options?: port.SendOptions): Promise<Item | undefined> {
    return this.#read('get', request, options, () => this.#engine.get(request, options));
  }

  batchGet(request: port.BatchGetRequest, options?: port.SendOptions): Promise<port.BatchGetAnswer> {
    return this.#read(
      'batchGet',
      request,
      options,
      () => this.#engine.batchGet(request, options),
      async (leftShare) => {
        const [keys, left] = parted(request.keys, leftShare);
        if (keys.length === 0) return { items: [], unprocessed: left };
        const answer = await this.#engine.batchGet({ ...request, keys }, options);
        return { items: answer.items, unprocessed: [...answer.unprocessed, ...left] };
      },
    );
  }

  query(request: port.QueryRequest, options?: port.SendOptions): Promise<port.PageAnswer> {
    return this.#read('query', request, options, () => this.#engine.query(request, options));
  }

  scan(request: port.ScanRequest, options?: port.SendOptions): Promise<port.PageAnswer> {
    return this.#read('scan', request, options, () => this.#engine.scan(request, options));
  }

  transactGet(request: port.TransactGetRequest, options?: port.SendOptions): Promise<readonly (Item | undefined)[]> {
    return this.#read('transactGet', request, options, () => this.#engine.transactGet(request, options));
  }

  put(request: port.PutRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    return this.#write('put', request, options, () => this.#engine.put(request));
  }

  update(request: port.UpdateRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    return this.#write('update', request, options, () => this.#engine.update(request));
  }

  delete(request: port.DeleteRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    return this.#write('delete', request, options, () => this.#engine.delete(request));
  }

  batchWrite(request: port.BatchWriteRequest, options?: port.SendOptions): Promise<port.BatchWriteAnswer> {
    return this.#write(
      'batchWrite',
      request,
      options,
      () => this.#engine.batchWrite(request),
      async (leftShare) => {
        const [puts, leftPuts] = parted(request.puts ?? [], leftShare);
        const [deletes, leftDeletes] = parted(request.deletes ?? [], leftShare);
        if (puts.length + deletes.length === 0) {
          return { status: 'applied', unprocessedPuts: leftPuts, unprocessedDeletes: leftDeletes };
        }
        const answer = await this.#engine.batchWrite({ ...request, puts, deletes });
        if (answer.status !== 'applied') return answer;
        return {
          status: 'applied',
          unprocessedPuts: [...answer.unprocessedPuts, ...leftPuts],
          unprocessedDeletes: [...answer.unprocessedDeletes, ...leftDeletes],
        };
      },
    );
  }

  transactWrite(request: port.TransactWriteRequest, options?: port.SendOptions): Promise<port.TransactWriteAnswer> {
    return this.#write('transactWrite', request, options, () => this.#engine.transactWrite(request));
  }

  describeTable(table: string, options?: port.SendOptions): Promise<port.TableDescription | undefined> {
    this.#meter.sent();
    return this.#engine.describeTable(table, options);
  }

  createTable(request: port.CreateTableRequest, options?: port.SendOptions): Promise<void> {
    this.#meter.sent();
    return this.#engine.createTable(request, options);
  }

  deleteTable(table: string, options?: port.SendOptions): Promise<void> {
    this.#meter.sent();
    return this.#engine.deleteTable(table, options);
  }

  describeTimeToLive(table: string, options?: port.SendOptions): Promise<port.TimeToLiveDescription> {
    this.#meter.sent();
    return this.#engine.describeTimeToLive(table, options);
  }

  updateTimeToLive(table: string, attribute: string, options?: port.SendOptions): Promise<void> {
    this.#meter.sent();
    return this.#engine.updateTimeToLive(table, attribute, options);
  }

  async #read<Answer>(
    kind: OperationKind,
    request: object,
    options: port.SendOptions | undefined,
    send: () => Promise<Answer>,
    sendPart: (leftShare: number) => Promise<Answer> = send,
  ): Promise<Answer> {
    options?.signal?.throwIfAborted();
    const fault = this.#plan.choose(kind, request);
    this.#meter.sent(copiesOf(fault));
    if (fault === undefined) return send();
    switch (fault.kind) {
      case 'conflict':
        return send();
      case 'partial':
        return sendPart(fault.leftShare ?? 0.5);
      case 'duplicate':
        await send();
        return send();
      case 'delay': {
        const legMs = this.#plan.milliseconds(fault.delayMs ?? [50, 2_000]) / 2;
        await this.#clock.sleep(legMs, options);
        const answer = await send();
        await this.#clock.sleep(legMs, options);
        return answer;
      }
      default:
        if (/after|body/.test(fault.kind)) await send();
        if (fault.kind.startsWith('throttle')) this.#meter.throttled();
        throw failureOf(fault.kind);
    }
  }

  #write<Answer extends Write>(
    kind: OperationKind,
    request: object,
    options: port.SendOptions | undefined,
    send: () => Promise<Answer>,
    sendPart: (leftShare: number) => Promise<Answer> = send,
  ): Promise<Answer> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.resolve(this.#unclear(aborted(signal)) as Answer);
    const answered = this.#holding.has(kind)
      ? this.#held(kind, request, send)
      : this.#disturbed(kind, request, send, sendPart);
    if (signal === undefined) return answered;
    return new Promise((resolve, reject) => {
      const onAbort = () => resolve(this.#unclear(aborted(signal)) as Answer);
      signal.addEventListener('abort', onAbort, { once: true });
      answered.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
    });
  }

  #held<Answer extends Write>(kind: OperationKind, request: object, send: () => Promise<Answer>): Promise<Answer> {
    this.#meter.sent();
    return new Promise((resolve) => {
      const line: HeldLine = {
        send,
        answer: (answer) => resolve(answer as Answer),
        unclear: (reason) => this.#unclear(reason ?? failureOf('reset-after')),
        nowMs: () => this.#clock.monotonicMs(),
      };
      const index = this.#messages.push(new HeldMessage(kind, request, line)) - 1;
      for (const told of this.#waiting.get(index) ?? []) told(this.#messages[index] as HeldMessage);
      this.#waiting.delete(index);
    });
  }

  async #disturbed<Answer extends Write>(
    kind: OperationKind,
    request: object,
    send: () => Promise<Answer>,
    sendPart: (leftShare: number) => Promise<Answer>,
  ): Promise<Answer> {
    const fault = this.#plan.choose(kind, request);
    this.#meter.sent(copiesOf(fault));
    if (fault === undefined) return this.#track(send());
    switch (fault.kind) {
      case 'partial':
        return this.#track(sendPart(fault.leftShare ?? 0.5));
      case 'throttle':
        this.#meter.throttled();
        return refused('throttled', failureOf('throttle')) as Answer;
      case 'unreachable':
        return refused('unreachable', failureOf('unreachable')) as Answer;
      case 'conflict':
        return conflict(kind, request) as Answer;
      case 'duplicate':
        return this.#track(this.#twice(fault, send));
      case 'late':
        this.#sendLate(fault, send);
        return this.#unclear(failureOf('late')) as Answer;
      case 'delay':
        return this.#track(this.#slowly(this.#plan.milliseconds(fault.delayMs ?? [50, 2_000]), send));
      default:
        if (/after|body/.test(fault.kind)) await this.#track(send());
        if (fault.kind === 'throttle-after') this.#meter.throttled();
        return this.#unclear(failureOf(fault.kind)) as Answer;
    }
  }

  async #twice<Answer extends Write>(fault: EngineFault & { kind: 'duplicate' }, send: () => Promise<Answer>) {
    const first = await send();
    const { answer = this.#plan.coin() ? 'first' : 'second' } = fault;
    const gapMs = this.#plan.milliseconds(fault.gapMs ?? 0);
    const second = async (): Promise<HeldAnswer> => {
      if (gapMs > 0) await this.#clock.sleep(gapMs);
      return send();
    };
    // A copy that comes after the answer must not hold the answer up.
    const background = answer === 'first' && gapMs > 0;
    if (background) void this.#track(second());
    const last = background ? first : await second();
    const unclear = (reason?: Error) => this.#unclear(reason ?? failureOf('reset-after'));
    return afterCopies(answer === 'first' ? first : last, 2, { unclear }) as Answer;
  }

  #sendLate(fault: EngineFault & { kind: 'late' }, send: () => Promise<unknown>): void {
    const { delayMs = [0, 5_000] } = fault;
    const sentAtMs = this.#clock.monotonicMs();
    const arrive = async () => {
      // The service refuses what was signed too long ago.
      if (this.#clock.monotonicMs() - sentAtMs <= signatureLifetimeMs) await send();
    };
    if (delayMs === 'held') this.#late.push(arrive);
    else void this.#track(this.#clock.sleep(this.#plan.milliseconds(delayMs)).then(arrive));
  }

  async #slowly<Answer>(delayMs: number, send: () => Promise<Answer>): Promise<Answer> {
    await this.#clock.sleep(delayMs / 2);
    const answer = await send();
    await this.#clock.sleep(delayMs / 2);
    return answer;
  }

  #track<Answer>(sent: Promise<Answer>): Promise<Answer> {
    const end = () => {
      this.#underway.delete(ended);
    };
    const ended: Promise<void> = sent.then(end, end);
    this.#underway.add(ended);
    return sent;
  }

  #unclear(error: Error): { readonly status: 'unclear'; readonly error: Error } {
    this.#meter.unclear();
    return { status: 'unclear', error };
  }
}

/**
 * Locks in one process: machines with clocks of their own on an engine in memory, behind faults, stopped and killed at random.
 *
 *   seed ─► callers ─► Lock ─► Session ─► AtomTable ─► FaultyEngine ─┐
 *           callers ─► Lock ─► Session ─► AtomTable ─► FaultyEngine ─┴► MemoryEngine ─► every commit is looked at
 *
 * Looked at from outside, at one true instant, although no process could: whether two grants are held by the clocks of their own machines;
 * whether tokens grow in the order of commits; how long an expired session was silent by the clock of who expired it. The fenced
 * resource gets writes late. In the end the faults stop, and everybody must come to an end.
 */
import {
  type Commit,
  type EngineFaultRule,
  engineFaultRules,
  MemoryEngine,
  type Random,
  seededRandom,
} from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { Lock, type LockGrant, Session, type SessionOptions } from '../../lib/recipes/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { Machine } from '../support/machine.js';

interface LockSimulation {
  readonly seed: number;
  /** Grants in all, at least. */
  readonly grants: number;
  /** @defaultValue 4 */
  readonly machines?: number;
  /** Callers of each machine. @defaultValue 2 */
  readonly callers?: number;
  readonly rules?: readonly EngineFaultRule[];
  /** Chance of a stop in each second of each machine, of a length up to two leases. @defaultValue 0 */
  readonly stops?: number;
  /** Chance that a stop is for ever; another machine takes its place. @defaultValue 0 */
  readonly deaths?: number;
  /** Whether clocks are an hour apart and go at 0.9 to 1.1. @defaultValue true */
  readonly skewed?: boolean;
  readonly session?: SessionOptions;
  /** Whether callers release as well what they have lost, and twice. @defaultValue false */
  readonly releasesTwice?: boolean;
}

export interface LockReport {
  /** What must not be, in words. */
  readonly findings: readonly string[];
  readonly grants: number;
  readonly losses: number;
  readonly expiries: number;
  readonly timeouts: number;
  readonly unknown: number;
  /** Releases that said "not ours any more". */
  readonly late: number;
  readonly refused: number;
  readonly requests: number;
  /** Critical steps that were begun, and those after the own clock's end: of the latter none may be. */
  readonly steps: number;
  readonly virtualMs: number;
  /** From the end of the faults until all callers had ended. */
  readonly calmMs: number;
}

const leaseMsDefault = 3_000;

interface Holding {
  readonly grant: LockGrant;
  readonly machine: Machine;
}

interface SessionSeen {
  readonly changedAt: number;
  readonly token: string | undefined;
}

export async function simulateLocks(options: LockSimulation): Promise<LockReport> {
  const run = new LockRun(options);
  return run.clock.run(run.run());
}

class LockRun {
  readonly clock = new VirtualClock({ runMsMax: 60 * 86_400_000 });
  readonly #options: LockSimulation;
  readonly #random: Random;
  readonly #engine: MemoryEngine;
  readonly #findings: string[] = [];
  readonly #holdings = new Set<Holding>();
  readonly #writers = new Map<string, number>();
  readonly #sessions = new Map<string, SessionSeen>();
  readonly #machines: Machine[] = [];
  readonly #open: Session[] = [];
  #fence = 0;
  #owner: string | undefined;
  #seen = 0;
  #grants = 0;
  #isCalm = false;
  #losses = 0;
  #expiries = 0;
  #timeouts = 0;
  #unknown = 0;
  #late = 0;
  #refused = 0;
  #steps = 0;
  #requests = 0;

  constructor(options: LockSimulation) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const latencies = seededRandom(this.#random.int(2 ** 31));
    this.#engine = new MemoryEngine({
      clock: this.clock,
      seed: this.#random.int(2 ** 31),
      latency: () => 1 + 10 * latencies.next(),
      staleness: (random) => (random.next() < 0.2 ? random.int(3) : 0),
      onCommit: (commit) => this.#look(commit),
    });
  }

  async run(): Promise<LockReport> {
    const { machines = 4, callers = 2 } = this.#options;
    await new Machine(this.#engine, this.clock).table.create();
    const all = Array.from({ length: machines }, () => this.#settle(callers));
    const ended = Promise.all(all);
    while (this.#grants < this.#options.grants) await this.clock.sleep(1_000);
    this.#isCalm = true;
    for (const machine of this.#machines) machine.faulty.setRules([]);
    const calmAt = this.clock.monotonicMs();
    await ended;
    const calmMs = this.clock.monotonicMs() - calmAt;
    await Promise.all(this.#open.map((session) => session.close()));
    for (const machine of this.#machines) this.#requests += machine.requests;
    return {
      findings: this.#findings,
      ...{ grants: this.#grants, losses: this.#losses, expiries: this.#expiries, timeouts: this.#timeouts },
      ...{ unknown: this.#unknown, late: this.#late, refused: this.#refused, steps: this.#steps },
      ...{ requests: this.#requests, virtualMs: calmAt, calmMs },
    };
  }

  /** A machine with its callers, and the one after it when it dies. */
  async #settle(callers: number): Promise<void> {
    const { rules = [], skewed = true, session: terms } = this.#options;
    const index = this.#machines.length;
    const machine: Machine = new Machine(this.#engine, this.clock, {
      seed: this.#random.int(2 ** 31),
      ...(skewed && { rate: 0.9 + 0.2 * this.#random.next(), offsetMs: (2 * this.#random.next() - 1) * 3_600_000 }),
      rules: this.#isCalm ? [] : rules,
      onStep: ({ text }) => {
        const writer = /"l":\{"S":"([\w-]+):\d+"/.exec(text)?.[1];
        if (writer !== undefined) this.#writers.set(writer, index);
        return undefined;
      },
    });
    this.#machines.push(machine);
    const session = new Session(machine.table, { leaseMs: leaseMsDefault, ...terms });
    session.onLost(() => {
      this.#losses += 1;
    });
    const work = Promise.all(Array.from({ length: callers }, () => this.#call(machine, session)));
    const died = await Promise.race([work.then(() => false), this.#disturb(machine)]);
    if (died) return this.#settle(callers);
    this.#open.push(session);
  }

  /** Stops a machine now and then; resolves when it was for ever. */
  async #disturb(machine: Machine): Promise<boolean> {
    const { stops = 0, deaths = 0 } = this.#options;
    while (!this.#isCalm && stops > 0) {
      await this.clock.sleep(1_000);
      if (this.#isCalm || this.#random.next() >= stops) continue;
      if (this.#random.next() < deaths) {
        machine.die();
        return true;
      }
      machine.stop(2 * leaseMsDefault * this.#random.next());
    }
    return new Promise(() => {});
  }

  async #call(machine: Machine, session: Session): Promise<void> {
    const { random, clock } = machine;
    const lock = new Lock(session, 'report');
    // Once more after the faults have stopped: nobody is left waiting.
    for (let last = false; !last; ) {
      last = this.#isCalm;
      const grant = await this.#acquire(lock, random, last);
      if (grant === undefined) {
        last = false;
        await clock.sleep(100 * random.next());
        continue;
      }
      const holding = { grant, machine };
      this.#granted(holding);
      await this.#criticalSection(holding);
      this.#holdings.delete(holding);
      await this.#release(grant, random);
      await clock.sleep(200 * random.next());
    }
  }

  async #acquire(lock: Lock, random: Random, last: boolean): Promise<LockGrant | undefined> {
    const way = last ? 1 : random.next();
    try {
      if (way < 0.1) return await lock.tryAcquire();
      return await lock.acquire(way < 0.4 ? { waitMs: 3_000 * random.next() } : {});
    } catch (error) {
      if (!isLeydenError(error)) throw error;
      if (error.code === 'ERR_LOCK_TIMEOUT') this.#timeouts += 1;
      else if (error.outcome === 'unknown') this.#unknown += 1;
      else if (!['ERR_LEASE_LOST', 'ERR_DEADLINE', 'ERR_CONTENTION'].includes(error.code)) throw error;
      return undefined;
    }
  }

  async #release(grant: LockGrant, random: Random): Promise<void> {
    const { releasesTwice = false } = this.#options;
    const wasLost = grant.loss !== undefined;
    try {
      const isRacing = releasesTwice && random.next() < 0.5;
      const [was, again] = await Promise.all([grant.release(), isRacing ? grant.release() : undefined]);
      if (isRacing && again !== was) this.#findings.push('two releases answered differently');
      if (!was) this.#late += 1;
      if (was && wasLost) this.#findings.push(`token ${grant.token} was lost, and its release says that it was not`);
    } catch (error) {
      if (!isLeydenError(error)) throw error;
      this.#unknown += 1;
    }
  }

  /** Steps with a look before each, and writes that reach the resource late. */
  async #criticalSection({ grant, machine }: Holding): Promise<void> {
    const { random, clock } = machine;
    const steps = 1 + random.int(4);
    for (let step = 0; step < steps; step += 1) {
      if (grant.signal.aborted) return;
      this.#steps += 1;
      if (!grant.isHeld) this.#findings.push(`a step was begun under token ${grant.token} after the end of its lease`);
      this.#lookAtHolders();
      void this.#write(Number(grant.token), 4_000 * random.next() ** 4);
      await clock.sleep(100 * random.next());
    }
  }

  async #write(token: number, delayMs: number): Promise<void> {
    await this.clock.sleep(delayMs);
    if (token < this.#seen) this.#refused += 1;
    else this.#seen = token;
  }

  #granted(holding: Holding): void {
    this.#grants += 1;
    this.#holdings.add(holding);
    this.#lookAtHolders();
  }

  #lookAtHolders(): void {
    const held = [...this.#holdings].filter(({ grant, machine }) => !machine.isDead && grant.isHeld);
    if (held.length > 1) {
      this.#findings.push(
        `held by ${held.length} at ${this.clock.monotonicMs()}: ${held.map(({ grant }) => grant.token)}`,
      );
    }
  }

  // ---- every commit -----------------------------------------------------------------------------------------------

  #look({ key, after }: Commit): void {
    const id = textOf(key, 'id');
    const token = textOf(after, 'l');
    if (id === undefined || token === undefined) return;
    if (id.startsWith('session:')) this.#lookAtSession(id, token, fieldOf(after, 'state'));
    if (id.startsWith('lock:')) this.#lookAtLock(after);
  }

  #lookAtSession(id: string, token: string, state: string | undefined): void {
    const now = this.clock.monotonicMs();
    const before = this.#sessions.get(id);
    this.#sessions.set(id, { changedAt: now, token });
    if (state !== 'expired') return;
    this.#expiries += 1;
    const thief = this.#machines[this.#writers.get(token.split(':')[0] as string) ?? -1];
    const { leaseMs = leaseMsDefault } = this.#options.session ?? {};
    const silentMs = thief === undefined || before === undefined ? 0 : (now - before.changedAt) / thief.trueMs(1);
    if (silentMs < leaseMs) this.#findings.push(`session ${id} was expired after ${silentMs} ms of silence`);
  }

  #lookAtLock(item: unknown): void {
    const value = (item as { d?: { M?: Record<string, { N?: string; M?: Record<string, { S?: string }> }> } }).d?.M;
    const fence = Number(value?.fence?.N);
    const owner = value?.owner?.M?.nonce?.S;
    const queue = (value?.queue as { L?: unknown[] } | undefined)?.L ?? [];
    if (owner !== undefined && owner !== this.#owner && fence <= this.#fence) {
      this.#findings.push(`token ${fence} was granted after token ${this.#fence}`);
    }
    if (owner === undefined && queue.length > 0) this.#findings.push('somebody waits while it is free');
    if (fence < this.#fence) this.#findings.push('the token went back');
    this.#fence = fence;
    this.#owner = owner;
  }
}

type Attributes = Readonly<Record<string, { readonly S?: string; readonly M?: Attributes }>>;

function textOf(item: unknown, name: string): string | undefined {
  return (item as Attributes | undefined)?.[name]?.S;
}

function fieldOf(item: unknown, name: string): string | undefined {
  return (item as Attributes | undefined)?.d?.M?.[name]?.S;
}

/** Answers that get lost after they were judged, of such a share of writes. */
export function lostAnswers(probability: number, of: RegExp = /./): readonly EngineFaultRule[] {
  const when = (request: object) => of.test(JSON.stringify(request));
  return [{ fault: { kind: 'reset-after' }, on: 'writes', probability, when }];
}

/** All kinds of faults. */
export function mixedFaults(rate: number): readonly EngineFaultRule[] {
  return engineFaultRules('all-mixed', rate);
}

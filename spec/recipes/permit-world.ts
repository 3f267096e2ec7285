/** Processes that take permits of one item, in virtual time, while every version of that item is looked at. */
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { type ReadWriteGrant, type SemaphoreGrant, Session } from '../../lib/recipes/index.js';
import { holdersMax, type PermitState } from '../../lib/recipes/permits/permit-state.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { Machine } from '../support/machine.js';
import { isWriteStep, type OnStep, steppedEngine } from '../support/stepped-engine.js';

type Grant = SemaphoreGrant | ReadWriteGrant;
type MachineOptions = ConstructorParameters<typeof Machine>[2];

/** One process with its session. */
export interface PermitProcess {
  readonly machine: Machine;
  readonly session: Session;
}

export class PermitWorld {
  readonly clock: VirtualClock;
  /** What was seen that must not be. */
  readonly violations: string[] = [];
  /** Versions that were looked at. */
  versions = 0;
  /** Permits that may be relied on at the same time. */
  readonly #max: number;
  readonly #key: string;
  readonly #engine: MemoryEngine;
  readonly #spectator: AtomTable;
  readonly #held = new Map<Grant, { readonly machine: Machine; readonly permits: number }>();
  #seed: number;

  private constructor(key: string, max: number, seed: number) {
    this.#max = max;
    this.clock = new VirtualClock();
    this.#key = key;
    this.#seed = seed;
    this.#engine = new MemoryEngine({ clock: this.clock });
    this.#spectator = new AtomTable({ engine: this.#engine, tableName: 'state', clock: this.clock });
  }

  static async open(key: string, max: number, seed = 1): Promise<PermitWorld> {
    const world = new PermitWorld(key, max, seed);
    await world.#spectator.create();
    return world;
  }

  process(options: MachineOptions = {}, session: ConstructorParameters<typeof Session>[1] = {}): PermitProcess {
    this.#seed += 1;
    const watched: OnStep = (step) => (isWriteStep(step) ? this.#seen(step.send()) : undefined);
    const engine = steppedEngine(this.#engine, watched);
    const machine = new Machine(engine, this.clock, { seed: this.#seed, ...options });
    return { machine, session: new Session(machine.table, { leaseMs: 15_000, ...session }) };
  }

  /** What stands in the item. */
  state(): Promise<PermitState> {
    return this.#spectator.atom<PermitState>(this.#key).deref() as Promise<PermitState>;
  }

  put(state: PermitState): Promise<PermitState> {
    return this.#spectator.atom<PermitState>(this.#key).reset(state);
  }

  /** Notes that a process has it from now on. */
  hold(machine: Machine, grant: Grant): void {
    const permits = 'permits' in grant ? grant.permits : grant.mode === 'write' ? holdersMax : 1;
    this.#held.set(grant, { machine, permits });
    this.#check();
  }

  /** Notes that it has given up relying on it. */
  leave(grant: Grant): void {
    this.#held.delete(grant);
  }

  async #seen(sent: Promise<unknown>): Promise<unknown> {
    try {
      return await sent;
    } finally {
      await this.look();
    }
  }

  /** Looks at the version that stands there now. */
  async look(): Promise<void> {
    const state = await this.state();
    if (state?.holders === undefined) return;
    this.versions += 1;
    const holders = Object.values(state.holders);
    const sum = holders.reduce((total, { n }) => total + n, 0);
    if (sum > state.max) this.violations.push(`${sum} of ${state.max} permits are held`);
    if (sum !== state.used || holders.length !== state.count || state.queue.length !== state.waiting) {
      this.violations.push(`miscounted: ${JSON.stringify(state)}`);
    }
    if (state.kind === 'rw-lock' && holders.length > 1 && holders.some(({ n }) => n > 1)) {
      this.violations.push('a writer beside others');
    }
    const [first] = state.queue;
    if (first !== undefined && sum + first.n <= state.max) this.violations.push('permits are free while one waits');
    this.#check();
  }

  /** What processes rely on at this very moment is never more than there is. */
  #check(): void {
    let sum = 0;
    for (const [grant, { machine, permits }] of this.#held) if (!machine.isDead && grant.isHeld) sum += permits;
    if (sum > this.#max) this.violations.push(`${sum} of ${this.#max} permits are relied on`);
  }
}

/**
 * A process on a machine of its own: a clock that goes at its own rate and shows its own time, and that can be stopped in mid-work.
 *
 *   true time      |----|----|----|----|----|----|----|
 *   its clocks     |-----|-----|-----|-----|-----|-----        rate 0.9, an hour behind
 *   it runs        ==========...............==========         stopped: timers and answers wait until it goes on, its clocks do not
 *   it died        ==========                                  nothing that it sent is answered, nothing is sent any more
 */
import { AtomTable, type AtomTableOptions } from '../../lib/atom/index.js';
import {
  type Clock,
  type Engine,
  type EngineFaultRule,
  FaultyEngine,
  type Random,
  seededRandom,
} from '../../lib/engine/index.js';
import type { VirtualClock } from '../../lib/testing/index.js';
import { isWriteStep, type OnStep, steppedEngine } from './stepped-engine.js';

interface MachineOptions {
  readonly seed?: number;
  /** How fast its clocks go. @defaultValue 1 */
  readonly rate?: number;
  /** How far its wall clock is off. @defaultValue 0 */
  readonly offsetMs?: number;
  readonly rules?: readonly EngineFaultRule[];
  /** Shown each request before the faults. */
  readonly onStep?: OnStep;
  readonly table?: Partial<AtomTableOptions>;
}

/** Between two looks of a stopped process at whether it may go on. */
const gateMs = 5;

export class Machine {
  readonly clock: Clock;
  readonly random: Random;
  readonly faulty: FaultyEngine;
  readonly table: AtomTable;
  readonly #true: VirtualClock;
  readonly #rate: number;
  #stoppedUntilMs = 0;
  #stepMs = 0;
  /** Requests that were sent, and the writes among them. */
  requests = 0;
  writes = 0;

  constructor(engine: Engine, clock: VirtualClock, options: MachineOptions = {}) {
    const { seed = 1, rate = 1, offsetMs = 0, rules = [], onStep } = options;
    this.#true = clock;
    this.#rate = rate;
    this.random = seededRandom(seed);
    const startMs = clock.now() - clock.monotonicMs();
    this.clock = {
      now: () => startMs + offsetMs + this.#stepMs + clock.monotonicMs() * rate,
      monotonicMs: () => clock.monotonicMs() * rate,
      sleep: async (ms, sleeping) => {
        await clock.sleep(ms / rate, sleeping);
        await this.#gate();
      },
    };
    this.faulty = new FaultyEngine(engine, { rules, seed, clock });
    const stepped = steppedEngine(this.faulty, (step) => {
      const send = async () => {
        await this.#gate();
        this.requests += 1;
        if (isWriteStep(step)) this.writes += 1;
        try {
          return await (onStep?.(step) ?? step.send());
        } finally {
          await this.#gate();
        }
      };
      return send();
    });
    const bytes = seededRandom(seed ^ 0x5eed);
    this.table = new AtomTable({
      ...{ engine: stepped, tableName: 'state', clock: this.clock, random: seededRandom(seed + 1) },
      randomBytes: (count: number) => Uint8Array.from({ length: count }, () => bytes.int(256)),
      ...(options.table as object),
    });
  }

  /** Stops it for so long, by true time. */
  stop(ms: number): void {
    this.#stoppedUntilMs = Math.max(this.#stoppedUntilMs, this.#true.monotonicMs() + ms);
  }

  /** For ever. */
  die(): void {
    this.#stoppedUntilMs = Number.POSITIVE_INFINITY;
  }

  get isDead(): boolean {
    return this.#stoppedUntilMs === Number.POSITIVE_INFINITY;
  }

  /** Corrects its wall clock. */
  stepWallClock(ms: number): void {
    this.#stepMs += ms;
  }

  /** True milliseconds for so many of its own. */
  trueMs(ownMs: number): number {
    return ownMs / this.#rate;
  }

  async #gate(): Promise<void> {
    if (this.isDead) return new Promise(() => {});
    while (this.#stoppedUntilMs > this.#true.monotonicMs()) {
      const leftMs = this.#stoppedUntilMs - this.#true.monotonicMs();
      if (leftMs === Number.POSITIVE_INFINITY) return new Promise(() => {});
      await this.#true.sleep(Math.min(leftMs, Math.max(gateMs, leftMs / 2)));
    }
  }
}

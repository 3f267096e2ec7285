/**
 * Which request meets which fault: rules, the draw, and the profiles by name.
 *
 * A rule names a fault, the requests that it is about, and how often it strikes. For each request the first rule that
 * strikes wins. Each rule draws once for each request that it is about, struck or not, so the choice depends on the seed
 * and on the order of requests alone.
 */
import type { Random } from './random.js';

/** Requests that can be disturbed; tables are made and described in peace. */
export type OperationKind =
  | 'get'
  | 'batchGet'
  | 'query'
  | 'scan'
  | 'transactGet'
  | 'put'
  | 'update'
  | 'delete'
  | 'batchWrite'
  | 'transactWrite';

const reads: readonly OperationKind[] = ['get', 'batchGet', 'query', 'scan', 'transactGet'];
const writes: readonly OperationKind[] = ['put', 'update', 'delete', 'batchWrite', 'transactWrite'];

/** Whether requests of this kind change items. */
export function isWrite(kind: OperationKind): boolean {
  return writes.includes(kind);
}

/** A number of milliseconds, or the ends of a range to draw from. */
export type Milliseconds = number | readonly [number, number];

/** What can happen to a request. "Before" = the engine never judges it; "after" = the engine has judged it. */
export type EngineFault =
  | {
      /**
       * `reset-before`, `reset-after`, `cut-body`: the connection ends without a whole answer.
       * `5xx-before`, `5xx-after`: the server's own fault.
       * `throttle`, `conflict`, `unreachable`: refused, and certainly not done.
       * `throttle-after`: judged, its answer lost; the transport's second copy is throttled, which proves nothing.
       */
      readonly kind:
        | 'reset-before'
        | 'reset-after'
        | 'cut-body'
        | '5xx-before'
        | '5xx-after'
        | 'throttle'
        | 'throttle-after'
        | 'conflict'
        | 'unreachable';
    }
  | {
      /** A batch of which the last ones are left over, as `unprocessed`. Of transactions, nothing is. */
      readonly kind: 'partial';
      /**
       * Which part of it is left over: 1 = all of it, and nothing is sent.
       * @defaultValue 0.5
       */
      readonly leftShare?: number;
    }
  | {
      /** Judged twice. */
      readonly kind: 'duplicate';
      /**
       * Whose answer the caller gets. With `first` the second copy arrives `gapMs` after the answer.
       * @defaultValue drawn
       */
      readonly answer?: 'first' | 'second';
      /** @defaultValue 0 */
      readonly gapMs?: Milliseconds;
    }
  | {
      /** Unclear now, judged later. */
      readonly kind: 'late';
      /**
       * How much later; `held`: when `deliverLate()` is called.
       * @defaultValue 0 to 5,000
       */
      readonly delayMs?: Milliseconds | 'held';
    }
  | {
      /** Slow, half of it on the way there, half on the way back. */
      readonly kind: 'delay';
      /** @defaultValue 50 to 2,000 */
      readonly delayMs?: Milliseconds;
    };

/** When a fault strikes. */
export interface EngineFaultRule {
  readonly fault: EngineFault;
  /** @defaultValue reads and writes */
  readonly on?: 'reads' | 'writes' | readonly OperationKind[];
  /** Narrows it further, by the request itself. */
  readonly when?: (request: object) => boolean;
  /**
   * Requests that it is about and lets pass first.
   * @defaultValue 0
   */
  readonly after?: number;
  /**
   * How often it strikes in all.
   * @defaultValue without end
   */
  readonly times?: number;
  /**
   * Chance to strike a request that it is about.
   * @defaultValue 1
   */
  readonly probability?: number;
}

/** Draws faults for requests. */
export class FaultPlan {
  readonly #rules: readonly { readonly rule: EngineFaultRule; seen: number; struck: number }[];
  readonly #random: Random;

  constructor(rules: readonly EngineFaultRule[], random: Random) {
    this.#rules = rules.map((rule) => ({ rule, seen: 0, struck: 0 }));
    this.#random = random;
  }

  choose(kind: OperationKind, request: object): EngineFault | undefined {
    let chosen: EngineFault | undefined;
    for (const entry of this.#rules) {
      const { fault, on, when, after = 0, times = Number.POSITIVE_INFINITY, probability = 1 } = entry.rule;
      const kinds = on === 'reads' ? reads : on === 'writes' ? writes : on;
      if ((kinds !== undefined && !kinds.includes(kind)) || when?.(request) === false) continue;
      entry.seen += 1;
      const strikes = probability >= 1 || this.#random.next() < probability;
      if (chosen !== undefined || !strikes || entry.seen <= after || entry.struck >= times) continue;
      entry.struck += 1;
      chosen = fault;
    }
    return chosen;
  }

  milliseconds(range: Milliseconds): number {
    if (typeof range === 'number') return range;
    return range[0] + this.#random.next() * (range[1] - range[0]);
  }

  /** One of two with equal chance. */
  coin(): boolean {
    return this.#random.next() < 0.5;
  }
}

/** The ten profiles of the linearizability runs, and `calm`, which disturbs nothing. */
export type EngineFaultProfile =
  | 'calm'
  | 'reset-before'
  | 'reset-after'
  | 'cut-body'
  | 'duplicate'
  | 'late'
  | '5xx-before'
  | '5xx-after'
  | 'throttle'
  | 'delay'
  | 'all-mixed';

const kinds = [
  'reset-before',
  'reset-after',
  'cut-body',
  'duplicate',
  'late',
  '5xx-before',
  '5xx-after',
  'throttle',
  'delay',
] as const;
const mixed = [...kinds, 'throttle-after', 'conflict', 'unreachable', 'partial'] as const;

/** The names of the ten profiles, in the order of the report. */
export const engineFaultProfiles: readonly EngineFaultProfile[] = [...kinds, 'all-mixed'];

/** The rules of a profile; `rate` is the share of requests that are disturbed. */
export function engineFaultRules(profile: EngineFaultProfile, rate = 0.1): readonly EngineFaultRule[] {
  if (profile === 'calm') return [];
  if (profile !== 'all-mixed') return [{ fault: { kind: profile }, probability: rate }];
  // Rules are tried one after the other, so each one's chance is taken from what its predecessors left.
  const share = rate / mixed.length;
  return mixed.map((kind, index) => ({ fault: { kind }, probability: share / (1 - share * index) }));
}

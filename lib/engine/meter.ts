/** Counts what an engine has spent. One per engine object; readings only grow. */
import type { Spent } from './port.js';

/** Capacity as the service reports it, for one table or for several. */
interface Capacity {
  readonly CapacityUnits?: number | undefined;
  readonly ReadCapacityUnits?: number | undefined;
  readonly WriteCapacityUnits?: number | undefined;
}

/** @internal */
export class Meter {
  #spent = {
    requests: 0,
    attempts: 0,
    readUnits: 0,
    writeUnits: 0,
    conditionsFailed: 0,
    throttled: 0,
    unclear: 0,
  };

  read(): Spent {
    return { ...this.#spent };
  }

  /** One request left; `attempts` copies of it as far as the transport tells. */
  sent(attempts = 1): void {
    this.#spent.requests += 1;
    this.#spent.attempts += attempts;
  }

  /** Units as reported with an answer. */
  capacity(consumed: Capacity | readonly Capacity[] | undefined, kind: 'read' | 'write'): void {
    for (const { CapacityUnits = 0, ReadCapacityUnits, WriteCapacityUnits } of toList(consumed)) {
      if (ReadCapacityUnits !== undefined || WriteCapacityUnits !== undefined) {
        this.units(ReadCapacityUnits ?? 0, WriteCapacityUnits ?? 0);
      } else if (kind === 'read') this.units(CapacityUnits, 0);
      else this.units(0, CapacityUnits);
    }
  }

  /** Units by rule. */
  units(read: number, write: number): void {
    this.#spent.readUnits += read;
    this.#spent.writeUnits += write;
  }

  /** A condition was judged and failed, at this price. */
  conditionFailed(units: number): void {
    this.#spent.conditionsFailed += 1;
    this.#spent.writeUnits += units;
  }

  throttled(): void {
    this.#spent.throttled += 1;
  }

  unclear(): void {
    this.#spent.unclear += 1;
  }
}

function toList(consumed: Capacity | readonly Capacity[] | undefined): readonly Capacity[] {
  if (consumed === undefined) return [];
  return Array.isArray(consumed) ? consumed : [consumed as Capacity];
}

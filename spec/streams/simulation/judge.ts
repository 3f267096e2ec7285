/** Judges what a reader delivered against what was written, record by record. */
import type { StreamRecord } from '../../../lib/streams/index.js';
import type { StreamSimulator } from '../../../lib/testing/index.js';

const keyOf = (key: unknown): string => JSON.stringify(key);

export class Judge {
  readonly complaints: string[] = [];
  delivered = 0;
  repeats = 0;
  /** Gaps that were told. */
  gaps = 0;
  readonly #simulator: StreamSimulator;
  readonly #tableName: string;
  readonly #seen = new Set<string>();
  /** Of each record, which change of its item it is: 1 for the first. */
  readonly #places = new Map<string, number>();
  readonly #written = new Map<string, number>();
  readonly #highest = new Map<string, number>();
  readonly #gapped = new Set<string>();

  constructor(simulator: StreamSimulator, tableName: string) {
    this.#simulator = simulator;
    this.#tableName = tableName;
  }

  /** A record was handed to the consumer. */
  take(record: StreamRecord): void {
    const id = record.eventID ?? '';
    this.delivered += 1;
    if (this.#seen.has(id)) this.repeats += 1;
    this.#seen.add(id);
    this.#learn();
    const item = keyOf(record.dynamodb?.Keys);
    const place = this.#places.get(id);
    if (place === undefined) this.complaints.push(`record ${id} was never written`);
    const highest = this.#highest.get(item) ?? 0;
    if (place !== undefined && place > highest + 1 && this.gaps === 0) {
      this.complaints.push(`item ${item}: change ${place} came when ${highest} was the last that had come`);
    }
    this.#highest.set(item, Math.max(highest, place ?? 0));
  }

  /** A gap was told. */
  gap(shardId: string): void {
    this.gaps += 1;
    this.#gapped.add(shardId);
  }

  /** At the end, when all is read. @returns how many were lost with a gap. */
  finish(): number {
    let lost = 0;
    const inSilence: string[] = [];
    const parents = new Map(
      this.#simulator.shards(this.#tableName).map(({ shardId, parentId }) => [shardId, parentId]),
    );
    // A shard that was gone is told in its own name, or in that of a relative where it was never seen.
    const wasTold = (shardId: string): boolean => {
      for (let at: string | undefined = shardId; at !== undefined; at = parents.get(at))
        if (this.#gapped.has(at)) return true;
      return [...this.#gapped].some((told) => {
        for (let at: string | undefined = told; at !== undefined; at = parents.get(at)) if (at === shardId) return true;
        return false;
      });
    };
    for (const { eventId, shardId, sequenceNumber } of this.#simulator.history(this.#tableName)) {
      if (this.#seen.has(eventId)) continue;
      lost += 1;
      if (!wasTold(shardId)) inSilence.push(`${sequenceNumber} of ${shardId}`);
    }
    if (inSilence.length > 0)
      this.complaints.push(`${inSilence.length} records lost in silence, the first is ${inSilence[0]}`);
    return lost;
  }

  #learn(): void {
    const history = this.#simulator.history(this.#tableName);
    for (let at = this.#places.size; at < history.length; at += 1) {
      const { eventId, key } = history[at] as (typeof history)[number];
      const item = keyOf(key);
      const place = (this.#written.get(item) ?? 0) + 1;
      this.#written.set(item, place);
      this.#places.set(eventId, place);
    }
  }
}

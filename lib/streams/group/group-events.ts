/** What a group tells of itself, and the figures that are made of it. Nobody ever waits for whoever listens. */
import type { SchedulerEvent } from '../scheduler.js';
import type { MemberEvent } from './member-events.js';
import type { WorkEvent } from './work-events.js';

/** One thing that happened in this member of a group: in its place among the others, in its work, in its reading. */
export type GroupEvent = MemberEvent | WorkEvent | SchedulerEvent;

/** Figures of this member since it began. Counts only grow: subtract two readings. */
export interface GroupMetrics {
  /**
   * Age of the oldest record that is known and not done, over all shards that this member owns; 0 when it has caught up. In milliseconds,
   * with the grain of the record's time: a second, of DynamoDB Local a minute.
   */
  readonly iteratorAgeMs: number;
  /** The same, of the shard in the middle. */
  readonly iteratorAgeMsP50: number;
  /** What is left of a day until the oldest of them is removed. Be warned below twelve hours, alarmed below four. */
  readonly timeToTrimMs: number;
  readonly leasesOwned: number;
  readonly members: number;
  readonly parkedShards: number;
  readonly bufferedBytes: number;
  /** Delivered and done. */
  readonly records: number;
  readonly bytes: number;
  readonly batches: number;
  readonly handlerMs: number;
  /** Questions for records, by what came of them. */
  readonly reads: { readonly data: number; readonly empty: number; readonly expired: number; readonly failed: number };
  readonly saves: number;
  readonly savesFailed: number;
  readonly saveMs: number;
  readonly failures: number;
  readonly bisects: number;
  readonly parkedKeys: number;
  readonly deadLetters: number;
  readonly skipped: number;
  readonly gaps: number;
  readonly leasesTaken: { readonly free: number; readonly dead: number; readonly handed: number };
  readonly leasesLost: number;
  readonly selfFenced: number;
}

/** The figures that only grow. */
export type GroupCounts = Omit<
  GroupMetrics,
  'iteratorAgeMs' | 'iteratorAgeMsP50' | 'timeToTrimMs' | 'leasesOwned' | 'parkedShards' | 'bufferedBytes'
>;

type Writable<Figures> = {
  -readonly [Name in keyof Figures]: Figures[Name] extends number ? number : Writable<Figures[Name]>;
};

/** Counts what it is told. */
export class GroupMeter {
  readonly counts: Writable<GroupCounts> = {
    ...{ members: 0, records: 0, bytes: 0, batches: 0, handlerMs: 0, saves: 0, savesFailed: 0, saveMs: 0, failures: 0 },
    ...{ bisects: 0, parkedKeys: 0, deadLetters: 0, skipped: 0, gaps: 0, leasesLost: 0, selfFenced: 0 },
    reads: { data: 0, empty: 0, expired: 0, failed: 0 },
    leasesTaken: { free: 0, dead: 0, handed: 0 },
  };

  count(event: GroupEvent): void {
    const { counts } = this;
    switch (event.type) {
      case 'batch':
        counts.batches += 1;
        counts.records += event.records;
        counts.bytes += event.bytes;
        counts.handlerMs += event.handlerMs;
        break;
      case 'read':
        counts.reads[event.records > 0 ? 'data' : 'empty'] += 1;
        break;
      case 'expired':
        counts.reads.expired += 1;
        break;
      case 'retry':
        counts.reads.failed += 1;
        break;
      case 'saved':
        counts.saves += 1;
        counts.saveMs += event.saveMs;
        break;
      case 'save-failed':
        counts.savesFailed += 1;
        break;
      case 'members':
        counts.members = event.members;
        break;
      case 'lease-taken':
        counts.leasesTaken[event.from] += 1;
        break;
      default:
        this.#countOne(event.type);
    }
  }

  #countOne(type: GroupEvent['type']): void {
    const name = single[type];
    if (name !== undefined) this.counts[name] += 1;
  }
}

const single: {
  readonly [Type in GroupEvent['type']]?:
    | 'failures'
    | 'bisects'
    | 'parkedKeys'
    | 'deadLetters'
    | 'skipped'
    | 'gaps'
    | 'leasesLost'
    | 'selfFenced';
} = {
  failure: 'failures',
  bisect: 'bisects',
  'key-parked': 'parkedKeys',
  'dead-letter': 'deadLetters',
  skipped: 'skipped',
  gap: 'gaps',
  'lease-lost': 'leasesLost',
  'self-fenced': 'selfFenced',
};

/** What is counted and measured of calls, and of what happens below them. No key is an attribute of it: there are too many. */
import type {
  CommitEvent,
  ConflictEvent,
  OperationEvent,
  RetryEvent,
  SettleEvent,
  UnknownEvent,
} from '../atom/index.js';
import type { Meter } from './api.js';
import { callOf, errorTypeOf, hasFailed, placeOf } from './attributes.js';

/** Of the semantic conventions. */
const secondsOfDuration = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const attemptsBounds = [0, 1, 2, 3, 5, 8, 13, 21, 34];
const callersBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096];

/** What is told of on plain channels. */
type Counters = {
  readonly conflict: (event: ConflictEvent) => void;
  readonly retry: (event: RetryEvent) => void;
  readonly settle: (event: SettleEvent) => void;
  readonly commit: (event: CommitEvent) => void;
  readonly unknown: (event: UnknownEvent) => void;
};

export interface Measurements {
  call(event: OperationEvent, seconds: number): void;
  readonly counters: Counters;
}

export function measurementsOf(meter: Meter): Measurements {
  const duration = meter.createHistogram('db.client.operation.duration', {
    description: 'Duration of calls',
    unit: 's',
    advice: { explicitBucketBoundaries: secondsOfDuration },
  });
  const attempts = meter.createHistogram('leyden.operation.attempts', {
    description: 'Writes that were sent with a call in them',
    unit: '{attempt}',
    advice: { explicitBucketBoundaries: attemptsBounds },
  });
  const units = meter.createCounter('leyden.units', {
    description: 'Capacity units by the rule for item sizes, of calls that were waited for',
    unit: '{unit}',
  });
  return {
    call(event, seconds) {
      const call = callOf(event);
      duration.record(seconds, hasFailed(event) ? { ...call, 'error.type': errorTypeOf(event.error) } : call);
      if (event.kind === 'swap' || event.kind === 'transact') attempts.record(event.attempts, call);
      if (event.readUnits > 0) units.add(event.readUnits, { ...placeOf(event.table), 'leyden.unit': 'read' });
      if (event.writeUnits > 0) units.add(event.writeUnits, { ...placeOf(event.table), 'leyden.unit': 'write' });
    },
    counters: countersOf(meter),
  };
}

function countersOf(meter: Meter): Counters {
  const counter = (name: string, description: string, unit: string) => meter.createCounter(name, { description, unit });
  const conflicts = counter('leyden.conflicts', 'Writes that lost their race', '{conflict}');
  const retries = counter('leyden.retries', 'Requests that were sent again after a pause', '{retry}');
  const settlements = counter('leyden.settlements', 'Unclear writes that were settled, or given up', '{write}');
  const unknowns = counter('leyden.unknown_outcomes', 'Calls that were told that nobody knows', '{call}');
  const callers = meter.createHistogram('leyden.commit.callers', {
    description: 'Calls that one write carried',
    unit: '{call}',
    advice: { explicitBucketBoundaries: callersBounds },
  });
  return {
    conflict: ({ table }) => conflicts.add(1, placeOf(table)),
    retry: ({ table, obstacle }) => retries.add(1, { ...placeOf(table), 'leyden.obstacle': obstacle }),
    settle: ({ table, verdict }) => settlements.add(1, { ...placeOf(table), 'leyden.verdict': verdict }),
    commit: (event) => callers.record(event.callers, placeOf(event.table)),
    unknown: ({ table, action }) => unknowns.add(1, { ...placeOf(table), 'db.operation.name': action }),
  };
}

/**
 * How a simulated stream misbehaves: each switch is one thing that the service was seen doing, or is allowed to do.
 *
 * Chances are from 0 to 1, ranges are milliseconds `[shortest, longest]`. `calm` is what DynamoDB Local is like, and what a spec starts
 * from that turns on one thing; `service` is what is known of the service; `hostile` does everything, far more often.
 */

/** Shortest and longest. */
export type Range = readonly [number, number];

/** All switches. */
export interface StreamCaprices {
  /** How long after its write a record can be read. Records of a shard come in order whatever it is. */
  readonly visibleMs: Range;
  /** How long after its opening a shard is listed, and by itself how long after its closing it is listed as closed. */
  readonly listingLagMs: Range;
  /** Chance that this takes `longLagMs` instead. */
  readonly longLag: number;
  readonly longLagMs: Range;
  /** Each page of a listing is up to this old: pages belong to no one instant, and what was listed may be missing the next time. */
  readonly staleListingMs: Range;
  /** Chance that a page lists shards again that had gone. */
  readonly ghosts: number;
  /** Chance that the last page names a next one, which is empty. */
  readonly danglingPages: number;
  /** `false`: the question for a shard's children is always answered with none, as DynamoDB Local does. */
  readonly childFilter: boolean;
  /** Chance that the question for a shard's children fails. */
  readonly childrenFail: number;
  /** Chance that a page of records is empty though there are some; never more than four in a row. */
  readonly emptyPages: number;
  /** Chance that a page of records is shorter than it could be. */
  readonly shortPages: number;
  /** What the last page of a closed shard is: with the last records, or one more that is empty. */
  readonly lastPage: 'with-records' | 'empty' | 'either';
  /** Who says that records are gone: GetShardIterator or GetRecords. */
  readonly trimmedAt: 'iterator' | 'records' | 'either';
  /** Whether a position right before the oldest record is refused as trimmed though nothing is lost, as DynamoDB Local does. */
  readonly strictTrim: boolean;
  /** Chance that LATEST is fixed later than it is asked for, by up to `softLatestMs`, or until its first page is asked for. */
  readonly softLatest: number;
  readonly softLatestMs: Range;
  /** Refuses what is over the rates of GetRecords and DescribeStream. */
  readonly throttle: boolean;
  /** Refuses more readers than a shard bears. */
  readonly refuseReaders: boolean;
  /** Chance that a call fails with the server's fault. */
  readonly serverFaults: number;
  /** Chance that a call is carried out and its answer is lost. */
  readonly lostAnswers: number;
  /** How long a call takes. */
  readonly latencyMs: Range;
  /** Chance that it takes `slowCallMs` instead. */
  readonly slowCalls: number;
  readonly slowCallMs: Range;
  /** Chance that a shard splits where it would roll. */
  readonly splits: number;
  /** Writes to one shard within a second that split it. */
  readonly splitAbovePerSecond: number;
}

/** Named sets of switches. */
export type StreamCapriceProfile = 'calm' | 'service' | 'hostile';

const calm: StreamCaprices = {
  visibleMs: [0, 0],
  listingLagMs: [0, 0],
  longLag: 0,
  longLagMs: [60_000, 60_000],
  staleListingMs: [0, 0],
  ghosts: 0,
  danglingPages: 0,
  childFilter: true,
  childrenFail: 0,
  emptyPages: 0,
  shortPages: 0,
  lastPage: 'with-records',
  trimmedAt: 'iterator',
  strictTrim: false,
  softLatest: 0,
  softLatestMs: [50, 2_000],
  throttle: false,
  refuseReaders: false,
  serverFaults: 0,
  lostAnswers: 0,
  latencyMs: [0, 0],
  slowCalls: 0,
  slowCallMs: [500, 5_000],
  splits: 0,
  splitAbovePerSecond: Number.POSITIVE_INFINITY,
};

const service: StreamCaprices = {
  ...calm,
  visibleMs: [5, 500],
  listingLagMs: [0, 5_000],
  longLag: 0.02,
  staleListingMs: [0, 1_000],
  ghosts: 0.02,
  danglingPages: 0.05,
  childrenFail: 0.01,
  emptyPages: 0.1,
  shortPages: 0.1,
  lastPage: 'either',
  trimmedAt: 'either',
  softLatest: 0.1,
  throttle: true,
  refuseReaders: true,
  serverFaults: 0.002,
  lostAnswers: 0.002,
  latencyMs: [2, 20],
  slowCalls: 0.002,
  splits: 0.1,
};

const hostile: StreamCaprices = {
  ...service,
  longLag: 0.2,
  staleListingMs: [0, 5_000],
  ghosts: 0.2,
  danglingPages: 0.3,
  childrenFail: 0.3,
  emptyPages: 0.4,
  shortPages: 0.4,
  strictTrim: true,
  softLatest: 0.7,
  serverFaults: 0.1,
  lostAnswers: 0.1,
  slowCalls: 0.05,
  splits: 0.4,
};

const profiles: Readonly<Record<StreamCapriceProfile, StreamCaprices>> = { calm, service, hostile };

/**
 * The switches of a profile, with some of them set otherwise.
 *
 * @throws {RangeError} an unknown profile, a chance outside 0 to 1, a range that is none.
 */
export function streamCaprices(
  profile: StreamCapriceProfile = 'calm',
  changed: Partial<StreamCaprices> = {},
): StreamCaprices {
  const base = profiles[profile];
  if (base === undefined) throw new RangeError(`Cannot simulate streams: there is no profile ${String(profile)}`);
  const caprices = { ...base, ...changed };
  for (const [name, value] of Object.entries(caprices)) {
    if (!Object.hasOwn(calm, name)) throw new RangeError(`Cannot simulate streams: there is no switch ${name}`);
    if (Array.isArray(value)) {
      if (value.length === 2 && value[0] >= 0 && value[1] >= value[0]) continue;
      throw new RangeError(`Cannot simulate streams: ${name} must be [shortest, longest]: ${value.join(', ')}`);
    }
    const max = name === 'splitAbovePerSecond' ? Number.POSITIVE_INFINITY : 1;
    if (typeof value !== 'number' || (value >= 0 && value <= max)) continue;
    throw new RangeError(`Cannot simulate streams: ${name} must be a chance from 0 to 1: ${value}`);
  }
  return caprices;
}

/**
 * Which request meets which fault: pure data and one seeded draw, no network.
 *
 * A rule names a fault, the operations it strikes, and how often. For every request the first rule that strikes wins.
 * Each rule draws once for each request it is about, struck or not, so the choice depends on the seed and the order of
 * requests alone.
 */

import { seededRandom } from '../engine/index.js';

/** What can happen to a request on its way. "Before" = the engine never sees it; "after" = the engine has carried it out. */
export type FaultKind =
  /** Connection reset (RST), before. */
  | 'reset-before'
  /** Connection reset (RST), after. */
  | 'reset-after'
  /** Connection closed (FIN) without an answer, before. */
  | 'close-before'
  /** Connection closed (FIN) without an answer, after. */
  | 'close-after'
  /** Half of the answer's body, then closed; after. */
  | 'cut-body'
  /** No answer, the connection stays open; before. */
  | 'swallow-before'
  /** No answer, the connection stays open; after. */
  | 'swallow-after'
  /** The engine gets the request twice; `answer` says whose answer the client gets; `delayMs`: the second copy that late. */
  | 'duplicate'
  /** Reset now; the request reaches the engine `delayMs` later (writes only, by default 0 to 5 s). */
  | 'late'
  /** A 5xx answer, JSON (of S3, XML) or HTML, before. */
  | '5xx-before'
  /** A 5xx answer, JSON or HTML, after. */
  | '5xx-after'
  /** 400 ProvisionedThroughputExceededException, before; of S3, 503 SlowDown. */
  | 'throttle'
  /** 400 TransactionConflictException, or a transaction cancelled for TransactionConflict; of S3, 409; before. */
  | 'conflict'
  /** Held for `delayMs` (by default 50 ms to 2 s), on the way there or on the way back. */
  | 'delay'
  /** A GetItem that is not consistent gets an older answer of the same GetItem, where one is remembered. */
  | 'stale'
  /** The answer given in `canned`, before, or after with `applied: true`. */
  | 'answer'
  /** One byte of the answer's body is another one (by default of GetObject only: who else has checksums?); after. */
  | 'alter-body'
  /** Half of the answer's body, with the length that fits it (by default of GetObject only); after. */
  | 'shorten-body'
  /** One byte of the request's body is another one when the engine gets it (by default of PutObject only). */
  | 'alter-request';

/** An answer made up by a rule of kind `answer`. */
export interface CannedAnswer {
  readonly status: number;
  /** Name of the error; makes the usual JSON body, of S3 the usual XML. */
  readonly type?: string | undefined;
  readonly message?: string | undefined;
  /** Further members of the JSON body, for instance `CancellationReasons`. */
  readonly members?: Readonly<Record<string, unknown>> | undefined;
  /** The whole body in place of JSON: HTML, or nothing at all. */
  readonly body?: string | undefined;
  /** Send it to the engine first. @defaultValue false */
  readonly applied?: boolean | undefined;
}

/** Operations by name, of DynamoDB or of S3, or the usual groups; `streams`: what readers of streams ask. */
export type FaultOperations = 'reads' | 'writes' | 'data' | 'streams' | 'all' | readonly string[];

/** One rule. */
export interface FaultRule {
  readonly fault: FaultKind;
  /** @defaultValue `data`: reads and writes of items, not of tables; `late` and `conflict`: `writes`; `stale`: GetItem */
  readonly operations?: FaultOperations | undefined;
  /** Only requests whose path has this in it: of S3, the key of the object. @defaultValue all */
  readonly path?: string | undefined;
  /** Chance for each request of these operations, 0 to 1. @defaultValue 1 */
  readonly probability?: number | undefined;
  /** Lets this many of them pass first. @defaultValue 0 */
  readonly skip?: number | undefined;
  /** Strikes this often at most. @defaultValue no limit */
  readonly times?: number | undefined;
  /** Shortest and longest delay of `delay`, `late` and `duplicate`, in milliseconds. */
  readonly delayMs?: readonly [number, number] | undefined;
  /** Whose answer to a `duplicate` the client gets. @defaultValue either */
  readonly answer?: 'first' | 'second' | undefined;
  /** Body of `5xx-before` and `5xx-after`. @defaultValue either */
  readonly body?: 'json' | 'html' | undefined;
  /** Side on which `delay` holds the request. @defaultValue either */
  readonly side?: 'before' | 'after' | undefined;
  /** The answer of kind `answer`. */
  readonly canned?: CannedAnswer | undefined;
}

/** A fault chosen for one request, all dice thrown. */
export interface ChosenFault {
  readonly kind: FaultKind;
  readonly delayMs: number;
  /** One more draw for the choice between two forms: below 0.5 the first. */
  readonly coin: number;
  readonly rule: FaultRule;
}

const writes: readonly string[] = [
  ...['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'TransactWriteItems'],
  ...['PutObject', 'DeleteObject', 'DeleteObjects'],
];
const reads: readonly string[] = [
  ...['GetItem', 'BatchGetItem', 'Query', 'Scan', 'TransactGetItems'],
  ...['GetObject', 'HeadObject', 'ListObjectsV2'],
];
const data: readonly string[] = [...reads, ...writes];
export const streamsOperations: readonly string[] = ['DescribeStream', 'GetShardIterator', 'GetRecords', 'ListStreams'];

const defaultOperations: Partial<Record<FaultKind, FaultOperations>> = {
  late: 'writes',
  conflict: 'writes',
  stale: ['GetItem'],
  'alter-body': ['GetObject'],
  'shorten-body': ['GetObject'],
  'alter-request': ['PutObject'],
};
const defaultDelays: Partial<Record<FaultKind, readonly [number, number]>> = {
  late: [0, 5_000],
  delay: [50, 2_000],
};

function isAbout(rule: FaultRule, operation: string, path: string): boolean {
  if (rule.path !== undefined && !path.includes(rule.path)) return false;
  const operations = rule.operations ?? defaultOperations[rule.fault] ?? 'data';
  if (operations === 'all') return true;
  if (operations === 'data') return data.includes(operation);
  if (operations === 'streams') return streamsOperations.includes(operation);
  if (operations === 'reads') return reads.includes(operation);
  return (operations === 'writes' ? writes : operations).includes(operation);
}

/** Chooses a fault, or none, for one request after the other. */
export type FaultChooser = (operation: string, path?: string) => ChosenFault | undefined;

/** Makes the seeded chooser of `rules`. Throws a `RangeError` for a probability outside 0 to 1. */
export function chooser(rules: readonly FaultRule[], seed: number): FaultChooser {
  for (const { probability = 1 } of rules) {
    if (!(probability >= 0 && probability <= 1)) {
      throw new RangeError(`Choosing faults: probability is ${probability}, must be 0 to 1`);
    }
  }
  const source = seededRandom(seed);
  const counts = rules.map(() => ({ met: 0, struck: 0 }));
  return (operation, path = '/') => {
    let chosen: ChosenFault | undefined;
    rules.forEach((rule, index) => {
      const count = counts[index];
      if (count === undefined || !isAbout(rule, operation, path)) return;
      const [draw, wait, coin] = [source.next(), source.next(), source.next()];
      count.met += 1;
      if (chosen !== undefined || count.met <= (rule.skip ?? 0) || count.struck >= (rule.times ?? Infinity)) return;
      if (draw >= (rule.probability ?? 1)) return;
      count.struck += 1;
      const [shortest, longest] = rule.delayMs ?? defaultDelays[rule.fault] ?? [0, 0];
      chosen = { kind: rule.fault, delayMs: shortest + wait * (longest - shortest), coin, rule };
    });
    return chosen;
  };
}

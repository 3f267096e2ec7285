/**
 * What each feature of the library asks of the service: the smallest set of actions with which it works.
 *
 * `spec/infra/least-privilege.spec.ts` runs every feature and compares: no action is missing here, and none is superfluous. Two
 * things are taken from the service's documentation instead, since no local engine has them: reading a stream, and keys that
 * encrypt at rest.
 *
 * The actions of a transaction are those of the writes in it (`PutItem` for a put): there is no action `TransactWriteItems`.
 */

/** A part of the library, as far as its permissions go. */
export type Feature =
  /** `deref`, `peek`, `snapshot`. */
  | 'read'
  /** `swap`, `reset`, `compareAndSet`, `delete` and their like, on the whole or on parts; reading. */
  | 'write'
  /** `commute`. */
  | 'commute'
  /** `transact`. */
  | 'transact'
  /** Calls with an `opId`: their receipts. */
  | 'once'
  /** Values that do not fit their item, as the default `large: 'parts'` stores them: their parts. */
  | 'large-values'
  /** `watch`, `addWatch`, `waitFor`, by polling. */
  | 'watch'
  /** `getMany`. */
  | 'batch-read'
  /** `putMany`, `deleteMany`. */
  | 'batch-write'
  /** `keys`, `scan`. */
  | 'scan'
  /** `keys` and `scan` with `pk`, in a table with a sort key. */
  | 'scan-partition'
  /** `query`. */
  | 'query'
  /** `query` with `fresh`. */
  | 'query-fresh'
  /** Recipes: locks, elections, semaphores and the rest; what they do inside `transact` needs that as well. */
  | 'recipes'
  /** Prevalent systems: opening read-only, following, the past. */
  | 'prevalence-read'
  /** Prevalent systems: handling events, snapshots. */
  | 'prevalence'
  /** Prevalent systems: removing what the retention does not keep. */
  | 'prevalence-prune'
  /** Event stores: `read`, `load`, `info`, `exists`, `subscribe`, `readAll` and `subscribeAll` of an ordered category. */
  | 'events-read'
  /** Event stores: `append`, `appendAll`, ordered categories, `archive`, `unarchive`; reading. */
  | 'events-append'
  /** Event stores: all of these, `execute` with its snapshots, `delete`, `prune`. */
  | 'events'
  /** Event stores: `streams`, and `readAll` without an order. */
  | 'events-list'
  /** Views of event stores: `project`, `rebuild`, reading them. */
  | 'events-views'
  /** `sweep`. */
  | 'sweep'
  /** `sweepParts`. */
  | 'sweep-parts'
  /** `verify`. */
  | 'verify'
  /** `create`, `ensure`. */
  | 'create'
  /** Reading the table's stream, which is found by the description of the table. */
  | 'stream'
  /** Consumer groups: what lies in their coordination table; `stream` of the watched one is needed as well, and `transact` for what handlers only read in transactions. */
  | 'consumer-group';

/** Actions by what they are done to. */
export interface Permissions {
  /** Done to single items, named by their keys. */
  readonly items?: readonly string[];
  /** Done to all items. */
  readonly scans?: readonly string[];
  /** Done to the table, not to items. */
  readonly settings?: readonly string[];
  /** Done to the secondary indexes. */
  readonly indexes?: readonly string[];
  /** Done to the stream. */
  readonly stream?: readonly string[];
  /** Keys of items that the library keeps beside those of the atoms, as patterns; a role's `leadingKeys` do not name them. */
  readonly ownKeys?: readonly string[];
}

export const permissions: Readonly<Record<Feature, Permissions>> = {
  read: { items: ['GetItem'] },
  write: { items: ['GetItem', 'PutItem'] },
  commute: { items: ['GetItem', 'PutItem', 'UpdateItem'] },
  transact: { items: ['ConditionCheckItem', 'GetItem', 'PutItem'] },
  once: { items: ['ConditionCheckItem', 'GetItem', 'PutItem'], ownKeys: ['~op:*'] },
  'large-values': { items: ['DeleteItem', 'GetItem', 'PutItem', 'UpdateItem'], ownKeys: ['~part:*'] },
  watch: { items: ['BatchGetItem'] },
  'batch-read': { items: ['BatchGetItem'] },
  'batch-write': { items: ['BatchGetItem', 'GetItem', 'PutItem'] },
  scan: { scans: ['Scan'] },
  'scan-partition': { items: ['Query'] },
  query: { indexes: ['Query'] },
  'query-fresh': { indexes: ['Query'], items: ['BatchGetItem'] },
  recipes: { items: ['BatchGetItem', 'GetItem', 'PutItem', 'UpdateItem'] },
  'prevalence-read': { items: ['BatchGetItem', 'GetItem'] },
  prevalence: { items: ['BatchGetItem', 'GetItem', 'PutItem'] },
  'prevalence-prune': { items: ['DeleteItem', 'GetItem', 'PutItem'] },
  'events-read': { items: ['BatchGetItem', 'GetItem'] },
  'events-append': { items: ['BatchGetItem', 'GetItem', 'PutItem'] },
  events: { items: ['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem'] },
  'events-list': { items: ['GetItem'], scans: ['Scan'] },
  'events-views': { items: ['BatchGetItem', 'GetItem', 'PutItem'], scans: ['Scan'] },
  sweep: { items: ['DeleteItem'], scans: ['Scan'] },
  'sweep-parts': { items: ['DeleteItem', 'GetItem', 'PutItem'], scans: ['Scan'] },
  verify: { settings: ['DescribeTable', 'DescribeTimeToLive'] },
  create: { settings: ['CreateTable', 'DescribeTable', 'DescribeTimeToLive', 'UpdateTimeToLive'] },
  stream: { settings: ['DescribeTable'], stream: ['DescribeStream', 'GetRecords', 'GetShardIterator'] },
  'consumer-group': { items: ['GetItem', 'PutItem', 'Query', 'UpdateItem'] },
};

/** All features. */
export const features: readonly Feature[] = Object.keys(permissions) as Feature[];

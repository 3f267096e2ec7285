/**
 * The narrow port to the place where items live.
 *
 * Everything above this file (atoms, journals, recipes) sends nothing but these requests and sees nothing but these
 * answers. Behind it stand the AWS SDK (`sdk.ts`), a seeded engine in memory (`memory.ts`) and a wrapper that loses,
 * doubles and delays (`faults.ts`). One contract suite holds them all to the same behaviour.
 *
 * The rule that shapes it: **a write has four answers, not two**. `applied` and `condition-failed` were judged by the
 * store. `not-applied` is a refusal that proves that this write never took effect and never will. `unclear` is all else:
 * it may have taken effect, or may still. A failure that looks definite is believed only if exactly one copy of the
 * request was sent; `resent` tells that the transport (the SDK's own retries, a proxy) may have sent more.
 *
 * Writes never throw for what the store or the network did; they throw for a programming error only. Reads throw what
 * happened, and `isTransient` of `outcome.ts` says whether asking again makes sense.
 */
import type { AttributeValue, Item } from '../codec/index.js';

/** An expression with its placeholders, in DynamoDB's own syntax. */
export interface Expression {
  readonly expression: string;
  /** `#name` placeholders. */
  readonly names?: Readonly<Record<string, string>>;
  /** `:value` placeholders. */
  readonly values?: Readonly<Record<string, AttributeValue>>;
}

/** Options of every request. */
export interface SendOptions {
  /** Gives up waiting. A write that was already on its way ends `unclear`; a read rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

export interface GetRequest {
  readonly table: string;
  readonly key: Item;
  /** Strongly consistent when `true`. */
  readonly consistent: boolean;
}

export interface BatchGetRequest {
  readonly table: string;
  /** At most 100 distinct keys. */
  readonly keys: readonly Item[];
  readonly consistent: boolean;
}

/** Items come in no particular order; `unprocessed` keys were not looked up. */
export interface BatchGetAnswer {
  readonly items: readonly Item[];
  readonly unprocessed: readonly Item[];
}

export interface PutRequest {
  readonly table: string;
  readonly item: Item;
  readonly condition?: Expression | undefined;
}

/** `update` and `condition` share one name space of placeholders; the same placeholder must mean the same in both. */
export interface UpdateRequest {
  readonly table: string;
  readonly key: Item;
  readonly update: Expression;
  readonly condition?: Expression | undefined;
}

export interface DeleteRequest {
  readonly table: string;
  readonly key: Item;
  readonly condition?: Expression | undefined;
}

export interface BatchWriteRequest {
  readonly table: string;
  /** Puts and deletes, at most 25 together. */
  readonly puts?: readonly Item[];
  readonly deletes?: readonly Item[];
}

/** Why a write certainly did not take effect. */
export type RefusalKind =
  /** Throttled: back off, then try again. */
  | 'throttled'
  /** Another transaction or replicated write was in the way: try again soon. */
  | 'conflict'
  /** Never reached a server (name not found, connection refused). */
  | 'unreachable'
  /** Refused for good: validation, access, missing table, size. */
  | 'refused';

/** What became of a write. */
export type WriteAnswer =
  /** Judged and done. `image` is the item after an update; for put and delete it is absent. */
  | { readonly status: 'applied'; readonly image?: Item | undefined }
  /**
   * Judged: the condition did not hold *for one copy of this request*. `image` is the item that it met, where the
   * engine returns it; `undefined` means "not told", never "no item". With `resent` an earlier copy may have been applied.
   */
  | { readonly status: 'condition-failed'; readonly image?: Item | undefined; readonly resent: boolean }
  /** Certainly not done, now or later. */
  | { readonly status: 'not-applied'; readonly kind: RefusalKind; readonly error: Error }
  /** Perhaps done, perhaps still to be done. */
  | { readonly status: 'unclear'; readonly error: Error };

/** `unprocessed` names what was certainly not done; `unclear` as for single writes. */
export type BatchWriteAnswer =
  | {
      readonly status: 'applied';
      readonly unprocessedPuts: readonly Item[];
      readonly unprocessedDeletes: readonly Item[];
    }
  | { readonly status: 'not-applied'; readonly kind: RefusalKind; readonly error: Error }
  | { readonly status: 'unclear'; readonly error: Error };

export interface QueryRequest {
  readonly table: string;
  readonly index?: string;
  readonly keyCondition: Expression;
  readonly filter?: Expression;
  readonly consistent: boolean;
  readonly forward?: boolean;
  readonly limit?: number | undefined;
  readonly startKey?: Item | undefined;
  /** Top-level attributes to bring along; absent: all. What is read, and paid for, is the whole item. */
  readonly projection?: readonly string[] | undefined;
}

export interface ScanRequest {
  readonly table: string;
  readonly filter?: Expression;
  readonly consistent: boolean;
  readonly limit?: number | undefined;
  readonly startKey?: Item | undefined;
  readonly segment?: number | undefined;
  readonly segments?: number | undefined;
  /** Top-level attributes to bring along; absent: all. What is read, and paid for, is the whole item. */
  readonly projection?: readonly string[] | undefined;
}

/** One page. Empty pages with a `nextKey` are legal: go on until `nextKey` is `undefined`. */
export interface PageAnswer {
  readonly items: readonly Item[];
  readonly nextKey?: Item | undefined;
}

/** One action of a transaction. */
export type TransactAction =
  | ({ readonly kind: 'put' } & PutRequest)
  | ({ readonly kind: 'update' } & UpdateRequest)
  | ({ readonly kind: 'delete' } & DeleteRequest)
  | { readonly kind: 'check'; readonly table: string; readonly key: Item; readonly condition: Expression };

export interface TransactWriteRequest {
  readonly actions: readonly TransactAction[];
  /** ClientRequestToken: the same token with the same actions is applied once within ten minutes. */
  readonly token: string;
}

/** Why one action stood in a transaction's way; `None` for the innocent ones. */
export interface CancellationReason {
  readonly code: string;
  readonly message?: string | undefined;
  readonly image?: Item | undefined;
}

export type TransactWriteAnswer =
  | { readonly status: 'applied' }
  | { readonly status: 'cancelled'; readonly reasons: readonly CancellationReason[]; readonly resent: boolean }
  | { readonly status: 'not-applied'; readonly kind: RefusalKind; readonly error: Error }
  | { readonly status: 'unclear'; readonly error: Error };

export interface TransactGetRequest {
  readonly gets: readonly { readonly table: string; readonly key: Item }[];
}

export type StreamViewType = 'KEYS_ONLY' | 'NEW_IMAGE' | 'OLD_IMAGE' | 'NEW_AND_OLD_IMAGES';

export interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
}

export type Billing =
  | { readonly mode: 'on-demand' }
  | { readonly mode: 'provisioned'; readonly readUnits: number; readonly writeUnits: number };

export interface SecondaryIndex {
  readonly name: string;
  readonly partitionKey: KeyAttribute;
  readonly sortKey?: KeyAttribute | undefined;
}

export interface CreateTableRequest {
  readonly table: string;
  readonly partitionKey: KeyAttribute;
  readonly sortKey?: KeyAttribute | undefined;
  readonly billing: Billing;
  readonly streamViewType?: StreamViewType | undefined;
  /** Global secondary indexes, all attributes projected. */
  readonly indexes?: readonly SecondaryIndex[] | undefined;
}

/** What a table is; `undefined` where it does not exist. */
export interface TableDescription {
  readonly status: string;
  readonly partitionKey: KeyAttribute;
  readonly sortKey?: KeyAttribute | undefined;
  readonly billingMode: 'on-demand' | 'provisioned';
  readonly streamArn?: string | undefined;
  readonly streamViewType?: StreamViewType | undefined;
  /** `none`, or how a global table replicates: `eventual` = last writer wins, `strong` = multi-Region strong consistency. */
  readonly replication: 'none' | 'eventual' | 'strong';
}

export interface TimeToLiveDescription {
  readonly enabled: boolean;
  readonly attribute?: string | undefined;
}

/** What requests cost so far. Counts only grow; subtract two readings. */
export interface Spent {
  /** Requests handed to the transport. */
  readonly requests: number;
  /** Copies that the transport says it sent; at least one a request. */
  readonly attempts: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  /** Conditional writes that were judged and failed. Their units are in `writeUnits`, by rule where the engine does not report them. */
  readonly conditionsFailed: number;
  readonly throttled: number;
  readonly unclear: number;
}

/** The port. Optional capabilities answer `not-applied`/throw an error named `UnknownOperationException` where absent. */
export interface Engine {
  /** A name for messages: `sdk`, `memory`, … */
  readonly name: string;
  /** What this engine object has spent since it was made. */
  spent(): Spent;
  /**
   * Whether `transactWrite` and `transactGet` are there. Costs nothing where that is known, else one request that touches
   * nothing; rejects, as a read does, when there was no answer.
   */
  supportsTransactions(options?: SendOptions): Promise<boolean>;

  get(request: GetRequest, options?: SendOptions): Promise<Item | undefined>;
  batchGet(request: BatchGetRequest, options?: SendOptions): Promise<BatchGetAnswer>;
  put(request: PutRequest, options?: SendOptions): Promise<WriteAnswer>;
  update(request: UpdateRequest, options?: SendOptions): Promise<WriteAnswer>;
  delete(request: DeleteRequest, options?: SendOptions): Promise<WriteAnswer>;
  batchWrite(request: BatchWriteRequest, options?: SendOptions): Promise<BatchWriteAnswer>;
  query(request: QueryRequest, options?: SendOptions): Promise<PageAnswer>;
  scan(request: ScanRequest, options?: SendOptions): Promise<PageAnswer>;
  transactWrite(request: TransactWriteRequest, options?: SendOptions): Promise<TransactWriteAnswer>;
  transactGet(request: TransactGetRequest, options?: SendOptions): Promise<readonly (Item | undefined)[]>;

  describeTable(table: string, options?: SendOptions): Promise<TableDescription | undefined>;
  /** Rejects with an error named `ResourceInUseException` when the table exists. */
  createTable(request: CreateTableRequest, options?: SendOptions): Promise<void>;
  deleteTable(table: string, options?: SendOptions): Promise<void>;
  describeTimeToLive(table: string, options?: SendOptions): Promise<TimeToLiveDescription>;
  updateTimeToLive(table: string, attribute: string, options?: SendOptions): Promise<void>;
}

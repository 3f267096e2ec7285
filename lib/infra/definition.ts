/** What a definition of a table is. Plain data; `define-table.ts` makes it. */
import type { AttributeNames } from '../atom/index.js';
import type { Billing, SecondaryIndex, StreamViewType } from '../engine/index.js';
import type { Feature } from './features.js';

/** The key that encrypts the table at rest: the service's own, the account's `aws/dynamodb`, or one of yours. */
export type EncryptionAtRest = 'aws-owned' | 'aws-managed' | { readonly kmsKeyArn: string };

/** What somebody who uses the table may do. */
export interface Role {
  readonly features: readonly Feature[];
  /**
   * Limits the role to items whose partition key matches one of these patterns (`*` any text, `?` any character), by the condition
   * `dynamodb:LeadingKeys`. Patterns are of canonical keys: a plain string stands for itself. With `once` and `large-values` the items
   * that the library keeps of all atoms are added, receipts and parts, as their keys do not tell whose they are.
   * @defaultValue all items
   */
  readonly leadingKeys?: readonly string[] | undefined;
}

/** Options of {@link defineTable}. */
export interface TableDefinitionOptions {
  readonly tableName: string;
  /**
   * Names the table in a CloudFormation template, and the class of the CDK construct.
   * @defaultValue made of `tableName`: `order-state` is `OrderStateTable`
   */
  readonly logicalId?: string | undefined;
  /**
   * Name of the partition key attribute (a string), as for `AtomTable`.
   * @defaultValue 'id'
   */
  readonly keyName?: string | undefined;
  /** Name of the sort key attribute (a string), as for `AtomTable`. @defaultValue no sort key */
  readonly sortKeyName?: string | undefined;
  /** Other names for the attributes of the item format, as for `AtomTable`. */
  readonly attributeNames?: Partial<AttributeNames> | undefined;
  /**
   * Whether the service removes tombstones and what expired.
   * @defaultValue true
   */
  readonly timeToLive?: boolean | undefined;
  /** Turns the stream on with this view. @defaultValue no stream */
  readonly streamViewType?: StreamViewType | undefined;
  /** Global secondary indexes over key and index attributes, all attributes projected. */
  readonly indexes?: readonly SecondaryIndex[] | undefined;
  /** @defaultValue `{ mode: 'on-demand' }` */
  readonly billing?: Billing | undefined;
  /**
   * Continuous backups, from which the table can be restored to any second of the last 35 days.
   * @defaultValue true
   */
  readonly pointInTimeRecovery?: boolean | undefined;
  /**
   * Refuses `DeleteTable`, and keeps the table when the stack that made it goes.
   * @defaultValue true
   */
  readonly deletionProtection?: boolean | undefined;
  /** @defaultValue 'aws-owned' */
  readonly encryption?: EncryptionAtRest | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Who may do what: a policy is written for each. `{ App: ['read', 'write'] }` */
  readonly roles?: Readonly<Record<string, readonly Feature[] | Role>> | undefined;
}

/** A table, defined. Made by {@link defineTable}. */
export interface TableDefinition {
  readonly tableName: string;
  readonly logicalId: string;
  readonly keyName: string;
  readonly sortKeyName: string | undefined;
  readonly attributeNames: AttributeNames;
  /** The attribute that the service expires by; `undefined`: none. */
  readonly timeToLiveAttribute: string | undefined;
  readonly streamViewType: StreamViewType | undefined;
  readonly indexes: readonly SecondaryIndex[];
  readonly billing: Billing;
  readonly pointInTimeRecovery: boolean;
  readonly deletionProtection: boolean;
  readonly encryption: EncryptionAtRest;
  readonly tags: Readonly<Record<string, string>>;
  readonly roles: Readonly<Record<string, Role>>;
}

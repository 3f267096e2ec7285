/**
 * Fencing for an item of your own: the condition that an old token does not meet, and the two attributes that remember the newest.
 *
 *   attribute_not_exists(fence) OR (fenceOf = 'lock:invoices' AND fence <= 7)        ->  SET fence = 7, fenceOf = 'lock:invoices'
 *
 * Both must be in the same request as the data. A condition without the assignment lets older tokens in again; an assignment without the
 * condition does nothing at all.
 */
import { type Fence, refusalOf, requireFence, type SeenToken } from './fence.js';
import type { FenceMismatchError, StaleTokenError } from './fence-errors.js';

/** Options of {@link fenceCondition}. */
export interface FenceConditionOptions {
  /**
   * The client that sends it: `document` for `DynamoDBDocumentClient`, whose values are plain; `plain` for `DynamoDBClient`, whose
   * values are `{ N: '7' }`.
   * @defaultValue 'document'
   */
  readonly client?: 'document' | 'plain';
  /**
   * The attribute for the newest token seen, a number; all programs that write the item must agree.
   * @defaultValue 'fence'
   */
  readonly tokenAttribute?: string;
  /**
   * The attribute for what the token is of, a string.
   * @defaultValue 'fenceOf'
   */
  readonly lockAttribute?: string;
}

/** A value of the plain client. */
export type FenceAttribute = { readonly N: string } | { readonly S: string };

/** What {@link fenceCondition} gives. `Value` is that of the client. */
export interface FenceCondition<Value> {
  /** What the item must fulfil; in brackets, so that `AND` may follow. True where there is no item. */
  readonly condition: string;
  /** The attributes that every write has to set, as they follow `SET` in an update expression. */
  readonly assignments: string;
  /** The same attributes with their values, for the item of a put. */
  readonly attributes: Readonly<Record<string, Value>>;
  /** `ExpressionAttributeNames` of the condition and the assignments. */
  readonly names: Readonly<Record<string, string>>;
  /** `ExpressionAttributeValues` of the condition and the assignments. */
  readonly values: Readonly<Record<string, Value>>;
  /**
   * Why `item` does not meet it; `undefined` when it does, and some other condition failed, and when there is no `item`. Takes what came
   * as `error.Item` of a request with `ReturnValuesOnConditionCheckFailure: 'ALL_OLD'`, from either client. Where none came (the request did not ask
   * for it; dynalite never sends it), read the item.
   */
  refusal(item: Readonly<Record<string, unknown>> | undefined): StaleTokenError | FenceMismatchError | undefined;
}

/**
 * What a put or update of an item of your own needs to be refused once a later holder has written, also in `TransactWriteItems`. Sends
 * nothing.
 *
 * **Guarantee.** If all programs that write the item do so with it, the token in the item never decreases, so an older holder's write
 * fails with `ConditionalCheckFailedException`, however late it arrives.
 *
 * **It can not** make your write exactly once: an answer that is lost leaves you with not knowing, and a copy that the SDK sends again meets
 * its own token and is accepted. An item that is *deleted* has no token any more, and takes any: mark it as deleted instead.
 *
 * @throws TypeError, RangeError for what is no fence; what `grant.assertHeld()` throws.
 *
 * @example
 * ```ts
 * import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
 * import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
 * import { AtomTable } from 'leyden-jar';
 * import { startEmbedded } from 'leyden-jar/embedded';
 * import { fenceCondition, Lock, openSession } from 'leyden-jar/recipes';
 *
 * await using jar = await startEmbedded();
 * const client = new DynamoDBClient(jar.clientConfig);
 * const table = new AtomTable({ client, tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const documents = DynamoDBDocumentClient.from(client);
 *
 * const setAmount = (fence: { name: string; token: bigint }, amount: number) => {
 *   const guard = fenceCondition(fence);
 *   return documents.send(new UpdateCommand({
 *     TableName: 'state',
 *     Key: { id: 'my-item' },
 *     UpdateExpression: `SET amount = :amount, ${guard.assignments}`,
 *     ConditionExpression: guard.condition,
 *     ExpressionAttributeNames: guard.names,
 *     ExpressionAttributeValues: { ':amount': amount, ...guard.values },
 *   }));
 * };
 * const lock = new Lock(session, 'invoices');
 * const first = await lock.acquire();
 * await first.release();
 * const second = await lock.acquire();
 * await setAmount(second, 6);
 * await setAmount({ name: 'invoices', token: first.token }, 5).catch((error) => console.log(error.name));
 * // => ConditionalCheckFailedException
 * await second.release();
 * client.destroy();
 * ```
 */
export function fenceCondition(
  fence: Fence,
  options: FenceConditionOptions & { readonly client: 'plain' },
): FenceCondition<FenceAttribute>;
export function fenceCondition(fence: Fence, options?: FenceConditionOptions): FenceCondition<number | string>;
export function fenceCondition(
  fence: Fence,
  options: FenceConditionOptions = {},
): FenceCondition<FenceAttribute | number | string> {
  const { client = 'document', tokenAttribute = 'fence', lockAttribute = 'fenceOf' } = options;
  for (const name of [tokenAttribute, lockAttribute]) {
    if (typeof name !== 'string' || name === '') {
      throw new TypeError(`Cannot fence an item: tokenAttribute and lockAttribute must be names: ${String(name)}`);
    }
  }
  if (tokenAttribute === lockAttribute) {
    throw new TypeError(`Cannot fence an item: tokenAttribute and lockAttribute must differ: ${tokenAttribute}`);
  }
  if (client !== 'document' && client !== 'plain') {
    throw new TypeError(`Cannot fence an item: client must be 'document' or 'plain': ${String(client)}`);
  }
  const held = requireFence('fence an item', fence);
  const isPlain = client === 'plain';
  const token = isPlain ? { N: String(held.token) } : Number(held.token);
  const lock = isPlain ? { S: held.lock } : held.lock;
  return {
    condition: '(attribute_not_exists(#fence) OR (#fenceOf = :fenceOf AND #fence <= :fence))',
    assignments: '#fence = :fence, #fenceOf = :fenceOf',
    attributes: { [tokenAttribute]: token, [lockAttribute]: lock },
    names: { '#fence': tokenAttribute, '#fenceOf': lockAttribute },
    values: { ':fence': token, ':fenceOf': lock },
    refusal: (item) => refusalOf('the item', seenIn(item, tokenAttribute, lockAttribute), held),
  };
}

/** What an item says that it has seen, as a client gave it. */
function seenIn(
  item: Readonly<Record<string, unknown>> | undefined,
  tokenAttribute: string,
  lockAttribute: string,
): SeenToken | undefined {
  const [token, lock] = [bare(item?.[tokenAttribute]), bare(item?.[lockAttribute])];
  // What is no token of ours is met by no condition either, but there is nothing to be said of it.
  return /^\d+$/.test(String(token))
    ? { lock: String(lock ?? 'another lock'), token: BigInt(String(token)) }
    : undefined;
}

/** The value of an attribute, of either client. */
function bare(attribute: unknown): unknown {
  if (typeof attribute !== 'object' || attribute === null) return attribute;
  const { N, S } = attribute as { readonly N?: unknown; readonly S?: unknown };
  return N ?? S;
}

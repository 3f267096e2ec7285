/**
 * The loop that everybody writes first: read, put under the condition that the version is still the one that was read,
 * again when the condition fails. With the SDK's own retries on it applies a change twice whenever an answer gets lost:
 * the SDK sends the put again, that copy meets the first one's version, and "condition failed" is taken for "somebody else
 * was faster".
 *
 * The token in the item is for the journal; the loop never looks at it.
 */
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';

/** A distinct put of the loop. */
interface NaivePut {
  readonly token: string;
  readonly base: string | null;
  readonly version: number;
}

export interface NaiveAtom {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly keyName: string;
  readonly key: string;
  /** Told before the first copy leaves. */
  readonly onPut?: (put: NaivePut) => void;
}

/** What was read. */
interface NaiveItem {
  readonly value: unknown;
  readonly version: number;
  readonly token: string | null;
}

let puts = 0;

/** What stands there: the value's JSON, with version and token. */
export async function naiveRead({ client, table, keyName, key }: NaiveAtom): Promise<NaiveItem> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: table, Key: { [keyName]: { S: key } }, ConsistentRead: true }),
  );
  if (Item === undefined) return { value: undefined, version: 0, token: null };
  return { value: JSON.parse(Item.d?.S as string) as unknown, version: Number(Item.v?.N), token: Item.l?.S as string };
}

/** Applies `f` until the put goes through; what it replaced and what it wrote. */
export async function naiveSwap<T>(
  atom: NaiveAtom,
  f: (value: T | undefined) => T,
): Promise<readonly [T | undefined, T]> {
  const { client, table, keyName, key, onPut } = atom;
  for (;;) {
    const { value, version, token: base } = await naiveRead(atom);
    const next = f(value as T | undefined);
    puts += 1;
    const token = `naive-${process.pid}:${puts}`;
    onPut?.({ token, base, version: version + 1 });
    try {
      await client.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            [keyName]: { S: key },
            d: { S: JSON.stringify(next) },
            v: { N: String(version + 1) },
            l: { S: token },
          },
          ...(version === 0
            ? { ConditionExpression: 'attribute_not_exists(#k)', ExpressionAttributeNames: { '#k': keyName } }
            : { ConditionExpression: 'v = :v', ExpressionAttributeValues: { ':v': { N: String(version) } } }),
        }),
      );
      return [value as T | undefined, next];
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }
}

/** What holders write to: every accepted write leaves its token, so the order of the versions can be read in the end. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { AtomTable } from '../../../lib/atom/index.js';
import { type FencedAtom, fenced } from '../../../lib/recipes/index.js';

/** Tokens in the order of writes; equal ones that follow each other are counted. */
export type TokenLog = readonly (readonly [token: number, writes: number])[];

export function resourceOf(table: AtomTable, lane: string): FencedAtom<TokenLog, TokenLog> {
  return fenced<TokenLog>(table, `atom-${lane}`, { initial: [] });
}

/** Items of the user's own. */
export function keysOf(lane: string): { readonly guarded: string; readonly unguarded: string } {
  return { guarded: `guarded-${lane}`, unguarded: `unguarded-${lane}` };
}

export function appended(log: TokenLog, token: number): TokenLog {
  const last = log.at(-1);
  return last?.[0] === token ? [...log.slice(0, -1), [token, last[1] + 1]] : [...log, [token, 1]];
}

/** The tokens of an item of the user's own, in the order of its writes. */
export async function tokensIn(client: DynamoDBClient, table: string, id: string): Promise<number[]> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: table, Key: { id: { S: id } }, ConsistentRead: true }),
  );
  return (Item?.tokens?.L ?? []).map(({ N }) => Number(N));
}

/** How many of `tokens` came after a larger one. */
export function lateAmong(tokens: readonly number[]): number {
  let largest = 0;
  let late = 0;
  for (const token of tokens) {
    if (token < largest) late += 1;
    largest = Math.max(largest, token);
  }
  return late;
}

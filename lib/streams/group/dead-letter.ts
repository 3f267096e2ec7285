/**
 * Dead letters, as items of the coordination table: records that were set aside, and the items whose records are.
 *
 *   dead#<group>   letter#<shardId>#<sequence number>   one for each record; the same record has the same key, so it is there once
 *                  record#<shardId>#<sequence number>   the record of a letter that is too large for it; of no meaning without its letter
 *                  parked#<hash of the item's key>      one for each item whose records are all set aside, in order
 *
 * They lie in a partition of their own, apart from the leases. In the order of their keys letters are in the order of the stream: names of
 * shards begin with the time at which they were made, so a parent stands before its children. Pure.
 */
import { createHash } from 'node:crypto';
import { errorText, fieldOf } from '../error-text.js';
import { type Entry, keyTextOf } from './entry.js';
import { recordText } from './record-text.js';

/** Why a record is set aside. `failed`: it has failed for good; `behind`: one before it of the same item is set aside. */
export type DeadLetterWhy = 'failed' | 'behind';

/** A dead letter, as it is stored. */
export interface DeadLetterState {
  readonly kind: 'stream-dead-letter';
  readonly v: 1;
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly eventId: string;
  /** The key of its item, as JSON. */
  readonly itemKey: string;
  readonly why: DeadLetterWhy;
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string };
  /** Calls of the handler that failed. */
  readonly attempts: number;
  /** When it was set aside, by the clock of the member that did, in epoch milliseconds. */
  readonly sinceMs: number;
  readonly member: string;
  readonly epoch: number;
  /** The record, as JSON. Absent where the table takes nothing so large: then it is to be read from the stream, for a day. */
  readonly record?: string;
  /** The record has an item of its own. */
  readonly isApart?: true;
}

/** Says that all records of an item are set aside. */
export interface ParkedKeyState {
  readonly kind: 'stream-parked-key';
  readonly v: 1;
  readonly itemKey: string;
  readonly sinceMs: number;
  /** Raised with each letter, so that whoever lets the item go on knows whether it has seen them all. */
  readonly changes: number;
}

/** What is told of a record beside itself. */
export interface DeadLetterFacts {
  readonly why: DeadLetterWhy;
  readonly error: unknown;
  readonly attempts: number;
  /** Whether its item is, or becomes, parked. */
  readonly parksKey: boolean;
}

export const deadLetterKeys = {
  partition: (group: string): string => `dead#${group}`,
  letterPrefix: 'letter#',
  apartPrefix: 'record#',
  parkedPrefix: 'parked#',
} as const;

/** Sequence numbers have up to 40 digits; filled up they sort as text. */
const sequenceDigits = 40;
const messageLengthMax = 2_000;
const nameLengthMax = 200;

export function letterKey(record: Pick<DeadLetterState, 'shardId' | 'sequenceNumber'>): string {
  return deadLetterKeys.letterPrefix + placeOf(record);
}

export function apartKey(record: Pick<DeadLetterState, 'shardId' | 'sequenceNumber'>): string {
  return deadLetterKeys.apartPrefix + placeOf(record);
}

function placeOf({ shardId, sequenceNumber }: Pick<DeadLetterState, 'shardId' | 'sequenceNumber'>): string {
  return `${shardId}#${sequenceNumber.padStart(sequenceDigits, '0')}`;
}

export function parkedKey(itemKey: string): string {
  return deadLetterKeys.parkedPrefix + createHash('sha256').update(itemKey).digest('hex');
}

export function letterOf(
  entry: Entry<unknown>,
  facts: DeadLetterFacts,
  by: Pick<DeadLetterState, 'sinceMs' | 'member' | 'epoch'>,
): DeadLetterState & { readonly record: string } {
  const { meta, record } = entry;
  const { why, error, attempts } = facts;
  return {
    kind: 'stream-dead-letter',
    v: 1,
    shardId: meta.shardId,
    sequenceNumber: meta.sequenceNumber,
    eventId: meta.eventId,
    itemKey: keyTextOf(record),
    why,
    ...(error !== undefined && { error: errorFacts(error) }),
    attempts,
    ...by,
    record: recordText(record),
  };
}

function errorFacts(error: unknown): NonNullable<DeadLetterState['error']> {
  const code = fieldOf(error, 'code')?.slice(0, nameLengthMax);
  return {
    name: (fieldOf(error, 'name') ?? typeof error).slice(0, nameLengthMax),
    message: errorText(error).slice(0, messageLengthMax),
    ...(code !== undefined && { code }),
  };
}

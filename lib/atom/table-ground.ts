/** Makes what all atoms of one table share, out of the table's options. */
import { randomBytes } from 'node:crypto';
import { type DynamoDBClientLike, SdkEngine, systemClock, systemRandom } from '../engine/index.js';
import type { AtomTableBaseOptions, AtomTableOptions } from './atom-options.js';
import { Events } from './diagnostics/events.js';
import { generationWritersDefault } from './evidence.js';
import { type Ground, type Retry, resolveRetry, retryDefault } from './ground.js';
import { attributeNamesDefault, requireDistinct } from './item-format.js';
import type { PartsGround } from './large/part-requests.js';
import { Parts } from './large/parts.js';
import { Pace } from './pace.js';
import type { ReceiptLimits } from './receipts/item-receipts.js';
import { TableLife } from './table-life.js';

/** Tombstones stay for an hour: four times the life of a signed request, so no late copy can meet an empty place. */
const tombstoneMs = 60 * 60 * 1_000;
/** However fast the store answers, an attempt is given this long. */
const attemptTimeoutMsMin = 200;

/** @throws TypeError, RangeError for wrong options. */
export function groundOf(options: AtomTableOptions): { readonly ground: Ground; readonly retry: Retry } {
  const { tableName, keyName = 'id', sortKeyName, evidenceWritersMax = generationWritersDefault } = options;
  const { clock = systemClock, random = systemRandom, randomBytes: bytes = randomBytes } = options;
  const names = { ...attributeNamesDefault, ...options.attributeNames };
  const keyNames = sortKeyName === undefined ? [keyName] : [keyName, sortKeyName];
  requireDistinct([...keyNames, ...Object.values(names)]);
  if (typeof tableName !== 'function') requireTableName(tableName);
  if (!Number.isSafeInteger(evidenceWritersMax) || evidenceWritersMax < 1) {
    throw new RangeError(`Cannot open a table: evidenceWritersMax must be a positive integer: ${evidenceWritersMax}`);
  }
  const retry = resolveRetry(retryDefault, options.retry);
  const nameOf = typeof tableName === 'function' ? () => requireTableName(tableName()) : () => tableName;
  let seq = 0;
  const ground: PartsGround = {
    engine: options.engine ?? new SdkEngine(options.client as DynamoDBClientLike),
    tableName: nameOf,
    names,
    keyNames,
    clock,
    random,
    pace: new Pace(attemptTimeoutMsMin, retry.attemptTimeoutMs),
    events: new Events(nameOf, clock, options.logger),
    writer: Buffer.from(bytes(8)).toString('base64url'),
    nextSeq: () => {
      seq += 1;
      return seq;
    },
    randomBytes: bytes,
    newIncarnation: () => Buffer.from(bytes(12)).toString('base64url'),
    generationWritersMax: evidenceWritersMax,
    life: new TableLife(clock),
    kept: new Set(),
    tombstoneMs,
    ...receiptLimits(options),
  };
  return { ground: { ...ground, parts: new Parts(ground, retry) }, retry };
}

/** @throws RangeError for limits of receipts that can't be kept. */
function receiptLimits({ receiptMs = 24 * 60 * 60 * 1_000, receiptsMax = 100 }: AtomTableBaseOptions): ReceiptLimits {
  if (!(Number.isSafeInteger(receiptMs) && receiptMs >= 0)) {
    throw new RangeError(`Cannot open a table: receiptMs must be an integer of at least 0: ${receiptMs}`);
  }
  if (!(Number.isSafeInteger(receiptsMax) && receiptsMax >= 1)) {
    throw new RangeError(`Cannot open a table: receiptsMax must be a positive integer: ${receiptsMax}`);
  }
  return { receiptMs, receiptsMax };
}

/** The service's rule for names ("Naming rules"), or the ARN of a table. */
function requireTableName(name: unknown): string {
  if (typeof name !== 'string') throw new TypeError(`Cannot open a table: tableName must be a string: ${typeof name}`);
  if (!/^(?:[a-zA-Z0-9_.-]{3,255}|arn:.{1,1000})$/.test(name)) {
    throw new RangeError(`Cannot open a table: tableName must be 3 to 255 of a-z A-Z 0-9 _ . -, or an ARN: ${name}`);
  }
  return name;
}

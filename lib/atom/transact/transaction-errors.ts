/** The errors of transactions and of calls with an `opId`. */
import { LeydenError } from '../../errors.js';

/** `ERR_TRANSACTION_TOO_LARGE`: more atoms, or more bytes, than the store takes in one transaction. Nothing was sent. */
export class TransactionTooLargeError extends LeydenError {
  /** What there is too much of. */
  readonly limit: 'actions' | 'bytes';
  readonly size: number;
  readonly sizeMax: number;

  constructor(limit: 'actions' | 'bytes', size: number, sizeMax: number) {
    super(
      'ERR_TRANSACTION_TOO_LARGE',
      `Cannot transact: it has ${size} ${limit}, the limit is ${sizeMax}; ` +
        (limit === 'actions' ? 'touch fewer atoms' : 'make the values smaller, or touch fewer atoms'),
      { outcome: 'not-done', retryable: false },
    );
    this.limit = limit;
    this.size = size;
    this.sizeMax = sizeMax;
  }
}

/** `ERR_ENGINE_LACKS_TRANSACTIONS`: the store behind this table has no transactions. Nothing was written. */
export class EngineLacksTransactionsError extends LeydenError {
  /** The name of the engine. */
  readonly engine: string;

  constructor(engine: string, what: string) {
    super(
      'ERR_ENGINE_LACKS_TRANSACTIONS',
      `Cannot ${what}: the store behind engine ${engine} has no transactions; ` +
        'touch one atom only, put what belongs together into one atom, or use DynamoDB',
      { outcome: 'not-done', retryable: false },
    );
    this.engine = engine;
  }
}

/** What the store says of one atom of a transaction that it refused. */
export interface RefusedAction {
  /** Canonical key of the atom; that of the receipt for an `opId`. */
  readonly key: string;
  /** The store's code, `None` where this one was not in the way. */
  readonly code: string;
  readonly message: string | undefined;
}

/** `ERR_TRANSACTION_REFUSED`: the store refused the transaction for good. Nothing was written. */
export class TransactionRefusedError extends LeydenError {
  /** One for each atom, in the order of the request. */
  readonly actions: readonly RefusedAction[];

  constructor(actions: readonly RefusedAction[]) {
    const guilty = actions.filter(({ code }) => code !== 'None');
    const words = guilty.map(({ key, code, message }) => `atom ${key}: ${message ?? code}`);
    super('ERR_TRANSACTION_REFUSED', `Cannot transact: the store refuses it for good, ${words.join('; ')}`, {
      outcome: 'not-done',
      retryable: false,
    });
    this.actions = actions;
  }
}

/** `ERR_OP_ID_REUSED`: this `opId` was given to another atom or another kind of call before. Nothing was written. */
export class OpIdReusedError extends LeydenError {
  readonly opId: string;
  /** Kind of call and key of the atom of the first call under this id. */
  readonly first: string;

  constructor(opId: string, first: string, now: string) {
    super(
      'ERR_OP_ID_REUSED',
      `Cannot do ${now} under opId ${opId}: it was used for ${first}; an opId names one call, so give each its own`,
      { outcome: 'not-done', retryable: false },
    );
    this.opId = opId;
    this.first = first;
  }
}

/**
 * `ERR_RECEIPTS_FULL`: the item keeps as many receipts as it may, and none is old enough to be dropped. Nothing was written. Only
 * on stores without transactions, where receipts lie in the item.
 */
export class ReceiptsFullError extends LeydenError {
  readonly key: string;
  readonly receiptsMax: number;
  /** When the oldest may be dropped, epoch milliseconds. */
  readonly freeAt: number;

  constructor(key: string, receiptsMax: number, freeAt: number) {
    super(
      'ERR_RECEIPTS_FULL',
      `Cannot write atom ${key}: it keeps ${receiptsMax} receipts of calls with an opId, the limit, each for receiptMs; ` +
        `the oldest is over at ${new Date(freeAt).toISOString()}; raise receiptsMax or lower receiptMs`,
      { outcome: 'not-done', retryable: true },
    );
    this.key = key;
    this.receiptsMax = receiptsMax;
    this.freeAt = freeAt;
  }
}

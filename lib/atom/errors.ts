/** The errors of atoms. `DecodeError` and `UnsupportedValueError` come from the codec. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { LeydenError } from '../errors.js';
import type { Settled, SettleOptions, UnknownReason } from './settlement.js';

/** What an operation had cost when it failed. */
export interface EffortFacts {
  /** Canonical key of the atom. */
  readonly key: string;
  /** Writes that were sent for this call, alone or combined with others. */
  readonly attempts: number;
  /** How many of them lost against another writer. */
  readonly conflicts: number;
}

/** `ERR_CONTENTION`: the deadline came while other writers won each time. Nothing was written. */
export class ContentionError extends LeydenError {
  readonly key: string;
  readonly attempts: number;
  readonly conflicts: number;

  constructor(action: string, { key, attempts, conflicts }: EffortFacts, timeoutMs: number) {
    super(
      'ERR_CONTENTION',
      `Cannot ${action} atom ${key}: other writers won all ${conflicts} of ${attempts} attempts within timeoutMs ${timeoutMs}; ` +
        'raise timeoutMs, spread the state over more atoms, or write less often',
      { outcome: 'not-done', retryable: true },
    );
    this.key = key;
    this.attempts = attempts;
    this.conflicts = conflicts;
  }
}

/** `ERR_DEADLINE`: the deadline came before the store gave a usable answer. Nothing was written. `cause` is the last obstacle. */
export class DeadlineError extends LeydenError {
  readonly key: string;
  readonly attempts: number;
  readonly conflicts: number;

  constructor(
    action: string,
    { key, attempts, conflicts, subject = `atom ${key}` }: EffortFacts & { readonly subject?: string },
    timeoutMs: number,
    cause?: unknown,
  ) {
    const obstacle = cause instanceof Error ? `, last obstacle: ${cause.message || cause.name}` : '';
    super(
      'ERR_DEADLINE',
      `Cannot ${action} ${subject}: timeoutMs ${timeoutMs} passed after ${attempts} attempts${obstacle}; nothing was written`,
      { outcome: 'not-done', retryable: true, cause },
    );
    this.key = key;
    this.attempts = attempts;
    this.conflicts = conflicts;
  }
}

const unknownReasons: Readonly<Record<UnknownReason, string>> = {
  'in-flight':
    'the answer did not come in time and the write may still arrive; call settle() on this error to ask again',
  'evidence-evicted':
    'too many other writers came between for the item to still tell; look at the state, or make the function idempotent',
  'incarnation-changed': 'the item was deleted and made again, restored, or overwritten by another program meanwhile',
  'item-gone': 'the item was removed meanwhile by another program',
};

interface UnknownFacts {
  readonly key: string;
  readonly writeId: string;
  readonly reason: UnknownReason;
  readonly cause?: unknown;
  /** What it was done to, in words. */
  readonly subject?: string;
}

/**
 * `ERR_UNKNOWN_OUTCOME`: the write may or may not have taken effect. Never retried by the library.
 *
 * `writeId` is the token of the write. `settle()` asks again; it answers `done` or `not-done` as soon as the store can be
 * reached when `reason` is `in-flight`, and stays `unknown` for the other reasons.
 */
export class UnknownOutcomeError extends LeydenError {
  readonly key: string;
  readonly writeId: string;
  readonly reason: UnknownReason;
  readonly #settle: (options?: SettleOptions) => Promise<Settled>;

  constructor(action: string, facts: UnknownFacts, settle: (options?: SettleOptions) => Promise<Settled>) {
    const { key, writeId, reason, cause, subject = `atom ${key}` } = facts;
    const deed = action.endsWith(' of') ? action : `${action} of`;
    super(
      'ERR_UNKNOWN_OUTCOME',
      `Cannot tell whether the ${deed} ${subject} took effect: write ${writeId} is ${reason}: ${unknownReasons[reason]}`,
      { outcome: 'unknown', retryable: false, cause },
    );
    this.key = key;
    this.writeId = writeId;
    this.reason = reason;
    this.#settle = settle;
  }

  /** Asks again what became of the write. Resolves; never rejects for what the store did. */
  settle(options?: SettleOptions): Promise<Settled> {
    return this.#settle(options);
  }
}

/** `ERR_ITEM_TOO_LARGE`: the item, or a large value, would be larger than it may be. Nothing was sent. */
export class ItemTooLargeError extends LeydenError {
  readonly key: string;
  readonly bytes: number;
  readonly bytesMax: number;

  constructor(key: string, bytes: number, bytesMax: number, subject: 'item' | 'value' = 'item') {
    super(
      'ERR_ITEM_TOO_LARGE',
      `Cannot write atom ${key}: its ${subject} would have ${bytes} bytes, the limit is ${bytesMax}; split the value over several atoms`,
      { outcome: 'not-done', retryable: false },
    );
    this.key = key;
    this.bytes = bytes;
    this.bytesMax = bytesMax;
  }
}

/** `ERR_INVALID_VALUE`: the schema or the validator refused a value. Nothing was written. */
export class InvalidValueError extends LeydenError {
  readonly key: string;
  /** `write`: a value that was to be written; `read`: the value that is stored. */
  readonly where: 'write' | 'read';
  /** The schema's issues; empty when a validator refused. */
  readonly issues: readonly StandardSchemaV1.Issue[];

  constructor(
    key: string,
    where: 'write' | 'read',
    by: 'schema' | 'validator',
    facts: { readonly issues?: readonly StandardSchemaV1.Issue[]; readonly cause?: unknown } = {},
  ) {
    const { issues = [], cause } = facts;
    const first = issues[0];
    const detail = first === undefined ? '' : `: ${pathText(first)}${first.message}`;
    super(
      'ERR_INVALID_VALUE',
      `Cannot ${where === 'write' ? 'write' : 'use the stored value of'} atom ${key}: its ${by} refuses it${detail}`,
      { outcome: 'not-done', retryable: false, cause },
    );
    this.key = key;
    this.where = where;
    this.issues = issues;
  }
}

function pathText({ path = [] }: StandardSchemaV1.Issue): string {
  if (path.length === 0) return '';
  return `${path.map((one) => String(typeof one === 'object' ? one.key : one)).join('.')}: `;
}

/**
 * `ERR_REENTRANT`: an atom was called from inside its own function, or a transaction from inside a transaction's, which would wait
 * for itself.
 */
export class ReentrantError extends LeydenError {
  /** Canonical key of the atom; empty for a transaction. */
  readonly key: string;

  constructor(action: string, key: string) {
    super(
      'ERR_REENTRANT',
      key === ''
        ? `Cannot ${action}: called inside the function of another transaction of this table; use the tx that it was given`
        : `Cannot ${action} atom ${key}: called inside a function that this very atom is running; use the value that the function was given`,
      { outcome: 'not-done', retryable: false },
    );
    this.key = key;
  }
}

/** `ERR_CLOSED`: the table was closed. Nothing was done. */
export class TableClosedError extends LeydenError {
  constructor(action: string, subject: string) {
    super('ERR_CLOSED', `Cannot ${action} ${subject}: its AtomTable was closed; open another one`, {
      outcome: 'not-done',
      retryable: false,
    });
  }
}

/** `ERR_OPTIONS_DIFFER`: a second handle of one atom was asked for with other options. */
export class OptionsDifferError extends LeydenError {
  readonly key: string;
  readonly option: string;

  constructor(key: string, option: string) {
    super(
      'ERR_OPTIONS_DIFFER',
      `Cannot open atom ${key}: option ${option} differs from that of a handle in use; make the options one shared constant`,
      { outcome: 'not-done', retryable: false },
    );
    this.key = key;
    this.option = option;
  }
}

/** `ERR_TABLE`: the table is missing, has other keys, or is of a kind that cannot keep the guarantees. */
export class TableError extends LeydenError {
  readonly tableName: string;
  readonly reason: 'missing' | 'keys-differ' | 'exists' | 'last-writer-wins' | 'not-active';

  constructor(tableName: string, reason: TableError['reason'], detail: string) {
    super('ERR_TABLE', `Cannot use table ${tableName}: ${detail}`, { outcome: 'not-done', retryable: false });
    this.tableName = tableName;
    this.reason = reason;
  }
}

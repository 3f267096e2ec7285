/** What `commute` cannot do with the value that is there. */
import { LeydenError } from '../../errors.js';

/** Why a change of `commute` does not fit the value. */
export type CommuteReason =
  /** `add` on something else than a number, or on a number of the other kind (bigint). */
  | 'not-a-number'
  /** `append`, `union` or `difference` on something else than a list or a Set. */
  | 'not-a-list'
  /** The place would be inside of something that has no named parts. */
  | 'no-object'
  /** The sum would be beyond the safe integers. */
  | 'unsafe-number'
  /** Done, but what stands there now cannot be read. */
  | 'unreadable';

const reasons: Readonly<Record<CommuteReason, string>> = {
  'not-a-number': 'what is there is not a number of the kind that is to be added; use swap to replace it',
  'not-a-list': 'what is there is no list and no Set; use swap to replace it',
  'no-object': 'what is there has no named parts; use swap to replace it',
  'unsafe-number': `the sum would be beyond ${Number.MAX_SAFE_INTEGER}; store a bigint, or swap`,
  unreadable: 'it took effect, but the value that stands there now cannot be read',
};

/** `ERR_COMMUTE`: a change does not fit the value that is there. Nothing was written, unless `reason` is `unreadable`. */
export class CommuteError extends LeydenError {
  readonly key: string;
  /** The place in the value, as one would write it in code. */
  readonly path: string;
  readonly reason: CommuteReason;

  constructor(key: string, verb: string, path: string, reason: CommuteReason, cause?: unknown) {
    const outcome = reason === 'unreadable' ? 'done' : 'not-done';
    super('ERR_COMMUTE', `Cannot ${verb} ${path === '' ? '' : `at ${path} `}in atom ${key}: ${reasons[reason]}`, {
      outcome,
      retryable: false,
      cause,
    });
    this.key = key;
    this.path = path;
    this.reason = reason;
  }
}

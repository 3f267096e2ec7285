/** What is said when a system is opened with another codec than it is stored with. */
import { DecodeError, type SealingCodec } from '../codec/index.js';
import { LeydenError } from '../errors.js';

/**
 * `plain`: it lies in the clear, or under another codec, and this one takes nothing else than its own; `sealed`: it is sealed, and
 * opened without the codec that it needs; `wrong-key`: the key is another one, or what is stored was altered or moved.
 */
export type SealedReason = 'plain' | 'sealed' | 'wrong-key';

const remedies: Readonly<Record<SealedReason, string>> = {
  plain:
    'open it as it is stored, migrate it to a sealed storage, or give encrypted the option acceptPlain until all of it is rewritten',
  sealed: 'open it through sealedStorage, with the codec and the keys that it is stored with',
  'wrong-key': 'give the key that sealed it under this id; if the key is right, restore what is stored from a backup',
};

/**
 * `ERR_SEALED`: a system can't be opened with this codec. Nothing was written.
 *
 * A key that is not in the ring at all is `ERR_KEY_MISSING` instead, which names it.
 */
export class SealedError extends LeydenError {
  /** Name of the system. */
  readonly system: string;
  readonly reason: SealedReason;

  constructor(system: string, reason: SealedReason, detail: string, cause?: unknown) {
    super('ERR_SEALED', `Cannot open ${system}: ${detail}; ${remedies[reason]}`, {
      outcome: 'not-done',
      retryable: false,
      cause,
    });
    this.system = system;
    this.reason = reason;
  }
}

/** What went wrong when the first items of a system were read, in the words of who opens it. */
export function explainSealed(system: string, codec: SealingCodec | undefined, error: unknown): unknown {
  if (!(error instanceof DecodeError) || error.reason === 'newer-format') return error;
  const { detail } = error;
  if (error.reason === 'damaged') {
    return codec?.encrypts === true ? new SealedError(system, 'wrong-key', detail, error) : error;
  }
  return new SealedError(
    system,
    codec === undefined || codec.acceptsUnsealed === true ? 'sealed' : 'plain',
    detail,
    error,
  );
}

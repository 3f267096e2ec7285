/** What the atoms of a table ask of the store of their large values' parts; `parts.ts` is it. */
import type { Encoded, Item } from '../../codec/index.js';
import type { LargeRules } from './large.js';
import type { Manifest } from './manifest.js';

/** Whose parts they are. */
export interface Owner {
  /** Texts of the atom's key. */
  readonly texts: readonly string[];
  /** For messages. */
  readonly key: string;
}

/** Circumstances of a write of parts. */
export interface PartsWrite {
  readonly id: string;
  readonly owner: Owner;
  /** Token of the state on which the value will be committed. */
  readonly base: string;
  readonly rules: LargeRules;
  /** When the item that names them may be removed, epoch seconds. */
  readonly expiresAt: number | undefined;
  /** What the item names now: taken again when it is the very content. */
  readonly prior: Manifest | undefined;
  /** Aborts when nobody waits for it any more. Without it, parts are tried for `timeoutMs`. */
  readonly signal: AbortSignal | undefined;
}

export interface PartStore {
  newId(): string;
  /** Stores `form` in parts; resolves when all of them stand there. After a failure what was written is removed again. */
  write(form: Encoded, facts: PartsWrite): Promise<Manifest>;
  /**
   * The form that was stored in parts.
   *
   * @cost 1 request and half a read unit per 4 KB for each part; the double for one that is not seen at once.
   * @throws {MissingPart}; {@link DecodeError} `ERR_DECODE`, reason `damaged`.
   */
  read(manifest: Manifest, owner: Owner, deadlineAt: number): Promise<Encoded>;
  /** Lets parts that no item names any more be removed in an hour. Goes on in the background. */
  mark(manifest: Manifest, owner: Owner): void;
  /** Removes parts that no item will ever name. Goes on in the background. */
  remove(manifest: Pick<Manifest, 'id' | 'count'>, owner: Owner): void;
  /** Removes one part, given its key; resolves when it is gone for certain. */
  removeOne(key: Item, owner: string): Promise<void>;
}

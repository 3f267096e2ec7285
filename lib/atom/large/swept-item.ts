/**
 * The item of an atom as a sweep of parts sees it: which parts it names, and how it is moved on.
 *
 * Its value is not read, and no function of the user's is asked. What is not understood might name anything, and is an error.
 */
import {
  DecodeError,
  type Encoded,
  type Item,
  isSealing,
  type SealingCodec,
  type ValueCodec,
} from '../../codec/index.js';
import { after } from '../../engine/index.js';
import type { Known } from '../cache.js';
import { DeadlineError } from '../errors.js';
import type { Ground, Retry } from '../ground.js';
import { hasLineage, type Image } from '../item-format.js';
import { Packing } from '../packing.js';
import { Register } from '../register.js';
import { ValueRules } from '../value-rules.js';
import { Writer } from '../writer.js';

/** Codec names of forms that this library makes. */
const formNames: readonly (string | undefined)[] = [undefined, 'json', 'compact'];

/** What a look at the item gave. */
export interface SweptLook {
  /** `undefined`: there is no item, or one without a token, on which no parts can have been made. */
  readonly image: Image | undefined;
  /** Id of the parts that it names. */
  readonly named: string | undefined;
}

export class SweptItem {
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #text: string;
  readonly #codec: ValueCodec | SealingCodec | undefined;
  readonly #register: Register;
  readonly #packing: Packing;
  readonly #writer: Writer;

  constructor(
    { ground, retry }: { readonly ground: Ground; readonly retry: Retry },
    { key, text }: { readonly key: Item; readonly text: string },
    codec: ValueCodec | SealingCodec | undefined,
  ) {
    this.#ground = ground;
    this.#retry = retry;
    this.#text = text;
    this.#codec = codec;
    const none = { schema: undefined, index: undefined, adopt: undefined, foreign: 'carry', ttlMs: undefined } as const;
    const rules = new ValueRules(text, { ...none, codec, large: undefined });
    const never = { takeFooting: () => Promise.reject(new TypeError('Cannot sweep: a touch needs no footing')) };
    this.#register = new Register(ground, retry, key, text);
    this.#packing = new Packing(ground, key, text, rules, retry.timeoutMs);
    this.#writer = new Writer(ground, rules, this.#packing, key, text, never);
  }

  /** @throws {DecodeError} `ERR_DECODE` when it can't be told what it names; what a read throws */
  async look(): Promise<SweptLook> {
    const { clock, names } = this.#ground;
    const item = await this.#register.readItem(true, clock.monotonicMs() + this.#retry.timeoutMs);
    if (item === undefined || !hasLineage(item, names)) return { image: undefined, named: undefined };
    const image = this.#register.parse(item);
    return { image, named: image.encoded && (await this.#namedBy(image, image.encoded)) };
  }

  /**
   * Writes what is there once more; whether it was still there.
   *
   * @throws {DeadlineError} `ERR_DEADLINE` when its outcome stays unknown; what the store refuses for good
   */
  async move(image: Image): Promise<boolean> {
    const { clock } = this.#ground;
    const { timeoutMs } = this.#retry;
    const base: Known = { image, held: undefined, adopted: undefined, since: 0, learnedAt: 0, seenAtMs: 0 };
    const { pending } = await this.#writer.touch(base, { tick: 0, atMs: clock.monotonicMs() });
    const stop = new AbortController();
    const callOff = after(clock, timeoutMs, () => stop.abort());
    try {
      const fate = await this.#register.write(pending, { signal: stop.signal, wanted: () => !stop.signal.aborted });
      if (fate.status === 'applied') return true;
      if (fate.status === 'conflict') return false;
      if (fate.status === 'refused') throw fate.error;
      const facts = { key: this.#text, attempts: pending.copies, conflicts: 0 };
      throw new DeadlineError('sweep', facts, timeoutMs, fate.cause);
    } finally {
      callOff();
    }
  }

  async #namedBy(image: Image, encoded: Encoded): Promise<string | undefined> {
    const { form, manifest } = await this.#packing.unpack(encoded, image, { known: undefined, deadlineAt: undefined });
    if (manifest !== undefined) return manifest.id;
    const codec = this.#codec;
    const own = codec !== undefined && isSealing(codec) ? codec.form : codec;
    if (formNames.includes(form?.codec) || form?.codec === own?.name) return undefined;
    const detail = `written by codec ${JSON.stringify(form?.codec)}, which is not at hand; give it by codecOf`;
    throw new DecodeError(this.#text, 'foreign', detail);
  }
}

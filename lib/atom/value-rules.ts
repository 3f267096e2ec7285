/**
 * What may be a value of one atom: codec, schema, validator, index attributes, items of other layouts.
 *
 * The schema is Standard Schema (https://standardschema.dev), so zod, valibot, arktype and others fit. It is applied to
 * what is written and to what is read; its output is the value, so it must accept its own output.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  type AttributeValue,
  DecodeError,
  type Encoded,
  type Held,
  heldFrom,
  hold,
  type Item,
  isSealing,
  jsonCodec,
  type SealingCodec,
  type ValueCodec,
} from '../codec/index.js';
import { InvalidValueError } from './errors.js';
import type { LargeRules } from './large/large.js';

/** Projects a value to one top-level attribute for a secondary index; `undefined` leaves the attribute out. */
export type IndexFunction<T> = (value: T) => string | number | bigint | Uint8Array | undefined;

export interface ValueRuleOptions {
  readonly codec: ValueCodec | SealingCodec | undefined;
  readonly schema: StandardSchemaV1 | undefined;
  readonly index: Readonly<Record<string, IndexFunction<never>>> | undefined;
  readonly adopt: ((attributes: Item) => unknown) | undefined;
  readonly foreign: 'carry' | 'refuse';
  readonly ttlMs: number | undefined;
  readonly large: LargeRules | undefined;
}

/** Shared by the many items that have none. */
export const noAttributes: Item = Object.freeze({});

export class ValueRules {
  /** As it was given. */
  readonly codec: ValueCodec | SealingCodec | undefined;
  /** The layers over the form of a value, if any. */
  readonly sealing: SealingCodec | undefined;
  readonly foreign: 'carry' | 'refuse';
  /** How long a value is there after it was written. */
  readonly ttlMs: number | undefined;
  /** What becomes of values that do not fit their item; refused without it. */
  readonly large: LargeRules | undefined;
  readonly schema: StandardSchemaV1 | undefined;
  readonly index: ValueRuleOptions['index'];
  readonly adoptFunction: ValueRuleOptions['adopt'];
  validator: ((value: never) => unknown) | undefined;
  readonly #key: string;
  /** How a value becomes what the layers seal, or what lies in the item; native attributes without it. */
  readonly form: ValueCodec | undefined;

  constructor(key: string, { codec, schema, index, adopt, foreign, ttlMs, large }: ValueRuleOptions) {
    this.#key = key;
    this.codec = codec;
    const sealing = codec !== undefined && isSealing(codec) ? codec : undefined;
    this.sealing = sealing;
    this.form = sealing === undefined ? (codec as ValueCodec | undefined) : (sealing.form ?? jsonCodec);
    this.schema = schema;
    this.index = index;
    this.adoptFunction = adopt;
    this.foreign = foreign;
    this.ttlMs = ttlMs;
    this.large = large;
  }

  /** Makes a user's value ours, unchecked. */
  hold(value: unknown): Held {
    return hold(value, this.form);
  }

  /** Makes a form that was read ours. A large one is not kept beside its value. */
  read(form: Encoded, isLarge = false): Held | Promise<Held> {
    const held = heldFrom(form, this.#key, this.form);
    return this.check(isLarge && held.plain ? this.hold(held.hand()) : held, 'read');
  }

  /** Checks a value that is to be written: a promise only if the schema or the validator is asynchronous. */
  admit(held: Held): Held | Promise<Held> {
    if (this.schema === undefined && this.validator === undefined) return held;
    const checked = this.check(held, 'write');
    return isThenable(checked) ? checked.then((one) => this.#validate(one)) : this.#validate(checked);
  }

  /** Applies the schema. */
  check(held: Held, where: 'write' | 'read'): Held | Promise<Held> {
    if (this.schema === undefined) return held;
    const result = this.schema['~standard'].validate(held.hand());
    const finish = (checked: StandardSchemaV1.Result<unknown>): Held => {
      if (checked.issues !== undefined) {
        throw new InvalidValueError(this.#key, where, 'schema', { issues: checked.issues });
      }
      return hold(checked.value, this.form);
    };
    return isThenable(result) ? result.then(finish) : finish(result);
  }

  /** Whether the validator accepts `held`; throws what the validator throws, wrapped. */
  #validate(held: Held): Held | Promise<Held> {
    if (this.validator === undefined) return held;
    const finish = (accepted: unknown): Held => {
      if (accepted === false) throw new InvalidValueError(this.#key, 'write', 'validator');
      return held;
    };
    const fail = (cause: unknown): never => {
      throw new InvalidValueError(this.#key, 'write', 'validator', { cause });
    };
    let verdict: unknown;
    try {
      verdict = this.validator(held.hand() as never);
    } catch (cause) {
      fail(cause);
    }
    return isThenable(verdict) ? verdict.then(finish, fail) : finish(verdict);
  }

  /** The value in an item of another layout; `undefined` when this atom adopts none, or not this one. */
  adopt(item: Item): Held | Promise<Held> | undefined {
    if (this.adoptFunction === undefined) return undefined;
    const value = this.adoptFunction(item);
    return value === undefined ? undefined : this.check(hold(value, this.form), 'read');
  }

  /** @throws {DecodeError} `ERR_DECODE` under `foreign: 'refuse'`, when the item has attributes that are not ours. */
  refuseForeign(attributes: Item): void {
    if (this.foreign === 'carry') return;
    const [name] = Object.keys(attributes);
    if (name !== undefined) {
      throw new DecodeError(this.#key, 'foreign', `attribute ${name} is not ours and foreign is 'refuse'`);
    }
  }

  /** The index attributes of a value. */
  indexAttributes(held: Held): Item {
    if (this.index === undefined) return noAttributes;
    const value = held.hand() as never;
    const attributes: Record<string, AttributeValue> = {};
    for (const [name, project] of Object.entries(this.index)) {
      const projected = project(value);
      if (projected !== undefined) attributes[name] = indexAttribute(name, projected);
    }
    return attributes;
  }
}

/** @throws TypeError for what no index attribute can be. */
export function indexAttribute(name: string, value: unknown): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'bigint') return { N: String(value) };
  if (typeof value === 'number' && Number.isFinite(value)) return { N: String(value) };
  if (value instanceof Uint8Array) return { B: value };
  throw new TypeError(
    `Cannot index attribute ${name}: must be a string, finite number, bigint or bytes: ${typeof value}`,
  );
}

export function isThenable<T>(value: T | PromiseLike<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

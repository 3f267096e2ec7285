/**
 * Which values are small: those that stand in one piece of text. All others are opened, and their members are looked at.
 *
 * The weight of a value is about the length of its text. It is a function of the value alone, so every machine opens the same
 * containers; the digest depends on that. The same look tells whether the value is plain JSON, which `JSON.stringify` can
 * write as it is.
 *
 * It costs a quarter of the writing. It looks at most at a small value's worth of a large one before it gives up.
 */
import { types } from 'node:util';
import { kindOf } from '../codec/index.js';
import { Hole } from './state-text.js';

/** A small value weighs at most this. */
const smallWeightMax = 4_096;
/** Containers that may nest in a small value. */
const nestingMax = 100;
/** Small containers from this weight on are noticed when they come again. */
const sharedWeightMin = 256;
/** What a leaf weighs whose text has about the same length whatever it is. */
const leafWeight = 24;

/** Weighs one value after the other. */
export class Scale {
  /** Whether the last value is plain JSON, with no name that looks like a tag. */
  plain = true;
  /** Containers of the last value, itself included, that are worth noticing: inner ones first. */
  readonly noticed: object[] = [];
  /** Weight of the last value, if it is small. */
  weight = 0;

  /** Whether `value` is small. */
  weigh(value: unknown): boolean {
    this.plain = true;
    this.weight = 0;
    if (this.noticed.length > 0) this.noticed.length = 0;
    return this.#add(value, 0);
  }

  #add(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'string':
        this.weight += value.length + 3;
        break;
      case 'number':
        // Neither NaN nor infinite, and not -0.
        if (value - value !== 0 || (value === 0 && 1 / value < 0)) this.plain = false;
        this.weight += 8;
        break;
      case 'boolean':
        this.weight += 6;
        break;
      case 'object':
        if (value !== null) return this.#addObject(value, depth);
        this.weight += 5;
        break;
      case 'bigint':
        this.plain = false;
        this.weight += bigintWeight(value);
        break;
      default:
        // `undefined`, or something that is refused where its path is known.
        this.plain = false;
        this.weight += 5;
    }
    return this.weight <= smallWeightMax;
  }

  #addObject(object: object, depth: number): boolean {
    if (depth >= nestingMax) return false;
    const before = this.weight;
    const prototype: unknown = Object.getPrototypeOf(object);
    const small =
      prototype === Object.prototype
        ? this.#addMembers(object as Record<string, unknown>, depth)
        : prototype === Array.prototype
          ? this.#addElements(object as readonly unknown[], depth)
          : this.#addOther(object, depth);
    // Containers in containers have a weight without any leaf.
    if (this.weight > smallWeightMax) return false;
    if (small && this.weight - before >= sharedWeightMin) this.noticed.push(object);
    return small;
  }

  #addMembers(object: Record<string, unknown>, depth: number): boolean {
    this.weight += 3;
    let count = 0;
    for (const name in object) {
      count += 1;
      // A name that looks like a tag.
      if (name.charCodeAt(0) === 126) this.plain = false;
      this.weight += name.length + 4;
      if (!this.#add(object[name], depth + 1)) return false;
    }
    // Hidden or inherited members, or some under symbols, are no plain JSON.
    if (Object.getOwnPropertyNames(object).length !== count || Object.getOwnPropertySymbols(object).length !== 0) {
      this.plain = false;
    }
    return true;
  }

  #addElements(array: readonly unknown[], depth: number): boolean {
    const { length } = array;
    if (length > smallWeightMax) return false;
    this.weight += 3;
    for (let index = 0; index < length; index += 1) {
      if (!this.#add(array[index], depth + 1)) return false;
    }
    if (Object.keys(array).length !== length) this.plain = false;
    return true;
  }

  #addOther(object: object, depth: number): boolean {
    const kind =
      object instanceof Hole || types.isDate(object) ? 'Date' : Array.isArray(object) ? 'array' : kindOf(object);
    if (kind === 'array') return this.#addForeign(() => this.#addElements(object as readonly unknown[], depth));
    if (kind === 'object') return this.#addForeign(() => this.#addMembers(object as Record<string, unknown>, depth));
    this.plain = false;
    switch (kind) {
      case 'Map':
        if ((object as ReadonlyMap<unknown, unknown>).size > smallWeightMax) return false;
        this.weight += leafWeight;
        for (const [key, member] of object as ReadonlyMap<unknown, unknown>) {
          if (!this.#add(key, depth + 1) || !this.#add(member, depth + 1)) return false;
        }
        return true;
      case 'Set':
        if ((object as ReadonlySet<unknown>).size > smallWeightMax) return false;
        this.weight += leafWeight;
        for (const member of object as ReadonlySet<unknown>) if (!this.#add(member, depth + 1)) return false;
        return true;
      case 'Error': {
        const { name, message, cause } = object as Error;
        this.weight += leafWeight + name.length + message.length;
        return cause === undefined ? this.weight <= smallWeightMax : this.#add(cause, depth + 1);
      }
      case 'RegExp':
        this.weight += leafWeight + (object as RegExp).source.length;
        break;
      case 'URL':
      case 'URLSearchParams':
        this.weight += leafWeight + String(object).length;
        break;
      case 'ArrayBuffer':
      case 'DataView':
      case 'typed array':
        this.weight += leafWeight + Math.ceil((object as ArrayBuffer).byteLength / 3) * 4;
        break;
      default:
        this.weight += leafWeight;
    }
    return this.weight <= smallWeightMax;
  }

  /** Objects without a prototype, and what another realm made: rare, and looked at more closely by who writes it. */
  #addForeign(add: () => boolean): boolean {
    this.plain = false;
    return add();
  }
}

/** About the digits, without working them out. */
function bigintWeight(value: bigint): number {
  if (BigInt.asIntN(64, value) === value) return leafWeight;
  return leafWeight + value.toString(16).length;
}

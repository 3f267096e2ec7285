/**
 * Attribute values as the memory engine keeps them: checked, normalised, deeply copied and frozen once, on the way in.
 *
 * Frozen values can be handed out without a copy; only byte arrays cannot be frozen, so items that hold any are copied on
 * the way out ({@link handOut}).
 */
import { isUint8Array } from 'node:util/types';
import type { AttributeValue, Item } from '../codec/index.js';
import { nestingMax } from './limits.js';
import { validationError } from './memory-error.js';
import { compareNumbers, normalNumber } from './memory-number.js';

/** The ten types of attributes. */
export type AttributeType = 'S' | 'N' | 'B' | 'BOOL' | 'NULL' | 'M' | 'L' | 'SS' | 'NS' | 'BS';

const types: ReadonlySet<string> = new Set(['S', 'N', 'B', 'BOOL', 'NULL', 'M', 'L', 'SS', 'NS', 'BS']);
const setNames = { SS: 'string set ', NS: 'number set ', BS: 'binary set ' } as const;
const withBytes = new WeakSet<object>();

/** The type of an attribute. */
export function typeOf(value: AttributeValue): AttributeType {
  for (const name in value) return name as AttributeType;
  throw validationError('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
}

/** An item's own attribute; never something inherited. */
export function attributeOf(item: Item | undefined, name: string): AttributeValue | undefined {
  return item !== undefined && Object.hasOwn(item, name) ? item[name] : undefined;
}

/** A checked, frozen copy of an item. */
export function takeIn(item: Item): Item {
  let bytes = false;
  const copy = Object.fromEntries(
    Object.entries(item).map(([name, value]) => {
      const taken = takeValue(value, 0);
      bytes ||= withBytes.has(taken);
      return [name, taken];
    }),
  );
  return marked(copy, bytes);
}

/** A checked, frozen copy of one value at `depth` lists and maps below its item. */
export function takeValue(value: AttributeValue, depth = 0): AttributeValue {
  const names = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  const type = names[0] as AttributeType;
  if (names.length !== 1 || !types.has(type)) {
    throw validationError('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
  }
  // The item itself counts as the first level.
  if ((type === 'L' || type === 'M') && depth >= nestingMax - 1) {
    throw validationError(
      'Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit',
    );
  }
  return taken(type, (value as unknown as Record<string, unknown>)[type], depth);
}

function taken(type: AttributeType, content: unknown, depth: number): AttributeValue {
  switch (type) {
    case 'S':
      return Object.freeze({ S: expectType(content, 'string') as string });
    case 'N':
      return Object.freeze({ N: normalNumber(expectType(content, 'string') as string) });
    case 'BOOL':
      return Object.freeze({ BOOL: expectType(content, 'boolean') as boolean });
    case 'NULL':
      if (content !== true) {
        throw validationError(
          'One or more parameter values were invalid: Null attribute value types must have the value of true',
        );
      }
      return Object.freeze({ NULL: true });
    case 'B':
      return marked({ B: copyBytes(content) }, true);
    case 'L': {
      const list = expectList(content).map((one) => takeValue(one as AttributeValue, depth + 1));
      return marked(
        { L: Object.freeze(list) },
        list.some((one) => withBytes.has(one)),
      );
    }
    case 'M': {
      const entries = Object.entries(content as Item).map(([name, one]) => [name, takeValue(one, depth + 1)] as const);
      const map = Object.freeze(Object.fromEntries(entries));
      return marked(
        { M: map },
        entries.some(([, one]) => withBytes.has(one)),
      );
    }
    default:
      return takenSet(type, expectList(content));
  }
}

function takenSet(type: 'SS' | 'NS' | 'BS', members: readonly unknown[]): AttributeValue {
  if (members.length === 0) {
    throw validationError(`One or more parameter values were invalid: An ${setNames[type]} may not be empty`);
  }
  if (type === 'BS') {
    const copies = members.map(copyBytes);
    refuseDuplicates(copies.map(bytesText), members);
    return marked({ BS: Object.freeze(copies) }, true);
  }
  const texts = members.map((one) => expectType(one, 'string') as string);
  const copies = Object.freeze(type === 'SS' ? texts : texts.map(normalNumber));
  refuseDuplicates(copies, members);
  return Object.freeze(type === 'SS' ? { SS: copies } : { NS: copies });
}

function refuseDuplicates(texts: readonly string[], members: readonly unknown[]): void {
  if (new Set(texts).size === texts.length) return;
  throw validationError(
    `One or more parameter values were invalid: Input collection [${members.join(', ')}] contains duplicates.`,
  );
}

function expectType(content: unknown, type: 'string' | 'boolean'): unknown {
  if (typeof content === type) return content;
  throw validationError(`The value cannot be converted: a ${type} is expected, not ${typeof content}`);
}

function expectList(content: unknown): readonly unknown[] {
  if (Array.isArray(content)) return content;
  throw validationError(`The value cannot be converted: a list is expected, not ${typeof content}`);
}

function copyBytes(content: unknown): Uint8Array {
  if (isUint8Array(content)) return Uint8Array.from(content);
  throw validationError(`The value cannot be converted: bytes are expected, not ${typeof content}`);
}

/** An item for a caller: itself when it is frozen through and through, else a copy with bytes of its own. */
export function handOut(item: Item): Item;
export function handOut(item: Item | undefined): Item | undefined;
export function handOut(item: Item | undefined): Item | undefined {
  return item === undefined || !withBytes.has(item) ? item : takeIn(item);
}

/** Freezes what was made of taken values, and remembers whether bytes are inside. */
export function marked<Kind extends object>(made: Kind, bytes: boolean): Kind {
  if (bytes) withBytes.add(made);
  return Object.freeze(made);
}

/** One text per different byte array. */
export function bytesText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Orders two strings, numbers or binaries of the same type; `undefined` for any other pair. */
export function compareValues(left: AttributeValue, right: AttributeValue): number | undefined {
  if ('S' in left && 'S' in right) return compareTexts(left.S, right.S);
  if ('N' in left && 'N' in right) return compareNumbers(left.N, right.N);
  if ('B' in left && 'B' in right) return Buffer.compare(left.B, right.B);
  return undefined;
}

/** The order of the UTF-8 bytes, which is the order of code points. */
function compareTexts(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    let one = left.charCodeAt(index);
    let other = right.charCodeAt(index);
    if (one === other) continue;
    // Surrogates stand for code points above the rest of the plane.
    if (one >= 0xd800 && other >= 0xd800) {
      one += one >= 0xe000 ? -0x800 : 0x2000;
      other += other >= 0xe000 ? -0x800 : 0x2000;
    }
    return one - other;
  }
  return left.length - right.length;
}

/** Whether two values are equal as the service sees it: sets without order, maps without order. */
export function equalValues(left: AttributeValue, right: AttributeValue): boolean {
  const type = typeOf(left);
  if (type !== typeOf(right)) return false;
  const one = (left as Record<string, unknown>)[type];
  const other = (right as Record<string, unknown>)[type];
  switch (type) {
    case 'B':
      return Buffer.compare(one as Uint8Array, other as Uint8Array) === 0;
    case 'L': {
      const [a, b] = [one as AttributeValue[], other as AttributeValue[]];
      return a.length === b.length && a.every((value, index) => equalValues(value, b[index] as AttributeValue));
    }
    case 'M':
      return equalItems(one as Item, other as Item);
    case 'SS':
    case 'NS':
    case 'BS': {
      const members = new Set(membersOf(left));
      return members.size === (other as unknown[]).length && membersOf(right).every((member) => members.has(member));
    }
    default:
      return one === other;
  }
}

/** @internal Whether two items have equal attributes. */
export function equalItems(left: Item, right: Item): boolean {
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => {
      const other = attributeOf(right, name);
      return other !== undefined && equalValues(left[name] as AttributeValue, other);
    })
  );
}

/** A set's members, each as one text. */
export function membersOf(value: AttributeValue): readonly string[] {
  if ('SS' in value) return value.SS;
  if ('NS' in value) return value.NS;
  return 'BS' in value ? value.BS.map(bytesText) : [];
}

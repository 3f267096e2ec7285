/** Containers under construction: what `state-cursor.ts` took apart, member by member. */
import { bareError, setOwn } from '../codec/index.js';
import { Hole } from './state-text.js';
import { appendElement, binaryOf, readLeaf } from './state-untag.js';

/** Takes the members of one container. Throws for what a cursor never gives. */
export interface Builder {
  /** The container; inside of itself it is known before it is complete. */
  readonly value: unknown;
  add(member: unknown): void;
  /** Called when there are no more. */
  end(): void;
}

/** Takes the pieces of one long leaf. */
export interface LeafBuilder {
  addText(text: string): void;
  addBytes(bytes: Uint8Array): void;
  /** The value. */
  end(): unknown;
}

/** A builder for a kind of container; `undefined` for one that is none. */
export function builderFor(kind: string): Builder | undefined {
  switch (kind) {
    case 'object':
      return pairs({}, (object, name, member) => setOwn(object, requireText(name), member));
    case 'null':
      return pairs(Object.create(null) as object, (object, name, member) => setOwn(object, requireText(name), member));
    case 'Map':
      return pairs(new Map<unknown, unknown>(), (map, key, member) => map.set(key, member));
    case 'Set': {
      const set = new Set<unknown>();
      return { value: set, add: (member) => set.add(requireNoHole(member)), end: () => {} };
    }
    case 'array': {
      const array: unknown[] = [];
      return { value: array, add: (member) => appendElement(array, member), end: () => {} };
    }
    case 'Error':
      return new ErrorBuilder();
    default:
      return undefined;
  }
}

/** The root of a state: exactly one member. */
export class RootBuilder implements Builder {
  value: unknown;
  #count = 0;

  add(member: unknown): void {
    this.value = requireNoHole(member);
    this.#count += 1;
  }

  end(): void {
    if (this.#count !== 1) throw new Error('not one root');
  }
}

/** A leaf from its head and its pieces. */
export function leafBuilder(head: readonly unknown[]): LeafBuilder {
  const [tag, ...rest] = head;
  if (tag === 'string' || tag === 'bigint' || tag === 'RegExp' || tag === 'URL' || tag === 'URLSearchParams') {
    let text = '';
    return {
      addText: (piece) => {
        text += piece;
      },
      addBytes: refusePiece,
      end: () => {
        if (tag === 'string') return text;
        return readLeaf(`~${tag}`, tag === 'RegExp' ? [text, ...rest] : text);
      },
    };
  }
  const bytes = new Uint8Array(requireLength(rest[0]));
  let filled = 0;
  return {
    addText: refusePiece,
    addBytes: (piece) => {
      bytes.set(piece, filled);
      filled += piece.length;
    },
    end: () => {
      if (filled !== bytes.length) throw new Error('bytes are missing');
      return binaryOf(tag as string, bytes.buffer);
    },
  };
}

function pairs<Container extends object>(
  value: Container,
  set: (container: Container, key: unknown, member: unknown) => void,
): Builder {
  let key: unknown;
  let hasKey = false;
  return {
    value,
    add: (member) => {
      if (hasKey) set(value, key, requireNoHole(member));
      else key = requireNoHole(member);
      hasKey = !hasKey;
    },
    end: () => {
      if (hasKey) throw new Error('a key without a value');
    },
  };
}

/** Name and message make the error; a cause can be the error itself. */
class ErrorBuilder implements Builder {
  value: Error | undefined;
  #name: string | undefined;

  add(member: unknown): void {
    if (this.#name === undefined) this.#name = requireText(member);
    else if (this.value === undefined) this.value = bareError(this.#name, requireText(member));
    else
      Object.defineProperty(this.value, 'cause', {
        value: member,
        writable: true,
        configurable: true,
        enumerable: false,
      });
  }

  end(): void {
    if (this.value === undefined) throw new Error('an error without a message');
  }
}

function requireText(value: unknown): string {
  if (typeof value !== 'string') throw new Error('no text where one must be');
  return value;
}

function requireNoHole(value: unknown): unknown {
  if (value instanceof Hole) throw new Error('a hole outside of an array');
  return value;
}

function requireLength(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error('no number of bytes');
  return value as number;
}

function refusePiece(): void {
  throw new Error('a piece of another sort of leaf');
}

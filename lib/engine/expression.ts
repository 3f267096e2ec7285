/**
 * Expressions: the text of a condition, filter, key condition or update, cut into tokens and read as paths and operands.
 *
 * Two grammars stand on this file, `expression-condition.ts` and `expression-update.ts`. Placeholders are resolved while
 * reading, so a tree holds names and values only; {@link Placeholders.finish} then refuses those that no text used, as the
 * service does.
 */
import type { AttributeValue } from '../codec/index.js';
import { isReservedWord } from './expression-words.js';
import { expressionBytesMax } from './limits.js';
import { validationError } from './memory-error.js';
import { takeValue } from './memory-value.js';
import type { Expression } from './port.js';

/** A document path: names and list indexes, a name first. */
export type Path = readonly (string | number)[];

/** Something that has a value for a given item. */
export type Operand =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly value: AttributeValue }
  | { readonly kind: 'size'; readonly of: Operand };

/** A path as messages show it. */
export function pathText(path: Path): string {
  return `[${path.map((step) => (typeof step === 'number' ? `[${step}]` : step)).join(', ')}]`;
}

/** The names and values that the expressions of one request share. */
export class Placeholders {
  readonly #names = new Map<string, string>();
  readonly #values = new Map<string, AttributeValue>();
  readonly #unusedNames: Set<string>;
  readonly #unusedValues: Set<string>;

  constructor(...expressions: readonly (Expression | undefined)[]) {
    for (const one of expressions) {
      for (const name in one?.names) this.#names.set(name, one.names[name] as string);
      for (const name in one?.values) {
        try {
          this.#values.set(name, takeValue(one.values[name] as AttributeValue));
        } catch (error) {
          const { message } = error as Error;
          throw validationError(`ExpressionAttributeValues contains invalid value: ${message} for key ${name}`);
        }
      }
    }
    this.#unusedNames = new Set(this.#names.keys());
    this.#unusedValues = new Set(this.#values.keys());
  }

  name(placeholder: string): string | undefined {
    this.#unusedNames.delete(placeholder);
    return this.#names.get(placeholder);
  }

  value(placeholder: string): AttributeValue | undefined {
    this.#unusedValues.delete(placeholder);
    return this.#values.get(placeholder);
  }

  /** Refuses placeholders that no expression used. */
  finish(): void {
    const refuse = (kind: string, unused: ReadonlySet<string>) => {
      if (unused.size === 0) return;
      const keys = [...unused].join(', ');
      throw validationError(`Value provided in ExpressionAttribute${kind} unused in expressions: keys: {${keys}}`);
    };
    refuse('Names', this.#unusedNames);
    refuse('Values', this.#unusedValues);
  }
}

const tokenPattern = /\s*(?:([#:][A-Za-z0-9_]+|[A-Za-z][A-Za-z0-9_]*|0(?!\d)|[1-9]\d*|<>|<=|>=|[=<>()[\],.+-])|$)/y;
const namePattern = /^[A-Za-z]/;

/** Reads one expression token by token. */
export class Reader {
  readonly #tokens: readonly string[];
  readonly #label: string;
  readonly #placeholders: Placeholders;
  #at = 0;

  /** `label` is what the service calls the expression, for instance `ConditionExpression`. */
  constructor(text: string, label: string, placeholders: Placeholders) {
    this.#label = label;
    this.#placeholders = placeholders;
    if (text.trim() === '') throw this.invalid('The expression can not be empty;');
    if (Buffer.byteLength(text) > expressionBytesMax) {
      throw this.invalid('Expression size has exceeded the maximum allowed size;');
    }
    this.#tokens = this.#cut(text);
  }

  #cut(text: string): readonly string[] {
    const tokens: string[] = [];
    tokenPattern.lastIndex = 0;
    while (tokenPattern.lastIndex < text.length) {
      const from = tokenPattern.lastIndex;
      const match = tokenPattern.exec(text);
      if (match === null)
        throw this.invalid(
          `Syntax error; token: "${text.slice(from).trim().charAt(0)}", near: "${text.slice(from, from + 20)}"`,
        );
      if (match[1] !== undefined) tokens.push(match[1]);
    }
    return tokens;
  }

  /** The service's error about this expression. */
  invalid(message: string): Error {
    return validationError(`Invalid ${this.#label}: ${message}`);
  }

  /** The error for an operand of a wrong type. */
  wrongType(operator: string, type: string): Error {
    return this.invalid(
      `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${type}`,
    );
  }

  get ended(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The token `ahead` of the next one; empty at the end. */
  peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? '';
  }

  /** The next token as a keyword. */
  keyword(): string {
    return this.peek().toUpperCase();
  }

  next(): string {
    const token = this.peek();
    this.#at += 1;
    return token;
  }

  /** Takes the next token if it is `token`, whatever its case. */
  take(token: string): boolean {
    if (this.keyword() !== token) return false;
    this.#at += 1;
    return true;
  }

  expect(token: string): void {
    if (!this.take(token)) throw this.unexpected();
  }

  unexpected(): Error {
    const near = [this.#tokens[this.#at - 1], this.#tokens[this.#at], this.#tokens[this.#at + 1]];
    const text = near.filter((token) => token !== undefined).join(' ');
    return this.invalid(`Syntax error; token: "${this.ended ? '<EOF>' : this.peek()}", near: "${text}"`);
  }

  /** Whether a function call comes next. */
  get atCall(): boolean {
    return namePattern.test(this.peek()) && this.peek(1) === '(';
  }

  value(): AttributeValue {
    const placeholder = this.next();
    const value = this.#placeholders.value(placeholder);
    if (value !== undefined) return value;
    throw this.invalid(
      `An expression attribute value used in expression is not defined; attribute value: ${placeholder}`,
    );
  }

  path(): Path {
    const steps: (string | number)[] = [this.#name()];
    for (;;) {
      if (this.take('.')) steps.push(this.#name());
      else if (this.take('[')) {
        if (!/^\d/.test(this.peek())) throw this.unexpected();
        steps.push(Number(this.next()));
        this.expect(']');
      } else return steps;
    }
  }

  #name(): string {
    const token = this.peek();
    if (token.startsWith('#')) {
      this.#at += 1;
      const name = this.#placeholders.name(token);
      if (name !== undefined) return name;
      throw this.invalid(
        `An expression attribute name used in the document path is not defined; attribute name: ${token}`,
      );
    }
    if (!namePattern.test(token)) throw this.unexpected();
    if (isReservedWord(token)) {
      throw this.invalid(`Attribute name is a reserved keyword; reserved keyword: ${token}`);
    }
    this.#at += 1;
    return token;
  }
}

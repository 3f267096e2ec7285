/**
 * The sheet on which the parts of an update are written down: assignments, removals, conditions, and their placeholders.
 *
 * Names always are placeholders, as any text may be the name of a property. What nothing uses in the end is left out, for the store
 * refuses it.
 */
import type { AttributeValue } from '../../codec/index.js';
import type { BlindParts } from './blind-evidence.js';
import type { Place } from './commute.js';

export class Sheet {
  readonly #sets = new Map<string, string>();
  readonly #removes: string[] = [];
  readonly #conditions = new Set<string>();
  readonly #names: Record<string, string>;
  readonly #placeholders = new Map<string, string>();
  readonly #values: Record<string, AttributeValue> = {};
  readonly #types = new Map<string, string>();
  #count = 0;

  /** `data` is the name of attribute `d`. */
  constructor(data: string) {
    this.#names = { '#d': data };
  }

  /** All that was written down. */
  parts(): BlindParts {
    const sets = Array.from(this.#sets, ([path, source]) => `${path} = ${source}`);
    const conditions = [...this.#conditions];
    const used = new Set([...sets, ...this.#removes, ...conditions].join(' ').match(/[#:]\w+/g));
    const named = Object.entries(this.#names).filter(([placeholder]) => used.has(placeholder));
    const valued = Object.entries(this.#values).filter(([placeholder]) => used.has(placeholder));
    const [names, values] = [Object.fromEntries(named), Object.fromEntries(valued)];
    return { sets, removes: this.#removes, conditions, names, values };
  }

  /** Whether something is assigned to `path` already. */
  assigns(path: string): boolean {
    return this.#sets.has(path);
  }

  set(path: string, source: string): void {
    this.#sets.set(path, source);
  }

  remove(path: string): void {
    this.#removes.push(path);
  }

  require(condition: string): void {
    this.#conditions.add(condition);
  }

  /** What holds a place must be a map. */
  requireParent(place: Place): void {
    if (place.length > 0) this.require(this.hasType(this.path(place.slice(0, -1)), 'M'));
  }

  hasType(path: string, type: 'M' | 'L'): string {
    const value = this.#types.get(type) ?? this.value({ S: type });
    this.#types.set(type, value);
    return `attribute_type(${path}, ${value})`;
  }

  path(place: Place): string {
    return ['#d', ...place.map((name) => this.#name(name))].join('.');
  }

  value(value: AttributeValue): string {
    const placeholder = `:${this.#count}`;
    this.#count += 1;
    this.#values[placeholder] = value;
    return placeholder;
  }

  #name(name: string): string {
    const known = this.#placeholders.get(name);
    if (known !== undefined) return known;
    const placeholder = `#${this.#placeholders.size}`;
    this.#placeholders.set(name, placeholder);
    this.#names[placeholder] = name;
    return placeholder;
  }
}

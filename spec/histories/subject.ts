/**
 * An atom of a run, wired so that each put tells which calls it carries.
 *
 * The lane runs all waiting functions in one go and then sends one put. The atom's validator sees each value right after
 * its function ran, in that order; so what it saw since the last put is what the next one carries. A deletion makes no
 * value: it is let in alone, so that a tombstone is of one call only.
 */
import type { AtomSnapshot, AtomTable, ItemAtom } from '../../lib/atom/index.js';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import type { Engine, PutRequest } from '../../lib/engine/index.js';
import { Gate } from './gate.js';
import type { Journal, Value } from './journal.js';

/** The name of the key attribute in the tables of runs. */
export const keyName = 'id';

/** One atom as one process has it. */
export class Subject {
  readonly key: string;
  readonly atom: ItemAtom<Value>;
  readonly gate: Gate = new Gate();
  /** The deletion that is under way. */
  deleting: string | undefined;
  /** What this process saw last, to be expected by compare-and-set. */
  seen: Value | undefined;
  snapshot: AtomSnapshot<Value | undefined> | undefined;
  readonly #admitted: Map<string, Value> = new Map();
  readonly #lastMade: Map<string, Value> = new Map();
  #sameBatch = false;

  constructor(key: string, atom: ItemAtom<Value>) {
    this.key = key;
    this.atom = atom;
  }

  /** Hooks the validator in; reads once. */
  async open(): Promise<void> {
    await this.atom.setValidator((value) => {
      this.#admit(value);
      return true;
    });
  }

  /** What the call `id` wrote last, if it came so far. */
  madeBy(id: string): Value | undefined {
    return this.#lastMade.get(id);
  }

  forget(id: string): void {
    this.#lastMade.delete(id);
  }

  /** The calls of the put that leaves now. */
  takeIds(tombstone: boolean): string[] {
    if (tombstone) return this.deleting === undefined ? [] : [this.deleting];
    const ids = [...this.#admitted.keys()];
    this.#admitted.clear();
    return ids;
  }

  #admit(value: Value): void {
    // A batch runs without a pause. One that was given up before it was sent must not count for the next.
    if (!this.#sameBatch) {
      this.#admitted.clear();
      this.#sameBatch = true;
      queueMicrotask(() => {
        this.#sameBatch = false;
      });
    }
    this.#admitted.set(value.by, value);
    this.#lastMade.set(value.by, value);
  }
}

/** Opens the atoms of a run. */
export async function openSubjects(
  table: AtomTable,
  keys: readonly string[],
  into: Map<string, Subject>,
): Promise<void> {
  for (const key of keys) into.set(key, new Subject(key, table.atom<Value>(key)));
  for (const subject of into.values()) await subject.open();
}

const text = (item: Item, name: string): string => (item[name] as { readonly S: string }).S;
const number = (item: Item, name: string): number => Number((item[name] as { readonly N: string }).N);

/** The engine, with each distinct put written down before its first copy leaves. */
export function recording(engine: Engine, subjects: ReadonlyMap<string, Subject>, journal: Journal): Engine {
  const tokens = new Set<string>();
  const record = ({ item, condition }: PutRequest): void => {
    const token = text(item, 'l');
    if (tokens.has(token)) return;
    tokens.add(token);
    const subject = subjects.get(text(item, keyName));
    if (subject === undefined) return;
    const base = condition?.values?.[':l'] as AttributeValue | undefined;
    const tombstone = item.d === undefined;
    journal.put({
      atom: subject.key,
      token,
      base: base === undefined ? null : (base as { readonly S: string }).S,
      version: number(item, 'v'),
      tombstone,
      ids: subject.takeIds(tombstone),
    });
  };
  return new Proxy(engine, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== 'function') return member;
      if (name !== 'put') return member.bind(target);
      return (...args: Parameters<Engine['put']>) => {
        record(args[0]);
        return target.put(...args);
      };
    },
  });
}

/** The token of an item; empty without one. */
export function tokenOf(item: Item | undefined): string {
  return item === undefined ? '' : text(item, 'l');
}

/** Token and version of an item. */
export function finalOf(item: Item | undefined): { readonly token: string; readonly version: number } | undefined {
  return item && { token: text(item, 'l'), version: number(item, 'v') };
}

/**
 * Items and writes of the model, each distinct one kept once and named by a small number, so that a state is a short string.
 */
import { type Attempt, type Lineage, tokenOf } from '../../lib/atom/evidence.js';
import type { Protocol } from './protocol.js';

/** What a caller is told. */
export type Outcome = 'done' | 'not-done' | 'unknown';

/** The item as the store has it. */
export interface Stored {
  readonly id: number;
  readonly lineage: Lineage;
  /** `false` = a tombstone. */
  readonly live: boolean;
}

/** The bytes of a write: what it stores and what it is conditional on. */
export interface Write {
  readonly id: number;
  readonly name: string;
  /** The callers' operations that its value contains; none for a cancel. */
  readonly operations: readonly string[];
  readonly attempt: Attempt;
  readonly base: Stored | undefined;
  /** What it leaves there; `undefined` when a delete leaves nothing. */
  readonly next: Stored | undefined;
}

/** What a write is made from. */
export interface WriteParts {
  readonly writer: string;
  readonly seq: number;
  readonly operations: readonly string[];
  readonly base: Stored | undefined;
  readonly live: boolean;
}

export class Pool {
  readonly #protocol: Protocol;
  readonly #generation: number;
  readonly #items = new Map<string, Stored>();
  readonly #writes: Write[] = [];
  readonly #byKey = new Map<string, Write>();

  constructor(protocol: Protocol, generation: number) {
    this.#protocol = protocol;
    this.#generation = generation;
  }

  /** The item that is there before anybody does anything. */
  genesis(): Stored {
    const { originate, incarnation } = this.#protocol;
    return this.#item(originate(incarnation('_', 0), '_', 0), true);
  }

  write(id: number): Write {
    return this.#writes[id] as Write;
  }

  make({ writer, seq, operations, base, live }: WriteParts): Write {
    const key = `${writer}:${seq}/${base?.id ?? ''}/${live}/${operations}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const { originate, evolve, incarnation, deletes } = this.#protocol;
    const lineage =
      base === undefined
        ? originate(incarnation(writer, seq), writer, seq)
        : evolve(base.lineage, writer, seq, this.#generation);
    const token = tokenOf(writer, seq);
    if (lineage.token !== token) throw new Error(`A write must carry its own token: ${lineage.token}, not ${token}`);
    const attempt: Attempt = { writer, seq, base: base?.lineage, incarnation: lineage.incarnation };
    const next = live || deletes === 'tombstone' ? this.#item(lineage, live) : undefined;
    return this.#keep(key, { name: token, operations, attempt, base, next });
  }

  /** The same write with one more operation in it. */
  join(write: Write, operation: string): Write {
    const { name, attempt, base, next } = write;
    const operations = [...write.operations, operation];
    const key = `${write.id}+${operation}`;
    return this.#byKey.get(key) ?? this.#keep(key, { name: `${name}+`, operations, attempt, base, next });
  }

  #keep(key: string, parts: Omit<Write, 'id'>): Write {
    const write: Write = { id: this.#writes.length, ...parts };
    this.#writes.push(write);
    this.#byKey.set(key, write);
    return write;
  }

  #item(lineage: Lineage, live: boolean): Stored {
    const { incarnation, version, token, current, previous, rotatedAt, floor } = lineage;
    const sorted = [current, previous].map((generation) => Object.entries(generation).sort());
    const key = JSON.stringify([incarnation, version, token, sorted, rotatedAt, floor, live]);
    const known = this.#items.get(key);
    if (known !== undefined) return known;
    const item: Stored = { id: this.#items.size, lineage, live };
    this.#items.set(key, item);
    return item;
  }
}

/**
 * The history of one atom: who called what when, and what came back.
 *
 * Each write has an id of its own, and what it wrote tells that id to whoever finds it. A read therefore tells which write
 * it saw, and a write which write it was made on.
 */

/** A point in time on one clock for all operations of the history. */
export type Instant = number | bigint;

/** What stands at one version. */
export interface Content {
  /** Id of the write that made it; `''` for what was there at first. */
  readonly by: string;
  readonly value: unknown;
}

/** A read that returned. One that did not tells nothing and need not be recorded. */
export interface ReadOp extends Content {
  readonly kind: 'read';
  readonly id: string;
  readonly call: Instant;
  readonly ret: Instant;
  /** The life of the item that was read; `undefined` when not told. */
  readonly incarnation?: string | undefined;
  readonly version: number;
}

/** A write, and what its caller was told of it. */
export interface WriteOp {
  readonly kind: 'write';
  readonly id: string;
  readonly call: Instant;
  /** `undefined` when its process died. */
  readonly ret?: Instant | undefined;
  readonly outcome: 'done' | 'not-done' | 'unknown';
  readonly incarnation?: string | undefined;
  /** The version that it made; of an unknown one, the only version that it can have made, if that is known. */
  readonly version?: number | undefined;
  /** What it wrote. */
  readonly value?: unknown;
  /** What it found at the version before, and computed its value from. */
  readonly base?: Content | undefined;
}

/** One operation of a history. */
export type Op = ReadOp | WriteOp;

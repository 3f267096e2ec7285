/**
 * Lines for people who run the thing: what went wrong or nearly so, in words, at a rate that an outage does not raise.
 *
 * A line is a text and an object with the same facts, the order that console and Powertools take; pino prints the text. What a
 * logger throws, or rejects with, is dropped: it is told of what happens, and has no say in it.
 */
import type { Clock } from '../../engine/index.js';
import { isThenable } from '../value-rules.js';
import type { PlainEvents } from './diagnostics.js';

/** What a line says, for machines. */
export type LogFacts = Readonly<Record<string, unknown>>;

/**
 * Where lines go: `console`, pino, winston, Powertools' `Logger` and others fit as they are.
 *
 * | level | what |
 * |---|---|
 * | `error` | a fault of the library itself |
 * | `warn` | a caller was told `unknown`; throttled or not to be reached; an unclear write that could not be settled; a table without time to live; parts that are left to `sweepParts()` |
 * | `info` | an unclear write that was settled |
 * | `debug` | a lost race; a retry after something passing |
 *
 * Lines name the table and the canonical key of the atom, never a value. Of each kind at most 10 lines in 10 seconds are
 * written for one `AtomTable`; the next one says how many were left out.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state', logger: console });
 * await table.create();
 * ```
 */
export interface Logger {
  debug(message: string, facts: LogFacts): unknown;
  info(message: string, facts: LogFacts): unknown;
  warn(message: string, facts: LogFacts): unknown;
  error(message: string, facts: LogFacts): unknown;
}

type Level = keyof Logger;

/** Lines of one kind in one window. */
const linesMax = 10;
const windowMs = 10_000;

interface Window {
  readonly startedAt: number;
  readonly lines: number;
  readonly leftOut: number;
}

export class Log {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(logger: Logger, clock: Clock) {
    for (const level of ['debug', 'info', 'warn', 'error'] as const) {
      if (typeof logger[level] !== 'function') throw new TypeError(`Cannot log: logger.${level} must be a function`);
    }
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Writes the line of an event, if it has one. */
  event<Name extends keyof PlainEvents>(name: Name, event: PlainEvents[Name]): void {
    const line = (lines[name] as (one: PlainEvents[Name]) => Line | undefined)(event);
    if (line !== undefined) this.#write(`${name} ${line.level}`, line, { ...event });
  }

  /** A fault of the library itself. */
  fault(table: string, key: string, error: unknown): void {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    const text = `atom ${key} of ${table}: fault in leyden-jar: ${name}: ${message}`;
    this.#write('fault', { level: 'error', text }, { table, key, error });
  }

  #write(kind: string, { level, text }: Line, facts: LogFacts): void {
    const now = this.#clock.monotonicMs();
    const before = this.#windows.get(kind);
    const isOpen = before !== undefined && now - before.startedAt < windowMs;
    if (isOpen && before.lines >= linesMax) {
      this.#windows.set(kind, { ...before, leftOut: before.leftOut + 1 });
      return;
    }
    const leftOut = before?.leftOut ?? 0;
    const lines = isOpen ? before.lines + 1 : 1;
    this.#windows.set(kind, { startedAt: isOpen ? before.startedAt : now, lines, leftOut: 0 });
    if (leftOut === 0) this.#say(level, text, facts);
    else this.#say(level, `${text} (${leftOut} like it were left out)`, { ...facts, leftOut });
  }

  #say(level: Level, text: string, facts: LogFacts): void {
    try {
      const said = this.#logger[level](`leyden-jar: ${text}`, facts);
      if (isThenable(said)) said.then(undefined, () => {});
    } catch {
      // A logger that fails must not fail what it is told of, and there is nowhere to tell it.
    }
  }
}

interface Line {
  readonly level: Level;
  readonly text: string;
}

const lines: { readonly [Name in keyof PlainEvents]: (event: PlainEvents[Name]) => Line | undefined } = {
  conflict: ({ table, key, attempt, callers }) => ({
    level: 'debug',
    text: `atom ${key} of ${table}: another writer was first (attempt ${attempt}, ${callers} calls); trying again`,
  }),
  retry: ({ table, key, obstacle, pauseMs, errorName = 'no answer' }) => ({
    level: obstacle === 'throttled' ? 'warn' : 'debug',
    text: `atom ${key} of ${table}: ${errorName}; trying again in ${Math.round(pauseMs)} ms`,
  }),
  settle: ({ table, key, writeId, verdict, reason, copies }) => ({
    level: verdict === 'unknown' ? 'warn' : 'info',
    text:
      verdict === 'unknown'
        ? `atom ${key} of ${table}: write ${writeId} could not be settled after ${copies} copies: ${reason}`
        : `atom ${key} of ${table}: write ${writeId}, whose answer was lost, turned out ${verdict} after ${copies} copies`,
  }),
  commit: () => undefined,
  unknown: ({ table, key, action, writeId, reason }) => ({
    level: 'warn',
    text: `atom ${key} of ${table}: nobody knows whether the ${action} took effect: write ${writeId} is ${reason}`,
  }),
  parts: ({ table, key, action, parts, errorName }) => ({
    level: 'warn',
    text: `atom ${key} of ${table}: could not ${action} ${parts} parts of a large value: ${errorName}; sweepParts() will remove them`,
  }),
  table: ({ table, timeToLive }) =>
    timeToLive === 'enabled'
      ? undefined
      : {
          level: 'warn',
          text: `table ${table}: time to live is ${timeToLive}, so tombstones and expired items stay until sweep()`,
        },
};

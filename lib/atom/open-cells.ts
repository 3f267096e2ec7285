/**
 * The cells of one table: found by key, opened with options, weakly held, so that an atom that nobody holds costs nothing.
 *
 * All handles of one key share a cell and must mean the same by it. A cell that only a call on many atoms opened has no handle; it gives
 * way to one with other options, but not while a write of its lane may still take effect.
 */
import type { Held, SealingCodec, ValueCodec } from '../codec/index.js';
import type { AtomOptions, AtomTableBaseOptions } from './atom-options.js';
import { AtomReader } from './atom-reader.js';
import { Cell } from './cell.js';
import { OptionsDifferError } from './errors.js';
import { type Ground, type Retry, resolveRetry } from './ground.js';
import { requireDistinct } from './item-format.js';
import { type LargeRules, largeRules } from './large/large.js';
import { type AtomKey, atomKeyOf, type Cells } from './many/cells.js';
import { Pace } from './pace.js';
import { ValueRules } from './value-rules.js';

/** A request that brings much may take so many times as long as one for one item. */
const bulkAttempts = 8;
/** Some thirty thousand years: added to the time of any write, it is still a whole number that can be told from the next. */
const ttlMsMax = 1e15;

/** Options of an atom with those of its table in place of what it left open. */
interface Resolved {
  readonly codec: ValueCodec | SealingCodec | undefined;
  readonly large: LargeRules | undefined;
  readonly retry: Retry;
}

export class OpenCells implements Cells {
  readonly ground: Ground;
  readonly bulk: Ground;
  readonly retry: Retry;
  readonly codec: ValueCodec | SealingCodec | undefined;
  /** Those of an atom that leaves everything open. */
  readonly #defaults: Resolved;
  readonly #plain: ValueRules;
  readonly #cells = new Map<string, WeakRef<Cell>>();
  readonly #collected = new FinalizationRegistry<string>((text) => {
    if (this.opened(text) === undefined) this.#cells.delete(text);
  });
  /** Cells that no handle was ever made for. */
  readonly #unheld = new WeakSet<Cell>();

  /** @throws RangeError for sizes of large values out of range. */
  constructor(ground: Ground, retry: Retry, { codec, large = 'parts' }: AtomTableBaseOptions) {
    const pace = new Pace(retry.attemptTimeoutMs, bulkAttempts * retry.attemptTimeoutMs);
    // As if one had been quick: only when answers do not come is there reason to wait longer.
    pace.answered(0);
    this.ground = ground;
    this.bulk = { ...ground, pace };
    this.retry = retry;
    this.codec = codec;
    this.#defaults = { codec, large: largeRules(large), retry };
    this.#plain = this.#rules('', {}, this.#defaults);
  }

  keyOf(key: unknown): AtomKey {
    return atomKeyOf(key, this.ground.keyNames);
  }

  opened(text: string): Cell | undefined {
    return this.#cells.get(text)?.deref();
  }

  cellOf(atom: AtomReader<unknown>): Cell {
    const cell = AtomReader.cellOf(atom);
    if (this.opened(cell.keyText) === cell) return cell;
    throw new TypeError(`Cannot use atom ${cell.keyText} here: it belongs to another AtomTable`);
  }

  /**
   * The cell for a handle with these options.
   *
   * @throws {OptionsDifferError} `ERR_OPTIONS_DIFFER`
   */
  held(key: AtomKey, options: AtomOptions<never>): Cell {
    const cell = this.opened(key.text);
    const resolved = this.#resolve(options);
    if (cell === undefined) return this.#open(key, options, resolved);
    try {
      requireSame(cell, options, resolved);
    } catch (error) {
      if (this.#unheld.has(cell) && cell.lane.isIdle) return this.#open(key, options, resolved);
      throw error;
    }
    this.#unheld.delete(cell);
    return cell;
  }

  writing(key: AtomKey): Cell {
    const opened = this.opened(key.text);
    if (opened !== undefined) return opened;
    const cell = this.#open(key, {}, this.#defaults);
    this.#unheld.add(cell);
    return cell;
  }

  passing({ item, text }: AtomKey, rules: ValueRules = this.#rules(text, {}, this.#defaults)): Cell {
    return new Cell(this.ground, this.retry, item, text, rules, undefined);
  }

  /** How atoms are read by a handle with these options; without options by whoever has opened them. */
  readingRules(options: AtomOptions<never> | undefined): (key: AtomKey) => ValueRules {
    if (options === undefined) return ({ text }) => this.opened(text)?.rules ?? this.#rules(text, {}, this.#defaults);
    const resolved = this.#resolve(options);
    return ({ text }) => this.#rules(text, options, resolved);
  }

  hold(value: unknown): Held {
    return this.#plain.hold(value);
  }

  #resolve({ codec = this.codec, large, retry }: AtomOptions<never>): Resolved {
    return {
      codec: codec === 'native' ? undefined : codec,
      large: large === undefined ? this.#defaults.large : largeRules(large),
      retry: resolveRetry(this.retry, retry),
    };
  }

  #open(key: AtomKey, options: AtomOptions<never>, resolved: Resolved): Cell {
    const { item, text } = key;
    const { index, ttlMs } = options;
    if (ttlMs !== undefined && !(ttlMs >= 1 && ttlMs <= ttlMsMax)) {
      throw new RangeError(`Cannot open atom ${text}: ttlMs must be a number from 1 to ${ttlMsMax}: ${ttlMs}`);
    }
    const { names, keyNames } = this.ground;
    requireDistinct([...Object.keys(index ?? {}), ...keyNames, ...Object.values(names)]);
    const rules = this.#rules(text, options, resolved);
    const initial = options.initial === undefined ? undefined : rules.hold(options.initial);
    const cell = new Cell(this.ground, resolved.retry, item, text, rules, initial);
    this.#cells.set(text, new WeakRef(cell));
    this.#collected.register(cell, text);
    return cell;
  }

  #rules(text: string, options: AtomOptions<never>, { codec, large }: Resolved): ValueRules {
    const { schema, index, adopt, foreign = 'carry', ttlMs } = options;
    return new ValueRules(text, { codec, schema, index, adopt, foreign, ttlMs: wholeMs(ttlMs), large });
  }
}

/** Handles of one atom share one cell, so they must mean the same. Functions are compared by their source text. */
function requireSame({ keyText, rules, initial, retry }: Cell, options: AtomOptions<never>, resolved: Resolved): void {
  const differ = (option: string): never => {
    throw new OptionsDifferError(keyText, option);
  };
  const { codec, large } = resolved;
  if (codec?.name !== rules.codec?.name) differ('codec');
  // Layers of one name may have other keys or settings.
  if (codec !== rules.codec && rules.sealing !== undefined) differ('codec');
  if (wholeMs(options.ttlMs) !== rules.ttlMs) differ('ttlMs');
  if (options.schema !== rules.schema) differ('schema');
  if ((options.foreign ?? 'carry') !== rules.foreign) differ('foreign');
  if (String(options.adopt) !== String(rules.adoptFunction)) differ('adopt');
  if (indexText(options.index) !== indexText(rules.index)) differ('index');
  const given = options.initial === undefined ? undefined : rules.hold(options.initial);
  if (given === undefined ? initial !== undefined : initial?.equals(given) !== true) differ('initial');
  if (JSON.stringify(resolved.retry) !== JSON.stringify(retry)) differ('retry');
  if (JSON.stringify(large) !== JSON.stringify(rules.large)) differ('large');
}

/** The item holds whole milliseconds. */
function wholeMs(ttlMs: number | undefined): number | undefined {
  return ttlMs === undefined ? undefined : Math.ceil(ttlMs);
}

function indexText(index: Readonly<Record<string, unknown>> | undefined): string {
  return Object.entries(index ?? {})
    .map(([name, f]) => `${name}=${String(f)}`)
    .sort()
    .join();
}

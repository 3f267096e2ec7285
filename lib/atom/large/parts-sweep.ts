/**
 * Removing parts that no item names: of writers that died between the parts and the item, or between the item and the mark on the
 * parts before; of writes of which nobody knows any more; copies of a part that came late.
 *
 *   found part, base b ──> item:  names it                     it lives
 *                                 is no more at b, or gone     it can't be committed any more: removed
 *                                 is still at b                its writer may only be asleep: the item is moved on by a write
 *                                                              of our own, which changes nothing but the token; then removed
 *
 * Why it is safe: a value is committed by a write whose condition is the token of the very state that its parts say they were made
 * on, and no item ever has an old token again. So once the item is at another one, nobody can come to name these parts. Whoever
 * names them already is seen by the same look; and if the item moves between the look and our write, ours fails, and we look again.
 */
import { decodeKey, type Item, type SealingCodec, type ValueCodec } from '../../codec/index.js';
import { ContentionError } from '../errors.js';
import type { Ground } from '../ground.js';
import { type Cells, keyItemOf, keyTextOf } from '../many/cells.js';
import { readPage } from '../many/page-read.js';
import { eachOf } from '../slots.js';
import { type PartNotes, partCodecName, partNotesOf } from './parts-format.js';
import { SweptItem } from './swept-item.js';

/** Options of `AtomTable.sweepParts`. */
export interface SweepPartsOptions {
  /**
   * Parts that were written this recently are left alone: their writer is most likely at work, and would lose its race. By the
   * clocks of both; what is safe does not rest on it.
   * @defaultValue 3600000, an hour
   */
  readonly graceMs?: number;
  /**
   * The codec of an atom, by its key; needed for layers over the value that the table does not have, and that no handle in this process
   * was opened with.
   */
  readonly codecOf?: (key: unknown) => ValueCodec | SealingCodec | undefined;
  /** Ends the sweep with `signal.reason`, between two atoms. */
  readonly signal?: AbortSignal | undefined;
}

/** An atom whose parts were left alone, and why. */
export interface SkippedAtom {
  /** Canonical key. */
  readonly key: string;
  readonly error: Error;
}

/** What a sweep of parts did. */
export interface PartsSwept {
  /** Parts that were removed. */
  readonly removed: number;
  /** Parts that an item names. */
  readonly kept: number;
  /** Items that were moved on by a write that changes nothing, so that older writes fail. */
  readonly moved: number;
  /** Atoms whose item could not be read, or not be moved on. */
  readonly skipped: readonly SkippedAtom[];
}

/** Parts of one atom. */
interface Found {
  readonly owner: readonly string[];
  readonly parts: { readonly key: Item; readonly notes: PartNotes }[];
}

const graceMsDefault = 60 * 60 * 1_000;
/** Parts of which the keys are remembered before they are judged: some megabytes. */
const partsMax = 20_000;
/** Atoms that are judged at a time. */
const atomsAtOnce = 4;
/** Looks at an item that others write all the time. */
const looksMax = 16;

const always = new AbortController().signal;

export async function sweepParts(cells: Cells, options: SweepPartsOptions = {}): Promise<PartsSwept> {
  const { graceMs = graceMsDefault, signal = always } = options;
  if (!(graceMs >= 0)) {
    throw new RangeError(`Cannot sweep parts: graceMs must be a number of at least 0: ${graceMs}`);
  }
  const sweep = new PartsSweep(cells, options);
  const { engine, keyNames, names, tableName, clock } = cells.ground;
  const filter = {
    expression: '#c = :part AND attribute_not_exists(#x)',
    names: { '#c': names.codec, '#x': names.expiresAt },
    values: { ':part': { S: partCodecName } },
  };
  const projection = [...keyNames, names.codec, names.annotations];
  let found = new Map<string, Found>();
  let count = 0;
  let startKey: Item | undefined;
  do {
    signal.throwIfAborted();
    const request = { table: tableName(), filter, consistent: true, startKey, projection };
    const page = await readPage(cells, 'sweep parts of', signal, (sending) => engine.scan(request, sending));
    const before = clock.now() - graceMs;
    for (const item of page.items) count += note(found, item, before, cells.ground);
    startKey = page.nextKey;
    if (startKey === undefined || count >= partsMax) {
      await sweep.judge([...found.values()], signal);
      found = new Map();
      count = 0;
    }
  } while (startKey !== undefined);
  return sweep.done;
}

/** Takes a part down, unless it is too young; answers how many it took. */
function note(found: Map<string, Found>, item: Item, before: number, ground: Ground): number {
  const notes = partNotesOf(item, ground);
  if (notes === undefined || notes.at > before) return 0;
  const owner = JSON.stringify(notes.owner);
  const parts = found.get(owner)?.parts ?? [];
  parts.push({ key: keyItemOf(item, ground.keyNames), notes });
  found.set(owner, { owner: notes.owner, parts });
  return 1;
}

class PartsSweep {
  readonly #cells: Cells;
  readonly #codecOf: SweepPartsOptions['codecOf'];
  /** A writer of its own: the evidence in an item allows a writer one write under way, and atoms in use have theirs. */
  readonly #ground: Ground;
  readonly #skipped: SkippedAtom[] = [];
  #removed = 0;
  #kept = 0;
  #moved = 0;

  constructor(cells: Cells, { codecOf }: SweepPartsOptions) {
    this.#cells = cells;
    this.#codecOf = codecOf;
    this.#ground = { ...cells.ground, writer: Buffer.from(cells.ground.randomBytes(8)).toString('base64url') };
  }

  get done(): PartsSwept {
    return { removed: this.#removed, kept: this.#kept, moved: this.#moved, skipped: this.#skipped };
  }

  judge(found: readonly Found[], signal: AbortSignal): Promise<void> {
    return eachOf(found.length, atomsAtOnce, async (index) => {
      signal.throwIfAborted();
      const { owner, parts } = found[index] as Found;
      const key = itemKeyOf(owner, this.#ground);
      const text = keyTextOf(key, this.#ground.keyNames) as string;
      try {
        await this.#judge(key, text, parts);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        this.#skipped.push({ key: text, error });
      }
    });
  }

  async #judge(key: Item, text: string, parts: Found['parts']): Promise<void> {
    const { retry } = this.#cells;
    const item = new SweptItem({ ground: this.#ground, retry }, { key, text }, this.#codecFor(text));
    for (let look = 0; look < looksMax; look += 1) {
      const { image, named } = await item.look();
      const orphans = parts.filter(({ notes }) => notes.id !== named);
      const mayCome = image !== undefined && orphans.some(({ notes }) => notes.base === image.lineage.token);
      if (mayCome) {
        if (!(await item.move(image))) continue;
        this.#moved += 1;
      }
      return this.#remove(orphans, parts.length - orphans.length, text);
    }
    throw new ContentionError('sweep', { key: text, attempts: looksMax, conflicts: looksMax }, retry.timeoutMs);
  }

  async #remove(orphans: Found['parts'], kept: number, text: string): Promise<void> {
    this.#kept += kept;
    await eachOf(orphans.length, orphans.length, async (index) => {
      await this.#ground.parts.removeOne((orphans[index] as { key: Item }).key, text);
      this.#removed += 1;
    });
  }

  #codecFor(text: string): ValueCodec | SealingCodec | undefined {
    const cells = this.#cells;
    return this.#codecOf?.(keyIn(text, this.#ground.keyNames.length)) ?? cells.opened(text)?.rules.codec ?? cells.codec;
  }
}

function itemKeyOf(owner: readonly string[], { keyNames }: Ground): Item {
  return Object.fromEntries(keyNames.map((name, at) => [name, { S: owner[at] as string }]));
}

/** The key as `AtomTable.atom` takes it. */
function keyIn(text: string, count: number): unknown {
  if (count === 1) return decodeKey(text);
  const [pk, sk] = JSON.parse(text) as [string, string];
  return { pk: decodeKey(pk), sk: decodeKey(sk) };
}

/**
 * Evidence in the item: how a writer whose answer was lost finds out whether its write took effect.
 *
 * Every item carries, beside its value, its lineage:
 *
 *   e   incarnation: random, chosen by the write that created the item
 *   v   version: +1 with every committed write, never back within an incarnation
 *   l   token of the last write, `writer:seq`; the compare-and-swap condition is on it
 *   w0  writers of the current generation, each with the highest `seq` that it committed
 *   w1  the generation before
 *   r   version at the last rotation of the generations
 *   f   floor: evidence of writes that made versions <= f may be gone
 *
 * Why a verdict is sound: (1) a write made on base (e, v=b) can only have made version b+1 of e. (2) Once the version is
 * above b, no late copy of it can apply, since `l` never returns to the base's token: moving the version on is the fence.
 * (3) The evidence of version n is dropped only by a rotation that raises f to at least n. (4) A `seq` belongs to one
 * payload, so "applied" means this payload and no other. The protocol is checked over every interleaving of small cases by
 * `spec/models/commit-protocol.spec.ts`, which runs these very functions.
 *
 * Pure: plain data in, plain data out.
 */

/** Writers of one generation and the highest sequence number that each has committed. */
export type Generation = Readonly<Record<string, number>>;

/** The part of an item that orders its writes and proves them. */
export interface Lineage {
  readonly incarnation: string;
  readonly version: number;
  /** Token of the last write, see {@link tokenOf}. */
  readonly token: string;
  readonly current: Generation;
  readonly previous: Generation;
  readonly rotatedAt: number;
  readonly floor: number;
}

/** One distinct write: who, the number of its payload, and what it was made on. */
export interface Attempt {
  readonly writer: string;
  readonly seq: number;
  /** The lineage that it was made on; `undefined` for the creation of an item. */
  readonly base: Pick<Lineage, 'incarnation' | 'version'> | undefined;
  /** The incarnation of the item that it writes; for a creation, its own random choice. */
  readonly incarnation: string;
}

/**
 * - `applied`: it took effect, exactly once.
 * - `not-applied`: it did not, and no late copy of it can.
 * - `pending`: not yet, but a late copy still may.
 * - the rest: the evidence cannot tell, for this reason.
 */
export type Verdict = 'applied' | 'not-applied' | 'pending' | 'evidence-evicted' | 'incarnation-changed' | 'item-gone';

/** Writers in one generation before it is rotated out. With at most this many writers on an atom, no verdict is ever lost. */
export const generationWritersDefault = 8;

/** The generation without writers, shared by the many items that have never had another. */
const nobody: Generation = Object.freeze({});

/** The token of a write. */
export function tokenOf(writer: string, seq: number): string {
  return `${writer}:${seq}`;
}

/** The writer of a token. */
export function writerOf(token: string): string {
  return token.slice(0, token.lastIndexOf(':'));
}

/** The lineage that a creation writes. */
export function originate(incarnation: string, writer: string, seq: number): Lineage {
  return {
    incarnation,
    version: 1,
    token: tokenOf(writer, seq),
    current: { [writer]: seq },
    previous: nobody,
    rotatedAt: 0,
    floor: 0,
  };
}

/** The lineage that a write on top of `base` writes: one version on, its own evidence added, the oldest generation dropped when full. */
export function evolve(base: Lineage, writer: string, seq: number, generationWritersMax: number): Lineage {
  let { rotatedAt, floor } = base;
  let current = without(base.current, writer);
  let previous = writer in base.previous ? without(base.previous, writer) : base.previous;
  if (Object.keys(current).length >= generationWritersMax) {
    floor = rotatedAt;
    rotatedAt = base.version;
    previous = current;
    current = {};
  }
  current[writer] = seq;
  return {
    incarnation: base.incarnation,
    version: base.version + 1,
    token: tokenOf(writer, seq),
    current,
    previous,
    rotatedAt,
    floor,
  };
}

function without(generation: Generation, writer: string): Record<string, number> {
  const rest: Record<string, number> = {};
  for (const name of Object.keys(generation)) if (name !== writer) rest[name] = generation[name] as number;
  return rest;
}

/** Highest sequence number that `writer` is known to have committed, or -1. */
export function committedSeq(lineage: Lineage, writer: string): number {
  return Math.max(lineage.current[writer] ?? -1, lineage.previous[writer] ?? -1);
}

/**
 * What `image` (a strongly consistent look at the item, or the item that a failed condition met) says about `attempt`.
 *
 * `undefined` means that the item does not exist.
 */
export function decide(image: Lineage | undefined, attempt: Attempt): Verdict {
  const { base } = attempt;
  if (image === undefined) return base === undefined ? 'pending' : 'item-gone';
  if (base === undefined) return image.incarnation === attempt.incarnation ? 'applied' : 'not-applied';
  if (image.incarnation !== base.incarnation || image.version < base.version) return 'incarnation-changed';
  const committed = committedSeq(image, attempt.writer);
  if (committed >= attempt.seq) return 'applied';
  if (image.version === base.version) return 'pending';
  if (committed >= 0) return 'not-applied';
  return base.version >= image.floor ? 'not-applied' : 'evidence-evicted';
}

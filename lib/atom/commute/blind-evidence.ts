/**
 * Evidence for writes that the store evaluates itself: an update that is not bound to a base, so it meets no rival.
 *
 *   CAS write     applies on one version only; the version moving on is its fence
 *   blind write   applies on any version >= the one seen before it was sent, so it needs fences of its own:
 *
 *     e = :e                 the life of the item that it was meant for
 *     w0.me, w1.me < :seq    not if it has been applied already, nor after a later write of the same writer
 *     f <= :seenAt           not once the evidence of having been applied may be gone
 *
 * Why it is exactly once: of the copies of one write, the first that is applied leaves its number; from then on either the number is
 * there, or the floor has passed what was seen before the first copy was sent (whoever drops a generation raises the floor to at
 * least the versions in it). Both conditions only ever turn from true to false within one life of the item.
 *
 * The conditions on the shape of the value are another matter: they may fail now and hold later. A write that failed because of them
 * alone is `pending`, and can be ruled out by a fence only: a blind write of nothing under a newer number, on condition that the
 * write in question has not been applied. It leaves the value as it is under a new version, so it must not meet one that a layer has
 * bound to its version: nobody could open that again.
 *
 * A blind write can rotate the generations as well (right sides see the old item): w1 = w0, w0 = me alone, f = r, r = v.
 *
 * Pure: plain data in, plain data out. The protocol is checked by `spec/models/commute-protocol.spec.ts`, which has these very
 * expressions judged.
 */
import { type AttributeValue, compactCodec, compressed, jsonCodec } from '../../codec/index.js';
import type { Expression } from '../../engine/index.js';
import { committedSeq, type Lineage, tokenOf, type Verdict } from '../evidence.js';
import type { AttributeNames, Image } from '../item-format.js';
import { manifestCodecName } from '../large/manifest.js';

/** One distinct blind write. */
export interface BlindAttempt {
  readonly writer: string;
  readonly seq: number;
  /** The life of the item that it is meant for. */
  readonly incarnation: string;
  /** A version that was seen before the first copy was sent. */
  readonly seenAt: number;
  /** The number of the write that it is to make impossible, if it is a fence. */
  readonly fences?: number | undefined;
  /** The generations are rotated by it, if nobody else has since: the `r` that was seen. */
  readonly rotates?: number | undefined;
}

/** What is done to the item, as parts of expressions that share their placeholders. */
export interface BlindParts {
  /** Assignments, such as `#d.#0 = #d.#0 + :0`. */
  readonly sets: readonly string[];
  /** Paths. */
  readonly removes: readonly string[];
  readonly conditions: readonly string[];
  readonly names: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, AttributeValue>>;
}

/** The parts of the condition that make a blind write safe, by name. */
export interface BlindGuards {
  readonly incarnation: string;
  readonly floor: string;
  readonly current: string;
  readonly previous: string;
  readonly rotation: string | undefined;
}

const one: AttributeValue = { N: '1' };
const blindMark = '~';
/** Codec names of what may lie in an item the same under every version. */
const looseCodecNames: readonly string[] = [jsonCodec.name, compactCodec.name, compressed().name, manifestCodecName];

/** The token of a blind write. */
function blindTokenOf(writer: string, seq: number): string {
  return `${tokenOf(writer, seq)}${blindMark}`;
}

/** Whether a token is that of a blind write. */
export function isBlind(token: string): boolean {
  return token.endsWith(blindMark);
}

/** The guards of `attempt`. */
export function blindGuards({ rotates }: Pick<BlindAttempt, 'rotates'>): BlindGuards {
  return {
    incarnation: '#e = :e',
    floor: '#f <= :b',
    current: '(attribute_not_exists(#w.#m) OR #w.#m < :q)',
    previous: '(attribute_not_exists(#p.#m) OR #p.#m < :q)',
    rotation: rotates === undefined ? undefined : '#r = :r',
  };
}

/** The update and the condition of a blind write of `parts`. */
export function blindExpressions(
  attempt: BlindAttempt,
  parts: BlindParts,
  names: AttributeNames,
  guards: BlindGuards = blindGuards(attempt),
): { readonly update: Expression; readonly condition: Expression } {
  const { writer, seq, incarnation, seenAt, fences = seq, rotates } = attempt;
  const rotation = rotates !== undefined;
  const evidence = rotation ? ['#p = #w', '#w = :w', '#f = #r', '#r = #v'] : ['#w.#m = :s'];
  const sets = [...parts.sets, '#v = #v + :one', '#l = :l', ...evidence];
  const removes = parts.removes.length === 0 ? '' : ` REMOVE ${parts.removes.join(', ')}`;
  const entry: AttributeValue = { N: String(seq) };
  return {
    update: {
      expression: `SET ${sets.join(', ')}${removes}`,
      names: {
        ...parts.names,
        ...{ '#v': names.version, '#l': names.token, '#w': names.current },
        ...(rotation ? { '#p': names.previous, '#f': names.floor, '#r': names.rotatedAt } : { '#m': writer }),
      },
      values: {
        ...parts.values,
        ...{ ':one': one, ':l': { S: blindTokenOf(writer, seq) } },
        ...(rotation ? { ':w': { M: { [writer]: entry } } } : { ':s': entry }),
      },
    },
    condition: {
      expression: [...Object.values(guards).filter((guard) => guard !== undefined), ...parts.conditions].join(' AND '),
      names: {
        ...{ '#e': names.incarnation, '#f': names.floor, '#w': names.current, '#p': names.previous, '#m': writer },
        ...(rotation && { '#r': names.rotatedAt }),
      },
      values: {
        ...{ ':e': { S: incarnation }, ':b': { N: String(seenAt) }, ':q': { N: String(fences) } },
        ...(rotation && { ':r': { N: String(rotates) } }),
      },
    },
  };
}

/** What a fence does beside the evidence: nothing, on condition that no layer has bound the value to its version. */
export function fenceParts(names: AttributeNames): BlindParts {
  const loose = looseCodecNames.map((name, at): [string, AttributeValue] => [`:c${at}`, { S: name }]);
  const clauses = ['attribute_not_exists(#c)', ...loose.map(([placeholder]) => `#c = ${placeholder}`)];
  return {
    sets: [],
    removes: [],
    conditions: [`(${clauses.join(' OR ')})`],
    names: { '#c': names.codec },
    values: Object.fromEntries(loose),
  };
}

/** Whether a layer may have bound the value of an item to its version, so that a fence must not touch it. */
export function isBound({ encoded }: Pick<Image, 'encoded'>): boolean {
  return encoded?.codec !== undefined && !looseCodecNames.includes(encoded.codec);
}

/** The lineage that a blind write leaves on an item of `before`. */
export function evolveBlind(before: Lineage, { writer, seq, rotates }: BlindAttempt): Lineage {
  const { incarnation, version, current, previous, rotatedAt, floor } = before;
  const next = { incarnation, version: version + 1, token: blindTokenOf(writer, seq) };
  return rotates === undefined
    ? { ...next, current: { ...current, [writer]: seq }, previous, rotatedAt, floor }
    : { ...next, current: { [writer]: seq }, previous: current, rotatedAt: version, floor: rotatedAt };
}

/**
 * What `image` says about a blind write. `pending`: it was not applied so far, and still may be; if its condition failed, that was
 * for the shape of the value alone.
 */
export function decideBlind(image: Lineage | undefined, attempt: BlindAttempt): Verdict {
  const { writer, seq, incarnation, seenAt, fences } = attempt;
  if (image === undefined) return 'item-gone';
  if (image.incarnation !== incarnation || image.version < seenAt) return 'incarnation-changed';
  const committed = committedSeq(image, writer);
  if (committed >= seq) return 'applied';
  if (fences !== undefined && committed >= fences) return 'not-applied';
  if (image.floor <= seenAt) return 'pending';
  // A number of ours that is older would have been replaced, and replaced numbers do not come back.
  return committed >= 0 ? 'not-applied' : 'evidence-evicted';
}

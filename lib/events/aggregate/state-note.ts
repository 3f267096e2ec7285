/**
 * The note of a stream's head: the state of its aggregate, if that fits.
 *
 *   { a: name of the type, v: version of the state, q: number of events in it, s: the state }       JSON, deflated
 *
 * `q` is the number of the state that stands beside it, always: both are written by the commit that makes it so, or not at all.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { hold, jsonCodec } from '../../codec/index.js';
import type { AnyAggregateType } from './aggregate-type.js';

/** A state and the number of events that are in it. */
export interface Folded<State = unknown> {
  readonly state: State;
  readonly seq: number;
}

/** Text that a note may inflate to at most. */
const textBytesMax: number = 4 * 1_024 * 1_024;

export function encodeNote({ name, stateVersion }: AnyAggregateType, { state, seq }: Folded): Uint8Array {
  const held = hold({ a: name, v: stateVersion, q: seq, s: state }, jsonCodec);
  return deflateRawSync(Buffer.from((held.encode().data as { readonly S: string }).S));
}

/** The state in a note; `undefined` when it is of another type or version. Throws for what is no note. */
export function decodeNote(note: Uint8Array, { name, stateVersion }: AnyAggregateType): Folded | undefined {
  const text = inflateRawSync(note, { maxOutputLength: textBytesMax }).toString();
  const { a, v, q, s } = jsonCodec.decode({ S: text }) as { a: unknown; v: unknown; q: unknown; s: unknown };
  if (a !== name || v !== stateVersion) return undefined;
  if (!Number.isSafeInteger(q) || (q as number) < 0) throw new Error('a note without a number');
  return { state: s, seq: q as number };
}

/**
 * What a writer of atoms does, as a parameter of the model: the library's own functions unless a spec plants a bug.
 *
 * The three functions on lineages are the shipped ones. The rest is the loop around them in so many words: when an answer
 * is believed, what a delete leaves behind, what a write is conditional on.
 */
import { decide, evolve, type Lineage, originate } from '../../lib/atom/evidence.js';

export interface Protocol {
  readonly evolve: typeof evolve;
  readonly originate: typeof originate;
  readonly decide: typeof decide;
  /** The condition of a write made on `base`, judged by the store on what stands there. */
  holds(stored: Lineage | undefined, base: Lineage | undefined): boolean;
  /** Whether a failed condition is taken as "lost the race", without a look at the evidence. */
  believesConflict(sends: number): boolean;
  /** Whether an answer like "throttled" is taken as "this write is not done". */
  believesRefusal(sends: number): boolean;
  /** The incarnation that a creation chooses. Random in life; distinct is all that matters. */
  incarnation(writer: string, seq: number): string;
  /** Name of the writer: `lane` is the client, `life` grows when it gives a write up. */
  writer(lane: number, life: number): string;
  /** Which counter numbers a lane's payloads. */
  counter(lane: number): number;
  /** What a delete leaves. */
  readonly deletes: 'tombstone' | 'nothing';
  /** Whether a resend takes the next waiting operation along under the old number. */
  readonly rebatches: boolean;
  /** Whether a write is sent again after the tombstone that stood against its late copies may be gone. */
  readonly outlivesTombstones: boolean;
}

export const shipped: Protocol = {
  evolve,
  originate,
  decide,
  holds: (stored, base) => stored?.token === base?.token,
  believesConflict: (sends) => sends === 1,
  believesRefusal: (sends) => sends === 1,
  incarnation: (writer, seq) => `${writer}${seq}`,
  writer: (lane, life) => `${'ABCDEFGH'[lane]}${"'".repeat(life)}`,
  counter: (lane) => lane,
  deletes: 'tombstone',
  rebatches: false,
  outlivesTombstones: false,
};

/** The protocol with one thing done wrong. */
export function planted(bug: Partial<Protocol>): Protocol {
  return { ...shipped, ...bug };
}

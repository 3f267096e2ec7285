/**
 * What the processes of a run write down: who called what when and what came back, and each distinct put that left.
 *
 *   {"on":"call","id":"w1#7","at":812,"atom":"a","kind":"swap"}                      before the call is made
 *   {"on":"put","atom":"a","token":"Xk:9","base":"Qf:4","version":12,"ids":["w1#7"]} before the first copy is sent
 *   {"on":"ret","id":"w1#7","at":815,"outcome":"done","found":{…},"made":{…}}        after it returned
 *   {"on":"settled","id":"w1#7","at":990,"outcome":"done"}                           when an unknown outcome was asked for
 *
 * Why the puts: calls that wait at the same time share one put, and a reset or a deletion does not see what it replaces.
 * So values alone do not tell the order of calls. Each put names the token that it is conditional on and the calls that it
 * carries, in their order; from the last token in the store back to the first, that is the order (`judge.ts`).
 */
import { fileNotebook, type SettledNote } from './notebook.js';

/** What stands in an atom of a run: which call wrote it, and a count that only swaps move by one. */
export interface Value {
  readonly by: string;
  readonly n: number;
}

export type CallKind = 'read' | 'swap' | 'trySwap' | 'reset' | 'compareAndSet' | 'delete';

/** What a caller was told. */
export interface Told {
  /** `false`: nothing was done, and that is the answer (a lost compare-and-set, nothing to delete); `failed`: a read that failed. */
  readonly outcome: 'done' | 'false' | 'not-done' | 'unknown' | 'failed';
  /** The value that it found; `null` = none. Absent when the call does not tell. Of a compare-and-set, what it expected. */
  readonly found?: Value | null;
  /** Token of what it found or expected, where it was told; `''` where there was no item. */
  readonly token?: string;
  /** What it wrote; of an unknown outcome, what it may have written. */
  readonly made?: Value;
  readonly error?: string;
}

interface CallEvent {
  readonly on: 'call';
  readonly id: string;
  readonly at: number;
  readonly atom: string;
  readonly kind: CallKind;
}
interface PutEvent {
  readonly on: 'put';
  readonly atom: string;
  readonly token: string;
  /** `null` for a creation. */
  readonly base: string | null;
  readonly version: number;
  /** Whether it leaves no value. */
  readonly tombstone: boolean;
  /** The calls that it carries; none when it writes the base value again. */
  readonly ids: readonly string[];
}
interface RetEvent extends Told {
  readonly on: 'ret';
  readonly id: string;
  readonly at: number;
}
export type JournalEvent = CallEvent | PutEvent | RetEvent | SettledNote;

/** Where events go. */
export interface Journal {
  call(id: string, atom: string, kind: CallKind): void;
  put(put: Omit<PutEvent, 'on'>): void;
  ret(id: string, told: Told): void;
  settled(id: string, outcome: SettledNote['outcome']): void;
}

/** A journal that stamps with `now` and hands each event on. Stamps of one machine's processes are comparable. */
export function journalTo(write: (event: JournalEvent) => void, now: () => number): Journal {
  return {
    call: (id, atom, kind) => write({ on: 'call', id, at: now(), atom, kind }),
    put: (put) => write({ on: 'put', ...put }),
    ret: (id, told) => write({ on: 'ret', id, at: now(), ...told }),
    settled: (id, outcome) => write({ on: 'settled', id, at: now(), outcome }),
  };
}

/** A journal in a file of its own in `folder`. */
export function fileJournal(folder: string, name: string): Journal & { close(): void } {
  const { write, now, close } = fileNotebook<JournalEvent>(folder, name);
  return { ...journalTo(write, now), close };
}

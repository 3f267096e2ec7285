/**
 * Following what happens: every event that took effect, in order, from any point on.
 *
 * What is recent comes from a ring in memory, which is filled only while somebody listens; what is older, or was missed by a slow
 * listener, from the journal. So nobody's pace costs memory, and nothing is left out.
 */
import { type Clock, systemClock } from '../engine/index.js';
import type { ReadCommit } from '../journal/index.js';
import { decodeEvents } from './event-text.js';
import type { Change, Replica, Upcast } from './replica.js';

const ringMax = 4_096;
/** Of the events' text, about. */
const ringBytesMax: number = 16 * 1_024 * 1_024;
/** Any will do that a timer takes. */
const aliveMs = 2 ** 30;

export interface ChangesOptions<S, E, R> {
  readonly replica: Replica<S, E, R>;
  readonly upcast: Upcast<E> | undefined;
  /** Commits with events from `from` on. */
  readonly read: (from: number, signal?: AbortSignal) => AsyncGenerator<ReadCommit>;
  readonly clock: Clock;
}

export class Changes<S, E, R> {
  readonly #options: ChangesOptions<S, E, R>;
  #ring: Change<E>[] = [];
  #ringBytes = 0;
  #listeners = 0;
  #unlisten: (() => void) | undefined;
  #waiting = new Set<() => void>();
  #ended: { readonly error: unknown } | undefined;

  constructor(options: ChangesOptions<S, E, R>) {
    this.#options = options;
  }

  /** Ends all iterations: quietly, or with `error`. The first end counts: who was told of an error is not told that all is well. */
  end(error: unknown): void {
    this.#ended ??= { error };
    this.#tell();
  }

  /** Wakes those who wait, after the state moved on without a commit that is told of, as by a snapshot that was loaded. */
  wake(): void {
    this.#tell();
  }

  async *from(from: number, signal: AbortSignal | undefined): AsyncGenerator<Change<E>, void> {
    const { replica } = this.#options;
    this.#open();
    try {
      let next = from;
      for (;;) {
        signal?.throwIfAborted();
        // Who can't be trusted any more tells nothing more; who was closed still tells what it knows.
        if (this.#ended?.error !== undefined) throw this.#ended.error;
        const before = next;
        if (replica.seq >= next) {
          for await (const change of this.#known(next, signal)) {
            yield change;
            next = change.seq + 1;
          }
        }
        // Also when the journal has less than the state, as after a backup was put back: asking again would tell no more.
        if (next === before) {
          if (this.#ended !== undefined) return;
          await this.#next(signal);
        }
      }
    } finally {
      this.#close();
    }
  }

  /** What is known from `from` on, as far as it is in the state; more may come to be known meanwhile. */
  async *#known(from: number, signal: AbortSignal | undefined): AsyncGenerator<Change<E>> {
    const [first, last] = [this.#ring[0]?.seq, this.#ring.at(-1)?.seq];
    // After a snapshot was loaded, the state is ahead of the ring until the next commit.
    if (first !== undefined && last !== undefined && first <= from && from <= last) {
      yield* this.#ring.slice(from - first);
      return;
    }
    for await (const { commit, text } of this.#options.read(from, signal)) {
      if (commit.first > this.#options.replica.seq) return;
      for (const change of this.#changesOf(commit, text)) if (change.seq >= from) yield change;
    }
  }

  #changesOf(commit: ReadCommit['commit'], text: string): Change<E>[] {
    const { upcast } = this.#options;
    const { first, time, skip, handlerVersion } = commit;
    const skipped = new Set(skip);
    const changes: Change<E>[] = [];
    decodeEvents(text, (raw, id, index) => {
      if (skipped.has(index)) return;
      const seq = first + changes.length;
      changes.push({ seq, time, id, event: upcast === undefined ? (raw as E) : upcast(raw, { handlerVersion, seq }) });
    });
    return changes;
  }

  #next(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      // Following keeps no process alive, and a promise does not either: one that only listens would end in the middle of its loop. A
      // simulation has no process to keep.
      const alive = this.#options.clock.sleep === systemClock.sleep ? setInterval(() => {}, aliveMs) : undefined;
      const wake = () => {
        clearInterval(alive);
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  #open(): void {
    this.#listeners += 1;
    this.#unlisten ??= this.#options.replica.listen((changes, bytes) => {
      // A commit that was not told of, such as a snapshot that was loaded, leaves a gap: what is before it is read anew.
      const isNext = (this.#ring.at(-1)?.seq ?? 0) + 1 === changes[0]?.seq;
      if (!isNext || this.#ringBytes + bytes > ringBytesMax) {
        this.#ring = [];
        this.#ringBytes = 0;
      }
      this.#ring.push(...changes);
      this.#ringBytes += bytes;
      if (this.#ring.length > ringMax) this.#ring = this.#ring.slice(-ringMax / 2);
      this.#tell();
    });
  }

  #close(): void {
    this.#listeners -= 1;
    if (this.#listeners > 0) return;
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#ring = [];
  }

  #tell(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

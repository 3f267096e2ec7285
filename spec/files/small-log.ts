/** A storage in files as these specs look at it: numbered events in order, one consumer, one process after another on one disk. */

import type { SealingCodec } from '../../lib/codec/index.js';
import { type Clock, countingClock } from '../../lib/engine/index.js';
import { fileStorage } from '../../lib/files/file-storage.js';
import type { FileSystem } from '../../lib/files/file-system.js';
import type { Machine } from '../../lib/files/machine.js';
import type { Log, Retention } from '../../lib/prevalence/index.js';

export const directory = '/data/bank';

/** A process that takes all others for dead. */
export const lastProcess: Machine = {
  self: () => ({ pid: 1, host: 'here', command: 'spec' }),
  lifeOf: () => 'dead',
};

export interface SmallLogOptions {
  readonly machine?: Machine;
  readonly readOnly?: boolean;
  readonly onWarning?: (error: unknown) => void;
  readonly clock?: Clock;
  /** @defaultValue 2048 */
  readonly journalBytesMax?: number;
  readonly codec?: SealingCodec;
  readonly retention?: Retention;
  readonly onRestore?: () => void;
}

/** Events are `<number> <padding>`; what was folded must be 1, 2, 3, … */
export class SmallLog {
  readonly log: Log;
  /** Events that were folded, each by its number and how much padding it has. */
  events: readonly (readonly [n: number, padding: number])[] = [];

  constructor(fileSystem: FileSystem, options: SmallLogOptions = {}) {
    const { machine = lastProcess, readOnly = false, onWarning = () => {}, clock = countingClock() } = options;
    const { journalBytesMax = 2_048, codec, retention = { keep: 2 }, onRestore = () => {} } = options;
    const storage = fileStorage(directory, { fileSystem, machine, clock, journalBytesMax, takeOver: true });
    this.log = storage.open({
      consumer: {
        apply: (read) => this.#take(read.text),
        capture: () => this.events,
        restore: (captured) => {
          onRestore();
          this.events = (captured ?? []) as SmallLog['events'];
        },
      },
      ...{ format: 'numbers', clock, retention, readOnly, onWarning, codec },
    });
  }

  get last(): number {
    return this.events.length;
  }

  /** Appends the next events, as one commit; each has so many bytes at least. */
  async append(count: number, padding: number): Promise<void> {
    const first = this.last + 1;
    const lines = Array.from({ length: count }, (_, index) => eventOf(first + index, padding));
    await this.log.append({
      decide: () => ({ text: lines.join('\n'), count }),
      adopt: (commit) => this.#take(commit.text),
    });
  }

  #take(text: string): void {
    if (text === '') return;
    const events = text.split('\n').map((line) => JSON.parse(line) as { readonly n: number; readonly p: string });
    for (const { n, p } of events) {
      if (n !== this.last + 1) throw new Error(`event ${n} after ${this.last}`);
      this.events = [...this.events, [n, p.length]];
    }
  }
}

function eventOf(n: number, padding: number): string {
  return JSON.stringify({ n, p: 'x'.repeat(padding) });
}

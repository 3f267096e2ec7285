/**
 * The port through which something else than polling tells watches of changes: a reader of the table's stream, a message bus.
 *
 *   atom.watch() ──> one subscription per watched atom ──> source
 *        ^                                                   │ onHint(change)   something changed
 *        └───────────────────────────────────────────────────┘ onHealth(true)   from now on I tell of every change
 *
 * A source only makes watches quicker and cheaper; it can't make them wrong. What it brings is weighed like an eventually
 * consistent read: it moves a watch forward, never back. Whatever it leaves in doubt (no image, another incarnation, a gap) is
 * settled by one consistent read. While it says that it is healthy, polling slows down to a safety interval; when it does not,
 * polling is what it is without a source.
 */
import type { Item } from '../../codec/index.js';

/** What a source is to listen for: one item. */
export interface WatchTarget {
  readonly tableName: string;
  /** The item's key attributes. */
  readonly key: Item;
  /** The canonical text of the key. */
  readonly keyText: string;
}

/** A change of an item, with its image. */
export interface WatchChange {
  /** The whole item after the change; `undefined`: it was removed. */
  readonly item: Item | undefined;
}

/** Whom a source tells. Calls never throw, and after `close()` they do nothing. */
export interface WatchListener {
  /**
   * The item has changed. Without `change` (keys only, a gap, a reconnect, a mere nudge) the atom is read consistently; so that is
   * also what to call after any doubt.
   */
  onHint(change?: WatchChange): void;
  /**
   * `true`: every change from now on will be told, and polling slows down; what came before is settled by one consistent read.
   * `false`: that is no longer so. A subscription begins as not healthy.
   */
  onHealth(isHealthy: boolean): void;
}

/** What `subscribe` gives. */
export interface WatchSubscription {
  /** Called once, after the last watch of the atom has ended. */
  close(): void;
}

/**
 * Where hints of changes come from.
 *
 * @example
 * ```ts
 * import { AtomTable, type WatchListener, type WatchSource } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const listeners = new Map<string, WatchListener>();
 * const watchSource: WatchSource = {
 *   subscribe({ keyText }, listener) {
 *     listeners.set(keyText, listener); // and listen on your bus
 *     return { close: () => listeners.delete(keyText) };
 *   },
 * };
 * const engine = new MemoryEngine();
 * const table = new AtomTable({ engine, tableName: 'state', watchSource });
 * await table.create();
 *
 * const rival = new AtomTable({ engine, tableName: 'state' }); // as if in another process
 * for await (const n of table.atom<number>('n', { initial: 0 }).watch()) {
 *   console.log(n);
 *   // => 0
 *   // => 7
 *   if (n === 7) break;
 *   await rival.atom<number>('n').reset(7);
 *   listeners.get('n')?.onHint(); // your bus told you
 * }
 * ```
 */
export interface WatchSource {
  /** Begins to listen. Must not throw; a source that does is not asked again for this watch, and polling does the work. */
  subscribe(target: WatchTarget, listener: WatchListener): WatchSubscription;
}

/** Subscribes, if there is a source; gives what ends it. What a source throws is reported, and polling does the work. */
export function subscribeTo(
  source: WatchSource | undefined,
  target: () => WatchTarget,
  report: (error: unknown) => void,
  listener: WatchListener,
): () => void {
  const guarded = <Result>(call: () => Result): Result | undefined => {
    try {
      return call();
    } catch (error) {
      report(error);
      return undefined;
    }
  };
  const subscription = guarded(() => source?.subscribe(target(), listener));
  return () => guarded(() => subscription?.close());
}

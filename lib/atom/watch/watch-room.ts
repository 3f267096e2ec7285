/** Who may watch an atom, and what the watched atoms of one table share. */
import type { Held } from '../../codec/index.js';
import type { Ground } from '../ground.js';
import type { WatchPoller } from './watch-poller.js';
import type { WatchSource } from './watch-source.js';

/** Somebody who watches. None of these may throw. */
export interface Watcher {
  /** Whether it is to be given the current value before any change. */
  readonly wantsFirst: boolean;
  /** Whether looks for it are to be strongly consistent. */
  readonly isStrong: boolean;
  /** Longest interval between looks that it accepts. */
  readonly pollMsMax: number;
  readonly keepsAlive: boolean;
  /** The state is `next` now; it was `old` when this was last called. */
  see(next: Held | undefined, old: Held | undefined): void;
  /** What stands there can't be read, or not be looked at. Whether somebody was told of it. */
  fail(error: unknown): boolean;
  /** The table was closed. */
  end(): void;
}

/** What the watched atoms of one table share. */
export interface WatchRoom {
  readonly ground: Ground;
  readonly poller: WatchPoller;
  readonly source: WatchSource | undefined;
  /** Tells of what no caller can be told. */
  readonly report: (error: unknown) => void;
}

/**
 * Room for those who swap among those who commute.
 *
 * A blind write meets no rival, so a process that sends one after the other leaves no gap in which a swap could read, compute and
 * put. Turns do not help: they are for those who can lose. So who has lost to blind writes raises a hand.
 *
 *   swap      loses, loses ── hand ──── a round trip ──── read ── put ✓   (a put leaves no hand)
 *   commuter  ── update ── update, sees the hand ── rests ───────────── update, takes it down
 *
 * The hand is attribute `h`, set by an update beside the order of writes: no version, no token, no evidence. It is advice, like turns:
 * whether it arrives, and whoever heeds it, the condition of the put decides. Who raised it and died costs everybody one rest.
 */

import type { Known } from './cache.js';
import { isBlind } from './commute/blind-evidence.js';
import type { Ground } from './ground.js';
import type { Image } from './item-format.js';
import type { Register } from './register.js';

/** Races lost in a row to blind writes before a hand is raised. */
const lossesBeforeHand = 2;
/**
 * The hand is up for a round trip before the read, which takes another, as the put does; a commuter sees the hand a round trip after
 * it was raised, at the latest. One more for those that are slower than others.
 */
const restRoundTrips = 4;

export class ElbowRoom {
  readonly #ground: Ground;
  readonly #register: Register;
  #losses = 0;
  /** The state at which this writer rested last. */
  #restedAt: string | undefined;

  constructor(ground: Ground, register: Register) {
    this.#ground = ground;
    this.#register = register;
  }

  /** Whether a put has no chance among those who commute. */
  get isMissing(): boolean {
    return this.#losses >= lossesBeforeHand;
  }

  noteCommit(): void {
    this.#losses = 0;
  }

  /** A put lost against what stands there. */
  noteConflict(image: Image | null | undefined): void {
    this.#losses = lostToBlind(image) ? this.#losses + 1 : 0;
  }

  /** Asks those who commute to rest, and waits until they have heard of it. */
  async ask(): Promise<void> {
    const { names, writer, clock, pace } = this.#ground;
    await this.#register.nudge(
      { expression: 'SET #h = :h', names: { '#h': names.hand }, values: { ':h': { S: writer } } },
      { expression: 'attribute_exists(#l)', names: { '#l': names.token } },
    );
    await clock.sleep(pace.roundTripMs);
  }

  /** Rests, if somebody asked for that in the state that a commuter is about to write on; tells whether it did. */
  async give({ image }: Known): Promise<boolean> {
    const { writer, clock, pace } = this.#ground;
    if (image?.hand === undefined || image.hand === writer || image.lineage.token === this.#restedAt) return false;
    this.#restedAt = image.lineage.token;
    await clock.sleep(restRoundTrips * pace.roundTripMs);
    return true;
  }
}

/** Whether what stands there was made by a blind write. */
export function lostToBlind(image: Image | null | undefined): boolean {
  return image != null && isBlind(image.lineage.token);
}

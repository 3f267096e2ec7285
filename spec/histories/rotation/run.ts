/**
 * Keys of a sealed system that change under writers that die, one generation after another; what is unreadable then, and what is missing.
 *
 *   generation: writers with all keys ─► events, snapshots, prunes, a new key in between ─► one dies, and all with it ─► the next
 *   at times:   somebody without one of the keys: it opens, or is told which key that is
 *   at the end: the documented steps to retire all keys but one, and who has that one alone
 *
 * Each event is a number of its own, and the state their sum: so it is known which of those counted that were under way at a death.
 */
import { hash } from 'node:crypto';
import { encrypted, type KeyRing, keyRing } from '../../../lib/codec/index.js';
import { type Random, seededRandom } from '../../../lib/engine/index.js';
import { isLeydenError } from '../../../lib/errors.js';
import { openPrevayler, type Prevayler, type Storage, sealedStorage } from '../../../lib/prevalence/index.js';
import type { MortalStorage, RotationPlace } from './places.js';

export interface RotationOptions {
  readonly seed: number;
  /** Ends when so many items were written, and somebody has died. */
  readonly items: number;
}

export interface RotationReport {
  readonly items: number;
  readonly generations: number;
  readonly deaths: number;
  readonly keys: number;
  readonly events: number;
  /** Looks without one of the keys, and those that were told which it is. */
  readonly looks: number;
  readonly missing: number;
  readonly findings: readonly string[];
}

interface Event {
  readonly n: number;
  readonly text: string;
}
interface Sum {
  readonly sum: number;
  readonly count: number;
}
type System = Prevayler<Sum, Event>;

const keyOf = (id: string) => new Uint8Array(hash('sha256', id, 'buffer'));

function ringOf(ids: readonly string[], current: string): KeyRing {
  return keyRing({ current, keys: Object.fromEntries(ids.map((id) => [id, keyOf(id)])) });
}

function open(storage: Storage, keys: KeyRing, readOnly = false): Promise<System> {
  return openPrevayler<Sum, Event>({
    ...{ storage: sealedStorage(storage, encrypted({ keys })), initialState: { sum: 0, count: 0 } },
    handler: ({ sum, count }, { n }) => ({ sum: sum + n, count: count + 1 }),
    ...{ mode: readOnly ? 'read-only' : 'read-write', retention: { keep: 2 }, follow: false, snapshots: false },
    // Those that died go on telling what they can't reach.
    onWarning() {},
  });
}

export async function rotationRun(place: RotationPlace, { seed, items }: RotationOptions): Promise<RotationReport> {
  const run = new RotationRun(place, seededRandom(seed));
  while ((place.items() < items || run.deaths === 0) && run.findings.length === 0) await run.generation();
  if (run.findings.length === 0) await run.retireAll();
  return run.report();
}

class RotationRun {
  readonly findings: string[] = [];
  readonly #place: RotationPlace;
  readonly #random: Random;
  readonly #ids = ['k0'];
  readonly #sums = { generations: 0, deaths: 0, events: 0, looks: 0, missing: 0 };
  /** What counts for certain. */
  #known: Sum = { sum: 0, count: 0 };
  readonly #underWay = new Set<number>();
  #n = 0;

  constructor(place: RotationPlace, random: Random) {
    this.#place = place;
    this.#random = random;
  }

  report(): RotationReport {
    const { findings } = this;
    return { items: this.#place.items(), ...this.#sums, keys: this.#ids.length, findings };
  }

  get deaths(): number {
    return this.#sums.deaths;
  }

  async generation(): Promise<void> {
    const random = this.#random;
    this.#sums.generations += 1;
    const process = this.#place.process(20 + random.int(300), random.int(2) === 0 ? 'before' : 'after');
    let isDead = false;
    const work = this.#work(process).catch((error: unknown) => {
      // What the dead say nobody hears.
      if (!isDead) this.#found('a writer', error);
    });
    const end = await Promise.race([work.then(() => 'done'), process.died.then(() => 'died')]);
    if (end === 'died') {
      isDead = true;
      this.#sums.deaths += 1;
      await this.#place.after(random);
    }
    await this.#look();
  }

  /** Two writers, if they may, each with a ring of its own; the keys change while they are at work. */
  async #work({ view }: MortalStorage): Promise<void> {
    const random = this.#random;
    const rings = (this.#place.isShared ? [0, 1] : [0]).map(() => ringOf(this.#ids, this.#current));
    const writers = await Promise.all(rings.map((keys) => open(view(), keys)));
    this.#requireState(writers[0] as System);
    for (let round = 0; round < 30; round += 1) {
      if (random.int(10) === 0) this.#rotate(rings);
      await Promise.all(writers.map((one) => this.#handle(one)));
      const one = writers[random.int(writers.length)] as System;
      if (random.int(12) === 0) await one.snapshot();
      if (random.int(20) === 0) await one.prune();
    }
    for (const one of writers) await one.close();
  }

  get #current(): string {
    return this.#ids.at(-1) as string;
  }

  #rotate(rings: readonly KeyRing[]): void {
    const id = `k${this.#ids.length}`;
    this.#ids.push(id);
    for (const keys of rings) keys.add(id, keyOf(id));
    // Some have it, and do not use it yet.
    for (const keys of rings) if (this.#random.int(3) > 0) keys.use(id);
  }

  async #handle(one: System): Promise<void> {
    this.#n += 1;
    const n = this.#n;
    const size = this.#random.int(15) === 0 ? 3_000 : 40 + this.#random.int(200);
    this.#underWay.add(n);
    await one.handle({
      n,
      text: hash('sha512', `${n}`, 'hex')
        .repeat(1 + size / 128)
        .slice(0, size),
    });
    this.#settle(n);
  }

  #settle(...counted: readonly number[]): void {
    for (const n of counted) {
      this.#underWay.delete(n);
      this.#known = { sum: this.#known.sum + n, count: this.#known.count + 1 };
      this.#sums.events += 1;
    }
  }

  /** All that was acknowledged is in it, and of what was under way at a death some. */
  #requireState({ state }: System): void {
    const open = [...this.#underWay];
    for (let chosen = 0; chosen < 2 ** open.length; chosen += 1) {
      const counted = open.filter((_, at) => (chosen & (2 ** at)) !== 0);
      const sum = counted.reduce((all, n) => all + n, this.#known.sum);
      if (sum !== state.sum || this.#known.count + counted.length !== state.count) continue;
      this.#settle(...counted);
      this.#underWay.clear();
      return;
    }
    this.findings.push(`${JSON.stringify(state)} instead of ${JSON.stringify(this.#known)} and some of ${open}`);
  }

  /** Somebody who has all keys, and somebody who lacks one. */
  async #look(): Promise<void> {
    const { view } = this.#place.process(Number.POSITIVE_INFINITY, 'before');
    try {
      const all = await open(view(), ringOf(this.#ids, this.#current), true);
      this.#requireState(all);
      await all.close();
    } catch (error) {
      this.#found('who has all keys', error);
    }
    if (this.#ids.length === 1) return;
    this.#sums.looks += 1;
    const lacked = this.#ids[this.#random.int(this.#ids.length)] as string;
    const others = this.#ids.filter((id) => id !== lacked);
    try {
      const one = await open(view(), ringOf(others, others[0] as string), true);
      this.#requireState(one);
      await one.close();
    } catch (error) {
      this.#sums.missing += 1;
      const isNamed = isLeydenError(error, 'ERR_KEY_MISSING') && (error as { keyId?: string }).keyId === lacked;
      if (!isNamed) this.#found(`who lacks ${lacked}`, error);
    }
  }

  /** The documented steps; then the last key alone opens all. */
  async retireAll(): Promise<void> {
    const { view } = this.#place.process(Number.POSITIVE_INFINITY, 'before');
    const last = 'last';
    try {
      const one = await open(view(), ringOf([...this.#ids, last], last));
      this.#requireState(one);
      for (let n = 0; n < 60; n += 1) await this.#handle(one);
      await one.snapshot();
      for (let n = 0; n < 20; n += 1) await this.#handle(one);
      await one.close();
      const storageToKeep = sealedStorage(view(), encrypted({ keys: ringOf([...this.#ids, last], last) }));
      const pruner = await openPrevayler<Sum, Event>({
        ...{ storage: storageToKeep, initialState: { sum: 0, count: 0 }, handler: (sum) => sum },
        ...{ retention: { keep: 1 }, follow: false, snapshots: false, mode: 'read-write' },
      });
      await pruner.prune();
      await pruner.close();
      const alone = await open(view(), ringOf([last], last), true);
      this.#requireState(alone);
      await alone.close();
    } catch (error) {
      this.#found('who has the last key alone', error);
    }
  }

  #found(who: string, error: unknown): void {
    const { message, code = '' } = error as Error & { readonly code?: string };
    this.findings.push(`${who}: ${code} ${message}`);
  }
}

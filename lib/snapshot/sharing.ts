/**
 * Small objects that a state refers to many times.
 *
 * A catalogue entry of 2 KB in a hundred thousand orders is one object in memory, and must not become a hundred thousand. To
 * remember every object of a state would cost as much memory as some states; so an object is noticed when it comes for the
 * second time. Then it is written with a number, and from the third time on that number stands for it. What is read back has
 * it twice at most.
 *
 *   seen once      {…}                     written out, remembered by identity
 *   again          {"~def":[7,{…}]}        written out for the last time
 *   from then on   {"~ref":7}
 *
 * What was seen once is forgotten after a few hundred thousand others, so the memory is bounded. An object that comes rarer
 * than that is written out each time. Large objects need none of this: the walk knows all of them.
 */
import type { Sharing } from './state-text.js';

/** Objects in one of the two generations of what was seen once. */
const generationMax = 131_072;

/** @internal */
export class SharedObjects implements Sharing {
  #young = new Set<object>();
  #old = new Set<object>();
  readonly #numbers = new Map<object, number | 'new'>();
  #next = 0;

  /** Notices the objects of one value that is about to be written. `true`: some came before. */
  notice(objects: readonly object[]): boolean {
    let again = false;
    for (const object of objects) {
      if (this.#young.has(object) || this.#old.has(object)) {
        again = true;
        if (!this.#numbers.has(object)) this.#numbers.set(object, 'new');
      } else {
        this.#young.add(object);
        if (this.#young.size >= generationMax) this.#turn();
      }
    }
    return again;
  }

  find(object: object): number | 'new' | undefined {
    return this.#numbers.get(object);
  }

  add(object: object): number {
    const number = this.#next;
    this.#next += 1;
    this.#numbers.set(object, number);
    return number;
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Set();
  }
}

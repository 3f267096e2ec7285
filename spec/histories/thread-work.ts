/**
 * Compression on other threads, in a simulation: each piece of it is handed back when all else has come to rest, in the order in
 * which the pieces were begun. So threads that are faster or slower change nothing.
 */
import zlib from 'node:zlib';

type Done = (...args: unknown[]) => void;
interface Transforming {
  _transform(chunk: Buffer, encoding: string, done: Done): void;
}

const begun: { done: Promise<() => void> }[] = [];
let users = 0;
const turnsMax = 3;

/** What all streams of zlib do their work by; its asynchronous functions are made of streams. */
const stream = Object.getPrototypeOf(Object.getPrototypeOf(zlib.Deflate.prototype)) as Transforming;
const transform = stream._transform;

/** Catches the work of zlib until `end`; `next` is for `VirtualClock`'s `elsewhere`. */
export function catchThreadWork(): { next(): Promise<boolean>; end(): void } {
  users += 1;
  stream._transform = function (this: Transforming, chunk, encoding, done): void {
    const finished = new Promise<() => void>((resolve) => {
      transform.call(this, chunk, encoding, (...args: unknown[]) => resolve(() => done(...args)));
    });
    begun.push({ done: finished });
  };
  return {
    async next() {
      // Long computations give the turn away now and then, and go on one turn of the event loop later.
      for (let turns = 0; begun.length === 0 && turns < turnsMax; turns += 1) await new Promise(setImmediate);
      const first = begun.shift();
      if (first === undefined) return false;
      (await first.done)();
      return true;
    },
    end() {
      users -= 1;
      if (users === 0) stream._transform = transform;
    },
  };
}

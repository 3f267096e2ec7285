// Goal: every record is done or settled, in order, none twice; the ones that fail are found, and only those; calls are bounded.
// Method: handlers that fail at a random set of records, in random ways, driven through the course until it says that it is done.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FailureCourse } from '../../../lib/streams/group/failure-course.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);

interface Told {
  readonly done: number[];
  readonly settled: number[];
  readonly calls: number;
}

/** `fails`: indexes that fail; `way`: whether the handler keeps what it did, names what failed, or neither. */
function drive(
  size: number,
  fails: ReadonlySet<number>,
  options: { readonly attempts: number; readonly bisect: boolean },
  way: 'neither' | 'keeps' | 'names',
): Told {
  const course = new FailureCourse(size, options);
  const done: number[] = [];
  const settled: number[] = [];
  let calls = 0;
  let head = 0;
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  for (;;) {
    const step = course.next();
    if (step.kind === 'done') return { done, settled, calls };
    expect(step.from).toBe(head);
    expect(step.to).toBeGreaterThan(step.from);
    expect(step.to).toBeLessThanOrEqual(size);
    if (step.kind === 'exhausted') {
      settled.push(...range(step.from, step.to));
      head = step.to;
      course.settled();
      continue;
    }
    calls += 1;
    if (calls > 10_000) throw new Error('it does not end');
    const bad = range(step.from, step.to).find((index) => fails.has(index));
    if (bad === undefined) {
      done.push(...range(step.from, step.to));
      head = step.to;
      course.succeeded(step.to);
      continue;
    }
    const from = way === 'neither' ? step.from : bad;
    done.push(...range(step.from, from));
    head = from;
    course.failed(step.to, from, way === 'names');
  }
}

const sizes = fc.integer({ min: 1, max: 200 });
const attemptCounts = fc.integer({ min: 1, max: 6 });
const ways = fc.constantFrom('neither' as const, 'keeps' as const, 'names' as const);

describe('FailureCourse', () => {
  it('finds exactly the records that fail, and has all others done, once and in order', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.uniqueArray(fc.nat(199), { maxLength: 12 }),
        attemptCounts,
        ways,
        (size, bad, attempts, way) => {
          const fails = new Set(bad.filter((index) => index < size));
          const { done, settled, calls } = drive(size, fails, { attempts, bisect: true }, way);
          expect(settled).toEqual([...fails].sort((a, b) => a - b));
          expect(done).toEqual(Array.from({ length: size }, (_, index) => index).filter((index) => !fails.has(index)));
          // Each that fails: its attempts, then at most log2 of the batch, one more to make sure, and the rest once more.
          const each = attempts + Math.ceil(Math.log2(size)) + 2;
          expect(calls).toBeLessThanOrEqual(1 + fails.size * each);
        },
      ),
      { seed, numRuns: 500 },
    );
  });

  it('without bisect settles all that was handed out and not done', () => {
    fc.assert(
      fc.property(sizes, fc.nat(199), attemptCounts, (size, at, attempts) => {
        const bad = at % size;
        const { done, settled, calls } = drive(size, new Set([bad]), { attempts, bisect: false }, 'neither');
        expect(done).toEqual([]);
        expect(settled).toHaveLength(size);
        expect(calls).toBe(attempts);
      }),
      { seed, numRuns: 200 },
    );
  });

  it('gives fresh attempts to what a handler gets to that gets forward', () => {
    const course = new FailureCourse(3, { attempts: 2, bisect: true });
    course.failed(3, 0, false);
    course.failed(3, 1, false);
    expect(course.next()).toMatchObject({ kind: 'hand', from: 1, to: 3, failures: 1, isHalf: false });
    course.failed(3, 1, false);
    expect(course.next()).toMatchObject({ kind: 'hand', from: 1, to: 2, isHalf: true });
  });

  it('goes on with all of the rest when what failed fails no more while it is searched for', () => {
    const course = new FailureCourse(8, { attempts: 1, bisect: true });
    course.failed(8, 0, false);
    const handed: [number, number][] = [];
    for (let step = course.next(); step.kind === 'hand'; step = course.next()) {
      handed.push([step.from, step.to]);
      course.succeeded(step.to);
    }
    expect(handed).toEqual([
      [0, 4],
      [4, 6],
      [6, 7],
      [7, 8],
    ]);
    expect(course.next()).toEqual({ kind: 'done' });
  });

  it('settles at once what is not to be tried again', () => {
    const course = new FailureCourse(1, { attempts: 5, bisect: true });
    course.failed(1, 0, false, true);
    expect(course.next()).toMatchObject({ kind: 'exhausted', from: 0, to: 1 });
    course.again(0);
    expect(course.next()).toMatchObject({ kind: 'hand', failures: 0 });
  });
});

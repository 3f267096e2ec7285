/** Ways from a whole to one of its parts, by a path or by a lens, one behind the other. Pure, as far as lenses are. */
import { look, pathText, put, requirePath, type Taken, type Trail, take } from './part-path.js';
import type { Lens } from './part-types.js';

/** From a whole to a part and back. */
export interface Way {
  /** For messages: `.a[0]`. */
  readonly text: string;
  /** Where it is a path. */
  readonly trail?: Trail | undefined;
  get(whole: unknown): unknown;
  set(whole: unknown, part: unknown): unknown;
  /** Absent where a part can't be taken out. */
  readonly take: ((whole: unknown) => Taken) | undefined;
}

/**
 * The way that is named by one lens, one list of steps, or steps one by one.
 *
 * @throws TypeError for what names none.
 */
export function wayBy(key: string, given: readonly unknown[]): Way {
  const [first] = given;
  if (Array.isArray(first)) return wayByPath(key, first);
  return typeof first === 'object' && first !== null
    ? wayByLens(key, first as Lens<unknown, unknown>)
    : wayByPath(key, given);
}

function wayByPath(key: string, path: readonly unknown[]): Way {
  requirePath(key, path);
  return wayAlong({ key, steps: [...path] });
}

function wayAlong(trail: Trail): Way {
  return {
    text: pathText(trail.steps),
    trail,
    get: (whole) => look(whole, trail),
    set: (whole, part) => put(whole, trail, part),
    take: (whole) => take(whole, trail),
  };
}

function wayByLens(key: string, lens: Lens<unknown, unknown>): Way {
  const { name = 'a lens' } = lens;
  if (typeof lens.get !== 'function' || typeof lens.set !== 'function') {
    throw new TypeError(`Cannot focus atom ${key}: a lens must have get and set`);
  }
  const takeOut = (whole: unknown): Taken => {
    if (whole === undefined || lens.get(whole) === undefined) return { whole, taken: false };
    return { whole: lens.without?.(whole as never), taken: true };
  };
  return {
    text: `(${name})`,
    get: (whole) => lens.get(whole),
    set: (whole, part) => lens.set(whole, part as never),
    take: lens.without === undefined ? undefined : takeOut,
  };
}

/** The way that leads on from where another ends. */
export function joined(outer: Way | undefined, inner: Way): Way {
  if (outer === undefined) return inner;
  const { take: takeOut, trail } = inner;
  if (outer.trail !== undefined && trail !== undefined) {
    return wayAlong({ key: trail.key, steps: [...outer.trail.steps, ...trail.steps] });
  }
  return {
    text: outer.text + inner.text,
    get: (whole) => inner.get(outer.get(whole)),
    set: (whole, part) => outer.set(whole, inner.set(outer.get(whole), part)),
    take:
      takeOut &&
      ((whole) => {
        const { whole: part, taken } = takeOut(outer.get(whole));
        return { whole: taken ? outer.set(whole, part) : whole, taken };
      }),
  };
}

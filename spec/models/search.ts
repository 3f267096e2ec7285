/**
 * Looks at every state that a model can reach, or, where there are too many, at those on many random paths.
 *
 * A model is a first state and a function that gives all next steps of a state. States that mean the same have the same
 * `key` and are visited once. The search is breadth first, so the path to the first violation found is a shortest one.
 */
import type { Random } from '../../lib/engine/random.js';

/** One thing that can happen next. */
export interface Step<S> {
  readonly name: string;
  readonly next: S;
  /** What this step breaks, if anything. */
  readonly violation?: string | undefined;
}

export interface Model<S> {
  readonly first: S;
  key(state: S): string;
  steps(state: S): readonly Step<S>[];
}

/** What a search found. */
export interface Found {
  /** Distinct states that were seen. */
  readonly states: number;
  /** Steps taken from them. */
  readonly steps: number;
  readonly ms: number;
  /** What was broken; `undefined` when nothing was. */
  readonly violation: string | undefined;
  /** Names of the steps that lead to the violation. */
  readonly path: readonly string[];
}

/** Options of {@link explore}. */
export interface ExploreOptions {
  /** Gives up, with an error, on more states than this: a model that outgrew its bounds is not "safe". */
  readonly statesMax?: number;
  /** Which violations end the search. It goes on behind the others as if nothing had happened. */
  readonly interest?: (violation: string) => boolean;
}

/** Visits every reachable state, or stops at the first violation. */
export function explore<S>(model: Model<S>, options: ExploreOptions = {}): Found {
  const { statesMax = 5_000_000, interest = () => true } = options;
  const startedAt = performance.now();
  const seen = new Set<string>([model.key(model.first)]);
  const queue: (S | undefined)[] = [model.first];
  const parents: number[] = [-1];
  const names: string[] = [''];
  let steps = 0;
  const found = (violation?: string, path: readonly string[] = []): Found => ({
    states: seen.size,
    steps,
    ms: performance.now() - startedAt,
    violation,
    path,
  });
  for (let at = 0; at < queue.length; at += 1) {
    const state = queue[at] as S;
    queue[at] = undefined;
    for (const { name, next, violation } of model.steps(state)) {
      steps += 1;
      if (violation !== undefined && interest(violation))
        return found(violation, [...pathTo(at, parents, names), name]);
      const key = model.key(next);
      if (seen.has(key)) continue;
      if (seen.size >= statesMax) throw new RangeError(`Cannot visit all states: there are more than ${statesMax}`);
      seen.add(key);
      queue.push(next);
      parents.push(at);
      names.push(name);
    }
  }
  return found();
}

/** Walks `walks` random paths, each to its end or to `stepsMax`. `states` counts with repetition. */
export function wander<S>(model: Model<S>, random: Random, walks: number, stepsMax = 300): Found {
  const startedAt = performance.now();
  let steps = 0;
  for (let walk = 0; walk < walks; walk += 1) {
    let state = model.first;
    const path: string[] = [];
    for (let length = 0; length < stepsMax; length += 1) {
      const options = model.steps(state);
      if (options.length === 0) break;
      const { name, next, violation } = options[random.int(options.length)] as Step<S>;
      steps += 1;
      path.push(name);
      if (violation !== undefined) return { states: steps, steps, ms: performance.now() - startedAt, violation, path };
      state = next;
    }
  }
  return { states: steps, steps, ms: performance.now() - startedAt, violation: undefined, path: [] };
}

function pathTo(end: number, parents: readonly number[], names: readonly string[]): string[] {
  const path: string[] = [];
  for (let at = end; at > 0; at = parents[at] as number) path.push(names[at] as string);
  return path.reverse();
}

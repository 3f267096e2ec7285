/**
 * One random schedule: wild first, then calm, then at rest.
 *
 * Wild: anybody does anything; some are frozen for a while; requests are lost, doubled and late; actors crash. Calm: what
 * is under way goes on and comes to an end, and nothing fails any more. At rest: one more snapshot, two prunes, and a
 * reader that must find every acknowledged event; then nothing may be left behind.
 */
import type { Random } from '../../../lib/engine/random.js';
import type { Actor } from './actors.js';
import { actionsOf, networkActions } from './journal-model.js';
import { garbage, violations } from './ledger.js';
import { openReader } from './reader.js';
import type { Action, World } from './world.js';

export interface Walked {
  readonly violation: string | undefined;
  /** What happened, in order; the first `wild` steps before all calmed down. */
  readonly path: readonly string[];
  readonly wild: number;
}

export interface WalkOptions {
  /** Steps before all calms down. */
  readonly wildSteps?: number;
  /** Whether it is seen to the end. */
  readonly rests?: boolean;
  /** How much more often than usual the steps are taken whose names contain these words. */
  readonly bias?: Bias;
  /** The steps that it begins with: names, or beginnings of names. */
  readonly opening?: readonly string[];
}

export type Bias = Readonly<Record<string, number>>;

const calmStepsMax = 3_000;

export function walk(world: World, random: Random, options: WalkOptions = {}): Walked {
  const { wildSteps = 150, rests = true, bias = {}, opening = [] } = options;
  const path: string[] = [];
  for (const name of opening) {
    if (!play(world, name, path)) throw new Error(`Cannot play a step: "${name}", after ${path.join('; ')}`);
  }
  const frozen = new Map<number, number>();
  const factors = Object.entries(bias);
  for (let step = 0; step < wildSteps && world.violation === undefined; step += 1) {
    if (random.int(25) === 0) frozen.set(random.int(world.actors.length), step + 5 + random.int(60));
    const isFrozen = (lane: number) => (frozen.get(lane) ?? 0) > step;
    if (!take(world, random, path, isFrozen, factors)) break;
  }
  const wild = path.length;
  if (rests && world.violation === undefined) rest(world, random, path);
  return { violation: world.violation, path, wild };
}

/** Takes the step of this name, or the first whose name begins like that, if there is one. */
export function play(world: World, words: string, path: string[]): boolean {
  const actions = [...networkActions(world), ...world.actors.flatMap((actor) => actionsOf(world, actor))];
  const action = actions.find(({ name }) => name === words) ?? actions.find(({ name }) => name.startsWith(words));
  if (action === undefined) return false;
  path.push(action.name);
  action.run(world);
  return true;
}

/** Lets all come to rest, and looks at what is there then. */
export function rest(world: World, random: Random, path: string[]): void {
  world.calm = true;
  settle(world, random, path);
  give(world, (actor) => (actor.kind === 'snapshotter' ? { ...actor, left: 1 } : actor));
  settle(world, random, path);
  give(world, (actor) => (actor.kind === 'pruner' ? { ...actor, left: 2, retirements: 0 } : actor));
  settle(world, random, path);
  world.set(openReader(world.actors.length, 1));
  settle(world, random, path);
  const [left] = garbage(world);
  if (left === undefined || !world.actors.some(({ kind }) => kind === 'pruner')) return;
  path.push(`${left} is left behind`);
  world.fail(violations.garbage);
}

/** Goes on until nobody has anything to do. */
function settle(world: World, random: Random, path: string[]): void {
  for (let step = 0; step < calmStepsMax; step += 1) {
    if (world.violation !== undefined || !take(world, random, path, () => false)) return;
  }
  world.fail(violations.stuck);
}

function give(world: World, change: (actor: Actor) => Actor): void {
  world.actors = world.actors.map(change);
}

/** Picks somebody, the network being one more, and one of the things that it can do. */
function take(
  world: World,
  random: Random,
  path: string[],
  isFrozen: (lane: number) => boolean,
  bias: readonly (readonly [words: string, factor: number])[] = [],
): boolean {
  const { actors } = world;
  const start = random.int(actors.length + 1);
  for (let offset = 0; offset <= actors.length; offset += 1) {
    const lane = (start + offset) % (actors.length + 1);
    if (isFrozen(lane)) continue;
    const actor = actors[lane];
    const actions = actor === undefined ? networkActions(world) : actionsOf(world, actor);
    if (actions.length === 0) continue;
    const action = pick(actions, random, bias);
    if (action === undefined) return true;
    path.push(action.name);
    action.run(world);
    return true;
  }
  return false;
}

/** One of `actions`; nothing, sometimes, where the bias leaves less than there was. */
function pick(
  actions: readonly Action[],
  random: Random,
  bias: readonly (readonly [words: string, factor: number])[],
): Action | undefined {
  const weights = actions.map(({ name, weight }) =>
    bias.reduce((product, [words, factor]) => (name.includes(words) ? product * factor : product), weight),
  );
  const sum = (all: readonly number[]) => all.reduce((total, weight) => total + weight, 0);
  const most = bias.length === 0 ? 0 : Math.min(1, sum(actions.map(({ weight }) => weight)));
  let at = random.next() * Math.max(most, sum(weights));
  for (const [index, action] of actions.entries()) {
    at -= weights[index] as number;
    if (at < 0) return action;
  }
  return bias.length === 0 ? actions.at(-1) : undefined;
}

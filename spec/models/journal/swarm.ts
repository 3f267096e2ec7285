/**
 * Settings and biases at random: each schedule is about something else, and what it leaves out or does too often is chosen
 * anew, because a schedule that does a little of everything seldom does enough of one thing.
 */
import type { Random } from '../../../lib/engine/random.js';
import type { WalkOptions } from './walk.js';
import type { Setting } from './world.js';

const batches = ['.', '.', '+x', '-x', '. .', '+x .', '*.', '*. .', '*.', '*-x .', '*+x .', '+y', '*+y -x'] as const;

/** Parts of the names of steps. */
const themes = [
  'not answered',
  'stays on its way',
  'late copy',
  'crashes',
  'puts page',
  'puts body',
  'sends',
  'learns',
  'no evidence',
  'reads page',
  'reads body',
  'S2',
  'begins',
  'plans',
  'deletes',
  'retires',
  'is called',
] as const;

export function swarmSetting(random: Random): Setting {
  const script = () => Array.from({ length: 2 + random.int(8) }, () => batches[random.int(batches.length)] as string);
  return {
    writers: [script(), script()],
    snapshotters: 1 + random.int(2),
    snapshots: 1 + random.int(4),
    pruners: 1 + random.int(2),
    prunes: 1 + random.int(4),
    retirements: random.int(2),
    readers: 1 + random.int(2),
    reads: random.int(4),
    registers: random.int(2) === 0,
    follows: random.int(12),
    keep: 1 + random.int(2),
    losses: random.int(20),
    crashes: random.int(4),
    losesEvidence: random.int(2) === 0,
  };
}

export function swarmOptions(random: Random): WalkOptions {
  const bias: Record<string, number> = {};
  for (let count = random.int(4); count > 0; count -= 1) {
    bias[themes[random.int(themes.length)] as string] = random.int(2) === 0 ? 0.1 : 4;
  }
  return { wildSteps: 60 + random.int(400), bias };
}

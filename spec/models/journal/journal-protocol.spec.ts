// Goal: the journal is safe under every schedule: nothing acknowledged is lost, doubled or reordered, every reader has
// exactly a prefix of the one order, nothing is deleted that somebody can want, nothing is left behind that nobody finds.
// Method: all interleavings of small cases, random schedules of large ones, then the same with one thing done wrong at
// a time. LEYDEN_SEED sets the schedules, LEYDEN_SCHEDULES how many; LEYDEN_MODEL=full adds cases that take minutes.
import { afterAll, describe, expect, it } from '@jest/globals';
import { type Random, seededRandom } from '../../../lib/engine/random.js';
import { explore } from '../search.js';
import { appendBugs } from './append-bugs.js';
import { JournalModel, openWorld } from './journal-model.js';
import type { PlantedBug } from './planted-bug.js';
import { pruneBugs } from './prune-bugs.js';
import { readBugs } from './read-bugs.js';
import { shrink } from './shrink.js';
import { snapshotBugs } from './snapshot-bugs.js';
import { swarmOptions, swarmSetting } from './swarm.js';
import { type Walked, walk } from './walk.js';
import type { Setting } from './world.js';

const full = process.env.LEYDEN_MODEL === 'full';
const seed = Number(process.env.LEYDEN_SEED ?? 1);
const schedules = Number(process.env.LEYDEN_SCHEDULES ?? (full ? 200_000 : 2_500));

/** What a case is about, the case, and what it must have met to be about that. */
type Row = readonly [name: string, setting: Setting, met: readonly string[]];

const small: readonly Row[] = [
  [
    '2 writers, spilling, one crash, one request lost or doubled, evidence lost',
    { writers: [['+x', '-x'], ['+x']], losses: 1, crashes: 1, losesEvidence: true },
    ['race lost', 'looked up: applied', 'looked up: not-applied', 'refused, then not'],
  ],
  [
    '2 writers with a body, spilling, one request lost or doubled, evidence lost',
    { writers: [['+x', '*-x .'], ['+x']], losses: 1, crashes: 0, losesEvidence: true },
    ['race lost', 'looked up: applied', 'looked up: not-applied', 'refused, then not'],
  ],
  [
    '2 writers with a body, one crash, one request lost or doubled, evidence lost',
    { writers: [['*+x'], ['+x']], losses: 1, crashes: 1, losesEvidence: true },
    ['race lost', 'looked up: applied', 'looked up: not-applied'],
  ],
  [
    'a writer, a snapshot, a prune, a reader',
    { writers: [['.', '.', '.']], snapshots: 1, prunes: 1, reads: 1, losses: 0, crashes: 0 },
    ['pages pruned', 'reader overtaken'],
  ],
  [
    'a writer with a body, a snapshot, a prune, a reader',
    { writers: [['.', '*.']], snapshots: 1, prunes: 1, reads: 1, losses: 0, crashes: 0 },
    ['snapshot swept'],
  ],
];

const large: readonly Row[] = [
  [
    '2 writers with a body, spilling, one crash, one request lost or doubled, evidence lost, at once',
    { writers: [['+x', '*-x .'], ['+x']], losses: 1, crashes: 1, losesEvidence: true },
    ['race lost', 'looked up: applied', 'looked up: not-applied', 'refused, then not'],
  ],
  [
    'a writer with a body among other commits, a snapshot, a prune, a reader',
    { writers: [['.', '*.', '.']], snapshots: 1, prunes: 1, reads: 1, losses: 0, crashes: 0 },
    ['pages pruned', 'reader overtaken'],
  ],
  [
    '2 writers, more requests lost or doubled',
    { writers: [['.', '*.', '.'], ['.']], losses: 2, crashes: 1 },
    ['page read to trim'],
  ],
  [
    '2 writers, a snapshot, a prune, a request lost or doubled',
    { writers: [['.', '*.'], ['.']], snapshots: 1, prunes: 1, losses: 1, crashes: 0 },
    ['pages pruned'],
  ],
];

const report: string[] = [];
const seconds = (since: number) => `${((performance.now() - since) / 1_000).toFixed(1)} s`;

afterAll(() => console.log(report.join('\n')));

describe('the journal protocol', () => {
  it.each(full ? [...small, ...large] : small)(
    'is safe under every schedule: %s',
    (name, setting, met) => {
      const model = new JournalModel(setting);
      const found = explore(model, { statesMax: 20_000_000 });
      report.push(`${name}: ${found.states} states, ${found.steps} steps, ${(found.ms / 1_000).toFixed(1)} s`);
      expect(found).toMatchObject({ violation: undefined, path: [] });
      expect([...model.first.met.keys()]).toEqual(expect.arrayContaining([...met]));
    },
    3_600_000,
  );

  it('is safe on random schedules', () => {
    const { met, steps, broken, since } = walkMany(seed, schedules, {});
    report.push(`${schedules} random schedules, seed ${seed}: ${steps} steps, ${seconds(since)}`, tally(met));
    expect(broken).toBe('');
    // Schedules that never get into trouble prove nothing.
    expect([...met.keys()]).toEqual(expect.arrayContaining(troubles));
  }, 3_600_000);

  it('tells of every loss, and serves nothing wrong, when an item is destroyed', () => {
    const { met, steps, broken, since } = walkMany(seed, Math.ceil(schedules / 5), { rots: true });
    report.push(`${met.get('loss reported')} losses reported of one each: ${steps} steps, ${seconds(since)}`);
    expect(broken).toBe('');
    expect(met.get('loss reported')).toBeGreaterThan(0);
  }, 3_600_000);
});

describe('the model', () => {
  it.each([...appendBugs, ...snapshotBugs, ...pruneBugs, ...readBugs])('finds $name', (bug) => {
    const since = performance.now();
    const { schedule, walked } = findBug(bug);
    report.push(`${bug.name}: schedule ${schedule}, ${walked.path.length} steps, ${seconds(since)}`);
    if (process.env.LEYDEN_MODEL === 'paths') report.push(...walked.path.map((name) => `    ${name}`));
    expect(bug.violations).toContain(walked.violation);
  });
});

/** The first schedule that shows a bug, and the shortest of some that do, made shorter. */
function findBug({ setting, protocol, rests = false, bias = {}, opening = [] }: PlantedBug) {
  const random = seededRandom(seed);
  const open = () => openWorld(setting, protocol);
  let first = 0;
  let best: Walked | undefined;
  for (let schedule = 1; schedule <= (best === undefined ? 20_000 : first + 50); schedule += 1) {
    const walked = walk(open(), random, { wildSteps: 150, rests, bias, opening });
    if (walked.violation === undefined) continue;
    if (best === undefined) first = schedule;
    if (best === undefined || walked.path.length < best.path.length) best = walked;
  }
  if (best === undefined) throw new Error('Cannot find the bug: no schedule shows it');
  return { schedule: first, walked: shrink(open, best, rests) };
}

const troubles = [
  'race lost',
  'looked up: applied',
  'looked up: not-applied',
  'events skipped',
  'refused while undecided',
  'refused, then not',
  'page read to trim',
  'page put too late deleted',
  'pages pruned',
  'reader overtaken',
  'follower overtaken',
  'retired alive',
  'snapshot overtaken',
  'snapshot swept',
  'snapshot swept while it grew',
];

/** Walks schedules until one breaks something; that one is told in full, with the seed that repeats it alone. */
function walkMany(first: number, count: number, extra: Partial<Setting>) {
  const since = performance.now();
  const met = new Map<string, number>();
  let steps = 0;
  for (let at = first; at < first + count; at += 1) {
    const random: Random = seededRandom(at);
    const setting = { ...swarmSetting(random), ...extra };
    const world = openWorld(setting);
    const { violation, path } = walk(world, random, { ...swarmOptions(random), rests: extra.rots !== true });
    steps += path.length;
    for (const [what, times] of world.met) met.set(what, (met.get(what) ?? 0) + times);
    if (violation === undefined) continue;
    const repeat = `LEYDEN_SEED=${at} LEYDEN_SCHEDULES=1`;
    return { met, steps, since, broken: [repeat, JSON.stringify(setting), ...path, violation].join('\n') };
  }
  return { met, steps, since, broken: '' };
}

function tally(met: ReadonlyMap<string, number>): string {
  return `  met: ${Array.from(met, ([what, times]) => `${what} ${times}`)
    .sort()
    .join(', ')}`;
}

/** Mistakes of those who delete: too much, too early, or too little. */
import { bodiesAheadMax } from '../../../lib/journal/protocol.js';
import { violations } from './ledger.js';
import {
  behind,
  commits,
  onePage,
  type PlantedBug,
  plain,
  pruning,
  reading,
  snapshot,
  snapshots,
  story,
} from './planted-bug.js';
import { type Protocol, planted, shipped } from './protocol.js';
import { bodyKey, type Commit, type Head, type Snap } from './shapes.js';

const { page, body, part, pointer, garbage } = violations;

function headSweeps(chosen: (head: Head, planned: Snap) => string[]): Protocol['sweeps'] {
  return (commits, planned, head) => [...shipped.sweeps(commits, planned, head), ...chosen(head, planned)];
}

const bodiesOf = (commits: readonly Commit[]) =>
  commits.filter((c) => c.body).map(({ writer, n }) => bodyKey(writer, n));
const upTo = (writer: string, n: number) => Array.from({ length: n }, (_, index) => bodyKey(writer, index + 1));

export const pruneBugs: readonly PlantedBug[] = [
  {
    name: 'the deleted page when pages go before the pointer says so',
    setting: snapshots,
    protocol: planted({ plansFirst: false }),
    violations: [page, part],
  },
  {
    name: 'the kept snapshot without its pages when all goes below the current one',
    setting: { ...snapshots, keep: 2 },
    protocol: planted({
      plan: (snap, keep, dead) => {
        const { page: prunedTo = 0, from: prunedFrom = 1 } = snap.kept.at(-1) ?? {};
        return { ...shipped.plan(snap, keep, dead), prunedTo, prunedFrom };
      },
    }),
    violations: [pointer],
  },
  {
    name: 'the deleted body when bodies above the last number go',
    setting: pruning,
    protocol: planted({
      sweeps: (commits, planned, head) => [
        ...shipped.sweeps(commits, planned, head),
        ...commits.flatMap(({ writer, n }) => [bodyKey(writer, n + 1), bodyKey(writer, n + bodiesAheadMax)]),
      ],
    }),
    violations: [body],
  },
  {
    name: 'the deleted body when the tail bounds which bodies go',
    setting: pruning,
    protocol: planted({ sweeps: headSweeps(({ tail: last }) => last.flatMap(({ writer, n }) => upTo(writer, n))) }),
    violations: [body],
  },
  {
    name: 'the deleted body when bodies go by the place of the snapshot',
    setting: reading,
    protocol: planted({
      sweeps: headSweeps((head, { kept }) => bodiesOf(head.tail.filter((c) => c.place <= (kept.at(-1)?.place ?? 0)))),
    }),
    violations: [body],
  },
  {
    name: 'the deleted body when a page that was made anew says what goes',
    setting: { ...story, snapshots: 1 },
    opening: [
      ...commits('A1', 1, 0),
      ...commits('A1', 2, 1, true),
      'A1 puts page 0, not answered',
      'a late copy of page/0',
      ...commits('A1', 3, 2, true),
      'B1 is called',
      'B1 sends swap 1 on 0',
      'B1 learns that swap 1 lost the race',
      'B1 reads body',
      'B1 reads body',
      'B1 puts page 0, not answered',
      'A1 reads page 0',
      ...commits('A1', 4, 3, true),
    ],
    bias: { 'late copy of page/0': 9, plans: 0.2 },
    protocol: planted({
      sweeps: (commits, planned, head) => shipped.sweeps(commits, { ...planned, prunedFrom: 1_000 }, head),
    }),
    violations: [body],
  },
  {
    name: 'the forgotten page when a pruner says too early that it is done',
    setting: { ...story, crashes: 2 },
    opening: onePage,
    bias: { crashes: 5 },
    protocol: planted({ finishesLast: false }),
    violations: [garbage],
    rests: true,
  },
  {
    name: 'the forgotten body when a page goes before its bodies',
    setting: { ...story, crashes: 2 },
    opening: onePage,
    bias: { crashes: 5 },
    protocol: planted({ sweepsBodiesFirst: false }),
    violations: [garbage],
    rests: true,
  },
  {
    name: 'the forgotten body when an unknown writer may put one',
    setting: { ...pruning, crashes: 2 },
    protocol: planted({ mayPutBody: (n, last) => n <= last + bodiesAheadMax }),
    violations: [garbage],
    rests: true,
  },
  {
    name: 'the forgotten page when nobody looks back at what was put too late',
    setting: plain,
    opening: [
      ...commits('A1', 1, 0),
      ...commits('A1', 2, 1),
      ...behind,
      'A1 puts page 0',
      ...commits('A1', 3, 2),
      ...snapshot(3),
      'P3 plans',
      'P3 reads page 0',
      'P3 deletes page/0',
      'P3 is done',
      'P3 finishes',
      'P3 plans',
      'P3 reads page 0',
      'P3 is done',
      'P3 finishes',
    ],
    protocol: planted({ looksBack: false }),
    violations: [garbage],
    rests: true,
  },
  {
    name: 'the forgotten page when no pruner looks a second time',
    setting: plain,
    opening: [
      ...commits('A1', 1, 0),
      ...commits('A1', 2, 1),
      ...behind,
      'A1 puts page 0',
      ...commits('A1', 3, 2),
      ...snapshot(3),
      'P3 plans',
      'P3 reads page 0',
      'P3 deletes page/0',
      'B1 puts page 0',
      'B1 sends swap 1 on 2',
      'B1 learns that swap 1 lost the race',
      'B1 leaves page 0',
    ],
    protocol: planted({
      finish: (snap, planned) => ({ ...shipped.finish(snap, planned), sweptFrom: planned.prunedTo }),
    }),
    violations: [garbage],
    rests: true,
  },
  {
    name: 'the forgotten body when a page is deleted by who put it, ahead of the pruner',
    setting: story,
    opening: [
      ...commits('A1', 1, 0),
      ...commits('A1', 2, 1, true),
      ...behind,
      'B1 reads body',
      'B1 puts page 0',
      'A1 puts page 0',
      'A1 reads page 0',
      ...commits('A1', 3, 2, true),
      ...snapshot(5),
      'P3 plans',
    ],
    protocol: planted({ isLeftover: (snap, k) => snap.prunedTo > k }),
    violations: [garbage],
    rests: true,
  },
];

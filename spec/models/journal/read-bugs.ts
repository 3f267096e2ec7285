/** Mistakes of those who read. */
import { violations } from './ledger.js';
import { behind, commits, onePage, type PlantedBug, plain, reading, snapshot, spilling, story } from './planted-bug.js';
import { planted, shipped } from './protocol.js';

const { twice, reader, state, gap } = violations;

export const readBugs: readonly PlantedBug[] = [
  {
    name: 'the false alarm when nobody looks at the pointer again',
    setting: reading,
    protocol: planted({ afterTrouble: () => 'error' }),
    violations: [gap],
  },
  {
    name: 'the false alarm when only what is missing makes a reader look again',
    setting: { ...plain, reads: 2 },
    opening: [
      ...commits('A1', 1, 0),
      ...commits('A1', 2, 1),
      'A1 puts page 0, not answered',
      ...commits('A1', 3, 2),
      'A1 reads page 0',
      'A1 puts page 0',
      ...commits('A1', 4, 3),
      'R4.0 starts',
      'R4.0 reads pointer',
      'R4.0 reads head',
    ],
    bias: { 'late copy of page/0': 9, 'reads page 0': 0.05 },
    protocol: planted({
      afterTrouble: (snap, wanted, trouble) =>
        trouble === 'gap' ? 'error' : shipped.afterTrouble(snap, wanted, trouble),
    }),
    violations: [gap],
  },
  {
    name: 'the false alarm when a follower reads only the tail',
    setting: { ...spilling, follows: 6 },
    protocol: planted({ catchUpFrom: (_fold, _page, image) => image.pages }),
    violations: [gap],
  },
  {
    name: 'the wrong state when a reader reads the head first',
    setting: reading,
    protocol: planted({ readsHeadFirst: true }),
    violations: [state, gap],
  },
  {
    name: 'the double effect when a writer looks for its commit in the first page only',
    setting: { ...spilling, losesEvidence: true },
    bias: { 'no evidence': 5, learns: 0.3 },
    protocol: planted({ lookUp: (commits, firstPage) => commits.slice(0, firstPage) }),
    violations: [twice],
  },
  {
    name: 'the double effect when a commit that cannot be found counts as not applied',
    setting: { ...plain, losesEvidence: true, retirements: 1 },
    opening: [
      ...commits('A1', 1, 0),
      'A1 is called',
      'A1 sends swap 2 on 1',
      "A1's swap 2 on 1",
      ...behind,
      'B1 sends swap 1 on 2',
      "B1's swap 1 on 2",
      'B1 learns',
      'B1 puts page 0',
      ...commits('B1', 2, 3),
      'P3 looks',
      'P3 reads pointer',
      'P3 reads head',
      'P3 reads page 0',
      'P3 retires A1',
      ...snapshot(3),
    ],
    protocol: planted({
      fateOf: (...parts) => {
        const fate = shipped.fateOf(...parts);
        return fate === 'unknown' ? 'not-applied' : fate;
      },
    }),
    violations: [twice],
  },
  {
    name: 'the overtaken reader when registrations are not heeded',
    setting: { ...story, reads: 1, registers: true },
    opening: ['R4.0 starts, registered', 'R4.0 reads pointer', ...onePage],
    protocol: planted({
      plan: (snap, keep, dead) => ({ ...shipped.plan({ ...snap, readers: [] }, keep, dead), readers: snap.readers }),
    }),
    violations: [reader],
  },
];

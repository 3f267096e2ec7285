/**
 * Mistakes that the model must notice: the protocol with one thing done wrong, the smallest case in which it shows, and
 * what goes wrong then. A model that passes the shipped protocol proves something only as long as it finds all of these.
 */
import { type Attempt, decide, evolve, type Lineage } from '../../lib/atom/evidence.js';
import type { CommitCase } from './commit-model.js';
import { violations } from './ledger.js';
import { planted, shipped } from './protocol.js';

export interface PlantedBug {
  /** Completes the sentence "finds ...". */
  readonly name: string;
  readonly commitCase: CommitCase;
  readonly violation: string;
}

const usual = { exists: true, generation: 1, sendsMax: 2, triesMax: 2 } as const;
const { twice, ghost, lie, otherValue, foreignBase, version } = violations;

function withoutFloor(...parts: Parameters<typeof evolve>): Lineage {
  return { ...evolve(...parts), floor: 0 };
}

/** The put of the whole item forgets what it did not change. */
function withoutCarryOver(base: Lineage, writer: string, seq: number, generationWritersMax: number): Lineage {
  return evolve({ ...base, current: {}, previous: {} }, writer, seq, generationWritersMax);
}

function pendingIsOver(image: Lineage | undefined, attempt: Attempt) {
  const verdict = decide(image, attempt);
  return verdict === 'pending' ? 'not-applied' : verdict;
}

function goneIsOver(image: Lineage | undefined, attempt: Attempt) {
  const verdict = decide(image, attempt);
  return verdict === 'item-gone' ? 'not-applied' : verdict;
}

const oneIncarnation = () => 'e';

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'the double apply when tokens are left out and every failed condition is a lost race',
    commitCase: { ...usual, clients: ['s'], protocol: planted({ believesConflict: () => true }) },
    violation: twice,
  },
  {
    name: 'the ghost when every failed condition is a lost race and the caller is told so',
    commitCase: { ...usual, clients: ['s'], protocol: planted({ believesConflict: () => true }) },
    violation: ghost,
  },
  {
    name: 'the ghost when a read that shows the old version decides "not applied"',
    commitCase: { ...usual, clients: ['s'], protocol: planted({ decide: pendingIsOver }) },
    violation: ghost,
  },
  {
    name: 'the double apply when a read that shows the old version decides that the write is to be made anew',
    commitCase: { ...usual, clients: ['s'], protocol: planted({ decide: pendingIsOver }) },
    violation: twice,
  },
  {
    name: 'the double apply when evidence is dropped without raising the floor',
    commitCase: { ...usual, clients: ['s', 's', 's'], protocol: planted({ evolve: withoutFloor }) },
    violation: twice,
  },
  {
    name: 'the double apply when a put does not carry the evidence over',
    commitCase: { ...usual, clients: ['s', 's'], generation: 8, protocol: planted({ evolve: withoutCarryOver }) },
    violation: twice,
  },
  {
    name: 'the repeated version when a delete leaves nothing and incarnations are left out',
    commitCase: { ...usual, clients: ['dc'], protocol: planted({ deletes: 'nothing', incarnation: oneIncarnation }) },
    violation: version,
  },
  {
    name: 'the double apply when a delete leaves nothing and incarnations are left out',
    commitCase: {
      ...usual,
      clients: ['u', 'dss'],
      protocol: planted({ deletes: 'nothing', incarnation: oneIncarnation }),
    },
    violation: twice,
  },
  {
    name: 'the resurrection when a delete leaves nothing and creations are in play',
    commitCase: { ...usual, clients: ['c', 'cd'], exists: false, protocol: planted({ deletes: 'nothing' }) },
    violation: ghost,
  },
  {
    name: 'the creation that takes effect twice when a delete leaves nothing',
    commitCase: { ...usual, clients: ['c', 'd'], exists: false, protocol: planted({ deletes: 'nothing' }) },
    violation: twice,
  },
  {
    name: 'the double apply when a vanished item is proof of "not applied"',
    commitCase: { ...usual, clients: ['s', 'd'], protocol: planted({ deletes: 'nothing', decide: goneIsOver }) },
    violation: twice,
  },
  {
    name: 'the wrong value when a resend takes more operations along under the old number',
    commitCase: { ...usual, clients: ['ss'], protocol: planted({ rebatches: true }) },
    violation: otherValue,
  },
  {
    name: 'the ghost when a definite refusal of a second copy is believed of the first',
    commitCase: { ...usual, clients: ['s'], protocol: planted({ believesRefusal: () => true }) },
    violation: ghost,
  },
  {
    name: 'the lie when two lanes share one writer id',
    commitCase: { ...usual, clients: ['s', 's'], protocol: planted({ writer: () => 'A', counter: () => 0 }) },
    violation: lie,
  },
  {
    name: 'the write on a foreign item when the condition is on the version and items are made anew',
    commitCase: {
      ...usual,
      clients: ['u', 'dc'],
      protocol: planted({
        deletes: 'nothing',
        holds: (stored, base) => stored?.version === base?.version,
      }),
    },
    violation: foreignBase,
  },
  {
    name: 'the creation that takes effect twice when it is sent again after its tombstone is gone',
    commitCase: {
      ...usual,
      clients: ['c', 'd'],
      exists: false,
      reaps: true,
      protocol: planted({ outlivesTombstones: true }),
    },
    violation: twice,
  },
  {
    name: 'the double apply when a first answer is believed although the network duplicates requests',
    commitCase: { ...usual, clients: ['s'], echoes: true, protocol: shipped },
    violation: twice,
  },
];

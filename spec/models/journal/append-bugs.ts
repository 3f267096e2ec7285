/** Mistakes of writers and spillers. */
import { violations } from './ledger.js';
import { bodies, claims, type PlantedBug, pruning, spilling } from './planted-bug.js';
import { planted } from './protocol.js';

const { ghost, invalid, lie, refusal, page, body, state, gap, tail } = violations;

export const appendBugs: readonly PlantedBug[] = [
  {
    name: 'the overwritten page when pages are put without a condition',
    setting: spilling,
    protocol: planted({ putsPageOnce: false }),
    violations: [page],
  },
  {
    name: 'the lost commits when a page is trimmed without reading it',
    setting: spilling,
    protocol: planted({ knowsPage: () => true }),
    violations: [page],
  },
  {
    name: 'the lost commits when what is known of an older page is trimmed',
    setting: spilling,
    protocol: planted({
      trim: (base, known) =>
        known === undefined ? base : { ...base, pages: base.pages + 1, tail: base.tail.slice(known.commits.length) },
    }),
    violations: [page, tail],
  },
  {
    name: 'the invented commit when a page is put from a head that is not committed',
    setting: spilling,
    protocol: planted({ pageContent: (base, pending) => (pending?.pages === base.pages ? pending : base).tail }),
    violations: [page],
  },
  {
    name: 'the missing body when the head names it first',
    setting: bodies,
    protocol: planted({ mayName: () => true }),
    violations: [body],
  },
  {
    name: 'the missing body when its put is not waited for',
    setting: bodies,
    bias: { 'body 2, not answered': 5 },
    protocol: planted({ mayName: (stored) => stored !== 'no' }),
    violations: [body],
  },
  {
    name: 'the wrong state when skipped events are not stored',
    setting: { ...claims, reads: 4 },
    protocol: planted({ skipped: () => [] }),
    violations: [state, gap],
  },
  {
    name: 'the deleted body when bodies are named out of order',
    setting: pruning,
    protocol: planted({ nextBatch: (ready) => Math.max(0, ready.lastIndexOf(true)) }),
    violations: [body],
  },
  {
    name: 'the wrong refusal when it is told before its batch is settled',
    setting: claims,
    protocol: planted({ mayRefuse: ({ speculative, asked }) => speculative || asked }),
    violations: [refusal],
  },
  {
    name: 'the wrong refusal when the state was not looked at after the call',
    setting: claims,
    protocol: planted({ mayRefuse: ({ speculative }) => !speculative }),
    violations: [refusal, ghost],
  },
  {
    name: 'the invalid event when a writer decides on a state that is not its base',
    setting: claims,
    protocol: planted({ catchesUp: false }),
    violations: [invalid, state, refusal, gap],
  },
  {
    name: 'the overwritten body when a restarted writer keeps its name',
    setting: { ...bodies, crashes: 2 },
    protocol: planted({ rename: (name) => name }),
    violations: [state, lie],
  },
  {
    name: 'the deleted body when a retired writer goes on',
    setting: { ...pruning, retirements: 2 },
    protocol: planted({ isRetired: () => false }),
    violations: [body],
  },
];

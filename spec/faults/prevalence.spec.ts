// Goal: many processes share one prevalent system, over real engines and every kind of fault: nothing is lost, doubled, reordered
// or misreported, and all instances have the same state at the same number; also when processes are killed, one is stopped until
// others have pruned beyond it, and the engine is killed.
// Method: runs drawn from a seed, each profile of faults once; what everybody wrote down is judged. `npm run chaos -- --prevalence`
// makes longer ones.
import { describe, it } from '@jest/globals';
import { describeLedgerRuns } from './ledger-runs.js';
import { faultsMsMax, withMortalStore } from './shared-stores.js';

// Enough for every kind of call to meet every fault of its profile: the ten runs have to fit two processors for half a minute.
const { troubled } = describeLedgerRuns('prevalence', { calls: 400 });

describe('an engine that dies', () => {
  it('is killed and started again', () => withMortalStore((store) => troubled(store, { restarts: 1 })), faultsMsMax);
});

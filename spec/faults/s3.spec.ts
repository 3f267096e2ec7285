// Goal: many processes share one prevalent system that is nothing but objects in a bucket, under every kind of fault that lies between
// SDK and S3, altered bodies among them: nothing is lost, doubled, reordered or misreported, also when processes are killed, when one is
// stopped until others have pruned beyond it, and when the bucket's server is killed.
// Method: the runs of prevalence.spec.ts, on a stand-in for S3 in a process of its own. `npm run chaos -- --s3 N` makes longer ones; every
// fault at every step, by script, is in spec/s3/faults.spec.ts.
import { describe, it } from '@jest/globals';
import { describeLedgerRuns } from './ledger-runs.js';
import { faultsMsMax, withMortalStore } from './shared-stores.js';

const { troubled } = describeLedgerRuns('s3', {
  rows: [{ name: 's3', missing: undefined }],
  calls: 200,
  more: [
    { profile: 'altered', engine: 's3', processes: 4 },
    { profile: 'conflict', engine: 's3', processes: 8 },
  ],
});

describe('a server that dies', () => {
  const dying = () => withMortalStore((store) => troubled(store, { restarts: 1 }), 's3');
  it('is killed and started again', dying, faultsMsMax);
});

// Goal: a consumer group over real processes loses nothing, keeps order, and delivers again no more than a crash makes it, whatever
// becomes of its members, of answers on their way, and of the engine; and what it does by ctx.transact happens once.
// Method: members are killed (-9), stopped (SIGSTOP) and cut off about once a second; answers get lost at every kind of request; the
// engine is killed with its data on disk. What everybody wrote down is judged against what is really in the stream and in the table.
// `npm run chaos -- --groups N` makes longer runs.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Crew } from '../histories/crew.js';
import { chaosCommand } from '../histories/plans.js';
import { say, suiteSeed } from '../histories/reports.js';
import { type Store, startStore } from '../histories/stores.js';
import { balanceRun } from '../histories/streams/balance-run.js';
import { type GroupPlanName, groupPlan } from '../histories/streams/group-plans.js';
import {
  consumerModule,
  type GroupRunReport,
  groupRun,
  groupSummary,
  lossyRules,
} from '../histories/streams/group-run.js';
import { loneReaderRun } from '../histories/streams/reader-run.js';
import { zombieRun } from '../histories/streams/zombie-run.js';
import { describeEngine } from '../support/engines.js';
import { openStore, storeRows } from './open-store.js';

const seed = suiteSeed();
const limitMs = 300_000;
const local = storeRows.find(({ name }) => name === 'dynamodb-local') as (typeof storeRows)[number];

describeEngine(local, () => {
  const crew = new Crew(consumerModule);
  let store: Store;
  beforeAll(async () => {
    say(`groups: LEYDEN_SEED=${seed}`);
    store = await openStore('dynamodb-local');
  }, limitMs);
  afterAll(async () => {
    await crew.close();
    await store.close();
  });

  const clean = async (on: Store, mode: GroupPlanName, writes: number): Promise<GroupRunReport> => {
    const report = await groupRun(on, crew, { seed, ...groupPlan(mode, writes) });
    say(`  ${mode}: ${groupSummary(report)}`);
    const repeat = chaosCommand({ groups: 1, mode, seed, ops: writes });
    expect({ repeat, findings: report.findings }).toEqual({ repeat, findings: [] });
    return report;
  };

  describe('consumers that are killed, stopped and cut off', () => {
    it(
      'are given each record at least once, in order, and none again that is stored as done',
      async () => {
        const report = await clean(store, 'plain', 3_000);
        expect(report.kills + report.stops + report.cuts).toBe(12);
        expect(report.readersMax).toBeLessThanOrEqual(2);
      },
      limitMs,
    );

    it(
      'make a view of the table that equals a scan of it',
      async () => {
        await clean(store, 'transact', 2_500);
      },
      limitMs,
    );
  });

  describe('answers that get lost', () => {
    it(
      'at records, iterators, listings and at every write of the group, cost nothing but time',
      async () => {
        const report = await clean(store, 'lossy', 1_000);
        expect(report.struck).toBeGreaterThan(20);
      },
      limitMs,
    );
  });

  describe('an engine that is killed, with its data on disk, and comes back five seconds later', () => {
    it(
      'costs no record, and no lease that is longer',
      async () => {
        const onDisk = await startStore('dynamodb-local', { onDisk: true });
        try {
          const report = await clean(onDisk, 'engine', 900);
          expect([report.lost, report.repeats]).toEqual([0, 0]);
        } finally {
          await onDisk.close();
        }
      },
      limitMs,
    );
  });

  describe('a member that is stopped beyond its lease in the middle of a transaction', () => {
    it(
      'is refused when it wakes, and so is what was still on its way; no position ever moves back',
      async () => {
        const pauses = 6;
        const report = await zombieRun(store, crew, { seed, pauses });
        say(`  zombies: ${JSON.stringify(report)}`);
        const repeat = chaosCommand({ groups: 1, mode: 'zombies', seed, ops: pauses });
        expect({ repeat, findings: report.findings }).toEqual({ repeat, findings: [] });
        expect(report.refused).toBeGreaterThan(0);
      },
      limitMs,
    );
  });

  describe('members that join and leave in order', () => {
    it(
      'share the shards within three leases',
      async () => {
        const changes = 8;
        const report = await balanceRun(store, crew, { seed, changes });
        say(`  balance: ${JSON.stringify({ ...report, settledMs: report.settledMs.map(Math.round) })}`);
        const repeat = chaosCommand({ groups: 1, mode: 'balance', seed, ops: changes });
        expect({ repeat, findings: report.findings }).toEqual({ repeat, findings: [] });
        expect(report.readersMax).toBeLessThanOrEqual(2);
        expect(Math.max(...report.settledMs)).toBeLessThan(3 * report.leaseMs);
      },
      limitMs,
    );
  });

  describe('a reader that is alone, with its token in a file', () => {
    it(
      'goes on where it was, killed or stopped, while answers to it get lost',
      async () => {
        const report = await loneReaderRun(store, { seed, kills: 3, writes: 1_000, faults: { rules: lossyRules } });
        say(`  one reader: ${JSON.stringify(report)}`);
        expect({ seed, findings: report.findings }).toEqual({ seed, findings: [] });
        expect(report.repeatsOfStopping).toBe(0);
      },
      limitMs,
    );
  });
});

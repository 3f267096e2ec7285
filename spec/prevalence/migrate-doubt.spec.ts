// Goal: nothing is copied of files that may never come to count. Method: a writer that is stopped at every call of an append, another that
// takes over and is stopped at every call of its opening, a migration at each of these moments, with the power lost after it or not; and
// what comes to count at last, migrated to the same places.
import { describe, expect, it } from '@jest/globals';
import { fileStorage } from '../../lib/files/index.js';
import type { Machine } from '../../lib/files/machine.js';
import { migrate, type Storage, transientStorage } from '../../lib/prevalence/index.js';
import { type CallGate, callGate } from '../support/call-gate.js';
import { type FileCall, ModelledDisk, type OnCall } from '../support/modelled-file-system.js';
import { lastMoment } from '../support/power-loss.js';
import { errorOf, range } from '../support/prevalent.js';
import { changed, clock, expectSame, open } from './migrating.js';

/** A process that takes all others for dead. */
const machine: Machine = { self: () => ({ pid: 1, host: 'here', command: 'spec' }), lifeOf: () => 'dead' };

function filesOn(disk: ModelledDisk, onCall?: OnCall): Storage {
  return fileStorage('/data/bank', { fileSystem: disk.fileSystem(onCall), machine, takeOver: true, clock });
}

/** Stops before its call number `at`, counted from when it is set; with `name`, of those that are called so. */
function stopping(at: number, name?: FileCall['name']): CallGate {
  let calls = 0;
  return callGate((call) => {
    calls += name === undefined || call.name === name ? 1 : 0;
    return calls === at && (name === undefined || call.name === name);
  });
}

/** What is on the disk when the power is lost now, and all that may be lost is. */
function withoutPower(disk: ModelledDisk): ModelledDisk {
  const { certain } = lastMoment(disk.start, disk.log);
  return new ModelledDisk(certain);
}

interface Migrated {
  readonly to: Storage;
  readonly isAll: boolean;
}

/** As far as it may come: without a word, or refused since what comes last is in doubt. */
async function migrated(disk: ModelledDisk): Promise<Migrated> {
  const to = transientStorage();
  try {
    const { seq } = await migrate({ from: filesOn(disk), to });
    expect(seq).toBeGreaterThanOrEqual(3);
    return { to, isAll: true };
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_MIGRATE', reason: 'in-doubt', outcome: 'not-done', retryable: true });
    return { to, isAll: false };
  }
}

/** Somebody opens the old place, goes on, and closes it; then a migration to each of the places ends with what is there. */
async function expectToEndSame(disk: ModelledDisk, places: readonly Migrated[]): Promise<void> {
  const next = await open(filesOn(disk));
  const { seq } = await next.handle({ pay: 50 });
  await next.close();
  // Each reads back what is there, and compares it with what it has read here.
  for (const { to } of places) expect(await migrate({ from: filesOn(disk), to })).toMatchObject({ seq });
}

describe('migrate() of files while another one takes them over', () => {
  it.each(['write', 'syncData', undefined] as const)(
    'copies nothing that does not count in the end, wherever that one has come to (the other stopped before: %s)',
    async (stop) => {
      const seen = { runs: 0, inDoubt: 0 };
      for (let at = 1, isStopped = true; isStopped; at += 1) {
        clock.set(1_000);
        const disk = new ModelledDisk();
        const [first, second] = [stopping(stop === undefined ? 0 : 1, stop), stopping(at)];
        const writer = await open(filesOn(disk, first.onCall));
        for (const n of range(3)) await writer.handle({ pay: 10 + n }, { id: `2/${n}` });
        first.set();
        const late = writer.handle({ pay: 9 }).catch(() => {});
        await (stop === undefined ? late : first.reached);
        second.set();
        const taking = open(filesOn(disk, second.onCall));
        isStopped = await Promise.race([second.reached.then(() => true), taking.then(() => false)]);
        const places = [await migrated(disk)];
        first.pass();
        await late;
        places.push(await migrated(disk));
        const beforeLoss = await migrated(disk);
        await expectToEndSame(withoutPower(disk), [beforeLoss]);
        second.pass();
        const taker = await taking;
        await taker.handle({ pay: 20 });
        places.push(await migrated(disk));
        await taker.close();
        await writer.close();
        await expectToEndSame(disk, places);
        seen.runs += 1;
        for (const { isAll } of [...places, beforeLoss]) if (!isAll) seen.inDoubt += 1;
      }
      expect(seen.runs).toBeGreaterThan(15);
      expect(seen.inDoubt).toBeGreaterThan(seen.runs);
    },
  );
});

describe('migrate() of files', () => {
  const newWriter = async (disk: ModelledDisk) => {
    clock.set(1_000);
    const storage = filesOn(disk);
    const one = await open(storage);
    for (const n of range(3)) await one.handle({ pay: 10 + n }, { id: `2/${n}` });
    return { storage, one };
  };

  it('that were closed copies all of them', async () => {
    const disk = new ModelledDisk();
    const { one } = await newWriter(disk);
    await one.close();
    const to = transientStorage();
    expect(await migrate({ from: filesOn(disk), to })).toMatchObject({ seq: 3 });
    await expectSame(filesOn(disk), to);
  });

  it('that are open copies all that was acknowledged, where it is the same storage object', async () => {
    const { storage, one } = await newWriter(new ModelledDisk());
    const to = transientStorage();
    expect(await migrate({ from: storage, to })).toMatchObject({ seq: 3 });
    await one.handle({ pay: 4 });
    expect(await migrate({ from: storage, to, fence: true })).toMatchObject({ seq: 4, copied: 1 });
    await one.close();
    await expectSame(storage, to, { isFenced: true });
  });

  it('whose writer died is refused before the last commit, and with a fence copies it, as it counts then', async () => {
    const disk = new ModelledDisk();
    await newWriter(disk);
    const to = transientStorage();
    const failure = await errorOf(migrate({ from: filesOn(disk), to }));
    expect(failure).toMatchObject({ code: 'ERR_MIGRATE', reason: 'in-doubt', seq: 3, retryable: true });
    expect(await migrate({ from: filesOn(disk), to, fence: true })).toMatchObject({ seq: 3, copied: 1 });
    await expectSame(filesOn(disk), to, { isFenced: true });
  });

  it('that are written meanwhile ends with what was there when it began, if more comes after it', async () => {
    const disk = new ModelledDisk();
    const { one } = await newWriter(disk);
    const to = transientStorage();
    // After it has looked how much there is, and before it copies.
    const held = changed(to, (log) => ({
      async hold(options) {
        await one.handle({ pay: 4 });
        return log.hold(options);
      },
    }));
    expect(await migrate({ from: filesOn(disk), to: held })).toMatchObject({ seq: 3, copied: 3 });
    await one.close();
    expect(await migrate({ from: filesOn(disk), to })).toMatchObject({ seq: 4, copied: 1 });
  });

  it('whose last commit is at the new place already, and in doubt at the old one, is refused', async () => {
    const disk = new ModelledDisk();
    const { storage, one } = await newWriter(disk);
    const to = transientStorage();
    await migrate({ from: storage, to });
    const failure = await errorOf(migrate({ from: filesOn(disk), to }));
    expect(failure).toMatchObject({ code: 'ERR_MIGRATE', reason: 'in-doubt', seq: 3 });
    await one.close();
    expect(await migrate({ from: filesOn(disk), to })).toMatchObject({ seq: 3, copied: 0 });
  });
});

// Goal: nothing is removed but what a snapshot has that is known to be right; what is gone is told, and never makes another state; wherever
// a prune breaks off, the aggregate is what it was, and the next one leaves nothing behind.
// Method: processes on one memory engine, which die at each of their requests, before or after it was applied; several at it at once.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../../lib/atom/index.js';
import type { Engine } from '../../../lib/engine/index.js';
import { AggregateType, EventStore } from '../../../lib/events/index.js';
import { VirtualClock } from '../../../lib/testing/virtual-clock.js';
import { dyingEngine, isWriteStep, type Step, steppedEngine } from '../../support/stepped-engine.js';
import {
  type Added,
  addTo,
  type Count,
  copier,
  counter,
  keysIn,
  large,
  openMemory,
  openProcess,
  type Process,
  pointerOf,
  tableName,
} from './counting.js';

const every = (n: number, padBytes = large, stateVersion = 1) => counter({ snapshotEvery: n }, padBytes, stateVersion);
const stream = 'counter-1';

async function add(process: Process, type: ReturnType<typeof every>, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await process.store.execute(type, '1', [1], { commandId: `c${n}-${count}` });
    await process.store.settled();
  }
}
const keysOf = async (engine: Engine, kind: string) =>
  (await keysIn(engine)).filter((key) => key.startsWith(`events/${stream}/${kind}`));
async function numbersFrom(process: Process, from: number): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { seq } of process.store.read(stream, { from })) numbers.push(seq);
  return numbers;
}

describe('prune', () => {
  it('removes events below a snapshot, and what belongs to them', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    await add(one, every(1_000), 120);
    await one.store.append(stream, [{ type: 'added', data: { by: 1, mark: 'x'.repeat(300_000) } }]);
    await add(one, every(1_000), 40);
    const pages = (await keysOf(engine, 'page')).length;
    const report = await one.store.prune(every(1_000), '1', { keepSnapshots: 1 });
    expect(report).toMatchObject({ version: 161, snapshotsRemoved: 0 });
    expect(report.pagesRemoved).toBeGreaterThan(10);
    expect(await keysOf(engine, 'page')).toHaveLength(pages - report.pagesRemoved);
    expect(report.floor).toBeGreaterThan(140);
    expect((await one.store.info(stream))?.floor).toBe(report.floor);
    // All pages but the one that is put ahead of need are gone, so are bodies, volumes, and receipts of the commands in them.
    expect((await keysOf(engine, 'page')).length).toBeLessThanOrEqual(1);
    expect(await keysOf(engine, 'body')).toEqual([]);
    expect(await keysOf(engine, 'volume')).toEqual([]);
    const { snapshotsRemoved: _r, ...again } = await one.store.prune(every(1_000), '1', { keepSnapshots: 1 });
    expect(again).toMatchObject({ floor: report.floor, version: 161, pagesRemoved: 0, bodiesRemoved: 0 });
    const receipts = await keysOf(engine, 'command');
    expect(receipts.length).toBeLessThan(40);
    expect(one.warnings).toEqual([]);
  });

  it('leaves the aggregate as it was, for commands and loads anywhere', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    await add(one, every(1_000), 60);
    const { floor } = await openProcess(engine).store.prune(every(1_000), '1', { keepSnapshots: 1 });
    const fresh = openProcess(engine);
    expect(await fresh.store.load(every(1_000), '1')).toMatchObject({ version: 60, state: { sum: 60, seq: 60 } });
    // The one that has the state at hand does not even notice.
    expect(await one.store.execute(every(1_000), '1', [5])).toMatchObject({ version: 61, state: { sum: 65 } });
    expect(await fresh.store.execute(every(1_000), '1', [5])).toMatchObject({ version: 62, state: { sum: 70 } });
    expect(await numbersFrom(fresh, floor)).toEqual(Array.from({ length: 63 - floor }, (_, n) => floor + n));
    expect([...one.warnings, ...fresh.warnings]).toEqual([]);
  });

  it('is found with two requests', async () => {
    const engine = await openMemory();
    await add(openProcess(engine), every(1_000), 60);
    await openProcess(engine).store.prune(every(1_000), '1', { keepSnapshots: 1 });
    const steps: Step[] = [];
    const counted = steppedEngine(engine, (step) => {
      steps.push(step);
      return undefined;
    });
    await openProcess(counted).store.load(every(1_000), '1');
    expect(steps.map(({ text }) => /head|part|snap|page/.exec(text)?.[0])).toEqual(['head', 'part']);
  });

  it('is told to whoever wants what is gone: reading, other truths, other versions', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    await add(one, every(1_000), 60);
    const { floor } = await one.store.prune(every(1_000), '1', { keepSnapshots: 1 });
    const pruned = { code: 'ERR_STREAM_PRUNED', stream, from: 1, floor };
    const other = () => openProcess(engine).store;
    await expect(numbersFrom(openProcess(engine), 1)).rejects.toMatchObject(pruned);
    await expect(numbersFrom(openProcess(engine), floor - 1)).rejects.toMatchObject({ ...pruned, from: floor - 1 });
    await expect(other().load(counter('events', large), '1')).rejects.toMatchObject(pruned);
    await expect(other().load(every(1_000, large, 2), '1')).rejects.toMatchObject(pruned);
    await expect(other().execute(every(1_000, large, 2), '1', [1])).rejects.toMatchObject(pruned);
    await expect(other().prune(every(1_000, large, 2), '1')).rejects.toMatchObject({ code: 'ERR_STREAM_PRUNED' });
    await expect(other().load(every(1_000, large, 2), '1')).rejects.toThrow(`those from ${floor} on are there`);
    const backwards: number[] = [];
    const down = async () => {
      for await (const { seq } of other().read(stream, { direction: 'backwards' })) backwards.push(seq);
    };
    await expect(down()).rejects.toMatchObject({ code: 'ERR_STREAM_PRUNED', floor });
    expect(backwards).toEqual(Array.from({ length: 61 - floor }, (_, n) => 60 - n));
  });

  it('does not make a command run again that is told by its receipt or by the head', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    await add(one, every(1_000), 60);
    await one.store.prune(every(1_000), '1', { keepSnapshots: 1 });
    // In the head: its first outcome.
    const again = await openProcess(engine).store.execute(every(1_000), '1', [1], { commandId: 'c59-60' });
    expect(again).toMatchObject({ repeated: true, version: 60 });
    // Pruned with its events: remembered as long as these are there.
    const anew = await openProcess(engine).store.execute(every(1_000), '1', [1], { commandId: 'c0-60' });
    expect(anew).toMatchObject({ repeated: false, version: 61 });
  });

  it('keeps the snapshots that it is told to, and events from the oldest on', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    await add(one, every(30), 95);
    const kept = (await pointerOf(engine)).kept.map(({ seq }) => seq);
    expect(kept).toEqual([60, 90]);
    const { floor } = await one.store.prune(every(30), '1');
    expect((await pointerOf(engine)).kept.map(({ seq }) => seq)).toEqual([90, 95]);
    expect(floor).toBeGreaterThan(70);
    expect(floor).toBeLessThanOrEqual(91);
    // The verified one stays, whatever newer ones are made, until another is verified.
    await add(one, every(30), 100);
    const later = (await pointerOf(engine)).kept;
    expect(later.map(({ seq, pinned = false }) => [seq, pinned])).toContainEqual([95, true]);
    expect(later).toHaveLength(3);
    await one.store.prune(every(30), '1', { keepSnapshots: 1 });
    expect((await pointerOf(engine)).kept.map(({ seq, pinned = false }) => [seq, pinned])).toEqual([[195, true]]);
    expect(await openProcess(engine).store.load(every(30), '1')).toMatchObject({ state: { sum: 195 } });
  });

  it('works for states that are in the head, too', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    const small = counter({ snapshotEvery: 10 });
    for (let n = 0; n < 300; n += 1) await one.store.execute(small, '1', [n]);
    const { floor } = await one.store.prune(small, '1', { keepSnapshots: 1 });
    expect(floor).toBeGreaterThan(100);
    const steps: Step[] = [];
    const counted = steppedEngine(engine, (step) => {
      steps.push(step);
      return undefined;
    });
    expect((await openProcess(counted).store.load(small, '1')).version).toBe(300);
    expect(steps).toHaveLength(1);
    expect((await one.store.execute(small, '1', [1])).version).toBe(301);
    // Whoever writes the head goes on saying that there is a snapshot.
    for (const { store } of [openProcess(engine), openProcess(engine)]) {
      await store.execute(small, '1', [1]);
      expect((await store.info(stream))?.floor).toBe(floor);
    }
    expect((await openProcess(engine).store.load(counter('aggregate'), '1')).version).toBe(303);
  });

  it('makes no snapshot of no events', async () => {
    const engine = await openMemory();
    const { store } = openProcess(engine);
    expect(await store.prune(every(3), '1')).toEqual({
      ...{ floor: 1, version: 0, pagesRemoved: 0, bodiesRemoved: 0, snapshotsRemoved: 0 },
    });
    expect(await keysIn(engine)).toEqual([]);
  });

  it('refuses what it can not do, before anything is sent', async () => {
    const engine = await openMemory();
    const { store } = openProcess(engine);
    const before = engine.spent();
    await expect(store.prune(counter('events'), '1')).rejects.toThrow(
      "Cannot prune: aggregates of type counter have truth 'events'",
    );
    for (const keepSnapshots of [0, -1, 1.5, 101, Number.NaN]) {
      await expect(store.prune(every(3), '1', { keepSnapshots })).rejects.toThrow(RangeError);
    }
    expect(engine.spent()).toEqual(before);
  });

  it('refuses when a stored state is not what the events give', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    await add(one, every(30), 45);
    const { handle, initial } = every(30);
    const changed = (truth: 'aggregate' | { snapshotEvery: number }) =>
      new AggregateType<Count, readonly number[], Added>({
        ...{ name: 'counter', handle, initial, truth },
        apply: (count, event) => ({ ...addTo(count, event), sum: count.sum + 2 * event.data.by }),
      });
    const before = await keysIn(engine);
    await expect(one.store.prune(changed({ snapshotEvery: 30 }), '1')).rejects.toMatchObject({
      code: 'ERR_PRUNE_REFUSED',
      seq: 30,
    });
    expect(await keysIn(engine)).toEqual(before);
    // And of the head.
    await one.store.execute(counter('aggregate'), '2', [1]);
    const small = new AggregateType<Count, readonly number[], Added>({
      ...{ name: 'counter', handle, initial: counter(undefined).initial, truth: 'aggregate' },
      apply: (count, event) => ({ ...addTo(count, event), sum: 0 }),
    });
    await expect(one.store.prune(small, '2')).rejects.toMatchObject({ code: 'ERR_PRUNE_REFUSED', seq: 1 });
  });

  it('believes in no snapshot that does not come back from the store', async () => {
    const engine = await openMemory();
    await add(openProcess(engine), every(1_000), 40);
    const before = (await keysOf(engine, 'page')).length;
    const losing = steppedEngine(engine, (step) => {
      if (!isWriteStep(step) || !step.text.includes('/part/')) return undefined;
      return step.send().then(async (answer) => {
        for (const key of await keysOf(engine, 'part'))
          await engine.delete({ table: tableName, key: { id: { S: key } } });
        return answer;
      });
    });
    const one = openProcess(losing);
    await expect(one.store.prune(every(1_000), '1')).rejects.toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED' });
    expect((await keysOf(engine, 'page')).length).toBe(before);
    expect((await pointerOf(engine)).kept).toEqual([]);
    expect(await openProcess(engine).store.load(counter('events', large), '1')).toMatchObject({ version: 40 });
  });

  it('is done for archived streams, and not for deleted ones, of which snapshots are removed as well', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    await add(one, every(30), 65);
    await one.store.archive(stream);
    expect(await one.store.prune(every(30), '1', { keepSnapshots: 1 })).toMatchObject({ version: 65 });
    expect(await openProcess(engine).store.load(every(30), '1')).toMatchObject({ version: 65 });
    await one.store.delete(stream);
    expect(await keysIn(engine)).toEqual([`events/${stream}/head`]);
    await expect(one.store.prune(every(30), '1')).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
  });

  it('that broke off is gone on with, however many snapshots were made meanwhile', async () => {
    const engine = await openMemory();
    await add(openProcess(engine), every(20), 60);
    const failing = steppedEngine(engine, (step) =>
      step.kind === 'delete' && step.text.includes('/page/') ? Promise.reject(new Error('no')) : undefined,
    );
    await expect(openProcess(failing).store.prune(every(20), '1', { keepSnapshots: 1 })).rejects.toThrow('no');
    expect(await keysOf(engine, 'page/0')).toHaveLength(1);
    const one = openProcess(engine);
    await add(one, every(20), 130);
    const { prunedTo, sweptTo } = await pointerOf(engine);
    expect([prunedTo > 0, sweptTo]).toEqual([true, 0]);
    await one.store.prune(every(20), '1', { keepSnapshots: 1 });
    expect((await keysOf(engine, 'page')).length).toBeLessThanOrEqual(1);
  });

  it('is passed over by one that was behind, in the midst of an append', async () => {
    for (const behind of [12, 20, 30, 45, 90]) {
      const engine = await openMemory();
      const [one, other] = [openProcess(engine), openProcess(engine)];
      await add(one, every(1_000), 5);
      await add(other, every(1_000), behind);
      await other.store.prune(every(1_000), '1', { keepSnapshots: 1 });
      expect((await one.store.append(stream, [{ type: 'added', data: { by: 1 } }])).version).toBe(6 + behind);
      const { version, state } = await one.store.execute(every(1_000), '1', [1]);
      expect([version, state.sum]).toEqual([7 + behind, 7 + behind]);
      expect([...one.warnings, ...other.warnings]).toEqual([]);
    }
  });

  it('by several at once, while commands go on, leaves one state', async () => {
    const engine = await openMemory();
    const all = [openProcess(engine), openProcess(engine), openProcess(engine)];
    await add(all[0] as Process, every(20), 50);
    await Promise.all([
      ...all.map(async ({ store }) => {
        for (let n = 0; n < 4; n += 1) await store.prune(every(20), '1', { keepSnapshots: 1 });
      }),
      ...all.map(async ({ store }) => {
        for (let n = 0; n < 40; n += 1) await store.execute(every(20), '1', [1], { retries: 1_000 });
      }),
    ]);
    for (const { store } of all) await store.settled();
    const { state, version } = await openProcess(engine).store.load(every(20), '1');
    expect([state.sum, state.seq, version]).toEqual([170, 170, 170]);
    expect(all.flatMap(({ warnings }) => warnings)).toEqual([]);
    await openProcess(engine).store.prune(every(20), '1', { keepSnapshots: 1 });
    await openProcess(engine).store.prune(every(20), '1', { keepSnapshots: 1 });
    const { kept, making, dropping } = await pointerOf(engine);
    expect([making, dropping]).toEqual([[], []]);
    expect(await keysOf(engine, 'part')).toEqual(kept.map(({ id }) => `events/${stream}/part/${id}/0`));
  });
});

describe.each(['before', 'after'] as const)('dead %s its k-th request was applied', (when) => {
  it('prune: the aggregate is what it was, and the next prune leaves nothing behind', async () => {
    let deaths = 0;
    const copy = await copier((engine) => add(openProcess(engine), every(20), 27));
    for (let at = 0; ; at += 1) {
      const engine = await copy();
      const { engine: mortal, died } = dyingEngine(engine, at, when);
      const dying = new EventStore(new AtomTable({ engine: mortal, tableName, clock: new VirtualClock() }));
      const end = await Promise.race([dying.prune(every(20), '1', { keepSnapshots: 1 }).then(() => 'done'), died]);
      const survivor = openProcess(engine);
      expect(await survivor.store.load(every(20), '1')).toMatchObject({ version: 27, state: { sum: 27, seq: 27 } });
      // From the first event on all is there, or none of it is promised.
      const fromEvents = await survivor.store.load(counter('events', large), '1').catch((error: unknown) => error);
      if (fromEvents instanceof Error) expect(fromEvents).toMatchObject({ code: 'ERR_STREAM_PRUNED' });
      else expect(fromEvents).toMatchObject({ version: 27, state: { sum: 27 } });
      expect(await survivor.store.execute(every(20), '1', [2])).toMatchObject({ version: 28, state: { sum: 29 } });
      await survivor.store.prune(every(20), '1', { keepSnapshots: 1 });
      await survivor.store.prune(every(20), '1', { keepSnapshots: 1 });
      expect(await openProcess(engine).store.load(every(20), '1')).toMatchObject({ version: 28, state: { sum: 29 } });
      const { kept, making } = await pointerOf(engine);
      // What may still be under way stays for an hour.
      const known = [...kept, ...making].map(({ id }) => `events/${stream}/part/${id}/0`);
      expect(known).toEqual(expect.arrayContaining(await keysOf(engine, 'part')));
      expect((await keysOf(engine, 'page')).length).toBeLessThanOrEqual(2);
      expect(survivor.warnings).toEqual([]);
      if (end === 'done') break;
      deaths += 1;
      if (at > 200) throw new Error('it never came through');
    }
    expect(deaths).toBeGreaterThan(15);
  }, 60_000);

  it('snapshot in the background: commands and their states are what they were', async () => {
    let deaths = 0;
    const copy = await copier((engine) => add(openProcess(engine), every(20), 19));
    for (let at = 0; ; at += 1) {
      const engine = await copy();
      const { engine: mortal, died } = dyingEngine(engine, at, when);
      const dying = new EventStore(new AtomTable({ engine: mortal, tableName, clock: new VirtualClock() }));
      const life = async () => {
        await dying.execute(every(20), '1', [1]);
        await dying.settled();
        return 'done';
      };
      const end = await Promise.race([life(), died]);
      const survivor = openProcess(engine);
      const { version, state } = await survivor.store.load(every(20), '1');
      expect([19, 20]).toContain(version);
      expect([state.sum, state.seq]).toEqual([version, version]);
      await add(survivor, every(20), 25);
      expect(await openProcess(engine).store.load(every(20), '1')).toMatchObject({ state: { sum: version + 25 } });
      if (end === 'done') break;
      deaths += 1;
      if (at > 100) throw new Error('it never came through');
    }
    expect(deaths).toBeGreaterThan(5);
  }, 60_000);
});

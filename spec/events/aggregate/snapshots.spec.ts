// Goal: a state that is stored is found again with few requests; one that can't be read costs a warning and a longer way, and nothing
// else; making one is nobody's business but the background's.
// Method: processes on one memory engine; requests are counted and watched; items are damaged behind everybody's back.
import { describe, expect, it } from '@jest/globals';
import type { Engine, MemoryEngine } from '../../../lib/engine/index.js';
import { StreamState } from '../../../lib/events/aggregate/stream-state.js';
import { encodeEvent } from '../../../lib/events/event-line.js';
import { AggregateType } from '../../../lib/events/index.js';
import { Recorder } from '../../../lib/events/recorder.js';
import { Round } from '../../../lib/events/round.js';
import { Upcasters } from '../../../lib/events/upcaster.js';
import { range } from '../../support/prevalent.js';
import { MemorySnapshotStore } from '../../support/snapshot-stores.js';
import { isWriteStep, type Step, steppedEngine } from '../../support/stepped-engine.js';
import {
  type Added,
  type Count,
  counter,
  keysIn,
  large,
  openMemory,
  openProcess,
  type Process,
  pointerOf,
  tableName,
} from './counting.js';

type Type = ReturnType<typeof counter>;
const every = (n: number, padBytes = 0, stateVersion = 1) => counter({ snapshotEvery: n }, padBytes, stateVersion);

async function add(process: Process, type: Type, count: number, id = '1'): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await process.store.execute(type, id, [1]);
    await process.store.settled();
  }
}

function watched(engine: Engine): { readonly engine: Engine; readonly steps: Step[] } {
  const steps: Step[] = [];
  const stepped = steppedEngine(engine, (step) => {
    steps.push(step);
    return undefined;
  });
  return { engine: stepped, steps };
}

const partsIn = async (engine: Engine) => (await keysIn(engine)).filter((key) => key.includes('/part/'));
const keptIn = async (engine: Engine) => (await pointerOf(engine)).kept;

async function damage(engine: Engine, key: string): Promise<void> {
  const at = { table: tableName, key: { id: { S: key } } };
  const item = await engine.get({ ...at, consistent: true });
  if (item?.d === undefined || !('B' in item.d)) throw new Error(`no bytes under ${key}`);
  const bytes = Uint8Array.from(item.d.B);
  bytes[bytes.length - 9] = ((bytes[bytes.length - 9] as number) + 1) % 256;
  await engine.put({ table: tableName, item: { ...item, d: { B: bytes } } });
}

const noteBytes = async (engine: MemoryEngine, id = '1') => {
  const head = await engine.get({
    table: tableName,
    key: { id: { S: `events/counter-${id}/head` } },
    consistent: true,
  });
  const { note } = (head as { d: { M: { note?: { B: Uint8Array } } } }).d.M;
  return note?.B.byteLength ?? 0;
};

describe('a state that fits in the head', () => {
  it('is there with each commit, and no snapshot is made', async () => {
    const engine = await openMemory();
    const { store } = openProcess(engine);
    for (let n = 0; n < 30; n += 1) {
      await store.execute(every(100), '1', [1]);
      expect(await noteBytes(engine)).toBeGreaterThan(30);
    }
    await store.settled();
    expect((await keysIn(engine)).filter((key) => /part|snap/.test(key))).toEqual([]);
    const { engine: counted, steps } = watched(engine);
    expect((await openProcess(counted).store.load(every(100), '1')).version).toBe(30);
    expect(steps.length).toBe(1);
  });

  it('makes no commit dearer than one write unit', async () => {
    const engine = await openMemory();
    const { store } = openProcess(engine);
    // What just fits, and what just does not.
    for (const pad of [100, 250, 350, 450, 600]) {
      for (let n = 0; n < 12; n += 1) {
        const before = engine.spent();
        await store.execute(every(100, pad), `${pad}`, [1]);
        const heads = engine.spent().writeUnits - before.writeUnits;
        expect(heads).toBeLessThanOrEqual(1 + 2);
      }
      const head = await engine.get({
        ...{ table: tableName, consistent: true },
        key: { id: { S: `events/counter-${pad}/head` } },
      });
      expect(JSON.stringify(head, (_k, v) => (v instanceof Uint8Array ? 'x'.repeat(v.length) : v)).length).toBeLessThan(
        1_500,
      );
    }
  });

  it('may be larger where that is cheaper than snapshots are', async () => {
    const engine = await openMemory();
    const { store } = openProcess(engine);
    for (const [n, pad, isInHead] of [
      [1, 60_000, true],
      [2, 5_000, true],
      [2, 8_000, false],
      [6, 1_000, true],
      [7, 1_000, false],
    ] as const) {
      const id = `${n}-${pad}`;
      for (let at = 0; at < n; at += 1) await store.execute(every(n, pad), id, [1]);
      await store.settled();
      expect([id, (await noteBytes(engine, id)) > 500]).toEqual([id, isInHead]);
    }
  });

  it("is there with each command, up to 100 KB, when the truth is 'aggregate'", async () => {
    const engine = await openMemory();
    const { store } = openProcess(engine);
    await store.execute(counter('aggregate', 90_000), '1', [1]);
    expect(await noteBytes(engine)).toBeGreaterThan(50_000);
    const { engine: counted, steps } = watched(engine);
    expect((await openProcess(counted).store.load(counter('aggregate', 90_000), '1')).state.sum).toBe(1);
    expect(steps.length).toBe(1);
  });
});

describe('a state that does not fit in the head', () => {
  it('is encoded for it once in a while, and not at each commit', async () => {
    const engine = await openMemory();
    let looks = 0;
    const watched = new Proxy(
      { n: 1 },
      {
        ownKeys(target) {
          looks += 1;
          return Reflect.ownKeys(target);
        },
      },
    );
    const { handle, initial, apply } = counter(undefined, large);
    const type = new AggregateType<Count, readonly number[], Added>({
      ...{ name: 'counter', initial: Object.assign({ watched }, initial), handle, apply },
      truth: { snapshotEvery: 30 },
    });
    const { store } = openProcess(engine);
    looks = 0;
    for (let n = 0; n < 29; n += 1) await store.execute(type, '1', [1]);
    const once = looks;
    expect(once).toBeGreaterThan(0);
    for (let n = 0; n < 29; n += 1) await store.execute(type, '2', [1]);
    expect(looks).toBe(2 * once);
    await store.execute(type, '3', [1]);
    expect(looks).toBe(3 * once);
  });

  it('is stored when so many events are in none, by nobody who waits', async () => {
    const engine = await openMemory();
    let release: (value?: unknown) => void = () => {};
    const held = new Promise((resolve) => {
      release = resolve;
    });
    const slow = steppedEngine(engine, (step) =>
      step.text.includes('/snap') ? held.then(() => step.send()) : undefined,
    );
    const { store, warnings } = openProcess(slow);
    for (let n = 0; n < 35; n += 1) await store.execute(every(30, large), '1', [1]);
    expect(await partsIn(engine)).toEqual([]);
    release();
    await store.settled();
    expect((await keptIn(engine)).map(({ seq }) => seq)).toEqual([30]);
    expect(warnings).toEqual([]);
  });

  it('is not stored as long as all events come with the head', async () => {
    const engine = await openMemory();
    const roomy = openProcess(engine, { headBytesMax: 8_192 });
    await add(roomy, every(5, large), 20);
    expect((await keysIn(engine)).filter((key) => /part|snap/.test(key))).toEqual([]);
    await add(roomy, every(5, large), 100);
    expect(await partsIn(engine)).toHaveLength(2);
  });

  it.each([
    [30, true],
    [31, false],
  ])(
    'is stored with the head of its own commit, and with none that others have moved on to (%i)',
    async (seq, isStored) => {
      const recorder = new Recorder('counter-1', new Upcasters([]));
      let begun = 0;
      const begin = () => {
        begun += 1;
      };
      const state = new StreamState({
        ...{ recorder, snapshots: {} as never, background: { begin } as never },
        ...{ headBytesMax: 1_024, onWarning: () => {} },
      });
      const round = new Round(recorder, { image: undefined, time: 1 });
      await state.at(every(30, large), round, {} as never);
      round.add(
        range(30).map(() => encodeEvent({ type: 'added', data: { by: 1 } }, undefined)),
        undefined,
      );
      expect(state.noteAfter(round)).toBeUndefined();
      const commit = { place: 1, first: 1, count: 30, time: 1 };
      state.committed(round, { status: 'applied', commit } as never, { seq, place: 2, tail: [] } as never);
      expect(begun).toBe(isStored ? 1 : 0);
    },
  );

  it('is loaded with two requests: the head names it', async () => {
    const engine = await openMemory();
    await add(openProcess(engine), every(30, large), 31);
    const { engine: counted, steps } = watched(engine);
    expect(await openProcess(counted).store.load(every(30, large), '1')).toMatchObject({
      version: 31,
      state: { sum: 31 },
    });
    expect(steps.map(({ kind, text }) => [kind, /head|part/.exec(text)?.[0]])).toEqual([
      ['get', 'head'],
      ['get', 'part'],
    ]);
  });

  it('is loaded from events where there is no snapshot, and nobody asks for one', async () => {
    const engine = await openMemory();
    const { store } = openProcess(engine);
    for (let n = 0; n < 40; n += 1) await store.execute(every(100, large), '1', [1]);
    const { engine: counted, steps } = watched(engine);
    expect((await openProcess(counted).store.load(every(100, large), '1')).version).toBe(40);
    expect(steps.filter(({ text }) => text.includes('/snap'))).toEqual([]);
  });

  it('leaves two snapshots, and the parts of these', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    await add(one, every(30, large), 125);
    const kept = await keptIn(engine);
    expect(kept.map(({ seq }) => seq)).toEqual([90, 120]);
    expect(await partsIn(engine)).toEqual(kept.map(({ id }) => `events/counter-1/part/${id}/0`).sort());
    expect(one.warnings).toEqual([]);
    expect((await openProcess(engine).store.load(counter('events', large), '1')).version).toBe(125);
  });

  it('is made by one of several processes', async () => {
    const engine = await openMemory();
    const all = [openProcess(engine), openProcess(engine), openProcess(engine)];
    for (let n = 0; n < 150; n += 1) {
      await (all[n % 3] as (typeof all)[0]).store.execute(every(30, large), '1', [1]);
      for (const { store } of all) await store.settled();
    }
    const kept = await keptIn(engine);
    expect(kept.length).toBe(2);
    expect((kept[1]?.seq ?? 0) - (kept[0]?.seq ?? 0)).toBeGreaterThanOrEqual(28);
    expect(all.flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  it('may be stored elsewhere', async () => {
    const engine = await openMemory();
    const snapshots = new MemorySnapshotStore(50_000);
    const { store } = openProcess(engine, { snapshots });
    for (let n = 0; n < 30; n += 1) await store.execute(every(30, 200_000), '1', [1]);
    await store.settled();
    expect(snapshots.parts.size).toBeGreaterThan(2);
    expect(await partsIn(engine)).toEqual([]);
    await store.execute(every(30, 200_000), '1', [1]);
    expect((await openProcess(engine, { snapshots }).store.load(every(30, 200_000), '1')).state.sum).toBe(31);
    expect(() => openProcess(engine, { snapshots: {} as never })).toThrow('snapshots must be a SnapshotStore');
  });

  it('that can not be stored is a warning, and no failure of a command', async () => {
    const engine = await openMemory();
    const failing = steppedEngine(engine, (step) =>
      isWriteStep(step) && step.text.includes('/part/') ? Promise.reject(new Error('no room')) : undefined,
    );
    const { store, warnings } = openProcess(failing);
    for (let n = 0; n < 40; n += 1) await store.execute(every(30, large), '1', [1]);
    await store.settled();
    expect(warnings.map((warning) => (warning as Error).message)).toContain('no room');
    expect((await openProcess(engine).store.load(every(30, large), '1')).version).toBe(40);
  });
});

describe('a snapshot that can not be read', () => {
  it.each(['missing', 'damaged'])('is passed over for the one before (%s), with a warning', async (how) => {
    const engine = await openMemory();
    await add(openProcess(engine), every(30, large), 91);
    const [first, second] = await keptIn(engine);
    const harm = async (id: string | undefined) => {
      const key = `events/counter-1/part/${id}/0`;
      if (how === 'damaged') await damage(engine, key);
      else await engine.delete({ table: tableName, key: { id: { S: key } } });
    };
    await harm(second?.id);
    const one = openProcess(engine);
    expect(await one.store.load(every(30, large), '1')).toMatchObject({ version: 91, state: { sum: 91, seq: 91 } });
    expect(one.warnings).toMatchObject([{ code: 'ERR_SNAPSHOT_DAMAGED', id: second?.id }]);
    await harm(first?.id);
    const two = openProcess(engine);
    // H-DE3: rebuilt from events; the version is that of the stream, and commands go on from there.
    expect(await two.store.execute(every(30, large), '1', [5])).toMatchObject({
      version: 92,
      state: { sum: 96, seq: 92 },
    });
    expect(two.warnings).toMatchObject([{ id: second?.id }, { id: first?.id }]);
    expect(await two.store.execute(every(30, large), '1', [5])).toMatchObject({ version: 93 });
  });

  it('was removed meanwhile: the newer one is taken, without a warning', async () => {
    const engine = await openMemory();
    const one = openProcess(engine);
    await add(one, every(30, large), 31);
    let isOther = false;
    const stepped = steppedEngine(engine, (step) => {
      if (isOther || !step.text.includes('/part/')) return undefined;
      isOther = true;
      return (async () => {
        await add(one, every(30, large), 100);
        return step.send();
      })();
    });
    const slow = openProcess(stepped);
    const { version, state } = await slow.store.load(every(30, large), '1');
    expect([state.sum, slow.warnings]).toEqual([version, []]);
  });

  it('of a note that is none: a warning, and the pointer is asked', async () => {
    const engine = await openMemory();
    await add(openProcess(engine), every(30, large), 55);
    const key = { id: { S: 'events/counter-1/head' } };
    const head = (await engine.get({ table: tableName, key, consistent: true })) as never as {
      d: { M: Record<string, unknown> };
    };
    const item = { ...head, d: { M: { ...head.d.M, note: { B: new Uint8Array([1, 2, 3]) } } } };
    await engine.put({ table: tableName, item: item as never });
    const { engine: counted, steps } = watched(engine);
    const one = openProcess(counted);
    expect(await one.store.load(every(30, large), '1')).toMatchObject({ version: 55, state: { sum: 55 } });
    expect(one.warnings.length).toBe(1);
    expect(steps.filter(({ text }) => text.includes('/part/')).length).toBe(1);
  });
});

describe('a snapshot of another version or type', () => {
  it('is passed over, by the head and by the pointer', async () => {
    const engine = await openMemory();
    await add(openProcess(engine), every(30, large, 1), 61);
    const next = openProcess(engine);
    const { handle, initial, apply, truth } = every(30, large, 2);
    const marked = new AggregateType<Count, readonly number[], Added>({
      ...{ name: 'counter', handle, initial, truth, stateVersion: 2 },
      apply: (count, event) => ({ ...apply(count, event), pad: '2' }),
    });
    const loaded = await next.store.load(marked, '1');
    expect(loaded).toMatchObject({ version: 61, state: { pad: '2', sum: 61 } });
    await add(next, every(30, large, 2), 5);
    expect((await keptIn(engine)).map(({ handlerVersion }) => handlerVersion)).toEqual(['1/counter', '2/counter']);
    // Who has not been replaced yet still finds its own, by the pointer.
    await add(next, every(30, large, 2), 1);
    const { engine: counted, steps } = watched(engine);
    expect(await openProcess(counted).store.load(every(30, large, 1), '1')).toMatchObject({
      version: 67,
      state: { sum: 67 },
    });
    expect(steps.filter(({ text }) => text.includes('/part/')).length).toBe(1);
    expect(next.warnings).toEqual([]);
  });

  it('in the head is replaced by the first command', async () => {
    const engine = await openMemory();
    await openProcess(engine).store.execute(every(5, 0, 1), '1', [1]);
    const { store, warnings } = openProcess(engine);
    const { handle, initial, apply, truth } = every(5, 0);
    const doubled = new AggregateType<Count, readonly number[], Added>({
      ...{ name: 'counter', handle, initial, truth, stateVersion: 2 },
      apply: (count, event) => ({ ...apply(count, event), sum: count.sum + 2 * event.data.by }),
    });
    expect((await store.load(doubled, '1')).state.sum).toBe(2);
    expect((await store.execute(doubled, '1', [1])).state.sum).toBe(4);
    expect((await openProcess(engine).store.load(doubled, '1')).state.sum).toBe(4);
    expect(warnings).toEqual([]);
  });
});

// Goal: what goes wrong between a call and its commit changes nothing but the call's own outcome: who leaves, who is too large, who
// hangs, who was faster. No answer is untrue, no call takes the others with it.
// Method: stores as if each were in a process of its own, on one memory engine and a virtual clock; a test stands between any two
// requests.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../lib/engine/index.js';
import { AggregateType, EventStore, type RecordedEvent } from '../../lib/events/index.js';
import { AtomTable, type UnknownOutcomeError } from '../../lib/index.js';
import { type Bench, breathe, outcomeOf } from '../atom/bench.js';
import { type Command, gate, noise, openStage, type Stage, type Step, sum, sumOptions } from './stage.js';

let stage: Stage;
let bench: Bench;
beforeEach(async () => {
  stage = await openStage();
  bench = stage.bench;
});

describe('who leaves', () => {
  it('while others of its commit are decided takes its events along, and only these', async () => {
    const store = stage.open();
    const left = new AbortController();
    const wait = gate();
    const one = outcomeOf(store.execute(sum, '1', { add: 1 }, { signal: left.signal }));
    const other = store.execute(sum, '1', { add: 10, wait: wait.passed });
    await breathe();
    left.abort(new Error('gone'));
    wait.open();
    expect((await bench.run(other)).state).toBe(10);
    await one.done;
    expect((one.error as Error).message).toBe('gone');
    expect((await stage.eventsOf('sum-1')).map(({ data }) => (data as Step['data']).by)).toEqual([10]);
  });

  it('at its deadline, likewise', async () => {
    const store = stage.open();
    const handle = () => bench.clock.sleep(100).then(() => undefined);
    const slow = new AggregateType<number, Command, Step>({ ...sumOptions, name: 'slow', handle });
    // The same stream: an append, and a command that takes its time.
    const late = outcomeOf(store.append('slow-1', [{ type: 'stepped', data: { by: 1 } }], { timeoutMs: 50 }));
    const last = outcomeOf(store.execute(slow, '1', { add: 1 }));
    await bench.run(Promise.all([late.done, last.done]));
    expect(late.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    expect(last.error).toBeUndefined();
    expect(await stage.typesOf('slow-1')).toEqual([]);
  });

  it('in mid-flight learns by settle() that others were faster', async () => {
    const [store, other] = [stage.open({ stepped: true }), stage.open()];
    await bench.run(store.append('a', [{ type: 'first' }]));
    const held = gate();
    stage.onStep = (step) => (step.kind === 'put' ? held.passed.then(() => step.send()) : undefined);
    const left = new AbortController();
    const one = outcomeOf(store.append('a', [{ type: 'mine' }], { expected: 1, signal: left.signal }));
    await breathe();
    left.abort(new Error('gone'));
    await one.done;
    const error = one.error as UnknownOutcomeError;
    expect(error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME' });
    await bench.run(other.append('a', [{ type: 'theirs' }]));
    held.open();
    expect(await bench.run(error.settle())).toEqual({ outcome: 'not-done' });
    expect(await stage.typesOf('a')).toEqual(['first', 'theirs']);
  });

  it('lets those behind it go on, though its handler never answers', async () => {
    const store = stage.open();
    const hung = outcomeOf(store.execute(sum, '1', { add: 1, wait: new Promise(() => {}) }, { timeoutMs: 100 }));
    const behind = store.execute(sum, '1', { add: 2 }, { timeoutMs: 1_000 });
    expect((await bench.run(behind)).state).toBe(2);
    expect(hung.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
  });
});

describe('a commit', () => {
  it('is not made larger than it may be by commands that go together', async () => {
    const store = stage.open({ appendBytesMax: 4_000 });
    const pad = noise(2_000);
    const all = [1, 2, 3].map((add) => store.execute(sum, '1', { add, pad }));
    expect((await bench.run(Promise.all(all))).map(({ state }) => state)).toEqual([1, 3, 6]);
  });

  it('does not outgrow an item by the ids of commands that go together', async () => {
    const store = stage.open();
    const ids = Array.from({ length: 2_400 }, (_, n) => noise(180, n + 1));
    const all = ids.map((commandId, n) => store.append('a', [{ type: 'x', data: n }], { commandId }));
    await bench.run(Promise.all(all));
    expect((await stage.eventsOf('a')).map(({ data }) => data)).toEqual(ids.map((_, n) => n));
    expect(
      await bench.run(stage.open().append('a', [{ type: 'x', data: 5 }], { commandId: ids[5] as string })),
    ).toMatchObject({ repeated: true, version: 6 });
  });

  it('of others without events is no conflict', async () => {
    const [store, third] = [stage.open(), stage.open({ stepped: true })];
    await bench.run(store.execute(sum, '1', { add: 1 }));
    const wait = gate();
    const deciding = store.execute(sum, '1', { add: 1, wait: wait.passed }, { retries: 0 });
    await breathe();
    await bench.clock.advance(1_000);
    // The first word of another writer, before its first body.
    stage.onStep = (step) => (step.text.includes('/body/') ? new Promise(() => {}) : undefined);
    const never = outcomeOf(third.append('sum-1', [{ type: 'stepped', data: { by: 1, pad: noise(2_000) } }]));
    await bench.clock.advance(10);
    expect(never.settled).toBe(false);
    wait.open();
    expect((await bench.run(deciding)).state).toBe(2);
  });

  it('that was not made leaves its body for the next one that has the same events', async () => {
    const [store, other] = [stage.open({ stepped: true }), stage.open()];
    await bench.run(store.execute(sum, '1', { add: 1 }));
    await bench.run(other.execute(sum, '1', { add: 10 }));
    let bodies = 0;
    stage.onStep = (step) => {
      if (step.kind === 'put' && step.text.includes('/body/')) bodies += 1;
      return undefined;
    };
    expect((await bench.run(store.execute(sum, '1', { add: 100, pad: noise(2_000) }))).state).toBe(111);
    expect(bodies).toBe(1);
    // Of other events it is not taken.
    await bench.run(other.execute(sum, '1', { add: 1_000 }));
    const told = new AggregateType<number, Command, Step>({
      ...sumOptions,
      handle: (state) => ({ type: 'stepped', data: { by: 1, pad: noise(2_000, state) } }),
    });
    await bench.run(store.execute(told, '1', { add: 1 }));
    expect((await stage.eventsOf('sum-1')).at(-1)?.data).toEqual({ by: 1, pad: noise(2_000, 1_111) });
    expect(bodies).toBe(3);
  });

  it('is made on the head that it was decided on, or not at all', async () => {
    const [store, other] = [stage.open(), stage.open()];
    await bench.run(store.append('a', [{ type: 'one' }]));
    await bench.run(other.append('a', [{ type: 'two' }]));
    const late = store.append('a', [{ type: 'never' }], { expected: 1 });
    await expect(bench.run(late)).rejects.toMatchObject({ code: 'ERR_CONFLICT', actual: 2 });
    await bench.run(store.append('a', [{ type: 'three' }], { expected: 2 }));
    expect(await stage.typesOf('a')).toEqual(['one', 'two', 'three']);
  });

  it('that others were faster than is decided so often again, and no more', async () => {
    const [store, other] = [stage.open({ stepped: true }), stage.open()];
    await bench.run(store.execute(sum, '1', { add: 1 }));
    let decisions = 0;
    const busy = new AggregateType<number, Command, Step>({
      ...sumOptions,
      handle: async (state, command, services, context) => {
        decisions += 1;
        await other.execute(sum, '1', { add: 1 });
        return sumOptions.handle(state, command, services, context);
      },
    });
    const error = await bench.run(
      store.execute(busy, '1', { add: 100 }, { retries: 2 }).catch((reason: unknown) => reason),
    );
    expect(error).toMatchObject({ code: 'ERR_CONFLICT', expected: 3, actual: 4 });
    expect((error as { readonly events: RecordedEvent[] }).events.map(({ seq }) => seq)).toEqual([4]);
    expect(decisions).toBe(3);
    expect((await stage.eventsOf('sum-1')).length).toBe(4);
  });
});

describe('the state', () => {
  it('has the time of the commit in it, also where that is later than the decision', async () => {
    type Timed = { readonly type: 'ticked'; readonly data: string };
    const clocked = new AggregateType<number, string, Timed>({
      name: 'clocked',
      initial: 0,
      async handle(_state, pad) {
        await bench.clock.sleep(5);
        return { type: 'ticked', data: pad };
      },
      apply: (_state, { time }) => time,
    });
    // The first word of the writer comes later than the decision, before the body.
    const slow = stage.open();
    const { state, time, events } = await bench.run(slow.execute(clocked, '1', noise(2_000)));
    expect(state).toBe(time);
    expect(events[0]?.time).toBe(time);
    expect((await bench.run(stage.open().load(clocked, '1'))).state).toBe(time);
    expect((await bench.run(slow.load(clocked, '1'))).state).toBe(time);
  });

  it('of one type is not taken for that of another one', async () => {
    const store = stage.open();
    const doubled = new AggregateType<number, Command, Step>({
      ...sumOptions,
      stateVersion: 2,
      apply: (state, { data }) => state + 2 * data.by,
    });
    await bench.run(store.execute(sum, '1', { add: 5 }));
    await expect(bench.run(store.execute(doubled, '1', { add: -11 }))).rejects.toThrow('10 is too little');
    await expect(bench.run(store.execute(doubled, '1', { add: -12 }))).rejects.toThrow('10 is too little');
    expect((await bench.run(store.load(doubled, '1'))).state).toBe(10);
  });
});

describe('a stream that was pruned by another process', () => {
  it.each([10, 60])('takes the appends and commands of one that was %d events behind', async (behind) => {
    const snapped = new AggregateType<number, Command, Step>({ ...sumOptions, truth: { snapshotEvery: 10 } });
    // Snapshots are packed by other threads, which a virtual clock does not see.
    const engine = new MemoryEngine();
    const open = () => new EventStore(new AtomTable({ engine, tableName: 'state' }));
    await new AtomTable({ engine, tableName: 'state' }).create();
    const [store, appending, other] = [open(), open(), open()];
    const add = (one: EventStore, n: number) => one.execute(snapped, '1', { add: 1, pad: noise(60, n) });
    const append = () => appending.append('sum-1', [{ type: 'stepped', data: { by: 1 } }]);
    for (let n = 0; n < 60; n += 1) await add(other, n);
    await add(store, 61);
    await append();
    for (let n = 0; n < behind; n += 1) await add(other, 100 + n);
    const { pagesRemoved } = await other.prune(snapped, '1', { keepSnapshots: 1 });
    expect(pagesRemoved).toBeGreaterThan(0);
    expect((await add(store, 200)).version).toBe(63 + behind);
    expect((await append()).version).toBe(64 + behind);
    expect((await open().load(snapped, '1')).state).toBe(64 + behind);
  });
});

describe('a refusal', () => {
  it('is told in the end, however busy others are', async () => {
    const [store, other] = [stage.open({ stepped: true }), stage.open()];
    await bench.run(store.execute(sum, '1', { add: 1 }));
    let reads = 0;
    stage.onStep = (step) => {
      if (step.kind !== 'get') return undefined;
      reads += 1;
      // Somebody has committed each time before the head is read.
      return reads > 20 ? undefined : other.execute(sum, '1', { add: 1 }).then(() => step.send());
    };
    await expect(bench.run(store.execute(sum, '1', { add: -100 }))).rejects.toThrow('is too little');
    expect(reads).toBeLessThanOrEqual(2);
  });

  it('of what is too large is not told on an old state', async () => {
    const bulky = new AggregateType<number, null, Step>({
      ...sumOptions,
      name: 'bulky',
      handle: (state) => ({ type: 'stepped', data: { by: 1, pad: state === 1 ? noise(3_000) : 'x' } }),
    });
    const [store, other] = [stage.open({ appendBytesMax: 2_000 }), stage.open()];
    await bench.run(store.execute(bulky, '1', null));
    await expect(bench.run(store.execute(bulky, '1', null))).rejects.toMatchObject({ code: 'ERR_APPEND_TOO_LARGE' });
    await bench.run(other.append('bulky-1', [{ type: 'stepped', data: { by: 1 } }]));
    expect((await bench.run(store.execute(bulky, '1', null))).state).toBe(3);
  });

  it('of events that are too large sends nothing', async () => {
    const store = stage.open({ appendBytesMax: 2_000, stepped: true });
    let requests = 0;
    stage.onStep = () => {
      requests += 1;
      return undefined;
    };
    const append = store.append('a', [{ type: 'x', data: noise(3_000) }]);
    await expect(bench.run(append)).rejects.toMatchObject({ code: 'ERR_APPEND_TOO_LARGE' });
    expect(requests).toBe(0);
  });

  it('by a conflict tells the version that its events lead to', async () => {
    const [store, other] = [stage.open(), stage.open()];
    await bench.run(store.append('a', [{ type: 'one' }]));
    await bench.run(other.append('a', [{ type: 'two' }, { type: 'three' }]));
    // Decided behind an append that goes on a later head than was known.
    const any = store.append('a', [{ type: 'four' }]);
    const error = store.append('a', [{ type: 'never' }], { expected: 1 }).catch((reason: unknown) => reason);
    await bench.run(any);
    const { actual, events } = (await bench.run(error)) as { actual: number; events: RecordedEvent[] };
    expect(events.map(({ type }) => type)).toEqual(['two', 'three', 'four']);
    expect(actual).toBe(4);
  });
});

describe('a conflict with what is not there yet', () => {
  it('knows nothing of what was decided behind it', async () => {
    const store = stage.open();
    const errors = [
      store.append('a', [{ type: 'never' }], { expected: 'exists' }),
      store.append('a', [{ type: 'never' }], { expected: 1 }),
    ];
    const told = errors.map((error) => error.catch((reason: unknown) => reason));
    const there = store.append('a', [{ type: 'one' }, { type: 'two' }]);
    await bench.run(there);
    for (const error of told) expect(await error).toMatchObject({ code: 'ERR_CONFLICT', actual: 0, events: [] });
    expect(await stage.typesOf('a')).toEqual(['one', 'two']);
  });
});

describe('a store', () => {
  it('keeps a stream that is being used, however few may be open', async () => {
    const busy = stage.open({ openStreamsMax: 1, stepped: true });
    stage.onStep = (step) => bench.clock.sleep(5).then(() => step.send());
    const calls = ['a', 'b', 'a', 'b'].map((stream) => busy.append(stream, [{ type: 'x' }]));
    let done = 0;
    for (const call of calls) void call.then(() => (done += 1));
    await bench.run(busy.close());
    await breathe();
    expect(done).toBe(4);
  });
});

// Goal: what goes wrong between a call and its commit changes nothing but the call's own outcome: who leaves, who is too large, who
// hangs, who was faster. No answer is untrue, no call takes the others with it.
// Method: stores as if each were in a process of its own, on one memory engine and a virtual clock; a test stands between any two
// requests. Each of these failed once.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/index.js';
import {
  AggregateType,
  type AggregateTypeOptions,
  EventStore,
  type EventStoreOptions,
  type RecordedEvent,
} from '../../lib/events/index.js';
import type { UnknownOutcomeError } from '../../lib/index.js';
import { Journal } from '../../lib/journal/index.js';
import { type Bench, breathe, openBench, outcomeOf } from '../atom/bench.js';
import { type OnStep, steppedEngine } from '../support/stepped-engine.js';

let bench: Bench;
let onStep: OnStep;
beforeEach(async () => {
  bench = await openBench({ seed: 7 });
  onStep = () => undefined;
});

/** A store as a process of its own has it; with `stepped`, the test sees each of its requests. */
function open({ stepped = false, ...options }: EventStoreOptions & { readonly stepped?: boolean } = {}): EventStore {
  const engine = stepped ? steppedEngine(bench.memory, (step) => onStep(step)) : bench.memory;
  return new EventStore(bench.table({ engine }), options);
}

async function eventsOf(stream: string): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of open().read(stream)) events.push(event);
  return events;
}
const typesOf = async (stream: string) => (await eventsOf(stream)).map(({ type }) => type);
const messageOf = ({ error }: { error?: unknown }) => (error as Error | undefined)?.message;
/** Text that does not compress, so that events with it are in a body. */
function noise(bytes: number, seed = 1): string {
  const random = seededRandom(seed);
  return Buffer.from(Uint8Array.from({ length: bytes }, () => random.int(256))).toString('base64');
}

interface Step {
  readonly type: 'stepped';
  readonly data: { readonly by: number; readonly pad?: string };
}
interface Command {
  readonly add: number;
  readonly pad?: string;
  readonly wait?: Promise<unknown>;
}
/** A sum that is never below zero. */
const facts: AggregateTypeOptions<number, Command, Step, undefined> = {
  name: 'sum',
  initial: 0,
  handle: async (state, { add, pad, wait }) => {
    await wait;
    if (state + add < 0) throw new RangeError(`${state} is too little`);
    return add === 0 ? [] : { type: 'stepped', data: { by: add, ...(pad !== undefined && { pad }) } };
  },
  apply: (state, { data }) => state + data.by,
};
const sum = new AggregateType(facts);

describe('who leaves', () => {
  it('while others of its commit are decided takes its events along, and only these', async () => {
    const store = open();
    const left = new AbortController();
    let goOn: (value?: unknown) => void = () => {};
    const wait = new Promise((resolve) => {
      goOn = resolve;
    });
    const one = outcomeOf(store.execute(sum, '1', { add: 1 }, { signal: left.signal }));
    const other = store.execute(sum, '1', { add: 10, wait });
    await breathe();
    left.abort(new Error('gone'));
    goOn();
    expect((await bench.run(other)).state).toBe(10);
    await one.done;
    expect(messageOf(one)).toBe('gone');
    expect((await eventsOf('sum-1')).map(({ data }) => (data as Step['data']).by)).toEqual([10]);
  });

  it('at its deadline, likewise', async () => {
    const store = open();
    const handle = () => bench.clock.sleep(100).then(() => undefined);
    const slow = new AggregateType<number, Command, Step>({ ...facts, name: 'slow', handle });
    // The same stream: an append, and a command that takes its time.
    const late = outcomeOf(store.append('slow-1', [{ type: 'stepped', data: { by: 1 } }], { timeoutMs: 50 }));
    const last = outcomeOf(store.execute(slow, '1', { add: 1 }));
    await bench.run(Promise.all([late.done, last.done]));
    expect(late.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    expect(last.error).toBeUndefined();
    expect(await typesOf('slow-1')).toEqual([]);
  });

  it('in mid-flight learns by settle() that others were faster', async () => {
    const [store, other] = [open({ stepped: true }), open()];
    await bench.run(store.append('a', [{ type: 'first' }]));
    let goOn: (value?: unknown) => void = () => {};
    const held = new Promise((resolve) => {
      goOn = resolve;
    });
    onStep = (step) => (step.kind === 'put' ? held.then(() => step.send()) : undefined);
    const left = new AbortController();
    const one = outcomeOf(store.append('a', [{ type: 'mine' }], { expected: 1, signal: left.signal }));
    await breathe();
    left.abort(new Error('gone'));
    await one.done;
    const error = one.error as UnknownOutcomeError;
    expect(error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME' });
    await bench.run(other.append('a', [{ type: 'theirs' }]));
    goOn();
    expect(await bench.run(error.settle())).toEqual({ outcome: 'not-done' });
    expect(await typesOf('a')).toEqual(['first', 'theirs']);
  });

  it('lets those behind it go on, though its handler never answers', async () => {
    const store = open();
    const hung = outcomeOf(store.execute(sum, '1', { add: 1, wait: new Promise(() => {}) }, { timeoutMs: 100 }));
    const behind = store.execute(sum, '1', { add: 2 }, { timeoutMs: 1_000 });
    expect((await bench.run(behind)).state).toBe(2);
    expect(hung.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
  });
});

describe('a commit', () => {
  it('is not made larger than it may be by commands that go together', async () => {
    const store = open({ appendBytesMax: 4_000 });
    const pad = noise(2_000);
    const all = [1, 2, 3].map((add) => store.execute(sum, '1', { add, pad }));
    expect((await bench.run(Promise.all(all))).map(({ state }) => state)).toEqual([1, 3, 6]);
  });

  it('does not outgrow an item by the ids of commands that go together', async () => {
    const store = open();
    const ids = Array.from({ length: 2_400 }, (_, n) => noise(180, n + 1));
    const all = ids.map((commandId, n) => store.append('a', [{ type: 'x', data: n }], { commandId }));
    await bench.run(Promise.all(all));
    expect((await eventsOf('a')).map(({ data }) => data)).toEqual(ids.map((_, n) => n));
    expect(
      await bench.run(open().append('a', [{ type: 'x', data: 5 }], { commandId: ids[5] as string })),
    ).toMatchObject({ repeated: true, version: 6 });
  });

  it('of others without events is no conflict', async () => {
    const [store, other] = [open(), open()];
    await bench.run(store.execute(sum, '1', { add: 1 }));
    // The first word of another writer, before its first body.
    const stepped = bench.table({ engine: steppedEngine(bench.memory, (step) => onStep(step)) });
    const third = new EventStore(stepped);
    await bench.clock.advance(1_000);
    onStep = (step) => (step.text.includes('/body/') ? new Promise(() => {}) : undefined);
    const never = outcomeOf(third.append('sum-1', [{ type: 'stepped', data: { by: 1, pad: noise(2_000) } }]));
    await bench.clock.advance(10);
    expect(never.settled).toBe(false);
    expect((await bench.run(other.execute(sum, '1', { add: 1 }, { retries: 0 }))).state).toBe(2);
    expect(
      await bench.run(
        store.execute(sum, '1', { add: 1 }, { expected: 2, retries: 0 }).catch((error: unknown) => error),
      ),
    ).toMatchObject({ state: 3 });
  });
});

describe('the state', () => {
  it('has the time of the commit in it, also where that is later than the decision', async () => {
    type Timed = { readonly type: 'ticked'; readonly data: string };
    const clocked = new AggregateType<number, string, Timed>({
      name: 'clocked',
      initial: 0,
      handle: (_state, pad) => ({ type: 'ticked', data: pad }),
      apply: (_state, { time }) => time,
    });
    const slow = open({ stepped: true });
    onStep = (step) => bench.clock.sleep(5).then(() => step.send());
    const { state, time, events } = await bench.run(slow.execute(clocked, '1', noise(2_000)));
    expect(state).toBe(time);
    expect(events[0]?.time).toBe(time);
    expect((await bench.run(open().load(clocked, '1'))).state).toBe(time);
    expect((await bench.run(slow.load(clocked, '1'))).state).toBe(time);
  });

  it('of one type is not taken for that of another one', async () => {
    const store = open();
    const doubled = new AggregateType<number, Command, Step>({
      ...facts,
      stateVersion: 2,
      apply: (state, { data }) => state + 2 * data.by,
    });
    await bench.run(store.execute(sum, '1', { add: 5 }));
    await expect(bench.run(store.execute(doubled, '1', { add: -11 }))).rejects.toThrow('10 is too little');
    await expect(bench.run(store.execute(doubled, '1', { add: -12 }))).rejects.toThrow('10 is too little');
    expect((await bench.run(store.load(doubled, '1'))).state).toBe(10);
  });
});

describe('a refusal', () => {
  it('is told in the end, however busy others are', async () => {
    const [store, other] = [open({ stepped: true }), open()];
    await bench.run(store.execute(sum, '1', { add: 1 }));
    let reads = 0;
    onStep = (step) => {
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
      ...facts,
      name: 'bulky',
      handle: (state) => ({ type: 'stepped', data: { by: 1, pad: state === 1 ? noise(3_000) : 'x' } }),
    });
    const [store, other] = [open({ appendBytesMax: 2_000 }), open()];
    await bench.run(store.execute(bulky, '1', null));
    await expect(bench.run(store.execute(bulky, '1', null))).rejects.toMatchObject({ code: 'ERR_APPEND_TOO_LARGE' });
    await bench.run(other.append('bulky-1', [{ type: 'stepped', data: { by: 1 } }]));
    expect((await bench.run(store.execute(bulky, '1', null))).state).toBe(3);
  });

  it('of events that are too large sends nothing', async () => {
    const store = open({ appendBytesMax: 2_000, stepped: true });
    let requests = 0;
    onStep = () => {
      requests += 1;
      return undefined;
    };
    const append = store.append('a', [{ type: 'x', data: noise(3_000) }]);
    await expect(bench.run(append)).rejects.toMatchObject({ code: 'ERR_APPEND_TOO_LARGE' });
    expect(requests).toBe(0);
  });

  it('by a conflict tells the version that its events lead to', async () => {
    const [store, other] = [open(), open()];
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
    const store = open();
    const errors = [
      store.append('a', [{ type: 'never' }], { expected: 'exists' }),
      store.append('a', [{ type: 'never' }], { expected: 1 }),
    ];
    const told = errors.map((error) => error.catch((reason: unknown) => reason));
    const there = store.append('a', [{ type: 'one' }, { type: 'two' }]);
    await bench.run(there);
    for (const error of told) expect(await error).toMatchObject({ code: 'ERR_CONFLICT', actual: 0, events: [] });
    expect(await typesOf('a')).toEqual(['one', 'two']);
  });
});

describe('a command that was there before', () => {
  it('is told so by a receipt that is newer than what is known here', async () => {
    const [store, other] = [open(), open()];
    const fill = async (one: EventStore) => {
      for (let n = 0; n < 30; n += 1) await bench.run(one.append('a', [{ type: 'fill', data: noise(60, n) }]));
    };
    await fill(store);
    await bench.run(other.append('a', [{ type: 'x' }], { commandId: 'first' }));
    await fill(other);
    const again = await bench.run(store.append('a', [{ type: 'x' }], { commandId: 'first' }));
    expect(again).toMatchObject({ repeated: true, version: 31 });
    expect(again.events.map(({ type }) => type)).toEqual(['x']);
  });

  it('is told so, though it was not known here', async () => {
    const [store, other] = [open(), open()];
    await bench.run(store.execute(sum, '1', { add: 1 }));
    await bench.run(other.execute(sum, '1', { add: 10 }, { commandId: 'x' }));
    // The first try meets a conflict, and may not be followed by another one.
    const again = await bench.run(store.execute(sum, '1', { add: 10 }, { commandId: 'x', retries: 0 }));
    expect(again).toMatchObject({ repeated: true, version: 2, state: 11 });
    await bench.run(other.execute(sum, '1', { add: 100 }, { commandId: 'y' }));
    // What is expected can't be met any more, as it is what was there before the command.
    const late = await bench.run(store.execute(sum, '1', { add: 100 }, { commandId: 'y', expected: 1 }));
    expect(late).toMatchObject({ repeated: true, version: 3, state: 111 });
  });

  it('is told so, though what goes with it meets a conflict', async () => {
    const [store, other] = [open(), open()];
    await bench.run(store.execute(sum, '1', { add: 1 }, { commandId: 'a' }));
    await bench.run(other.execute(sum, '1', { add: 10 }));
    const again = store.execute(sum, '1', { add: 1 }, { commandId: 'a', retries: 0 });
    const more = store.execute(sum, '1', { add: 100 });
    expect(await bench.run(again)).toMatchObject({ repeated: true, version: 1 });
    expect((await bench.run(more)).state).toBe(111);
  });

  it('is told so of an archived stream as well', async () => {
    const store = open();
    await bench.run(store.append('a', [{ type: 'x' }], { commandId: 'first' }));
    const options = { consumer: { apply: () => {} }, label: 'events' };
    const journal = new Journal(bench.table({ engine: bench.memory }), 'events/a', options);
    await bench.run(journal.append({ claims: true, decide: () => ({ text: '', count: 0, closes: 'archived' }) }));
    for (const one of [store, open()]) {
      const again = one.append('a', [{ type: 'x' }], { commandId: 'first' });
      expect(await bench.run(again)).toMatchObject({ repeated: true, version: 1 });
      await expect(bench.run(one.append('a', [{ type: 'y' }]))).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    }
  });

  it('is told so when the stream is archived between its look and the commit of others', async () => {
    const store = open();
    await bench.run(store.append('a', [{ type: 'x' }], { commandId: 'first' }));
    const options = { consumer: { apply: () => {} }, label: 'events' };
    const journal = new Journal(bench.table({ engine: bench.memory }), 'events/a', options);
    await bench.run(journal.append({ claims: true, decide: () => ({ text: '', count: 0, closes: 'archived' }) }));
    const again = store.append('a', [{ type: 'x' }], { commandId: 'first' });
    const late = outcomeOf(store.append('a', [{ type: 'late' }]));
    expect(await bench.run(again)).toMatchObject({ repeated: true, version: 1 });
    await bench.run(late.done);
    expect(late.error).toMatchObject({ code: 'ERR_STREAM_CLOSED', closed: 'archived' });
  });

  it('has an id that no other id is taken for', async () => {
    const store = open();
    for (const commandId of ['\ud800', 'a\udfff']) {
      await expect(store.append('a', [{ type: 'x' }], { commandId })).rejects.toThrow(RangeError);
      await expect(store.execute(sum, '1', { add: 1 }, { commandId })).rejects.toThrow(RangeError);
    }
  });
});

describe('an append to several streams that was there before', () => {
  const fill = async (one: EventStore, stream: string, count = 30) => {
    for (let n = 0; n < count; n += 1) await bench.run(one.append(stream, [{ type: 'fill', data: noise(60, n) }]));
  };
  const both = ['a', 'b'].map((stream) => ({ stream, events: [{ type: 'x' }] }));
  const versionsOf = async (store: EventStore) => {
    const appended = await bench.run(store.appendAll(both, { commandId: 'first' }));
    return appended.map(({ version, repeated }) => [version, repeated]);
  };

  it('is told so, though it is known here of one of them alone', async () => {
    const [store, other] = [open(), open()];
    await fill(store, 'a', 1);
    await bench.run(other.appendAll(both, { commandId: 'first' }));
    expect(await versionsOf(store)).toEqual([
      [2, true],
      [1, true],
    ]);
  });

  it('is told so by receipts that are newer than what is known here', async () => {
    const [store, other] = [open(), open()];
    for (const { stream } of both) await fill(store, stream);
    await bench.run(other.appendAll(both, { commandId: 'first' }));
    for (const { stream } of both) await fill(other, stream);
    expect(await versionsOf(store)).toEqual([
      [31, true],
      [31, true],
    ]);
  });
});

describe('a store', () => {
  it('keeps a stream that is being used, however few may be open', async () => {
    const busy = open({ openStreamsMax: 1, stepped: true });
    onStep = (step) => bench.clock.sleep(5).then(() => step.send());
    const calls = ['a', 'b', 'a', 'b'].map((stream) => busy.append(stream, [{ type: 'x' }]));
    let done = 0;
    for (const call of calls) void call.then(() => (done += 1));
    await bench.run(busy.close());
    await breathe();
    expect(done).toBe(4);
  });
});

// Goal: whatever a handler, an upcast function or a schema does, there is a clear error or the documented behaviour, no trace in the
// journal, and the next event works.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { systemClock } from '../../lib/engine/index.js';
import { type Prevayler, withResult } from '../../lib/prevalence/index.js';
import { type Entry, errorOf, type Ledger, ledger, range } from '../support/prevalent.js';
import { type Bench, openBench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

/** By a detour, as no object of ours is to have it by mistake. */
const thenName = 'then';

type Deed = (state: Counted) => unknown;
interface Counted {
  readonly n: number;
}

/** A system whose handler does what `deeds` says; events without a deed count. */
function openDoing(deeds: Readonly<Record<string, Deed>>): Promise<Prevayler<Counted, string>> {
  const handler = (state: Counted, event: string) => (deeds[event]?.(state) ?? { n: state.n + 1 }) as Counted;
  return bench.open({ initialState: { n: 0 }, handler });
}

/** After any failure: nothing of it is there, and the next event works. */
async function expectNoTrace(one: Prevayler<Counted, string>): Promise<void> {
  const { seq } = one;
  expect(await bench.run(one.handle('next'))).toMatchObject({ seq: seq + 1, state: { n: seq + 1 } });
  expect((await openDoing({})).state).toEqual({ n: seq + 1 });
}

describe('what a handler may not return', () => {
  const undone = { code: 'ERR_HANDLER', outcome: 'not-done', retryable: false };
  it.each<[string, Deed, object]>([
    ['undefined in a result', () => withResult(undefined, 1), { ...undone, reason: 'undefined' }],
    ['a promise', async () => ({ n: 1 }), { ...undone, reason: 'promise' }],
    ['a promise that fails', () => Promise.reject(new Error('late')), { ...undone, reason: 'promise' }],
    ['a promise in a result', () => withResult(Promise.resolve({ n: 1 }), 1), { ...undone, reason: 'promise' }],
    ['a promise as the result', () => withResult({ n: 1 }, Promise.reject(new Error('late'))), undone],
    ['anything with a then', () => ({ [thenName]() {} }), { ...undone, reason: 'promise' }],
    ['a function in the state', () => ({ n: 1, f: () => 1 }), { code: 'ERR_UNSUPPORTED_VALUE', outcome: 'not-done' }],
    ['an instance in the state', () => ({ n: new (class Money {})() }), { code: 'ERR_UNSUPPORTED_VALUE' }],
    ['a symbol', () => Symbol('s'), { code: 'ERR_UNSUPPORTED_VALUE' }],
  ])('%s', async (_name, deed, wanted) => {
    const one = await openDoing({ wrong: deed });
    await bench.run(one.handle('first'));
    expect(await errorOf(bench.run(one.handle('wrong')))).toMatchObject(wanted);
    await expectNoTrace(one);
  });

  it('undefined itself', async () => {
    const handler = (n: number, event: string) => (event === 'wrong' ? (undefined as never) : n + 1);
    const one = await bench.open({ initialState: 0, handler });
    expect(await errorOf(bench.run(one.handle('wrong')))).toMatchObject({ ...undone, reason: 'undefined' });
    expect(await bench.run(one.handle('next'))).toMatchObject({ seq: 1, state: 1 });
  });
});

it.each<[string, unknown]>([
  ['an error', new RangeError('no')],
  ['a string', 'no'],
  ['undefined', undefined],
  ['null', null],
])('%s that a handler throws reaches the caller as it is', async (_name, thrown) => {
  const one = await openDoing({
    wrong: () => {
      throw thrown;
    },
  });
  const [answer] = await bench.run(Promise.allSettled([one.handle('wrong'), one.handle('first')]));
  expect(answer).toEqual({ status: 'rejected', reason: thrown });
  await expectNoTrace(one);
});

it('a handler that changes its event: plain ones are frozen, of others each run has a copy of its own', async () => {
  type Marked = { n: number; at?: Date };
  const handler = (seen: readonly Marked[], event: Marked) => {
    if (event.at === undefined) event.n += 1;
    else event.at.setTime(event.at.getTime() + 1);
    return [...seen, event];
  };
  const one = await bench.open({ initialState: [] as readonly Marked[], handler });
  expect(await errorOf(bench.run(one.handle({ n: 1 })))).toBeInstanceOf(TypeError);
  const event = { n: 1, at: new Date(1) };
  const changes = one.changes();
  await bench.run(one.handle(event));
  expect(event.at.getTime()).toBe(1);
  expect(((await bench.run(changes.next())).value as { event: Marked }).event.at).toEqual(new Date(1));
  await changes.return(undefined);
  expect(one.state).toEqual([{ n: 1, at: new Date(2) }]);
  expect((await bench.open({ initialState: [] as readonly Marked[], handler })).state).toEqual(one.state);
});

it('a handler that writes into bytes of the state, which can not be frozen: nothing is journalled, and the instance is out of use', async () => {
  const initialState = { bytes: new Uint8Array([1, 2, 3]), n: 0 };
  type Bytes = typeof initialState;
  const handler = (state: Bytes, event: string): Bytes => {
    if (event === 'spoil') state.bytes[0] = 9;
    return { ...state, n: state.n + 1 };
  };
  const one = await bench.open({ initialState, handler });
  await bench.run(one.handle('first'));
  expect(await errorOf(bench.run(one.handle('spoil')))).toMatchObject({
    code: 'ERR_STATE_SPOILED',
    outcome: 'not-done',
    seq: 1,
  });
  expect(await errorOf(bench.run(one.handle('next')))).toMatchObject({ code: 'ERR_POISONED' });
  const other = await bench.open({ initialState, handler });
  expect([other.seq, [...other.state.bytes]]).toEqual([1, [1, 2, 3]]);
});

it('the initial state is copied, and frozen', async () => {
  const initialState = { list: [1] };
  const one = await bench.open({ initialState, handler: (state: { list: number[] }) => state });
  initialState.list.push(2);
  expect(one.state.list).toEqual([1]);
  expect(() => one.state.list.push(3)).toThrow(TypeError);
});

it('a remembered result can be spoilt by nobody, and one that could not be stored is refused', async () => {
  type Result = { list: number[] };
  const handler = (n: number, event: string) => withResult(n + 1, event === 'f' ? () => 1 : { list: [n] });
  const one = await bench.open<number, string, Result>({ initialState: 0, handler: handler as never });
  const first = await bench.run(one.handle('a', { id: 'a' }));
  expect(() => first.result.list.push(9)).toThrow(TypeError);
  expect(await bench.run(one.handle('a', { id: 'a' }))).toMatchObject({ status: 'known', result: { list: [0] } });
  expect(await errorOf(bench.run(one.handle('f', { id: 'f' })))).toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' });
  // Without an id it is the caller's alone.
  expect(typeof (await bench.run(one.handle('f'))).result).toBe('function');
  expect((await bench.run(one.snapshot())).seq).toBe(2);
});

describe('replays', () => {
  it('a handler that throws for an event that counted: the event, its version, and nothing of its commit', async () => {
    const one = await bench.open({ ...ledger, handlerVersion: 'v1' });
    await bench.run(one.handle(1));
    const strict = {
      ...ledger,
      handlerVersion: 'v2',
      handler(state: Ledger, entry: Entry) {
        if (entry === 3) throw new RangeError('three is not allowed any more');
        return ledger.handler(state, entry);
      },
    };
    const other = await bench.open(strict);
    await bench.run(Promise.all([2, 3, 4].map((n) => one.handle(n))));
    const error = await errorOf(bench.run(other.sync()));
    expect(error).toMatchObject({ code: 'ERR_REPLAY', outcome: 'not-done', seq: 3, handlerVersion: 'v1' });
    expect(error.message).toMatch(/event 3 .*v1.*v2.*three is not allowed/);
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(await errorOf(bench.run(other.handle(5)))).toMatchObject({
      code: 'ERR_POISONED',
      cause: { code: 'ERR_REPLAY' },
    });
    expect(await errorOf(bench.open(strict))).toMatchObject({ code: 'ERR_REPLAY', seq: 3 });
    expect((await bench.open(ledger)).state.seen).toEqual([1, 2, 3, 4]);
  });

  it('events that are replayed are as frozen as they were at first', async () => {
    const one = await bench.open(ledger);
    await bench.run(one.handle({ pay: 1, note: 'a' }));
    await bench.run(one.handle({ pay: 1, note: 'a' }, { id: 'a' }));
    for (const seq of [1, 2]) {
      const handler = (state: Ledger, entry: Entry, context: { readonly seq: number }) => {
        if (context.seq === seq) (entry as { note: string }).note = 'b';
        return ledger.handler(state, entry);
      };
      const error = await errorOf(bench.open({ ...ledger, handler }));
      expect(error).toMatchObject({ code: 'ERR_REPLAY', seq, cause: expect.any(TypeError) });
    }
  });

  it('old shapes of events are upcast by version: at a replay, for changes, for the past; and ids stay', async () => {
    const old = await bench.open({
      ...{ initialState: 0, handlerVersion: '1' },
      handler: (sum: number, { amount }: { readonly amount: number }) => withResult(sum + amount, amount),
    });
    await bench.run(Promise.all([old.handle({ amount: 1 }, { id: 'a' }), old.handle({ amount: 2 })]));
    type Paid = { readonly cents: number };
    const told: unknown[] = [];
    const renewed = {
      ...{ initialState: 0, handlerVersion: '2' },
      handler: (sum: number, { cents }: Paid) => withResult(sum + cents / 100, cents / 100),
      upcast(event: unknown, context: { readonly handlerVersion: string | undefined; readonly seq: number }): Paid {
        told.push(context);
        return context.handlerVersion === '1' ? { cents: (event as { amount: number }).amount * 100 } : (event as Paid);
      },
    };
    const one = await bench.open<number, Paid, number>(renewed);
    expect(one.state).toBe(3);
    expect(told).toEqual([1, 2].map((seq) => ({ handlerVersion: '1', seq })));
    expect(await bench.run(one.handle({ cents: 100 }, { id: 'a' }))).toMatchObject({ status: 'known', result: 1 });
    told.length = 0;
    await bench.run(one.handle({ cents: 400 }));
    expect(told).toEqual([]);
    const changes = one.changes({ from: 1 });
    const events: unknown[] = [];
    for (const _ of range(3)) events.push(((await bench.run(changes.next())).value as { event: unknown }).event);
    expect(events).toEqual([{ cents: 100 }, { cents: 200 }, { cents: 400 }]);
    await changes.return(undefined);
    expect(await bench.run(one.at({ seq: 2 }))).toMatchObject({ state: 3 });
    expect((await bench.open<number, Paid, number>(renewed)).state).toBe(7);
  });

  it('an upcast function that throws stops the replay at its event', async () => {
    const one = await bench.open(ledger);
    await bench.run(one.handle(1));
    await bench.run(one.handle(2));
    const upcast = (event: unknown, { seq }: { readonly seq: number }) => {
      if (seq === 2) throw new TypeError('unknown shape');
      return event as Entry;
    };
    const error = await errorOf(bench.open({ ...ledger, upcast }));
    expect(error).toMatchObject({ code: 'ERR_REPLAY', seq: 2, cause: { message: 'unknown shape' } });
  });

  it('slow events are told of, with number and time', async () => {
    const one = await bench.open(ledger);
    for (const n of range(4)) await bench.run(one.handle(n));
    let ms = 0;
    const clock = { now: () => 5, monotonicMs: () => ms, sleep: systemClock.sleep };
    const slow: unknown[] = [];
    const handler = (state: Ledger, entry: Entry) => {
      ms += entry === 3 ? 250 : entry === 2 ? 99 : 1;
      return ledger.handler(state, entry);
    };
    const open = async (options: object) => (await bench.start({ ...ledger, handler, clock, ...options })).close();
    await open({ onSlowEvent: (event: unknown) => slow.push(event) });
    expect(slow).toEqual([{ seq: 3, event: 3, ms: 250 }]);
    await open({ slowEventMs: 99, onSlowEvent: (event: unknown) => slow.push(event) });
    expect(slow.slice(1)).toMatchObject([{ seq: 2 }, { seq: 3 }]);
  });

  it('progress is told ten times a second at most, and at the end', async () => {
    const one = await bench.open(ledger);
    for (const n of range(50)) await bench.run(one.handle(n));
    let ms = 0;
    const clock = { now: () => 5, monotonicMs: () => ms, sleep: systemClock.sleep };
    const handler = (state: Ledger, entry: Entry) => {
      ms += 30;
      return ledger.handler(state, entry);
    };
    const told: { seq: number; seqTotal: number; ms: number }[] = [];
    const onProgress = (progress: { seq: number; seqTotal: number }) => told.push({ ...progress, ms });
    await (await bench.start({ ...ledger, handler, clock, onProgress })).close();
    expect(told.at(-1)).toMatchObject({ seq: 50, seqTotal: 50 });
    expect(told.length).toBeGreaterThan(8);
    for (const [index, { seq, seqTotal, ms: at }] of told.slice(1, -1).entries()) {
      expect(seqTotal).toBe(50);
      expect(seq).toBeGreaterThan(told[index]?.seq ?? 0);
      expect(at - (told[index]?.ms ?? 0)).toBeGreaterThanOrEqual(100);
    }
  });
});

describe('schema', () => {
  /** A schema that does what `validate` does. */
  function openChecked(validate: StandardSchemaV1<unknown, number>['~standard']['validate']) {
    const schema: StandardSchemaV1<unknown, number> = { '~standard': { version: 1, vendor: 'spec', validate } };
    return bench.open({ initialState: 0, handler: (sum: number, n: number) => sum + n, schema });
  }

  it('synchronous: what it refuses is not handled', async () => {
    const one = await openChecked((value) =>
      typeof value === 'number' ? { value } : { issues: [{ message: 'a number is wanted' }] },
    );
    const error = await errorOf(bench.run(one.handle('5' as never)));
    expect(error).toMatchObject({
      code: 'ERR_INVALID_EVENT',
      outcome: 'not-done',
      issues: [{ message: 'a number is wanted' }],
    });
    expect(error.message).toContain('a number is wanted');
    expect(await bench.run(one.handle(5))).toMatchObject({ seq: 1, state: 5 });
  });

  it('asynchronous and transforming: its output is the event', async () => {
    const one = await openChecked(async (value) => ({ value: Number(value) * 2 }));
    expect(await bench.run(one.handle('5' as never))).toMatchObject({ state: 10 });
    const changes = one.changes({ from: 1 });
    expect((await bench.run(changes.next())).value).toMatchObject({ event: 10 });
    await changes.return(undefined);
    // It is not asked again at a replay.
    expect((await openChecked(() => ({ issues: [{ message: 'no' }] }))).state).toBe(10);
  });

  it.each<[string, StandardSchemaV1<unknown, number>['~standard']['validate'], string]>([
    ['throws', () => Promise.reject(new Error('schema broken')), 'schema broken'],
    ['gives undefined', () => ({ value: undefined as never }), 'undefined is no event'],
  ])('that %s: the caller is told, nothing is sent', async (_name, validate, message) => {
    const one = await openChecked(validate);
    const before = bench.memory.spent().requests;
    expect((await errorOf(bench.run(one.handle(1)))).message).toContain(message);
    expect(bench.memory.spent().requests).toBe(before);
  });

  it('a caller that leaves, and an instance that is closed, while it is asked: nothing is sent', async () => {
    let go: (() => void)[] = [];
    const one = await openChecked(
      (value) => new Promise((resolve) => go.push(() => resolve({ value: value as number }))),
    );
    const abort = new AbortController();
    const left = errorOf(one.handle(1, { signal: abort.signal }));
    abort.abort(new Error('left'));
    const late = errorOf(one.handle(2));
    const closed = one.close();
    for (const one of go.splice(0)) one();
    expect((await bench.run(left)).message).toMatch(/left|closed/);
    expect(await bench.run(late)).toMatchObject({ code: 'ERR_CLOSED' });
    await bench.run(closed);
    go = [];
    expect((await openChecked((value) => ({ value: value as number }))).seq).toBe(0);
  });
});

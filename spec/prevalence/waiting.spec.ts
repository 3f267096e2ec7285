// Goal: who stops waiting is told what is known, in every phase of a call, and `settle` tells the rest; who calls too often is told so
// and when to go on. Method: writes are held and let go by hand, time is virtual.
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Settled, UnknownOutcomeError } from '../../lib/atom/index.js';
import { FaultyEngine } from '../../lib/engine/index.js';
import type { Prevayler } from '../../lib/prevalence/index.js';
import { type Entry, errorOf, type Ledger, ledger, noise, range } from '../support/prevalent.js';
import { type Bench, openBench, type SystemOptions } from './bench.js';

let bench: Bench;
let faulty: FaultyEngine;
let one: Prevayler<Ledger, Entry>;
/** Messages that were held before. */
let before = 0;

async function openHeld(options: Partial<SystemOptions<Ledger, Entry, unknown>> = {}): Promise<void> {
  bench = await openBench();
  faulty = new FaultyEngine(bench.memory, { clock: bench.clock });
  one = await bench.open({ ...ledger, ...options }, { engine: faulty });
  await bench.run(one.handle(1));
  before = faulty.messages.length;
  faulty.hold(['put']);
}

/** Lets all writes go, those that come too. */
async function letGo(): Promise<void> {
  faulty.release();
  for (const message of faulty.messages.slice(before)) if (!message.answered) await message.pass();
}

const settle = (error: unknown): Promise<Settled> => (error as UnknownOutcomeError).settle();
const large = (pay: number): Entry => ({ pay, note: noise(5_000, pay) });

beforeEach(() => openHeld());
afterEach(async () => {
  await letGo();
  await bench.close();
});

describe('a caller that leaves', () => {
  it('while it waits for those before it: not done, and never will be', async () => {
    const first = one.handle(2);
    await bench.run(faulty.message(before));
    const waiting = errorOf(one.handle(3, { timeoutMs: 1_000 }));
    await bench.clock.advance(999);
    await bench.clock.advance(1);
    expect(await waiting).toMatchObject({
      code: 'ERR_HANDLE_DEADLINE',
      outcome: 'not-done',
      retryable: true,
      timeoutMs: 1_000,
    });
    await letGo();
    await bench.run(first);
    expect(await bench.run(one.handle(4))).toMatchObject({ seq: 3, state: { seen: [1, 2, 4] } });
  });

  it('while its event is on its way: unknown, settled as done when the answer comes', async () => {
    const leaving = errorOf(one.handle(2, { timeoutMs: 1_000 }));
    const message = await bench.run(faulty.message(before));
    await bench.clock.advance(1_000);
    const error = await leaving;
    expect(error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', outcome: 'unknown', reason: 'in-flight' });
    const settled = settle(error);
    faulty.release();
    await message.pass();
    expect(await bench.run(settled)).toEqual({ outcome: 'done' });
    expect(await settle(error)).toEqual({ outcome: 'done' });
    expect(one.state.seen).toEqual([1, 2]);
  });

  it('while its event is on its way, that then loses the race: settled as not done, and it is not sent again', async () => {
    const abort = new AbortController();
    const leaving = errorOf(one.handle(2, { signal: abort.signal }));
    const message = await bench.run(faulty.message(before));
    const reason = new Error('the user went home');
    abort.abort(reason);
    const error = await leaving;
    expect(error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', cause: reason });
    const other = await bench.open(ledger);
    await bench.run(other.handle(9));
    faulty.release();
    await message.pass();
    expect(await bench.run(settle(error))).toEqual({ outcome: 'not-done' });
    expect(await bench.run(one.handle(3))).toMatchObject({ state: { seen: [1, 9, 3] } });
  });

  it('with an id that another instance has journalled meanwhile: settled as done, and it counts once', async () => {
    const abort = new AbortController();
    const leaving = errorOf(one.handle(2, { id: 'a', signal: abort.signal }));
    const message = await bench.run(faulty.message(before));
    abort.abort();
    const error = await leaving;
    const other = await bench.open(ledger);
    await bench.run(other.handle(2, { id: 'a' }));
    faulty.release();
    await message.pass();
    expect(await bench.run(settle(error))).toEqual({ outcome: 'done' });
    expect(await bench.run(one.sync())).toMatchObject({ seen: [1, 2] });
  });

  it('while its body is being put: not done; the body is not named, and the next event works', async () => {
    const leaving = errorOf(one.handle(large(2), { timeoutMs: 1_000 }));
    const message = await bench.run(faulty.message(before));
    expect(JSON.stringify(message.request)).toContain('/body/');
    await bench.clock.advance(1_000);
    expect(await leaving).toMatchObject({ code: 'ERR_HANDLE_DEADLINE', outcome: 'not-done' });
    await letGo();
    expect(await bench.run(one.handle(3))).toMatchObject({ seq: 2, state: { seen: [1, 3] } });
  });

  it('of a batch with a body, after it was put: the others go on, and what was left is passed over', async () => {
    const abort = new AbortController();
    const calls = [one.handle(large(2)), errorOf(one.handle(large(3), { signal: abort.signal })), one.handle(large(4))];
    const body = await bench.run(faulty.message(before));
    abort.abort(new Error('left'));
    expect(((await calls[1]) as unknown as Error).message).toBe('left');
    await body.pass();
    await letGo();
    await bench.run(Promise.all(calls));
    expect(one.state.seen).toEqual([1, 2, 4]);
    expect((await bench.open(ledger)).state.seen).toEqual([1, 2, 4]);
  });

  it('before the call: its own reason, and nothing is sent', async () => {
    const requests = faulty.spent().requests;
    const reason = new Error('too late');
    expect(await errorOf(one.handle(2, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(faulty.spent().requests).toBe(requests);
  });

  it('after the answer: nothing happens, and nobody listens any more', async () => {
    faulty.release();
    const abort = new AbortController();
    await bench.run(one.handle(2, { signal: abort.signal }));
    await errorOf(bench.run(one.handle('refuse', { signal: abort.signal })));
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    abort.abort();
    expect(one.state.seen).toEqual([1, 2]);
  });

  it('at once, or never', async () => {
    const never = one.handle(2, { timeoutMs: Number.POSITIVE_INFINITY });
    await bench.run(faulty.message(before));
    const atOnce = errorOf(one.handle(3, { timeoutMs: 0 }));
    await bench.clock.advance(0);
    expect(await atOnce).toMatchObject({ code: 'ERR_HANDLE_DEADLINE' });
    await bench.clock.advance(600_000);
    await letGo();
    expect(await bench.run(never)).toMatchObject({ seq: 2 });
  });

  it('all of them: what waited is forgotten, and closing has nothing to wait for', async () => {
    const first = one.handle(2);
    await bench.run(faulty.message(before));
    const abort = new AbortController();
    const left = range(3).map((n) => errorOf(one.handle(n, { signal: abort.signal })));
    abort.abort(new Error('left'));
    await Promise.all(left);
    const requests = faulty.spent().requests;
    await letGo();
    await bench.run(first);
    await bench.run(one.close());
    expect(faulty.spent().requests).toBe(requests);
    expect((await bench.open(ledger)).state.seen).toEqual([1, 2]);
  });
});

it('a sync that is given up harms nothing', async () => {
  const reason = new Error('enough');
  expect(await errorOf(bench.run(one.sync({ signal: AbortSignal.abort(reason) })))).toBe(reason);
  expect((await bench.run(one.sync())).seen).toEqual([1]);
});

describe('order', () => {
  it('events go in the order of their calls, however large they are', async () => {
    faulty.release();
    const entries = range(60, 2).map((n) => (n % 7 === 0 ? large(n) : n));
    await bench.run(Promise.all(entries.map((entry) => one.handle(entry))));
    expect(one.state.seen).toEqual(range(61));
  });

  it('what was decided beside a commit is decided again after it', async () => {
    const first = one.handle(5);
    await bench.run(faulty.message(before));
    const second = one.handle(large(2));
    expect(JSON.stringify((await bench.run(faulty.message(before + 1))).request)).toContain('/body/');
    await letGo();
    expect(await bench.run(Promise.all([first, second]))).toMatchObject([
      { seq: 2 },
      { seq: 3, state: { seen: [1, 5, 2] } },
    ]);
    expect((await bench.open(ledger)).state).toEqual(one.state);
  });

  it('an event that only stands after the commit before it waits for that, and its body is put then', async () => {
    const first = one.handle(5);
    await bench.run(faulty.message(before));
    // As things are it would be refused: larger than an item, so that it can't go beside the others.
    const second = one.handle({ pay: -6, note: noise(450_000) });
    await letGo();
    await bench.run(Promise.all([first, second]));
    expect(one.state.seen).toEqual([1, 5, -6]);
    const head = (await bench.item('bank/head')) as object;
    expect(JSON.stringify(head).length).toBeLessThan(8_000);
    expect((await bench.open(ledger)).state.seen).toEqual([1, 5, -6]);
  });
});

describe('overload', () => {
  it('more events than may wait are refused; ready says when to go on', async () => {
    await bench.close();
    await openHeld({ waitingEventsMax: 4 });
    const first = one.handle(2);
    await bench.run(faulty.message(before));
    const waiting = range(4, 3).map((n) => one.handle(n));
    const error = await errorOf(one.handle(9));
    expect(error).toMatchObject({
      code: 'ERR_OVERLOADED',
      outcome: 'not-done',
      retryable: true,
      waiting: 4,
      waitingMax: 4,
    });
    expect(one.stats().waiting).toBe(4);
    let isReady = false;
    const ready = one.ready().then(() => {
      isReady = true;
    });
    await bench.clock.advance(1);
    expect(isReady).toBe(false);
    await letGo();
    await bench.run(ready);
    await bench.run(Promise.all([first, ...waiting]));
    expect(await bench.run(one.handle(9))).toMatchObject({ state: { seen: [1, 2, 3, 4, 5, 6, 9] } });
    await one.ready();
  });

  it('more bytes than may wait as well', async () => {
    await bench.close();
    await openHeld({ waitingBytesMax: 3_000 });
    const first = one.handle(2);
    await bench.run(faulty.message(before));
    const second = one.handle({ pay: 3, note: noise(3_000) });
    expect(await errorOf(one.handle(4))).toMatchObject({ code: 'ERR_OVERLOADED', waitingMax: 3_000 });
    await letGo();
    await bench.run(Promise.all([first, second, one.ready()]));
  });

  it.each<[string, Entry]>([
    ['change nothing', 'same'],
    ['are refused', 'refuse'],
  ])('ready comes also when all that waited %s', async (_name, entry) => {
    await bench.close();
    await openHeld({ waitingEventsMax: 2 });
    const calls = [one.handle(entry), one.handle(entry)].map((call) => call.catch(() => {}));
    const refused = errorOf(one.handle(9));
    const ready = one.ready();
    expect(await refused).toMatchObject({ code: 'ERR_OVERLOADED' });
    await bench.run(ready);
    await bench.run(Promise.all(calls));
  });

  it('ready ends when the instance is closed', async () => {
    await bench.close();
    await openHeld({ waitingEventsMax: 1, closeTimeoutMs: 1_000 });
    const calls = [errorOf(one.handle(2))];
    await bench.run(faulty.message(before));
    calls.push(errorOf(one.handle(3)));
    const ready = one.ready();
    await bench.run(one.close());
    await ready;
    expect(await calls[0]).toMatchObject({ outcome: 'unknown' });
    expect(await calls[1]).toMatchObject({ outcome: 'not-done' });
  });
});

/** Facts about `handle`: answers, refusals, what is journalled, many callers, values of all kinds, large events. */
import { expect, it } from '@jest/globals';
import { withResult } from '../../lib/prevalence/index.js';
import { type Entry, errorOf, ledger, noise, range } from '../support/prevalent.js';
import type { Place, StorageFactory } from './prevalence-bench.js';

/** Keeps events as they are. */
const collector = {
  initialState: [] as readonly unknown[],
  handler: (all: readonly unknown[], one: unknown) => [...all, one],
};

export function handlingContract(place: () => Place, { eventBytesMax }: Pick<StorageFactory, 'eventBytesMax'>): void {
  it('begins with the initial state and nothing else', async () => {
    const { open } = place();
    const one = await open(ledger);
    expect(one.state).toEqual({ sum: 0, seen: [] });
    expect([one.seq, one.time]).toEqual([0, 0]);
    expect(await one.sync()).toEqual(one.state);
  });

  it('answers with the state after the event, its number, its time and its result', async () => {
    const { open, clock } = place();
    const handler = (sum: number, n: number) => withResult(sum + n, `${sum} and ${n}`);
    const one = await open<number, number, string>({ initialState: 0, handler });
    clock.set(5_000);
    const first = await one.handle(2);
    expect(first).toEqual({ state: 2, result: '0 and 2', seq: 1, time: 5_000, status: 'journalled' });
    clock.set(6_000);
    const second = await one.handle(3);
    expect(second).toEqual({ state: 5, result: '2 and 3', seq: 2, time: 6_000, status: 'journalled' });
    expect([one.state, one.seq, one.time]).toEqual([5, 2, 6_000]);
  });

  it('tells the handler time and number, the same at every replay', async () => {
    const { open, clock } = place();
    type Told = readonly (readonly [time: number, seq: number])[];
    const handler = (told: Told, _: string, { time, seq }: { time: number; seq: number }): Told => [
      ...told,
      [time, seq],
    ];
    const one = await open({ initialState: [] as Told, handler });
    await one.handle('a');
    clock.set(9_000);
    await Promise.all([one.handle('b'), one.handle('c')]);
    expect(one.state).toEqual([
      [1_000, 1],
      [9_000, 2],
      [9_000, 3],
    ]);
    const told = one.state;
    await one.close();
    clock.set(20_000);
    expect((await open({ initialState: [] as Told, handler })).state).toEqual(told);
  });

  it('a state that is an array goes with a result and without', async () => {
    const { open } = place();
    const handler = (list: readonly number[], n: number) =>
      n > 1 ? withResult([...list, n], list.length) : [...list, n];
    const one = await open<readonly number[], number, number>({ initialState: [], handler });
    expect(await one.handle(1)).toMatchObject({ state: [1], result: undefined });
    expect(await one.handle(2)).toMatchObject({ state: [1, 2], result: 1 });
  });

  it('an event that the handler refuses leaves no trace, and the next one works', async () => {
    const { open, writes } = place();
    const one = await open(ledger);
    await one.handle(1);
    const before = writes();
    const refusal = await errorOf(one.handle('refuse'));
    expect(refusal).toBeInstanceOf(RangeError);
    expect(refusal.message).toBe('refused');
    expect(writes()).toBe(before);
    expect([one.state, one.seq]).toEqual([{ sum: 1, seen: [1] }, 1]);
    expect(await one.handle(2)).toMatchObject({ seq: 2, state: { sum: 3 } });
    await one.close();
    expect((await open(ledger)).state).toEqual({ sum: 3, seen: [1, 2] });
  });

  it('an event that leaves the state the same is answered and not journalled', async () => {
    const { open, writes } = place();
    const one = await open(ledger);
    await one.handle(1);
    const before = writes();
    expect(await one.handle('same')).toMatchObject({ status: 'same', seq: 1, state: { sum: 1 } });
    expect(writes()).toBe(before);
    expect(one.seq).toBe(1);
  });

  it('many callers at once: each event counts once, in the order of the calls, refusals and no-ops between', async () => {
    const { open } = place();
    const one = await open(ledger);
    const entries = range(300).map((n): Entry => (n % 10 === 3 ? 'refuse' : n % 10 === 7 ? 'same' : n));
    const answers = await Promise.allSettled(entries.map((entry) => one.handle(entry)));
    const wanted = entries.filter((entry) => typeof entry === 'number');
    expect(one.state.seen).toEqual(wanted);
    expect(one.seq).toBe(wanted.length);
    let seq = 0;
    for (const [index, answer] of answers.entries()) {
      if (typeof entries[index] === 'number') seq += 1;
      if (entries[index] === 'refuse') expect(answer.status).toBe('rejected');
      else expect(answer).toMatchObject({ status: 'fulfilled', value: { seq } });
    }
    expect(one.stats().commits).toBeLessThan(wanted.length / 10);
    const digest = await one.stateDigest();
    await one.close();
    expect(await (await open(ledger)).stateDigest()).toBe(digest);
  });

  it('an event that only stands because of one before it in the same batch, and one that falls because of it', async () => {
    const { open } = place();
    const one = await open(ledger);
    const answers = await Promise.allSettled([5, -3, -3, 1, -3].map((n) => one.handle(n)));
    expect(answers.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, true, true]);
    expect(one.state).toEqual({ sum: 0, seen: [5, -3, 1, -3] });
  });

  const own = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as object;
  it.each<[string, unknown]>([
    ['plain JSON', { kind: 'paid', amount: 5, to: ['a', null, true, 0.1] }],
    ['a number', -0.5],
    ['null', null],
    ['false', false],
    ['zero', 0],
    ['the empty string', ''],
    ['an array', [1, [2, []]]],
    ['a Date', { at: new Date(1_700_000_000_123) }],
    [
      'a Map and a Set',
      new Map<unknown, unknown>([
        ['k', new Set([1, 'a'])],
        [2, { deep: 1 }],
      ]),
    ],
    ['a bigint', { n: 123_456_789_012_345_678_901_234_567_890n }],
    ['a member that is undefined', { a: undefined, b: [undefined, 1] }],
    ['bytes', { b: new Uint8Array([0, 1, 10, 255]) }],
    ['NaN, infinities, minus zero', [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]],
    ["a member '~'", { '~': { i: 'not an id', f: 1 }, e: 1 }],
    ["a member '~' with a Date", { '~': 1, e: new Date(5) }],
    ['__proto__ and constructor', own],
    ['line breaks', { 'a\nb': 'c\nd\r\u2028\u2029\u0000', list: ['\n', '\\n', '"\n"'] }],
    ['other scripts', { ключ: '漢字 🏺 é e\u0301', rtl: 'שלום' }],
  ])('%s: an event is the same to the handler at first and at each replay', async (_name, event) => {
    const { open } = place();
    const one = await open(collector);
    await one.handle(event);
    // With an id as well, and in a batch.
    await Promise.all([one.handle(event, { id: 'a' }), one.handle('between'), one.handle(event, { id: 'b' })]);
    const wanted = [event, event, 'between', event];
    expect(one.state).toStrictEqual(wanted);
    const digest = await one.stateDigest();
    await one.close();
    const other = await open(collector);
    expect(other.state).toStrictEqual(wanted);
    expect(await other.stateDigest()).toBe(digest);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['a function', { f: () => 1 }],
    ['a symbol', [Symbol('s')]],
    ['an object of a class', new (class Money {})()],
    ['a promise', Promise.resolve(1)],
  ])('%s can be no event: refused with its path, nothing is sent, the next one works', async (_name, event) => {
    const { open, writes } = place();
    const one = await open(collector);
    const before = writes();
    expect(await errorOf(one.handle(event))).toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE', outcome: 'not-done' });
    expect(writes()).toBe(before);
    expect(await one.handle(1)).toMatchObject({ seq: 1 });
  });

  it('undefined is no event', async () => {
    const one = await place().open(collector);
    expect(await errorOf(one.handle(undefined))).toBeInstanceOf(TypeError);
  });

  it('the event is taken as it was at the call', async () => {
    const { open } = place();
    const one = await open(collector);
    const [plain, rich] = [{ n: 1 }, { at: new Date(1) }];
    const handled = [one.handle(plain), one.handle(rich)];
    plain.n = 2;
    rich.at.setTime(2);
    await Promise.all(handled);
    expect(one.state).toEqual([{ n: 1 }, { at: new Date(1) }]);
  });

  it.each([
    ['of some KB', 3_000],
    ['of 100 KB', 100_000],
    ['of 500 KB, larger than an item', 500_000],
  ])('large events %s that can not be packed are the same after a replay', async (_name, bytes) => {
    const { open } = place();
    const one = await open(collector);
    await one.handle('first');
    const events = [1, 2].map((seed) => ({ text: noise(bytes, seed) }));
    await Promise.all([...events.map((event) => one.handle(event)), one.handle('last')]);
    const digest = await one.stateDigest();
    await one.close();
    const other = await open(collector);
    expect(other.state.length).toBe(4);
    expect(await other.stateDigest()).toBe(digest);
  });

  it('an event over the limit is refused with the limit, and the next one works', async () => {
    const { open, writes } = place();
    const one = await open(collector);
    await one.handle(1);
    const before = writes();
    const refusal = await errorOf(one.handle('x'.repeat(eventBytesMax)));
    expect(refusal).toMatchObject({ outcome: 'not-done', retryable: false, bytesMax: eventBytesMax });
    expect(refusal.message).toContain(String(eventBytesMax));
    expect(writes()).toBe(before);
    expect(await one.handle(2)).toMatchObject({ seq: 2 });
  });

  it.each<[string, unknown, unknown]>([
    ['null', 1, null],
    ['false', true, false],
    ['zero', 1, 0],
    ['the empty string', 'a', ''],
  ])('a state that is %s is one, by replay and by snapshot', async (_name, initialState, event) => {
    const { open } = place();
    const system = { initialState, handler: (_: unknown, next: unknown) => next };
    const one = await open(system);
    expect(await one.handle(event)).toMatchObject({ status: 'journalled', state: event });
    await one.close();
    const two = await open(system);
    expect([two.state, two.seq]).toEqual([event, 1]);
    await two.snapshot();
    await two.close();
    const three = await open({ ...system, handler: () => 'not called' });
    expect([three.state, three.seq]).toEqual([event, 1]);
  });
}

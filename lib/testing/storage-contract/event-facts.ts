/** Facts about events: values of all kinds, what can be none, large ones, the limit. */
import { equal, errorOf, holds, isKind, matches } from './checks.js';
import { type Fact, fact, factOfEach } from './fact.js';
import { collector, noise } from './samples.js';

const own = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as object;

export const eventFacts: readonly Fact[] = [
  ...factOfEach(
    [
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
    ],
    '%s: an event is the same to the handler at first and at each replay',
    async ({ open }, [_name, event]) => {
      const one = await open(collector);
      await one.handle(event);
      // With an id as well, and in a batch.
      await Promise.all([one.handle(event, { id: 'a' }), one.handle('between'), one.handle(event, { id: 'b' })]);
      const wanted = [event, event, 'between', event];
      equal(one.state, wanted);
      const digest = await one.stateDigest();
      await one.close();
      const other = await open(collector);
      equal(other.state, wanted);
      equal(await other.stateDigest(), digest);
      equal(({} as { polluted?: unknown }).polluted, undefined);
    },
  ),

  ...factOfEach(
    [
      ['a function', { f: () => 1 }],
      ['a symbol', [Symbol('s')]],
      ['an object of a class', new (class Money {})()],
      ['a promise', Promise.resolve(1)],
    ],
    '%s can be no event: refused with its path, nothing is sent, the next one works',
    async ({ open, writes }, [_name, event]) => {
      const one = await open(collector);
      const before = writes();
      matches(await errorOf(one.handle(event)), { code: 'ERR_UNSUPPORTED_VALUE', outcome: 'not-done' });
      equal(writes(), before);
      matches(await one.handle(1), { seq: 1 });
    },
  ),

  fact('undefined is no event', async ({ open }) => {
    const one = await open(collector);
    isKind(await errorOf(one.handle(undefined)), 'TypeError');
  }),

  fact('the event is taken as it was at the call', async ({ open }) => {
    const one = await open(collector);
    const [plain, rich] = [{ n: 1 }, { at: new Date(1) }];
    const handled = [one.handle(plain), one.handle(rich)];
    plain.n = 2;
    rich.at.setTime(2);
    await Promise.all(handled);
    equal(one.state, [{ n: 1 }, { at: new Date(1) }]);
  }),

  ...factOfEach(
    [
      ['of some KB', 3_000],
      ['of 100 KB', 100_000],
      ['of 500 KB, larger than an item', 500_000],
    ],
    'large events %s that can not be packed are the same after a replay',
    async ({ open }, [_name, bytes]) => {
      const one = await open(collector);
      await one.handle('first');
      const events = [1, 2].map((seed) => ({ text: noise(bytes, seed) }));
      await Promise.all([...events.map((event) => one.handle(event)), one.handle('last')]);
      const digest = await one.stateDigest();
      await one.close();
      const other = await open(collector);
      equal(other.state.length, 4);
      equal(await other.stateDigest(), digest);
    },
  ),

  fact(
    'an event over the limit is refused with the limit, and the next one works',
    async ({ open, writes, eventBytesMax }) => {
      const one = await open(collector);
      await one.handle(1);
      const before = writes();
      const refusal = await errorOf(one.handle('x'.repeat(eventBytesMax)));
      matches(refusal, { outcome: 'not-done', retryable: false, bytesMax: eventBytesMax });
      holds(refusal.message.includes(String(eventBytesMax)), 'the message was to name the limit');
      equal(writes(), before);
      matches(await one.handle(2), { seq: 2 });
    },
  ),

  fact('an event of exactly the limit is taken, and is the same after a replay', async ({ open, eventBytesMax }) => {
    const one = await open(collector);
    const event = 'x'.repeat(eventBytesMax - 2);
    matches(await one.handle(event), { seq: 1 });
    await one.handle('next');
    await one.close();
    const { state } = await open(collector);
    holds(state[0] === event && state[1] === 'next', 'both events were to be as they were');
  }),
];

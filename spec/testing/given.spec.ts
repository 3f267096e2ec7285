// Goal: the kit says yes to what a store does, no to all else, and shows what was different.
// Method: a checking account with everything in it; each check in both directions.
import { AssertionError } from 'node:assert';
import { describe, expect, it } from '@jest/globals';
import { AggregateType, type EventInput } from '../../lib/events/index.js';
import { type CheckedOutcome, given } from '../../lib/testing/index.js';

type Event =
  | { type: 'opened'; data: { since: Date } }
  | { type: 'deposited'; data: number }
  | { type: 'withdrawn'; data: number };
type Command = 'nothing' | 'number' | { open: Date } | { deposit: number | number[] } | { withdraw: number };
interface State {
  readonly since: Date | undefined;
  readonly balance: number;
}
interface Services {
  readonly limitOf: (stream: string) => Promise<number>;
}

class TooLittle extends Error {
  readonly code = 'ERR_TOO_LITTLE';
}

const account = new AggregateType<State, Command, Event, Services>({
  name: 'my-account',
  initial: { since: undefined, balance: 0 },
  handle: async ({ balance }, command, services, { stream, time }) => {
    if (command === 'nothing') return undefined;
    if (command === 'number') return 7 as never;
    if ('open' in command) return { type: 'opened', data: { since: command.open ?? new Date(time) } };
    if ('deposit' in command) return [command.deposit].flat().map((data) => ({ type: 'deposited', data }) as const);
    if (command.withdraw > balance) throw new TooLittle(`only ${balance} left`);
    if (command.withdraw > ((await services?.limitOf(stream)) ?? 1e9)) throw new RangeError('over the limit');
    return { type: 'withdrawn', data: command.withdraw };
  },
  apply: (state, event) => {
    if (event.type === 'opened') return { ...state, since: event.data.since };
    return { ...state, balance: state.balance + (event.type === 'deposited' ? event.data : -event.data) };
  },
});
const rich: readonly Event[] = [
  { type: 'deposited', data: 10 },
  { type: 'deposited', data: 20 },
];

async function failureOf(outcome: PromiseLike<unknown>): Promise<string> {
  try {
    await outcome;
  } catch (error) {
    expect(error).toBeInstanceOf(AssertionError);
    return (error as Error).message;
  }
  throw new Error('it did not fail');
}

describe('given()', () => {
  it('takes what a store does', async () => {
    await given(account, rich)
      .when({ withdraw: 25 })
      .then([{ type: 'withdrawn', data: 25 }]);
    await given(account, rich).when({ withdraw: 25 }).then({ type: 'withdrawn', data: 25 });
    await given(account)
      .when({ deposit: [1, 2] })
      .then([
        { type: 'deposited', data: 1 },
        { type: 'deposited', data: 2 },
      ]);
    await given(account, rich).when('nothing').thenNothing();
    await given(account).when({ withdraw: 1 }).thenThrows();
    await given(account).when({ withdraw: 1 }).thenThrows(TooLittle);
    await given(account).when({ withdraw: 1 }).thenThrows('ERR_TOO_LITTLE');
    await given(account).when({ withdraw: 1 }).thenThrows('only 0');
    await given(account)
      .when({ withdraw: 1 })
      .thenThrows(/only \d left/);
    await given(account)
      .when({ withdraw: 1 })
      .thenThrows((error) => error instanceof Error);
    await given(account).when('number').thenThrows(TypeError);
    await given(account, rich)
      .when({ withdraw: 25 })
      .thenMatches((events) => events[0]?.seq === 3);
    await given(account, rich)
      .when({ withdraw: 25 })
      .thenMatches([{ type: 'withdrawn' }]);
    await given(account, rich).when({ withdraw: 25 }).thenState({ since: undefined, balance: 5 });
    await given(account, rich).whenNothing().thenState({ since: undefined, balance: 30 });
    await given(account, rich).when({ withdraw: 99 }).thenThrows().thenState({ since: undefined, balance: 30 });
  });

  it('makes several checks of one outcome', async () => {
    await given(account, rich)
      .when({ withdraw: 25 }, { metadata: { by: 'ann' }, commandId: 'c1' })
      .then([{ type: 'withdrawn', data: 25, metadata: { by: 'ann' } }])
      .thenMatches([{ commandId: 'c1', stream: 'my%2Daccount-1' }])
      .thenState({ since: undefined, balance: 5 });
    expect(
      await failureOf(given(account, rich).when({ withdraw: 25 }).then({ type: 'withdrawn', data: 25 }).thenNothing()),
    ).toContain('led to events');
  });

  it('keeps dates and what else JSON has not, and takes another time', async () => {
    const since = new Date(7);
    await given(account, [], { time: 7 })
      .when({ open: undefined as never })
      .then([{ type: 'opened', data: { since } }])
      .thenState({ since, balance: 0 });
  });

  it('hands services over, and takes another id', async () => {
    const limitOf = async (stream: string) => (stream === 'my%2Daccount-7' ? 10 : 1_000);
    await given(account, rich, { id: '7' }).when({ withdraw: 25 }, { services: { limitOf } }).thenThrows(RangeError);
    await given(account, rich).when({ withdraw: 25 }, { services: { limitOf } }).then({ type: 'withdrawn', data: 25 });
  });

  it('brings events of the past to the shape of today', async () => {
    const upcasters = [
      { type: 'paid', to: '2.0.0', upcast: ({ data }: { data: unknown }) => ({ type: 'deposited', data }) },
    ];
    const past = [{ type: 'paid', data: 30 }] as readonly EventInput[] as readonly Event[];
    await given(account, past, { upcasters }).when({ withdraw: 30 }).then({ type: 'withdrawn', data: 30 });
  });

  it('gives the plain result', async () => {
    const result = await given(account, rich)
      .when({ withdraw: 25 })
      .thenMatches(() => true);
    // In JavaScript the outcome itself can be awaited.
    expect(await (given(account, rich).when({ withdraw: 25 }) as unknown as Promise<unknown>)).toEqual(result);
    expect(result).toMatchObject({ version: 3, state: { balance: 5 }, events: [{ seq: 3, type: 'withdrawn' }] });
    const { error } = await given(account).when({ withdraw: 25 }).result();
    expect(error).toBeInstanceOf(TooLittle);
  });

  it.each<[string, () => CheckedOutcome<State, Event>, readonly string[]]>([
    [
      'other data',
      () => given(account, rich).when({ withdraw: 5 }).then({ type: 'withdrawn', data: 6 }),
      ['other events', '- ', '+ ', '5', '6'],
    ],
    [
      'another type',
      () => given(account, rich).when({ withdraw: 5 }).then({ type: 'deposited', data: 5 }),
      ['deposited', 'withdrawn'],
    ],
    [
      'one event more',
      () =>
        given(account)
          .when({ deposit: [1, 2] })
          .then({ type: 'deposited', data: 1 }),
      ['other events'],
    ],
    ['one event less', () => given(account).when('nothing').then({ type: 'deposited', data: 1 }), ['other events']],
    [
      'other metadata',
      () =>
        given(account)
          .when({ deposit: 1 })
          .then({ type: 'deposited', data: 1, metadata: { by: 'x' } }),
      ["by: 'x'"],
    ],
    ['an event where there is none', () => given(account).when({ deposit: 1 }).thenNothing(), ['led to events']],
    [
      'a refusal for events',
      () => given(account).when({ withdraw: 1 }).then({ type: 'withdrawn', data: 1 }),
      ['was refused: Error: only 0 left'],
    ],
    ['a refusal for nothing', () => given(account).when({ withdraw: 1 }).thenNothing(), ['was refused']],
    ['a refusal for a match', () => given(account).when({ withdraw: 1 }).thenMatches([]), ['was refused']],
    ['no refusal', () => given(account).when({ deposit: 1 }).thenThrows(), ['not refused']],
    [
      'another class',
      () => given(account).when({ withdraw: 1 }).thenThrows(RangeError),
      ['another error: Error: only 0 left'],
    ],
    ['another message', () => given(account).when({ withdraw: 1 }).thenThrows('only 1'), ['another error']],
    ['another pattern', () => given(account).when({ withdraw: 1 }).thenThrows(/^left/), ['another error']],
    [
      'another function',
      () =>
        given(account)
          .when({ withdraw: 1 })
          .thenThrows(() => false),
      ['another error'],
    ],
    [
      'a match that is none',
      () =>
        given(account)
          .when({ deposit: 1 })
          .thenMatches([{ data: 2 }]),
      ['do not match'],
    ],
    [
      'a function that is false',
      () =>
        given(account)
          .when({ deposit: 1 })
          .thenMatches(() => false),
      ['do not match'],
    ],
    [
      'another state',
      () => given(account).when({ deposit: 1 }).thenState({ since: undefined, balance: 2 }),
      ['another one', 'balance'],
    ],
  ])('shows %s', async (_name, outcome, texts) => {
    const message = await failureOf(outcome());
    for (const text of texts) expect(message).toContain(text);
  });

  it('finds an apply that gives something else when it runs again', async () => {
    let runs = 0;
    const impure = new AggregateType<{ readonly n: number }, number, { type: 'set'; data: number }>({
      name: 'impure',
      initial: { n: 0 },
      handle: (_state, data) => ({ type: 'set', data }),
      apply: () => {
        runs += 1;
        return { n: runs };
      },
    });
    expect(await failureOf(given(impure).when(5).thenState({ n: 1 }))).toContain('make apply pure');
  });

  it('finds a state that no snapshot takes', async () => {
    const odd = new AggregateType<object, number, { type: 'set'; data: number }>({
      name: 'odd',
      initial: {},
      handle: (_state, data) => ({ type: 'set', data }),
      apply: () => Object.defineProperty({}, 'hidden', { value: 1 }),
    });
    await expect(given(odd).when(5).result()).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' });
  });

  it('finds a handler that changes the state', async () => {
    const mutating = new AggregateType<{ n: number }, number, { type: 'set'; data: number }>({
      name: 'mutating',
      initial: { n: 0 },
      handle: (state, data) => {
        state.n += data;
        return { type: 'set', data };
      },
      apply: (state) => state,
    });
    await given(mutating).when(5).thenThrows(TypeError);
    const pushing = new AggregateType<readonly number[], number, { type: 'set'; data: number }>({
      name: 'pushing',
      initial: [],
      handle: (state, data) => {
        (state as number[]).push(data);
        return { type: 'set', data };
      },
      apply: (state) => state,
    });
    await given(pushing).when(5).thenThrows(TypeError);
  });
});

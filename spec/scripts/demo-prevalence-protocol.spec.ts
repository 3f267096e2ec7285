/**
 * Goal: the prevalence job takes each flight once, whoever dies when; its state does not depend on the order; its comparison
 * notices what is wrong.
 * Method: random games of the real desk and the real state, with deaths and late packets between any two steps, compared
 * with a plain loop and a sort; planted mistakes that the games must find.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Flight } from '../../scripts/demo/flights.js';
import {
  emptyBook,
  eventsOf,
  type FlightBook,
  rowOf,
  takeFlight,
  worstMax,
} from '../../scripts/demo/prevalence/book.js';
import { Desk, type Order } from '../../scripts/demo/prevalence/desk.js';
import { compareBooks, compareOrder, computeBook } from '../../scripts/demo/prevalence/verify.js';
import { type Game, type Mistake, play } from './demo-prevalence-model.js';

const flight: fc.Arbitrary<Flight> = fc.record({
  delay: fc.integer({ min: -20, max: 20 }),
  distance: fc.constantFrom(100, 700, 5_000),
  time: fc.constantFrom(0.5, 13.25),
});

const games: fc.Arbitrary<Game> = fc.record({
  flights: fc.array(flight, { minLength: 1, maxLength: 24, size: 'max' }),
  rowsPerChunk: fc.integer({ min: 1, max: 6 }),
  writers: fc.integer({ min: 1, max: 4 }),
  window: fc.integer({ min: 1, max: 8 }),
  schedule: fc.array(fc.nat(10_000), { maxLength: 400, size: 'max' }),
});

const rowsOf = (flights: readonly Flight[]): readonly number[] => flights.map((_, row) => row);

/** What is wrong at the end of a game. */
function faultsOf(game: Game): readonly string[] {
  const { flights, rowsPerChunk } = game;
  const { journal, book } = play(game);
  const order = journal.map((event) => rowOf(event, rowsPerChunk));
  return [
    ...compareOrder(order, flights.length),
    ...compareBooks('at the end', book, computeBook(flights, rowsOf(flights), rowsPerChunk)),
  ];
}

describe('the protocol of the prevalence job', () => {
  it('takes each flight once, whoever dies when', () => {
    fc.assert(
      fc.property(games, (game) => expect(faultsOf(game)).toEqual([])),
      { numRuns: 1_000 },
    );
  });

  it('has at every point of the journal the book of the rows before it', () => {
    fc.assert(
      fc.property(games, fc.nat(), (game, n) => {
        const { flights, rowsPerChunk } = game;
        const { journal } = play(game);
        const past = journal.slice(0, n % (journal.length + 1));
        const rows = past.map((event) => rowOf(event, rowsPerChunk));
        const book = past.reduce(takeFlight, emptyBook);
        expect(compareBooks('then', book, computeBook(flights, rows, rowsPerChunk))).toEqual([]);
      }),
    );
  });

  it.each<Mistake>(['counts what comes again', 'says done before the answers'])(
    'would be found wrong if it %s',
    (mistake) => {
      const endsRight = (game: Game): boolean => {
        try {
          return faultsOf({ ...game, mistake }).length === 0;
        } catch {
          return false;
        }
      };
      const { failed } = fc.check(fc.property(games, endsRight), { numRuns: 2_000 });
      expect(failed).toBe(true);
    },
  );
});

const plain = (delay: number): Flight => ({ delay, distance: 100, time: 7.5 });
const bookOf = (flights: readonly Flight[], chunks: readonly number[], rowsPerChunk: number): FlightBook =>
  chunks.flatMap((chunk) => eventsOf(flights, chunk, rowsPerChunk)).reduce(takeFlight, emptyBook);

describe('takeFlight()', () => {
  const [first, second] = eventsOf([plain(-5), plain(30)], 0, 2) as [never, never];
  const book = takeFlight(takeFlight(emptyBook, first), second);

  it('counts a flight in its band, its hour and the summary, and knows which it has', () => {
    const tally = { flights: 2, delay: 25, worst: 30 };
    expect(takeFlight(emptyBook, first).summary).toEqual({ flights: 1, delay: -5, worst: -5, open: { 0: 1 } });
    expect(book).toEqual({
      summary: { ...tally, open: {} },
      statistics: { 'miles/0-499': tally, 'hour/07': tally },
      closed: [0],
      worst: [second, first],
    });
  });

  it('leaves the very same book when a flight comes again', () => {
    const open = takeFlight(emptyBook, first);
    expect(takeFlight(open, first)).toBe(open);
    expect(takeFlight(book, first)).toBe(book);
    expect(takeFlight(book, second)).toBe(book);
  });

  it('refuses a flight before its turn', () => {
    expect(() => takeFlight(emptyBook, second)).toThrow('Cannot take row 2 of chunk 0: only 0 rows came before it');
  });

  it('keeps the same longest delays in whatever order chunks come, many equal ones among them', () => {
    const flights = Array.from({ length: worstMax * 2 }, (_, n) => plain(n % 3));
    const chunks = Array.from({ length: 20 }, (_, n) => n);
    const { worst } = bookOf(flights, chunks, 10);
    expect(worst).toHaveLength(worstMax);
    expect(bookOf(flights, chunks.toReversed(), 10).worst).toEqual(worst);
    expect(computeBook(flights, rowsOf(flights), 10).worst).toEqual(worst);
  });
});

describe('Desk', () => {
  const chunkTo = (told: Order[]) => (order: Order) => {
    told.push(order);
  };

  it('hands out each chunk once, then waits for those who hold one', () => {
    const desk = new Desk(1);
    const [mine, yours]: [Order[], Order[]] = [[], []];
    desk.ask('me', chunkTo(mine));
    desk.ask('you', chunkTo(yours));
    expect([mine, yours, desk.isOver]).toEqual([[{ kind: 'chunk', chunk: 0, resumed: false }], [], false]);
    desk.done('me', 0);
    expect([mine, yours, desk.isOver]).toEqual([mine, [{ kind: 'over' }], true]);
  });

  it('gives all chunks of the dead to somebody who waits', () => {
    const desk = new Desk(2);
    const yours: Order[] = [];
    desk.ask('me', () => {});
    desk.ask('me', () => {});
    desk.ask('you', chunkTo(yours));
    expect(desk.giveBack('me')).toEqual([0, 1]);
    expect(yours).toEqual([{ kind: 'chunk', chunk: 0, resumed: true }]);
  });

  it('tells the dead nothing, whether they asked before or are heard late, and takes no word from them', () => {
    const desk = new Desk(1);
    const [mine, yours]: [Order[], Order[]] = [[], []];
    desk.ask('me', () => {});
    desk.ask('me', chunkTo(mine));
    desk.giveBack('me');
    desk.ask('me', chunkTo(mine));
    desk.ask('you', chunkTo(yours));
    desk.done('me', 0);
    expect([mine, yours, desk.isOver]).toEqual([[], [{ kind: 'chunk', chunk: 0, resumed: true }], false]);
  });
});

describe('the comparison', () => {
  const flights = [plain(1), plain(2), plain(3)];
  const right = computeBook(flights, [0, 1, 2], 2);

  it('finds nothing between equal books', () => {
    expect(compareBooks('here', bookOf(flights, [1, 0], 2), right)).toEqual([]);
    expect(compareOrder([2, 0, 1], 3)).toEqual([]);
  });

  it('tells a minute, a flight in another place of the list, and a flight that is missing', () => {
    expect(compareBooks('here', computeBook([plain(1), plain(2), plain(4)], [0, 1, 2], 2), right)).toEqual([
      'summary: delay is 7 here, 6 by the computation',
      'summary: worst is 4 here, 3 by the computation',
      'miles/0-499: delay is 7 here, 6 by the computation',
      'miles/0-499: worst is 4 here, 3 by the computation',
      'hour/07: delay is 7 here, 6 by the computation',
      'hour/07: worst is 4 here, 3 by the computation',
      expect.stringMatching(
        /^delay 1: {"chunk":1,.*"delay":4,.*} here, {"chunk":1,.*"delay":3,.*} by the computation$/,
      ),
    ]);
    expect(compareBooks('here', computeBook(flights, [0, 2], 2), right).slice(-2)).toEqual([
      'open chunks: {"0":1} here, {} by the computation',
      'closed chunks: [1] here, [0,1] by the computation',
    ]);
  });

  it('tells a row that is twice in the journal, or not at all', () => {
    expect(compareOrder([0, 1, 1], 3)).toEqual(['journal: row 1 is in it 2 times', 'journal: row 2 is in it 0 times']);
    expect(compareOrder([0, 1], 3)).toEqual(['journal: 2 events, expected 3', 'journal: row 2 is in it 0 times']);
  });
});

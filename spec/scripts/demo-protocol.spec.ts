/**
 * Goal: the demo counts each row once, whoever dies when; and its command line says what is wrong with it.
 * Method: random games of the real transitions under random schedules with deaths between any two steps, compared with a
 * plain loop; a planted mistake that the games must find.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addFlight, closeChunk, emptyLedger, emptyTally, type Tally, takeRow } from '../../scripts/demo/ledger.js';
import { helpOf, parseOptions, splitJob, UsageError } from '../../scripts/demo/options.js';
import { isOver, markDone, newWorkList, takeChunk } from '../../scripts/demo/work-list.js';
import { type Game, play } from './demo-model.js';

const games: fc.Arbitrary<Game> = fc.record({
  rows: fc.array(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'all'), { minLength: 1, maxLength: 3 }), {
    maxLength: 24,
    size: 'max',
  }),
  rowsPerChunk: fc.integer({ min: 1, max: 6 }),
  workers: fc.integer({ min: 1, max: 3 }),
  schedule: fc.array(fc.nat(1_000), { maxLength: 400, size: 'max' }),
});

/** Whether a game ends as a plain loop over its rows does. */
function endsRight(game: Game): boolean {
  const expected = new Map<string, Tally>();
  for (const [row, atoms] of game.rows.entries()) {
    for (const atom of atoms) expected.set(atom, addFlight(expected.get(atom) ?? emptyTally, row));
  }
  const { list, ledgers } = play(game);
  if (!isOver(list, Math.ceil(game.rows.length / game.rowsPerChunk)) || ledgers.size !== expected.size) return false;
  return [...ledgers].every(([atom, { open, ...tally }]) => {
    return Object.keys(open).length === 0 && JSON.stringify(tally) === JSON.stringify(expected.get(atom));
  });
}

describe('the protocol of the demo', () => {
  it('counts each row once, whoever dies when', () => {
    fc.assert(fc.property(games, endsRight), { numRuns: 1_000 });
  });

  it('would be found wrong if chunks were closed before they are marked as counted', () => {
    const outcome = fc.check(
      fc.property(games, (game) => endsRight({ ...game, closesEarly: true })),
      { numRuns: 2_000 },
    );
    expect(outcome.failed).toBe(true);
  });
});

describe('a ledger', () => {
  const taken = takeRow(takeRow(emptyLedger, 7, 1, -5), 7, 2, 30);

  it('counts rows and knows which', () => {
    expect(taken).toEqual({ flights: 2, delay: 25, worst: 30, open: { 7: 2 } });
  });

  it('is the very same after a row that comes again', () => {
    expect(takeRow(taken, 7, 1, -5)).toBe(taken);
    expect(takeRow(taken, 7, 2, 30)).toBe(taken);
  });

  it('refuses a row before its turn, and the end of a chunk with rows missing', () => {
    expect(() => takeRow(taken, 7, 4, 0)).toThrow('Cannot take row 4 of chunk 7: only 2 rows came before it');
    expect(() => closeChunk(taken, 7, 3)).toThrow('Cannot close chunk 7: 2 of its 3 rows were taken');
  });

  it('forgets a chunk once', () => {
    const closed = closeChunk(taken, 7, 2);
    expect(closed).toEqual({ flights: 2, delay: 25, worst: 30, open: {} });
    expect(closeChunk(closed, 7, 2)).toBe(closed);
  });
});

describe('the work list', () => {
  it('lets nobody but the holder move a chunk on, and none past a stage', () => {
    const [list] = takeChunk(newWorkList, 'me', 1);
    expect(() => markDone(list, 'me', 0)).toThrow('Cannot move chunk 0 on: it is counting by me, not closing by me');
    expect(() => markDone(list, 'you', 0)).toThrow('it is counting by me, not closing by you');
    expect(() => markDone(list, 'me', 1)).toThrow('it is held by nobody');
  });
});

describe('the command line', () => {
  it('has defaults', () => {
    expect(parseOptions([])).toEqual({
      engine: { kind: 'dynalite', path: undefined },
      table: undefined,
      processes: 4,
      consumers: 3,
      kill: true,
      json: false,
      rows: 200_000,
      rowsPerChunk: 2_000,
      window: 500,
      falsify: false,
    });
    expect(parseOptions(['--help', '--rows', 'none'])).toBeUndefined();
  });

  it('takes the job by its first word', () => {
    expect(splitJob(['--json'])).toEqual(['atoms', ['--json']]);
    expect(splitJob(['prevalence', '--json'])).toEqual(['prevalence', ['--json']]);
    expect(splitJob(['constructor'])).toEqual(['atoms', ['constructor']]);
    expect(parseOptions([], 'prevalence')).toMatchObject({ window: 1_000, rowsPerChunk: 2_000, processes: 4 });
    expect(helpOf('prevalence')).toMatch(/^Usage: npm start -- prevalence/m);
    expect(parseOptions(['--consumers', '5'], 'streams')).toMatchObject({
      engine: { kind: 'dynamodb-local' },
      ...{ processes: 2, consumers: 5, rows: 20_000, rowsPerChunk: 1_000, window: 100 },
    });
    expect(helpOf('streams')).toMatch(/^ {2}--consumers N/m);
  });

  it.each([
    [['--engine', 'dynalite'], 'dynalite has no streams; take --engine dynamodb-local, aws or a URL'],
    [['--consumers', '1'], 'With --consumers 1 nobody is left to take over from a killed process; add --no-kill'],
  ])('refuses streams %j', (args, message) => {
    expect(() => parseOptions(args, 'streams')).toThrow(new UsageError(message));
  });

  it('takes an endpoint with or without the word', () => {
    const engine = { kind: 'endpoint', url: 'http://localhost:8000' };
    expect(parseOptions(['--engine', 'http://localhost:8000'])).toMatchObject({ engine });
    expect(parseOptions(['--engine', 'endpoint', 'http://localhost:8000'])).toMatchObject({ engine });
  });

  it.each([
    [['--engine', 'aws'], '--engine aws wants --table NAME'],
    [['--engine', 'mysql'], '--engine must be dynalite, dynamodb-local, aws or a URL that begins with http: "mysql"'],
    [['--engine', 'endpoint'], '--engine endpoint wants a URL, for instance http://localhost:8000'],
    [['--engine', 'aws', '--table', 'abc', '--path', 'x'], '--path is for --engine dynalite and dynamodb-local only'],
    [['--table', 'a/b'], '--table must be 3 to 255 letters, digits, "_", "." or "-": "a/b"'],
    [['--processes', '1'], 'With --processes 1 nobody is left to take over from a killed process; add --no-kill'],
    [['--processes', 'many'], '--processes must be a whole number from 1 to 32: "many"'],
    [['--window', '1001'], 'With --window above half of --chunk nobody can be killed midway in a chunk; add --no-kill'],
    [['--consumers', '2'], '--consumers is for the job streams only'],
    [['--bogus'], "Unknown option '--bogus'"],
    [['bogus'], 'Unexpected argument "bogus"'],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(new UsageError(message));
  });
});

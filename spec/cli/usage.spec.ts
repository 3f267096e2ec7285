/** Goal: what is typed is understood, or refused with what to do instead; nothing is sent before that. */
import { describe, expect, it } from '@jest/globals';
import { duration, exitCode, fencingToken, httpUrl, oneOf, wholeNumber } from '../../lib/cli/flag-values.js';
import { functionIn, valueIn } from '../../lib/cli/value-text.js';
import { typed } from '../support/typed.js';

const commands = [
  ['lock', 'run'],
  ['lock', 'holder'],
  ['lock', 'release'],
  ['elect'],
  ['leader'],
  ['atom', 'get'],
  ['atom', 'set'],
  ['atom', 'swap'],
  ['atom', 'watch'],
  ['atom', 'delete'],
  ['atom', 'keys'],
  ['table', 'create'],
  ['table', 'check'],
  ['dev'],
];

describe('help', () => {
  it('of the whole names every group, and the exit codes', async () => {
    const { code, stdout, stderr } = await typed(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const word of ['lock', 'atom', 'table', 'elect', 'leader', 'dev', '75 busy', '76 lease lost'])
      expect(stdout).toContain(word);
  });

  it.each(commands.map((words) => [words.join(' '), words]))(
    'of %s shows examples and the common flags',
    async (name, words) => {
      const { code, stdout } = await typed([...words, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: leyden ${name}`);
      expect(stdout).toMatch(new RegExp(`Examples:\n( {2}\\$ .+\n)*? {2}\\$ leyden ${name}`));
      expect(stdout).toContain('--endpoint-url');
    },
  );

  it('of a command that runs another one shows where that stands', async () => {
    const { stdout } = await typed(['lock', 'run', '--help']);
    expect(stdout).toContain('Usage: leyden lock run <name> [options] -- <command> [args...]');
  });

  it('--version is that of the package', async () => {
    expect((await typed(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('wrong usage', () => {
  it.each([
    [[], 'Which command?', 'leyden --help'],
    [['lock'], 'Which command?', 'leyden lock --help'],
    [['nonesuch'], "Unknown command 'nonesuch'", 'leyden --help'],
    [['atom', 'gte', 'k'], "Unknown command 'gte'", 'leyden atom --help'],
    [['atom', 'get'], "Missing required argument 'key'", 'leyden atom get --help'],
    [['atom', 'get', 'k', '--nonesuch'], "Unknown option '--nonesuch'", 'leyden atom get --help'],
    [['atom', 'get', 'k', 'l', '--table', 't-1'], 'Too many arguments', 'leyden atom get --help'],
    [['atom', 'get', 'k'], 'Which table? Give --table, or set LEYDEN_TABLE', 'leyden atom get --help'],
    [
      ['atom', 'get', 'k', '--table', 'x', '--region', 'r', '--endpoint-url', 'http://[::1]:1'],
      'tableName must be 3 to 255',
      'leyden atom get --help',
    ],
    [
      ['atom', 'get', 'k', '--endpoint-url', 'localhost:8000'],
      '--endpoint-url must be a URL',
      'leyden atom get --help',
    ],
    [['atom', 'get', 'k', '--sort-key', 's'], 'give --sort-key-name', 'leyden atom get --help'],
    [['atom', 'set', 'k', 'red'], `write '"red"', or use --string`, 'leyden atom set --help'],
    [['atom', 'set', 'k', '1', '--if', '2', '--if-absent'], 'exclude each other', 'leyden atom set --help'],
    [['atom', 'set', 'k', '1', '--if', '2', '--op-id', 'x'], 'unconditional writes only', 'leyden atom set --help'],
    [['atom', 'swap', 'k', 'n =>'], 'FUNCTION is no JavaScript', 'leyden atom swap --help'],
    [['atom', 'swap', 'k', '7'], 'must be a function of the value', 'leyden atom swap --help'],
    [['table', 'create', '--read-units', '1', '--table', 'abc'], 'go together', 'leyden table create --help'],
    [['table', 'create', '--stream', 'ALL'], '--stream must be one of', 'leyden table create --help'],
    [['lock', 'run', 'a', 'echo', 'hi'], '<name> [options] -- <command>', 'leyden lock run --help'],
    [['lock', 'run', '--', 'echo', 'hi'], '<name> [options] -- <command>', 'leyden lock run --help'],
    [['lock', 'run', 'a', '--'], '<name> [options] -- <command>', 'leyden lock run --help'],
    [['lock', 'release', 'a', '--table', 'abc'], 'Under which token? Give --token', 'leyden lock release --help'],
    [['lock', 'release', 'a', '--token', '0'], 'whole number of at least 1: "0"', 'leyden lock release --help'],
    [
      ['lock', 'run', 'a', '--lease', '15', '--', 'true'],
      '--lease must be a number with a unit',
      'leyden lock run --help',
    ],
    [
      ['lock', 'run', 'a', '--busy-exit-code', '256', '--', 'true'],
      'whole number from 0 to 255',
      'leyden lock run --help',
    ],
  ] as const)('%j ends with 2 and says what to do', async (args, message, help) => {
    const env =
      args.includes('--table' as never) || message.startsWith('Which table') ? {} : { LEYDEN_TABLE: 'some-table' };
    const { code, stdout, stderr } = await typed(args, { env });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(new RegExp(`^leyden: .*\nTry: ${help}\n$`));
  });

  it('with --json is one line of JSON with a code', async () => {
    const { code, stderr } = await typed(['atom', 'get', 'k', '--json']);
    expect([code, JSON.parse(stderr)]).toEqual([2, { error: { code: 'ERR_USAGE', message: expect.any(String) } }]);
  });

  it('takes no flag of the command behind -- for its own', async () => {
    const args = ['lock', 'run', 'a', '--table', 'abc', '--region', 'r', '--endpoint-url', 'x', '--', 'ls', '--json'];
    expect((await typed(args)).stderr).toMatch(/^leyden: --endpoint-url must be/);
  });

  it('wants a lease that a session can have', async () => {
    const where = ['--table', 'abc', '--endpoint-url', 'http://127.0.0.1:1'];
    const { code, stderr } = await typed(['lock', 'run', 'a', '--lease', '1ms', ...where, '--', 'true']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('leaseMs must be 300 to 3600000')]);
  });
});

describe('duration()', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['15s', 15_000],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(duration('--wait')(text)).toBe(ms);
  });

  it.each(['', '15', 's', '-1s', '1 s', '1m30s', '15S', '1e3ms', 'Infinity', '5toString'])('refuses "%s"', (text) => {
    expect(() => duration('--wait')(text)).toThrow('--wait must be a number with a unit');
  });
});

describe('flag values', () => {
  it('are checked', () => {
    expect(wholeNumber('--count', 1, 9)('9')).toBe(9);
    for (const text of ['0', '10', '1.5', '-1', '', 'x'])
      expect(() => wholeNumber('--count', 1, 9)(text)).toThrow('from 1 to 9');
    expect(fencingToken('--token')('9007199254740993')).toBe(9_007_199_254_740_993n);
    for (const text of ['', '0', '-1', '1.5', '0x1', 'x']) {
      expect(() => fencingToken('--token')(text)).toThrow('--token must be a whole number of at least 1');
    }
    expect(exitCode('--busy-exit-code')('255')).toBe(255);
    expect(oneOf('--stream', ['A', 'B'])('B')).toBe('B');
    expect(httpUrl('--endpoint-url')('https://example.org')).toBe('https://example.org');
    expect(() => httpUrl('--endpoint-url')('ftp://example.org')).toThrow('http:// or https://');
  });
});

describe('functionIn()', () => {
  it('makes a function, also an async one', async () => {
    expect(functionIn('n => n + 1')(1)).toBe(2);
    expect(functionIn('function (v) { return v.x } // the x')({ x: 3 })).toBe(3);
    await expect(functionIn('async n => n * 2')(2)).resolves.toBe(4);
  });

  it('runs it in strict mode, so that a frozen value is not left unchanged in silence', () => {
    expect(() => functionIn('v => { v.x = 1; return v }')(Object.freeze({ x: 0 }))).toThrow('FUNCTION failed');
  });

  it('says that a failure was the function', async () => {
    expect(() => functionIn('v => v.a.b')({})).toThrow(/^FUNCTION failed, nothing was written: /);
    await expect(functionIn('async v => v.a.b')({})).rejects.toThrow('FUNCTION failed');
  });
});

describe('valueIn()', () => {
  it('refuses superjson that is none', () => {
    expect(() => valueIn('{"x":1}', 'superjson', 'VALUE')).toThrow('VALUE is no superjson');
  });
});

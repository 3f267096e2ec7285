/** Goal: what is typed is understood, or refused with what to do instead; nothing is sent before that. */
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { duration, exitCode, fencingToken, httpUrl, oneOf, wholeNumber } from '../../lib/cli/flag-values.js';
import { oneLine } from '../../lib/cli/output.js';
import { documentOf, functionIn, readAll, valueIn } from '../../lib/cli/value-text.js';
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

  it.each([
    [['help'], 'Usage: leyden [options]'],
    [['help', 'lock', 'run'], 'Usage: leyden lock run'],
    [['lock', 'help', 'run'], 'Usage: leyden lock run'],
    [['atom', 'help'], 'Usage: leyden atom'],
  ])('is what %j asks for', async (args, usage) => {
    const { code, stdout } = await typed(args);
    expect([code, stdout]).toEqual([0, expect.stringContaining(usage)]);
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
    [['atom', 'set', 'k', '1', '--ttl', '0'], '--ttl must be 1ms to 10000d', 'leyden atom set --help'],
    [['atom', 'set', 'k', '1', '--op-id', ''], '--op-id must be 1 to 512 bytes', 'leyden atom set --help'],
    [['atom', 'watch', 'k', '--interval', '0'], '--interval must be 1ms to 20d', 'leyden atom watch --help'],
    [['atom', 'keys', '--partition', 'p', '--table', 'abc'], 'give --sort-key-name', 'leyden atom keys --help'],
    [
      ['atom', 'get', 'k', '--table', 'abc', '--region', 'no region'],
      'a name such as eu-west-1: "no region"',
      'leyden atom get --help',
    ],
    [['lock', 'run', '--', '-a', 'echo'], '<name> [options] -- <command>', 'leyden lock run --help'],
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

  it('finds an address in the environment that is none', async () => {
    const env = { AWS_ENDPOINT_URL: 'nowhere', LEYDEN_TABLE: 'some-table' };
    const { code, stderr } = await typed(['atom', 'get', 'k'], { env });
    expect([code, stderr]).toEqual([2, expect.stringContaining('AWS_ENDPOINT_URL must be a URL that begins with')]);
  });

  it('takes no flag of the command behind -- for its own', async () => {
    const args = ['lock', 'run', 'a', '--table', 'abc', '--region', 'r', '--endpoint-url', 'x', '--', 'ls', '--json'];
    expect((await typed(args)).stderr).toMatch(/^leyden: --endpoint-url must be/);
  });

  it('wants a lease that a session can have', async () => {
    const where = ['--table', 'abc', '--endpoint-url', 'http://127.0.0.1:1'];
    const { code, stderr } = await typed(['lock', 'run', 'a', '--lease', '1ms', ...where, '--', 'true']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--lease must be 300ms to 1h: "1ms"')]);
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

  it('keeps to its limits', () => {
    const read = duration('--lease', '300ms', '1h');
    expect([read('300ms'), read('60m')]).toEqual([300, 3_600_000]);
    for (const text of ['0', '299ms', '61m']) expect(() => read(text)).toThrow('--lease must be 300ms to 1h');
  });

  it.each(['', '15', 's', '-1s', '1 s', '1m30s', '15S', '1e3ms', 'Infinity', '5toString'])('refuses "%s"', (text) => {
    expect(() => duration('--wait')(text)).toThrow('--wait must be a number with a unit');
  });
});

describe('oneLine()', () => {
  it('shows what would move the cursor of a terminal', () => {
    expect(oneLine('a\u001b[2Jb\r\nc\u009bd é')).toBe('a\\u001b[2Jb\\u000d c\\u009bd é');
  });
});

describe('readAll()', () => {
  const from = (...bytes: number[]) => readAll(Readable.from([Buffer.from(bytes)]));
  it('leaves out a byte order mark and the last line end, and nothing else', async () => {
    expect(await from(0xef, 0xbb, 0xbf, 0x61, 0x0a, 0x0d, 0x0a)).toBe('a\n');
  });

  it('refuses what is no UTF-8, instead of storing other characters', async () => {
    await expect(from(0x61, 0xff)).rejects.toThrow('Standard input is no UTF-8 text');
  });
});

describe('documentOf()', () => {
  it('keeps names and texts that have another form in the store', () => {
    const value = JSON.parse('{"__proto__":{"a":1},"constructor":2,"":3,"half":"\\ud800"}');
    expect(JSON.stringify(documentOf(value, 'plain'))).toBe(JSON.stringify(value));
  });

  it('says what JSON lacks, also in shared parts', () => {
    const since = new Date(0);
    const value = { since, until: since, map: new Map([[since, new Set([1n, undefined])]]), big: 1e300 };
    const text = '1970-01-01T00:00:00.000Z';
    expect(documentOf(value, 'plain')).toEqual({ since: text, until: text, map: [[text, ['1', null]]], big: 1e300 });
  });

  it('refuses a value that holds itself', () => {
    const value: { self?: unknown } = {};
    value.self = [value];
    expect(() => documentOf(value, 'plain')).toThrow('The value holds itself');
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

  it('refuses to return nothing', async () => {
    expect(() => functionIn('v => {}')(1)).toThrow('FUNCTION failed, nothing was written: it returned undefined');
    await expect(functionIn('async v => {}')(1)).rejects.toThrow('it returned undefined');
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

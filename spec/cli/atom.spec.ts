/** Goal: `leyden atom` does with real stores what the verbs of an atom do. Method: the command, typed in this process. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/index.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { type Said, typed } from '../support/typed.js';

for (const row of engines.filter(({ name }) => name === 'dynalite' || name === 'dynamodb-local')) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let table: AtomTable;
    let where: string[];

    beforeAll(async () => {
      opened = await row.open();
      const tableName = opened.uniqueTable();
      table = new AtomTable({ engine: opened.engine, tableName });
      await table.create();
      where = ['--table', tableName, '--endpoint-url', opened.endpoint as string];
    });
    afterAll(async () => {
      await table.close();
      await opened.close();
    });

    const leyden = (...args: string[]): Promise<Said> => typed([...args, ...where]);
    const ok = (stdout: string) => ({ code: 0, stdout, stderr: '' });

    describe('atom get', () => {
      it('prints the value as JSON, and all about it with --json', async () => {
        await table.atom('flags').reset({ beta: true, since: new Date(0) });
        expect(await leyden('atom', 'get', 'flags')).toEqual(
          ok('{\n  "beta": true,\n  "since": "1970-01-01T00:00:00.000Z"\n}\n'),
        );
        const { stdout } = await leyden('atom', 'get', 'flags', '--json');
        const value = { beta: true, since: '1970-01-01T00:00:00.000Z' };
        expect(JSON.parse(stdout)).toEqual({ key: 'flags', exists: true, version: 1, value });
      });

      it('ends with 1 where there is no value', async () => {
        expect(await leyden('atom', 'get', 'nothing')).toEqual({
          code: 1,
          stdout: '',
          stderr: 'leyden: There is no value at nothing\n',
        });
        const { code, stdout, stderr } = await leyden('atom', 'get', 'nothing', '--json');
        expect([code, JSON.parse(stdout), stderr]).toEqual([1, { key: 'nothing', exists: false, version: 0 }, '']);
      });

      it('tells a stored null from nothing', async () => {
        await table.atom('null').reset(null);
        expect(await leyden('atom', 'get', 'null')).toEqual(ok('null\n'));
      });
    });

    describe('atom set', () => {
      it('stores JSON, a text, or what comes on standard input', async () => {
        expect(await leyden('atom', 'set', 'a', '{"n":[1,null]}')).toEqual(ok(''));
        expect(await table.atom('a').deref()).toEqual({ n: [1, null] });
        await leyden('atom', 'set', 'a', '--string', 'red');
        expect(await table.atom('a').deref()).toBe('red');
        await typed(['atom', 'set', 'a', '-', ...where], { stdin: '{"from":"stdin"}\n' });
        expect(await table.atom('a').deref()).toEqual({ from: 'stdin' });
        const { stdout } = await leyden('atom', 'set', 'a', '7', '--json');
        expect(JSON.parse(stdout)).toEqual({ key: 'a', value: 7 });
      });

      it('takes values of all kinds there and back with --superjson', async () => {
        const value = new Map<unknown, unknown>([[new Date(5), new Set([1n, undefined])]]);
        await table.atom('rich').reset(value);
        const { stdout } = await leyden('atom', 'get', 'rich', '--superjson');
        await leyden('atom', 'set', 'copy', '--superjson', stdout);
        expect(await table.atom('copy').deref()).toEqual(value);
      });

      it('writes under a condition, and ends with 1 where that does not hold', async () => {
        expect((await leyden('atom', 'set', 'c', '1', '--if-absent')).code).toBe(0);
        const again = await leyden('atom', 'set', 'c', '2', '--if-absent', '--json');
        expect([again.code, JSON.parse(again.stderr).error.code]).toEqual([1, 'ERR_CONDITION']);
        expect((await leyden('atom', 'set', 'c', '3', '--if', '9')).stderr).toContain('its value is another one');
        expect((await leyden('atom', 'set', 'c', '3', '--if', '1')).code).toBe(0);
        expect(await table.atom('c').deref()).toBe(3);
      });

      it('gives a value its time', async () => {
        await leyden('atom', 'set', 'brief', '1', '--ttl', '1h');
        const { expiresAt = 0 } = await table.atom('brief').snapshot();
        expect(expiresAt - Date.now()).toBeGreaterThan(3_500_000);
      });
    });

    describe('atom swap', () => {
      it('prints the new value', async () => {
        expect(await leyden('atom', 'swap', 'hits', 'n => n + 1', '--initial', '0')).toEqual(ok('1\n'));
        expect(await leyden('atom', 'swap', 'hits', 'async n => n + 1')).toEqual(ok('2\n'));
        const { stdout } = await leyden('atom', 'swap', 'hits', 'n => ({ n })', '--json');
        expect(JSON.parse(stdout)).toEqual({ key: 'hits', value: { n: 2 } });
      });

      it('does it once under an id', async () => {
        const args = ['atom', 'swap', 'once', 'n => n + 1', '--initial', '0', '--op-id', 'build-1'];
        expect(await leyden(...args)).toEqual(ok('1\n'));
        expect(await leyden(...args)).toEqual(ok('1\n'));
      });

      it('writes nothing where there is no value, or where the function fails', async () => {
        const missing = await leyden('atom', 'swap', 'none', 'n => n + 1');
        expect([missing.code, missing.stderr]).toEqual([1, 'leyden: There is no value at none; give --initial\n']);
        const failing = await leyden('atom', 'swap', 'none', 'v => v.x.y', '--initial', '{}', '--json');
        expect([failing.code, JSON.parse(failing.stderr).error.code]).toEqual([1, 'ERR_FUNCTION']);
        expect((await leyden('atom', 'swap', 'none', 'v => {}', '--initial', '{}')).stderr).toContain(
          'returned undefined',
        );
        expect((await table.atom('none').snapshot()).exists).toBe(false);
      });
    });

    describe('atom delete', () => {
      it('says whether there was a value', async () => {
        await table.atom('gone').reset(1);
        expect(await leyden('atom', 'delete', 'gone')).toEqual(ok('deleted\n'));
        expect(await leyden('atom', 'delete', 'gone')).toEqual(ok('there was no value\n'));
        const { stdout } = await leyden('atom', 'delete', 'gone', '--json');
        expect(JSON.parse(stdout)).toEqual({ key: 'gone', deleted: false });
      });
    });

    describe('atom watch', () => {
      it('prints the value and each newer one, a line each', async () => {
        const atom = table.atom<{ n: number }>('watched', { initial: { n: 0 } });
        const more = () => atom.swap(({ n }) => ({ n: n + 1 }));
        await more();
        let isOver = false;
        const watching = leyden('atom', 'watch', 'watched', '--count', '2', '--interval', '100ms').finally(() => {
          isOver = true;
        });
        while (!isOver) {
          await more();
          await new Promise((done) => setTimeout(done, 50));
        }
        const { code, stdout } = await watching;
        const [first, second, ...rest] = stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line).n as number);
        expect([code, rest]).toEqual([0, []]);
        expect(second).toBeGreaterThan(first as number);
      });

      it('says that there is nothing', async () => {
        const { stdout, stderr } = await leyden('atom', 'watch', 'unwritten', '--count', '1');
        expect([stdout, stderr]).toEqual(['', 'leyden: There is no value at unwritten\n']);
        const { stdout: line } = await leyden('atom', 'watch', 'unwritten', '--count', '1', '--json');
        expect(JSON.parse(line)).toEqual({ key: 'unwritten', exists: false });
      });
    });

    describe('atom keys', () => {
      it('prints those that begin so, a line each', async () => {
        await table.putMany([
          ['job-1', 1],
          ['job-2', 2],
          ['job\n3', 3],
        ]);
        expect((await leyden('atom', 'keys', '--prefix', 'job-')).stdout.trim().split('\n').sort()).toEqual([
          'job-1',
          'job-2',
        ]);
        expect((await leyden('atom', 'keys', '--prefix', 'job\n')).stdout).toBe('"job\\n3"\n');
        expect((await leyden('atom', 'keys', '--prefix', 'job-1', '--json')).stdout).toBe('"job-1"\n');
      });
    });

    describe('keys', () => {
      it('may be JSON, and may begin with a dash', async () => {
        await leyden('atom', 'set', '[1,"x"]', '5', '--json-key');
        expect(await table.atom([1, 'x']).deref()).toBe(5);
        await typed(['atom', 'set', ...where, '--', '-k', '6']);
        expect(await table.atom('-k').deref()).toBe(6);
        expect((await leyden('atom', 'get', '{', '--json-key')).code).toBe(2);
      });

      it('have two parts in a table with a sort key', async () => {
        const tableName = opened.uniqueTable();
        const names = ['--key-name', 'pk', '--sort-key-name', 'sk', '--endpoint-url', opened.endpoint as string];
        const there = [...names, '--table', tableName];
        expect((await typed(['table', 'create', ...there])).code).toBe(0);
        await typed(['atom', 'set', 'user', '1', ...there]);
        await typed(['atom', 'set', 'user', '2', '--sort-key', 'cart', ...there]);
        const jobs = new AtomTable({ engine: opened.engine, tableName, keyName: 'pk', sortKeyName: 'sk' });
        expect(
          await jobs.getMany([
            { pk: 'user', sk: '#' },
            { pk: 'user', sk: 'cart' },
          ]),
        ).toEqual([1, 2]);
        const { stdout } = await typed(['atom', 'keys', '--partition', 'user', '--prefix', 'c', ...there]);
        expect(JSON.parse(stdout)).toEqual({ pk: 'user', sk: 'cart' });
        await jobs.close();
      });
    });

    describe('table', () => {
      it('create makes one, and accepts one that is there when told to', async () => {
        const there = ['--table', opened.uniqueTable(), '--endpoint-url', opened.endpoint as string];
        const made = await typed(['table', 'create', ...there, '--read-units', '2', '--write-units', '3', '--json']);
        expect(JSON.parse(made.stdout)).toMatchObject({ table: there[1], created: true, billingMode: 'provisioned' });
        const again = await typed(['table', 'create', ...there, '--json']);
        expect([again.code, JSON.parse(again.stderr).error]).toEqual([
          1,
          {
            code: 'ERR_TABLE',
            outcome: 'not-done',
            message: expect.stringContaining('accept it with --if-not-exists'),
          },
        ]);
        const ensured = await typed(['table', 'create', ...there, '--if-not-exists']);
        expect([ensured.code, ensured.stdout]).toEqual([
          0,
          expect.stringMatching(`^table ${there[1]}: right, provisioned`),
        ]);
      });

      it('check tells right from missing and from other keys', async () => {
        expect((await leyden('table', 'check')).stdout).toMatch(/: right, on-demand, time to live \w+, no stream\n$/);
        const other = await leyden('table', 'check', '--key-name', 'pk');
        expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('give --key-name and --sort-key-name')]);
        const missing = await typed(['table', 'check', ...where, '--table', 'nonesuch']);
        expect([missing.code, missing.stderr]).toEqual([
          1,
          expect.stringContaining('Table nonesuch does not exist here'),
        ]);
      });
    });

    describe('a table with another key', () => {
      it('is told, and how to find out which', async () => {
        const { code, stderr } = await leyden('atom', 'get', 'k', '--key-name', 'pk', '--json');
        const message = expect.stringMatching(
          / has another key; .* as "leyden table check --table \S+ --key-name pk" says$/,
        );
        expect([code, JSON.parse(stderr).error]).toEqual([1, { code: 'ERR_TABLE', message }]);
      });
    });

    describe('a missing table', () => {
      it.each([
        ['atom get', ['atom', 'get', 'k']],
        ['atom set', ['atom', 'set', 'k', '1']],
        ['atom swap', ['atom', 'swap', 'k', 'n => n', '--initial', '1']],
        ['atom keys', ['atom', 'keys']],
        ['atom watch', ['atom', 'watch', 'k']],
        ['lock run', ['lock', 'run', 'a', '--', 'true']],
      ])('is said by %s, with what makes one', async (_name, args) => {
        const there = ['--table', 'nonesuch', '--endpoint-url', opened.endpoint as string];
        const dashes = args.indexOf('--');
        const words = dashes < 0 ? [...args, ...there] : [...args.slice(0, dashes), ...there, ...args.slice(dashes)];
        const { code, stderr } = await typed(words);
        expect([code, stderr]).toEqual([
          1,
          'leyden: Table nonesuch does not exist here; create it with "leyden table create --table nonesuch", ' +
            'or check --region, --profile and --endpoint-url\n',
        ]);
      });
    });
  });
}

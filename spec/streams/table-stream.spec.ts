/** Which stream is meant, and everything that is wrong about it, told before anything is read. */
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import type { StreamViewType } from '../../lib/engine/index.js';
import { encodeToken, StreamError, type StreamsPort, TableStream } from '../../lib/streams/index.js';
import { openSimulator } from '../support/stream-engines.js';

const open = async (viewType?: StreamViewType) => {
  const opened = openSimulator();
  const made = await opened.createTable(viewType && { viewType });
  const { clock, engine, simulator } = opened;
  const table = new AtomTable({ engine, clock, tableName: made.tableName, keyName: 'pk' });
  const port = opened.port();
  const stream = (given: AtomTable | string = table) => new TableStream({ port, clock, table: given });
  return { ...made, clock, engine, simulator, port, table, stream, run: opened.run, opened };
};

const failure = async (work: Promise<unknown>): Promise<StreamError> => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StreamError)) throw error ?? new Error('nothing was thrown');
  return error;
};

describe('TableStream', () => {
  it('sends nothing when it is made', async () => {
    const { port, stream } = await open();
    stream();
    expect(port.spent()).toMatchObject({ describes: 0, iterators: 0, reads: 0 });
  });

  it.each<[string, () => unknown, string | RegExp]>([
    ['no client', () => new TableStream({ table: 'a' } as never), 'client (a DynamoDBStreamsClient) or port'],
    ['both', () => new TableStream({ port: {}, client: {}, table: 'a' } as never), 'one of them'],
    ['no table', () => new TableStream({ port: {} } as never), 'table (an AtomTable or its name) or arn'],
    ['table and ARN', () => new TableStream({ port: {}, table: 'a', arn: 'b' } as never), 'one of them'],
    ['a table that is none', () => new TableStream({ port: {}, table: 7 } as never), "a table's name"],
    ['an empty name', () => new TableStream({ port: {} as StreamsPort, table: '' }), "a table's name"],
    ['an ARN that is no text', () => new TableStream({ port: {}, arn: 7 } as never), 'arn must be a string'],
    [
      'a client that is none',
      () => new TableStream({ client: {} as never, table: 'a' }),
      'must be a DynamoDBStreamsClient',
    ],
    [
      'a client of tables',
      () => new TableStream({ client: { send: () => {}, config: { serviceId: 'DynamoDB' } }, table: 'a' }),
      'createStreamsClient()',
    ],
    [
      'the ARN of a stream as a table',
      () => new TableStream({ port: {} as StreamsPort, table: 'arn:aws:dynamodb:eu-west-1:1:table/a/stream/2026' }),
      'give it as arn',
    ],
  ])('refuses %s', (_what, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it('refuses at once what is no ARN of a stream, and says what it is instead', () => {
    const port = {} as StreamsPort;
    const tableArn = 'arn:aws:dynamodb:eu-central-1:123456789012:table/state';
    expect(() => new TableStream({ port, arn: 'state' })).toThrow(
      /no ARN of a stream.*LatestStreamArn.*\[ERR_STREAM\]/,
    );
    expect(() => new TableStream({ port, arn: tableArn })).toThrow(/the ARN of a table.*table: "state"/);
    expect(() => new TableStream({ port, arn: `${tableArn}/stream/2026-01-01T00:00:00.000` })).not.toThrow();
  });

  describe('resolve()', () => {
    it('finds the stream of an AtomTable, of a name and of an ARN', async () => {
      const { arn, clock, port, run, stream, tableName } = await open();
      await run(async () => {
        for (const one of [stream(), stream(tableName), new TableStream({ port, clock, arn })]) {
          expect(await one.resolve()).toMatchObject({
            arn,
            tableName,
            viewType: 'NEW_AND_OLD_IMAGES',
            keyNames: ['pk'],
          });
        }
      });
    });

    it('asks once, however many ask', async () => {
      const { port, run, stream, tableName } = await open();
      await run(async () => {
        const one = stream(tableName);
        await Promise.all([one.resolve(), one.resolve()]);
        await one.resolve();
        expect(port.spent().describes).toBe(2);
      });
    });

    it('asks again after a failure, and leaves whoever has aborted', async () => {
      const { arn, port, clock, run, tableName } = await open();
      let failures = 1;
      const flaky = {
        ...port,
        describe: (...given: Parameters<StreamsPort['describe']>) => {
          failures -= 1;
          return failures >= 0 ? Promise.reject(new Error('network')) : port.describe(...given);
        },
        streamsOf: port.streamsOf.bind(port),
      } as unknown as StreamsPort;
      await run(async () => {
        const stream = new TableStream({ port: flaky, clock, table: tableName });
        await expect(stream.resolve()).rejects.toThrow('network');
        await expect(stream.resolve({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
        expect((await stream.resolve()).arn).toBe(arn);
      });
    });

    it('tells a table that is not there', async () => {
      const { clock, engine, run, stream } = await open();
      await run(async () => {
        const missing = new AtomTable({ engine, clock, tableName: 'missing' });
        const error = await failure(stream(missing).resolve());
        expect(error.reason).toBe('not-found');
        expect(error.message).toMatch(/no such table here; create it .*NEW_AND_OLD_IMAGES/);
        expect((await failure(stream('missing').resolve())).reason).toBe('no-stream');
      });
    });

    it('tells a table without a stream', async () => {
      const { clock, engine, run, stream } = await open();
      await run(async () => {
        const table = new AtomTable({ engine, clock, tableName: 'plain' });
        await table.create();
        const error = await failure(stream(table).resolve());
        expect(error.reason).toBe('no-stream');
        expect(error.message).toMatch(/turn it on with view NEW_AND_OLD_IMAGES/);
      });
    });

    it('tells a client that asks in another place', async () => {
      const { clock, run, table } = await open();
      const elsewhere = openSimulator({ clock }).port();
      await run(async () => {
        const error = await failure(new TableStream({ port: elsewhere, clock, table }).resolve());
        expect(error.reason).toBe('not-found');
        expect(error.message).toMatch(/Region, endpoint and account/);
      });
    });

    it('takes the list of streams where the table may not be described', async () => {
      const { arn, clock, engine, port, run, tableName } = await open();
      const denied = Object.assign(new Error('denied'), { name: 'AccessDeniedException' });
      const guarded = Object.create(engine, {
        describeTable: { value: () => Promise.reject(denied) },
      }) as typeof engine;
      const table = new AtomTable({ engine: guarded, clock, tableName, keyName: 'pk' });
      await run(async () => {
        expect((await new TableStream({ port, clock, table }).resolve()).arn).toBe(arn);
      });
    });

    it('tells a stream that was turned off, or replaced by a newer one', async () => {
      const { arn, clock, opened, port, run, stream, tableName } = await open();
      const old = () => new TableStream({ port, clock, arn });
      await run(async () => {
        await opened.disable(tableName);
        expect((await failure(stream().resolve())).reason).toBe('no-stream');
        const off = await failure(old().resolve());
        expect(off.reason).toBe('no-stream');
        expect(off.message).toMatch(/allowDisabled/);
        await clock.sleep(1_000);
        const newer = await opened.enable(tableName);
        const replaced = await failure(old().resolve());
        expect(replaced.reason).toBe('replaced');
        expect(replaced.message).toContain(newer);
        expect((await stream().resolve()).arn).toBe(newer);
        expect(await new TableStream({ port, clock, arn, allowDisabled: true }).resolve()).toMatchObject({
          arn,
          isDisabled: true,
        });
      });
    });

    it.each<[StreamViewType, 'new-image' | 'both-images', boolean]>([
      ['KEYS_ONLY', 'new-image', false],
      ['OLD_IMAGE', 'new-image', false],
      ['NEW_IMAGE', 'new-image', true],
      ['NEW_IMAGE', 'both-images', false],
      ['NEW_AND_OLD_IMAGES', 'both-images', true],
    ])('of a view %s it says whether it has what needs %s: %p', async (viewType, needs, has) => {
      const { run, stream } = await open(viewType);
      await run(async () => {
        await stream().resolve();
        if (has) expect(await stream().resolve({ needs })).toMatchObject({ viewType });
        else {
          const error = await failure(stream().resolve({ needs }));
          expect(error.reason).toBe('view-type');
          expect(error.message).toMatch(/NEW_AND_OLD_IMAGES/);
        }
      });
    });

    it('is asked before anything is read: a token of an earlier stream of the table is told', async () => {
      const { arn, clock, opened, port, run, stream, tableName } = await open();
      await run(async () => {
        await opened.disable(tableName);
        await clock.sleep(1_000);
        await opened.enable(tableName);
        const from = { v: 1, stream: arn, shards: {} } as const;
        expect(encodeToken(from)).toContain(arn);
        const error = await failure(stream().read({ from }).next());
        expect(error.reason).toBe('replaced');
        expect(port.spent().reads).toBe(0);
      });
    });
  });
});

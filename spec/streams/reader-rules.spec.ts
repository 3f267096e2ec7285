/** What the reader of one process promises, rule by rule, in a simulated service under a clock that is turned by hand. */
import { describe, expect, it } from '@jest/globals';
import type { Clock } from '../../lib/engine/index.js';
import {
  memoryCheckpointer,
  type ReaderEvent,
  type ReadOptions,
  type StreamReader,
  type StreamRecord,
  TableStream,
} from '../../lib/streams/index.js';
import { type StreamSimulatorOptions, VirtualClock } from '../../lib/testing/index.js';
import { openSimulator } from '../support/stream-engines.js';

const numberOf = (record: StreamRecord): number =>
  Number((record.dynamodb?.NewImage?.n as { readonly N?: string } | undefined)?.N);

type Given = Partial<ReadOptions<StreamRecord>>;

/** A watched table, its simulator, and readers of its stream. */
async function onStream(
  work: (stage: {
    readonly simulator: ReturnType<typeof openSimulator>['simulator'];
    readonly clock: ReturnType<typeof openSimulator>['clock'];
    readonly arn: string;
    readonly tableName: string;
    write(...numbers: readonly number[]): Promise<void>;
    read(options?: Given): StreamReader<StreamRecord>;
    pass(options?: Given): StreamReader<StreamRecord>;
    openShard(): string;
  }) => Promise<void>,
  options: Omit<StreamSimulatorOptions, 'clock'> = {},
): Promise<void> {
  const opened = openSimulator({ ...options, caprices: { latencyMs: [1, 1], ...options.caprices } });
  await opened.run(async () => {
    const { tableName: table, arn } = await opened.createTable();
    const stream = () => new TableStream({ port: opened.port(), arn, clock: opened.clock });
    await work({
      simulator: opened.simulator,
      clock: opened.clock,
      arn,
      tableName: table,
      async write(...numbers) {
        for (const n of numbers) {
          await opened.engine.put({ table, item: { pk: { S: `k${n}` }, n: { N: String(n) } } });
        }
      },
      read: (given = {}) => stream().read({ from: 'trim-horizon', ...given }),
      pass: (given = {}) => stream().singlePass({ from: 'trim-horizon', ...given }),
      openShard: () =>
        opened.simulator.shards(arn).findLast(({ closedAtMs }) => closedAtMs === undefined)?.shardId ?? '',
    });
  });
}

/** Reads for ever into a list. */
function collect(reader: StreamReader<StreamRecord>): { readonly seen: number[]; readonly loop: Promise<void> } {
  const seen: number[] = [];
  const loop = (async () => {
    for await (const { records } of reader) seen.push(...records.map(({ value }) => numberOf(value)));
  })();
  // Who fails is asked later.
  loop.catch(() => {});
  return { seen, loop };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('commit', () => {
  it('is what pulling the next batch does; the batch in hand at a break comes again', () =>
    onStream(async ({ read, write }) => {
      await write(...upTo(6));
      const checkpointer = memoryCheckpointer();
      const first: number[] = [];
      for await (const { records } of read({ checkpointer, batchRecordsMax: 2 })) {
        first.push(...records.map(({ value }) => numberOf(value)));
        if (first.length === 4) break;
      }
      const again = read({ checkpointer, batchRecordsMax: 2 });
      const { value } = await again.next();
      expect(value?.records.map(({ value: record }: { value: StreamRecord }) => numberOf(record))).toEqual([2, 3]);
      await again.stop();
    }));

  it('by hand stores nothing behind a batch that is not done', () =>
    onStream(async ({ read, write }) => {
      await write(...upTo(6));
      const reader = read({ commit: 'manual', batchRecordsMax: 2 });
      const [one, two] = [(await reader.next()).value, (await reader.next()).value];
      await two.commit();
      expect(Object.values(reader.token().shards)).toEqual(['trim-horizon']);
      await one.commit();
      const after = two.records.at(-1)?.meta.sequenceNumber;
      expect(Object.values(reader.token().shards)).toEqual([{ after }]);
      // Twice is once.
      await one.commit();
      expect(Object.values(reader.token().shards)).toEqual([{ after }]);
      await reader.stop();
    }));

  it('by hand holds the children of a shard back until all of it is done', () =>
    onStream(async ({ clock, openShard, read, simulator, write }) => {
      await write(1);
      simulator.roll(openShard());
      await write(2);
      const reader = read({ commit: 'manual' });
      const parent = (await reader.next()).value;
      expect(parent.shardEnd).toBe(true);
      let isThere = false;
      const child = reader.next().then((next) => {
        isThere = true;
        return next;
      });
      await clock.sleep(600_000);
      expect(isThere).toBe(false);
      await parent.commit();
      expect((await child).value.records.map(({ value }: { value: StreamRecord }) => numberOf(value))).toEqual([2]);
      await reader.stop();
    }));

  it('is saved at most once a second, and at the end', () =>
    onStream(async ({ clock, read, write }) => {
      const saves: number[] = [];
      const kept = memoryCheckpointer();
      const checkpointer = {
        load: () => kept.load(),
        async save(...tokens: Parameters<typeof kept.save>) {
          saves.push(clock.monotonicMs());
          await kept.save(...tokens);
        },
      };
      const reader = read({ checkpointer });
      const { loop, seen } = collect(reader);
      for (const n of upTo(40)) {
        await write(n);
        await clock.sleep(250);
      }
      await write(40);
      await reader.caughtUp();
      await reader.stop();
      await loop;
      expect(seen).toHaveLength(41);
      expect(saves.length).toBeLessThanOrEqual(13);
      for (let at = 1; at < saves.length - 1; at += 1) {
        expect((saves[at] as number) - (saves[at - 1] as number)).toBeGreaterThanOrEqual(1_000);
      }
      const [position] = Object.values((await kept.load())?.shards ?? {});
      expect(position).toEqual(Object.values(reader.token().shards)[0]);
    }));

  it('of a reader whose token somebody else has moved ends it', () =>
    onStream(async ({ clock, read, write }) => {
      const checkpointer = memoryCheckpointer();
      await write(1);
      const one = read({ checkpointer });
      const { loop } = collect(one);
      await one.caughtUp();
      await one.save();
      const two = read({ checkpointer });
      const others = collect(two);
      await two.ready();
      await write(2);
      // Whoever stores second is told, wherever it waits.
      await Promise.allSettled([two.caughtUp(), two.save()]);
      await clock.sleep(60_000);
      await Promise.allSettled([one.stop(), two.stop()]);
      const ends = await Promise.allSettled([loop, others.loop]);
      expect(ends.filter(({ status }) => status === 'rejected')).toMatchObject([
        { reason: { code: 'ERR_STREAM_CHECKPOINT' } },
      ]);
    }));
});

describe('pulls beside each other', () => {
  it('are answered one after the other, and none says that a batch is done which had not come', () =>
    onStream(async ({ clock, read, write }) => {
      const checkpointer = memoryCheckpointer();
      const reader = read({ batchRecordsMax: 1, checkpointer });
      const got: number[] = [];
      const pull = () =>
        reader.next().then(({ value }) => {
          got.push(...(value?.records ?? []).map((change: { value: StreamRecord }) => numberOf(change.value)));
        });
      const pulls = [pull(), pull(), pull()];
      await clock.sleep(1_000);
      await write(1, 2, 3);
      await Promise.all(pulls);
      expect(got).toEqual([1, 2, 3]);
      expect(Object.values(reader.token().shards)).toEqual(['trim-horizon']);
      const last = pull();
      // All three are done, not the last alone.
      expect(Object.values(reader.token().shards)).toEqual([{ after: expect.any(String) }]);
      await reader.stop();
      await last;
    }));
});

describe('stop', () => {
  it('lets the batch in hand be done, and stores that', () =>
    onStream(async ({ read, write }) => {
      await write(1, 2);
      const checkpointer = memoryCheckpointer();
      const reader = read({ checkpointer });
      const { value } = await reader.next();
      await reader.stop();
      expect(await reader.next()).toMatchObject({ done: true });
      const after = value.records.at(-1).meta.sequenceNumber;
      expect(Object.values((await checkpointer.load())?.shards ?? {})).toEqual([{ after }]);
    }));

  it('ends a loop whose parser never answers; the record counts as not done', () =>
    onStream(async ({ clock, read, write }) => {
      await write(1);
      const reader = read({ parser: { parse: () => new Promise(() => {}) } });
      const { loop } = collect(reader);
      await clock.sleep(5_000);
      await reader.stop();
      await loop;
      expect(Object.values(reader.token().shards)).toEqual(['trim-horizon']);
    }));

  it('does not hide that the last save was refused', () =>
    onStream(async ({ clock, read, write }) => {
      const kept = memoryCheckpointer();
      let isRefused = false;
      const checkpointer = {
        load: () => kept.load(),
        async save(...tokens: Parameters<typeof kept.save>) {
          if (isRefused) throw new Error('no space left');
          await kept.save(...tokens);
        },
      };
      const reader = read({ checkpointer, saveMs: 60_000 });
      await reader.ready();
      await reader.save();
      await write(1);
      await reader.next();
      isRefused = true;
      await reader.stop();
      await clock.sleep(1_000);
      await expect(reader.next()).rejects.toThrow('no space left');
      expect(await reader.next()).toMatchObject({ done: true });
    }));

  it('comes back although the store of tokens never answers', () =>
    onStream(async ({ clock, read, write }) => {
      await write(1);
      const reader = read({ checkpointer: { load: async () => undefined, save: () => new Promise(() => {}) } });
      const { loop } = collect(reader);
      await reader.caughtUp();
      const startedAt = clock.monotonicMs();
      await reader.stop();
      await loop;
      expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(20_000);
    }));
});

describe('gaps', () => {
  const behind = async (given: Given, judge: (reader: StreamReader<StreamRecord>) => Promise<void>) =>
    onStream(async ({ openShard, read, simulator, write }) => {
      const checkpointer = memoryCheckpointer();
      await write(1, 2);
      const first = read({ checkpointer, batchRecordsMax: 1 });
      await first.next();
      await first.next();
      await first.return();
      await write(3);
      simulator.trim(openShard(), 3);
      await write(4);
      await judge(read({ checkpointer, ...given }));
    });

  it('end the loop, and nothing after them was delivered', () =>
    behind({}, async (reader) => {
      await expect(reader.next()).rejects.toMatchObject({ code: 'ERR_STREAM_GAP', gap: { reason: 'trimmed' } });
      expect(await reader.next()).toMatchObject({ done: true });
    }));

  it.each([[() => undefined], [async () => 'continue'], [() => 'skip']])(
    'are not gone over by a decision that is none: %s',
    (onGap) =>
      behind({ onGap: onGap as never }, async (reader) => {
        await expect(reader.next()).rejects.toThrow(/onGap must return/);
      }),
  );

  it('are told, and gone over, where that was asked for', async () => {
    const events: ReaderEvent[] = [];
    await behind({ onGap: 'continue', onEvent: (event) => events.push(event) }, async (reader) => {
      const { value } = await reader.next();
      expect(value.records.map((change: { value: StreamRecord }) => numberOf(change.value))).toEqual([4]);
      expect(events.filter(({ type }) => type === 'gap')).toHaveLength(1);
      await reader.stop();
    });
  });
});

describe('singlePass', () => {
  it('ends although somebody writes on and on, with all that was there at its beginning', () =>
    onStream(async ({ clock, pass, write }) => {
      await write(...upTo(50));
      let isWriting = true;
      const writing = (async () => {
        for (let n = 50; isWriting; n += 1) {
          await write(n);
          await clock.sleep(20);
        }
      })();
      const { loop, seen } = collect(pass({ batchRecordsMax: 10 }));
      await loop;
      isWriting = false;
      await writing;
      expect(seen.slice(0, 50)).toEqual(upTo(50));
      expect(seen).toEqual(upTo(seen.length));
    }));

  it('goes on where the last one ended, and into the shards that came since', () =>
    onStream(async ({ openShard, pass, simulator, write }) => {
      const checkpointer = memoryCheckpointer();
      await write(1, 2);
      const one = collect(pass({ checkpointer }));
      await one.loop;
      await write(3);
      simulator.split(openShard());
      await write(4, 5);
      const two = collect(pass({ checkpointer }));
      await two.loop;
      expect(one.seen).toEqual([1, 2]);
      expect([...two.seen].sort()).toEqual([3, 4, 5]);
    }));

  it('ends before its batches are done, where nothing waits for them', () =>
    onStream(async ({ pass, write }) => {
      await write(...upTo(10));
      const checkpointer = memoryCheckpointer();
      const batches = [];
      const reader = pass({ batchRecordsMax: 4, checkpointer, commit: 'manual' });
      for await (const batch of reader) batches.push(batch);
      for (const batch of batches) await batch.commit();
      await reader.save();
      const again = collect(pass({ checkpointer }));
      await again.loop;
      expect(again.seen).toEqual([]);
    }));

  it('does not end before its beginning, however long its consumer takes for a batch', () =>
    onStream(async ({ clock, pass, write }) => {
      await write(...upTo(60));
      const seen: number[] = [];
      for await (const { records } of pass({ batchRecordsMax: 10 })) {
        seen.push(...records.map(({ value }) => numberOf(value)));
        // The iterator at the tip has died meanwhile.
        await clock.sleep(20 * 60_000);
      }
      expect(seen).toEqual(upTo(60));
    }));

  it("refuses 'latest'", () =>
    onStream(async ({ pass }) => {
      expect(() => pass({ from: 'latest' })).toThrow(TypeError);
    }));
});

describe('a start at a time', () => {
  it('passes over what is older, however many pages that are, and is not at the tip meanwhile', () =>
    onStream(async ({ clock, read, write }) => {
      await write(...upTo(60));
      await clock.sleep(3_600_000);
      const since = new Date(clock.now());
      await write(60, 61);
      const reader = read({ from: { since }, batchRecordsMax: 5 });
      const { loop, seen } = collect(reader);
      await reader.caughtUp();
      expect(seen).toEqual([60, 61]);
      await reader.stop();
      await loop;
    }));
});

describe('caughtUp', () => {
  it('comes back within seconds where nothing was ever written', () =>
    onStream(async ({ clock, read }) => {
      const reader = read();
      const { loop } = collect(reader);
      const startedAt = clock.monotonicMs();
      await reader.caughtUp();
      expect(clock.monotonicMs() - startedAt).toBeLessThan(5_000);
      await reader.stop();
      await loop;
    }));

  it.each([0, -3_600_000, 240_000])(
    'tells the truth where somebody writes on and on, and soon, with a clock that is %d ms off',
    (offMs) =>
      onStream(async ({ arn, clock, simulator, write }) => {
        await write(...upTo(500));
        let isWriting = true;
        let written = 500;
        const writing = (async () => {
          for (; isWriting; written += 1) {
            await write(written);
            await clock.sleep(100);
          }
        })();
        const stream = new TableStream({ port: simulator.port(), arn, clock: clock.skewed(offMs) });
        const reader = stream.read({ from: 'trim-horizon', batchRecordsMax: 50 });
        const { loop, seen } = collect(reader);
        await reader.ready();
        const [before, startedAt] = [written, clock.monotonicMs()];
        await reader.caughtUp();
        expect(seen.length).toBeGreaterThanOrEqual(before);
        expect(clock.monotonicMs() - startedAt).toBeLessThan(10_000);
        isWriting = false;
        await writing;
        await reader.stop();
        await loop;
      }),
  );

  it('comes back for each of many who ask one after the other', () =>
    onStream(async ({ clock, read }) => {
      const reader = read();
      const { loop } = collect(reader);
      await reader.ready();
      const waits: number[] = [];
      for (let n = 0; n < 50; n += 1) {
        const askedAt = clock.monotonicMs();
        void reader.caughtUp().then(() => waits.push(clock.monotonicMs() - askedAt));
        await clock.sleep(500);
      }
      await clock.sleep(5_000);
      expect(waits).toHaveLength(50);
      expect(Math.max(...waits)).toBeLessThan(5_000);
      await reader.stop();
      await loop;
    }));
});

describe('a slow consumer', () => {
  it('has one page ahead of it in each shard, and no more is asked for', () =>
    onStream(async ({ clock, read, simulator, write }) => {
      await write(...upTo(100));
      const reader = read({ batchRecordsMax: 10 });
      const { value } = await reader.next();
      await clock.sleep(600_000);
      expect(simulator.port().spent().reads).toBe(2);
      const seen = value.records.map((change: { value: StreamRecord }) => numberOf(change.value));
      while (seen.length < 100) {
        const next = await reader.next();
        seen.push(...next.value.records.map((change: { value: StreamRecord }) => numberOf(change.value)));
      }
      expect(seen).toEqual(upTo(100));
      await reader.stop();
    }));

  it('holds no more than was allowed and one page for each question under way', () =>
    onStream(
      async ({ clock, read, write }) => {
        await write(...upTo(400));
        let [buffered, most] = [0, 0];
        const reader = read({
          bufferedBytesMax: 1,
          batchRecordsMax: 5,
          onEvent(event) {
            if (event.type !== 'read') return;
            buffered += event.records;
            most = Math.max(most, buffered);
          },
        });
        for (let seen = 0; seen < 400; ) {
          const { value } = await reader.next();
          seen += value.records.length;
          buffered -= value.records.length;
          await clock.sleep(500);
        }
        // 20 shards of which 16 are asked at once, each for a page of 5.
        expect(most).toBeLessThanOrEqual(16 * 5 + 5);
        await reader.stop();
      },
      { partitions: 20 },
    ));
});

describe('the pace', () => {
  it('is a question a second for an idle shard, no listing but the audit, and one iterator', () =>
    onStream(async ({ clock, read, simulator }) => {
      const reader = read();
      const { loop } = collect(reader);
      await reader.ready();
      const before = simulator.port().spent();
      await clock.sleep(1_800_000);
      const after = simulator.port().spent();
      expect((after.reads - before.reads) / 1_800).toBeLessThanOrEqual(1.05);
      expect(after.describes - before.describes).toBeLessThanOrEqual(8);
      expect(after.iterators - before.iterators).toBe(0);
      await reader.stop();
      await loop;
    }));

  it('is one for all readers of a process', () =>
    onStream(async ({ arn, clock, simulator, write }) => {
      await write(...upTo(3_000));
      const stream = new TableStream({ port: simulator.port(), arn, clock });
      const readers = upTo(3).map(() => stream.read({ from: 'trim-horizon' }));
      const loops = readers.map(collect);
      await Promise.all(readers.map((reader) => reader.caughtUp()));
      for (const { seen } of loops) expect(seen).toHaveLength(3_000);
      expect(simulator.traffic().violations).toEqual([]);
      await Promise.all(readers.map((reader) => reader.stop()));
    }));
});

describe('events', () => {
  it('wait for nobody: who listens too slowly is told how many were lost', () =>
    onStream(async ({ clock, read }) => {
      const reader = read();
      const events = reader.events();
      const { loop } = collect(reader);
      await clock.sleep(3_600_000);
      const first = await events.next();
      expect(first.value).toMatchObject({ type: 'events-lost' });
      await reader.stop();
      await loop;
    }));
});

describe('a signal', () => {
  it('that has ended one wait does not disturb the others', () =>
    onStream(async ({ clock, read }) => {
      const reader = read();
      const { loop } = collect(reader);
      await reader.ready();
      const leaving = new AbortController();
      leaving.abort(new Error('enough'));
      await expect(reader.caughtUp({ signal: leaving.signal })).rejects.toThrow('enough');
      for (let n = 0; n < 20; n += 1) {
        const one = new AbortController();
        const waiting = reader.caughtUp({ signal: one.signal });
        await clock.sleep(1);
        one.abort(new Error('enough'));
        await expect(waiting).rejects.toThrow('enough');
      }
      await reader.caughtUp();
      await reader.stop();
      await loop;
    }));
});

describe('a callback of events', () => {
  it('that rejects harms nobody', () =>
    onStream(async ({ read, write }) => {
      await write(1);
      const onEvent = async () => Promise.reject(new Error('of no interest'));
      // What nobody who is careful would give.
      const { value } = await read({ onEvent: onEvent as never }).next();
      expect(value.records).toHaveLength(1);
    }));

  it('may stop the reader', () =>
    onStream(async ({ read, write }) => {
      await write(1);
      for (const type of ['started', 'shard-open', 'read'] as const) {
        const stopping: Promise<void>[] = [];
        const reader: StreamReader<StreamRecord> = read({
          onEvent: (event) => {
            if (event.type === type) stopping.push(reader.stop());
          },
        });
        expect(await reader.next()).toMatchObject({ done: true });
        await Promise.all(stopping);
      }
    }));
});

describe('a reader that is to be waited for', () => {
  it('keeps the process alive also while the children of its only shard are looked for', () =>
    onStream(
      async ({ arn, clock, openShard, simulator }) => {
        let holds = 0;
        const watched: Clock = {
          now: () => clock.now(),
          monotonicMs: () => clock.monotonicMs(),
          sleep(ms, options = {}) {
            if (options.background) return clock.sleep(ms, options);
            holds += 1;
            return clock.sleep(ms, options).finally(() => {
              holds -= 1;
            });
          },
        };
        const reader = new TableStream({ port: simulator.port(), arn, clock: watched }).read({ from: 'trim-horizon' });
        const { loop } = collect(reader);
        await reader.ready();
        simulator.roll(openShard());
        let idle = 0;
        for (let n = 0; n < 600; n += 1) {
          await clock.sleep(99.5);
          if (holds === 0) idle += 1;
        }
        // Now and then a question is under way.
        expect(idle).toBeLessThan(60);
        await reader.stop();
        await loop;
      },
      { caprices: { listingLagMs: [50_000, 50_000] } },
    ));
});

describe('a stream that is turned off', () => {
  it('is delivered whole, and then the loop says so', () =>
    onStream(async ({ read, simulator, tableName, write }) => {
      await write(1, 2);
      const reader = read();
      const { loop, seen } = collect(reader);
      const failing = expect(loop).rejects.toMatchObject({ code: 'ERR_STREAM', reason: 'ended' });
      await reader.ready();
      simulator.disable(tableName);
      await failing;
      expect(seen).toEqual([1, 2]);
    }));
});

describe('the beginning', () => {
  const failing = (code: string) => {
    const error = Object.assign(new Error(code), { code });
    const fail = () => Promise.reject(error);
    return {
      name: 'nobody',
      streamsOf: fail,
      describe: fail,
      iterator: fail,
      records: fail,
      spent: () => ({}) as never,
    };
  };
  const arn = 'arn:aws:dynamodb:eu-central-1:123456789012:table/state/stream/2026-01-01T00:00:00.000';

  it('at an endpoint where nobody is fails within five seconds', async () => {
    const clock = new VirtualClock();
    const stream = new TableStream({ port: failing('ECONNREFUSED'), arn, clock });
    await expect(clock.run(stream.read({ from: 'latest' }).next())).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(clock.monotonicMs()).toBeLessThanOrEqual(5_000);
  });

  it('bears lost answers for a minute', async () => {
    const clock = new VirtualClock();
    const stream = new TableStream({ port: failing('ECONNRESET'), arn, clock });
    await expect(clock.run(stream.read({ from: 'latest' }).next())).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(clock.monotonicMs()).toBeGreaterThan(30_000);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(60_000);
  });

  it('refuses what is wrong, and sends nothing', () =>
    onStream(async ({ read, simulator }) => {
      const before = simulator.port().spent();
      for (const [wrong, message] of [
        [{ from: undefined }, /from must be given/],
        [{ from: 'earliest' }, /from must be/],
        [{ from: null }, /from must be/],
        [{ from: {} }, /from must be/],
        [{ from: new Date(0) }, /give \{ since: date \}/],
        [{ from: { since: new Date(Number.NaN) } }, /valid Date/],
        [{ from: { since: '2026-01-01' } }, /valid Date/],
        [{ from: { since: new Date(0), after: '1' } }, /from must be/],
        [{ from: { after: 17 } }, /sequence number as text/],
        [{ from: { at: 'abc' } }, /sequence number as text/],
        [{ from: '{"v":1}' }, /decodeToken/],
        [{ from: { v: 2, stream: 'arn', shards: {} } }, /ERR_STREAM_TOKEN/],
        [{ from: { v: 1, stream: 'arn', shards: { a: 'b' } } }, /ERR_STREAM_TOKEN/],
        [{ checkpointer: 'path' }, /load and save/],
        [{ onEvent: 'log' }, /onEvent/],
        [{ parser: {} }, /parser/],
        [{ commit: 'never' }, /commit/],
        [{ onGap: 'skip' }, /onGap/],
        [{ bufferedBytesMax: 0 }, /bufferedBytesMax/],
        [{ batchRecordsMax: 1_001 }, /batchRecordsMax/],
        [{ saveMs: -1 }, /saveMs/],
      ] as const) {
        expect(() => read(wrong as never)).toThrow(message);
      }
      expect(simulator.port().spent()).toEqual(before);
    }));

  it('rethrows the reason of a signal', () =>
    onStream(async ({ clock, read }) => {
      const leaving = new AbortController();
      const { loop } = collect(read({ signal: leaving.signal }));
      await clock.sleep(1_000);
      leaving.abort(new Error('enough'));
      await expect(loop).rejects.toThrow('enough');
    }));
});

describe('a parser that answers later', () => {
  it('may do so by any kind of promise', () =>
    onStream(async ({ read, write }) => {
      await write(1);
      // biome-ignore lint/suspicious/noThenProperty: as promises of other libraries have it
      const parser = { parse: () => ({ then: (resolve: (value: string) => void) => resolve('later') }) };
      const reader = read({ parser: parser as never });
      expect((await reader.next()).value.records).toMatchObject([{ value: 'later' }]);
      await reader.stop();
    }));
});

describe('a parser that throws', () => {
  it('ends the loop at its record, which is not done', () =>
    onStream(async ({ read, write }) => {
      await write(1, 2, 3);
      const checkpointer = memoryCheckpointer();
      const parser = {
        parse(record: StreamRecord) {
          if (numberOf(record) === 2) throw new Error('no such thing');
          return record;
        },
      };
      const bad = read({ checkpointer, parser, batchRecordsMax: 1 });
      await bad.next();
      await expect(bad.next()).rejects.toMatchObject({ code: 'ERR_STREAM_PARSE', cause: { message: 'no such thing' } });
      const good = read({ checkpointer, batchRecordsMax: 1 });
      const { value } = await good.next();
      expect(value.records.map((change: { value: StreamRecord }) => numberOf(change.value))).toEqual([2]);
      await good.stop();
    }));
});

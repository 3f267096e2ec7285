// Goal: what a handler may rely on: order, awaiting, checkpoints behind it and not before, retries, what fails alone, ends of a shard.
// Method: one shard and one lease on a virtual clock; the lease's item tells what would be left if the process died now.
import { describe, expect, it } from '@jest/globals';
import { StreamGapError } from '../../../lib/streams/errors.js';
import type { GroupBatch, HandlerContext } from '../../../lib/streams/group/handler.js';
import { textOf } from '../../atom/bench.js';
import { behind, recordOf, sequenceOf, shardId, type Told, WorkBench } from './work-bench.js';

async function benchOf(count: number, keyOf: (n: number) => string = (n) => `k${n % 3}`): Promise<WorkBench> {
  const bench = new WorkBench();
  await bench.create();
  for (let n = 1; n <= count; n += 1) bench.shard.add(recordOf(n, keyOf(n), bench.nowMs));
  return bench;
}

const numbers = (batch: GroupBatch<Told>): number[] => batch.records.map(({ value }) => value.n);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** A handler that notes what it was given and fails as it is told. */
function noting(fails: (n: number, attempt: number) => boolean = () => false) {
  const done: number[] = [];
  const calls: number[][] = [];
  const handler = (batch: GroupBatch<Told>, { attempt }: HandlerContext) => {
    calls.push(numbers(batch));
    const bad = numbers(batch).find((n) => fails(n, attempt));
    if (bad !== undefined) throw new TypeError(`cannot do ${bad}`);
    done.push(...numbers(batch));
  };
  return { done, calls, handler };
}

describe('ShardWorker', () => {
  it('hands out all records in order, and stores the position behind them', async () => {
    const bench = await benchOf(500);
    const { done, handler } = noting();
    await bench.work(handler);
    await bench.clock.advance(2_000);
    expect(done).toEqual(upTo(500));
    expect((await bench.stored())?.position).toEqual(behind(500));
  });

  it('waits for the handler, and stores nothing of what it has not done', async () => {
    const bench = await benchOf(10);
    let finish: () => void = () => {};
    await bench.work(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    await bench.clock.advance(60_000);
    expect((await bench.stored())?.position).toBe('trim-horizon');
    finish();
    await bench.clock.advance(10);
    expect((await bench.stored())?.position).toEqual(behind(10));
  });

  it('saves at once after a pause, and then once an interval, never two at a time', async () => {
    const bench = await benchOf(0);
    await bench.work(noting().handler);
    const saves: number[] = [];
    for (let n = 1; n <= 40; n += 1) {
      bench.shard.add(recordOf(n, 'a', bench.nowMs));
      await bench.clock.advance(100);
      saves.push(bench.eventsOf('saved').length);
    }
    expect(saves[0]).toBe(1);
    expect(saves.at(-1)).toBeGreaterThanOrEqual(4);
    expect(saves.at(-1)).toBeLessThanOrEqual(5);
    await bench.clock.advance(60_000);
    const idle = bench.eventsOf('saved').length;
    await bench.clock.advance(600_000);
    expect(bench.eventsOf('saved')).toHaveLength(idle);
    expect((await bench.stored())?.position).toEqual(behind(40));
  });

  it('tries a batch again with the attempt in the context, whatever it throws, and pauses in between', async () => {
    const bench = await benchOf(5);
    const attempts: number[] = [];
    const times: number[] = [];
    const { done, handler } = noting((_n, attempt) => attempt < 4);
    await bench.work((batch, context) => {
      attempts.push(context.attempt);
      times.push(bench.clock.monotonicMs());
      return handler(batch, context);
    });
    await bench.clock.advance(120_000);
    expect(attempts).toEqual([1, 2, 3, 4]);
    expect(done).toEqual(upTo(5));
    const pauses = times.slice(1).map((at, index) => at - (times[index] as number));
    for (const [index, ms] of pauses.entries()) expect(ms).toBeLessThanOrEqual(200 * 2 ** index + 1);
    expect(bench.eventsOf('failure').map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  it('finds the record that fails, has those before it done, and parks the shard', async () => {
    const bench = await benchOf(100);
    const { done, calls, handler } = noting((n) => n === 78);
    bench.shard.pageMax = 100;
    await bench.work(handler, { errors: { retry: { attempts: 3 } } });
    await bench.clock.advance(300_000);
    expect(done).toEqual(upTo(77));
    expect(calls.length).toBeLessThanOrEqual(3 + 7 + 1);
    expect(bench.eventsOf('shard-parked')).toMatchObject([{ reason: 'cannot do 78', sequenceNumber: sequenceOf(78) }]);
    const stored = await bench.stored();
    expect(stored?.position).toEqual(behind(77));
    expect(stored?.work?.parked).toMatchObject({ at: sequenceOf(78) });
    expect(stored?.owner).toBeDefined();
  });

  it('goes on with a parked shard when it is told to, here or elsewhere', async () => {
    for (const elsewhere of [false, true]) {
      const bench = await benchOf(10);
      let isBad = true;
      const { done, handler } = noting((n) => isBad && n === 4);
      const { worker } = await bench.work(handler, { errors: { retry: { attempts: 1 } } });
      await bench.clock.advance(10_000);
      expect(done).toEqual([1, 2, 3]);
      isBad = false;
      if (elsewhere) {
        const atom = bench.leaseAtom(bench.table());
        const work = (state: Awaited<ReturnType<typeof atom.deref>>) => ({
          ...(state as NonNullable<typeof state>),
          work: {},
        });
        await bench.run(atom.swap(work));
      } else worker.unpark(false);
      await bench.clock.advance(10_000);
      expect(done).toEqual(upTo(10));
      expect((await bench.stored())?.work?.parked).toBeUndefined();
    }
  });

  it('stays parked under its next owner', async () => {
    const bench = await benchOf(10);
    const first = noting((n) => n === 4);
    await bench.work(first.handler, { errors: { retry: { attempts: 1 } } });
    await bench.clock.advance(10_000);
    const second = noting();
    const { worker } = await bench.work(second.handler);
    await bench.clock.advance(10_000);
    expect(second.calls).toEqual([]);
    expect(worker.status().isParked).toBe(true);
    worker.unpark(false);
    await bench.clock.advance(10_000);
    expect(second.done).toEqual([4, 5, 6, 7, 8, 9, 10]);
  });

  it('takes partial success at its word: before it done, it the one that fails', async () => {
    const bench = await benchOf(10);
    const seen: number[][] = [];
    await bench.work(
      (batch) => {
        seen.push(numbers(batch));
        const bad = batch.records.find(({ value }) => value.n === 7);
        return bad && { failedFrom: bad.meta.sequenceNumber };
      },
      { errors: { retry: { attempts: 2 }, exhausted: 'skip' } },
    );
    await bench.clock.advance(60_000);
    expect(seen).toEqual([upTo(10), [7, 8, 9, 10], [8, 9, 10]]);
    expect(bench.eventsOf('skipped')).toMatchObject([{ sequenceNumber: sequenceOf(7) }]);
    expect((await bench.stored())?.position).toEqual(behind(10));
  });

  it('takes a failedFrom that names nothing for a failure', async () => {
    const bench = await benchOf(2);
    await bench.work(() => ({ failedFrom: '7' }), { errors: { retry: { attempts: 1 } } });
    await bench.clock.advance(60_000);
    expect(bench.eventsOf('shard-parked')).toMatchObject([
      { reason: expect.stringContaining('failedFrom is no record') },
    ]);
  });

  it('skips what fails, and tells of it, where that was asked for', async () => {
    const bench = await benchOf(200);
    const { done, handler } = noting((n) => n % 50 === 0);
    await bench.work(handler, { errors: { retry: { attempts: 2 }, exhausted: 'skip' } });
    await bench.clock.advance(600_000);
    expect(done).toEqual(upTo(200).filter((n) => n % 50 !== 0));
    expect(bench.eventsOf('skipped')).toHaveLength(4);
    expect((await bench.stored())?.position).toEqual(behind(200));
  });

  it('does not try records again that are older than recordAgeMsMax', async () => {
    const bench = await benchOf(1);
    const { calls, handler } = noting(() => true);
    await bench.clock.advance(60_000);
    await bench.work(handler, { errors: { retry: { recordAgeMsMax: 30_000 }, exhausted: 'skip' } });
    await bench.clock.advance(60_000);
    expect(calls).toEqual([[1]]);
  });

  it('takes what the parser or the filter throws for a failure of that record alone', async () => {
    const bench = await benchOf(20);
    const { done, handler } = noting();
    const parser = {
      parse: ({ dynamodb }: { dynamodb?: { NewImage?: { n?: { N?: string } } } }) => {
        const n = Number(dynamodb?.NewImage?.n?.N);
        if (n === 5) throw new SyntaxError('what is this');
        return n === 6 ? undefined : { key: '', n };
      },
    };
    const filter = ({ value }: { value: Told }) => {
      if (value.n === 11) throw new Error('no idea');
      return value.n % 2 === 1;
    };
    await bench.work(handler, {
      reading: { parser: parser as never, filter },
      errors: { retry: { attempts: 2 }, exhausted: 'skip' },
    });
    await bench.clock.advance(60_000);
    expect(done).toEqual([1, 3, 7, 9, 13, 15, 17, 19]);
    expect(bench.eventsOf('skipped').map(({ sequenceNumber }) => sequenceNumber)).toEqual([
      sequenceOf(5),
      sequenceOf(11),
    ]);
    expect(bench.eventsOf('skipped')[0]?.error).toMatchObject({ code: 'ERR_STREAM_PARSE' });
    expect((await bench.stored())?.position).toEqual(behind(20));
  });

  it('keeps the order of each item with several lanes, and stores no further than what is done', async () => {
    const bench = await benchOf(300, (n) => `k${n % 17}`);
    const last = new Map<string, number>();
    let running = 0;
    let most = 0;
    await bench.work(
      async (batch) => {
        running += 1;
        most = Math.max(most, running);
        await bench.clock.sleep(1 + (batch.records.length % 7) * 10);
        for (const { value } of batch.records) {
          expect(value.n).toBeGreaterThan(last.get(value.key) ?? 0);
          last.set(value.key, value.n);
        }
        running -= 1;
        const { position } = (await bench.leaseAtom(bench.table()).deref()) ?? {};
        const stored =
          typeof position === 'object' && 'after' in position ? Number(BigInt(position.after) - 10n ** 20n) : 0;
        for (let n = 1; n <= stored; n += 1) expect(last.get(`k${n % 17}`) ?? 0).toBeGreaterThanOrEqual(n);
      },
      { concurrency: 4, batchRecordsMax: 5 },
    );
    await bench.clock.advance(60_000);
    expect(most).toBe(4);
    expect((await bench.stored())?.position).toEqual(behind(300));
    expect(Math.max(...last.values())).toBe(300);
  });

  it('waits for more records as long as it is told to', async () => {
    const bench = await benchOf(0);
    const { calls, handler } = noting();
    await bench.work(handler, { windowMs: 500, batchRecordsMax: 3 });
    await bench.clock.advance(10);
    bench.shard.add(recordOf(1, 'a', bench.nowMs));
    await bench.clock.advance(300);
    bench.shard.add(recordOf(2, 'a', bench.nowMs));
    expect(calls).toEqual([]);
    await bench.clock.advance(300);
    expect(calls).toEqual([[1, 2]]);
    bench.shard.add(recordOf(3, 'a', bench.nowMs), recordOf(4, 'a', bench.nowMs), recordOf(5, 'a', bench.nowMs));
    await bench.clock.advance(10);
    expect(calls).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
  });

  it('ends a shard once all of it is done', async () => {
    const bench = await benchOf(120);
    bench.shard.close();
    const { done, handler } = noting();
    const { worker } = await bench.work(handler, { childrenOf: async () => ['shardId-child'] });
    await bench.run(worker.ended);
    expect(done).toEqual(upTo(120));
    expect(await bench.stored()).toMatchObject({ position: 'end', children: ['shardId-child'] });
    expect(bench.eventsOf('shard-ended')).toHaveLength(1);
  });

  it('gives a shard up behind the handler that runs, and begins nothing more', async () => {
    const bench = await benchOf(100);
    const { done, handler } = noting();
    const { worker, lease } = await bench.work(async (batch, context) => {
      await bench.clock.sleep(5_000);
      return handler(batch, context);
    });
    await bench.clock.advance(1_000);
    lease.ask(30_000);
    await bench.run(worker.ended);
    expect(done).toEqual(upTo(50));
    const stored = await bench.stored();
    expect(stored?.position).toEqual(behind(50));
    expect(stored?.owner).toBeUndefined();
    const next = noting();
    await bench.work(next.handler);
    await bench.clock.advance(2_000);
    expect(next.done).toEqual(upTo(100).slice(50));
  });

  it('gives up a shard whose handler is paused between attempts, without waiting for the pause', async () => {
    const bench = await benchOf(5);
    const { worker, lease } = await bench.work(
      () => {
        throw new Error('no');
      },
      { errors: { retry: { attempts: 100, backoffMs: 30_000 } } },
    );
    await bench.clock.advance(10);
    lease.ask(30_000);
    const before = bench.clock.monotonicMs();
    await bench.run(worker.ended);
    expect(bench.clock.monotonicMs() - before).toBeLessThan(1_000);
    expect((await bench.stored())?.position).toBe('trim-horizon');
  });

  it('aborts a handler at the end of the time of a hand-over, which goes on from the last save', async () => {
    const bench = await benchOf(100);
    let signal: AbortSignal | undefined;
    const { worker, lease } = await bench.work((batch, context) => {
      if (numbers(batch)[0] === 1) return;
      signal = context.signal;
      return new Promise(() => {});
    });
    await bench.clock.advance(2_000);
    lease.ask(30_000);
    await bench.run(worker.ended);
    await bench.clock.advance(1_000);
    expect(signal?.aborted).toBe(true);
    expect(await bench.stored()).toMatchObject({ position: behind(50) });
    expect((await bench.stored())?.owner).toBeUndefined();
    expect(bench.eventsOf('shard-lost')).toMatchObject([{ reason: 'late' }]);
  });

  it('delivers and saves nothing more when the shard is lost', async () => {
    const bench = await benchOf(100);
    const { done, handler } = noting();
    let signal: AbortSignal | undefined;
    const { worker, lease } = await bench.work(async (batch, context) => {
      signal = context.signal;
      await bench.clock.sleep(1_000);
      return handler(batch, context);
    });
    await bench.clock.advance(500);
    lease.lose('silent');
    await bench.run(worker.ended);
    expect(signal?.aborted).toBe(true);
    await bench.clock.advance(10_000);
    expect(done).toEqual(upTo(50));
    expect((await bench.stored())?.position).toBe('trim-horizon');
    expect(bench.eventsOf('shard-lost')).toMatchObject([{ reason: 'silent' }]);
    expect(bench.eventsOf('batch')).toEqual([]);
  });

  it('cannot store anything any more once another has taken the shard', async () => {
    const bench = await benchOf(50);
    let finish: () => void = () => {};
    const { worker } = await bench.work(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    await bench.clock.advance(100);
    const next = noting();
    await bench.work(next.handler);
    await bench.clock.advance(2_000);
    finish();
    await bench.run(worker.ended);
    expect(bench.eventsOf('shard-lost')).toMatchObject([{ reason: 'taken' }]);
    expect(await bench.stored()).toMatchObject({ epoch: 2, position: behind(50) });
    expect(bench.fatal).toEqual([]);
  });

  it('tells of a handler that does not come to an end, aborts its signal, and keeps the shard', async () => {
    const bench = await benchOf(5);
    let signal: AbortSignal | undefined;
    const { worker } = await bench.work(
      (_batch, context) => {
        signal = context.signal;
        return new Promise(() => {});
      },
      { handlerMsMax: 60_000 },
    );
    await bench.clock.advance(3_600_000);
    expect(signal?.reason).toMatchObject({ name: 'TimeoutError' });
    expect(bench.eventsOf('handler-slow')).toHaveLength(1);
    expect(worker.status()).toMatchObject({ waiting: 5, handlerMs: 3_600_000 });
    expect((await bench.stored())?.owner).toBeDefined();
  });

  describe('at a gap', () => {
    const gapOf = () =>
      new StreamGapError('stream', { shardId, reason: 'trimmed', after: sequenceOf(3), lostSince: 5 });

    it('stops, in sight of all, until somebody says that it may be passed over', async () => {
      const bench = await benchOf(5);
      bench.shard.gap = gapOf();
      const { done, handler } = noting();
      const { worker } = await bench.work(handler);
      await bench.clock.advance(10_000);
      expect(done).toEqual([]);
      expect(bench.eventsOf('gap')).toMatchObject([{ action: 'stop', gap: { reason: 'trimmed' } }]);
      expect((await bench.stored())?.work).toMatchObject({
        parked: { reason: expect.stringContaining('ERR_STREAM_GAP') },
        gap: { after: sequenceOf(3) },
      });
      worker.unpark(false);
      await bench.clock.advance(10_000);
      expect(done).toEqual([]);
      worker.unpark(true);
      await bench.clock.advance(10_000);
      expect(done).toEqual(upTo(5));
      const work = (await bench.stored())?.work;
      expect(work?.parked).toBeUndefined();
      expect(work?.gaps).toMatchObject([{ reason: 'trimmed' }]);
    });

    it.each([
      ['continue', 'continue' as const],
      ['a function that says so', async () => 'continue' as const],
    ])('goes on with %s, and keeps it in the lease', async (_name, onGap) => {
      const bench = await benchOf(5);
      bench.shard.gap = gapOf();
      const { done, handler } = noting();
      await bench.work(handler, { onGap });
      await bench.clock.advance(10_000);
      expect(done).toEqual(upTo(5));
      expect((await bench.stored())?.work?.gaps).toMatchObject([{ reason: 'trimmed' }]);
    });

    it('stops when the function fails that is to decide', async () => {
      const bench = await benchOf(5);
      bench.shard.gap = gapOf();
      const { done, handler } = noting();
      await bench.work(handler, {
        onGap: () => {
          throw new Error('undecided');
        },
      });
      await bench.clock.advance(10_000);
      expect(done).toEqual([]);
      expect(bench.eventsOf('shard-parked')).toHaveLength(1);
    });
  });

  it('drops records of the group itself, and stores nothing for them', async () => {
    const bench = await benchOf(20, () => 'group#g');
    const { calls, handler } = noting();
    await bench.work(handler, { isOwnRecord: ({ dynamodb }) => textOf(dynamodb?.Keys?.id) === 'group#g' });
    await bench.clock.advance(60_000);
    expect(calls).toEqual([]);
    expect(bench.eventsOf('saved')).toEqual([]);
  });

  it('tells of the age of what waits, and of none when nothing does', async () => {
    const bench = await benchOf(3);
    let finish: () => void = () => {};
    let lagMs = 0;
    const { worker } = await bench.work((_batch, context) => {
      lagMs = context.lagMs();
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await bench.clock.advance(90_000);
    expect(lagMs).toBe(0);
    expect(worker.status().ageMs).toBe(90_000);
    finish();
    await bench.clock.advance(90_000);
    expect(worker.status()).toMatchObject({ ageMs: 0, waiting: 0, handlerMs: undefined });
    expect((await bench.stored())?.work).toMatchObject({ isCaughtUp: true });
  });
});

/**
 * Goal: what those who put jobs and those who work on them rely on. Method: each "process" is an `AtomTable` with its session on one
 * memory engine, under a clock that runs by itself.
 */
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Engine, FaultyEngine, MemoryEngine } from '../../lib/engine/index.js';
import { Session, type SessionOptions } from '../../lib/recipes/index.js';
import { WorkQueue, type WorkQueueOptions } from '../../lib/recipes/unstable-work-queue/index.js';
import { noSegment, prefixOf, type SegmentState } from '../../lib/recipes/unstable-work-queue/queue-state.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { dyingEngine, isWriteStep, steppedEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

const leaseMs = 10_000;

async function world() {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  const process = (options: SessionOptions & WorkQueueOptions & { engine?: Engine } = {}) => {
    const table = new AtomTable({ engine: options.engine ?? engine, tableName: 'state', clock });
    const session = new Session(table, { leaseMs, ...options });
    return { table, session, queue: new WorkQueue<string>(session, 'mails', options) };
  };
  const first = process();
  await first.table.create();
  /** Somebody with rights on the table. */
  const byHand = (key: string) => new AtomTable({ engine, tableName: 'state', clock }).atom<object>(key);
  const keys = async () => {
    const all: string[] = [];
    for await (const key of first.table.keys()) all.push(String(key).split(':')[0] as string);
    return all.filter((kind) => kind !== 'session').sort();
  };
  const run = <R>(work: () => Promise<R>) => clock.run(work());
  return { clock, engine, process, first, run, byHand, keys };
}

/** Takes and acknowledges until nothing comes any more; what came. */
async function drain(queue: WorkQueue<string>): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const job = await queue.take({ waitMs: 2_000 });
    if (job === undefined) return all;
    all.push(job.payload);
    await job.ack();
  }
}

describe('put()', () => {
  it('puts jobs that are handed out in their order, and once', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      for (const payload of ['a', 'b', 'c']) await first.queue.put(payload);
      expect(await drain(process().queue)).toEqual(['a', 'b', 'c']);
      expect(await drain(first.queue)).toEqual([]);
    });
  });

  it('writes a job before anything names it', async () => {
    const { engine, process, run } = await world();
    const writes: string[] = [];
    const stepped = steppedEngine(engine, (step) => {
      if (isWriteStep(step)) writes.push(step.text);
      return undefined;
    });
    const { queue } = process({ engine: stepped });
    await run(async () => {
      await queue.put('first');
      writes.length = 0;
      const id = await queue.put('second');
      expect(writes.map((text) => text.includes('second'))).toEqual([true, false]);
      expect(writes.every((text) => text.includes(id))).toBe(true);
    });
  });

  it('loses none of many that are put at once by several processes, over several segments, and leaves little behind', async () => {
    const { clock, process, run, keys } = await world();
    await run(async () => {
      const payloads = Array.from({ length: 120 }, (_, i) => `p${i}`).sort();
      const putters = [process(), process(), process()];
      await Promise.all(payloads.map((payload, i) => (putters[i % 3] as (typeof putters)[0]).queue.put(payload)));
      const workers = [process(), process(), process()];
      const taken = await Promise.all(workers.map(({ queue }) => drain(queue)));
      expect(taken.flat().sort()).toEqual(payloads);
      await clock.sleep(5_000);
      expect(await keys()).toEqual(['work-queue', 'work-queue-segment']);
    });
  });

  it('finds the queue also when the segment that its process knows is done and gone', async () => {
    const { clock, first, process, run, keys } = await world();
    await run(async () => {
      const other = process();
      await first.queue.put('a');
      for (let i = 0; i < 49; i += 1) await other.queue.put('x');
      expect(await drain(other.queue)).toHaveLength(50);
      await clock.sleep(2_000);
      expect(await keys()).toEqual(['work-queue']);
      await first.queue.put('b');
      await first.table.transact((tx) => first.queue.putIn(tx, 'c'));
      expect(await drain(other.queue)).toEqual(['b', 'c']);
    });
  });

  it('is undone with its transaction', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      const { table, queue } = first;
      const order = table.atom<string>('order');
      const put = (payload: string, fails: boolean) =>
        table.transact(async (tx) => {
          await tx.reset(order, payload);
          await queue.putIn(tx, payload);
          if (fails) throw new RangeError('no');
        });
      for (const [i, payload] of ['a', 'b', 'c'].entries()) await put(payload, i === 1).catch(() => {});
      for (let i = 0; i < 60; i += 1) await put(`p${i}`, false);
      expect(await drain(process().queue)).toEqual(['a', 'c', ...Array.from({ length: 60 }, (_, i) => `p${i}`)]);
    });
  });

  it('refuses what is no job, group, name or option, and items of others', async () => {
    const { first, process, run, byHand } = await world();
    const { session, queue } = first;
    expect(() => new WorkQueue(session, '')).toThrow(RangeError);
    expect(() => new WorkQueue(session, 'x'.repeat(401))).toThrow('name must have 1 to 400 bytes: 401');
    expect(new WorkQueue(session, 'x'.repeat(400)).deadLetters.name).toHaveLength(405);
    expect(() => new WorkQueue(session, 'x', { deliveriesMax: 0 })).toThrow(
      'deliveriesMax must be a positive integer: 0',
    );
    await run(async () => {
      await expect(queue.put(undefined as never)).rejects.toThrow('undefined is not a value');
      await expect(queue.put('a', { group: 7 as never })).rejects.toThrow('group must be a string: number');
      await expect(queue.put('a', { group: '' })).rejects.toThrow('group must have 1 to 128 bytes: 0');
      expect(() => queue.take({ waitMs: -1 })).toThrow('waitMs must be a number of at least 0: -1');
      await queue.put('a');
      const other = process({ deliveriesMax: 3 }).queue;
      await expect(other.put('b')).rejects.toMatchObject({ code: 'ERR_RECIPE_DIFFERS', given: 3, stored: 5 });
      await expect(other.take()).rejects.toMatchObject({ code: 'ERR_RECIPE_DIFFERS' });
      const job = await queue.take();
      await expect(job.nack({ delayMs: -1 })).rejects.toThrow('delayMs must be a number of at least 0: -1');
      await byHand('work-queue:other').reset({ kind: 'lock' });
      await expect(new WorkQueue(session, 'other').put('a')).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
      await expect(new WorkQueue(session, 'other').take()).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
    });
  });

  it('refuses more than its head can name', async () => {
    const { first, run, byHand } = await world();
    await run(async () => {
      await first.queue.put('a');
      const segments = Array.from({ length: 1_000 }, (_, i) => `s${i}`);
      await byHand('work-queue:mails').swap((state) => ({ ...state, segments }));
      await expect(first.queue.put('b', { timeoutMs: 5_000 })).resolves.toEqual(expect.any(String));
      const late = (await world()).first;
      expect(late).toBeDefined();
      const other = new WorkQueue(first.session, 'full');
      await byHand('work-queue:full').reset({ kind: 'work-queue', segments, deliveriesMax: 5 });
      await expect(other.put('b')).rejects.toMatchObject({
        code: 'ERR_QUEUE_FULL',
        outcome: 'not-done',
        jobsMax: 50_000,
      });
    });
  });
});

describe('take()', () => {
  it('hands a job out to one, tells how often it was, and again when it is given back', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      const id = await first.queue.put('a');
      const job = await first.queue.take();
      expect([job.id, job.payload, job.deliveries, job.isHeld, job.group]).toEqual([id, 'a', 1, true, undefined]);
      const other = process();
      expect(await other.queue.tryTake()).toBeUndefined();
      expect(await job.nack()).toBe(true);
      expect([job.isHeld, await job.nack()]).toEqual([false, false]);
      const again = await other.queue.take();
      expect([again.id, again.deliveries]).toEqual([id, 2]);
      expect([await job.ack(), await job.nack(), await first.queue.tryTake()]).toEqual([false, false, undefined]);
      expect(await again.ack()).toBe(true);
      expect(await again.ack()).toBe(true);
      expect(await other.queue.tryTake()).toBeUndefined();
    });
  });

  it('gives those who wait here a job each, in their order, as soon as it is put', async () => {
    const { clock, first, run } = await world();
    await run(async () => {
      const order: string[] = [];
      const waiting = ['one', 'two', 'three'].map(async (who) =>
        order.push(`${who} ${(await first.queue.take()).payload}`),
      );
      await clock.sleep(5_000);
      const startedAt = clock.monotonicMs();
      for (const payload of ['a', 'b', 'c']) await first.queue.put(payload);
      await Promise.all(waiting);
      expect(order).toEqual(['one a', 'two b', 'three c']);
      expect(clock.monotonicMs() - startedAt).toBeLessThan(50);
    });
  });

  it('takes over what the dead held, after a lease', async () => {
    const { clock, first, process, run } = await world();
    await run(async () => {
      await first.queue.put('a');
      const silent = process({ renewal: 'manual' });
      const lost = await silent.queue.take();
      const startedAt = clock.monotonicMs();
      const job = await first.queue.take();
      expect(clock.monotonicMs() - startedAt).toBeGreaterThanOrEqual(leaseMs);
      expect(clock.monotonicMs() - startedAt).toBeLessThan(leaseMs + 2_500);
      expect([job.deliveries, lost.isHeld, lost.signal.aborted]).toEqual([2, false, true]);
      expect([await lost.nack(), await lost.ack()]).toEqual([false, false]);
      expect(await job.ack()).toBe(true);
    });
  });

  it('finds what the dead held also for one that only ever tries', async () => {
    const { clock, first, process, run } = await world();
    await run(async () => {
      await first.queue.put('a');
      await process({ renewal: 'manual' }).queue.take();
      expect(await first.queue.tryTake()).toBeUndefined();
      await clock.sleep(1.3 * leaseMs);
      expect((await first.queue.tryTake())?.deliveries).toBe(2);
    });
  });

  it('finds what the dead held also for one whose own lease is shorter, and who tries again and again', async () => {
    const { clock, first, process, run } = await world();
    await run(async () => {
      await first.queue.put('a');
      await process({ renewal: 'manual' }).queue.take();
      const { queue } = process({ leaseMs: 500 });
      let tries = 0;
      while (tries < 18 && (await queue.tryTake()) === undefined) {
        tries += 1;
        await clock.sleep(1_000);
      }
      expect([tries > leaseMs / 1_000 - 2, tries < 18]).toEqual([true, true]);
    });
  });

  it('gives up after waitMs or by its signal, and then holds nothing', async () => {
    const { clock, first, process, run } = await world();
    await run(async () => {
      const stop = new AbortController();
      const aborted = first.queue.take({ signal: stop.signal });
      expect(await first.queue.take({ waitMs: 3_000 })).toBeUndefined();
      stop.abort('enough');
      await expect(aborted).rejects.toBe('enough');
      await expect(first.queue.take({ signal: stop.signal })).rejects.toBe('enough');
      // The claim is under way when its caller goes.
      await first.queue.put('a');
      const leaving = new AbortController();
      const taking = first.queue.take({ signal: leaving.signal }).catch(() => {});
      for (let i = 0; i < 3; i += 1) await Promise.resolve();
      leaving.abort();
      await taking;
      await clock.sleep(2_000);
      expect((await process().queue.take()).deliveries).toBe(1);
    });
  });

  it('holds nothing for one who leaves, at whatever moment of a hand-over', async () => {
    const { clock, first, process, run } = await world();
    const { queue } = first;
    const heir = process().queue;
    await run(async () => {
      for (let turns = 0; turns < 200; turns += 1) {
        await queue.put(`p${turns}`);
        const leaving = new AbortController();
        const taking = queue.take({ signal: leaving.signal }).catch(() => undefined);
        for (let turn = 0; turn < turns; turn += 1) await null;
        leaving.abort();
        const taken = await taking;
        if (taken === undefined) await clock.sleep(1_000);
        const job = taken ?? (await heir.tryTake());
        expect([turns, job?.payload]).toEqual([turns, `p${turns}`]);
        await job?.ack();
      }
    });
  });

  it('rejects when the table is closed, also with nothing to look at', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      const { table, queue } = process();
      await first.queue.put('a');
      const job = await queue.take();
      const waiting = queue.take().catch((error) => error.code);
      await job.nack({ delayMs: 60_000 });
      await table.close();
      expect(await waiting).toBe('ERR_CLOSED');
      await expect(queue.put('b')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
      const idle = process();
      const nothing = new WorkQueue(idle.session, 'other').take().catch((error) => error.code);
      await idle.table.close();
      expect(await nothing).toBe('ERR_CLOSED');
    });
  });

  it('rejects when the session is closed', async () => {
    const { first, run } = await world();
    await run(async () => {
      await first.session.close();
      await expect(first.queue.take()).rejects.toMatchObject({ code: 'ERR_SESSION_CLOSED' });
    });
  });

  it('gives back a claim of which it could not learn in time whether it is one', async () => {
    const { clock, engine, first, process, run } = await world();
    await run(async () => {
      await first.queue.put('a');
      const deaf = new FaultyEngine(engine, { clock });
      const worker = process({ engine: deaf, leaseMs: 600_000 });
      await worker.session.lease();
      deaf.setRules([{ fault: { kind: 'reset-after' }, on: ['put'] }]);
      const taking = worker.queue.take({ waitMs: 120_000 });
      await clock.sleep(60_000);
      deaf.setRules([]);
      expect((await taking)?.deliveries).toBe(1);
    });
  });

  it('believes an entry whose job is not to be seen yet', async () => {
    const { clock, first, process, run, byHand } = await world();
    await run(async () => {
      await first.queue.put('a');
      await (await first.queue.take()).ack();
      const [segment] = ((await byHand('work-queue:mails').deref()) as { segments: string[] }).segments;
      await byHand(`work-queue-segment:mails:${segment}`).swap((state) => ({
        ...state,
        count: 2,
        entries: ['x', 'y'],
      }));
      const taking = process().queue.take({ waitMs: 60_000 });
      await clock.sleep(3_000);
      await byHand('work-queue-job:mails:y').reset({
        kind: 'work-queue-job',
        state: 'ready',
        deliveries: 0,
        payload: 'late',
      });
      expect((await taking)?.payload).toBe('late');
    });
  });
});

describe('prefixOf()', () => {
  it('ends at a segment that was read as not full, since the one behind it may have been read later', () => {
    const segment = (entries: readonly string[]) => ({ ...noSegment, isOpen: true, count: entries.length, entries });
    const full = segment(Array.from({ length: 50 }, (_, i) => `f${i}`));
    const ids = (...segments: SegmentState[]) => prefixOf(segments).map(({ id }) => id);
    expect(ids(segment(['a']), segment(['b']))).toEqual(['a']);
    expect(ids(full, segment(['b', 'b g', 'c']))).toHaveLength(52);
    // One that is gone is done with, and hides nothing.
    expect(ids(noSegment, segment(['b']))).toEqual(['b']);
  });
});

describe('group', () => {
  it('has one job out at a time, in the order of puts, whoever takes', async () => {
    const { clock, first, process, run } = await world();
    await run(async () => {
      for (let i = 0; i < 70; i += 1) await first.queue.put(`a${i}`, { group: 'a' });
      await first.queue.put('b0', { group: 'b with a space' });
      const worked: string[] = [];
      let inA = 0;
      const worker = async () => {
        const { queue } = process();
        for (;;) {
          const job = await queue.take({ waitMs: 3_000 });
          if (job === undefined) return;
          if (job.group === 'a') inA += 1;
          expect(inA).toBeLessThanOrEqual(1);
          await clock.sleep(20);
          worked.push(job.payload);
          if (job.group === 'a') inA -= 1;
          if (job.payload === 'a3' && job.deliveries < 3) await job.nack({ delayMs: 500 });
          else await job.ack();
        }
      };
      await Promise.all([worker(), worker(), worker()]);
      const ofA = worked.filter((payload) => payload !== 'b0');
      expect(ofA.filter((payload, i) => payload !== ofA[i - 1])).toEqual(Array.from({ length: 70 }, (_, i) => `a${i}`));
      expect(ofA.filter((payload) => payload === 'a3')).toHaveLength(3);
      expect(worked.indexOf('b0')).toBeLessThan(5);
    });
  });
});

describe('Job', () => {
  it('comes back after delayMs at the earliest', async () => {
    const { clock, first, process, run } = await world();
    await run(async () => {
      await first.queue.put('a');
      await first.queue.put('b');
      await (await first.queue.take()).nack({ delayMs: 5_000 });
      const startedAt = clock.monotonicMs();
      const other = process().queue;
      expect((await other.take()).payload).toBe('b');
      expect((await other.take()).payload).toBe('a');
      expect(clock.monotonicMs() - startedAt).toBeGreaterThanOrEqual(5_000);
      expect(clock.monotonicMs() - startedAt).toBeLessThan(6_500);
    });
  });

  it('is given back at the end of its block, unless it was acknowledged', async () => {
    const { first, run } = await world();
    await run(async () => {
      await first.queue.put('a');
      {
        await using job = await first.queue.take();
        expect(job.deliveries).toBe(1);
      }
      {
        await using job = await first.queue.take();
        expect(job.deliveries).toBe(2);
        await job.ack();
      }
      expect(await first.queue.tryTake()).toBeUndefined();
    });
  });

  it('tells one who was too late that another has done it, and one who asks again that it has', async () => {
    const { first, process, run } = await world();
    const dead = process({ renewal: 'manual' }).queue;
    await run(async () => {
      await first.queue.put('a');
      const late = await dead.take();
      const job = await first.queue.take();
      expect([job.deliveries, await job.ack(), await job.ack()]).toEqual([2, true, true]);
      expect([await late.ack(), await late.nack()]).toEqual([false, false]);
    });
  });

  it('is given back later when it could not be at the end of its block', async () => {
    const { clock, engine, first, process, run } = await world();
    await run(async () => {
      await first.queue.put('a');
      const cut = new FaultyEngine(engine, { clock });
      const other = process({ engine: cut, leaseMs: 600_000 });
      const job = await other.queue.take();
      cut.setRules([{ fault: { kind: 'throttle' }, on: ['put'] }]);
      await job[Symbol.asyncDispose]();
      cut.setRules([]);
      await clock.sleep(10_000);
      expect((await first.queue.tryTake())?.deliveries).toBe(2);
      expect((await other.session.lease()).isLive()).toBe(true);
    });
  });

  it('is acknowledged together with its effects, or not at all', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      const sent = first.table.atom<number>('sent', { initial: 0 });
      await first.queue.put('a');
      const silent = process({ renewal: 'manual' });
      const slow = await silent.queue.take();
      const job = await first.queue.take();
      await first.table.transact(async (tx) => {
        await job.ackIn(tx);
        await tx.swap(sent, (n) => n + 1);
      });
      const late = silent.table.transact(async (tx) => {
        await slow.ackIn(tx);
        await tx.swap(silent.table.atom<number>('sent', { initial: 0 }), (n) => n + 1);
      });
      await expect(late).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'taken' });
      await job[Symbol.asyncDispose]();
      expect(await sent.deref()).toBe(1);
      expect(await first.queue.tryTake()).toBeUndefined();
    });
  });
});

describe('deadLetters', () => {
  it('has what came back too often, with the reason, and can be tried again', async () => {
    const { clock, process, run } = await world();
    await run(async () => {
      const { table, queue } = process({ deliveriesMax: 2 });
      const id = await queue.put('bad', { group: 'g' });
      await queue.put('good', { group: 'g' });
      await (await queue.take()).nack({ reason: 'first' });
      await (await queue.take()).nack({ reason: 'second' });
      expect((await queue.take()).payload).toBe('good');
      const letter = await queue.deadLetters.take();
      expect([letter.id, letter.group, letter.payload]).toEqual([
        ...[id, 'g', { payload: 'bad', deliveries: 2, reason: 'second' }],
      ]);
      for (let i = 0; i < 7; i += 1) await letter.nack();
      const again = await queue.deadLetters.take();
      await table.transact(async (tx) => {
        await again.ackIn(tx);
        await queue.putIn(tx, again.payload.payload);
      });
      const other = process({ deliveriesMax: 2 }).queue;
      expect((await other.take()).payload).toBe('bad');
      expect(await other.deadLetters.tryTake()).toBeUndefined();
      await clock.sleep(1);
    });
  });

  it('has what killed its workers', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      await first.queue.put('poison');
      for (let i = 0; i < 5; i += 1) await process({ renewal: 'manual' }).queue.take();
      expect(await first.queue.take({ waitMs: 2 * leaseMs })).toBeUndefined();
      expect((await first.queue.deadLetters.take()).payload).toEqual({
        payload: 'poison',
        deliveries: 5,
        reason: undefined,
      });
    });
  });
});

describe('WorkQueue', () => {
  it('costs three requests to put, one to acknowledge, and four to take', async () => {
    const { first, run } = await world();
    await run(async () => {
      const spent = async (work: () => Promise<unknown>) => {
        const before = first.table.spent();
        await work();
        const after = first.table.spent();
        return [after.requests - before.requests, after.writeUnits - before.writeUnits];
      };
      await first.queue.put('a');
      expect(await spent(() => first.queue.put('b'))).toEqual([3, 2]);
      let job = await first.queue.take();
      expect(await spent(() => job.ack())).toEqual([1, 1]);
      expect(
        await spent(async () => {
          job = await first.queue.take();
        }),
      ).toEqual([4, 1]);
    });
  });

  it('works in a table with a sort key', async () => {
    const { clock, engine, run } = await world();
    await run(async () => {
      const table = new AtomTable({ engine, tableName: 'sorted', clock, keyName: 'pk', sortKeyName: 'sk' });
      await table.create();
      const queue = new WorkQueue<string>(new Session(table), 'mails');
      await queue.put('a');
      expect(await drain(queue)).toEqual(['a']);
    });
  });

  it('gets over the death of a putter and of a worker at each of their requests', async () => {
    const counts: number[] = [];
    for (const when of ['before', 'after'] as const) {
      for (let at = 0; ; at += 1) {
        const { engine, process, first, run } = await world();
        const isOver = await run(async () => {
          await first.queue.put('a', { group: 'g' });
          const dying = dyingEngine(engine, at, when);
          const mortal = process({ engine: dying.engine, renewal: 'manual' });
          let acked = false;
          const life = (async () => {
            await mortal.queue.put('mortal');
            acked = await (await mortal.queue.take()).ack();
            return true;
          })();
          const end = await Promise.race([life, dying.died.then(() => false)]);
          await first.queue.put('b', { group: 'g' });
          const left: string[] = [];
          for (;;) {
            const job = await first.queue.take({ waitMs: 1.5 * leaseMs });
            if (job === undefined) break;
            left.push(job.payload);
            await job.ack();
          }
          // Its own ack may have come in although it never heard of it.
          const ofGroup = left.filter((payload) => payload !== 'mortal');
          expect([['a', 'b'], ['b']]).toContainEqual(ofGroup);
          if (acked) expect(ofGroup).toEqual(['b']);
          return end;
        });
        if (isOver) {
          counts.push(at);
          break;
        }
      }
    }
    expect(counts).toEqual([12, 12]);
  });
});

describe('WorkQueue on all engines', () => {
  onEngines((stage) => {
    it('hands jobs of one process to another, in the order of their group, and puts them in transactions', async () => {
      const name = stage.name();
      const [session, rival] = [stage.table, stage.rival].map((table) => new Session(table)) as [Session, Session];
      const [here, there] = [new WorkQueue<string>(session, name), new WorkQueue<string>(rival, name)];
      for (const payload of ['a', 'b']) await here.put(payload, { group: 'g' });
      const job = await there.take();
      expect([job.payload, await here.tryTake()]).toEqual(['a', undefined]);
      expect(await job.nack()).toBe(true);
      expect(await (await there.take()).ack()).toBe(true);
      const next = await here.take();
      const moving = stage.table.transact(async (tx) => {
        await next.ackIn(tx);
        await here.putIn(tx, 'c');
      });
      if (stage.supports.transactions) {
        await moving;
        expect((await there.take()).payload).toBe('c');
      } else {
        await expect(moving).rejects.toMatchObject({ code: 'ERR_ENGINE_LACKS_TRANSACTIONS' });
        expect(await next.ack()).toBe(true);
      }
      await Promise.all([session.close(), rival.close()]);
    });
  });
});

// Goal: what a caller of `Once` relies on: one result per key, waits or not by choice, payloads, failures, expiry, transactions, costs.
// Method: each engine with two processes; the memory engine under a virtual clock for all that takes time.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../lib/atom/index.js';
import {
  InProgressError,
  Once,
  once,
  PayloadMismatchError,
  Session,
  type SessionOptions,
} from '../../lib/recipes/index.js';
import { type Bench, breathe, openBench, outcomeOf } from '../atom/bench.js';
import { onEngines } from './on-engines.js';

const sessionOf = (table: AtomTable, options: SessionOptions = {}) =>
  new Session(table, { leaseMs: 15_000, renewal: 'manual', ...options });

/** A promise that is settled by hand. */
function gate<T = void>() {
  let open: (value: T) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

const kinds: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a text', ''],
  ['NaN', Number.NaN],
  ['-0', -0],
  ['a bigint', 12345678901234567890n],
  ['a date', new Date(0)],
  ['a Map in a Set', new Set([new Map([[{ a: 1 }, [1, undefined]]])])],
  ['bytes', new Uint8Array([1, 2, 3])],
  ['a RegExp', /a+/gi],
  ['a URL', new URL('https://example.com/?a=1')],
  ['an error as a value', new RangeError('no', { cause: new TypeError('why') })],
  ['an object', { a: [1, { b: null }], c: { d: new Date(5) } }],
];

onEngines((stage) => {
  describe('Once', () => {
    it('runs a function once, and gives its result to all who ask', async () => {
      const a = new Once(sessionOf(stage.table), stage.name());
      const b = new Once(sessionOf(stage.rival), a.name);
      let runs = 0;
      const work = () => {
        runs += 1;
        return { runs };
      };
      const results = await Promise.all([a.run('k', work), a.run('k', work), b.run('k', work), b.run('k', work)]);
      expect(results).toEqual([{ runs: 1 }, { runs: 1 }, { runs: 1 }, { runs: 1 }]);
      expect(await b.run('other', work)).toEqual({ runs: 2 });
      expect(await a.look('k')).toMatchObject({ state: 'done', pid: process.pid });
      expect((await a.look('none')).state).toBe('none');
    });

    it.each(kinds)('keeps a result that is %s', async (_kind, value) => {
      const name = stage.name();
      const first = await new Once(sessionOf(stage.table), name).run('k', () => value);
      const later = await new Once(sessionOf(stage.rival), name).run('k', () => 'again');
      expect(first).toEqual(value);
      expect(later).toEqual(value);
    });

    it('keeps a result that does not fit an item', async () => {
      const name = stage.name();
      // Noise, as what compresses well needs no parts.
      let x = 1;
      const text = Array.from({ length: 90_000 }, () => {
        x = (x * 48_271) % 2_147_483_647;
        return x.toString(36);
      }).join('');
      expect(text.length).toBeGreaterThan(450_000);
      await new Once(sessionOf(stage.table), name).run('k', () => ({ text }));
      const later = await new Once(sessionOf(stage.rival), name).run('k', () => ({ text: '' }));
      expect(later.text === text).toBe(true);
    });

    it('refuses another payload, and writes nothing', async () => {
      const once = new Once(sessionOf(stage.table), stage.name());
      await once.run('k', () => 1, { payload: { a: 1, b: [2] } });
      expect(await once.run('k', () => 2, { payload: { b: [2], a: 1 } })).toBe(1);
      expect(await once.run('k', () => 2)).toBe(1);
      const { writeUnits } = await stage.cost(async () => {
        const refused = once.run('k', () => 2, { payload: { a: 2, b: [2] } });
        await expect(refused).rejects.toThrow(PayloadMismatchError);
        await expect(refused).rejects.toMatchObject({
          code: 'ERR_PAYLOAD_MISMATCH',
          key: `once:${once.name}/k`,
          outcome: 'not-done',
        });
        await expect(once.transact('k', () => 2, { payload: 2 })).rejects.toThrow(PayloadMismatchError);
      });
      expect(writeUnits).toBe(0);
    });

    it('costs three requests the first time, and a read later', async () => {
      const session = sessionOf(stage.table);
      const once = new Once(session, stage.name());
      expect((await stage.cost(() => once.run('a', () => 1))).sent.slice(2)).toEqual(['get', 'put', 'put']);
      expect(await stage.cost(() => once.run('b', () => 1))).toEqual({
        sent: ['get', 'put', 'put'],
        readUnits: 1,
        writeUnits: 2,
      });
      expect(await stage.cost(() => once.run('b', () => 1))).toEqual({ sent: ['get'], readUnits: 1, writeUnits: 0 });
      expect((await stage.cost(() => once.look('b'))).sent).toEqual(['get']);
      expect((await stage.cost(() => once.forget('b'))).writeUnits).toBe(1);
      const rivals = sessionOf(stage.rival);
      const rival = new Once(rivals, once.name);
      const { promise, open } = gate();
      const running = rival.run('busy', () => promise);
      while ((await rival.look('busy')).state !== 'running');
      const { sent } = await stage.cost(() => once.run('busy', () => 1, { waitMs: 0 }).catch(() => {}));
      expect(sent.slice(0, 2)).toEqual(['get', 'get']);
      open();
      await running;
      // Who is over is observed no longer.
      await rivals.close();
    });

    it('makes effects and result in one transaction, once', async () => {
      const session = sessionOf(stage.table);
      const once = new Once(session, stage.name());
      const stock = stage.table.atom<number>(`${once.name}-stock`, { initial: 10 });
      // A store without transactions takes those of one atom.
      const take = (by: Once) =>
        by.transact('k', async (tx, { attempt }) => ({
          left: stage.supports.transactions ? await tx.swap(stock, (n) => n - 1) : 9,
          attempt,
        }));
      expect(await take(once)).toEqual({ left: 9, attempt: 1 });
      expect(await take(once)).toEqual({ left: 9, attempt: 1 });
      expect(await new Once(sessionOf(stage.rival), once.name).run('k', () => 0)).toEqual({ left: 9, attempt: 1 });
      if (stage.supports.transactions) expect(await stock.deref()).toBe(9);
      const { sent } = await stage.cost(() => once.transact('cheap', () => 1));
      expect(sent).toEqual(['get', 'put']);
      await expect(
        once.transact('fails', () => {
          throw new RangeError('no');
        }),
      ).rejects.toThrow('no');
      expect((await once.look('fails')).state).toBe('none');
    });
  });
});

describe('Once', () => {
  let bench: Bench;
  let sessions: Session[];
  const open = (options: ConstructorParameters<typeof Once>[2] = {}, sessionOptions: SessionOptions = {}) => {
    const session = new Session(bench.table(), { leaseMs: 15_000, ...sessionOptions });
    sessions.push(session);
    return new Once(session, 'job', options);
  };

  beforeEach(async () => {
    bench = await openBench();
    sessions = [];
  });

  it('tells that a call is running at once, or after a wait, by choice', async () => {
    const [a, b] = [open(), open()];
    const { promise, open: end } = gate<string>();
    const running = a.run('k', () => promise);
    await bench.clock.advance(100);
    const busy = b.run('k', () => 'b', { waitMs: 0 });
    await expect(bench.run(busy)).rejects.toMatchObject({
      code: 'ERR_IN_PROGRESS',
      key: 'once:job/k',
      waitMs: 0,
      pid: process.pid,
      retryable: true,
    });
    const startedAt = bench.clock.monotonicMs();
    await expect(bench.run(b.run('k', () => 'b', { waitMs: 5_000 }))).rejects.toThrow(InProgressError);
    expect(bench.clock.monotonicMs() - startedAt).toBe(5_000);
    await expect(bench.run(a.run('k', () => 'a2', { waitMs: 0 }))).rejects.toThrow(InProgressError);
    await expect(bench.run(b.transact('k', () => 'b', { waitMs: 0 }))).rejects.toThrow(InProgressError);
    const waiting = outcomeOf(b.run('k', () => 'b'));
    const waitingToo = outcomeOf(b.transact('k', () => 'b'));
    end('a');
    await bench.run(Promise.all([running, waiting.done, waitingToo.done]));
    expect([waiting.value, waitingToo.value]).toEqual(['a', 'a']);
  });

  it('takes over from a session that is silent for a lease, under a larger token, and drops what comes late', async () => {
    const a = open({}, { renewal: 'manual' });
    const b = open();
    const { promise, open: end } = gate<string>();
    const seen: { token: bigint; attempt: number; signal: AbortSignal }[] = [];
    const zombie = a.run('k', (context) => {
      seen.push(context);
      return promise;
    });
    await bench.clock.advance(1_000);
    const startedAt = bench.clock.monotonicMs();
    const result = await bench.run(
      b.run('k', (context) => {
        seen.push(context);
        return 'heir';
      }),
    );
    expect(result).toBe('heir');
    expect(bench.clock.monotonicMs() - startedAt).toBeGreaterThanOrEqual(15_000);
    expect(bench.clock.monotonicMs() - startedAt).toBeLessThanOrEqual(17_000);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(seen[1]?.token).toBeGreaterThan(seen[0]?.token as bigint);
    expect(seen[0]?.signal.aborted).toBe(true);
    const commits = bench.commits.length;
    end('zombie');
    expect(await bench.run(zombie)).toBe('heir');
    const late = bench.commits.slice(commits).filter(({ key }) => JSON.stringify(key).includes('once:'));
    expect(late).toEqual([]);
  });

  it('is taken over by calls that never wait', async () => {
    const a = open({}, { renewal: 'manual' });
    const b = open();
    void a.run('k', () => new Promise(() => {}));
    await bench.clock.advance(1_000);
    const attempt = () => b.run('k', () => 'b', { waitMs: 0 }).catch(({ code }) => code as string);
    expect(await bench.run(attempt())).toBe('ERR_IN_PROGRESS');
    await bench.clock.advance(17_000);
    expect(await bench.run(attempt())).toBe('b');
  });

  it.each([
    ['never wait', { waitMs: 0 }],
    ['wait for a moment', { waitMs: 7 }],
    ['wait for less than a lease', { waitMs: 1_500 }],
    ['leave by their signal', { leaveMs: 1_500 }],
  ] as const)('is taken over by calls that %s, whoever has the longer lease', async (_how, how) => {
    const { clock } = bench;
    // In the moment that some wait there is time for one answer, and not for two.
    bench.faulty.setRules([{ fault: { kind: 'delay', delayMs: 5 } }]);
    open({}, { renewal: 'manual', leaseMs: 20_000 })
      .run('k', () => new Promise(() => {}))
      .catch(() => {});
    const b = open({}, { leaseMs: 1_000 });
    await clock.advance(1_000);
    const call = async () => {
      if ('waitMs' in how) return b.run('k', () => 'b', how);
      const leave = new AbortController();
      void clock.sleep(how.leaveMs).then(() => leave.abort(new Error('left')));
      return b.run('k', () => 'b', { signal: leave.signal });
    };
    const attempt = async () => {
      const told = await call().catch(({ code, message }) => (code ?? message) as string);
      await clock.sleep(1_000);
      return told;
    };
    const told = new Set<string>();
    const begin = clock.monotonicMs();
    while (clock.monotonicMs() - begin < 28_000 && !told.has('b')) told.add(await bench.run(attempt()));
    expect([...told]).toEqual(['waitMs' in how ? 'ERR_IN_PROGRESS' : 'left', 'b']);
    expect(clock.monotonicMs() - begin).toBeGreaterThanOrEqual(18_000);
  });

  it('takes over at once from a session that was closed', async () => {
    const a = open();
    const b = open();
    const { promise, open: end } = gate<string>();
    const left = outcomeOf(a.run('k', () => promise));
    await bench.clock.advance(1_000);
    const closedAt = bench.clock.monotonicMs();
    const taken = b.run('k', () => 'b');
    await breathe();
    await bench.run((sessions[0] as Session).close());
    expect(await bench.run(taken)).toBe('b');
    expect(bench.clock.monotonicMs() - closedAt).toBeLessThanOrEqual(1_100);
    end('a');
    await bench.run(left.done);
    expect(left.error).toMatchObject({ code: 'ERR_SESSION_CLOSED' });
  });

  it('stores the result of a run whose lease has ended, when nobody has taken over', async () => {
    const a = open({}, { renewal: 'manual' });
    const { promise, open: end } = gate<string>();
    const running = a.run('k', () => promise);
    await bench.clock.advance(60_000);
    end('late, and first');
    expect(await bench.run(running)).toBe('late, and first');
    expect(await bench.run(open().run('k', () => 'again'))).toBe('late, and first');
  });

  it('forgets a result after ttlMs, counted from when it was stored; what runs does not expire', async () => {
    const [a, b] = [open({ ttlMs: 60_000 }), open({ ttlMs: 60_000 })];
    const { promise, open: end } = gate<string>();
    const running = a.run('k', () => promise, { payload: 1 });
    await bench.clock.advance(10 * 60_000);
    await expect(bench.run(b.run('k', () => 'b', { waitMs: 0 }))).rejects.toThrow(InProgressError);
    end('a');
    await bench.run(running);
    await bench.clock.advance(59_000);
    expect(await bench.run(b.run('k', () => 'b'))).toBe('a');
    await bench.clock.advance(1_000);
    expect((await bench.run(b.look('k'))).state).toBe('none');
    const again = gate();
    const second = b.run('k', ({ attempt }) => again.promise.then(() => `b${attempt}`), { payload: 2 });
    await bench.clock.advance(10 * 60_000);
    await expect(bench.run(a.run('k', () => 'a', { waitMs: 0 }))).rejects.toThrow(InProgressError);
    again.open();
    expect(await bench.run(second)).toBe('b1');
  });

  it('is found to run for days, whatever ttlMs is', async () => {
    const [a, b] = [open({ ttlMs: 1_000 }, { leaseMs: 3_600_000 }), open({ ttlMs: 1_000 }, { leaseMs: 3_600_000 })];
    const { promise, open: end } = gate<string>();
    const running = a.run('k', () => promise);
    // Each time later than the item would have vanished, had nobody written it again.
    for (let days = 2; days <= 4; days += 2) {
      await bench.clock.advance(2 * 86_400_000);
      await expect(bench.run(b.run('k', () => 'b', { waitMs: 0 }))).rejects.toThrow(InProgressError);
    }
    end('a');
    expect(await bench.run(running)).toBe('a');
    await bench.clock.advance(2 * 86_400_000);
    expect(await bench.run(bench.calm().atom('once:job/k').deref())).toBe(undefined);
  });

  it('stores the result of a run that outlived its item', async () => {
    const a = open({ ttlMs: 1_000 }, { leaseMs: 3_600_000 });
    const { promise, open: end } = gate<string>();
    let runs = 0;
    const work = () => {
      runs += 1;
      return promise;
    };
    const running = a.run('k', work, { payload: 1 });
    await bench.clock.advance(1_000);
    await bench.run(bench.calm().atom('once:job/k').delete());
    end('a');
    expect(await bench.run(running)).toBe('a');
    expect(runs).toBe(1);
    const again = open({ ttlMs: 1_000 }).run('k', () => 'b', { payload: 2 });
    await expect(bench.run(again)).rejects.toThrow(PayloadMismatchError);
  });

  it('does not take an item that has vanished and whose lease is over for its own', async () => {
    const a = open({ ttlMs: 1_000 }, { renewal: 'manual' });
    const { promise, open: end } = gate<string>();
    let runs = 0;
    const running = a.run('k', async () => {
      runs += 1;
      return runs === 1 ? promise : 'again';
    });
    await bench.clock.advance(3 * 86_400_000);
    end('a');
    // Others may have begun, stored a result and forgotten it in the meantime.
    expect(await bench.run(running)).toBe('again');
  });

  it('gives larger tokens also when the item has vanished', async () => {
    const tokens: bigint[] = [];
    const work = ({ token }: { token: bigint }) => tokens.push(token);
    await bench.run(open({ ttlMs: 1_000 }, { renewal: 'manual' }).run('k', work));
    await bench.clock.advance(3 * 86_400_000);
    const item = await bench.item('once:job/k');
    if (item !== undefined) await bench.run(bench.memory.delete({ table: 'state', key: { id: { S: 'once:job/k' } } }));
    await bench.run(open({ ttlMs: 1_000 }).run('k', work));
    expect(tokens[1]).toBeGreaterThan(tokens[0] as bigint);
  });

  describe('when the function throws', () => {
    class Declined extends Error {
      override name = 'Declined';
      readonly code = 'card_declined';
      readonly details = { reason: 'funds' };
    }
    const fails = () => {
      throw new Declined('no funds');
    };

    it('throws that, keeps nothing, and runs again, with another payload too', async () => {
      const a = open();
      const thrown = await bench.run(a.run('k', fails, { payload: 1 }).catch((error) => error));
      expect(thrown).toBeInstanceOf(Declined);
      expect(await bench.run(open().run('k', ({ attempt }) => attempt, { payload: 2 }))).toBe(2);
    });

    it('lets one of those who wait run it', async () => {
      const [a, b] = [open(), open()];
      const { promise, fail } = gate();
      const first = outcomeOf(a.run('k', () => promise));
      let runs = 0;
      const work = () => {
        runs += 1;
        return runs;
      };
      const others = Promise.all([a.run('k', work), b.run('k', work), b.run('k', work)]);
      await bench.clock.advance(500);
      fail(new Declined('no'));
      expect(await bench.run(others)).toEqual([1, 1, 1]);
      expect(first.error).toBeInstanceOf(Declined);
    });

    it('keeps failures by choice, as far as they have a stored form', async () => {
      const keepFailures = (error: unknown) => error instanceof Declined;
      const a = open({ keepFailures, ttlMs: 1_000 });
      await expect(bench.run(a.run('k', fails))).rejects.toBeInstanceOf(Declined);
      const kept = await bench.run(
        open({ keepFailures, ttlMs: 1_000 })
          .run('k', () => 1)
          .catch((error) => error),
      );
      expect(kept).toBeInstanceOf(Error);
      expect({ ...kept, message: kept.message, name: kept.name }).toEqual({
        name: 'Declined',
        message: 'no funds',
        code: 'card_declined',
      });
      expect((await bench.run(a.look('k'))).state).toBe('failed');
      await expect(
        bench.run(
          a.run('other', () => {
            throw new RangeError('not this one');
          }),
        ),
      ).rejects.toThrow('not this one');
      expect((await bench.run(a.look('other'))).state).toBe('none');
      await bench.clock.advance(1_000);
      expect(await bench.run(a.run('k', () => 1))).toBe(1);
      const all = open({ keepFailures: true, ttlMs: 1_000 });
      await expect(bench.run(all.run('text', () => Promise.reject('just a text')))).rejects.toBe('just a text');
      await expect(bench.run(all.run('text', () => 1))).rejects.toThrow('just a text');
    });

    it('keeps no failure that has no stored form, and is in nobody’s way', async () => {
      const a = open({ keepFailures: true });
      const failure = Object.assign(new Error('no'), { '\ud800': 'half a pair is no name' });
      await expect(bench.run(a.run('k', () => Promise.reject(failure)))).rejects.toBe(failure);
      await bench.clock.advance(2_000);
      expect(await bench.run(open().run('k', ({ attempt }) => attempt, { waitMs: 0 }))).toBe(2);
    });

    it('keeps nothing of a run that was told to stop', async () => {
      const a = open({ keepFailures: true });
      const end = new AbortController();
      const running = a.run(
        'k',
        ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        { signal: end.signal },
      );
      await bench.clock.advance(100);
      end.abort(new Error('enough'));
      await expect(bench.run(running)).rejects.toThrow('enough');
      expect(await bench.run(a.run('k', () => 1))).toBe(1);
    });

    it('forgets the run when it is the choice itself that throws', async () => {
      const a = open({
        keepFailures: () => {
          throw new TypeError('cannot choose');
        },
      });
      await expect(bench.run(a.run('k', fails))).rejects.toThrow('cannot choose');
      expect(await bench.run(a.run('k', () => 1))).toBe(1);
    });
  });

  it('says that a result cannot be stored, and runs again', async () => {
    const a = open();
    const refused = bench.run(a.run('k', () => () => 1));
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_RESULT_NOT_STORED',
      outcome: 'done',
      retryable: false,
      cause: { code: 'ERR_UNSUPPORTED_VALUE' },
    });
    expect(await bench.run(a.run('k', ({ attempt }) => attempt))).toBe(2);
  });

  it('stores a result in the background when the store does not answer in time', async () => {
    const session = new Session(bench.table({ retry: { timeoutMs: 2_000 } }), { leaseMs: 60_000 });
    const a = new Once(session, 'job');
    const { promise, open: end } = gate<string>();
    const running = outcomeOf(a.run('k', () => promise));
    await bench.clock.advance(100);
    bench.faulty.setRules([{ fault: { kind: 'unreachable' }, on: 'writes' }]);
    end('a');
    await bench.run(running.done);
    expect(running.error).toMatchObject({ code: 'ERR_RESULT_NOT_STORED', outcome: 'unknown', retryable: true });
    bench.faulty.setRules([]);
    await bench.clock.advance(10_000);
    expect(await bench.run(open().run('k', () => 'again', { waitMs: 0 }))).toBe('a');
  });

  it('keeps a result that was stored in the background for all of ttlMs', async () => {
    const session = new Session(bench.table({ retry: { timeoutMs: 2_000 } }), { leaseMs: 3_600_000 });
    const a = new Once(session, 'job', { ttlMs: 60_000 });
    const running = outcomeOf(
      a.run('k', () => {
        bench.faulty.setRules([{ fault: { kind: 'unreachable' }, on: 'writes' }]);
        return 'a';
      }),
    );
    await bench.clock.advance(120_000);
    expect(running.error).toMatchObject({ code: 'ERR_RESULT_NOT_STORED', outcome: 'unknown' });
    bench.faulty.setRules([]);
    await bench.clock.advance(10_000);
    expect(await bench.run(open({ ttlMs: 60_000 }).run('k', () => 'again'))).toBe('a');
  });

  it('is not in its own way after a beginning whose answer was lost for good', async () => {
    const session = new Session(bench.table({ retry: { timeoutMs: 1_000 } }), { leaseMs: 3_600_000 });
    const a = new Once(session, 'job');
    await bench.run(session.lease());
    let runs = 0;
    const work = ({ attempt }: { attempt: number }) => {
      runs += 1;
      return `a${attempt}`;
    };
    bench.faulty.setRules([
      { fault: { kind: 'reset-after' }, on: 'writes' },
      { fault: { kind: 'reset-before' }, on: 'reads', after: 1 },
    ]);
    await expect(bench.run(a.run('k', work))).rejects.toMatchObject({ outcome: 'unknown' });
    expect(runs).toBe(0);
    bench.faulty.setRules([]);
    expect(await bench.run(a.run('k', work, { waitMs: 0 }))).toMatch(/^a[12]$/);
    bench.faulty.setRules([]);
    expect(runs).toBe(1);
    expect(await bench.run(open().run('k', work, { waitMs: 0 }))).toMatch(/^a[12]$/);
  });

  it('gives up by its signal, and leaves nothing behind', async () => {
    const [a, b] = [open(), open()];
    const { promise, open: end } = gate<string>();
    const running = a.run('k', () => promise);
    await bench.clock.advance(100);
    const stop = new AbortController();
    const waiting = outcomeOf(b.run('k', () => 'b', { signal: stop.signal }));
    await bench.clock.advance(1_000);
    stop.abort(new Error('enough'));
    await bench.run(waiting.done);
    expect(waiting.error).toMatchObject({ message: 'enough' });
    await expect(b.run('k', () => 'b', { signal: stop.signal })).rejects.toThrow('enough');
    end('a');
    expect(await bench.run(running)).toBe('a');
    await bench.run(Promise.all(sessions.map((session) => session.close())));
    await bench.clock.advance(1_000);
    expect(bench.clock.pending).toBe(0);
  });

  it('goes on waiting when its own lease is lost, and runs under the next one', async () => {
    const a = open();
    const b = open({}, { renewal: 'manual' });
    const { promise, fail } = gate<string>();
    const first = outcomeOf(a.run('k', () => promise));
    await bench.clock.advance(100);
    const waiting = b.run('k', ({ signal }) => `b ${signal.aborted}`);
    await bench.clock.advance(60_000);
    fail(new Error('no'));
    expect(await bench.run(waiting)).toBe('b false');
    await first.done;
  });

  it('forgets a result by hand, and nothing that runs', async () => {
    const a = open();
    expect(await bench.run(a.forget('k'))).toBe(false);
    await bench.run(a.run('k', () => 1));
    expect(await bench.run(a.forget('k'))).toBe(true);
    const { promise, open: end } = gate<number>();
    let runs = 0;
    const running = a.run('k', () => {
      runs += 1;
      return promise;
    });
    await bench.clock.advance(100);
    expect(await bench.run(a.forget('k'))).toBe(false);
    end(2);
    expect(await bench.run(running)).toBe(2);
    expect(runs).toBe(1);
  });

  it('keeps keys and names apart, and equal values together', async () => {
    const session = new Session(bench.table());
    const long = { text: 'x'.repeat(5_000), list: [1, { b: 2, a: 1 }] };
    const longToo = { list: [1, { a: 1, b: 2 }], text: 'x'.repeat(5_000) };
    const calls: [string, unknown][] = [
      ['a/b', 'c'],
      ['a', 'b/c'],
      ['a%2Fb', 'c'],
      ['a', { n: 1 }],
      ['a', '{"n":1}'],
      ['a', 1],
      ['a', '1'],
      ['a', long],
      ['a', { ...long, more: 1 }],
      ['a', `${long.text}\ud800`],
      ['a', `${long.text}\ud801`],
    ];
    const results: unknown[] = [];
    for (const [i, [name, key]] of calls.entries())
      results.push(await bench.run(once(session, key, () => i, { name })));
    expect(results).toEqual(calls.map((_, i) => i));
    expect(await bench.run(once(session, longToo, () => 'again', { name: 'a' }))).toBe(7);
    expect(await bench.run(once(session, 'plain', () => 'first'))).toBe('first');
    expect(await bench.run(new Once(session, 'call').run('plain', () => 'again'))).toBe('first');
  });

  it('refuses wrong arguments before it sends anything', async () => {
    const session = new Session(bench.table());
    const a = new Once(session, 'job');
    expect(() => new Once(session, '')).toThrow(RangeError);
    expect(() => new Once(session, '/'.repeat(100))).toThrow(/name must have at most 200 bytes: 300/);
    expect(() => new Once(session, 7 as never)).toThrow(TypeError);
    for (const ttlMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1' as never]) {
      expect(() => new Once(session, 'job', { ttlMs })).toThrow(/ttlMs/);
    }
    expect(() => new Once(session, 'job', { keepFailures: 1 as never })).toThrow(TypeError);
    for (const key of [undefined, null, '']) {
      await expect(a.run(key, () => 1)).rejects.toThrow(/key must name the call/);
      await expect(a.look(key)).rejects.toThrow(TypeError);
      await expect(a.forget(key)).rejects.toThrow(TypeError);
    }
    await expect(a.run('k', 1 as never)).rejects.toThrow(/must be given a function/);
    await expect(a.transact('k', undefined as never)).rejects.toThrow(TypeError);
    await expect(a.run('k', () => 1, { waitMs: -1 })).rejects.toThrow(RangeError);
    await expect(a.run('k', () => 1, { payload: () => 1 })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' });
    expect(bench.commits).toEqual([]);
    await bench.run(bench.calm().atom('once:job/k').reset({ kind: 'lock' }));
    await expect(bench.run(a.run('k', () => 1))).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
    await bench.run(session.close());
    await expect(a.run('other', () => 1)).rejects.toMatchObject({ code: 'ERR_SESSION_CLOSED' });
  });
});

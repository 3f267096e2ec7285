/**
 * Goal: what candidates, leaders and observers rely on. Method: each "process" is an `AtomTable` with its session on one memory engine,
 * under a clock that runs by itself.
 */
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Engine, engineFaultRules, FaultyEngine, MemoryEngine } from '../../lib/engine/index.js';
import {
  Election,
  type ElectionOptions,
  type Observed,
  Session,
  type SessionOptions,
} from '../../lib/recipes/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

async function world() {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  const process = (options: SessionOptions & ElectionOptions & { engine?: Engine } = {}) => {
    const table = new AtomTable({ engine: options.engine ?? engine, tableName: 'state', clock });
    const session = new Session(table, { leaseMs: 10_000, ...options });
    return { table, session, election: new Election<string>(session, 'scheduler', options) };
  };
  const first = process();
  await first.table.create();
  /** Somebody with rights on the table. */
  const byHand = (key: string) => new AtomTable({ engine, tableName: 'state', clock }).atom<object>(key);
  const run = <R>(work: () => Promise<R>) => clock.run(work());
  return { clock, engine, process, first, run, byHand };
}

/** What an observer sees until `enough`. */
async function seen(election: Election<string>, enough: (one: Observed<string>) => boolean): Promise<string[]> {
  const all: string[] = [];
  for await (const one of election.observe()) {
    all.push(`${one.term} ${one.leader?.value}`);
    if (enough(one)) break;
  }
  return all;
}

describe('campaign()', () => {
  it('makes a leader with its value, in a term that grows with each', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      expect([one.term, one.token, one.isLeader, one.name]).toEqual([1n, 1n, true, 'scheduler']);
      expect(await process().election.leader()).toMatchObject({ term: 1n, value: 'a', session: expect.any(String) });
      expect(await one.resign()).toBe(true);
      expect(await first.election.leader()).toBeUndefined();
      const two = await process().election.campaign();
      expect(two.term).toBe(2n);
      expect((await first.election.leader())?.value).toBeUndefined();
    });
  });

  it('lets candidates lead in the order in which they stood, each with its value', async () => {
    const { first, process, run, clock } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      const order: string[] = [];
      const stand = async (name: string) => {
        const leadership = await process().election.campaign(name);
        order.push(`${leadership.term} ${name} ${(await first.election.leader())?.value}`);
        await leadership.resign();
      };
      const rest = [];
      for (const name of ['b', 'c', 'd']) {
        rest.push(stand(name));
        await clock.sleep(100);
      }
      await one.resign();
      await Promise.all(rest);
      expect(order).toEqual(['2 b b', '3 c c', '4 d d']);
    });
  });

  it('gives up after waitMs, and leaves no ticket behind', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      await expect(process().election.campaign('b', { waitMs: 500 })).rejects.toMatchObject({
        code: 'ERR_LOCK_TIMEOUT',
        message: expect.stringContaining('election scheduler'),
      });
      await one.resign();
      expect(await first.election.leader()).toBeUndefined();
    });
  });
});

describe('proclaim()', () => {
  it('changes the value within the term, and removes it when there is none', async () => {
    const { first, run } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      await one.proclaim('b');
      expect(await first.election.leader()).toMatchObject({ term: 1n, value: 'b' });
      await one.proclaim();
      expect((await first.election.leader())?.value).toBeUndefined();
    });
  });

  it('is refused in a term that has ended for others, and changes nothing', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      const silent = process({ renewal: 'manual' });
      const one = await silent.election.campaign('a');
      const two = await first.election.campaign('b');
      expect([one.isLeader, two.isLeader]).toEqual([false, true]);
      await expect(one.proclaim('late')).rejects.toMatchObject({
        code: 'ERR_NOT_LEADER',
        outcome: 'not-done',
        term: 1n,
      });
      expect(await first.election.leader()).toMatchObject({ term: 2n, value: 'b' });
    });
  });

  it('is refused once the own lease has ended, although nobody else leads yet', async () => {
    const { first, process, run, clock } = await world();
    await run(async () => {
      const one = await process({ renewal: 'manual' }).election.campaign('a');
      await clock.sleep(8_500);
      await expect(one.proclaim('late')).rejects.toMatchObject({ code: 'ERR_NOT_LEADER', leader: undefined });
      expect(await first.election.leader()).toMatchObject({ term: 1n, value: 'a' });
    });
  });

  it('finds out that another one leads although the own clock says nothing yet', async () => {
    const { first, process, run, byHand } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      const { id } = await first.session.lease();
      await byHand(`session:${id}`).swap((state) => ({ ...state, state: 'expired' }));
      const two = await process().election.campaign('b');
      expect(one.isLeader).toBe(true);
      const error = await one.proclaim('late').catch((e: unknown) => e);
      expect(error).toMatchObject({
        code: 'ERR_NOT_LEADER',
        leader: { term: 2n, value: 'b' },
        cause: { code: 'ERR_LEASE_LOST', reason: 'taken' },
      });
      expect([one.isLeader, one.signal.aborted, two.isLeader]).toEqual([false, true, true]);
      expect(() => one.assertLeader()).toThrow('leads in term 2');
    });
  });

  it('is refused after it resigned', async () => {
    const { first, run } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      await one.resign();
      await expect(one.proclaim('b')).rejects.toThrow('in term 1: this process resigned; stop');
      expect(one.loss).toBeUndefined();
    });
  });
});

describe('extend()', () => {
  it('renews the lease, so that it lasts on without a timer', async () => {
    const { first, process, run, clock } = await world();
    await run(async () => {
      const one = await process({ renewal: 'manual' }).election.campaign('a');
      for (let i = 0; i < 3; i += 1) {
        await clock.sleep(7_000);
        await one.extend();
      }
      expect(one.isLeader).toBe(true);
      expect(await first.election.leader()).toMatchObject({ term: 1n });
    });
  });

  it('finds out that it was taken away, of which the own clock knows nothing', async () => {
    const { first, process, run, byHand } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      await one.extend();
      await byHand('election:scheduler').swap((state) => ({ ...state, owner: null }));
      const two = await process().election.campaign('b');
      expect(one.isLeader).toBe(true);
      await expect(one.extend()).rejects.toMatchObject({
        code: 'ERR_NOT_LEADER',
        leader: { term: two.term, value: 'b' },
        cause: { code: 'ERR_LEASE_LOST', reason: 'taken', token: 1n },
      });
      expect([one.isLeader, one.signal.aborted]).toEqual([false, true]);
    });
  });

  it('is refused once the own lease has ended, and after it resigned; nothing is sent', async () => {
    const { process, run, clock } = await world();
    await run(async () => {
      const { election, table } = process({ renewal: 'manual' });
      const one = await election.campaign('a');
      await clock.sleep(8_500);
      const before = table.spent().requests;
      await expect(one.extend()).rejects.toMatchObject({ code: 'ERR_NOT_LEADER', cause: { code: 'ERR_LEASE_LOST' } });
      expect(table.spent().requests).toBe(before);
      const two = await process().election.campaign('b');
      await two.resign();
      await expect(two.extend()).rejects.toThrow('this process resigned');
    });
  });

  it('leaves it as it is when the store does not answer', async () => {
    const { process, engine, run, clock } = await world();
    await run(async () => {
      const faulty = new FaultyEngine(engine, { clock, seed: 1, rules: [] });
      const mortal = process({ engine: faulty, renewal: 'manual', leaseMs: 60_000 });
      const one = await mortal.election.campaign('a');
      faulty.setRules(engineFaultRules('reset-before', 1));
      await expect(one.extend()).rejects.toMatchObject({ code: 'ERR_DEADLINE' });
      expect(one.isLeader).toBe(true);
      faulty.setRules([]);
      await one.extend();
    });
  });
});

describe('check()', () => {
  it('commits a transaction only while the item names the leadership', async () => {
    const { first, process, run, byHand } = await world();
    const { table, election } = first;
    const plan = table.atom<number>('plan', { initial: 0 });
    await run(async () => {
      const one = await election.campaign('a');
      const act = () =>
        table.transact((tx) => {
          void one.check(tx);
          return tx.swap(plan, (n) => n + 1);
        });
      expect(await act()).toBe(1);
      const next = process()
        .election.campaign('b', { waitMs: 1_000 })
        .catch(() => undefined);
      expect(await act()).toBe(2);
      await next;
      await byHand('election:scheduler').swap((state) => ({ ...state, owner: null }));
      const two = await process().election.campaign('c');
      expect(one.isLeader).toBe(true);
      await expect(act()).rejects.toMatchObject({
        code: 'ERR_NOT_LEADER',
        leader: { term: two.term, value: 'c' },
        cause: { code: 'ERR_LEASE_LOST', reason: 'taken' },
      });
      expect([one.isLeader, await plan.deref()]).toEqual([false, 2]);
      await expect(act()).rejects.toMatchObject({ code: 'ERR_NOT_LEADER' });
      await two.resign();
    });
  });

  it('refuses the transaction of another table', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      const elsewhere = process().table.transact((tx) => one.check(tx));
      await expect(elsewhere).rejects.toThrow(TypeError);
    });
  });
});

describe('guard()', () => {
  it('is the condition for an item of the leader under its term, and no one may have it who leads no longer', async () => {
    const { first, run } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      expect(one.guard().attributes).toEqual({ fence: 1, fenceOf: 'election:scheduler' });
      expect(one.guard({ client: 'plain', tokenAttribute: 'term' }).attributes).toEqual({
        term: { N: '1' },
        fenceOf: { S: 'election:scheduler' },
      });
      await one.resign();
      expect(() => one.guard()).toThrow('this process resigned');
    });
  });
});

describe('observe()', () => {
  it('sees terms, values and vacancies, and never an older term', async () => {
    const { first, process, run, clock } = await world();
    await run(async () => {
      const observer = process();
      const all = seen(observer.election, ({ term, leader }) => term === 2n && leader === undefined);
      const one = await first.election.campaign('a');
      await clock.sleep(2_000);
      await one.proclaim('b');
      await clock.sleep(2_000);
      await one.resign();
      await clock.sleep(2_000);
      const two = await first.election.campaign('c');
      await clock.sleep(2_000);
      await two.resign();
      expect(await all).toEqual(['0 undefined', '1 a', '1 b', '1 undefined', '2 c', '2 undefined']);
    });
  });

  it('tells nothing when candidates come and go', async () => {
    const { first, process, run, clock } = await world();
    await run(async () => {
      const one = await first.election.campaign('a');
      const all = seen(process().election, ({ leader }) => leader === undefined);
      await process()
        .election.campaign('b', { waitMs: 3_000 })
        .catch(() => {});
      await clock.sleep(2_000);
      await one.resign();
      expect(await all).toEqual(['1 a', '1 undefined']);
    });
  });

  it('passes over an item that has begun anew, since its terms are old', async () => {
    const { first, process, run, clock, byHand } = await world();
    await run(async () => {
      for (const value of ['a', 'b']) await (await first.election.campaign(value)).resign();
      const all = seen(process().election, ({ leader }) => leader?.value === 'e');
      await clock.sleep(2_000);
      await byHand('election:scheduler').delete();
      for (const value of ['c', 'd', 'e']) {
        const leadership = await first.election.campaign(value);
        await clock.sleep(2_000);
        await leadership.resign();
      }
      expect(await all).toEqual(['2 undefined', '2 d', '3 e']);
    });
  });

  it('ends with the reason of its signal', async () => {
    const { first, run } = await world();
    await run(async () => {
      const stop = new AbortController();
      const loop = async () => {
        for await (const _one of first.election.observe({ signal: stop.signal })) stop.abort('enough');
      };
      await expect(loop()).rejects.toBe('enough');
    });
  });
});

describe('lead()', () => {
  it('runs the function while it leads, hands over, and stands again until its signal aborts', async () => {
    const { process, run, clock } = await world();
    await run(async () => {
      const stop = new AbortController();
      const log: string[] = [];
      const lead = (name: string) =>
        process().election.lead(
          async (leadership, signal) => {
            log.push(`${name}${leadership.term}`);
            if (log.length === 4) stop.abort();
            else await clock.sleep(1_000, { signal });
            leadership.assertLeader();
          },
          { value: name, signal: stop.signal },
        );
      await Promise.all([lead('a'), lead('b')]);
      expect(log).toEqual(['a1', 'b2', 'a3', 'b4']);
      expect(await process().election.leader()).toBeUndefined();
    });
  });

  it('tells the function of a loss, waits for it, takes its error for a consequence, and stands again', async () => {
    const { first, process, run, clock } = await world();
    await run(async () => {
      const stop = new AbortController();
      const log: string[] = [];
      const frozen = process({ renewal: 'manual' });
      const led = frozen.election.lead(
        async (leadership, signal) => {
          log.push(`leads ${leadership.term}`);
          if (leadership.term > 1n) return stop.abort();
          await clock.sleep(60_000, { signal }).catch(() => {});
          log.push(`lost ${leadership.loss?.name} after ${clock.monotonicMs()}`);
          await clock.sleep(5_000);
          log.push('ends');
          throw new Error('of whatever it was about');
        },
        { signal: stop.signal },
      );
      const two = await first.election.campaign('b');
      await clock.sleep(5_000);
      await two.resign();
      await led;
      expect(log).toEqual(['leads 1', 'lost LeaseLostError after 8000', 'ends', 'leads 3']);
    });
  });

  it('resigns and rejects when the function fails', async () => {
    const { first, run } = await world();
    await run(async () => {
      const failure = new Error('no such port');
      await expect(first.election.lead(() => Promise.reject(failure))).rejects.toBe(failure);
      expect(await first.election.leader()).toBeUndefined();
    });
  });

  it('throws an error that is no abort although its signal has aborted', async () => {
    const { first, run } = await world();
    await run(async () => {
      const stop = new AbortController();
      const failing = first.election.lead(
        () => {
          stop.abort();
          throw new RangeError('a bug');
        },
        { signal: stop.signal },
      );
      await expect(failing).rejects.toThrow('a bug');
      const ending = new AbortController();
      const f = (_leadership: unknown, signal: AbortSignal) => {
        ending.abort();
        signal.throwIfAborted();
      };
      expect(await first.election.lead(f, { signal: ending.signal })).toBeUndefined();
    });
  });

  it('resolves at once when its signal has aborted, and when it aborts while it waits', async () => {
    const { first, process, run, clock } = await world();
    await run(async () => {
      await first.election.lead(() => {}, { signal: AbortSignal.abort() });
      const one = await first.election.campaign('a');
      const stop = new AbortController();
      const led = process().election.lead(() => {}, { signal: stop.signal });
      await clock.sleep(2_000);
      stop.abort();
      await led;
      await one.resign();
      expect(await first.election.leader()).toBeUndefined();
    });
  });

  it('rejects once its session is closed', async () => {
    const { first, run } = await world();
    await run(async () => {
      const led = first.election.lead(() => first.session.close());
      await expect(led).rejects.toMatchObject({ code: 'ERR_SESSION_CLOSED' });
    });
  });
});

describe('Election', () => {
  it('refuses what is no name, option or function, and the item of another recipe', async () => {
    const { first, run, byHand } = await world();
    const { session } = first;
    expect(() => new Election(session, '')).toThrow('Cannot open an election: name must have 1 to 512 bytes: 0');
    expect(() => new Election(session, 7 as never)).toThrow(TypeError);
    expect(() => new Election(session, 'x', { queueMax: 1_001 })).toThrow(
      'queueMax must be an integer from 0 to 1000: 1001',
    );
    expect(() => new Election(session, 'x', { graceMs: -1 })).toThrow('graceMs must be a number of at least 0: -1');
    await run(async () => {
      await expect(first.election.lead('f' as never)).rejects.toThrow('must be given a function: string');
      await expect(first.election.campaign('a', { waitMs: -1 })).rejects.toThrow(RangeError);
      await byHand('election:other').reset({ kind: 'lock' });
      const other = new Election(session, 'other');
      await expect(other.campaign()).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND', outcome: 'not-done' });
      await expect(other.leader()).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
      await expect(other.observe().next()).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
      expect(await byHand('election:other').deref()).toEqual({ kind: 'lock' });
    });
  });

  it('costs one request to lead, one to proclaim, one to resign, two to extend, two write units to check', async () => {
    const { first, run } = await world();
    await run(async () => {
      await (await first.election.campaign('a')).resign();
      const spent = async (work: () => Promise<unknown>) => {
        const before = first.table.spent();
        await work();
        const after = first.table.spent();
        return [after.requests - before.requests, after.writeUnits - before.writeUnits];
      };
      const added = async (withCheck: boolean) =>
        spent(() =>
          first.table.transact((tx) => {
            if (withCheck) void leadership.check(tx);
            // Two, so that it is a transaction without the check, too.
            for (const key of ['plan', 'log']) void tx.swap(first.table.atom(key, { initial: 0 }), (n) => n + 1);
          }),
        );
      let leadership = await first.election.campaign('a');
      await leadership.resign();
      expect(
        await spent(async () => {
          leadership = await first.election.campaign('a');
        }),
      ).toEqual([1, 1]);
      expect(await spent(() => leadership.proclaim('b'))).toEqual([1, 1]);
      expect(await spent(() => leadership.extend())).toEqual([2, 1]);
      await added(false);
      const [requests = 0, writeUnits = 0] = await added(false);
      expect(await added(true)).toEqual([requests, writeUnits + 2]);
      expect(await spent(() => leadership.resign())).toEqual([1, 1]);
    });
  });
});

describe('an election', () => {
  it('gets over the death of a candidate at each of its requests', async () => {
    const counts: number[] = [];
    for (const when of ['before', 'after'] as const) {
      for (let at = 0; ; at += 1) {
        const { clock, engine, process, first, run } = await world();
        const isOver = await run(async () => {
          const dying = dyingEngine(engine, at, when);
          const mortal = process({ engine: dying.engine, renewal: 'manual' });
          const life = (async () => {
            const leadership = await mortal.election.campaign('mortal');
            await leadership.proclaim('still');
            return leadership.resign();
          })();
          const end = await Promise.race([life, dying.died.then(() => false)]);
          const startedAt = clock.monotonicMs();
          const two = await first.election.campaign('b');
          expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(11_500);
          expect(await process().election.leader()).toMatchObject({ term: two.term, value: 'b' });
          return end;
        });
        if (isOver) {
          counts.push(at);
          break;
        }
      }
    }
    expect(counts).toEqual([6, 6]);
  });

  it('has one leader in each term, whatever answers get lost', async () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const { clock, engine, process, run } = await world();
      const faulty = new FaultyEngine(engine, { clock, seed, rules: engineFaultRules('reset-after', 0.3) });
      const terms: bigint[] = [];
      await run(async () => {
        const serve = async () => {
          const { election } = process({ engine: faulty });
          for (let i = 0; i < 4; i += 1) {
            const leadership = await election.campaign('x');
            terms.push(leadership.term);
            await leadership.proclaim('y').catch(() => {});
            await leadership[Symbol.asyncDispose]();
          }
        };
        await Promise.all([serve(), serve(), serve()]);
      });
      expect({ seed, once: new Set(terms).size, inOrder: terms.every((t, i) => t > (terms[i - 1] ?? 0n)) }).toEqual({
        ...{ seed, once: terms.length, inOrder: true },
      });
    }
  });

  it('leaves nothing with its session once it resigned', async () => {
    const { first, run } = await world();
    await run(async () => {
      const lease = await first.session.lease();
      const listeners = new Set<unknown>();
      const own = lease.onEnd.bind(lease);
      lease.onEnd = (call) => {
        const leave = own(call);
        listeners.add(call);
        return () => {
          listeners.delete(call);
          leave();
        };
      };
      const leadership = await first.election.campaign('a');
      expect(listeners.size).toBe(1);
      await leadership.resign();
      expect(listeners.size).toBe(0);
    });
  });
});

describe('Election on all engines', () => {
  onEngines((stage) => {
    it('hands over from one to the next, and tells who observes', async () => {
      const name = stage.name();
      const [session, rival] = [stage.table, stage.rival].map((table) => new Session(table)) as [Session, Session];
      const [here, there] = [new Election<string>(session, name), new Election<string>(rival, name)];
      const one = await here.campaign('a');
      const all = seen(there, ({ value }) => value === 'c');
      const next = there.campaign('b');
      await one.proclaim('still a');
      await one.resign();
      const two = await next;
      expect([one.term, two.term, await here.leader()]).toMatchObject([1n, 2n, { term: 2n, value: 'b' }]);
      await two.proclaim('c');
      expect((await all).at(-1)).toBe('2 c');
      const { sent } = await stage.cost(async () => {
        await two.resign();
        await here.campaign('d');
      });
      // The item has moved on, as the one put that fails finds out.
      expect(sent.filter((kind) => kind === 'put').length).toBeLessThanOrEqual(2);
      await Promise.all([session.close(), rival.close()]);
    });
  });
});

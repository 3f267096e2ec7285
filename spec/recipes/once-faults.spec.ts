// Goal: one stored result per key whatever is lost, doubled or late, and whoever dies at which step; and an end, once the faults stop.
// Method: seeded runs of several processes through every fault profile, some of them asleep past their lease; death at each step; writes that
// are held and delivered late, twice, or out of order.
import { describe, expect, it } from '@jest/globals';
import { engineFaultProfiles, engineFaultRules, seededRandom } from '../../lib/engine/index.js';
import { Once, Session } from '../../lib/recipes/index.js';
import { breathe, openBench, outcomeOf } from '../atom/bench.js';
import { dyingEngine } from '../support/stepped-engine.js';

const leaseMs = 3_000;

describe('Once', () => {
  it.each(engineFaultProfiles.flatMap((profile) => [1, 2, 3].map((seed) => [profile, seed] as const)))(
    'gives one result to all, with sleepers, failures and %s, seed %d',
    async (profile, seed) => {
      const bench = await openBench({ rules: engineFaultRules(profile, 0.15), seed });
      const random = seededRandom(seed);
      const told = new Map<string, string[]>();
      const tokens = new Map<string, bigint[]>();
      const made = new Set<string>();
      const work = async (once: Once, process: number) => {
        for (let i = 0; i < 5; i += 1) {
          const key = `k${random.int(3)}`;
          const f = async ({ token, attempt }: { token: bigint; attempt: number }) => {
            expect(attempt).toBeGreaterThan(0);
            tokens.set(key, [...(tokens.get(key) ?? []), token]);
            await bench.clock.sleep(random.int(5_000));
            if (random.int(4) === 0) throw new RangeError('by chance');
            const result = `${key} ${process}.${i} ${token}`;
            made.add(result);
            return result;
          };
          const waitMs = random.int(3) === 0 ? 0 : 60_000;
          const result = await once.run(key, f, { waitMs, payload: key }).catch(() => undefined);
          if (result !== undefined) told.set(key, [...(told.get(key) ?? []), result]);
        }
      };
      const processes = [0, 1, 2, 3].map((process) => {
        // Every other one is never renewed: its functions outlive its leases.
        const session = new Session(bench.table(), { leaseMs, renewal: process % 2 === 0 ? 'auto' : 'manual' });
        return work(new Once(session, 'job'), process);
      });
      await bench.run(Promise.all(processes));
      bench.faulty.setRules([]);
      const heir = new Once(new Session(bench.calm(), { leaseMs }), 'job');
      for (const key of ['k0', 'k1', 'k2']) {
        const last = await bench.run(heir.run(key, () => 'heir', { payload: key }));
        for (const result of told.get(key) ?? []) expect(result).toBe(last);
        expect(last === 'heir' || made.has(last)).toBe(true);
        const given = tokens.get(key) ?? [];
        expect(given).toEqual([...given].sort((a, b) => Number(a - b)));
        expect(new Set(given).size).toBe(given.length);
      }
    },
  );

  it('runs a function once when nobody dies, sleeps or fails', async () => {
    const bench = await openBench({ rules: engineFaultRules('all-mixed', 0.2) });
    const runs = new Map<string, number>();
    const session = () => new Session(bench.table(), { leaseMs: 60_000 });
    const calls = Array.from({ length: 4 }, session).flatMap((one) =>
      Array.from({ length: 6 }, (_, i) => {
        const key = `k${i % 3}`;
        const f = () => {
          runs.set(key, (runs.get(key) ?? 0) + 1);
          return key;
        };
        return new Once(one, 'job').run(key, f).catch((error) => error.code as string);
      }),
    );
    const results = await bench.run(Promise.all(calls));
    expect([...runs]).toEqual([
      ['k0', 1],
      ['k1', 1],
      ['k2', 1],
    ]);
    expect(results.filter((one) => !/^k\d$/.test(one)).length).toBeLessThan(6);
  });

  it.each(['run', 'transact'] as const)('has a heir whichever step its process dies at: %s', async (verb) => {
    let died = true;
    let steps = 0;
    for (let at = 0; died; at += 1) {
      died = false;
      for (const when of ['before', 'after'] as const) {
        const bench = await openBench();
        const dying = dyingEngine(bench.memory, at, when);
        const session = new Session(bench.table({ engine: dying.engine }), { leaseMs, renewal: 'manual' });
        const once = new Once(session, 'job');
        const effect = bench.calm().atom<number>('effect', { initial: 0 });
        const own = session.table.atom<number>('effect', { initial: 0 });
        let runs = 0;
        const work = (by: Once, atom: typeof own, name: string) => {
          if (verb === 'transact')
            return by.transact('k', async (tx) => ({ name, n: await tx.swap(atom, (n) => n + 1) }));
          return by.run('k', async () => {
            runs += 1;
            return { name, n: 1 };
          });
        };
        let first: { readonly name: string } | undefined;
        await bench.run(
          Promise.race([
            work(once, own, 'dead').then((result) => {
              first = result;
            }),
            dying.died.then(() => {
              died = true;
            }),
          ]),
        );
        const startedAt = bench.clock.monotonicMs();
        const table = bench.calm();
        const heir = new Once(new Session(table, { leaseMs }), 'job');
        const result = await bench.run(work(heir, table.atom<number>('effect', { initial: 0 }), 'heir'));
        expect(bench.clock.monotonicMs() - startedAt).toBeLessThanOrEqual(leaseMs + 2_000);
        if (first !== undefined) expect(result).toEqual(first);
        expect(await bench.run(heir.run('k', () => ({ name: 'late', n: 0 })))).toEqual(result);
        if (verb === 'transact') {
          expect(await bench.run(effect.deref())).toBe(1);
          expect(result.n).toBe(1);
        } else expect(runs).toBeLessThanOrEqual(2);
      }
      steps = at;
    }
    expect(steps).toBeGreaterThanOrEqual(verb === 'run' ? 5 : 3);
    expect(steps).toBeLessThan(12);
  });

  it('cannot be overwritten by a result that arrives after it was taken over, once or twice', async () => {
    const bench = await openBench();
    const session = new Session(bench.table(), { leaseMs, renewal: 'manual' });
    const once = new Once(session, 'job');
    await bench.run(once.run('warm', () => 0));
    bench.faulty.hold(['put']);
    const left = outcomeOf(once.run('k', () => 'dead'));
    const begin = await bench.message(0);
    await begin.deliver();
    begin.answer();
    const store = await bench.message(1);
    const heir = new Once(new Session(bench.calm(), { leaseMs }), 'job');
    expect(await bench.run(heir.run('k', () => 'heir'))).toBe('heir');
    await store.deliver();
    await store.deliver();
    expect(await bench.run(heir.run('k', () => 'again'))).toBe('heir');
    bench.faulty.release();
    store.lose();
    await bench.run(left.done);
    expect(left.value).toBe('heir');
  });

  it('cannot be begun by a late copy of a beginning that nobody goes on with', async () => {
    const bench = await openBench();
    const table = bench.table({ retry: { timeoutMs: 1_000, attemptTimeoutMs: 300 } });
    const session = new Session(table, { leaseMs: 3_600_000 });
    const once = new Once(session, 'job');
    await bench.run(session.lease());
    bench.faulty.hold(['put']);
    const left = outcomeOf(once.run('k', () => 'never'));
    const begin = await bench.message(0);
    await bench.run(left.done);
    expect(left.error).toMatchObject({ outcome: 'unknown' });
    bench.faulty.release();
    await begin.deliver();
    await breathe();
    await bench.clock.advance(5_000);
    const other = new Once(new Session(bench.calm()), 'job');
    expect(await bench.run(other.run('k', ({ attempt }) => `other ${attempt}`, { waitMs: 0 }))).toBe('other 1');
  });
});

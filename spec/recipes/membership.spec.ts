/**
 * Goal: what members of a group and those who watch it rely on. Method: each "process" is an `AtomTable` with its session on one memory
 * engine, under a clock that runs by itself.
 */
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Engine, engineFaultRules, FaultyEngine, MemoryEngine } from '../../lib/engine/index.js';
import { type MemberEntry, Membership, Session, type SessionOptions } from '../../lib/recipes/index.js';
import { following } from '../../lib/recipes/membership/membership-state.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { dyingEngine, isWriteStep, steppedEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

const leaseMs = 10_000;

async function world() {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  const process = (options: SessionOptions & { engine?: Engine } = {}) => {
    const table = new AtomTable({ engine: options.engine ?? engine, tableName: 'state', clock });
    const session = new Session(table, { leaseMs, ...options });
    return { table, session, group: new Membership<string>(session, 'workers') };
  };
  const first = process();
  await first.table.create();
  /** Somebody with rights on the table. */
  const byHand = (key: string) => new AtomTable({ engine, tableName: 'state', clock }).atom<object>(key);
  const stored = async () => {
    const state = (await byHand('membership:workers').deref()) as { members: object } | undefined;
    return state?.members ?? {};
  };
  const run = <R>(work: () => Promise<R>) => clock.run(work());
  return { clock, engine, process, first, run, byHand, stored };
}

const infos = (members: readonly MemberEntry<string>[]) => members.map(({ info }) => info).sort();

/** What a watcher sees until `enough`. */
async function seen(group: Membership<string>, enough: (members: string) => boolean): Promise<string[]> {
  const all: string[] = [];
  for await (const members of group.watch()) {
    all.push(infos(members).join());
    if (enough(all.at(-1) as string)) break;
  }
  return all;
}

describe('join()', () => {
  it('puts each in the list until it leaves, also several of one process', async () => {
    const { first, process, run } = await world();
    await run(async () => {
      const a = await first.group.join('a');
      const b = await first.group.join('b');
      const c = await process().group.join();
      const members = await process().group.members();
      expect(infos(members)).toEqual(['a', 'b', undefined]);
      expect(members.map(({ id }) => id)).toEqual([a.id, b.id, c.id].sort());
      expect([a.isMember, a.info, a.name, await a.leave(), a.isMember, await a.leave()]).toEqual([
        ...[true, 'a', 'workers', true, false, true],
      ]);
      await c[Symbol.asyncDispose]();
      expect(infos(await first.group.members())).toEqual(['b']);
    });
  });

  it('loses nobody when many join at once', async () => {
    const { process, run } = await world();
    await run(async () => {
      const names = Array.from({ length: 40 }, (_, i) => `m${i}`).sort();
      await Promise.all(names.map((name) => process().group.join(name)));
      expect(infos(await process().group.members())).toEqual(names);
    });
  });

  it.each([
    ['its lease ended before it was in', 900, 'manual', 'ERR_LEASE_LOST'],
    ['nobody can tell in time whether it is in', leaseMs, 'auto', 'ERR_UNKNOWN_OUTCOME'],
  ] as const)('leaves nothing behind when %s', async (_case, slowMs, renewal, code) => {
    const { clock, engine, process, run, stored } = await world();
    await run(async () => {
      let isSlow = true;
      const slow = steppedEngine(engine, (step) =>
        isSlow && isWriteStep(step) && step.text.includes('membership:')
          ? clock.sleep(slowMs).then(() => step.send())
          : undefined,
      );
      const late = process({ engine: slow, renewal });
      await late.session.lease();
      await clock.sleep(0.75 * leaseMs);
      await expect(late.group.join('late')).rejects.toMatchObject({ code });
      isSlow = false;
      await clock.sleep(5 * leaseMs);
      expect(await stored()).toEqual({});
      await late.session.close();
    });
  });
});

describe('members()', () => {
  it('is without those who said good-bye, at once, and removes them', async () => {
    const { clock, first, process, run, stored } = await world();
    await run(async () => {
      await first.group.join('a');
      const other = process();
      await other.group.join('b');
      await other.session.close();
      expect(infos(await first.group.members())).toEqual(['a']);
      await clock.sleep(2_000);
      expect(Object.keys(await stored())).toHaveLength(1);
    });
  });

  it.each([
    ['is without those who died, when it is asked again', leaseMs, [1.2]],
    [
      'is without those who died, when it is asked again and again by one whose own lease is shorter',
      500,
      [0.1, 0.2, 0.3, 0.9, 1.5],
    ],
  ])('%s', async (_, own, looksAt) => {
    const { clock, engine, process, run } = await world();
    await run(async () => {
      const dying = new FaultyEngine(engine, { clock });
      const dead = await process({ renewal: 'manual', engine: dying }).group.join('dead');
      dying.setRules([{ fault: { kind: 'unreachable' } }]);
      const { group } = process({ leaseMs: own });
      expect(infos(await group.members())).toEqual(['dead']);
      const begin = clock.monotonicMs();
      const counts: number[] = [];
      for (const lookAt of looksAt) {
        while (clock.monotonicMs() - begin < lookAt * leaseMs) {
          await clock.sleep(Math.min(1_000, begin + lookAt * leaseMs - clock.monotonicMs()));
          if (looksAt.length > 1) await group.members();
        }
        counts.push((await group.members()).length);
      }
      expect(dead.isMember).toBe(false);
      expect(counts).toEqual(looksAt.map((lookAt) => (lookAt < 1 ? 1 : 0)));
    });
  });
});

describe('watch()', () => {
  it('sees who comes and who goes, and who has died after a lease', async () => {
    const { clock, first, process, run, stored } = await world();
    await run(async () => {
      const all = seen(first.group, (members) => members === 'b');
      await clock.sleep(2_000);
      const a = await process().group.join('a');
      await clock.sleep(2_000);
      const b = await process().group.join('b');
      await clock.sleep(2_000);
      const silent = process({ renewal: 'manual' });
      const c = await silent.group.join('c');
      await clock.sleep(2_000);
      await a.leave();
      expect(await all).toEqual(['', 'a', 'a,b', 'a,b,c', 'b,c', 'b']);
      expect([b.isMember, c.isMember, c.signal.aborted]).toEqual([true, false, true]);
      expect(Object.keys(await stored())).toEqual([b.id]);
    });
  });

  it('removes whoever comes in under a session that is over', async () => {
    const { clock, first, process, run, byHand, stored } = await world();
    await run(async () => {
      const stop = new AbortController();
      const watching = (async () => {
        for await (const _members of first.group.watch({ signal: stop.signal }));
      })().catch(() => {});
      const gone = process();
      await gone.group.join('gone');
      const [id, entry] = Object.entries(await stored())[0] as [string, object];
      await gone.session.close();
      await clock.sleep(3_000);
      expect(await stored()).toEqual({});
      for (const late of [id, 'another']) {
        await byHand('membership:workers').swap((state) => ({ ...state, members: { [late]: entry } }));
        await clock.sleep(3_000);
        expect(await stored()).toEqual({});
      }
      stop.abort();
      await watching;
    });
  });

  it('removes whoever came in late while the loop was busy elsewhere', async () => {
    const { clock, first, process, run, byHand, stored } = await world();
    await run(async () => {
      const gone = process();
      await gone.group.join('gone');
      const entry = Object.values(await stored())[0] as object;
      let turns = 0;
      for await (const _members of first.group.watch()) {
        turns += 1;
        if (turns === 2) break;
        await clock.sleep(2_000);
        await gone.session.close();
        await clock.sleep(3_000);
        expect(await stored()).toEqual({});
        await byHand('membership:workers').swap((state) => ({ ...state, members: { late: entry } }));
        await clock.sleep(3_000);
      }
      await clock.sleep(1);
      expect(await stored()).toEqual({});
    });
  });

  it('finds all dead of a large group, some after the others', async () => {
    const { clock, first, process, run, stored } = await world();
    await run(async () => {
      const silent = Array.from({ length: 40 }, (_, i) => process({ renewal: 'manual' }).group.join(`m${i}`));
      await Promise.all(silent);
      const startedAt = clock.monotonicMs();
      await seen(first.group, (members) => members === '');
      expect(clock.monotonicMs() - startedAt).toBeLessThan(2.5 * leaseMs);
      expect(await stored()).toEqual({});
    });
  });

  it('ends with the reason of its signal', async () => {
    const { first, run } = await world();
    await run(async () => {
      const stop = new AbortController();
      const loop = async () => {
        for await (const _members of first.group.watch({ signal: stop.signal })) stop.abort('enough');
      };
      await expect(loop()).rejects.toBe('enough');
    });
  });
});

describe('Membership', () => {
  it('gets over the death of a process at each of its requests', async () => {
    const counts: number[] = [];
    for (const when of ['before', 'after'] as const) {
      for (let at = 0; ; at += 1) {
        const { clock, engine, first, process, run } = await world();
        const ended = await run(async () => {
          const dying = dyingEngine(engine, at, when);
          const mortal = process({ engine: dying.engine, renewal: 'manual' });
          const life = (async () => (await mortal.group.join('mortal')).leave())();
          const left = await Promise.race([life, dying.died.then(() => undefined)]);
          await seen(first.group, (members) => members === '');
          const other = await first.group.join('a');
          await clock.sleep(2 * leaseMs);
          expect(infos(await process().group.members())).toEqual(['a']);
          expect(other.isMember).toBe(true);
          return left === true;
        });
        if (ended) {
          counts.push(at);
          break;
        }
      }
    }
    expect(counts).toEqual([6, 6]);
  });

  it('has each in the list once, whatever answers get lost', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { clock, engine, process, run } = await world();
      const faulty = new FaultyEngine(engine, { clock, seed, rules: engineFaultRules('reset-after', 0.4) });
      await run(async () => {
        const names = ['a', 'b', 'c', 'd'];
        const members = await Promise.all(names.map((name) => process({ engine: faulty }).group.join(name)));
        faulty.setRules([]);
        expect([seed, infos(await process().group.members())]).toEqual([seed, names]);
        expect(await Promise.all(members.map((member) => member.leave()))).toEqual([true, true, true, true]);
      });
    }
  });

  it('refuses what is no name, and the item of another recipe', async () => {
    const { first, run, byHand } = await world();
    expect(() => new Membership(first.session, '')).toThrow(RangeError);
    await run(async () => {
      await byHand('membership:other').reset({ kind: 'lock' });
      const other = new Membership(first.session, 'other');
      await expect(other.join()).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND', outcome: 'not-done' });
      await expect(other.members()).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
      await expect(other.watch().next()).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
      expect(await byHand('membership:other').deref()).toEqual({ kind: 'lock' });
      await first.session.close();
      await expect(first.group.join()).rejects.toMatchObject({ code: 'ERR_SESSION_CLOSED' });
    });
  });

  it('costs one request to join and one to leave', async () => {
    const { first, run } = await world();
    await run(async () => {
      await first.group.join('a');
      const before = first.table.spent();
      await (await first.group.join('b')).leave();
      const after = first.table.spent();
      expect([after.requests - before.requests, after.writeUnits - before.writeUnits]).toEqual([2, 2]);
    });
  });
});

describe('following()', () => {
  it('gives each session somebody who looks after it', () => {
    const all = new Set(['a', 'c', 'e', 'g']);
    expect([...following(all, 'b', 2)]).toEqual(['c', 'e']);
    expect([...following(all, 'f', 2)]).toEqual(['g', 'a']);
    expect([...following(all, 'z', 9)]).toEqual(['a', 'c', 'e', 'g']);
    expect([...following(new Set(), 'z', 9)]).toEqual([]);
  });
});

describe('Membership on all engines', () => {
  onEngines((stage) => {
    it('has those who joined until they leave or close their session', async () => {
      const name = stage.name();
      const [session, rival] = [stage.table, stage.rival].map((table) => new Session(table)) as [Session, Session];
      const [here, there] = [new Membership<string>(session, name), new Membership<string>(rival, name)];
      const [a, b] = await Promise.all([here.join('a'), there.join('b')]);
      expect(infos(await there.members())).toEqual(['a', 'b']);
      const { sent, writeUnits } = await stage.cost(async () => (await here.join('c')).leave());
      expect([sent.filter((kind) => kind === 'update').length, writeUnits]).toEqual([2, 2]);
      expect(await a.leave()).toBe(true);
      await rival.close();
      expect([b.isMember, infos(await here.members())]).toEqual([false, []]);
      await session.close();
    });
  });
});

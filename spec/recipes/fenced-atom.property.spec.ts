/**
 * Goal: in the order of the atom's versions tokens never decrease, whatever interleaves, gets lost, comes twice or comes late; and what
 * was acknowledged is there once, what was refused never.
 * Method: holders in processes of their own on one memory engine behind faults, some of them slow to notice that they hold nothing
 * any more; every commit of the item is judged. `LEYDEN_SEED` repeats a run. A fence that is left out on purpose has to be found.
 */
import { describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../lib/atom/index.js';
import {
  type EngineFaultProfile,
  engineFaultProfiles,
  engineFaultRules,
  seededRandom,
} from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { type Fence, fenced } from '../../lib/recipes/index.js';
import { type Bench, numberOf, openBench } from '../atom/bench.js';
import { dyingEngine } from '../support/stepped-engine.js';

const key = 'x';
const holders = 4;
const callsEach = 30;
type Entry = readonly [token: number, id: string];
type Log = readonly Entry[];

interface Subject {
  /** Adds an entry under a token. */
  add(fence: Fence, entry: Entry): Promise<unknown>;
  claim(fence: Fence): Promise<unknown>;
}

function fencedSubject(table: AtomTable): Subject {
  const atom = fenced<Log>(table, key, { initial: [] });
  return {
    add: (fence, entry) => atom.swap(fence, (log) => [...log, entry], { timeoutMs: 60_000 }),
    claim: (fence) => atom.claim(fence, { timeoutMs: 60_000 }),
  };
}

/** Looks at the token before it writes, and not while it does. */
function checkedBefore(table: AtomTable): Subject {
  const atom = table.atom<{ fence: number; value: Log }>(key, { initial: { fence: 0, value: [] } });
  const looked = async ({ token }: Fence, next: (log: Log) => Log) => {
    const fence = Number(token);
    if ((await atom.deref()).fence > fence) return;
    await atom.swap(({ value }) => ({ fence, value: next(value) }), { timeoutMs: 60_000 });
  };
  return {
    add: (fence, entry) => looked(fence, (log) => [...log, entry]),
    claim: (fence) => looked(fence, (log) => log),
  };
}

/** What was told of the calls. */
interface Books {
  readonly done: string[];
  readonly refused: string[];
  readonly surprises: string[];
}

async function play(bench: Bench, open: (table: AtomTable) => Subject, seed: number): Promise<Books> {
  const random = seededRandom(seed);
  const books: Books = { done: [], refused: [], surprises: [] };
  let granted = 0;
  const holder = async (name: number) => {
    const subject = open(bench.table());
    let token = 1n;
    for (let call = 0; call < callsEach; call += 1) {
      // The lock goes to somebody; the others go on under the token that they have.
      if (random.int(4) === 0) {
        granted += 1;
        token = BigInt(granted);
      }
      const fence = { name: 'a', token };
      const id = `${name}-${call}`;
      await bench.clock.sleep(random.int(30));
      try {
        if (random.int(6) === 0) await subject.claim(fence);
        else {
          await subject.add(fence, [Number(token), id]);
          books.done.push(id);
        }
      } catch (error) {
        if (!isLeydenError(error)) books.surprises.push(String(error));
        else if (error.outcome === 'not-done') books.refused.push(id);
      }
    }
  };
  await bench.run(Promise.all(Array.from({ length: holders }, (_, name) => holder(name))));
  bench.faulty.setRules([]);
  await bench.run(bench.faulty.settled());
  return books;
}

/** What is wrong with the versions of the item. */
function complaints(bench: Bench, { done, refused, surprises }: Books): string[] {
  const wrong = [...surprises];
  const states = bench.commits.map(({ after }) => after?.d).filter((d) => d !== undefined && 'M' in d) as {
    readonly M: Record<string, { N: string } & { L: readonly { L: readonly [{ N: string }, { S: string }] }[] }>;
  }[];
  let fence = 0;
  for (const { M } of states) {
    const next = numberOf(M.fence);
    if (next < fence) wrong.push(`token ${next} after ${fence}`);
    fence = next;
  }
  const log = (states.at(-1)?.M.value?.L ?? []).map(({ L }) => [numberOf(L[0]), L[1].S] as Entry);
  let last = 0;
  for (const [token, id] of log) {
    if (token < last) wrong.push(`${id} under token ${token} after token ${last}`);
    last = token;
  }
  const times = (id: string) => log.filter(([, one]) => one === id).length;
  for (const id of done) if (times(id) !== 1) wrong.push(`${id} was acknowledged and is there ${times(id)} times`);
  for (const id of refused) if (times(id) !== 0) wrong.push(`${id} was refused and is there`);
  return wrong;
}

const firstSeed = Number(process.env.LEYDEN_SEED ?? Math.floor(Date.now() / 1_000) % 1_000_000);
const seeds = (process.env.LEYDEN_SIZE === 'full' ? [0, 1, 2, 3, 4, 5, 6, 7] : [0, 1]).map((more) => firstSeed + more);

describe('FencedAtom', () => {
  it.each(engineFaultProfiles)('accepts no older token when requests and answers are at risk: %s', async (profile) => {
    for (const seed of seeds) {
      const bench = await openBench({ seed, rules: engineFaultRules(profile as EngineFaultProfile, 0.3) });
      const books = await play(bench, fencedSubject, seed);
      expect({ seed, wrong: complaints(bench, books) }).toEqual({ seed, wrong: [] });
      expect(books.refused.length).toBeGreaterThan(5);
      expect(books.done.length).toBeGreaterThan(5);
    }
  });

  it('would be found out if it looked at the token before the write alone', async () => {
    let found = 0;
    for (const seed of seeds) {
      const bench = await openBench({ seed, rules: engineFaultRules('delay', 0.5) });
      const wrong = complaints(bench, await play(bench, checkedBefore, seed));
      if (wrong.some((one) => one.startsWith('token'))) found += 1;
    }
    expect({ firstSeed, found }).toEqual({ firstSeed, found: seeds.length });
  });

  it('stands as before or after a call whose process died at any step, and takes the next holder', async () => {
    let died = true;
    for (let at = 0; died; at += 1) {
      died = false;
      for (const when of ['before', 'after'] as const) {
        const bench = await openBench();
        await bench.run(fencedSubject(bench.calm()).add({ name: 'a', token: 1n }, [1, 'first']));
        const dying = dyingEngine(bench.memory, at, when);
        const call = fencedSubject(bench.table({ engine: dying.engine })).add({ name: 'a', token: 2n }, [2, 'second']);
        await Promise.race([
          call,
          dying.died.then(() => {
            died = true;
          }),
        ]);
        const atom = fenced<Log>(bench.calm(), key, { initial: [] });
        const seen = await bench.run(atom.seen());
        expect((await bench.run(atom.deref())).length).toBe(Number(seen?.token));
        await bench.run(atom.claim({ name: 'a', token: 3n }));
        await expect(bench.run(atom.claim({ name: 'a', token: 2n }))).rejects.toMatchObject({
          code: 'ERR_STALE_TOKEN',
        });
      }
      expect(at).toBeLessThan(20);
    }
  });
});

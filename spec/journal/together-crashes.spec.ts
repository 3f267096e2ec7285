// Goal: wherever a process dies or freezes, and whatever answers are lost, a commit to several journals is in all of them once, or
// in none; when it comes back after others went on, pruned or retired it, it finds the truth, or says that nobody can tell.
// Method: a process stopped at its k-th request, for every k, once it has arrived and once it has not (by turns in the stories of those that come
// back; LEYDEN_SIZE=full takes both in each); the answer of one transaction lost while others push its evidence out.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Bench, openBench, outcomeOf } from '../atom/bench.js';
import { addEach, event, Floors, freshReader, type Instance, openJournal } from './bench.js';
import { type FrozenAt, FrozenEngine } from './frozen-engine.js';
import { addTogether, eventsOf } from './together-bench.js';

const options = { headBytesMax: 512 } as const;
type Two = readonly [Instance, Instance];

interface Told {
  readonly id: string;
  outcome: string;
}

/** Creation, bodies, spills, trims, nothing to commit, calls that wait. */
async function doAll([a, b]: Two, told: Told[]): Promise<void> {
  const put = async (id: string, bodies: readonly [boolean, boolean] = [false, false], isNothing = false) => {
    const one: Told = { id, outcome: 'open' };
    told.push(one);
    const part = (to: Instance, body: boolean) => ({
      ...{ to, body, events: [event(id, id.repeat(6)), event(`${id}-more`)] },
      ...(isNothing && to === b && { draft: () => undefined }),
    });
    one.outcome = await addTogether([part(a, bodies[0]), part(b, bodies[1])]).then(
      ([appended]) => appended?.status ?? 'none',
      (error: { outcome?: string }) => error.outcome ?? String(error),
    );
  };
  await put('first');
  await put('body', [true, false]);
  await Promise.all([put('x'), put('y', [false, true]), put('z')]);
  await put('none', [true, false], true);
  for (let round = 0; round < 6; round += 1) await put(`more-${round}-${Math.imul(round + 1, 2_654_435_761)}`);
  await put('last', [true, true]);
}

interface Story {
  readonly bench: Bench;
  readonly floors: Floors;
  readonly frozen: FrozenEngine;
  readonly stale: Two;
  readonly other: Two;
  readonly told: Told[];
  readonly done: Promise<void>;
}

async function until(at: FrozenAt): Promise<Story> {
  const bench = await openBench();
  // Of the first journal, the one that is pruned.
  const floors = new Floors();
  const frozen = new FrozenEngine(bench.memory, at);
  const table = bench.table({ engine: frozen.engine });
  const open = (of: typeof table): Two => [
    openJournal(bench, { ...options, table: of, floors, name: 'a' }),
    openJournal(bench, { ...options, table: of, name: 'b' }),
  ];
  const stale = open(table);
  const told: Told[] = [];
  const done = doAll(stale, told);
  await bench.run(Promise.race([done, frozen.frozen]));
  return { bench, floors, frozen, stale, told, done, other: open(bench.table({ engine: bench.memory })) };
}

async function goOn({ bench, other }: Story, id: string): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    const noise = String(Math.imul(round + 7, 2_654_435_761));
    await bench.run(addTogether(other.map((to) => ({ to, events: [event(`${id}-${round}`, noise)] }))));
  }
}

/** Both journals hold the same calls, in one order, each once; and what was told is true. */
async function check({ bench, floors, told }: Story): Promise<readonly string[]> {
  const inA = (await freshReader(bench, { ...options, floors, name: 'a' })).replica.events;
  const [inB = []] = await eventsOf(bench, ['b'], options);
  expect(inA).toEqual(inB);
  expect(new Set(inB).size).toBe(inB.length);
  for (const { id, outcome } of told) {
    const found = inB.filter((text) => [event(id, id.repeat(6)), event(`${id}-more`)].includes(text)).length;
    if (outcome === 'applied') expect([id, found]).toEqual([id, 2]);
    else if (outcome === 'open' || outcome === 'unknown') expect([0, 2]).toContain(found);
    else expect([outcome, found]).toEqual([outcome === 'nothing' ? 'nothing' : 'not-done', 0]);
  }
  return inB;
}

let requests: readonly string[];
beforeAll(async () => {
  requests = (await until({ request: 1e9, delivers: true })).frozen.requests;
});

const isFull = process.env.LEYDEN_SIZE === 'full';

/** `turn` says which of both comes first where each request is either delivered or not. */
async function everywhere(story: (story: Story) => Promise<void>, turn?: number): Promise<void> {
  for (const [index, what] of requests.entries()) {
    for (const delivers of turn === undefined || isFull ? [false, true] : [(index + turn) % 2 === 0]) {
      const at = { request: index + 1, delivers, loses: index % 2 === 0 };
      try {
        await story(await until(at));
      } catch (error) {
        throw new Error(`stopped at request ${at.request}, ${what}, delivered: ${delivers}`, { cause: error });
      }
    }
  }
}

describe('a process that stops at its k-th request, with commits together', () => {
  it('does all there is to do', () => {
    const kinds = new Set(requests.map((request) => request.replace(/\/body\/.*/, '/body').replace(/\d+$/, 'k')));
    for (const kind of ['transactWrite a/head b/head', 'put a/body', 'put b/page/k', 'put a/page/k', 'get a/head']) {
      expect(kinds).toContain(kind);
    }
  });

  it('for ever: all or none, and others go on', async () => {
    await everywhere(async (story) => {
      await goOn(story, 'on');
      await check(story);
    });
  });

  it.each([
    ['others went on', 0],
    ['a journal was pruned', 1],
    ['it was retired there', 0],
  ] as const)('and comes back after %s: it finds the truth and goes on', async (what, turn) => {
    await everywhere(async (story) => {
      const { bench, floors, frozen, other, stale, told, done } = story;
      await goOn(story, 'on');
      if (what !== 'others went on') await bench.run(floors.prune(other[0]));
      if (what === 'it was retired there') {
        await bench.clock.advance(1_000);
        await goOn(story, 'again');
        await bench.run(other[0].journal.retire(500));
        await goOn(story, 'and-again');
        await bench.run(floors.prune(other[0]));
      }
      frozen.thaw();
      await bench.run(done);
      const events = await check(story);
      for (const { journal, replica } of [...stale, ...other]) {
        await bench.run(journal.catchUp('strong'));
        expect(replica.events).toEqual(events);
      }
      const outcomes = told.map(({ outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome !== 'applied' && outcome !== 'nothing')).toEqual([]);
    }, turn);
  });
});

const mine = event('mine');

interface Lost {
  readonly bench: Bench;
  readonly two: Two;
  readonly floors: Floors;
  readonly call: ReturnType<typeof outcomeOf>;
  readonly settings: object;
  /** The copy that is sent again arrives. */
  arrive(): Promise<void>;
}

async function lostCall(delivered: boolean): Promise<Lost> {
  const bench = await openBench();
  const floors = new Floors();
  const settings = { headBytesMax: 512, tableOptions: { evidenceWritersMax: 1 } } as const;
  const table = bench.table({ evidenceWritersMax: 1 });
  const two: Two = [
    openJournal(bench, { ...settings, table, floors, name: 'a' }),
    openJournal(bench, { ...settings, table, name: 'b' }),
  ];
  await bench.run(addTogether(two.map((to) => ({ to, events: [event(0)] }))));
  bench.faulty.hold();
  const call = outcomeOf(addTogether(two.map((to) => ({ to, events: [mine] }))));
  const first = await bench.message(0);
  if (delivered) await first.deliver();
  first.lose();
  await bench.message(1);
  // The service answers copies from its memory for ten minutes.
  await bench.clock.advance(11 * 60_000);
  return {
    ...{ bench, two, floors, call, settings },
    async arrive() {
      bench.faulty.release();
      await bench.faulty.messages.at(-1)?.pass();
      await bench.run(call.done);
    },
  };
}

/** Others push the evidence out of the heads of these journals. */
async function pushOut({ bench, settings, floors }: Lost, ...journals: readonly ('a' | 'b')[]): Promise<Instance[]> {
  const last: Instance[] = [];
  for (const name of journals) {
    for (let writer = 0; writer < 3; writer += 1) {
      const other = openJournal(bench, { ...settings, name, ...(name === 'a' && { floors }) });
      await bench.run(other.journal.catchUp('strong'));
      await bench.run(addEach(other, 10 * writer, 2));
      last.push(other);
    }
  }
  return last;
}

/** `adopted`: the call itself took note of it in the journals, and no look into them before. */
async function checkLost({ bench, two, call, settings }: Lost, adopted: boolean): Promise<void> {
  expect(call.error).toBeUndefined();
  expect(call.value).toMatchObject([{ status: 'applied' }, { status: 'applied' }]);
  expect((call.value as { adopted: boolean }[]).every(({ adopted }) => adopted)).toBe(adopted);
  const found = await eventsOf(bench, ['b'], settings);
  expect(found[0]?.filter((text) => text === mine)).toEqual([mine]);
  await bench.run(addTogether(two.map((to) => ({ to, events: [event('next')] }))));
}

describe('a commit together whose answer was lost', () => {
  it.each([true, false])('is told by the one head that still has evidence; delivered: %s', async (delivered) => {
    const lost = await lostCall(delivered);
    await pushOut(lost, 'a');
    await lost.arrive();
    await checkLost(lost, true);
  });

  it.each([true, false])('is looked up in the journals when no head has evidence; delivered: %s', async (delivered) => {
    const lost = await lostCall(delivered);
    await pushOut(lost, 'a', 'b');
    await lost.arrive();
    await checkLost(lost, !delivered);
  });

  it.each([true, false])('is told by the one journal where it can be looked up; delivered: %s', async (delivered) => {
    const lost = await lostCall(delivered);
    const { bench, floors } = lost;
    const others = await pushOut(lost, 'a', 'b');
    await retireAndPrune(bench, others[2] as Instance, floors);
    await lost.arrive();
    await checkLost(lost, !delivered);
  });

  it('is unknown when it can be looked up nowhere, and nothing more is written to any of them', async () => {
    const lost = await lostCall(true);
    const { bench, two, floors, call } = lost;
    const others = await pushOut(lost, 'a', 'b');
    await retireAndPrune(bench, others[2] as Instance, floors);
    await bench.run(addEach(others[5] as Instance, 500, 30));
    // A page of the other journal is missing.
    await bench.calm().writeOnce().delete('b/page/0');
    await lost.arrive();
    expect(call.error).toMatchObject({ code: 'ERR_APPEND_UNKNOWN', outcome: 'unknown', journal: 'a' });
    for (const one of two) {
      const again = outcomeOf(addTogether([{ to: one, events: ['1'] }]));
      await bench.run(again.done);
      expect(again.error).toMatchObject({ code: 'ERR_APPEND_UNKNOWN', journal: one.journal.name });
    }
  });
});

/** The writer is taken out of the journal, and what it wrote is pruned: nobody can tell of it there. */
async function retireAndPrune(bench: Bench, by: Instance, floors: Floors): Promise<void> {
  await bench.run(by.journal.catchUp('strong'));
  await bench.clock.advance(1_000);
  await bench.run(addEach(by, 400, 1));
  expect(await bench.run(by.journal.retire(500))).toBeGreaterThan(0);
  await bench.run(addEach(by, 600, 30));
  await bench.run(floors.prune(by));
}

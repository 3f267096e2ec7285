// Goal: an append whose answer was lost, and whose evidence others have pushed out of the head, is found in the journal, or by
// its writer's number; only when that is gone as well is it unknown, and then the instance writes nothing more.
// Method: the put of the head is held, delivered or not, and its answer lost; others commit, prune, retire; then it is sent again.
import { describe, expect, it } from '@jest/globals';
import { type Bench, openBench, outcomeOf } from '../atom/bench.js';
import { add, addEach, event, Floors, freshReader, type Instance, openJournal } from './bench.js';

interface Lost {
  readonly bench: Bench;
  readonly floors: Floors;
  readonly one: Instance;
  readonly other: Instance;
  readonly options: object;
  readonly append: ReturnType<typeof outcomeOf>;
  /** The copy that is sent again arrives. */
  arrive(): Promise<void>;
}

const mine = event('mine');

async function lostAppend(how: {
  readonly delivered: boolean;
  readonly body?: boolean;
  readonly writersMax?: number;
}): Promise<Lost> {
  const { delivered, body = false, writersMax = 1 } = how;
  const bench = await openBench();
  const floors = new Floors();
  const options = { headBytesMax: 512, floors, tableOptions: { evidenceWritersMax: writersMax } } as const;
  const one = openJournal(bench, { ...options, engine: bench.faulty });
  const other = openJournal(bench, options);
  await bench.run(addEach(one, 0, 1));
  let prepared: Awaited<ReturnType<typeof one.journal.prepare>> | undefined;
  if (body) prepared = await one.journal.prepare(mine);
  bench.faulty.hold(['put']);
  const append = outcomeOf(
    one.journal.append(
      { bodyText: mine, decide: () => ({ text: mine, count: 1 }), adopt: (commit) => one.replica.take(commit, mine) },
      prepared,
    ),
  );
  const first = await bench.message(0);
  if (delivered) await first.deliver();
  first.lose();
  await bench.message(1);
  await bench.run(other.journal.catchUp('strong'));
  return {
    ...{ bench, floors, one, other, options, append },
    async arrive() {
      bench.faulty.release();
      await bench.faulty.messages.at(-1)?.pass();
      await bench.run(append.done);
    },
  };
}

/** Two others are enough to push the evidence out, when each generation has room for one. */
async function pushOut({ bench, other, options }: Lost, more = 0): Promise<void> {
  const third = openJournal(bench, options);
  await bench.run(addEach(third, 50, 1));
  await bench.run(addEach(other, 60, 1 + more));
  await bench.run(addEach(third, 90, 1));
  await bench.run(other.journal.catchUp('strong'));
}

/** Found applied or sent again, it is there once, and all have the same. */
async function checkOnce({ bench, one, append, options }: Lost, adopted: boolean): Promise<void> {
  expect(append.error).toBeUndefined();
  expect(append.value).toMatchObject({ status: 'applied', adopted });
  const { replica } = await freshReader(bench, options);
  expect(replica.events.filter((text) => text === mine)).toEqual([mine]);
  await bench.run(one.journal.catchUp('strong'));
  expect(one.replica.events).toEqual(replica.events);
  // And it goes on.
  await bench.run(addEach(one, 500, 2));
}

const ways = [
  { delivered: true, body: false },
  { delivered: true, body: true },
  { delivered: false, body: false },
  { delivered: false, body: true },
];

describe('an append whose evidence is gone', () => {
  it.each(ways)('is found in the journal: %j', async (how) => {
    const lost = await lostAppend(how);
    await pushOut(lost);
    await lost.arrive();
    await checkOnce(lost, !how.delivered);
  });

  it.each([true, false])(
    'after more than 16 writers, each once, is found in the journal: delivered %s',
    async (delivered) => {
      const lost = await lostAppend({ delivered, writersMax: 8 });
      const { bench, options } = lost;
      for (let writer = 0; writer < 18; writer += 1) await bench.run(addEach(openJournal(bench, options), writer, 1));
      await lost.arrive();
      await checkOnce(lost, !delivered);
    },
  );

  it.each(ways)('and that was pruned away, is told by its writer’s number: %j', async (how) => {
    const lost = await lostAppend(how);
    await pushOut(lost, 30);
    await lost.bench.run(lost.floors.prune(lost.other));
    await lost.arrive();
    expect(lost.floors.reads).toBeGreaterThan(0);
    await checkOnce(lost, !how.delivered);
  });

  it.each(ways)(
    'and whose writer was retired and pruned away, is unknown, and nothing more is written: %j',
    async (how) => {
      const lost = await lostAppend(how);
      const { bench, one, other, floors, append } = lost;
      await bench.clock.advance(10);
      await pushOut(lost);
      await bench.clock.advance(1_000);
      await bench.run(addEach(other, 400, 1));
      expect(await bench.run(other.journal.retire(500))).toBeGreaterThan(0);
      await bench.run(addEach(other, 60, 30));
      await bench.run(floors.prune(other));
      await lost.arrive();
      expect(append.error).toMatchObject({
        ...{ code: 'ERR_APPEND_UNKNOWN', outcome: 'unknown', retryable: false, n: 2 },
        ...{ writer: one.journal.instance, cause: { code: 'ERR_UNKNOWN_OUTCOME' } },
      });
      const { requests } = bench.faulty.spent();
      expect(await outcomeNow(bench, add(one, [event('x')]))).toBe(append.error);
      expect(await outcomeNow(bench, one.journal.prepare('1'))).toBe(append.error);
      expect(bench.faulty.spent().requests).toBe(requests);
    },
  );

  it('and that cannot be looked for, since a page is missing, is unknown, and not "not done"', async () => {
    const lost = await lostAppend({ delivered: true });
    const { bench, append, other } = lost;
    await pushOut(lost, 30);
    await bench.calm().writeOnce().delete('log/page/0');
    expect(other.journal.image?.pages).toBeGreaterThan(1);
    await lost.arrive();
    expect(append.error).toMatchObject({
      code: 'ERR_APPEND_UNKNOWN',
      cause: { code: 'ERR_JOURNAL_GAP', key: 'log/page/0' },
    });
  });

  it.each([true, false])(
    'is looked for after its base only, however that was reached; delivered: %s',
    async (delivered) => {
      const bench = await openBench();
      const floors = new Floors();
      const options = { headBytesMax: 512, floors, tableOptions: { evidenceWritersMax: 1 } } as const;
      const [other, third] = [openJournal(bench, options), openJournal(bench, options)] as const;
      const one = openJournal(bench, { ...options, engine: bench.faulty });
      await bench.run(addEach(other, 0, 1));
      await bench.run(one.journal.catchUp('strong'));
      await bench.run(addEach(other, 1, 30));
      await bench.run(floors.prune(other));
      bench.faulty.hold(['put']);
      // Its first commit, so no number tells; its base is folded from the snapshot, and what comes after is there.
      const append = outcomeOf(add(one, [mine]));
      // On the head that it knew: lost, and the next base is the one that is read from the snapshot on.
      await (await bench.message(0)).pass();
      const first = await bench.message(1);
      if (delivered) await first.deliver();
      await bench.run(addEach(third, 50, 1));
      await bench.run(addEach(other, 60, 1));
      await bench.run(addEach(third, 90, 1));
      first.lose();
      bench.faulty.release();
      await bench.run(append.done);
      expect(append.value).toMatchObject({ status: 'applied' });
      const { replica } = await freshReader(bench, options);
      expect(replica.events.filter((text) => text === mine)).toEqual([mine]);
    },
  );

  it('is not looked for in what was folded before its base', async () => {
    const lost = await lostAppend({ delivered: false });
    const { one, append } = lost;
    // A commit that another one lost the race to has the same number as the one that is sent next.
    await pushOut(lost);
    await lost.arrive();
    expect(append.value).toMatchObject({ status: 'applied' });
    expect(one.journal.cursor.writers.get(one.journal.instance)).toBe(2);
    await checkOnce(lost, true);
  });
});

async function outcomeNow(bench: Bench, promise: Promise<unknown>): Promise<unknown> {
  const seen = outcomeOf(promise);
  await bench.run(seen.done);
  return seen.error;
}

describe('a journal that is stopped', () => {
  it('tells what is under way as unknown; the journal tells a reader what became of it', async () => {
    for (const delivered of [true, false]) {
      const { bench, one, append, options } = await lostAppend({ delivered });
      one.journal.stop(new Error('enough'));
      bench.faulty.release();
      await bench.run(append.done);
      expect(append.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', outcome: 'unknown', reason: 'in-flight' });
      const { replica } = await freshReader(bench, options);
      expect(replica.events.includes(mine)).toBe(delivered);
    }
  });
});

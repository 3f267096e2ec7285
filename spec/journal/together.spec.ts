// Goal: commits to several journals are in all of them or in none, decided on exactly the heads that they replace, in the order of
// the calls, at the price of one transaction.
// Method: processes of several journals on one memory engine; what others do in between is done by hand.
import { describe, expect, it } from '@jest/globals';
import type { Draft } from '../../lib/journal/batch.js';
import { appendTogether } from '../../lib/journal/together.js';
import { breathe, openBench, outcomeOf } from '../atom/bench.js';
import { add, addEach, event, type Instance, keysOf, openJournal } from './bench.js';
import { addTogether, eventsOf, openProcess } from './together-bench.js';

const names = ['a', 'b', 'c'] as const;
const nothing = () => undefined;
type Three = readonly [Instance, Instance, Instance];

async function openThree(options: Parameters<typeof openProcess>[2] = {}) {
  const bench = await openBench();
  return { bench, three: openProcess(bench, names, options) as unknown as Three };
}

describe('appendTogether', () => {
  it('commits to all journals, new ones and others, and hands each its own answer', async () => {
    const { bench, three } = await openThree();
    const [a, b, c] = three;
    await addEach(b, 0, 3);
    const appended = await addTogether([
      { to: a, events: [event('a1')] },
      { to: b, events: [event('b1'), event('b2')] },
      { to: c, events: [event('c1')] },
    ]);
    expect(
      appended.map((one) => one.status === 'applied' && [one.commit.first, one.commit.count, one.adopted]),
    ).toEqual([
      [1, 1, true],
      [4, 2, true],
      [1, 1, true],
    ]);
    expect(await eventsOf(bench, names)).toEqual(three.map(({ replica }) => replica.events));
  });

  it.each([1, 2, 10, 100])(
    'costs 1 request and 2 write units for each head when it is warm: %i journals',
    async (count) => {
      const bench = await openBench();
      const process = openProcess(
        bench,
        Array.from({ length: count }, (_, index) => `j${index}`),
      );
      for (const one of process) await add(one, [event('first')]);
      const before = bench.memory.spent();
      await addTogether(process.map((to) => ({ to, events: [event('next')] })));
      const { requests, readUnits, writeUnits } = bench.memory.spent();
      expect([requests - before.requests, readUnits - before.readUnits]).toEqual([1, 0]);
      // One head alone is a plain conditional write.
      expect(writeUnits - before.writeUnits).toBe(count === 1 ? 1 : 2 * count);
    },
  );

  it('takes no journal twice, no more than 100, and sends nothing then', async () => {
    const { bench, three } = await openThree();
    const [a] = three;
    const batch = { decide: () => ({ text: '1', count: 1 }) };
    const { requests } = bench.memory.spent();
    const again = openJournal(bench, { table: a.table, name: 'a' });
    const many = openProcess(
      bench,
      Array.from({ length: 101 }, (_, index) => `j${index}`),
    );
    await expect(
      appendTogether(
        a.table,
        [a, again].map(({ journal }) => ({ journal, batch })),
      ),
    ).rejects.toThrow(TypeError);
    await expect(
      appendTogether(
        a.table,
        many.map(({ journal }) => ({ journal, batch })),
      ),
    ).rejects.toThrow(RangeError);
    expect(await appendTogether(a.table, [])).toEqual([]);
    expect(bench.memory.spent().requests).toBe(requests);
    await expect(
      addTogether([
        { to: many[0] as Instance, events: ['1'] },
        { to: a, events: ['1'] },
      ]),
    ).rejects.toThrow(TypeError);
    expect(bench.memory.spent().writeUnits).toBe(0);
  });

  it('writes nothing on a store without transactions', async () => {
    const bench = await openBench({ transactions: false });
    const [a, b] = openProcess(bench, ['a', 'b']) as [Instance, Instance];
    await addEach(a, 0, 1);
    const { writeUnits } = bench.memory.spent();
    await expect(addTogether([a, b].map((to) => ({ to, events: ['1'] })))).rejects.toMatchObject({
      code: 'ERR_ENGINE_LACKS_TRANSACTIONS',
      outcome: 'not-done',
    });
    expect(bench.memory.spent().writeUnits).toBe(writeUnits);
    // One journal needs none.
    expect((await addTogether([{ to: a, events: ['1'] }]))[0]?.status).toBe('applied');
  });

  it('commits nothing when one batch has nothing to commit, and uses the numbers again', async () => {
    const { bench, three } = await openThree();
    const [a, b, c] = three;
    await addEach(a, 0, 1);
    for (let count = 0; count < 5; count += 1) {
      const appended = await addTogether([
        { to: a, events: ['1'] },
        { to: b, events: ['1'], draft: nothing },
        { to: c, events: ['1'] },
      ]);
      expect(appended.map(({ status }) => status)).toEqual(['nothing', 'nothing', 'nothing']);
    }
    await add(a, [event('y')], { body: true });
    expect(a.journal.image?.tail.map(({ prev, n }) => [prev, n])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect((await eventsOf(bench, names)).map((events) => events.length)).toEqual([2, 0, 0]);
  });

  it('commits nothing when one batch throws, on states that were current', async () => {
    const { bench, three } = await openThree();
    const [a, b] = three;
    const other = openJournal(bench, { name: 'b' });
    await addEach(a, 0, 1);
    await addEach(b, 0, 1);
    await addEach(other, 7, 1);
    const seen: number[] = [];
    const refused = addTogether([
      { to: a, events: ['1'] },
      {
        to: b,
        events: ['1'],
        draft: ({ length }) => {
          seen.push(length);
          throw new RangeError('refused');
        },
      },
    ]);
    await expect(refused).rejects.toThrow('refused');
    // First on what was known, then on what another process has made of it.
    expect(seen).toEqual([1, 2]);
    expect((await eventsOf(bench, names)).map((events) => events.length)).toEqual([1, 2, 0]);
  });

  it('decides in the order of the entries, all at their bases', async () => {
    const { bench, three } = await openThree();
    const other = openProcess(bench, names);
    await addTogether(three.map((to) => ({ to, events: [event('first')] })));
    await addTogether(other.map((to) => ({ to, events: [event('second')] })));
    // One that has yet to be read is folded before any other decides.
    const [a, b, c] = openProcess(bench, names) as unknown as Three;
    for (const { journal } of [a, b]) await journal.catchUp('strong');
    const order: [string, number][] = [];
    const noted = (name: string) => (events: readonly string[]) => {
      order.push([name, events.length]);
      return {};
    };
    await addTogether([
      { to: c, events: ['1'], draft: noted('c') },
      { to: a, events: ['1'], draft: noted('a') },
      { to: b, events: ['1'], draft: noted('b') },
    ]);
    expect(order).toEqual([
      ['c', 2],
      ['a', 2],
      ['b', 2],
    ]);
  });

  it('a race on one head is run again on the others as they are', async () => {
    const { bench, three } = await openThree();
    const [a, b] = three;
    const other = openJournal(bench, { name: 'b' });
    await addTogether([a, b].map((to) => ({ to, events: [event('first')] })));
    await addEach(other, 1, 1);
    const before = bench.memory.spent();
    await addTogether([a, b].map((to) => ({ to, events: [event('next')] })));
    const { requests, readUnits } = bench.memory.spent();
    // The failure brings the one head along that had moved.
    expect([requests - before.requests, readUnits - before.readUnits]).toEqual([2, 0]);
    expect(await eventsOf(bench, ['a', 'b'])).toEqual([a.replica.events, b.replica.events]);
    expect(b.replica.events).toHaveLength(3);
  });

  it('keeps the order of calls in each journal, whatever journals the calls are about', async () => {
    const { bench, three } = await openThree();
    const [a, b, c] = three;
    const one = (to: Instance, id: string) => ({ to, events: [event(id)] });
    await bench.run(
      Promise.all([
        addTogether([one(a, '1'), one(b, '1')]),
        addTogether([one(b, '2'), one(a, '2')]),
        add(a, [event('3')]),
        addTogether([one(c, '4'), one(a, '4')]),
        add(b, [event('5')]),
        addTogether([one(b, '6'), one(c, '6'), one(a, '6')]),
        add(c, [event('7')]),
      ]),
    );
    const wanted = [
      ['1', '2', '3', '4', '6'],
      ['1', '2', '5', '6'],
      ['4', '6', '7'],
    ];
    expect(await eventsOf(bench, names)).toEqual(wanted.map((ids) => ids.map((id) => event(id))));
  });

  it('names bodies that stand there, and keeps each head within its bytes by moving commits to pages', async () => {
    const { bench, three } = await openThree({ headBytesMax: 512 });
    for (let round = 0; round < 20; round += 1) {
      const parts = three.map((to, index) => ({
        to,
        events: Array.from({ length: 3 }, (_, id) => event(`${index}-${round}-${id}`, 'x'.repeat(round))),
        body: (round + index) % 4 === 0,
      }));
      await addTogether(parts);
    }
    expect(await eventsOf(bench, names, { headBytesMax: 512 })).toEqual(three.map(({ replica }) => replica.events));
    for (const { journal, replica, warnings } of three) {
      expect(replica.events).toHaveLength(60);
      expect(journal.image?.pages).toBeGreaterThan(3);
      expect(warnings).toEqual([]);
    }
  });

  it('refuses what single appends refuse: a closed journal, another holder, an unreadable commit', async () => {
    const { bench, three } = await openThree();
    const [a, b, c] = three;
    await add(b, [event('last')], { draft: () => ({ closes: 'archived' }) });
    await openJournal(bench, { name: 'c' }).journal.hold();
    const together = (...parts: readonly (readonly [Instance, Partial<Draft>])[]) =>
      addTogether([
        { to: a, events: ['1'] },
        ...parts.map(([to, draft]) => ({ to, events: ['1'], draft: () => draft })),
      ]);
    await expect(together([b, {}])).rejects.toMatchObject({ code: 'ERR_JOURNAL_CLOSED' });
    await expect(together([c, {}])).rejects.toMatchObject({ code: 'ERR_NOT_WRITER' });
    await expect(addTogether([{ to: a, events: ['1'], draft: () => ({ count: 2 }) }])).rejects.toThrow(TypeError);
    expect(await eventsOf(bench, ['a'])).toEqual([[]]);
  });

  it('goes on under a new name in the journal where its writer was retired, with its body put again', async () => {
    const { bench, three } = await openThree();
    const [a, b] = three;
    await addTogether([a, b].map((to) => ({ to, events: [event('first')] })));
    const other = openJournal(bench, { name: 'b' });
    await bench.clock.advance(1_000);
    await addEach(other, 5, 1);
    expect(await other.journal.retire(500)).toBe(1);
    await addTogether([a, b].map((to) => ({ to, events: [event('next')], body: true })));
    expect(b.journal.image?.tail.at(-1)?.writer).not.toBe(b.journal.instance);
    expect(a.journal.image?.tail.at(-1)?.writer).toBe(a.journal.instance);
    expect(await eventsOf(bench, ['a', 'b'])).toEqual([a.replica.events, b.replica.events]);
    expect(await keysOf(bench, 'body')).toEqual([]);
  });
});

describe('the signal of appendTogether', () => {
  it('that has aborted, or aborts in the queue, leaves without a trace; those behind keep their place', async () => {
    const bench = await openBench();
    const [a, b] = openProcess(bench, ['a', 'b'], { engine: bench.faulty }) as [Instance, Instance];
    await bench.run(addTogether([a, b].map((to) => ({ to, events: [event(0)] }))));
    await expect(addTogether([{ to: a, events: ['1'] }], { signal: AbortSignal.abort('early') })).rejects.toBe('early');
    bench.faulty.hold();
    const first = outcomeOf(add(a, [event(1)]));
    const message = await bench.message(0);
    const controller = new AbortController();
    const left = outcomeOf(
      addTogether(
        [a, b].map((to) => ({ to, events: [event('left')] })),
        { signal: controller.signal },
      ),
    );
    let decided = 0;
    const draft = () => {
      decided += 1;
      return {};
    };
    const behind = outcomeOf(addTogether([a, b].map((to) => ({ to, events: [event(2)], draft }))));
    controller.abort('enough');
    await bench.run(left.done);
    await breathe();
    expect(left.error).toBe('enough');
    expect([first.settled, behind.settled, decided]).toEqual([false, false, 0]);
    bench.faulty.release();
    await message.pass();
    await bench.run(Promise.all([first.done, behind.done]));
    expect(await eventsOf(bench, ['a', 'b'])).toEqual([
      [event(0), event(1), event(2)],
      [event(0), event(2)],
    ]);
  });

  it.each([true, false])(
    'that aborts in mid-flight tells the fate as unknown, and others go on; delivered: %s',
    async (delivered) => {
      const bench = await openBench();
      const [a, b] = openProcess(bench, ['a', 'b'], { engine: bench.faulty }) as [Instance, Instance];
      await bench.run(addTogether([a, b].map((to) => ({ to, events: [event(0)] }))));
      bench.faulty.hold();
      const controller = new AbortController();
      const left = outcomeOf(
        addTogether(
          [a, b].map((to) => ({ to, events: [event('left')] })),
          { signal: controller.signal },
        ),
      );
      const message = await bench.message(0);
      controller.abort('enough');
      await bench.run(left.done);
      expect(left.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'in-flight' });
      const next = outcomeOf(addTogether([b, a].map((to) => ({ to, events: [event('next')] }))));
      bench.faulty.release();
      if (delivered) await message.deliver();
      message.lose();
      await bench.run(next.done);
      expect(next.value?.map(({ status }) => status)).toEqual(['applied', 'applied']);
      const [inA, inB] = await eventsOf(bench, ['a', 'b']);
      expect(inA).toEqual(inB);
      expect(inA?.at(-1)).toBe(event('next'));
      expect(new Set(inA).size).toBe(inA?.length);
    },
  );

  it('a journal that is stopped stops its calls, and those alone', async () => {
    const bench = await openBench();
    const [a, b, c] = openProcess(bench, names, { engine: bench.faulty }) as unknown as Three;
    await bench.run(addTogether([a, b, c].map((to) => ({ to, events: [event(0)] }))));
    bench.faulty.hold();
    const call = outcomeOf(addTogether([a, b].map((to) => ({ to, events: [event(1)] }))));
    await bench.message(0);
    b.journal.stop(new Error('enough'));
    bench.faulty.release();
    await bench.run(call.done);
    expect(call.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'in-flight' });
    expect((await bench.run(addTogether([a, c].map((to) => ({ to, events: [event(2)] }))))).length).toBe(2);
  });
});

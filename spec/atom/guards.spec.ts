// Goal: the guards that no other spec would miss. `npm run mutants` takes each guard of the library out, one at a time, and
// expects the spec that is named for it to fail; those that needed a spec of their own are here.
// Method: answers given by hand, or by a client that behaves as the SDK does with its own retries on.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ItemAtom } from '../../lib/atom/index.js';
import type { PutRequest } from '../../lib/engine/port.js';
import { SdkEngine } from '../../lib/engine/sdk.js';
import { type Bench, breathe, openBench, outcomeOf, overridden, partsOf, textOf, tokenIn } from './bench.js';
import { StubClient } from './stub-client.js';

const increment = (n: number) => n + 1;
const refusal = (name: string) => Object.assign(new Error('as the service says'), { name });

let bench: Bench;
let atom: ItemAtom<number, number>;
beforeEach(async () => {
  bench = await openBench();
  atom = bench.table().atom<number>('n', { initial: 0 });
});
const stored = () => bench.run(bench.calm().atom<number>('n', { initial: 0 }).deref());

describe('a definite refusal', () => {
  it.each(['throttled', 'refused', 'unreachable', 'conflict'] as const)(
    'of a second copy (%s) says nothing of the first: the caller who leaves is told unknown',
    async (kind) => {
      bench.faulty.hold();
      const abort = new AbortController();
      const swap = outcomeOf(atom.swap(increment, { signal: abort.signal }));
      const first = await bench.message(0);
      first.lose();
      const second = await bench.message(1);
      second.answer({ status: 'not-applied', kind, error: refusal('Refused') } as never);
      await bench.clock.advance(0);
      abort.abort();
      await bench.run(swap.done);
      expect(swap.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', outcome: 'unknown' });
      await first.deliver();
      bench.faulty.release();
      const settled = (swap.error as { settle(): Promise<unknown> }).settle();
      for (const message of bench.faulty.messages) if (!message.answered) message.drop();
      expect(await bench.run(settled)).toEqual({ outcome: 'done' });
      expect(await stored()).toBe(1);
    },
  );

  it('of a first copy is believed: refused at once, with the very error', async () => {
    bench.faulty.hold();
    const swap = outcomeOf(atom.swap(increment));
    const error = refusal('AccessDeniedException');
    (await bench.message(0)).answer({ status: 'not-applied', kind: 'refused', error } as never);
    await bench.run(swap.done);
    expect(swap.error).toBe(error);
    expect(bench.commits).toEqual([]);
  });

  it('that the SDK reports after two copies is none: the caller who leaves is told unknown', async () => {
    const client = new StubClient(bench.memory, { images: true });
    const engine = new SdkEngine(client);
    atom = bench.table({ engine }).atom<number>('n', { initial: 0 });
    client.script.push('throttled-after-applied', ...Array(50).fill('throttled'));
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 10 }));
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ outcome: 'unknown' });
    client.script.length = 0;
    expect(await bench.run((swap.error as { settle(): Promise<unknown> }).settle())).toEqual({ outcome: 'done' });
  });

  it('that the SDK reports after one copy is one: the caller who leaves is told not-done', async () => {
    const client = new StubClient(bench.memory, { images: true });
    atom = bench.table({ engine: new SdkEngine(client) }).atom<number>('n', { initial: 0 });
    client.script.push(...Array(50).fill('throttled'));
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 10 }));
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    client.script.length = 0;
    await bench.clock.advance(60_000);
    expect(bench.commits).toEqual([]);
  });
});

describe('a failed condition', () => {
  it.each([true, false])(
    'after two copies of the SDK, evidence gone: unknown (items come along: %s)',
    async (images) => {
      const narrow = { evidenceWritersMax: 1 };
      const client = new StubClient(bench.memory, { images });
      atom = bench.table({ ...narrow, engine: new SdkEngine(client) }).atom<number>('n', { initial: 0 });
      const [b, c] = [bench.calm(narrow), bench.calm(narrow)].map((one) => one.atom<number>('n', { initial: 0 })) as [
        typeof atom,
        typeof atom,
      ];
      await bench.run(b.reset(10));
      client.script.push('resent-after-applied');
      client.between = async () => {
        for (const rival of [b, c, b]) await rival.swap(increment);
      };
      const swap = outcomeOf(atom.swap(increment));
      await bench.run(swap.done);
      expect(swap.error).toMatchObject({ outcome: 'unknown', reason: 'evidence-evicted' });
      expect(await stored()).toBe(14);
    },
  );

  it('of a write that was doubled on the way, its later copy answered, is its own doing', async () => {
    bench = await openBench({ latency: () => 2 });
    // A proxy that doubles requests: neither we nor the SDK know of the first copy.
    const put: typeof bench.memory.put = async (request) => {
      await bench.memory.put(request);
      return bench.memory.put(request);
    };
    atom = bench.table({ engine: overridden(bench.memory, { put }) }).atom<number>('n', { initial: 0 });
    for (let turn = 1; turn <= 5; turn += 1)
      expect(await bench.run(atom.swap(increment, { timeoutMs: 50 }))).toBe(turn);
    expect(bench.commits).toHaveLength(5);
  });
});

it('evidence of the generation before the current one tells as well', async () => {
  const narrow = { evidenceWritersMax: 2 };
  atom = bench.table(narrow).atom<number>('n', { initial: 0 });
  const [b, c] = [bench.calm(narrow), bench.calm(narrow)].map((one) => one.atom<number>('n', { initial: 0 })) as [
    typeof atom,
    typeof atom,
  ];
  await bench.run(b.reset(10));
  await bench.run(atom.deref());
  bench.faulty.hold();
  const swap = atom.swap(increment);
  const first = await bench.message(0);
  await first.deliver();
  first.lose();
  for (const rival of [c, b]) await bench.run(rival.swap((n) => n + 100));
  const { w0, w1 } = ((await bench.item('n')) ?? {}) as never as Record<string, { M: Record<string, unknown> }>;
  const { writer } = partsOf(tokenIn(first));
  expect([w0?.M[writer], w1?.M[writer]]).toEqual([undefined, { N: expect.any(String) }]);
  await (await bench.message(1)).pass();
  expect(await bench.run(swap)).toBe(11);
  expect(await stored()).toBe(211);
});

describe('tokens', () => {
  it('never repeat: over atoms, handles and many writes the numbers of a table only grow', async () => {
    bench.faulty.hold(['put']);
    const table = bench.table();
    const seqs: number[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      const call = table.atom<number>(`n${turn % 3}`, { initial: 0 }).swap(increment);
      const message = await bench.message(turn);
      seqs.push(partsOf(tokenIn(message)).seq);
      await message.pass();
      await bench.run(call);
    }
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    const writers = new Set(bench.faulty.messages.map((message) => partsOf(tokenIn(message)).writer));
    expect(writers.size).toBe(1);
  });

  it('are of another writer in another table object, with the real source of randomness', async () => {
    const { AtomTable } = await import('../../lib/atom/index.js');
    const writers = new Set<string>();
    for (let turn = 0; turn < 20; turn += 1) {
      const table = new AtomTable({ engine: bench.memory, tableName: 'state', clock: bench.clock });
      await bench.run(table.atom<number>('n').reset(turn));
      const item = await bench.item('n');
      writers.add(partsOf(textOf(item?.l)).writer);
      expect(partsOf(textOf(item?.l)).writer).toMatch(/^[\w-]{11}$/);
      expect(textOf(item?.e)).toMatch(/^[\w-]{16}$/);
    }
    expect(writers.size).toBe(20);
  });
});

it('an atom that nobody holds keeps its one lane while a write of it is under way', async () => {
  const table = bench.table();
  await bench.run(bench.calm().atom<number>('n').reset(0));
  bench.faulty.hold();
  // In functions of their own, so that no frame of this one keeps anything alive.
  const abandon = async () => {
    await bench.run(outcomeOf(table.atom<number>('n').delete({ timeoutMs: 0 })).done);
  };
  const comeBack = () => void outcomeOf(table.atom<number>('n').reset(2));
  await abandon();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 5; round += 1) {
    await breathe();
    collect();
  }
  comeBack();
  await breathe();
  expect(new Set(bench.faulty.messages.map(tokenIn)).size).toBe(1);
});

describe('what comes late', () => {
  it('a read that was overtaken by a write of ours does not set the cache back', async () => {
    let slow = false;
    const engine = overridden(bench.memory, {
      get: async (request) => {
        const judged = await bench.memory.get(request);
        if (slow) await bench.clock.sleep(10);
        return judged;
      },
    });
    atom = bench.table({ engine }).atom<number>('n', { initial: 0 });
    await bench.run(atom.reset(1));
    slow = true;
    const read = atom.deref();
    await bench.clock.advance(1);
    expect(await bench.run(atom.reset(2))).toBe(2);
    await bench.run(read);
    expect(atom.peek()).toBe(2);
    expect(await bench.run(atom.deref({ consistency: 'cached' }))).toBe(2);
  });

  it('sweep() leaves a tombstone that was written again between its scan and its delete', async () => {
    await bench.run(atom.reset(1));
    await bench.run(atom.delete());
    await bench.clock.advance(2 * 60 * 60 * 1_000);
    const engine = overridden(bench.memory, {
      scan: async (request) => {
        const page = await bench.memory.scan(request);
        await atom.reset(7);
        return page;
      },
    });
    expect(await bench.run(bench.table({ engine }).sweep())).toBe(0);
    expect(await stored()).toBe(7);
  });

  it('a deletion leaves a tombstone with evidence and a time to go, and no value', async () => {
    await bench.run(atom.reset(1));
    bench.faulty.hold(['put']);
    const deleted = atom.delete();
    const { item, condition } = (await bench.message(0)).request as PutRequest;
    expect(Object.keys(item).sort()).toEqual(['e', 'f', 'id', 'l', 'r', 'u', 'v', 'w0', 'w1', 'x']);
    expect(Number((item.x as { N: string }).N) - bench.clock.now() / 1_000).toBeGreaterThanOrEqual(3_600);
    expect(condition).toMatchObject({ values: { ':l': expect.anything() } });
    await (await bench.message(0)).pass();
    expect(await bench.run(deleted)).toBe(true);
  });
});

// Goal: twenty schedules that break naive protocols leave an atom exact, and its callers told the truth.
// Method: each put of A is held as a message and delivered, lost or answered by hand, while B and others write undisturbed;
// once with failed conditions that bring the item along, once without. A is the table behind the messages.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable, ItemAtom } from '../../lib/atom/index.js';
import type { PutRequest } from '../../lib/engine/port.js';
import { SdkEngine } from '../../lib/engine/sdk.js';
import { type Bench, numberOf, openBench, outcomeOf, overridden, partsOf, textOf, tokenIn } from './bench.js';
import { StubClient } from './stub-client.js';

const retry = { timeoutMs: 60_000 };
const increment = (n: number) => n + 1;

describe.each([
  ['failed conditions bring the item along', true],
  ['failed conditions tell nothing', false],
])('twenty schedules, %s', (_, images) => {
  let bench: Bench;
  let tableA: AtomTable;
  let a: ItemAtom<number, number>;
  let b: ItemAtom<number, number>;
  beforeEach(async () => {
    bench = await openBench({ images });
    tableA = bench.table({ retry });
    a = tableA.atom<number>('n', { initial: 0 });
    b = bench.calm().atom<number>('n', { initial: 0 });
  });
  afterEach(() => {
    // A seq names one payload: what was sent under one token was always the same bytes.
    const seen = new Map<string, unknown>();
    for (const message of bench.faulty.messages) {
      const { item, condition } = message.request as PutRequest;
      const before = seen.get(tokenIn(message)) ?? { item, condition };
      expect({ item, condition }).toEqual(before);
      seen.set(tokenIn(message), before);
    }
  });

  /** The item exists with value 10, A knows it, and A's writes are held from here on. */
  async function begin() {
    await bench.run(b.reset(10));
    await bench.run(a.deref());
    bench.faulty.hold(['put']);
  }
  const value = () => bench.run(b.deref());
  /** How often a value was committed that A's swap would make of `from`. */
  const committed = (to: number) => bench.commits.filter(({ after }) => after?.d && numberOf(after.d) === to).length;

  it('1: the write is accepted, its answer is lost, the resend fails on it: done, once', async () => {
    await begin();
    const swap = a.swap(increment);
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    const second = await bench.message(1);
    expect(await second.pass()).toMatchObject({ status: 'condition-failed' });
    expect(await bench.run(swap)).toBe(11);
    expect(await value()).toBe(11);
    expect(bench.faulty.messages).toHaveLength(2);
  });

  it('2: the write is delayed, the resend is accepted, the late copy fails: once', async () => {
    await begin();
    const swap = a.swap(increment);
    const first = await bench.message(0);
    first.lose();
    await (await bench.message(1)).pass();
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await bench.run(swap)).toBe(11);
    expect(await value()).toBe(11);
  });

  it('3: the write is accepted and lost, a rival writes on top, the resend fails: A gets its own result, not the rival’s', async () => {
    await begin();
    const swap = a.swapVals(increment);
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await bench.run(b.swap((n) => n * 100));
    await (await bench.message(1)).pass();
    expect(await bench.run(swap)).toEqual([10, 11]);
    expect(await value()).toBe(1_100);
    expect(await bench.run(a.deref())).toBe(1_100);
  });

  it('4: the write is delayed, a rival writes, the resend fails: computed anew, and the late copy fails for ever', async () => {
    await begin();
    const swap = a.swap(increment);
    const first = await bench.message(0);
    first.lose();
    await bench.run(b.swap((n) => n * 2));
    await (await bench.message(1)).pass();
    const third = await bench.message(2);
    expect(partsOf(tokenIn(third)).seq).toBeGreaterThan(partsOf(tokenIn(first)).seq);
    await third.pass();
    expect(await bench.run(swap)).toBe(21);
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toBe(21);
  });

  it('5: the write is delayed and a strong read shows the old value: that proves nothing, and the write may still arrive', async () => {
    await begin();
    const swap = outcomeOf(a.swap(increment, { timeoutMs: 100 }));
    const first = await bench.message(0);
    first.lose();
    await bench.message(1);
    expect(await bench.run(a.deref())).toBe(10);
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', outcome: 'unknown', reason: 'in-flight' });
    await first.deliver();
    const settled = (swap.error as { settle(): Promise<unknown> }).settle();
    bench.faulty.release();
    for (const message of bench.faulty.messages) if (!message.answered) await message.pass();
    expect(await bench.run(settled)).toEqual({ outcome: 'done' });
    expect(await value()).toBe(11);
  });

  it('6: the write is delayed, A aborts and cancels: not done, and the late copy fails', async () => {
    await begin();
    const { first, error } = await abortedInFlight();
    const settled = error.settle({ prefer: 'cancel' });
    const cancel = await cancelOf(tokenIn(first));
    expect((cancel.request as PutRequest).item.d).toEqual({ N: '10' });
    await cancel.pass();
    expect(await bench.run(settled)).toEqual({ outcome: 'not-done' });
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toBe(10);
  });

  it('7: as before, but the write is accepted just before the cancel: done, and so it is told', async () => {
    await begin();
    const { first, error } = await abortedInFlight();
    const settled = error.settle({ prefer: 'cancel' });
    const cancel = await cancelOf(tokenIn(first));
    await first.deliver();
    await cancel.pass();
    expect(await bench.run(settled)).toEqual({ outcome: 'done' });
    expect(await value()).toBe(11);
  });

  it('8: the write is accepted and lost, the evidence is rotated out twice: unknown, with the reason', async () => {
    const narrow = { retry, evidenceWritersMax: 1 };
    a = bench.table(narrow).atom<number>('n', { initial: 0 });
    b = bench.calm(narrow).atom<number>('n', { initial: 0 });
    await begin();
    const swap = outcomeOf(a.swap(increment));
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    const c = bench.calm(narrow).atom<number>('n', { initial: 0 });
    for (const rival of [b, c, b]) await bench.run(rival.swap(increment));
    await (await bench.message(1)).pass();
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({
      code: 'ERR_UNKNOWN_OUTCOME',
      outcome: 'unknown',
      retryable: false,
      reason: 'evidence-evicted',
      writeId: tokenIn(first),
    });
    expect(await value()).toBe(14);
  });

  it('9: a delayed write arrives after A has committed on a newer base: it fails', async () => {
    await begin();
    const swap = a.swap(increment);
    const first = await bench.message(0);
    first.lose();
    await bench.run(b.swap((n) => n + 100));
    await (await bench.message(1)).pass();
    await (await bench.message(2)).pass();
    expect(await bench.run(swap)).toBe(111);
    for (let copy = 0; copy < 3; copy += 1) {
      expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    }
    expect(await value()).toBe(111);
    expect(committed(11)).toBe(0);
  });

  it('10: the SDK’s first copy is accepted and lost, its second throttled: its definite error is not believed', async () => {
    await begin();
    const client = new StubClient(bench.memory, { images });
    const sdk = bench.table({ engine: new SdkEngine(client), retry }).atom<number>('n', { initial: 0 });
    client.script.push('throttled-after-applied');
    expect(await bench.run(sdk.swap(increment))).toBe(11);
    expect(await value()).toBe(11);
    expect(committed(11)).toBe(1);
    expect(client.puts).toBe(2);
  });

  it('11: a creation is delayed and a rival creates: A goes on with the rival’s item, and the late copy fails', async () => {
    bench.faulty.hold(['put']);
    const swap = a.swap(increment);
    const first = await bench.message(0);
    first.lose();
    await bench.run(b.reset(50));
    await (await bench.message(1)).pass();
    await (await bench.message(2)).pass();
    expect(await bench.run(swap)).toBe(51);
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toBe(51);
  });

  it('12: as before, and the rival deletes: the late creation meets a tombstone, nothing comes back from the dead', async () => {
    bench.faulty.hold(['put']);
    const swap = a.trySwap(increment);
    const first = await bench.message(0);
    first.lose();
    const second = await bench.message(1);
    await bench.run(b.reset(50));
    await bench.run(b.delete());
    await second.pass();
    expect(await bench.run(swap)).toMatchObject({ status: 'conflict' });
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await bench.run(b.snapshot())).toMatchObject({ exists: false });
  });

  it('13: the item is removed and made again up to the same version: a late write for the old one fails', async () => {
    await begin();
    const late = outcomeOf(a.swap(increment, { timeoutMs: 50 }));
    const first = await bench.message(0);
    first.lose();
    const { version } = await bench.run(b.snapshot());
    await bench.memory.delete({ table: 'state', key: { id: { S: 'n' } } });
    const c = bench.calm().atom<number>('n', { initial: 0 });
    for (let turn = 0; turn < version; turn += 1) await bench.run(c.reset(turn));
    expect((await bench.run(c.snapshot())).version).toBe(version);
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    await (await bench.message(1)).pass();
    await bench.run(late.done);
    expect(late.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'incarnation-changed' });
    expect(await value()).toBe(version - 1);
  });

  it('14: the table is restored from a backup: what was known of the later life is dropped', async () => {
    await bench.run(b.reset(1));
    const backup = await bench.item('n');
    for (let n = 2; n <= 6; n += 1) await bench.run(a.reset(n));
    await bench.put(backup ?? {});
    expect(await bench.run(a.swap(increment))).toBe(2);
    expect(await bench.run(a.deref())).toBe(2);
    // And with an answer lost in between: the evidence is of another life.
    for (let n = 2; n <= 6; n += 1) await bench.run(a.reset(n));
    bench.faulty.hold(['put']);
    const swap = outcomeOf(a.swap(increment));
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await bench.put(backup ?? {});
    await (await bench.message(1)).pass();
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'incarnation-changed' });
    bench.faulty.release();
    expect(await bench.run(a.swap(increment))).toBe(2);
  });

  it('15: the process dies after the write was accepted: a restarted one is a new writer and does the job again', async () => {
    await begin();
    void outcomeOf(a.swap(increment));
    const first = await bench.message(0);
    await first.deliver();
    const restarted = bench.calm().atom<number>('n', { initial: 0 });
    expect(await bench.run(restarted.swap(increment))).toBe(12);
    const { l, w0 } = (await bench.item('n')) as never as { l: { S: string }; w0: { M: Record<string, unknown> } };
    const [writer, before] = [partsOf(textOf(l)).writer, partsOf(tokenIn(first)).writer];
    expect(writer).not.toBe(before);
    expect(Object.keys(w0.M)).toEqual(expect.arrayContaining([writer, before]));
  });

  it('16: two atoms of one table share a writer, and each has one distinct write under way', async () => {
    const other = tableA.atom<number>('m', { initial: 0 });
    bench.faulty.hold(['put']);
    const swaps = [a.swap(increment), other.swap(increment)];
    const first = await bench.message(0);
    const second = await bench.message(1);
    const later = [a.swap(increment), a.swap(increment), other.swap(increment)];
    first.lose();
    second.lose();
    const again = [await bench.message(2), await bench.message(3)];
    expect(again.map(tokenIn).sort()).toEqual([first, second].map(tokenIn).sort());
    const [one, two] = [partsOf(tokenIn(first)), partsOf(tokenIn(second))];
    expect(one.writer).toBe(two.writer);
    expect(one.seq).not.toBe(two.seq);
    // The later number arrives first, and says nothing about the earlier one of the other atom.
    await second.deliver();
    for (const message of again) await message.pass();
    bench.faulty.release();
    expect(await bench.run(Promise.all([...swaps, ...later]))).toEqual([1, 1, expect.any(Number), 3, 2]);
  });

  it('17: calls that come while a write is unsettled never join it: a new payload has a new number', async () => {
    await begin();
    const three = [a.swap(increment), a.swap(increment), a.swap(increment)];
    const first = await bench.message(0);
    first.lose();
    const fourth = a.swap(increment);
    const second = await bench.message(1);
    expect(second.request).toEqual(first.request);
    await first.deliver();
    await second.pass();
    const third = await bench.message(2);
    expect(partsOf(tokenIn(third)).seq).toBeGreaterThan(partsOf(tokenIn(first)).seq);
    await third.pass();
    expect(await bench.run(Promise.all([...three, fourth]))).toEqual([11, 12, 13, 14]);
  });

  it('18: a rival deletes between the accepted write and its resend: the tombstone still tells', async () => {
    await begin();
    const swap = a.swap(increment);
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    expect(await bench.run(b.delete())).toBe(true);
    await (await bench.message(1)).pass();
    expect(await bench.run(swap)).toBe(11);
    expect(await bench.run(a.snapshot())).toMatchObject({ exists: false });
  });

  it('19: an edit by hand that leaves the token alone is invisible to a swap on a cached base, as documented', async () => {
    await bench.run(a.reset(10));
    await bench.put({ ...(await bench.item('n')), d: { N: '77' } });
    expect(await bench.run(a.swap(increment))).toBe(11);
    // A read made after the edit sees it; whoever edits with the program running should go through an atom.
    await bench.put({ ...(await bench.item('n')), d: { N: '77' }, l: { S: 'by-hand:1' } });
    expect(await bench.run(a.swap(increment))).toBe(78);
  });

  it('20: a table in which the last writer wins is refused', async () => {
    const engine = overridden(bench.memory, {
      describeTable: async (name) => {
        const found = await bench.memory.describeTable(name);
        return found && { ...found, replication: 'eventual' };
      },
    });
    const table = bench.table({ engine });
    for (const refused of [table.verify(), table.ensure()]) {
      await expect(refused).rejects.toMatchObject({ code: 'ERR_TABLE', reason: 'last-writer-wins' });
    }
    expect(await table.verify({ allowLastWriterWins: true })).toMatchObject({ created: false });
  });

  /** A's swap is on its way and unheard of, and its caller has gone. */
  async function abortedInFlight() {
    const abort = new AbortController();
    const swap = outcomeOf(a.swap(increment, { signal: abort.signal }));
    const first = await bench.message(0);
    first.lose();
    abort.abort(new Error('enough'));
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', outcome: 'unknown', cause: abort.signal.reason });
    return { first, error: swap.error as { settle(options: object): Promise<unknown> } };
  }

  /** Drops further copies of the write `token` and finds the first message that is something else. */
  async function cancelOf(token: string) {
    for (let index = 1; ; index += 1) {
      const message = await bench.message(index);
      if (tokenIn(message) !== token) return message;
      if (!message.answered) message.drop();
    }
  }
});

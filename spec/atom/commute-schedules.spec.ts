// Goal: whatever becomes of an update, a commute is done once or not at all, and its caller is told which.
// Method: each write of A is held as a message and delivered, lost or answered by hand, while B writes undisturbed; once with
// failed conditions that bring the item along, once without.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AtomReader } from '../../lib/atom/atom-reader.js';
import type { ItemAtom, UnknownOutcomeError } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import { FaultyEngine } from '../../lib/engine/faults.js';
import type { UpdateRequest } from '../../lib/engine/port.js';
import { type Bench, openBench, outcomeOf, overridden } from './bench.js';

interface Value {
  readonly n: number;
  readonly log?: readonly string[];
}

const retry = { timeoutMs: 60_000 };

describe.each([
  ['failed conditions bring the item along', true],
  ['failed conditions tell nothing', false],
])('commute(), %s', (_, images) => {
  let bench: Bench;
  let a: ItemAtom<Value, Value>;
  let b: ItemAtom<Value, Value>;
  beforeEach(async () => {
    bench = await openBench({ images });
    const options = { initial: { n: 0 } };
    a = bench.table({ retry, evidenceWritersMax: 1 }).atom<Value>('v', options);
    b = bench.calm({ evidenceWritersMax: 1 }).atom<Value>('v', options);
    await bench.run(b.reset({ n: 10, log: [] }));
    await bench.run(a.deref());
    bench.faulty.hold(['put', 'update']);
  });
  const add = { add: { n: 1 } };
  const value = () => bench.run(b.deref());
  const kinds = () => bench.faulty.messages.map(({ kind }) => kind);

  it('is done once when it was applied, its answer was lost, and its resend fails on it', async () => {
    const commute = a.commute(add);
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    const second = await bench.message(1);
    expect(second.request).toEqual(first.request);
    expect(await second.pass()).toMatchObject({ status: 'condition-failed' });
    expect(await bench.run(commute)).toEqual({ n: 11, log: [] });
    expect(await value()).toEqual({ n: 11, log: [] });
  });

  it('is done once when it was late, and its resend overtook it', async () => {
    const commute = a.commute(add);
    const first = await bench.message(0);
    first.lose();
    await (await bench.message(1)).pass();
    expect(await bench.run(commute)).toEqual({ n: 11, log: [] });
    await bench.run(b.commute({ add: { n: 100 } }));
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toEqual({ n: 111, log: [] });
  });

  it('is done whoever writes meanwhile, and without a new number', async () => {
    const commute = a.commute(add);
    const first = await bench.message(0);
    await bench.run(b.swap(({ n }) => ({ n: n * 2, log: ['b'] })));
    await bench.run(b.commute({ add: { n: 5 } }));
    await first.pass();
    expect(await bench.run(commute)).toEqual({ n: 26, log: ['b'] });
    expect(kinds()).toEqual(['update']);
  });

  it('gives a later state when the answer was lost and others came after', async () => {
    const commute = a.commute(add);
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await bench.run(b.commute({ append: { log: ['b'] } }));
    await (await bench.message(1)).pass();
    expect(await bench.run(commute)).toEqual({ n: 11, log: ['b'] });
  });

  it('takes a new number when two rotations came before the only copy was judged', async () => {
    const commute = a.commute(add);
    const first = await bench.message(0);
    await rotateTwice();
    expect(await first.pass()).toMatchObject({ status: 'condition-failed' });
    await (await bench.message(1)).pass();
    expect(await bench.run(commute)).toMatchObject({ n: 11 });
    expect(kinds()).toEqual(['update', 'update']);
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toMatchObject({ n: 11 });
  });

  it('is unknown when the evidence is gone, and cannot be applied any more', async () => {
    const commute = outcomeOf(a.commute(add));
    const first = await bench.message(0);
    first.lose();
    const second = await bench.message(1);
    await rotateTwice();
    await second.pass();
    await bench.run(commute.done);
    expect(commute.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'evidence-evicted' });
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toMatchObject({ n: 10 });
    const next = a.commute(add);
    await (await bench.message(2)).pass();
    expect(await bench.run(next)).toMatchObject({ n: 11 });
  });

  it('is fenced when the shape of the value is in the way, so that no copy finds it out of the way later', async () => {
    const commute = a.commute({ append: { log: ['a'] } });
    const first = await bench.message(0);
    await bench.run(b.reset({ n: 1, log: 'no list' as never }));
    expect(await first.pass()).toMatchObject({ status: 'condition-failed' });
    const fence = await bench.message(1);
    const { update } = fence.request as UpdateRequest;
    expect(update.expression).toBe('SET #v = #v + :one, #l = :l, #w.#m = :s');
    await fence.pass();
    await expect(bench.run(commute)).rejects.toMatchObject({ code: 'ERR_COMMUTE', reason: 'not-a-list' });
    await bench.run(b.reset({ n: 2, log: [] }));
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toEqual({ n: 2, log: [] });
    expect(kinds()).toEqual(['update', 'update']);
  });

  it('is done once when its late copy came before the fence', async () => {
    const commute = a.commute({ append: { log: ['a'] } });
    const first = await bench.message(0);
    first.lose();
    const second = await bench.message(1);
    await bench.run(b.reset({ n: 1, log: 'no list' as never }));
    await second.pass();
    const fence = await bench.message(2);
    await bench.run(b.reset({ n: 2, log: [] }));
    await first.deliver();
    expect(await fence.pass()).toMatchObject({ status: 'condition-failed' });
    expect(await bench.run(commute)).toEqual({ n: 2, log: ['a'] });
    expect(await value()).toEqual({ n: 2, log: ['a'] });
  });

  it('is done once when the fence came too late and its answer was lost', async () => {
    const commute = a.commute({ append: { log: ['a'] } });
    const first = await bench.message(0);
    first.lose();
    const second = await bench.message(1);
    await bench.run(b.reset({ n: 1, log: 'no list' as never }));
    await second.pass();
    const fence = await bench.message(2);
    await bench.run(b.reset({ n: 2, log: [] }));
    await first.deliver();
    await fence.deliver();
    fence.lose();
    expect(await (await bench.message(3)).pass()).toMatchObject({ status: 'condition-failed' });
    expect(await bench.run(commute)).toEqual({ n: 2, log: ['a'] });
    expect(bench.faulty.messages).toHaveLength(4);
  });

  it('settles a lost fence as well', async () => {
    const commute = a.commute({ append: { log: ['a'] } });
    const first = await bench.message(0);
    await bench.run(b.reset({ n: 1 }));
    await bench.run(b.reset({ n: 1, log: 'x' as never }));
    await first.pass();
    const fence = await bench.message(1);
    await fence.deliver();
    fence.lose();
    await bench.run(b.reset({ n: 3, log: [] }));
    expect(await (await bench.message(2)).pass()).toMatchObject({ status: 'condition-failed' });
    // The put that comes instead meets the newest value.
    await (await bench.message(3)).pass();
    expect(await bench.run(commute)).toEqual({ n: 3, log: ['a'] });
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toEqual({ n: 3, log: ['a'] });
  });

  it('is unknown at the deadline, and one call settles it', async () => {
    const commute = outcomeOf(a.commute(add, { timeoutMs: 100 }));
    const first = await bench.message(0);
    await bench.run(commute.done);
    expect(commute.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'in-flight', outcome: 'unknown' });
    await first.deliver();
    const settled = (commute.error as UnknownOutcomeError).settle();
    const last = await bench.message(bench.faulty.messages.length - 1);
    await last.pass();
    expect(await bench.run(settled)).toEqual({ outcome: 'done' });
    expect(await value()).toMatchObject({ n: 11 });
  });

  it('is cancelled by a fence', async () => {
    const giveUp = new AbortController();
    const reason = new Error('enough');
    const commute = outcomeOf(a.commute(add, { signal: giveUp.signal }));
    const first = await bench.message(0);
    giveUp.abort(reason);
    await bench.run(commute.done);
    expect(commute.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', cause: reason });
    const settled = (commute.error as UnknownOutcomeError).settle({ prefer: 'cancel' });
    first.lose();
    await (await bench.message(1)).pass();
    expect(await bench.run(settled)).toEqual({ outcome: 'not-done' });
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toMatchObject({ n: 10 });
  });

  it('is done when the fence came too late to cancel it', async () => {
    const commute = outcomeOf(a.commute(add, { timeoutMs: 100 }));
    const first = await bench.message(0);
    await bench.run(commute.done);
    await first.deliver();
    const settled = (commute.error as UnknownOutcomeError).settle({ prefer: 'cancel' });
    for (let index = 1; ; index += 1) {
      const message = await bench.message(index);
      if ((message.request as UpdateRequest).update.expression.includes('#d')) message.lose();
      else {
        await message.pass();
        break;
      }
    }
    expect(await bench.run(settled)).toEqual({ outcome: 'done' });
    expect(await value()).toMatchObject({ n: 11 });
  });

  it('holds back the next write until it is settled', async () => {
    const first = outcomeOf(a.commute(add, { timeoutMs: 100 }));
    const message = await bench.message(0);
    await bench.run(first.done);
    bench.faulty.release();
    expect(await bench.run(a.commute({ add: { n: 100 } }))).toMatchObject({ n: 111 });
    expect(await bench.run((first.error as UnknownOutcomeError).settle())).toEqual({ outcome: 'done' });
    expect(await message.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toMatchObject({ n: 111 });
  });

  /** Two writers after two others, where a generation holds one. */
  async function rotateTwice() {
    for (let writer = 0; writer < 3; writer += 1) {
      const other = bench.calm({ evidenceWritersMax: 1 }).atom<Value>('v');
      await bench.run(other.swap((known) => known as Value, { noop: 'write' }));
    }
  }
});

describe('commute(), on a store that behaves oddly', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
    await bench.run(bench.calm().atom<Value>('v').reset({ n: 1 }));
  });
  const open = (methods: Parameters<typeof overridden>[1]) =>
    bench.table({ engine: overridden(bench.memory, methods) }).atom<Value>('v', { initial: { n: 0 } });
  const memoryUpdate = (request: UpdateRequest) => bench.memory.update(request);

  it('looks at the item where an update does not tell what it made', async () => {
    const atom = open({ update: async (request) => ({ ...(await memoryUpdate(request)), image: undefined }) as never });
    expect(await bench.run(atom.commute({ add: { n: 1 } }))).toEqual({ n: 2 });
    expect(await bench.run(atom.deref())).toEqual({ n: 2 });
  });

  it('says that it is done when what it left cannot be read', async () => {
    const atom = open({
      update: async (request) => {
        const answer = (await memoryUpdate(request)) as { image: Item };
        return { ...answer, image: { ...answer.image, d: { NS: ['1'] } } } as never;
      },
    });
    const failed = bench.run(atom.commute({ add: { n: 1 } }));
    await expect(failed).rejects.toMatchObject({ code: 'ERR_COMMUTE', reason: 'unreadable', outcome: 'done' });
    expect(await bench.run(atom.deref())).toEqual({ n: 2 });
  });

  it('puts what the store does not evaluate', async () => {
    const error = Object.assign(new Error('no'), { name: 'ValidationException' });
    const atom = open({ update: async () => ({ status: 'not-applied', kind: 'refused', error }) });
    expect(await bench.run(atom.commute({ add: { n: 1 } }))).toEqual({ n: 2 });
  });

  it('fences what the store took once and then does not evaluate any more', async () => {
    const error = Object.assign(new Error('no'), { name: 'ValidationException' });
    let updates = 0;
    const atom = open({
      update: async (request) => {
        updates += 1;
        if (!request.update.expression.includes('#d')) return memoryUpdate(request);
        return updates === 1 ? { status: 'unclear', error } : { status: 'not-applied', kind: 'refused', error };
      },
    });
    expect(await bench.run(atom.commute({ add: { n: 1 } }))).toEqual({ n: 2 });
    // A copy that was lost, one that was refused, and the fence; then a put.
    expect(updates).toBe(3);
  });

  it('is unknown when the store takes no fence', async () => {
    const error = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
    let updates = 0;
    const atom = open({
      update: async (request) => {
        updates += 1;
        return updates === 1 ? memoryUpdate(request) : { status: 'not-applied', kind: 'refused', error };
      },
    });
    await bench.run(atom.deref());
    await bench.run(bench.calm().atom<unknown>('v').reset('text'));
    const failed = bench.run(atom.commute({ add: { n: 1 } }));
    await expect(failed).rejects.toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'in-flight', cause: error });
    expect(updates).toBe(2);
  });

  it('passes on that updates are not allowed', async () => {
    const error = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
    const atom = open({ update: async () => ({ status: 'not-applied', kind: 'refused', error }) });
    await expect(bench.run(atom.commute({ add: { n: 1 } }))).rejects.toBe(error);
  });

  it('tells whoever leaves while what it left is being read that it is done', async () => {
    const giveUp = new AbortController();
    const atom = open({});
    await bench.run(atom.deref());
    AtomReader.cellOf(atom).cache.onChange = () => giveUp.abort(new Error('too late'));
    expect(await bench.run(atom.commute({ add: { n: 1 } }, { signal: giveUp.signal }))).toEqual({ n: 2 });
  });

  it('throttles and goes on', async () => {
    const rules = [{ fault: { kind: 'throttle' }, on: 'writes', probability: 0.5 }] as const;
    const faulty = new FaultyEngine(bench.memory, { clock: bench.clock, seed: bench.seed, rules });
    const atom = bench.table({ engine: faulty }).atom<Value>('v');
    for (let call = 0; call < 20; call += 1) await bench.run(atom.commute({ add: { n: 1 } }));
    expect(await bench.run(atom.deref())).toEqual({ n: 21 });
  });
});

// Goal: a process that does not encrypt yet, or does no more, leaves the values of those that do as they are: an encrypted value is bound
// to its version, which the update of a fence would move on.
// Method: A commutes on what it knows while B seals the value; requests of A are messages that are delivered or lost by hand.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ItemAtom } from '../../lib/atom/index.js';
import { compressed, encrypted, keyRing } from '../../lib/codec/index.js';
import { type Bench, openBench, outcomeOf } from './bench.js';

interface Value {
  readonly n: number;
  readonly log?: string;
}

const sealed = encrypted({ keys: keyRing({ current: 'k', keys: { k: new Uint8Array(32) } }), acceptPlain: true });
const initial = { n: 0 };
const retry = { timeoutMs: 10_000, attemptTimeoutMs: 100 };
const increment = ({ n }: Value): Value => ({ n: n + 1 });

describe.each([
  ['failed conditions bring the item along', true],
  ['failed conditions tell nothing', false],
])('commute() on a value that was sealed meanwhile, %s', (_, images) => {
  let bench: Bench;
  let a: ItemAtom<Value, Value>;
  let b: ItemAtom<Value, Value>;
  beforeEach(async () => {
    bench = await openBench({ images });
    a = bench.table({ retry }).atom<Value>('v', { initial });
    b = bench.calm().atom<Value>('v', { initial, codec: sealed });
    await bench.run(a.reset({ n: 1 }));
  });
  const seen = () => bench.run(bench.calm().atom<Value>('v', { initial, codec: sealed }).deref());

  it('is refused, and leaves it readable', async () => {
    await bench.run(b.swap(increment));
    const call = bench.run(a.commute({ add: { n: 1 } }));
    await expect(call).rejects.toMatchObject({ code: 'ERR_DECODE', reason: 'foreign', outcome: 'not-done' });
    expect(await seen()).toEqual({ n: 2 });
  });

  it('cannot tell of a copy that was lost, and leaves it readable', async () => {
    bench.faulty.hold(['update']);
    const call = outcomeOf(a.commute({ add: { n: 1 } }));
    const first = await bench.message(0);
    first.lose();
    await bench.run(b.swap(increment));
    await (await bench.message(1)).pass();
    await bench.run(call.done);
    expect(call.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'in-flight' });
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await seen()).toEqual({ n: 2 });
  });

  it('tells of a copy that was applied before', async () => {
    bench.faulty.hold(['update']);
    const call = outcomeOf(a.commute({ add: { n: 1 } }));
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await bench.run(b.swap(increment));
    await (await bench.message(1)).pass();
    await bench.run(call.done);
    expect(call.error).toMatchObject({ code: 'ERR_COMMUTE', reason: 'unreadable', outcome: 'done' });
    expect(await seen()).toEqual({ n: 3 });
  });

  it('leaves it readable when it is sealed before the fence comes', async () => {
    bench.faulty.hold(['update']);
    const call = outcomeOf(a.commute({ add: { n: 1 } }));
    const first = await bench.message(0);
    await bench.run(bench.calm().atom<unknown>('v').reset('no object'));
    await first.pass();
    const fence = await bench.message(1);
    await bench.run(b.reset({ n: 2 }));
    expect(await fence.pass()).toMatchObject({ status: 'condition-failed' });
    await bench.run(call.done);
    expect(call.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'in-flight' });
    expect(await seen()).toEqual({ n: 2 });
  });

  it('fences a value that is compressed, which is bound to nothing', async () => {
    bench.faulty.hold(['update']);
    const call = outcomeOf(a.commute({ add: { n: 1 } }));
    const first = await bench.message(0);
    first.lose();
    const codec = compressed({ bytesMin: 0 });
    const packed = bench.calm().atom<Value>('v', { initial, codec });
    await bench.run(packed.reset({ n: 2, log: 'x'.repeat(2_000) }));
    await (await bench.message(1)).pass();
    expect(await (await bench.message(2)).pass()).toMatchObject({ status: 'applied' });
    await bench.run(call.done);
    expect(call.value).toMatchObject({ n: 3 });
    expect(await bench.run(packed.deref())).toMatchObject({ n: 3 });
  });
});

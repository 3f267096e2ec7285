/**
 * Goal: events that come while a small batch waits for its turn go along with it, in the order of the calls, and none of them is
 * answered by what may be older than its call.
 * Method: a pipeline on a log that decides when it is told to.
 */
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../lib/engine/index.js';
import type { Appended, Base, Batch, Commit, Draft } from '../../lib/journal/index.js';
import { Call } from '../../lib/prevalence/call.js';
import { decideAll } from '../../lib/prevalence/decision.js';
import { encodeEvent } from '../../lib/prevalence/event-text.js';
import { IdWindow } from '../../lib/prevalence/id-window.js';
import { Pipeline } from '../../lib/prevalence/pipeline.js';
import { Replica } from '../../lib/prevalence/replica.js';
import type { Log } from '../../lib/prevalence/storage.js';
import { FrozenBytes } from '../../lib/snapshot/freeze.js';

/** Positive numbers are added, zero changes nothing, negative ones are refused. */
const handler = (sum: number, n: number): number => {
  if (n < 0) throw new RangeError(`refused ${n}`);
  return sum + n;
};

function openPipeline(roomLines: number, decides = handler) {
  const replica = new Replica<number, number, unknown>({
    ...{ system: 'sum', handler: decides, handlerVersion: undefined, upcast: undefined, idsMax: 10, initialState: 0 },
    ...{ bytes: new FrozenBytes(), untilSeq: Number.POSITIVE_INFINITY },
  });
  let turn: ((take: () => Appended) => void) | undefined;
  let current: Batch | undefined;
  const prepared: string[] = [];
  const log = {
    fitsHead: (text: string) => text.split('\n').length <= roomLines,
    appendBytesMax: 1e6,
    prepare: (text: string) => {
      prepared.push(text);
      return Promise.resolve({ writer: 'w', n: 1, ref: { parts: 1, bytes: 1, digest: '' } });
    },
    append: (batch: Batch) => {
      current = batch;
      return new Promise<Appended>((resolve) => {
        turn = (take) => resolve(take());
      });
    },
  } as unknown as Log;
  const pipeline = new Pipeline<number, number, unknown>({
    ...{ log, replica, handler: decides, handlerVersion: undefined, stateDigestEvery: 0, clock: systemClock },
    ...{ onCommit: () => {}, onFatal: () => {}, onTurn: () => {} },
  });
  return {
    replica,
    prepared,
    handle(n: number) {
      const call = new Call<number, number, unknown>(encodeEvent(n, undefined), undefined, {
        ...{ subject: 'system', writeId: 'event', deadlineAt: 1e9, clock: systemClock },
        deadlineError: () => new Error('too late'),
      });
      pipeline.push(call);
      return call.promise;
    },
    /** The batch's turn comes: it is decided, and committed if there is anything. */
    async takeTurn(): Promise<Draft | undefined> {
      const batch = current as Batch;
      const base = { seq: replica.seq, time: 1, image: { time: 0 } } as Base;
      const draft = batch.decide(base);
      turn?.(() => {
        if (draft === undefined) return { status: 'nothing', conflicts: 0 };
        const commit = { first: replica.seq + 1, count: draft.count, time: 1 } as Commit;
        batch.adopt?.(commit);
        return { status: 'applied', commit, adopted: true, conflicts: 0 };
      });
      await new Promise(setImmediate);
      return draft;
    },
  };
}

const tick = () => new Promise(setImmediate);

describe('events that come while a batch waits for its turn', () => {
  it('go along with it, in the order of the calls', async () => {
    const { handle, takeTurn } = openPipeline(10);
    const first = handle(1);
    await tick();
    const joined = [handle(2), handle(3)];
    expect(await takeTurn()).toMatchObject({ text: '1\n2\n3', count: 3 });
    expect((await first).seq).toBe(1);
    expect((await Promise.all(joined)).map(({ seq, state }) => [seq, state])).toEqual([
      [2, 3],
      [3, 6],
    ]);
  });

  it('go along as far as there is room', async () => {
    const { handle, takeTurn } = openPipeline(3);
    const calls = [handle(1)];
    await tick();
    for (const n of [2, 3, 4, 5, 6]) calls.push(handle(n));
    expect(await takeTurn()).toMatchObject({ text: '1\n2\n3' });
    expect(await takeTurn()).toMatchObject({ text: '4\n5\n6' });
    expect((await Promise.all(calls)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('are refused by the commit that they joined', async () => {
    const { handle, takeTurn } = openPipeline(10);
    const first = handle(1);
    await tick();
    const refused = handle(-1);
    refused.catch(() => {});
    await takeTurn();
    await first;
    await expect(refused).rejects.toThrow('refused -1');
  });

  it('are not answered by a look that may be older than they are', async () => {
    const { handle, takeTurn } = openPipeline(10);
    const first = handle(0);
    await tick();
    let answered = false;
    const joined = handle(-1).catch((error: Error) => {
      answered = true;
      return error.message;
    });
    // Nothing to commit: what confirms it was read after the first call, but perhaps before the second.
    expect(await takeTurn()).toBeUndefined();
    expect((await first).status).toBe('same');
    expect(answered).toBe(false);
    expect(await takeTurn()).toBeUndefined();
    expect(await joined).toBe('refused -1');
  });

  it('are decided, for their body, on what the commit under way will leave', async () => {
    const stairs = (last: number, n: number): number => {
      if (n !== last + 1) throw new RangeError(`${n} after ${last}`);
      return n;
    };
    const { handle, takeTurn, prepared } = openPipeline(2, stairs);
    const calls = [handle(1)];
    await tick();
    for (let n = 2; n < 2_000; n += 1) calls.push(handle(n));
    await tick();
    expect(prepared.map((text) => text.split('\n').length)).toEqual([1_998]);
    expect(await takeTurn()).toMatchObject({ text: '1' });
    expect(await takeTurn()).toMatchObject({ count: 1_998, skip: [] });
    expect((await Promise.all(calls)).at(-1)).toMatchObject({ seq: 1_999, state: 1_999 });
  });

  it('wait for the next commit, those behind them too, if they are welcome only after another instance was first', async () => {
    const demanding = (sum: number, n: number): number => {
      if (n === 7 && sum < 5_000) throw new RangeError(`too early at ${sum}`);
      return sum + n;
    };
    const { handle, takeTurn, prepared, replica } = openPipeline(2, demanding);
    const calls = Array.from({ length: 1_000 }, (_, index) => handle(index === 400 ? 7 : 1));
    await tick();
    // As things were, the one that asks for much was not worth its bytes.
    expect(prepared.map((text) => text.split('\n').length)).toEqual([999]);
    const commit = { place: 1, first: 1, count: 1, time: 1, skip: [] } as unknown as Commit;
    replica.apply({ commit, text: '5000', chain: '' });
    const draft = await takeTurn();
    expect(draft).toMatchObject({ count: 400 });
    expect(draft?.skip?.length).toBe(599);
    await tick();
    expect(prepared.map((text) => text.split('\n').length)).toEqual([999, 600]);
    expect(await takeTurn()).toMatchObject({ count: 600, skip: [] });
    const answers = await Promise.all(calls);
    expect(answers.map(({ seq }) => seq)).toEqual(calls.map((_, index) => index + 2));
    expect([answers[0]?.state, answers[400]?.state, answers[999]?.state]).toEqual([5_001, 5_407, 6_006]);
  });

  it('do not pass those whose body is being put', async () => {
    const { handle, takeTurn } = openPipeline(2);
    const first = handle(1);
    await tick();
    // More than the head has room for, and worth a body of its own while the first one waits.
    for (let n = 0; n < 2_000; n += 1) handle(1_000 + n).catch(() => {});
    await tick();
    handle(9).catch(() => {});
    expect(await takeTurn()).toMatchObject({ text: '1' });
    await first;
  });
});

describe('decideAll()', () => {
  it('lets all wait that come after one that has to wait, since they may rest on it', () => {
    const decider = { handler, known: new IdWindow<unknown>(10), bytes: new FrozenBytes() };
    const events = [1, 2, -1, 3].map((n) => ({ hand: () => n, id: undefined, isOver: false }));
    const { outcomes, state } = decideAll(decider, events, { state: 0, seq: 0, time: 1 }, (index) => index !== 1);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'later', 'later', 'later']);
    expect(state).toBe(1);
  });
});

// Goal: what a process has left behind that died, and streams that were deleted, make no other call wrong.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { openBench } from '../../atom/bench.js';
import { FrozenEngine } from '../../journal/frozen-engine.js';
import { all, happened, openStore } from './stores.js';

const ordered = ['account'] as const;
const category = 'account';

describe('an ordered category', () => {
  it('takes a stream whose first append died in a store without the order', async () => {
    const bench = await openBench();
    const { engine, frozen } = new FrozenEngine(bench.memory, { request: 2, delivers: true });
    // Large, so that its writer puts its name into the head before there are events.
    const large = Array.from({ length: 50 }, (_, id) => happened(id, randomBytes(4_000).toString('base64')));
    openStore(bench, { engine })
      .append('account-a', large)
      .catch(() => {});
    await bench.run(frozen);
    const [plain, store] = [openStore(bench), openStore(bench, { ordered })];
    await store.appendAll([
      { stream: 'account-a', events: [happened('a')] },
      { stream: 'account-b', events: [happened('b')] },
    ]);
    await store.append('account-a', [happened('a')]);
    expect((await all(store.readAll({ category }))).map(({ stream, seq }) => [stream, seq])).toEqual([
      ['account-a', 1],
      ['account-b', 1],
      ['account-a', 2],
    ]);
    await expect(plain.append('account-a', [happened('c')])).rejects.toMatchObject({ code: 'ERR_CATEGORY_ORDER' });
  });
});

describe('appendAll', () => {
  it('tells of a stream that was deleted since, when it is repeated', async () => {
    const bench = await openBench();
    const store = openStore(bench);
    const entries = ['a', 'b'].map((stream) => ({ stream, events: [happened(1)] }));
    await store.appendAll(entries, { commandId: 'once' });
    await store.delete('b');
    await expect(openStore(bench).appendAll(entries, { commandId: 'once' })).rejects.toMatchObject({
      code: 'ERR_STREAM_CLOSED',
      stream: 'b',
    });
  });
});

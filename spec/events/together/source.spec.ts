// Goal: a feed that waits for its source hears its signal, and the end of its store.
import { describe, expect, it } from '@jest/globals';
import { openBench } from '../../atom/bench.js';
import { happened, openStore } from './stores.js';

describe('subscribeAll with a source that is silent', () => {
  const follow = async (signal?: AbortSignal) => {
    const bench = await openBench();
    const store = openStore(bench);
    await store.append('a', [happened(1)]);
    let hasEnded = false;
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => {
        const names = ['events/a/head'];
        const next = async () => {
          const value = names.shift();
          if (value === undefined) await new Promise(() => {});
          return { done: false as const, value: value as string };
        };
        const end = async () => {
          hasEnded = true;
          return { done: true as const, value: undefined };
        };
        return { next, return: end };
      },
    };
    const feed = store.subscribeAll({ source, signal })[Symbol.asyncIterator]();
    expect((await feed.next()).value).toMatchObject({ stream: 'a', seq: 1 });
    return { store, feed, hasEnded: () => hasEnded };
  };

  it('ends with the reason of its signal', async () => {
    const leaving = new AbortController();
    const { feed, hasEnded } = await follow(leaving.signal);
    const next = feed.next();
    setImmediate(() => leaving.abort(new Error('enough')));
    await expect(next).rejects.toThrow('enough');
    expect(hasEnded()).toBe(true);
  });

  it('ends when its store is closed', async () => {
    const { store, feed, hasEnded } = await follow();
    const next = feed.next();
    setImmediate(() => void store.close());
    await expect(next).resolves.toEqual({ done: true, value: undefined });
    expect(hasEnded()).toBe(true);
  });
});

/** Streams: their names, what is known of them, listing, closing. */
import { expect, it } from '@jest/globals';
import type { StreamInfo, StreamsOptions } from '../../lib/events/index.js';
import { all, noise, type OpenStore, upTo } from './event-store-bench.js';

const names = [
  ...[
    'a:b',
    'a:b:c',
    'a',
    'a/b',
    'a%2Fb',
    'a%b',
    '@a',
    '%40a',
    'ä😀',
    ' ',
    '\u0000',
    'head',
    'a/head',
    'a-1',
    'a--1',
    '-',
    '..',
  ],
  ...['page/0', 'x'.repeat(400), '\uffff', '~op:x', '"', '\\', 'a\nb'],
];

async function list(streams: AsyncIterable<StreamInfo>): Promise<StreamInfo[]> {
  const found: StreamInfo[] = [];
  for await (const info of streams) found.push(info);
  return found.sort((a, b) => (a.stream < b.stream ? -1 : 1));
}

export function streamsContract(newStore: () => OpenStore): void {
  it('have names of any characters, and none is another one', async () => {
    const open = newStore();
    const store = open();
    for (const name of names) await store.append(name, [{ type: 'named', data: name }], { expected: 'no-stream' });
    for (const name of names) expect(await all(open().read(name))).toMatchObject([{ stream: name, data: name }]);
    expect((await list(open().streams())).map(({ stream }) => stream)).toEqual([...names].sort());
  });

  it('info tells version, time and closing; exists whether there are events', async () => {
    const open = newStore();
    const store = open();
    expect(await store.info('s')).toBeUndefined();
    expect(await store.exists('s')).toBe(false);
    const { time } = await store.append('s', [{ type: 'a' }, { type: 'b' }]);
    expect(await open().info('s')).toMatchObject({
      stream: 's',
      version: 2,
      exists: true,
      updatedAt: time,
      closed: undefined,
    });
    await store.archive('s');
    expect(await open().info('s')).toMatchObject({ version: 2, exists: true, closed: 'archived' });
    expect(await open().exists('s')).toBe(true);
    await store.delete('s');
    expect(await open().info('s')).toMatchObject({ version: 2, exists: false, closed: 'deleted' });
    expect(await open().exists('s')).toBe(false);
  });

  it('are listed by prefix, category and closing', async () => {
    const store = newStore()();
    for (const name of ['account-1', 'account-2', 'accounting-1', 'account', 'order-1', '@x-1']) {
      await store.append(name, [{ type: 'a', data: noise(30) }]);
    }
    await store.archive('account-2');
    await store.delete('order-1');
    const listed = async (options?: StreamsOptions) => (await list(store.streams(options))).map(({ stream }) => stream);
    expect(await listed()).toEqual(['@x-1', 'account', 'account-1', 'account-2', 'accounting-1']);
    expect(await listed({ consistency: 'eventual' })).toHaveLength(5);
    expect(await listed({ prefix: 'account-' })).toEqual(['account-1', 'account-2']);
    expect(await listed({ prefix: '@' })).toEqual(['@x-1']);
    expect(await listed({ category: 'account' })).toEqual(['account', 'account-1', 'account-2']);
    expect(await listed({ category: '@x' })).toEqual(['@x-1']);
    expect(await listed({ closed: 'archived' })).toEqual(['account-2']);
    expect(await listed({ closed: 'open', prefix: 'account-' })).toEqual(['account-1']);
    expect(await listed({ closed: 'deleted' })).toEqual(['order-1']);
  });

  it('a deleted one leaves its name: it is neither read nor written, and the others are as they were', async () => {
    const open = newStore();
    const store = open();
    for (const n of upTo(30)) await store.append('s', [{ type: 'n', data: noise(120, n) }], { commandId: `c${n}` });
    await store.append('s', [{ type: 'large', data: noise(20_000) }]);
    await store.append('t', [{ type: 'a' }]);
    expect(await store.delete('s', { expected: 31 })).toBe(true);
    expect(await open().delete('s')).toBe(false);
    for (const one of [store, open()]) {
      await expect(all(one.read('s'))).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED', closed: 'deleted' });
      await expect(one.append('s', [{ type: 'n' }], { commandId: 'c1' })).rejects.toMatchObject({
        code: 'ERR_STREAM_CLOSED',
      });
    }
    expect(await all(open().read('t'))).toHaveLength(1);
  });

  it('two processes delete one at a time: it is gone, and both are told', async () => {
    const open = newStore();
    const [store, other] = [open(), open()];
    for (const n of upTo(20)) await store.append('s', [{ type: 'n', data: noise(120, n) }]);
    await Promise.all([store.delete('s'), other.delete('s')]);
    expect(await store.info('s')).toMatchObject({ closed: 'deleted' });
  });

  it('an archived one is read and listed, takes nothing, and is opened again', async () => {
    const open = newStore();
    const store = open();
    await store.append('s', [{ type: 'a' }]);
    expect(await store.archive('s', { expected: 1 })).toBe(true);
    expect(await all(open().read('s'))).toHaveLength(1);
    await expect(open().append('s', [{ type: 'b' }])).rejects.toMatchObject({
      code: 'ERR_STREAM_CLOSED',
      closed: 'archived',
    });
    expect(await open().unarchive('s')).toBe(true);
    expect(await store.append('s', [{ type: 'b' }], { expected: 1 })).toMatchObject({ version: 2 });
  });
}

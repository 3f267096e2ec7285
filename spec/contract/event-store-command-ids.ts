/** Command ids: what is done twice happens once. */
import { expect, it } from '@jest/globals';
import type { EventStore } from '../../lib/events/index.js';
import { all, noise, type OpenStore, upTo } from './event-store-bench.js';

/** So many that what was there before leaves the head. */
async function push(store: EventStore, stream = 's'): Promise<void> {
  for (const n of upTo(25)) await store.append(stream, [{ type: 'noise', data: noise(150, n) }]);
}

export function commandIdsContract(newStore: () => OpenStore): void {
  const paid = [{ type: 'paid', data: { cents: 5 } }, { type: 'thanked' }];

  it.each(['right after', 'after it has left the head'] as const)(
    'repeated %s: the first outcome, from any process',
    async (when) => {
      const open = newStore();
      const [store, other] = [open(), open()];
      await store.append('s', [{ type: 'opened' }]);
      const first = await store.append('s', paid, { commandId: 'pay-1', expected: 1, metadata: { try: 1 } });
      expect(first.repeated).toBe(false);
      if (when !== 'right after') await push(other);
      const before = (await store.info('s'))?.version;
      for (const one of [store, other, open()]) {
        for (const expected of [1, 'any', 'no-stream', 77] as const) {
          const again = await one.append('s', paid, { commandId: 'pay-1', expected, metadata: { try: 2 } });
          expect(again).toEqual({ ...first, repeated: true });
        }
      }
      expect((await store.info('s'))?.version).toBe(before);
    },
  );

  it('several at a time, in one process and in several: one happens', async () => {
    const open = newStore();
    const stores = [open(), open()];
    const calls = stores.flatMap((store) => upTo(5).map(() => store.append('s', paid, { commandId: 'pay-1' })));
    const answers = await Promise.all(calls);
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(new Set(answers.map(({ version }) => version))).toEqual(new Set([2]));
    expect(await all(open().read('s'))).toHaveLength(2);
  });

  it('with other events: refused, with the events that it stands for', async () => {
    const open = newStore();
    const store = open();
    const { events } = await store.append('s', paid, { commandId: 'pay-1' });
    const others = [
      [{ type: 'paid', data: { cents: 6 } }, { type: 'thanked' }],
      [{ type: 'paid', data: { cents: 5 } }],
      [...paid, { type: 'more' }],
      [{ type: 'payed', data: { cents: 5 } }, { type: 'thanked' }],
      [],
    ];
    for (const round of ['in the head', 'behind it']) {
      for (const one of [store, open()]) {
        for (const other of others) {
          await expect(one.append('s', other, { commandId: 'pay-1' })).rejects.toMatchObject({
            ...{ code: 'ERR_COMMAND_ID_REUSED', stream: 's', commandId: 'pay-1', events, outcome: 'not-done' },
          });
        }
      }
      if (round === 'in the head') await push(store);
    }
  });

  it('two calls of one batch under one id, with other events: the second is refused', async () => {
    const store = newStore()();
    const [first, second] = await Promise.allSettled([
      store.append('s', [{ type: 'a' }], { commandId: 'one' }),
      store.append('s', [{ type: 'b' }], { commandId: 'one' }),
    ]);
    expect(first).toMatchObject({ status: 'fulfilled', value: { version: 1 } });
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ERR_COMMAND_ID_REUSED' } });
  });

  it('the id of the first event stands for the append', async () => {
    const open = newStore();
    const events = [
      { type: 'a', id: 'e-1' },
      { type: 'b', id: 'e-2' },
    ];
    const first = await open().append('s', events);
    expect(await open().append('s', events)).toEqual({ ...first, repeated: true });
    expect(await all(open().read('s'))).toHaveLength(2);
  });

  it('are of one stream, and of any characters', async () => {
    const store = newStore()();
    const ids = ['a/b', 'a%2Fb', '@a', 'ä'.repeat(100), ' ', '\u0000', 'head', '..'];
    for (const id of ids)
      expect(await store.append('s', [{ type: 'a', data: id }], { commandId: id })).toMatchObject({ repeated: false });
    expect(await store.append('t', [{ type: 'a' }], { commandId: 'head' })).toMatchObject({
      version: 1,
      repeated: false,
    });
    await push(store);
    for (const [at, id] of ids.entries()) {
      expect(await store.append('s', [{ type: 'a', data: id }], { commandId: id })).toMatchObject({
        version: at + 1,
        repeated: true,
      });
    }
  });

  it('the time and the numbers of a repeated append are those of the first', async () => {
    const open = newStore();
    const store = open();
    await Promise.all([
      store.append('s', [{ type: 'before' }]),
      store.append('s', [{ type: 'a' }, { type: 'b' }], { commandId: 'one' }),
      store.append('s', [{ type: 'after' }]),
    ]);
    const again = await open().append('s', [{ type: 'a' }, { type: 'b' }], { commandId: 'one' });
    expect(again).toMatchObject({
      version: 3,
      repeated: true,
      events: [{ seq: 2, type: 'a', commandId: 'one' }, { seq: 3 }],
    });
    expect((await all(store.read('s'))).map(({ commandId }) => commandId)).toEqual([
      undefined,
      'one',
      'one',
      undefined,
    ]);
  });
}

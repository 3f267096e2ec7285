// Goal: the parts that views rest on keep their order, and what they have seen.
import { describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { abreast } from '../../../lib/events/abreast.js';
import { EventStore, type RecordedEvent, View } from '../../../lib/events/index.js';
import { Bell } from '../../../lib/events/view/bell.js';
import { BoundedMap } from '../../../lib/events/view/bounded-map.js';
import { Documents } from '../../../lib/events/view/documents.js';
import { Windows } from '../../../lib/events/view/windows.js';
import { AtomTable } from '../../../lib/index.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { steppedEngine } from '../../support/stepped-engine.js';
import { type Added, added, expectedOf, foundIn, named, perStream } from './sample.js';

const eventOf = (stream: string, seq: number, type = 'added') =>
  ({
    stream,
    seq,
    type,
    metadata: {},
    data: seq,
    schemaVersion: '1.0.0',
    id: `${stream}/${seq}`,
    time: 0,
  }) as RecordedEvent;

const table = async (engine = new MemoryEngine()) => {
  const made = new AtomTable({ engine, tableName: 'state' });
  await made.create();
  return made;
};

describe('Documents', () => {
  const view = new View<readonly number[], Added>({
    name: 'v',
    initial: [],
    apply: (all, { type, seq }) => ((type as string) === 'cleared' ? undefined : [...all, seq]),
  });
  const open = async () => {
    const positionOf = ({ stream, seq }: RecordedEvent) => [stream, seq] as const;
    return new Documents({ table: await table(), view, name: 'g', positionOf });
  };

  it('know what they have seen of each stream', async () => {
    const documents = await open();
    await documents.apply('d', [eventOf('a', 1), eventOf('a', 2), eventOf('b', 1)]);
    await documents.apply('d', [eventOf('a', 2), eventOf('a', 3), eventOf('b', 1)]);
    expect(await documents.read(['d'])).toEqual([{ state: [1, 2, 1, 3], seen: { a: 3, b: 1 } }]);
  });

  it('know it when they were deleted', async () => {
    const documents = await open();
    await documents.apply('d', [eventOf('a', 1), eventOf('a', 2, 'cleared')]);
    await documents.apply('d', [eventOf('a', 1)]);
    expect(await documents.read(['d'])).toEqual([{ seen: { a: 2 } }]);
    await documents.apply('d', [eventOf('a', 1), eventOf('a', 2, 'cleared'), eventOf('a', 3)]);
    expect(await documents.read(['d'])).toEqual([{ state: [3], seen: { a: 3 } }]);
  });

  it('are not replaced by what has seen less', async () => {
    const documents = await open();
    await documents.apply('d', [eventOf('a', 1), eventOf('b', 2)]);
    expect(await documents.replace('d', { state: [], seen: { a: 9, b: 1 } })).toBe(false);
    expect(await documents.replace('d', { state: [], seen: { a: 9 } })).toBe(false);
    expect(await documents.replace('d', { state: [], seen: { a: 1, b: 2 } })).toBe(true);
    expect(await documents.read(['d'])).toEqual([{ state: [], seen: { a: 1, b: 2 } }]);
  });
});

describe('Windows', () => {
  it('apply one after the other, of each stream in order', async () => {
    const applied: RecordedEvent[] = [];
    let running = 0;
    const windows = new Windows(async (events) => {
      running += 1;
      expect(running).toBe(1);
      // The first ones take longest.
      for (let n = 0; n < 5_000 - applied.length / 10; n += 1) await Promise.resolve();
      applied.push(...events);
      running -= 1;
      return [];
    });
    await abreast(['a', 'b', 'c'], 3, async (stream) => {
      for (let seq = 1; seq <= 9_000; seq += 10) {
        const events = Array.from({ length: 10 }, (_, index) => eventOf(stream, seq + index));
        expect(await windows.add(stream, events, 100)).toBe(true);
      }
    });
    await windows.end();
    for (const stream of ['a', 'b', 'c']) {
      const own = applied.filter((event) => event.stream === stream).map(({ seq }) => seq);
      expect(own).toEqual(Array.from({ length: 9_000 }, (_, index) => index + 1));
    }
  });

  it('let nothing through behind an event that can not be applied', async () => {
    const applied: string[] = [];
    const windows = new Windows(async (events) => {
      applied.push(...events.map(({ id }) => id));
      return ['a'];
    });
    await windows.add('a', [eventOf('a', 1)], 1);
    await windows.end();
    expect(await windows.add('a', [eventOf('a', 2)], 1)).toBe(false);
    expect(await windows.add('b', [eventOf('b', 1)], 1)).toBe(true);
    await windows.end();
    expect(applied).toEqual(['a/1', 'b/1']);
    const failing = new Windows(() => Promise.reject(new Error('no')));
    await failing.add('a', [eventOf('a', 1)], 1);
    await expect(failing.end()).rejects.toThrow('no');
    await failing.add('b', [eventOf('b', 1)], 1);
    await expect(failing.end()).rejects.toThrow('no');
  });
});

describe('abreast', () => {
  it('begins nothing after a failure, and waits for what was begun', async () => {
    const log: string[] = [];
    const work = abreast([1, 2, 3, 4], 2, async (n) => {
      log.push(`begin ${n}`);
      if (n === 1) throw new Error('first');
      for (let tick = 0; tick < 9; tick += 1) await Promise.resolve();
      log.push(`end ${n}`);
    });
    await expect(work).rejects.toThrow('first');
    expect(log).toEqual(['begin 1', 'begin 2', 'end 2']);
  });
});

describe('BoundedMap', () => {
  it('lets go of what was used least lately', () => {
    const map = new BoundedMap<string, number>(2);
    map.set('a', 1);
    map.set('b', 2);
    expect(map.get('a')).toBe(1);
    map.set('c', 3);
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([1, undefined, 3]);
  });
});

describe('Bell', () => {
  it('ends a pause, also one that was not begun yet', async () => {
    const clock = new VirtualClock();
    const bell = new Bell(clock);
    const { signal } = new AbortController();
    await clock.run(
      (async () => {
        bell.ring();
        await bell.pause(undefined, signal);
        const before = clock.monotonicMs();
        await bell.pause(500, signal);
        expect(clock.monotonicMs()).toBe(before + 500);
        await expect(bell.pause(undefined, AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
      })(),
    );
  });
});

describe('ViewReader', () => {
  it('believes of no document that it is not there when it was deleted with its generation meanwhile', async () => {
    const engine = new MemoryEngine();
    const store = new EventStore(await table(engine));
    await store.append('a', [added(1)]);
    await store.rebuild(perStream);
    let isSplit = false;
    // A request for many items is not answered at one instant: the pointer before a rebuild, the document after it.
    const split = steppedEngine(engine, ({ kind, text, send }) => {
      if (kind !== 'batchGet' || !text.includes('/doc/') || !isSplit) return undefined;
      isSplit = false;
      return (async () => {
        type Answer = { readonly items: readonly { readonly id: { readonly S: string } }[] };
        const isPointer = ({ id }: Answer['items'][number]) => id.S.endsWith('@view/per-stream');
        const before = (await send()) as Answer;
        await store.rebuild(perStream);
        const after = (await send()) as Answer;
        return {
          ...after,
          items: [...before.items.filter(isPointer), ...after.items.filter((one) => !isPointer(one))],
        };
      })();
    });
    const view = new EventStore(new AtomTable({ engine: split, tableName: 'state' })).view(perStream);
    expect(await view.get('a')).toEqual(['a/1']);
    isSplit = true;
    expect(await view.get('a')).toEqual(['a/1']);
    expect(isSplit).toBe(false);
  });
});

describe('Projection', () => {
  it('goes on when what fails has passed', async () => {
    const clock = new VirtualClock({ runMsMax: Number.MAX_SAFE_INTEGER });
    await clock.run(
      (async () => {
        const engine = new MemoryEngine({ clock });
        const own = new AtomTable({ engine, tableName: 'state', clock });
        await own.create();
        const store = new EventStore(own);
        for (let n = 0; n < 5; n += 1) await store.append(`s-${n}`, [added(n, 'd')]);
        const until = clock.now() + 120_000;
        const cut = steppedEngine(engine, () =>
          clock.now() < until ? Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' })) : undefined,
        );
        const warnings: unknown[] = [];
        const onWarning = (warning: unknown) => warnings.push(warning);
        const cutStore = new EventStore(new AtomTable({ engine: cut, tableName: 'state', clock }), { onWarning });
        const projection = cutStore.project(named);
        await projection.caughtUp;
        await projection.stop();
        expect(warnings).toContainEqual(expect.objectContaining({ code: 'ERR_DEADLINE' }));
        expect(await foundIn(store, named)).toEqual(await expectedOf(store, named));
      })(),
    );
  });
});

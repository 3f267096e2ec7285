/**
 * Goal: bodies that are fetched before they are named save a request where it counts, and change nothing else.
 * Method: the store's requests are counted; what was fetched is then named, never named, or spoilt.
 */
import { describe, expect, it } from '@jest/globals';
import { AtomTable, type WriteOnceItems } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { BodiesAhead } from '../../lib/journal/bodies-ahead.js';
import { Journal } from '../../lib/journal/index.js';
import { journalKeys } from '../../lib/journal/keys.js';

const keys = journalKeys('log');
const tick = () => new Promise(setImmediate);

function countingItems(stored: ReadonlyMap<string, Uint8Array>) {
  const asked: string[][] = [];
  const items = {
    async getMany(wanted: readonly string[], options?: { readonly consistency?: string }) {
      asked.push([options?.consistency ?? 'strong', ...wanted]);
      return new Map(wanted.flatMap((key) => (stored.has(key) ? [[key, stored.get(key) as Uint8Array] as const] : [])));
    },
  };
  return { asked, items: items as unknown as WriteOnceItems };
}

describe('BodiesAhead', () => {
  it('fetches what is expected once, by eventually consistent reads, and hands it out once', async () => {
    const key = keys.body('A', 3, 0);
    const { asked, items } = countingItems(new Map([[key, new Uint8Array([1])]]));
    const ahead = new BodiesAhead(items, keys);
    ahead.expect([{ writer: 'A', n: 3 }]);
    await tick();
    ahead.expect([{ writer: 'A', n: 3 }]);
    await tick();
    expect(asked).toEqual([['eventual', key]]);
    expect([...ahead.take([key, 'other']).keys()]).toEqual([key]);
    expect(ahead.take([key]).size).toBe(0);
  });

  it('asks again for what was not there, and for nothing while it asks', async () => {
    const { asked, items } = countingItems(new Map());
    const ahead = new BodiesAhead(items, keys);
    ahead.expect([{ writer: 'A', n: 3 }]);
    ahead.expect([{ writer: 'B', n: 1 }]);
    await tick();
    ahead.expect([{ writer: 'A', n: 3 }]);
    await tick();
    expect(asked.map(([, key]) => key)).toEqual([keys.body('A', 3, 0), keys.body('A', 3, 0)]);
  });

  it('keeps no more than 4 MB, the newest', async () => {
    const stored = new Map(
      Array.from({ length: 12 }, (_, n) => [keys.body('A', n, 0), new Uint8Array(400_000)] as const),
    );
    const { items } = countingItems(stored);
    const ahead = new BodiesAhead(items, keys);
    for (let n = 0; n < 12; n += 1) {
      ahead.expect([{ writer: 'A', n }]);
      await tick();
    }
    const kept = [...ahead.take([...stored.keys()]).keys()];
    expect(kept).toEqual([...stored.keys()].slice(-10));
  });

  it('tells nobody that a fetch failed', async () => {
    const items = { getMany: () => Promise.reject(new Error('down')) } as unknown as WriteOnceItems;
    const ahead = new BodiesAhead(items, keys);
    ahead.expect([{ writer: 'A', n: 3 }]);
    await tick();
    expect(ahead.take([keys.body('A', 3, 0)]).size).toBe(0);
  });
});

describe('a writer that waits for its turn', () => {
  const text = (mark: string) =>
    Array.from({ length: 100 }, (_, n) => JSON.stringify({ n, mark, noise: Math.sin(n) })).join('\n');

  it('has the other’s next body before it is named, and believes none that is not right', async () => {
    const engine = new MemoryEngine();
    const spoilt = { on: false, count: 0 };
    const reads = { strong: 0 };
    const view = new Proxy(engine, {
      get(target, property) {
        const value = Reflect.get(target, property) as unknown;
        if (typeof value !== 'function') return value;
        if (property !== 'batchGet') return value.bind(target);
        return async (request: Parameters<MemoryEngine['batchGet']>[0], options: never) => {
          const answer = await target.batchGet(request, options);
          if (request.consistent) reads.strong += 1;
          else if (spoilt.on) {
            spoilt.count += answer.items.length;
            return { ...answer, items: answer.items.map((item) => ({ ...item, d: { B: new Uint8Array([1, 2, 3]) } })) };
          }
          return answer;
        };
      },
    });
    const open = (table: AtomTable) => {
      const seen: string[] = [];
      const consumer = { apply: (read: { readonly text: string }) => seen.push(read.text) };
      return { seen, journal: new Journal(table, 'log', { consumer }) };
    };
    await new AtomTable({ engine, tableName: 'state' }).create();
    const one = open(new AtomTable({ engine, tableName: 'state' }));
    const other = open(new AtomTable({ engine: view, tableName: 'state' }));
    const draft = { decide: () => ({ text: '', count: 100 }) };
    const commit = async (mark: string) => {
      const body = await one.journal.prepare(text(mark));
      // The other one commits while this body stands there and is not named yet: it sees who wrote, and looks for more.
      await other.journal.append({ decide: () => ({ text: '{}', count: 1 }) });
      await tick();
      await one.journal.append({ ...draft, bodyText: text(mark) }, body);
    };
    await commit('a');
    await other.journal.catchUp('strong');
    reads.strong = 0;
    await commit('b');
    await other.journal.catchUp('strong');
    expect({ reads, last: other.seen.at(-1) === text('b') }).toEqual({ reads: { strong: 0 }, last: true });
    spoilt.on = true;
    await commit('c');
    await other.journal.catchUp('strong');
    expect(spoilt.count).toBe(1);
    expect({ reads, last: other.seen.at(-1) === text('c') }).toEqual({ reads: { strong: 1 }, last: true });
  });
});

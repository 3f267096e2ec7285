// Goal: what is delivered with holes is filled from the log; a projection that ends leaves nothing behind that goes on, waits, or grows.
import { describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { EventStore, type EventStoreOptions, type StreamCommit } from '../../../lib/events/index.js';
import { AtomTable, LeydenError } from '../../../lib/index.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { added, named, perStream } from './sample.js';

const tableName = 'state';

async function world(options: EventStoreOptions = {}) {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  const table = new AtomTable({ engine, tableName, clock });
  await table.create();
  return { clock, engine, store: new EventStore(table, options) };
}

async function committed(store: EventStore, stream: string, count: number): Promise<StreamCommit[]> {
  const commits: StreamCommit[] = [];
  for (let n = 1; n <= count; n += 1) {
    const { events, version, time } = await store.append(stream, [added(n, 'all')]);
    commits.push({ stream, events, version, time });
  }
  return commits;
}

class Passing extends LeydenError {
  constructor() {
    super('ERR_PASSING', 'it may pass', { outcome: 'not-done', retryable: true });
  }
}

describe('EventStore.projector', () => {
  it.each([[[1, 2, 4]], [[1, 3, 2, 4]], [[4, 1]], [[2, 4, 4, 1]]])(
    'fills holes within a batch from the log: commits %j',
    async (order) => {
      const { store } = await world();
      const commits = await committed(store, 'a', 4);
      const records = order.map((n) => ({ value: commits[n - 1] as StreamCommit }));
      await store.projector(named, perStream)({ records });
      const all = ['a/1', 'a/2', 'a/3', 'a/4'];
      expect(await store.view(named).get('all')).toEqual(all);
      expect(await store.view(perStream).get('a')).toEqual(all);
    },
  );
});

describe('a Projection with a source', () => {
  it('is over when its source fails, with what may pass too, in the middle of a look', async () => {
    const warnings: unknown[] = [];
    const { clock, engine, store } = await world({ onWarning: (warning) => warnings.push(warning) });
    await committed(store, 'a', 1);
    const scan = engine.scan.bind(engine);
    let go = () => {};
    engine.scan = async (request, options) => {
      await new Promise<void>((done) => {
        go = done;
      });
      return scan(request, options);
    };
    const projection = store.project(perStream, {
      source: (async function* () {
        await new Promise(setImmediate);
        yield { records: [] };
        go();
        throw new Passing();
      })(),
    });
    await expect(clock.run(projection.done)).rejects.toMatchObject({ code: 'ERR_PASSING' });
    await clock.run(clock.sleep(60_000));
    expect(warnings).toHaveLength(1);
  });

  it('lets nobody wait for a look once it is over', async () => {
    const { store } = await world();
    const projection = store.project(perStream);
    const refreshed = projection.refresh();
    await projection.stop();
    await expect(refreshed).rejects.toThrow('stopped');
    await expect(projection.refresh()).rejects.toThrow('stopped');
  });
});

describe('a Projection of an ordered category', () => {
  it('does not look for what was deleted at its end again and again', async () => {
    const { engine, store } = await world({ ordered: ['gone'] });
    await committed(store, 'gone-0', 2);
    const streams = Array.from({ length: 50 }, (_, n) => `gone-${n + 1}`);
    for (const stream of streams) await committed(store, stream, 1);
    for (const stream of streams) await store.delete(stream);
    const projection = store.project(named, { category: 'gone' });
    await projection.caughtUp;
    const before = engine.spent().requests;
    await projection.refresh();
    // The view's atom, its position, and the head of the category.
    expect(engine.spent().requests - before).toBeLessThanOrEqual(3);
    await committed(store, 'gone-0', 1);
    await projection.refresh();
    await projection.stop();
    expect(await store.view(named).get('all')).toEqual(['gone-0/1', 'gone-0/2', 'gone-0/3']);
  });
});

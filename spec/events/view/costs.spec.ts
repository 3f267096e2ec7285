// Goal: views cost what their documentation says, counted.
import { describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { EventStore, type StreamCommit } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';
import { added, named, perStream } from './sample.js';

async function world() {
  const engine = new MemoryEngine();
  const writing = new AtomTable({ engine, tableName: 'state' });
  await writing.create();
  const table = new AtomTable({ engine, tableName: 'state' });
  const writer = new EventStore(writing);
  const append = async (stream: string, ...to: string[]): Promise<StreamCommit> => {
    const { events, version, time } = await writer.append(stream, [added(1, ...to)]);
    return { stream, events, version, time };
  };
  const batchOf = (...commits: StreamCommit[]) => ({ records: commits.map((value) => ({ value })) });
  /** Requests that `work` makes of the table of the views. */
  const count = async (work: () => Promise<unknown>) => {
    const before = table.spent();
    await work();
    const after = table.spent();
    return { requests: after.requests - before.requests, written: after.writeUnits - before.writeUnits };
  };
  return { engine, table, store: new EventStore(table), append, batchOf, count };
}

describe('EventStore.projector', () => {
  it('costs a read for each batch, and a write for each document; cold, the documents are read together', async () => {
    const { store, append, batchOf, count } = await world();
    const feed = store.projector(perStream);
    await feed(batchOf(await append('x')));
    const cold = [await append('a'), await append('b'), await append('c')];
    // The pointer, three documents in one request, three writes.
    expect(await count(() => feed(batchOf(...cold)))).toEqual({ requests: 5, written: 3 });
    const warm = [await append('a'), await append('b'), await append('a')];
    // The pointer, two writes.
    expect(await count(() => feed(batchOf(...warm)))).toEqual({ requests: 3, written: 2 });
    // Nothing new: the pointer alone.
    expect(await count(() => feed(batchOf(...warm)))).toEqual({ requests: 1, written: 0 });
  });

  it('costs a write more for each stream where documents are not streams', async () => {
    const { store, append, batchOf, count } = await world();
    const feed = store.projector(named);
    await feed(batchOf(await append('a', 'd', 'e')));
    // The pointer, two documents, a cursor.
    const both = await append('a', 'd', 'e');
    expect(await count(() => feed(batchOf(both)))).toEqual({ requests: 4, written: 3 });
    const commits = [await append('a', 'd'), await append('a', 'd'), await append('a', 'd')];
    // Events of one batch that go to one document are one write.
    expect(await count(() => feed(batchOf(...commits)))).toEqual({ requests: 3, written: 2 });
    // For no document: the cursor.
    const none = await append('a');
    expect(await count(() => feed(batchOf(none)))).toEqual({ requests: 2, written: 1 });
  });
});

describe('ViewReader', () => {
  it('costs one request for documents that there are, two for one that there is not', async () => {
    const { store, append, batchOf, count } = await world();
    await store.projector(perStream)(batchOf(await append('a'), await append('b')));
    const view = store.view(perStream);
    expect(await count(() => view.get('a'))).toMatchObject({ requests: 2 });
    expect(await count(() => view.get('a'))).toMatchObject({ requests: 1 });
    expect(await count(() => view.getMany(['a', 'b']))).toMatchObject({ requests: 1 });
    expect(await count(() => view.get('none'))).toMatchObject({ requests: 2 });
    expect(await count(() => view.lag({ streams: ['a'] }))).toMatchObject({ requests: 3 });
  });
});

describe('Projection', () => {
  it('costs a scan for each look, and nothing for streams that have nothing new', async () => {
    const { store, append, count } = await world();
    for (let n = 0; n < 30; n += 1) await append(`s-${n}`);
    const projection = store.project(perStream, { scanEveryMs: 3_600_000 });
    await projection.caughtUp;
    // A page, the pointer.
    expect(await count(() => projection.refresh())).toEqual({ requests: 2, written: 0 });
    await append('s-7');
    expect(await count(() => projection.refresh())).toEqual({ requests: 3, written: 1 });
    await projection.stop();
  });
});

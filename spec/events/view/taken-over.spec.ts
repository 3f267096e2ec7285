// Goal: a rebuild that ends what another one had begun still makes the view that was asked for.
import { describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { EventStore, View } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';
import { type Added, added, type Trace } from './sample.js';

const version = (n: number) =>
  new View<Trace, Added>({
    name: 'versioned',
    initial: [],
    version: n,
    id: () => 'all',
    apply: (trace, { stream, seq }) => [...trace, `${stream}/${seq} v${n}`],
  });

async function world() {
  const engine = new MemoryEngine();
  const table = new AtomTable({ engine, tableName: 'state' });
  await table.create();
  const open = () => new EventStore(new AtomTable({ engine, tableName: 'state' }), { ordered: ['a'] });
  return { table, open, store: open() };
}

/** A rebuild that dies after its turn. */
async function dieClosing(store: EventStore, view: View<Trace, Added>) {
  const leaving = new AbortController();
  const onProgress = ({ phase }: { readonly phase: string }) => {
    if (phase === 'closing') leaving.abort(new Error('died'));
  };
  await expect(store.rebuild(view, { onProgress, signal: leaving.signal })).rejects.toThrow('died');
}

describe('EventStore.rebuild', () => {
  it.each([
    ['of another version', {}, version(2), version(3), 'v3'],
    ['from another source', { category: 'a' }, version(2), version(2), 'v2'],
  ])('%s than one that died after its turn makes its own generation', async (_what, options, before, after, mark) => {
    const { store, open } = await world();
    await store.append('a', [added(1), added(2)]);
    await dieClosing(store, before);
    const { events } = await open().rebuild(after, { ...options, takeOver: true });
    expect(events).toBeGreaterThanOrEqual(2);
    const other = open();
    const projection = other.project(after, options as { category: string });
    await projection.caughtUp;
    await projection.stop();
    expect(await other.view(after).get('all')).toEqual([`a/1 ${mark}`, `a/2 ${mark}`]);
  });
});

// Goal: of several prunes at once each comes to a good end, also one that was overtaken in the midst of its reading.
// Method: a process that is held at its first read of pages until another has pruned them.
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../../lib/atom/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { steppedEngine } from '../../support/stepped-engine.js';
import { gate } from '../stage.js';
import { counter, openMemory, openProcess, tableName } from './counting.js';

it.each(['from all events', 'from the snapshot of the prune before'])(
  'a prune that begins %s goes on from what another has verified meanwhile',
  async (from) => {
    const engine = await openMemory();
    const type = counter({ snapshotEvery: 1_000 }, 8_000);
    const { store } = openProcess(engine);
    const add = async (count: number) => {
      for (let n = 0; n < count; n += 1) await store.execute(type, '1', [1]);
    };
    await add(40);
    if (from !== 'from all events') {
      await store.prune(type, '1', { keepSnapshots: 1 });
      await add(40);
    }
    const { passed, open } = gate();
    let isHeld = false;
    const stepped = steppedEngine(engine, (step) => {
      if (isHeld || !/^(get|batchGet)$/.test(step.kind) || !step.text.includes('/page/')) return undefined;
      isHeld = true;
      return passed.then(() => step.send());
    });
    const late = new EventStore(new AtomTable({ engine: stepped, tableName }));
    const pruned = late.prune(type, '1', { keepSnapshots: 1 });
    pruned.catch(() => {});
    while (!isHeld) await new Promise(setImmediate);
    await openProcess(engine).store.prune(type, '1', { keepSnapshots: 1 });
    await add(20);
    open();
    const { version } = (await store.info('counter-1')) as { readonly version: number };
    expect(await pruned).toMatchObject({ version });
    expect(await openProcess(engine).store.load(type, '1')).toMatchObject({ version, state: { sum: version } });
  },
);

// Goal: what a prune says in the head is not undone by a command that was decided before it.
// Method: a process whose clock is ahead, held at its commit until another has pruned.
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../../lib/atom/index.js';
import { systemClock } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { steppedEngine } from '../../support/stepped-engine.js';
import { gate, noise } from '../stage.js';
import { counter, openMemory, openProcess, tableName } from './counting.js';

it('the floor is told also when a command was on its way while the stream was pruned', async () => {
  const engine = await openMemory();
  const type = counter({ snapshotEvery: 1_000 });
  const { passed, open } = gate();
  let [isArmed, isHeld] = [false, false];
  const stepped = steppedEngine(engine, (step) => {
    if (!isArmed || isHeld || step.kind !== 'put' || !step.text.includes('/head"')) return undefined;
    isHeld = true;
    return passed.then(() => step.send());
  });
  const clock = { ...systemClock, now: () => systemClock.now() + 60_000 };
  const late = new EventStore(new AtomTable({ engine: stepped, tableName, clock }));
  for (let n = 0; n < 30; n += 1) {
    await late.append('counter-1', [{ type: 'added', data: { by: 1, mark: noise(110, n) } }]);
    await late.execute(type, '1', [1]);
  }
  isArmed = true;
  const executed = late.execute(type, '1', [1]);
  while (!isHeld) await new Promise(setImmediate);
  const { floor } = await openProcess(engine).store.prune(type, '1', { keepSnapshots: 1 });
  expect(floor).toBeGreaterThan(1);
  open();
  expect(await executed).toMatchObject({ version: 61, state: { sum: 61 } });
  expect(await openProcess(engine).store.info('counter-1')).toMatchObject({ version: 61, floor });
});

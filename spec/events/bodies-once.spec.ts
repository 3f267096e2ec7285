// Goal: a large append whose writer was passed by so many others that it goes on under another name leaves one body, and not two.
// Method: a process that is held after its body was put, until another has filled pages.
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { EventStore } from '../../lib/events/index.js';
import { isWriteStep, steppedEngine } from '../support/stepped-engine.js';
import { keysIn, openMemory, openProcess, tableName } from './aggregate/counting.js';
import { gate, noise } from './stage.js';

it('a body that was put under a name that was given up is removed', async () => {
  const engine = await openMemory();
  const { passed, open } = gate();
  let [isBodyPut, isHeld] = [false, false];
  const stepped = steppedEngine(engine, (step) => {
    const isBody = step.text.includes('/body/');
    isBodyPut ||= isBody;
    if (!isBodyPut || isHeld || isBody || !isWriteStep(step)) return undefined;
    isHeld = true;
    return passed.then(() => step.send());
  });
  const late = new EventStore(new AtomTable({ engine: stepped, tableName }));
  await late.append('account-1', [{ type: 'noted' }]);
  const appended = late.append('account-1', [{ type: 'noted', data: noise(9_000) }]);
  while (!isHeld) await new Promise(setImmediate);
  const { store } = openProcess(engine);
  for (let n = 0; n < 60; n += 1) await store.append('account-1', [{ type: 'noted', data: noise(200, n) }]);
  open();
  const { version } = await appended;
  const [event] = (await appended).events;
  expect((await keysIn(engine)).filter((key) => key.includes('/body/'))).toHaveLength(1);
  for await (const read of openProcess(engine).store.read('account-1', { from: version })) expect(read).toEqual(event);
});

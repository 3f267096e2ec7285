// Goal: what keeps a process alive and what does not: a loop over `changes()` does, an instance that nobody closes does not.
// Method: real processes, which end by themselves or have to be ended.
import { expect, it } from '@jest/globals';
import { runNode } from '../support/command.js';

const opening = `
  import { openPrevayler, transientStorage } from './lib/prevalence/index.ts';
  const handler = (sum, amount) => sum + amount;
  const till = await openPrevayler({ storage: transientStorage(), initialState: 0, handler });
`;

const run = (text: string) => runNode(['--import', 'tsx', '--input-type=module', '--eval', opening + text]);

it('an instance with which events were handled, and that nobody closed, does not', async () => {
  const startedAt = performance.now();
  expect(await run('console.log((await till.handle(5)).state);')).toEqual({ code: 0, output: '5\n' });
  // Not until the deadline of the last call.
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

it('a loop over changes() does, as long as it waits', async () => {
  // A timer that keeps nothing alive: what it does is done only if something else does.
  const text = `
    setTimeout(() => void till.handle(5), 100).unref();
    for await (const { event } of till.changes()) {
      console.log(event);
      break;
    }
  `;
  expect(await run(text)).toEqual({ code: 0, output: '5\n' });
});

it('a loop over changes() whose signal aborts does not', async () => {
  const text = `
    const signal = AbortSignal.timeout(100);
    try {
      for await (const { event } of till.changes({ signal })) console.log(event);
    } catch (error) {
      console.log(error.name);
    }
  `;
  expect(await run(text)).toEqual({ code: 0, output: 'TimeoutError\n' });
});

// Goal: a cancel that the store refuses leaves the truth to be asked for. Method: the writer may no longer write when it
// cancels; later it may again.
import { expect, it } from '@jest/globals';
import { AtomTable, UnknownOutcomeError } from '../../lib/atom/index.js';
import { FaultyEngine, MemoryEngine, type WriteAnswer } from '../../lib/engine/index.js';

it('settles truthfully after its cancel was refused', async () => {
  const store = new MemoryEngine();
  const engine = new FaultyEngine(store);
  const table = new AtomTable({ engine, tableName: 'state', retry: { attemptTimeoutMs: 20 } });
  await table.create();
  const atom = table.atom<number>('n', { initial: 0 });
  await atom.reset(1);
  engine.hold(['put']);
  const error = await atom
    .swap((n) => n + 1, { timeoutMs: 0 })
    .then(
      () => undefined,
      (reason: unknown) => reason as UnknownOutcomeError,
    );
  expect(error).toBeInstanceOf(UnknownOutcomeError);
  const denied: WriteAnswer = {
    status: 'not-applied',
    kind: 'refused',
    error: Object.assign(new Error('denied'), { name: 'AccessDeniedException' }),
  };
  const put = engine.put.bind(engine);
  let refused = 0;
  const seen = new Set<string>();
  engine.put = (request, options) => {
    const token = JSON.stringify(request.item.l);
    const isCancel = seen.size > 0 && !seen.has(token);
    seen.add(token);
    if (!isCancel) return put(request, options);
    refused += 1;
    return Promise.resolve(denied);
  };
  const first = await engine.message(0);
  seen.add(JSON.stringify((first.request as { item: { l: unknown } }).item.l));
  engine.release();
  expect(await error?.settle({ prefer: 'cancel' })).toEqual({ outcome: 'done' });
  expect(refused).toBe(1);
  expect(await atom.deref()).toBe(2);
});

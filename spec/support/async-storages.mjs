/**
 * Keeps promises cheap: every `AsyncLocalStorage` that was used once is asked at each new promise of its process, for ever.
 *
 * - Every spec file has storages of its own, since it has its own copy of the library and of the runner. Those of the file before are
 *   ended here; after 40 files everything took twice its time.
 * - The runner keeps one around each test, to know which test an error belongs to that nobody caught. Without it such an error fails its
 *   file instead of its test, and what makes many promises takes a sixth less.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const mark = Symbol.for('leyden-jar: storages in use');
const { prototype } = AsyncLocalStorage;
const {
  run,
  enterWith,
  used: left,
} = prototype[mark] ?? { run: prototype.run, enterWith: prototype.enterWith, used: [] };
for (const storage of left) storage.disable();

const used = new Set();
prototype[mark] = { run, enterWith, used };
/** `{ test }` around a test, `{ describeBlock, hook, test }` around a hook: see `testExecutionContext` of jest-circus. */
const isOfRunner = (store) =>
  typeof store === 'object' &&
  store !== null &&
  'test' in store &&
  ('hook' in store || Object.keys(store).length === 1);
prototype.run = function (store, callback, ...args) {
  if (isOfRunner(store)) return callback(...args);
  used.add(this);
  return run.call(this, store, callback, ...args);
};
prototype.enterWith = function (store) {
  used.add(this);
  return enterWith.call(this, store);
};

/**
 * Ends what the specs of the file before have left in this process: an `AsyncLocalStorage` that was used once is asked at each new promise, for
 * ever, and every file has storages of its own, since it has its own copy of the library. After 40 files everything took twice its time.
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
prototype.run = function (...args) {
  used.add(this);
  return run.apply(this, args);
};
prototype.enterWith = function (...args) {
  used.add(this);
  return enterWith.apply(this, args);
};

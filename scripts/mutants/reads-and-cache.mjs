/** Reads and the cache. */
import { mutant } from './mutant.mjs';

const reads = 'spec/atom/reads.spec.ts';
const guards = 'spec/atom/guards.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const readsAndCache = [
  mutant(
    'reads of record are not consistent',
    'lib/atom/register.ts',
    'engine.get({ table: tableName(), key: this.key, consistent }, { signal });',
    'engine.get({ table: tableName(), key: this.key, consistent: consistent && false }, { signal });',
    reads,
    'reads of record',
  ),
  mutant(
    'a strong deref joins the read under way',
    'lib/atom/cache.ts',
    `        this.#waiting = undefined;
        const reading = this.#read(true, tally);`,
    `        const reading = this.#read(true, tally).finally(() => {
          this.#waiting = undefined;
        });`,
    reads,
    'does not join the read',
  ),
  mutant(
    'a read that was overtaken sets the cache back',
    'lib/atom/cache.ts',
    'after.version < before.version && strong && start.tick >= known.learnedAt',
    'after.version < before.version && strong',
    guards,
    'does not set the cache back',
  ),
  mutant(
    'session reads go back',
    'lib/atom/cell.ts',
    'return this.cache.mayBeOlder(seen) ? undefined : seen;',
    'return seen;',
    reads,
    'session: at half the price',
  ),
  mutant(
    'a swap from: read runs on the cache',
    'lib/atom/base-choice.ts',
    'one.work.fresh === true &&',
    'one.work.fresh === undefined &&',
    reads,
    'from: read',
  ),
  mutant(
    'a read that was tried in vain beside another one is an error without a name',
    'lib/atom/cell.ts',
    'if (!this.register.metReading(error)) throw error;',
    'if (error !== this.register.readObstacle) throw error;',
    reads,
    'ends so also when another one has begun',
  ),
];

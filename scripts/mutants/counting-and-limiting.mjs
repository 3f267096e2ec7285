/** Recipes that count, number, limit and meet. */
import { mutant } from './mutant.mjs';

const counterSpec = 'spec/recipes/counter.spec.ts';
const sequenceSpec = 'spec/recipes/sequence.spec.ts';
const rateSpec = 'spec/recipes/rate-limit.spec.ts';
const rulesSpec = 'spec/recipes/rate-rules.property.spec.ts';
const latchSpec = 'spec/recipes/count-down-latch.spec.ts';
const cronSlotSpec = 'spec/recipes/cron-slot.spec.ts';
const cronJobSpec = 'spec/recipes/cron-job.spec.ts';
const configSpec = 'spec/recipes/config.spec.ts';
const snowflakeSpec = 'spec/recipes/snowflake.spec.ts';
const sharded = 'lib/recipes/sharded-counter.ts';
const sequence = 'lib/recipes/sequence.ts';
const rateLimit = 'lib/recipes/rate-limit/rate-limit.ts';
const bucket = 'lib/recipes/rate-limit/token-bucket.ts';
const rateWindow = 'lib/recipes/rate-limit/rate-window.ts';
const latch = 'lib/recipes/count-down-latch.ts';
const cronJob = 'lib/recipes/cron/cron-job.ts';
const config = 'lib/recipes/config.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const countingAndLimiting = [
  mutant(
    'counting: the store adds to items of the kind alone',
    'lib/recipes/recipe-item.ts',
    'is: { ...(when.is as object | undefined), kind: this.kind } };',
    'is: { ...(when.is as object | undefined) } };',
    counterSpec,
    'Counter refuses an item that is none of its kind',
  ),
  mutant(
    'counting: the head knows of a shard before anything is counted in it',
    sharded,
    'return { ...state, shards: Math.max(shards, this.#atLeast), opShards };',
    'this.#learn({ ...state, shards: this.#atLeast });\n        return { ...state, shards, opShards };',
    counterSpec,
    'has what others count in shards of which it was not told',
  ),
  mutant(
    'counting: a sum goes on to shards that became known by it',
    sharded,
    'read += shards.length;',
    'read = this.#shards.length;',
    counterSpec,
    'has what others count in shards of which it was not told',
  ),
  mutant(
    'counting: a call with an opId finds its shard again',
    sharded,
    'placeOf(opId, opShards)',
    'placeOf(opId, opShards * 0 + this.#shards.length)',
    counterSpec,
    'finds the shard of an opId again',
  ),
  mutant(
    'numbering: without blocks a number is taken for one call',
    sequence,
    'if (this.#block === 1 || options.opId !== undefined)',
    'if (options.opId !== undefined)',
    sequenceSpec,
    'gives nobody a number that was taken for a caller who has left',
  ),
  mutant(
    'numbering: the mark never goes back',
    sequence,
    'state.taken >= number ? state : { ...state, taken: number }',
    '({ ...state, taken: number })',
    sequenceSpec,
    'takes numbers in a row, and skips',
  ),
  mutant(
    'limiting: no time of a bucket drains it twice',
    'lib/recipes/rate-limit/token-bucket.ts',
    'return { at, used: Math.max(0, level.used - (at - level.at) * this.#limit) };',
    'return { at: nowMs, used: Math.max(0, level.used - (at - level.at) * this.#limit) };',
    rulesSpec,
    'bucket allows no more than is promised',
  ),
  mutant(
    'limiting: no window is used twice',
    rateWindow,
    'if (level !== undefined && level.at >= own) return level;',
    'if (level !== undefined && level.at === own) return level;',
    rulesSpec,
    'window allows no more than is promised',
  ),
  mutant(
    'limiting: the last window counts in the next one',
    rateWindow,
    'before: level?.at === own - 1 ? level.used : 0',
    'before: level?.at === own - 1 ? 0 : 0',
    rulesSpec,
    'sliding-window allows no more than is promised',
  ),
  mutant(
    'limiting: what is given back to a window was taken in it',
    rateWindow,
    'return current.at === at ? ',
    'return current.at >= at ? ',
    rulesSpec,
    'window gives back no more than was taken',
  ),
  mutant(
    'limiting: a share runs out',
    'lib/recipes/rate-limit/token-share.ts',
    'elapsedMs(this.#clock, since) < this.#shareMs',
    'elapsedMs(this.#clock, since) < 2 * this.#shareMs',
    rateSpec,
    'loses what it does not spend of a share in time',
  ),
  mutant(
    'limiting: the store decides at the own rate alone',
    rateLimit,
    'is: { ...this.#facts, ...blind.is }',
    'is: { ...blind.is }',
    rateSpec,
    'refuses another rate also where the store decides',
  ),
  mutant(
    'limiting: another rate is refused',
    rateLimit,
    'if (fact === undefined) return levelIn(state);',
    'if (fact !== 0 as never) return levelIn(state);',
    rateSpec,
    'refuses another rate than the item has',
  ),
  mutant(
    'limiting: a promise that nobody waits for is given back',
    rateLimit,
    'await this.#lower((level, now) => this.#rule.withdraw(level, tokens, promised, now), {}).catch(() => {});',
    'void [tokens, promised];',
    rateSpec,
    'bucket leaves nothing behind when a wait is broken off',
  ),
  mutant(
    'meeting: a machine that slept is as late as it slept',
    'lib/recipes/cron/slots.ts',
    'Math.min(Math.ceil(leftMs), sleepMsMax)',
    'Math.ceil(leftMs)',
    cronSlotSpec,
    'as in a machine that slept',
  ),
  mutant(
    'limiting: a promise is taken out from under later ones',
    bucket,
    'used > this.#burst && used === this.#drained(promised, at).used;',
    'used > this.#burst;',
    rulesSpec,
    'also when waits are broken off',
  ),
  mutant(
    'limiting: a promise is taken back after its time',
    bucket,
    'used > this.#burst && used === this.#drained(promised, at).used;',
    'used === this.#drained(promised, at).used;',
    rulesSpec,
    'whose time is over',
  ),
  mutant(
    'limiting: a share is given back beneath promises',
    bucket,
    'return used > this.#burst ? level : {',
    'return {',
    rulesSpec,
    'also when waits are broken off',
  ),
  mutant(
    'meeting: a count-down is of its generation',
    latch,
    'const same = { is: { count: this.#count, generation: known.generation } };',
    'const same = { is: { count: this.#count } };',
    latchSpec,
    'counts nothing in a generation that is not meant',
  ),
  mutant(
    'meeting: a generation ends when it is open',
    latch,
    'return isOpen ? [',
    'return isOpen || state.done.size > 0 ? [',
    latchSpec,
    'is shut again for a new generation, and only if it is open',
  ),
  mutant(
    'due times: a slot moves on only',
    'lib/recipes/cron/cron-slot.ts',
    'state.slotAt < slotAt ? ',
    'state.slotAt !== slotAt ? ',
    cronSlotSpec,
    'is won once, whatever the clocks say',
  ),
  mutant(
    'due times: the word of a process without a lease counts for nothing',
    cronJob,
    '    if (grant.lossAfterwards !== undefined) throw grant.lossAfterwards;\n',
    '',
    cronJobSpec,
    'whose lease has ended, though nobody has taken over',
  ),
  mutant(
    'due times: only an owner says that a slot is done',
    cronJob,
    "this.#claims.standingOf(now, nonce) === 'owner' ? ",
    "this.#claims.standingOf(now, nonce) !== 'waiting' ? ",
    cronJobSpec,
    'from which it was taken by hand',
  ),
  mutant(
    'due times: a slot that begins meanwhile is begun late',
    cronJob,
    'joinsLate: true',
    'joinsLate: false',
    cronJobSpec,
    'is begun late, and not left out',
  ),
  mutant(
    'due times: what was done is not begun again',
    cronJob,
    'if (isDone(granted.state)) break;',
    'if (isDone(granted.state) && slotAt < 0) break;',
    cronJobSpec,
    'is not begun again by a process that has just started',
  ),
  mutant(
    'settings: what does not fit is answered as if it were stored',
    config,
    'if (valid === undefined) throw error;',
    'if (valid === undefined) return [state, made as T];',
    configSpec,
    'refuses to store what does not fit',
  ),
  mutant(
    'settings: what a release does not know stays',
    config,
    'filter(([name]) => !(name in before) || name in after)',
    'filter(([name]) => name in after)',
    configSpec,
    'leaves alone what this release does not know',
  ),
  mutant(
    'numbering: no moment of a worker number is given away twice',
    'lib/recipes/snowflake/snowflake-state.ts',
    'const from = Math.max(atMs, upTo[worker] ?? 0);',
    'const from = atMs;',
    snowflakeSpec,
    'never gives a moment of a worker number twice',
  ),
];

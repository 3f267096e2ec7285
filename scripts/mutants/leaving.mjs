/** Callers who leave, and what is settled behind them. */
import { mutant } from './mutant.mjs';

const schedules = 'spec/atom/schedules.spec.ts';
const attacks = 'spec/atom/attacks.spec.ts';
const outcomes = 'spec/atom/outcomes.spec.ts';
const combining = 'spec/atom/combining.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const leaving = [
  mutant(
    'a batch is answered before its write is durable',
    'lib/atom/lane.ts',
    `    for (const { operation } of runs) {
      operation.phase = 'sent';`,
    `    this.#deliver(runs, 'applied', draft.image.lineage.version);
    for (const { operation } of runs) {
      operation.phase = 'sent';`,
    combining,
    'nobody is answered before',
  ),
  mutant(
    'whoever leaves a batch that was sent is told not-done',
    'lib/atom/lane.ts',
    "if (operation.phase !== 'sent' || flight === undefined || !flight.mayApply) {",
    "if (operation.phase !== 'over') {",
    combining,
    'an aborted caller’s swap stays',
  ),
  mutant(
    'whoever leaves while a later function runs leaves his step behind',
    'lib/atom/lane.ts',
    'if (runs.some(({ operation }) => operation.isOver)) return',
    'if (runs.some(({ operation }) => operation === undefined)) return',
    attacks,
    'take their step along',
  ),
  mutant(
    'whoever lost a race is out of sight while a schema runs',
    'lib/atom/lane.ts',
    `        this.#requeue(this.#afterConflict(runs));
        if (fate.proven === true) draft.aftermath?.lost();
        return this.#learn(fate.image, draft.start);`,
    `        const live = this.#afterConflict(runs);
        if (fate.proven === true) draft.aftermath?.lost();
        await this.#learn(fate.image, draft.start);
        return this.#requeue(live);`,
    attacks,
    'after a lost race, before a store that is gone',
  ),
  mutant(
    'another life of the item proves that an old creation was not done',
    'lib/atom/register.ts',
    "if (tooOld && verdict === 'not-applied') return",
    "if (tooOld && verdict === 'pending') return",
    attacks,
    'is not done again on another life',
  ),
  mutant(
    'a cancel of an old creation proves that it was not done',
    'lib/atom/register.ts',
    'if (cancelledSentAt !== undefined) {',
    'if (cancelledSentAt === null) {',
    attacks,
    'a cancel that was begun in time',
  ),
  mutant(
    'a throttled write of a caller who has left is sent all the same',
    'lib/atom/register.ts',
    'if (pending.copies === 0 && !patience.wanted())',
    'if (pending.copies < 0 && !patience.wanted())',
    outcomes,
    'never sent again',
  ),
  mutant(
    'a cancel that succeeds counts as the write itself',
    'lib/atom/flight.ts',
    "return { status: 'conflict', image: fate.evaluated ?? fate.newer ?? image, proven: true, barred, met };",
    "return { status: 'applied', newer: fate.newer ?? image };",
    schedules,
    '6:',
  ),
  mutant(
    'a cancel that fails proves that the write is not done',
    'lib/atom/flight.ts',
    "if (verdict === 'applied') return { status: 'applied', newer: found ?? undefined };",
    "if (verdict === 'applied') return { status: 'conflict', image: found };",
    schedules,
    '7:',
  ),
  mutant(
    'a call that comes at the end of settling is left waiting',
    'lib/atom/flight.ts',
    'const goOn = stop.signal.aborted && isAwaited();',
    'const goOn = stop.signal.aborted && !isAwaited() && isAwaited();',
    outcomes,
    'does not keep a call waiting',
  ),
  mutant(
    'a deadline of 0 makes no attempt at reading',
    'lib/atom/cell.ts',
    'if (this.register.readObstacle !== undefined) return expire();',
    'if (this.register.readObstacle !== null) return expire();',
    outcomes,
    '0: one attempt is made',
  ),
  mutant(
    'a deadline cuts an attempt under way',
    'lib/atom/lane.ts',
    "(operation.phase === 'sent' || operation.attempts === 0)",
    'operation.attempts < 0',
    outcomes,
    'deadline while an answer is on its way',
  ),
  mutant(
    'an aborted read is sent',
    'lib/atom/cell.ts',
    '    signal?.throwIfAborted();\n',
    '',
    outcomes,
    'nothing is asked of the store',
  ),
];

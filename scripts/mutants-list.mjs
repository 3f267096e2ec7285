/**
 * The guards of the library, each with what is left when it is taken out and the spec that must miss it.
 *
 * `find` is the exact text and stands once in its file; when the library changes, change it here as well.
 *
 * @typedef {{ file: string, find: string, replace: string }} Edit
 * @typedef {{ name: string, edits: Edit[], spec: { file: string, test?: string } }} Mutant
 */

const schedules = 'spec/atom/schedules.spec.ts';
const attacks = 'spec/atom/attacks.spec.ts';
const outcomes = 'spec/atom/outcomes.spec.ts';
const combining = 'spec/atom/combining.spec.ts';
const reads = 'spec/atom/reads.spec.ts';
const values = 'spec/atom/values.spec.ts';
const guards = 'spec/atom/guards.spec.ts';
const corrupt = 'spec/atom/corrupt-items.spec.ts';
const longLives = 'spec/atom/long-lives.spec.ts';
const contention = 'spec/atom/contention.spec.ts';
const models = 'spec/models/commit-protocol.spec.ts';

/** @returns {Mutant} */
function mutant(
  /** @type {string} */ name,
  /** @type {string} */ file,
  /** @type {string} */ find,
  /** @type {string} */ replace,
  /** @type {string} */ spec,
  /** @type {string | undefined} */ test = undefined,
) {
  return { name, edits: [{ file, find, replace }], spec: test === undefined ? { file: spec } : { file: spec, test } };
}

/** @type {readonly Mutant[]} */
const evidence = [
  mutant(
    'token left out: the condition is on the version',
    'lib/atom/writer.ts',
    `names: { '#l': names.token },
        values: { ':l': { S: image.lineage.token } },`,
    `names: { '#l': names.version },
        values: { ':l': { N: String(image.lineage.version) } },`,
    schedules,
    '13:',
  ),
  mutant(
    'a failed condition is a lost race, without a look at the evidence',
    'lib/atom/register.ts',
    "if (sentOnce && verdict !== 'applied') return",
    'if (verdict !== undefined) return',
    schedules,
    '1:',
  ),
  mutant(
    'a failed condition of a first copy is a lost race, although the way doubles',
    'lib/atom/register.ts',
    "if (sentOnce && verdict !== 'applied') return",
    'if (sentOnce) return',
    guards,
    'doubled on the way',
  ),
  mutant(
    'pending is not applied, in the evidence',
    'lib/atom/evidence.ts',
    "if (image.version === base.version) return 'pending';",
    "if (image.version === base.version) return 'not-applied';",
    models,
    '2 clients, 2 and 1 swaps',
  ),
  {
    name: 'a read decides: after a lost answer the old version proves "not applied"',
    edits: [
      {
        file: 'lib/atom/register.ts',
        find: `      case 'unclear':
        throw new Again('brief', answer.error);`,
        replace: `      case 'unclear':
        return this.#decide(pending, await this.#lookAgain(pending), false);`,
      },
      {
        file: 'lib/atom/evidence.ts',
        find: "if (image.version === base.version) return 'pending';",
        replace: "if (image.version === base.version) return 'not-applied';",
      },
    ],
    spec: { file: schedules, test: '5:' },
  },
  mutant(
    'floor ignored when judging',
    'lib/atom/evidence.ts',
    "return base.version >= image.floor ? 'not-applied' : 'evidence-evicted';",
    "return 'not-applied';",
    schedules,
    '8:',
  ),
  mutant(
    'floor not raised by a rotation',
    'lib/atom/evidence.ts',
    '    floor = rotatedAt;\n',
    '',
    models,
    '3 clients, 1 swap each',
  ),
  mutant(
    'incarnation ignored',
    'lib/atom/evidence.ts',
    'if (image.incarnation !== base.incarnation || image.version < base.version)',
    'if (image.version < base.version)',
    outcomes,
    'stays unknown when incarnation-changed',
  ),
  mutant(
    'a version that went back is no other life',
    'lib/atom/evidence.ts',
    'if (image.incarnation !== base.incarnation || image.version < base.version)',
    'if (image.incarnation !== base.incarnation)',
    schedules,
    '14:',
  ),
  mutant(
    'a creation believes any item to be its own',
    'lib/atom/evidence.ts',
    "return image.incarnation === attempt.incarnation ? 'applied' : 'not-applied';",
    "return 'applied';",
    schedules,
    '11:',
  ),
  mutant(
    'evidence of others dropped at each write (w0)',
    'lib/atom/evidence.ts',
    'let current = without(base.current, writer);',
    'let current = without({}, writer);',
    schedules,
    '3:',
  ),
  mutant(
    'evidence of the generation before dropped (w1)',
    'lib/atom/evidence.ts',
    'let previous = writer in base.previous ? without(base.previous, writer) : base.previous;',
    'let previous: Generation = {};',
    guards,
    'evidence of the generation before',
  ),
  mutant(
    'a deletion leaves no tombstone',
    'lib/atom/register.ts',
    'this.#sender.timed((signal) => engine.put(request, { signal }))',
    `this.#sender.timed((signal) =>
        this.#ground.names.data in pending.item
          ? engine.put(request, { signal })
          : engine.delete({ table: request.table, key: this.key, condition: request.condition }, { signal }),
      )`,
    schedules,
    '12:',
  ),
  mutant(
    'a creation is resent past the life of a tombstone',
    'lib/atom/register.ts',
    'return copies > 0 && attempt.base === undefined &&',
    'return copies < 0 && attempt.base === undefined &&',
    longLives,
    'does not create an item again',
  ),
  mutant(
    'an item that lost its value is a tombstone',
    'lib/atom/item-format.ts',
    'item[names.expiresAt] !== undefined && annotations',
    'annotations',
    corrupt,
    'it is no tombstone',
  ),
  mutant(
    'a newer format is read as if it were ours',
    'lib/atom/item-format.ts',
    'if (format !== undefined)',
    'if (format === null)',
    corrupt,
    'of a newer format',
  ),
];

/** @type {readonly Mutant[]} */
const payloads = [
  mutant('all payloads under one number', 'lib/atom/atom-table.ts', 'seq += 1;', 'seq = 1;', schedules, '17:'),
  mutant(
    'numbers restart',
    'lib/atom/atom-table.ts',
    'seq += 1;',
    'seq = (seq % 50) + 1;',
    guards,
    'the numbers of a table only grow',
  ),
  mutant(
    'a resend is made anew under its old number',
    'lib/atom/register.ts',
    'item: pending.item, condition: pending.condition };',
    'item: { ...pending.item, u: { N: String(Math.ceil(this.#ground.clock.now()) + pending.copies) } }, condition: pending.condition };',
    schedules,
    '1:',
  ),
  mutant(
    'one writer for all tables',
    'lib/atom/atom-table.ts',
    "writer: Buffer.from(bytes(8)).toString('base64url'),",
    "writer: Buffer.from(bytes(8)).fill(7).toString('base64url'),",
    schedules,
    '4:',
  ),
  mutant(
    'a lane under way does not keep its cell',
    'lib/atom/cell.ts',
    'this.lane.owner = this;',
    '',
    guards,
    'keeps its one lane',
  ),
  mutant(
    'a value made earlier in a batch has the token of the base',
    'lib/atom/batch.ts',
    'token: changed ? uncommitted : base.image?.lineage.token',
    'token: base.image?.lineage.token',
    combining,
    'compareAndSet by snapshot',
  ),
];

/** @type {readonly Mutant[]} */
const belief = [
  mutant(
    'a definite refusal is believed after a resend of ours',
    'lib/atom/register.ts',
    'if (pending.copies > 1) throw',
    'if (pending.copies > 99) throw',
    guards,
    'of a second copy',
  ),
  mutant(
    'a definite refusal is believed after a resend of the SDK',
    'lib/engine/sdk.ts',
    'kind !== undefined && attempts === 1 &&',
    'kind !== undefined &&',
    guards,
    'after two copies is none',
  ),
  mutant(
    'a failed condition after a resend of the SDK counts as the first',
    'lib/engine/sdk.ts',
    "return { status: 'condition-failed', image, resent: attempts !== 1 };",
    "return { status: 'condition-failed', image, resent: false };",
    guards,
    'after two copies of the SDK',
  ),
  mutant(
    'a failed condition after a resend of ours counts as the first',
    'lib/atom/register.ts',
    'pending.copies === 1 && !answer.resent',
    '!answer.resent',
    schedules,
    '8:',
  ),
  mutant(
    'a definite refusal is believed although we stopped listening',
    'lib/engine/sdk.ts',
    ' && options?.signal?.aborted !== true',
    '',
    'spec/engine/sdk.spec.ts',
  ),
  mutant(
    'a no-op is trusted on a cached base',
    'lib/atom/lane.ts',
    'if (base.since < latest) {',
    "if (base.since < latest && runs.some((one) => 'error' in one)) {",
    reads,
    'a no-op on a cached base',
  ),
  mutant(
    'an error is trusted on a cached base',
    'lib/atom/lane.ts',
    'if (base.since < latest) {',
    "if (base.since < latest && !runs.some((one) => 'error' in one)) {",
    reads,
    'an error on a cached base',
  ),
  mutant(
    'trySwap runs again on a newer base',
    'lib/atom/lane.ts',
    'return this.#answerConflicts(runs);',
    'return;',
    combining,
    'trySwap never runs its function twice',
  ),
];

/** @type {readonly Mutant[]} */
const readsAndCache = [
  mutant(
    'reads of record are not consistent',
    'lib/atom/register.ts',
    'engine.get({ table: tableName(), key: this.key, consistent }, { signal }),',
    'engine.get({ table: tableName(), key: this.key, consistent: consistent && false }, { signal }),',
    reads,
    'reads of record',
  ),
  mutant(
    'a strong deref joins the read under way',
    'lib/atom/cache.ts',
    `        this.#waiting = undefined;
        const reading = this.#read(true);`,
    `        const reading = this.#read(true).finally(() => {
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
    'if (!cache.mayBeOlder(seen))',
    'if (seen !== undefined)',
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
];

/** @type {readonly Mutant[]} */
const leaving = [
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
        if (fate.image === undefined) this.#cache.forget();
        else await this.#learn(fate.image ?? undefined, draft);
        return;`,
    `        const live = this.#afterConflict(runs);
        if (fate.image === undefined) this.#cache.forget();
        else await this.#learn(fate.image ?? undefined, draft);
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
    "if (fate.status === 'applied') return { status: 'conflict', image: fate.newer ?? image };",
    "if (fate.status === 'applied') return { status: 'applied', newer: fate.newer ?? image };",
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
    'if (this.#register.readObstacle !== undefined) return expire();',
    'if (this.#register.readObstacle !== null) return expire();',
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

/** @type {readonly Mutant[]} */
const valuesAndItems = [
  mutant(
    'plain arrays are not frozen',
    'lib/codec/plain.ts',
    ': Object.freeze(copied);',
    ': copied;',
    values,
    'cannot be changed from outside',
  ),
  mutant(
    'plain objects are not frozen',
    'lib/codec/plain.ts',
    'return (copied === object ? object : Object.freeze(copied)) as Json;',
    'return copied as Json;',
    values,
    'cannot be changed from outside',
  ),
  mutant(
    'foreign attributes are not carried',
    'lib/atom/writer.ts',
    'foreign: base.image?.foreign ?? noAttributes,',
    'foreign: noAttributes,',
    values,
    'carry: stay',
  ),
  mutant(
    'foreign attributes are carried although they are to be refused',
    'lib/atom/value-rules.ts',
    "if (this.foreign === 'carry') return;",
    "if (this.foreign !== 'carry' || this.foreign === 'carry') return;",
    values,
    'refuse: an error',
  ),
  mutant(
    'undefined is taken for a value',
    'lib/atom/item-atom.ts',
    '      this.#requireResult(raw);\n',
    '',
    combining,
    'a value without a stored form',
  ),
  mutant(
    'the size of an item is not checked',
    'lib/atom/writer.ts',
    'if (bytes > itemBytesMax) throw',
    'if (bytes < 0) throw',
    combining,
    'too large hurts its own caller',
  ),
  mutant(
    'an adopted item is replaced under no condition on its attributes',
    'lib/atom/writer.ts',
    'clauses.push(`#a',
    'clauses.push(`attribute_exists(#k) OR #a',
    values,
    'does not overwrite a change by the old program',
  ),
  mutant(
    'sweep() removes a tombstone under no condition',
    'lib/atom/table-setup.ts',
    "expression: '#l = :l',",
    "expression: '#l = :l OR attribute_exists(#l)',",
    guards,
    'sweep() leaves a tombstone',
  ),
  mutant(
    'one bad value refuses its whole batch',
    'lib/atom/lane.ts',
    "if (fate.error.name === 'ValidationException' && runs.length > 1) {",
    "if (fate.error.name === 'ValidationException' && runs.length < 0) {",
    combining,
    'that the store alone refuses',
  ),
  mutant(
    'an atom waits for itself',
    'lib/atom/inside.ts',
    'if (this.#executing) throw',
    'if (this.#executing === undefined) throw',
    combining,
    'throws at once, for every verb',
  ),
  mutant(
    'handles with other options share a cell',
    'lib/atom/atom-table.ts',
    'if (existing !== undefined) requireSame(existing, untyped, this.#retry);',
    'if (existing === null) requireSame(existing, untyped, this.#retry);',
    'spec/atom/table.spec.ts',
    'differs between two handles',
  ),
  mutant(
    'a table in which the last writer wins is accepted',
    'lib/atom/table-setup.ts',
    "if (found.replication === 'eventual' &&",
    "if (found.replication === 'none' &&",
    schedules,
    '20:',
  ),
];

/** @type {readonly Mutant[]} */
const fairness = [
  mutant(
    'nobody takes turns',
    'lib/atom/turns.ts',
    'if (ring.length === 1) return 0;',
    'if (ring.length >= 1) return 0;',
    contention,
    '4 of them, 16 callers each',
  ),
  mutant(
    'a visitor is waited for',
    'lib/atom/turns.ts',
    ' && interval <= intervalMax',
    ' && interval <= intervalMax + 1e9',
    contention,
    'get their turn beside busy ones',
  ),
  mutant(
    'a writer alone does not combine',
    'lib/atom/lane.ts',
    'else if (first.work.alone !== true) {',
    'else if (first.work.alone === null) {',
    combining,
    '64 swappers',
  ),
];

/** @type {readonly Mutant[]} */
export const mutants = [
  ...evidence,
  ...payloads,
  ...belief,
  ...readsAndCache,
  ...leaving,
  ...valuesAndItems,
  ...fairness,
];

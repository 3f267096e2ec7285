/** One number, one payload. */
import { mutant } from './mutant.mjs';

const schedules = 'spec/atom/schedules.spec.ts';
const combining = 'spec/atom/combining.spec.ts';
const guards = 'spec/atom/guards.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const payloads = [
  mutant('all payloads under one number', 'lib/atom/table-ground.ts', 'seq += 1;', 'seq = 1;', schedules, '17:'),
  mutant(
    'numbers restart',
    'lib/atom/table-ground.ts',
    'seq += 1;',
    'seq = (seq % 50) + 1;',
    guards,
    'the numbers of a table only grow',
  ),
  mutant(
    'a resend is made anew under its old number',
    'lib/atom/register.ts',
    'const { item, condition, update } = pending;',
    'const { condition, update } = pending; const item: Item = { ...pending.item, u: { N: String(Math.ceil(this.#ground.clock.now()) + pending.copies) } };',
    schedules,
    '1:',
  ),
  mutant(
    'one writer for all tables',
    'lib/atom/table-ground.ts',
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

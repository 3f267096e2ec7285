// Goal: every answer to a transaction has the one meaning that keeps it exact: run again, send again, give up, or done already.
// Method: canned answers in place of the first ones of a memory engine, each code beside each other code; then the real ones. Counted are
// what was sent, under which tokens, and how long it paused on a virtual clock.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable, ItemAtom, Transaction } from '../../lib/atom/index.js';
import type { Engine, TransactWriteAnswer, TransactWriteRequest } from '../../lib/engine/index.js';
import { type Bench, openBench, outcomeOf, overridden } from './bench.js';

type Answer = TransactWriteAnswer;
/** In place of an answer: what to do with the request. */
type Step = Answer | ((request: TransactWriteRequest) => Promise<Answer>);

const increment = (n: number) => n + 1;
let bench: Bench;
let engine: Engine;
let table: AtomTable;
let x: ItemAtom<number, number>;
let y: ItemAtom<number, number>;
let script: Step[];
let sent: TransactWriteRequest[];

const both = (tx: Transaction) => Promise.all([tx.swap(x, increment), tx.swap(y, increment)]);
const stored = () => bench.run(Promise.all([x.deref(), y.deref()]));
const tokens = () => new Set(sent.map(({ token }) => token)).size;
const named = (name: string, facts: object = {}): Error => Object.assign(new Error(`as ${name}`), { name }, facts);
const cancelled = (...codes: string[]): Answer => ({
  status: 'cancelled',
  reasons: codes.map((code) => (code === 'None' ? { code } : { code, message: `because of ${code}` })),
  resent: false,
});
const refusal = (kind: 'throttled' | 'conflict' | 'unreachable' | 'refused', name: string): Answer => ({
  status: 'not-applied',
  kind,
  error: named(name),
});
const unclear = (name: string): Answer => ({ status: 'unclear', error: named(name) });
/** The request is carried out, and its answer is another one. */
const applied =
  (answer: Answer): Step =>
  async (request) => {
    await bench.memory.transactWrite(request);
    return answer;
  };

beforeEach(async () => {
  bench = await openBench();
  script = [];
  sent = [];
  engine = overridden(bench.memory, {
    transactWrite: async (request) => {
      sent.push(request);
      const step = script.shift();
      if (step === undefined) return bench.memory.transactWrite(request);
      return typeof step === 'function' ? step(request) : step;
    },
  });
  table = bench.calm({ engine, retry: { timeoutMs: 5_000, attemptTimeoutMs: 100 } });
  x = table.atom<number>('x', { initial: 0 });
  y = table.atom<number>('y', { initial: 0 });
  await bench.run(Promise.all([x.reset(10), y.reset(20)]));
});

const meanings = {
  None: 'nothing',
  ConditionalCheckFailed: 'conflict',
  TransactionConflict: 'brief',
  ThrottlingError: 'throttled',
  ProvisionedThroughputExceeded: 'throttled',
  ItemCollectionSizeLimitExceeded: 'refused',
  ValidationError: 'refused',
  SomethingNew: 'refused',
} as const;
type Code = keyof typeof meanings;
const codes = Object.keys(meanings) as Code[];
const order = ['nothing', 'brief', 'throttled', 'refused', 'conflict'] as const;

function meaningOf(...pair: readonly Code[]): (typeof order)[number] {
  return order[Math.max(...pair.map((code) => order.indexOf(meanings[code])))] as (typeof order)[number];
}

describe('a cancelled transaction', () => {
  for (const first of codes) {
    for (const second of codes) {
      const meaning = meaningOf(first, second);
      it(`[${first}, ${second}]: ${meaning}`, async () => {
        script = [cancelled(first, second)];
        const startedAt = bench.clock.monotonicMs();
        const call = outcomeOf(table.transact(both));
        await bench.run(call.done);
        const pausedMs = bench.clock.monotonicMs() - startedAt;
        if (meaning === 'refused') {
          const actions = [first, second].map((code, at) => ({ key: at === 0 ? 'x' : 'y', code }));
          expect(call.error).toMatchObject({ code: 'ERR_TRANSACTION_REFUSED', outcome: 'not-done', actions });
          expect([sent.length, pausedMs, await stored()]).toEqual([1, 0, [10, 20]]);
          return;
        }
        expect([call.error, call.value, await stored()]).toEqual([undefined, [11, 21], [11, 21]]);
        expect(sent).toHaveLength(2);
        if (meaning === 'conflict' || meaning === 'nothing') {
          // Another payload is another write; what did not come along is read.
          expect([tokens(), pausedMs]).toEqual([2, 0]);
        } else {
          // The same bytes under the same token.
          expect(sent[1]).toEqual(sent[0]);
          expect(pausedMs).toBeGreaterThan(0);
          expect(pausedMs).toBeLessThan(meaning === 'brief' ? 5 : 50);
        }
      });

      it(`[${first}, ${second}] after a copy that was applied and not heard of: done, once`, async () => {
        script = [applied(unclear('TimeoutError')), cancelled(first, second)];
        expect(await bench.run(table.transact(both))).toEqual([11, 21]);
        expect([tokens(), await stored(), bench.commits.length]).toEqual([1, [11, 21], 4]);
      });
    }
  }

  it('tells its caller in the end what was in the way all the time', async () => {
    script = Array.from({ length: 1_000 }, () => cancelled('ThrottlingError', 'None'));
    const call = outcomeOf(table.transact(both));
    await bench.run(call.done);
    expect(call.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done', attempts: 1, conflicts: 0 });
    expect((call.error as Error).message).toContain('because of ThrottlingError');
    expect(await stored()).toEqual([10, 20]);
  });

  it('by a failed condition each time: contention', async () => {
    const far = table.transact(both, { timeoutMs: 300 });
    script = Array.from(
      { length: 10_000 },
      (): Step => async () => {
        await bench.clock.sleep(20);
        return cancelled('ConditionalCheckFailed', 'None');
      },
    );
    const call = outcomeOf(far);
    await bench.run(call.done);
    expect(call.error).toMatchObject({ code: 'ERR_CONTENTION', outcome: 'not-done', key: 'x, y' });
    const { attempts, conflicts } = call.error as { attempts: number; conflicts: number };
    expect([attempts, conflicts]).toEqual([sent.length, sent.length]);
  });

  it('whose answer was resent by the transport is not believed to be the only one', async () => {
    script = [
      async (request) => {
        await bench.memory.transactWrite(request);
        return { ...cancelled('ConditionalCheckFailed', 'None'), resent: true } as Answer;
      },
    ];
    expect(await bench.run(table.transact(both))).toEqual([11, 21]);
    expect([sent.length, await stored(), bench.commits.length]).toEqual([1, [11, 21], 4]);
  });

  it('by its own first copy, which something on the way had doubled, is done', async () => {
    script = [
      async (request) => {
        await bench.memory.transactWrite(request);
        // The service does not know the token any more: the second copy is judged anew, and brings the items along.
        return bench.memory.transactWrite({ ...request, token: `${request.token}-again` });
      },
    ];
    expect(await bench.run(table.transact(both))).toEqual([11, 21]);
    expect([sent.length, await stored(), bench.commits.length]).toEqual([1, [11, 21], 4]);
  });
});

describe('a transaction that is not applied', () => {
  it.each(['throttled', 'conflict', 'unreachable'] as const)('%s: sent again, the same bytes', async (kind) => {
    script = [refusal(kind, 'SomeException')];
    expect(await bench.run(table.transact(both))).toEqual([11, 21]);
    expect([sent.length, sent[1]]).toEqual([2, sent[0]]);
  });

  it.each(['ValidationException', 'AccessDeniedException', 'ResourceNotFoundException'])(
    '%s: thrown as it is',
    async (name) => {
      script = [refusal('refused', name)];
      const call = outcomeOf(table.transact(both));
      await bench.run(call.done);
      expect([(call.error as Error).name, sent.length, await stored()]).toEqual([name, 1, [10, 20]]);
    },
  );

  it('for want of transactions: said by name, also when it shows only then', async () => {
    script = [refusal('refused', 'UnknownOperationException')];
    await expect(bench.run(table.transact(both))).rejects.toMatchObject({
      code: 'ERR_ENGINE_LACKS_TRANSACTIONS',
      engine: 'memory',
    });
  });

  it.each(['throttled', 'conflict', 'unreachable', 'refused'] as const)(
    '%s, after a copy that was applied and not heard of: done, once',
    async (kind) => {
      script = [applied(unclear('TimeoutError')), refusal(kind, 'SomeException')];
      expect(await bench.run(table.transact(both))).toEqual([11, 21]);
      expect([tokens(), bench.commits.length]).toEqual([1, 4]);
    },
  );
});

describe('a transaction whose answer is unclear', () => {
  it.each(['TransactionInProgressException', 'InternalServerError', 'TimeoutError', 'SyntaxError'])(
    '%s: sent again under the same token after a pause',
    async (name) => {
      script = [unclear(name), unclear(name)];
      expect(await bench.run(table.transact(both))).toEqual([11, 21]);
      expect([sent.length, tokens(), await stored()]).toEqual([3, 1, [11, 21]]);
      expect(bench.clock.monotonicMs()).toBeGreaterThan(0);
    },
  );

  it('an engine that throws has proved nothing', async () => {
    script = [applied(cancelled()), async () => Promise.reject(named('Surprise'))].slice(1) as Step[];
    expect(await bench.run(table.transact(both))).toEqual([11, 21]);
    expect([sent.length, tokens()]).toEqual([2, 1]);
  });
});

describe('IdempotentParameterMismatch', () => {
  const mismatch = 'IdempotentParameterMismatchException';

  it('is never sent again', async () => {
    script = [refusal('refused', mismatch)];
    const call = outcomeOf(table.transact(both));
    await bench.run(call.done);
    expect([(call.error as Error).name, sent.length, await stored()]).toEqual([mismatch, 1, [10, 20]]);
  });

  it.each(['not-applied', 'unclear'])('after an unclear copy (%s): made impossible, then thrown', async (status) => {
    script = [unclear('TimeoutError'), status === 'unclear' ? unclear(mismatch) : refusal('refused', mismatch)];
    const call = outcomeOf(table.transact(both));
    await bench.run(call.done);
    expect([(call.error as Error).name, sent.length]).toEqual([mismatch, 2]);
    // The late copy is met by the base value, written anew.
    expect((await bench.memory.transactWrite(sent[0] as TransactWriteRequest)).status).toBe('cancelled');
    expect(await stored()).toEqual([10, 20]);
    expect(await bench.run(table.transact(both))).toEqual([11, 21]);
  });

  it('after a copy that was applied and not heard of: done', async () => {
    script = [applied(unclear('TimeoutError')), refusal('refused', mismatch)];
    expect(await bench.run(table.transact(both))).toEqual([11, 21]);
    expect([sent.length, bench.commits.length]).toEqual([2, 4]);
  });
});

describe('limits', () => {
  const itemBytesMax = 409_600;
  const mega = 4 * 1_024 * 1_024;

  /** A transaction whose items have so many bytes together. */
  async function writeOf(bytes: number): Promise<() => Promise<unknown>> {
    const atoms = Array.from({ length: 11 }, (_, at) => table.atom<string>(`t${at}`, { large: 'refuse' }));
    await bench.run(table.transact((tx) => Promise.all(atoms.map((atom) => tx.reset(atom, '')))));
    const sizes = await bench.run(Promise.all(atoms.map(async (atom) => (await atom.snapshot()).bytes)));
    let left = bytes - sizes.reduce((sum, size) => sum + size, 0);
    const texts = sizes.map((size) => {
      const share = Math.min(left, itemBytesMax - size);
      left -= share;
      return 'a'.repeat(share);
    });
    sent = [];
    return () => table.transact((tx) => Promise.all(atoms.map((atom, at) => tx.reset(atom, texts[at] as string))));
  }

  it('4 MB pass', async () => {
    const write = await writeOf(mega);
    await bench.run(write());
    expect(sent).toHaveLength(1);
  });

  it('a byte more is refused before anything is sent', async () => {
    const write = await writeOf(mega + 1);
    await expect(bench.run(write())).rejects.toMatchObject({
      code: 'ERR_TRANSACTION_TOO_LARGE',
      outcome: 'not-done',
      limit: 'bytes',
      size: mega + 1,
      sizeMax: mega,
    });
    expect(sent).toEqual([]);
  });

  it('reading more than 4 MB together is refused by name', async () => {
    const atoms = Array.from({ length: 11 }, (_, at) => table.atom<string>(`big${at}`, { large: 'refuse' }));
    for (const atom of atoms) await bench.run(atom.reset('a'.repeat(400_000)));
    await expect(
      bench.run(table.transact((tx) => Promise.all(atoms.map((atom) => tx.deref(atom))))),
    ).rejects.toMatchObject({ code: 'ERR_TRANSACTION_TOO_LARGE', limit: 'bytes' });
  });
});

// Goal: money is neither made nor lost, whatever becomes of requests and answers, and each transfer is done once or not at all, as its
// caller was told.
// Method: 4 processes with 3 tellers each move money between 6 accounts on a virtual clock, each behind faults of its own, by seed; some calls
// add up all accounts in one transaction, some are made again under an id until they are told. Planted bugs must be found: no tokens, no checks, an unclear answer taken for "not
// done", the evidence not asked. The same with real processes: `spec/faults/bank.spec.ts`.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import {
  type Engine,
  type EngineFaultProfile,
  engineFaultProfiles,
  engineFaultRules,
  FaultyEngine,
  MemoryEngine,
  seededRandom,
  type TransactAction,
} from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { accountsOf, audit, Tellers } from '../histories/bank.js';
import { overridden } from './bench.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 100_000);
const tableName = 'bank';
const processes = 4;

interface BankOptions {
  readonly seed: number;
  readonly profile: EngineFaultProfile;
  readonly rate?: number;
  readonly transfers?: number;
  readonly spoil?: (engine: Engine) => Engine;
}

/** What is wrong in the end, and how much was done. */
async function bank({ seed: own, profile, rate = 0.3, transfers = 24, spoil = (engine) => engine }: BankOptions) {
  const clock = new VirtualClock();
  const random = seededRandom(own);
  const fork = () => seededRandom(random.int(2 ** 31));
  const latencies = fork();
  const store = new MemoryEngine({
    clock,
    seed: random.int(2 ** 31),
    latency: () => 0.5 + 4 * latencies.next(),
    images: random.int(2) === 0,
  });
  const calm = new AtomTable({ engine: store, tableName, clock, random: fork() });
  await clock.run(calm.create());
  const crews = Array.from({ length: processes }, (_, index) => {
    const engine = new FaultyEngine(store, {
      clock,
      seed: random.int(2 ** 31),
      rules: engineFaultRules(profile, rate),
    });
    const bytes = fork();
    const table = new AtomTable({
      engine: spoil(engine),
      tableName,
      clock,
      random: fork(),
      randomBytes: (count) => Uint8Array.from({ length: count }, () => bytes.int(256)),
    });
    return { engine, tellers: new Tellers({ name: `p${index}`, table, clock, random: fork(), transfers, callers: 3 }) };
  });
  await clock.run(Promise.all(crews.map(({ tellers }) => tellers.run())));
  for (const { engine } of crews) engine.setRules([]);
  await clock.run(Promise.all(crews.map(({ tellers }) => tellers.settleAll())));
  await clock.run(Promise.all(crews.map(({ engine }) => engine.settled())));
  const balances = await clock.run(Promise.all(accountsOf(calm).map((account) => account.deref())));
  const reports = crews.map(({ tellers }) => tellers.report());
  return { wrong: audit(balances, reports), done: reports.reduce((all, one) => all + one.done, 0) };
}

describe(`the bank, LEYDEN_SEED=${seed}`, () => {
  it.each([...engineFaultProfiles, 'calm'] as const)('keeps its money under %s', async (profile) => {
    const { wrong, done } = await bank({ seed, profile });
    expect(wrong).toEqual([]);
    expect(done).toBeGreaterThan(20);
  });

  it.each([1, 2, 3])('keeps its money under all of them, half of all requests disturbed (%d)', async (more) => {
    const { wrong } = await bank({ seed: seed + more, profile: 'all-mixed', rate: 0.5 });
    expect(wrong).toEqual([]);
  });
});

describe('the auditors find', () => {
  const found = async (spoil: (engine: Engine) => Engine, profile: EngineFaultProfile = 'all-mixed') => {
    const { wrong } = await bank({ seed: 7, profile, rate: 0.4, spoil });
    return wrong.length;
  };
  const rewriting = (change: (action: TransactAction) => TransactAction[]) => (engine: Engine) =>
    overridden(engine, {
      transactWrite: ({ actions, token }, options) =>
        engine.transactWrite({ actions: actions.flatMap(change), token }, options),
    });

  it('writes without their conditions', async () => {
    const bare = rewriting((action) => (action.kind === 'put' ? [{ ...action, condition: undefined }] : [action]));
    expect(await found(bare, 'calm')).toBeGreaterThan(0);
  });

  it('an unclear answer that is taken for "not done"', async () => {
    const error = new Error('throttled');
    const sure = (engine: Engine) =>
      overridden(engine, {
        transactWrite: async (request, options) => {
          const answer = await engine.transactWrite(request, options);
          return answer.status === 'unclear' ? { status: 'not-applied', kind: 'throttled', error } : answer;
        },
      });
    expect(await found(sure, 'reset-after')).toBeGreaterThan(0);
  });

  it('a transaction of which one half is done', async () => {
    const half = (engine: Engine) =>
      overridden(engine, {
        transactWrite: ({ actions, token }, options) => {
          const torn = token.length % 2 === 0 ? actions : actions.slice(0, 1);
          return engine.transactWrite({ actions: torn, token }, options);
        },
      });
    expect(await found(half, 'calm')).toBeGreaterThan(0);
  });

  it('a sum that was not read together', async () => {
    const apart = (engine: Engine) =>
      overridden(engine, {
        transactGet: async ({ gets }) => {
          const items = [];
          for (const get of gets) items.push(await engine.get({ ...get, consistent: true }));
          return items;
        },
      });
    expect(await found(apart, 'calm')).toBeGreaterThan(0);
  });
});

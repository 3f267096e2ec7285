// Goal: many processes that commute on one item never conflict; and whatever the network does to them and to those who swap beside
// them, each change is there once, or not at all where its caller was told so.
// Method: 32 processes of 16 callers on a virtual clock, and on DynamoDB Local; then 45 % of all writes disturbed, and the values
// compared with what callers were told. LEYDEN_SEED sets the seed.
import { describe, expect, it } from '@jest/globals';
import { AtomTable, type ItemAtom, type Settled } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import { seededRandom } from '../../lib/engine/random.js';
import { tableOn } from '../support/engine-table.js';
import { describeEngine, engines } from '../support/engines.js';
import { type Bench, openBench, writesDisturbed } from './bench.js';

describe('32 processes of 16 callers on one atom', () => {
  it('commute without a conflict, in one unit a write, and about one write a round trip and process', async () => {
    const latencyMs = 4;
    const bench = await openBench({ latency: () => latencyMs });
    const atoms = Array.from({ length: 32 }, () => bench.calm().atom<number>('n', { initial: 0 }));
    await Promise.all(atoms.map((atom) => bench.run(atom.commute({ add: 1 }))));
    const before = bench.memory.spent();
    const startedAt = bench.clock.monotonicMs();
    const calls = 10;
    const seats = atoms.flatMap((atom) =>
      Array.from({ length: 16 }, async () => {
        for (let call = 0; call < calls; call += 1) await atom.commute({ add: 1 });
      }),
    );
    await bench.run(Promise.all(seats));
    const after = bench.memory.spent();
    const requests = after.requests - before.requests;
    expect(after.conditionsFailed - before.conditionsFailed).toBe(0);
    // Each of a process's callers is in each of its updates.
    expect(requests).toBe(32 * calls);
    expect(after.writeUnits - before.writeUnits).toBe(requests);
    expect(bench.clock.monotonicMs() - startedAt).toBe(calls * latencyMs);
    expect(await bench.run((atoms[0] as ItemAtom<number, number>).deref())).toBe(32 * (16 * calls + 1));
  });

  it('shed the evidence of those who have gone, without a conflict', async () => {
    const bench = await openBench({ latency: () => 4 });
    await bench.run(bench.calm().atom<number>('n').reset(0));
    const evidence: number[] = [];
    // 200 processes that come, commute a few times, and go: 20 at a time.
    const seats = Array.from({ length: 20 }, async () => {
      for (let life = 0; life < 10; life += 1) {
        const atom = bench.calm().atom<number>('n');
        for (let call = 0; call < 4; call += 1) await atom.commute({ add: 1 });
        const { w0, w1 } = (await bench.memory.get({
          table: 'state',
          key: { id: { S: 'n' } },
          consistent: true,
        })) as Item;
        evidence.push(Object.keys((w0 as { M: object }).M).length + Object.keys((w1 as { M: object }).M).length);
      }
    });
    await bench.run(Promise.all(seats));
    expect(await bench.run(bench.calm().atom<number>('n').deref())).toBe(800);
    expect(Math.max(...evidence)).toBeLessThan(120);
    // Two that rotate at the same time are a rare thing, and cost three requests.
    expect(bench.memory.spent().conditionsFailed).toBeLessThan(12);
  });
});

describe('puts among those who commute without a pause', () => {
  it.each([
    { commuters: 4, swappers: 1 },
    { commuters: 16, swappers: 4 },
  ])('$swappers swap on an atom on which $commuters commute', async ({ commuters, swappers }) => {
    const random = seededRandom(1);
    const bench = await openBench({ latency: () => 3 + random.next() * 2 });
    const open = () => bench.calm().atom<number>('n');
    await bench.run(open().reset(0));
    let isOver = false;
    const seats = Array.from({ length: commuters }, async () => {
      const atom = open();
      let commutes = 0;
      for (; !isOver; commutes += 1) await atom.commute({ add: 1 });
      return commutes;
    });
    const longest: number[] = [];
    const swaps = Array.from({ length: swappers }, async () => {
      const atom = open();
      for (let swap = 0; swap < 5; swap += 1) {
        const calledAt = bench.clock.monotonicMs();
        await atom.swap((n) => (n as number) + 1, { timeoutMs: 2_000 });
        longest.push(bench.clock.monotonicMs() - calledAt);
      }
    });
    const over = Promise.allSettled(swaps).then((outcomes) => {
      isOver = true;
      return outcomes.filter(({ status }) => status === 'rejected');
    });
    const commutes = await bench.run(Promise.all(seats));
    expect(await bench.run(over)).toEqual([]);
    expect(Math.max(...longest)).toBeLessThan(200);
    // Nobody starves: a commute each 30 ms or so at least.
    expect(Math.min(...commutes)).toBeGreaterThan(bench.clock.monotonicMs() / 60);
    const sum = commutes.reduce((all, one) => all + one, 0) + swappers * 5;
    expect(await bench.run(open().deref())).toBe(sum);
  });

  it('transactions come in as well', async () => {
    const random = seededRandom(1);
    const bench = await openBench({ latency: () => 3 + random.next() * 2 });
    const open = () => bench.calm().atom<number>('n', { initial: 0 });
    await bench.run(open().reset(0));
    let isOver = false;
    const seats = Array.from({ length: 8 }, async () => {
      const atom = open();
      while (!isOver) await atom.commute({ add: 1 });
    });
    const table = bench.calm();
    const [one, other] = ['n', 'm'].map((key) => table.atom<number>(key, { initial: 0 })) as [
      ItemAtom<number, number>,
      ItemAtom<number, number>,
    ];
    const transactions = async () => {
      try {
        await transactAll();
      } finally {
        isOver = true;
      }
    };
    const transactAll = async () => {
      for (let call = 0; call < 5; call += 1) {
        await table.transact(
          async (tx) => {
            const seen = await tx.deref(one);
            await tx.swap(one, (n) => n + 1);
            await tx.reset(other, seen);
          },
          { timeoutMs: 1_000 },
        );
      }
    };
    await bench.run(Promise.all([transactions(), ...seats]));
    expect(bench.clock.monotonicMs()).toBeLessThan(1_500);
  });

  it('a hand that was raised by somebody who died costs each one rest, and is taken down', async () => {
    const bench = await openBench({ latency: () => 4 });
    const atoms = [bench.calm(), bench.calm()].map((table) => table.atom<number>('n', { initial: 0 }));
    const [one, other] = atoms as [ItemAtom<number>, ItemAtom<number>];
    for (const atom of atoms) await bench.run(atom.commute({ add: 1 }));
    const raise = { expression: 'SET #h = :h', names: { '#h': 'h' }, values: { ':h': { S: 'somebody' } } };
    await bench.run(bench.memory.update({ table: 'state', key: { id: { S: 'n' } }, update: raise }));
    const timeOf = async (atom: ItemAtom<number>) => {
      const calledAt = bench.clock.monotonicMs();
      await bench.run(atom.commute({ add: 1 }));
      return bench.clock.monotonicMs() - calledAt;
    };
    // Only what a commute has left shows it the hand.
    expect(await timeOf(one)).toBe(4);
    expect((await bench.run(bench.item('n')))?.h).toEqual({ S: 'somebody' });
    expect(await timeOf(one)).toBeGreaterThan(12);
    expect((await bench.run(bench.item('n')))?.h).toBeUndefined();
    expect(await timeOf(one)).toBe(4);
    expect(await timeOf(other)).toBe(4);
    await bench.run(bench.memory.update({ table: 'state', key: { id: { S: 'n' } }, update: raise }));
    await bench.run(other.swap((n) => (n as number) + 1));
    expect((await bench.run(bench.item('n')))?.h).toBeUndefined();
  });
});

for (const row of engines.filter(({ name }) => name === 'dynamodb-local' || name === 'dynalite')) {
  describeEngine(row, () => {
    const place = tableOn(row);

    it('commutes from many tables without a conflict', async () => {
      const atoms = Array.from({ length: 12 }, () =>
        new AtomTable(place).atom<{ n: number; log: number[] }>('crowd', {
          initial: { n: 0, log: [] },
        }),
      );
      await atoms[0]?.commute({ add: { n: 1 } });
      await Promise.all(atoms.map((atom) => atom.deref()));
      const before = place.engine.spent();
      await Promise.all(
        atoms.flatMap((atom, process) =>
          Array.from({ length: 8 }, async (_, caller) => {
            for (let call = 0; call < 4; call += 1) {
              await atom.commute({ add: { n: 1 }, append: { log: [process * 100 + caller * 10 + call] } });
            }
          }),
        ),
      );
      const after = place.engine.spent();
      // What fails are resends of writes that were done, where an answer took longer than usual.
      const late = after.unclear - before.unclear;
      expect(after.conditionsFailed - before.conditionsFailed).toBeLessThanOrEqual(late);
      expect(after.requests - before.requests).toBeLessThanOrEqual(12 * 4 + 2 * late);
      const { n, log } = await (atoms[1] as (typeof atoms)[number]).deref();
      expect([n, new Set(log).size]).toEqual([385, 384]);
    });

    it('rotates the evidence as it is rotated here', async () => {
      const table = () => new AtomTable({ ...place, evidenceWritersMax: 1 });
      for (let writer = 0; writer < 12; writer += 1) {
        const atom = table().atom<number>('turning', { initial: 0 });
        await atom.commute({ add: 1 });
        await atom.commute({ add: 1 });
      }
      const key = { id: { S: 'turning' } };
      const item = (await place.engine.get({ table: place.tableName, key, consistent: true })) as Item;
      const members = (name: string) => Object.values((item[name] as { M: Record<string, { N: string }> }).M);
      expect(item.d).toEqual({ N: '24' });
      expect(item.v).toEqual({ N: '24' });
      expect(members('w0').length).toBeLessThanOrEqual(6);
      expect(members('w1').length).toBeGreaterThanOrEqual(4);
      const [floor, rotated] = [item.f, item.r].map((one) => Number((one as { N: string }).N)) as [number, number];
      expect(rotated).toBeGreaterThan(floor);
      expect(floor).toBeGreaterThan(0);
    });
  });
}

interface Value {
  readonly n: number;
  readonly log: readonly string[] | string;
  readonly seen: ReadonlySet<string>;
}

describe('half of the writes disturbed', () => {
  it.each([true, false])(
    'commutes and swaps are done once, or not at all if so told; failed conditions bring the item along: %s',
    async (images) => {
      const bench = await openBench({
        images,
        latency: () => 3,
        rules: writesDisturbed,
      });
      const told = new Map<string, () => Promise<Settled['outcome']>>();
      const processes = Array.from({ length: 4 }, (_, process) => runProcess(bench, process, told));
      await bench.run(Promise.all(processes));
      bench.faulty.setRules([]);
      const truth = new Map<string, string>();
      for (const [id, ask] of told) truth.set(id, await bench.run(ask()));
      await bench.clock.advance(10_000);
      await bench.run(bench.faulty.settled());

      // Every commit that put an id in: in the log, or among those seen.
      const counts = new Map<string, number>();
      let sum = 0;
      for (const { before, after } of bench.commits) {
        const [old, now] = [idsOf(before), idsOf(after)];
        for (const id of now) if (!old.has(id)) counts.set(id, (counts.get(id) ?? 0) + 1);
        sum += numberIn(after) - numberIn(before);
      }
      const wrong = [...truth].filter(([id, outcome]) => (counts.get(id) ?? 0) !== (outcome === 'done' ? 1 : 0));
      const tally = (outcome: string) => [...truth.values()].filter((one) => one === outcome).length;
      console.log(
        `seed ${bench.seed}, images ${images}: ${told.size} calls, ${bench.commits.length} commits, ` +
          `${bench.faulty.spent().unclear} unclear, ${bench.memory.spent().conditionsFailed} conditions failed; ` +
          `${tally('done')} done, ${tally('not-done')} not done, ${tally('unknown')} unknown`,
      );
      expect(wrong).toEqual([]);
      expect(tally('unknown')).toBe(0);
      expect(sum).toBe(tally('done'));
      expect(tally('done')).toBeGreaterThan(told.size / 2);
    },
    60_000,
  );
});

/** Callers of one process, each with one call after the other: commutes mostly, and swaps that also change the shape. */
function runProcess(
  bench: Bench,
  process: number,
  told: Map<string, () => Promise<Settled['outcome']>>,
): Promise<unknown> {
  const table = bench.table({ retry: { attemptTimeoutMs: 40, settleMs: 200 } });
  const atoms = Array.from({ length: 3 }, (_, atom) =>
    table.atom<Value>(`v${atom}`, { initial: { n: 0, log: [], seen: new Set() } }),
  );
  const seats = Array.from({ length: 6 }, async (_, seat) => {
    const random = seededRandom(bench.seed * 1_000 + process * 100 + seat);
    for (let call = 0; call < 20; call += 1) {
      const id = `${process}.${seat}.${call}`;
      const atom = atoms[random.int(atoms.length)] as ItemAtom<Value, Value>;
      const options = { timeoutMs: random.int(4) === 0 ? random.int(60) : 30_000 };
      const kind = random.int(8);
      const made =
        kind === 0
          ? atom.swap((value) => turned(value, id), options)
          : kind < 4
            ? atom.commute({ add: { n: 1 }, union: { seen: [id] } }, options)
            : atom.commute({ add: { n: 1 }, append: { log: [id] } } as object, options);
      told.set(id, await outcomeOf(made));
      await bench.clock.sleep(random.int(20));
    }
  });
  return Promise.all(seats);
}

/** With one id more, and the log a text instead of a list, or the other way round. */
function turned({ n, log, seen }: Value, id: string): Value {
  const ids = typeof log === 'string' ? log.split(' ').filter((one) => one !== '') : log;
  return { n: n + 1, seen, log: typeof log === 'string' ? [...ids, id] : [...ids, id].join(' ') };
}

async function outcomeOf(call: Promise<unknown>): Promise<() => Promise<Settled['outcome']>> {
  try {
    await call;
    return async () => 'done';
  } catch (error) {
    const { outcome, settle } = error as { outcome?: Settled['outcome']; settle?: () => Promise<Settled> };
    if (outcome === undefined) throw error;
    return settle === undefined ? async () => outcome : async () => (await settle.call(error)).outcome;
  }
}

function idsOf(item: Item | undefined): ReadonlySet<string> {
  const value = (item?.d as { readonly M: Item } | undefined)?.M;
  const texts = (attribute: Item[string] | undefined): string[] => {
    if (attribute === undefined) return [];
    if ('S' in attribute) return attribute.S.split(' ');
    return 'L' in attribute ? attribute.L.map((one) => (one as { readonly S: string }).S) : [];
  };
  return new Set([...texts(value?.log), ...texts(value?.seen)].filter((one) => one !== ''));
}

function numberIn(item: Item | undefined): number {
  const value = (item?.d as { readonly M: Item } | undefined)?.M;
  return Number((value?.n as { readonly N: string } | undefined)?.N ?? 0);
}

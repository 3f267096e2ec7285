// Goal: a reader that is behind what was pruned goes on from a snapshot, and skips nothing (P3); prunes that meet each other and slow
// readers delete only what nobody needs (P5); all instances have one order, number by number.
// Method: instances that stand still while others write, snapshot and prune, to the last step; random interleavings, drawn from a seed.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/index.js';
import type { Change, Prevayler } from '../../lib/prevalence/index.js';
import { type Entry, errorOf, type Ledger, ledger, noise, range } from '../support/prevalent.js';
import { steppedEngine } from '../support/stepped-engine.js';
import { type Bench, openBench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

type System = Prevayler<Ledger, Entry>;
const keepOne = { ...ledger, retention: { keep: 1 } };
const entryOf = (n: number): Entry => ({ pay: n, note: noise(n % 5 === 0 ? 3_000 : 150, n) });

/** Writes so much that pages go, and prunes. Not in `run`, so that it may happen within another's request. */
async function compact(one: System, count = 8): Promise<void> {
  for (const n of range(count, one.seq + 1)) await one.handle(entryOf(n));
  await one.snapshot();
  await one.prune();
}

describe('P3: a stale reader below the compaction point', () => {
  it.each<[string, (stale: System) => Promise<unknown>]>([
    ['a sync', (stale) => stale.sync()],
    ['an event', (stale) => stale.handle(0)],
    ['an event with a body', (stale) => stale.handle({ pay: 0, note: noise(5_000) })],
    ['a no-op', (stale) => stale.handle('same')],
    ['a refusal', (stale) => errorOf(stale.handle('refuse'))],
    ['a snapshot', async (stale) => [await stale.snapshot(), await stale.sync()]],
    ['a prune', async (stale) => [await stale.prune(), await stale.sync()]],
  ])('P3: %s loads a snapshot, and goes on from there', async (_name, use) => {
    const one = await bench.open(keepOne);
    const stale = await bench.open(keepOne);
    await bench.run(stale.handle(0));
    await bench.run(one.sync());
    await bench.run(compact(one, 12));
    await bench.run(compact(one, 12));
    await bench.run(use(stale));
    await bench.run(one.sync());
    expect(stale.state).toEqual(one.state);
    expect(await bench.run(stale.stateDigest())).toBe(await bench.run(one.stateDigest()));
    expect(one.state.seen.slice(0, 25)).toEqual(range(25, 0).map((n) => (n === 0 ? 0 : n + 1)));
    expect(bench.warnings).toEqual([]);
  });

  it('P3: a reader that is overtaken at any request of its recovery starts over', async () => {
    for (let at = 0, reached = true; reached; at += 1) {
      await bench.close();
      bench = await openBench();
      const one = await bench.open(keepOne);
      await bench.run(compact(one));
      await bench.run(one.handle(entryOf(one.seq + 1)));
      reached = false;
      const engine = steppedEngine(bench.memory, (step) => {
        if (step.index !== at) return undefined;
        reached = true;
        return compact(one, 12).then(() => step.send());
      });
      const reader = await bench.open(ledger, { engine });
      expect(reader.state.seen).toEqual(range(reader.seq));
      expect(await bench.run(reader.sync())).toEqual(one.state);
      expect(at).toBeLessThan(30);
    }
  });

  it('P3: one that is overtaken each time registers, and is waited for', async () => {
    const one = await bench.open(keepOne);
    await bench.run(compact(one));
    let overtaken = 0;
    const engine = steppedEngine(bench.memory, (step) => {
      if (!step.text.includes('/part/') || overtaken === 20) return undefined;
      overtaken += 1;
      return compact(one).then(() => step.send());
    });
    const reader = await bench.open(ledger, { engine });
    expect(overtaken).toBeLessThan(8);
    expect(await bench.run(reader.sync())).toEqual(one.state);
    // It has let go: the next prune removes what it wanted.
    await bench.run(compact(one));
    expect((await bench.keys()).filter((key) => key.includes('/part/')).length).toBe(1);
  });

  it('P3: a slow consumer of changes is told what it can not have any more, and not a wrong one', async () => {
    const one = await bench.open(keepOne);
    await bench.run(one.handle(1));
    const changes = one.changes({ from: 1 });
    expect((await bench.run(changes.next())).value).toMatchObject({ seq: 1 });
    await bench.run(compact(one, 12));
    await bench.run(compact(one, 12));
    // What came while it listened is still here.
    expect((await bench.run(changes.next())).value).toMatchObject({ seq: 2, event: entryOf(2) });
    await changes.return(undefined);
    const other = await bench.open(ledger);
    const late = other.changes({ from: 3 });
    expect(await errorOf(bench.run(late.next()))).toMatchObject({ code: 'ERR_JOURNAL_COMPACTED' });
  });

  it('changes go on after a snapshot was loaded, when what was passed over can still be read', async () => {
    const forever = { ...ledger, retention: { keep: 1, journal: 'forever' } as const };
    const one = await bench.open(forever);
    const stale = await bench.open(ledger);
    await bench.run(stale.handle(0));
    await bench.run(one.sync());
    const changes = stale.changes();
    const first = changes.next();
    for (const n of range(30)) await bench.run(one.handle(entryOf(n)));
    await bench.run(one.snapshot());
    await bench.run(one.prune());
    await bench.run(stale.sync());
    const seen = [(await bench.run(first)).value as Change<Entry>];
    while (seen.length < 30) seen.push((await bench.run(changes.next())).value as Change<Entry>);
    expect(seen.map(({ event }) => event)).toEqual(range(30).map(entryOf));
    await changes.return(undefined);
  });
});

it('a consumer of changes that is thousands of events behind is told each of them', async () => {
  const sum = { initialState: 0, handler: (total: number, n: number) => total + n };
  const [one, other] = [await bench.open(sum), await bench.open(sum)];
  const changes = one.changes();
  const first = changes.next();
  await bench.run(one.handle(1));
  expect((await bench.run(first)).value).toMatchObject({ seq: 1 });
  for (const [index, writer] of [one, other, one].entries()) {
    await bench.run(Promise.all(range(2_500, index * 2_500 + 2).map((n) => writer.handle(n))));
  }
  const seqs: number[] = [];
  for (const seq of range(7_500, 2)) {
    const { value } = (await bench.run(changes.next())) as { value: Change<number> };
    if (value.seq !== seq || value.event !== seq) seqs.push(value.seq);
  }
  expect(seqs).toEqual([]);
  await changes.return(undefined);
});

describe('P5: prunes that meet', () => {
  it('P5: two at once, of instances that know different snapshots: all is recovered, twice pruned is once', async () => {
    const [one, other] = [await bench.open(keepOne), await bench.open(keepOne)];
    for (const n of range(3)) {
      for (const step of range(8)) await bench.run((step % 2 === 0 ? one : other).handle(entryOf(n * 10 + step)));
      await bench.run(Promise.all([one.snapshot(), other.snapshot()]));
      await bench.run(Promise.all([one.prune(), other.prune(), one.prune()]));
      const fresh = await bench.open(ledger);
      expect(fresh.state).toEqual(await bench.run(one.sync()));
      expect(fresh.seq).toBe(n * 8);
    }
    await bench.run(one.prune());
    expect((await bench.keys()).filter((key) => key.includes('/part/')).length).toBe(1);
  });

  it('P5: another prune at any request of a prune', async () => {
    for (let at = 0, reached = true; reached; at += 1) {
      await bench.close();
      bench = await openBench();
      const rival = await bench.open(keepOne);
      await bench.run(compact(rival));
      for (const n of range(10, rival.seq + 1)) await bench.run(rival.handle(entryOf(n)));
      await bench.run(rival.snapshot());
      reached = false;
      const engine = steppedEngine(bench.memory, (step) => {
        if (step.index !== at) return undefined;
        reached = true;
        return compact(rival, 10).then(() => step.send());
      });
      const one = await bench.open(keepOne, { engine });
      await bench.run(one.prune());
      const fresh = await bench.open(ledger);
      expect(fresh.state).toEqual(rival.state);
      expect(fresh.state.seen).toEqual(range(fresh.seq));
      expect(at).toBeLessThan(60);
    }
  });
});

it.each(range(6, Number(process.env.LEYDEN_SEED ?? 1)))(
  'seed %d: one order in all instances, digest by digest',
  async (seed) => {
    const random = seededRandom(seed);
    const instances: System[] = [];
    for (const _ of range(3)) instances.push(await bench.open(keepOne));
    /** By number: what each instance had there. */
    const digests = new Map<number, Set<string>>();
    let amount = 0;
    const note = async (one: System) => {
      const { seq } = one;
      const digest = await one.stateDigest();
      if (one.seq !== seq) return;
      digests.set(seq, (digests.get(seq) ?? new Set()).add(digest));
    };
    const next = () => {
      amount += 1;
      return entryOf(amount);
    };
    const act = async (one: System) => {
      for (const _ of range(12)) {
        const draw = random.int(20);
        if (draw < 10) await one.handle(next());
        else if (draw < 14) await Promise.all(range(1 + random.int(6)).map(() => one.handle(next())));
        else if (draw < 16) await one.sync();
        else if (draw < 18)
          await one.snapshot().catch((error) => expect(error).toMatchObject({ code: 'ERR_SNAPSHOT' }));
        else if (draw < 19) await one.prune();
        else await errorOf(one.handle('refuse'));
        await note(one);
      }
    };
    await bench.run(Promise.all(instances.map(act)));
    instances.push(await bench.open(ledger));
    for (const one of instances) {
      await bench.run(one.sync());
      await bench.run(note(one));
    }
    for (const [seq, found] of digests) expect([seq, found.size]).toEqual([seq, 1]);
    const [{ state }] = instances as [System];
    expect([...state.seen].sort((a, b) => a - b)).toEqual(range(amount));
    expect(bench.warnings).toEqual([]);
    // Each number again, by a look at the past.
    for (const seq of [...digests.keys()].slice(-5)) {
      const past = await bench.run((instances[0] as System).at({ seq }).catch(() => undefined));
      if (past !== undefined) expect(past.state.seen).toEqual(state.seen.slice(0, seq));
    }
  },
);

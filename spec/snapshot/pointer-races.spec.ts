// Goal: whatever is lost, doubled or late, and whoever races whom, the pointer is right after each write.
// Method: snapshotters, pruners and readers, each a process of its own behind an engine that disturbs every third request;
// then all that the item ever held is checked. LEYDEN_SEED sets the draws.
import { describe, expect, it } from '@jest/globals';
import { engineFaultRules } from '../../lib/engine/index.js';
import { type Random, seededRandom } from '../../lib/engine/random.js';
import type { SnapshotPointer } from '../../lib/snapshot/pointer.js';
import type { SnapValue } from '../../lib/snapshot/pointer-value.js';
import { type Bench, openBench } from '../atom/bench.js';
import { entryAt, historyOf, idsOf, openPointer, publish } from './pointer-bench.js';

const seed = Number(process.env.LEYDEN_SEED ?? 1);
const retry = { timeoutMs: 600_000 };

async function openDisturbed(at: number): Promise<{ bench: Bench; open: () => SnapshotPointer }> {
  const bench = await openBench({ seed: at, latency: () => 5 });
  bench.faulty.setRules(engineFaultRules('all-mixed', 0.3));
  return { bench, open: () => openPointer(bench, { makingMsMax: 30_000 }, bench.table({ retry })) };
}

/** What is wrong with the step from one value to the next. */
function flawOf(before: SnapValue, after: SnapValue): string | undefined {
  const places = after.kept.map(({ place }) => place);
  if (places.some((place, index) => index > 0 && place <= (places[index - 1] as number))) return 'not ascending';
  const newest = (value: SnapValue) => value.kept.at(-1)?.place ?? 0;
  if (newest(after) < newest(before)) return 'the pointer moves back';
  const all = idsOf([...after.kept, ...after.making, ...after.dropping]);
  if (new Set(all).size < all.length) return 'one id twice';
  if (after.prunedTo < before.prunedTo || after.sweptTo < before.sweptTo) return 'a bound moves back';
  if (after.sweptTo > after.prunedTo || after.sweptFrom > after.sweptTo) return 'swept more than was pruned';
  if ([...after.kept, ...after.readers].some(({ page }) => page < after.prunedTo)) return 'pruned what is wanted';
  const deleted = idsOf(before.dropping).filter((id) => !idsOf(after.dropping).includes(id));
  return deleted.some((id) => all.includes(id)) ? 'a deleted snapshot comes back' : undefined;
}

function expectSound(bench: Bench, told: string): void {
  const history = historyOf(bench);
  for (const [index, after] of history.entries()) {
    const before = history[index - 1];
    if (before !== undefined) expect(`${told}, write ${index}: ${flawOf(before, after)}`).toMatch(/undefined$/);
  }
}

describe('the pointer behind a bad network', () => {
  it.each(Array.from({ length: 6 }, (_, index) => seed * 100 + index))(
    'is sound after each write, and nobody is told what is not so (seed %d)',
    async (at) => {
      const { bench, open } = await openDisturbed(at);
      const random = seededRandom(at);
      let place = 0;
      const published = new Map<string, string>();
      const snapshotter = async (pointer: SnapshotPointer, name: string) => {
        for (let turn = 0; turn < 12; turn += 1) {
          place += 1 + random.int(6);
          const entry = entryAt(place, { id: `${name}.${turn}`, parts: 4 });
          await pointer.begin({ id: entry.id, parts: 2 });
          await pause(bench, random);
          if ((await pointer.grow({ id: entry.id, parts: 4 })) === 'swept') published.set(entry.id, 'swept');
          else published.set(entry.id, await pointer.move(entry));
        }
      };
      const pruner = async (pointer: SnapshotPointer) => {
        for (let turn = 0; turn < 12; turn += 1) {
          const planned = await pointer.plan({ keep: 1 + random.int(2) });
          await pause(bench, random);
          if (random.int(3) > 0) await pointer.finish(planned);
        }
      };
      const reader = async (pointer: SnapshotPointer, id: string) => {
        for (let turn = 0; turn < 12; turn += 1) {
          const { kept } = await pointer.read();
          const { page = 0, from = 1, id: snapshot } = kept.at(-1) ?? {};
          await pointer.register({ id, page, from, forMs: 20_000, snapshot });
          await pause(bench, random);
          if (random.int(2) > 0) await pointer.release(id);
        }
      };
      const all = [
        snapshotter(open(), 'a'),
        snapshotter(open(), 'b'),
        pruner(open()),
        pruner(open()),
        reader(open(), 'r'),
      ];
      await bench.run(Promise.all(all));
      expectSound(bench, `seed ${at}`);
      const everKept = new Set(historyOf(bench).flatMap(({ kept }) => idsOf(kept)));
      for (const [id, told] of published) expect([id, told]).toEqual([id, everKept.has(id) ? 'moved' : told]);
      for (const id of everKept) expect([id, published.get(id)]).toEqual([id, 'moved']);
      expect(new Set(published.values()).size).toBeGreaterThan(1);
    },
  );

  it('two snapshotters with one head: the pointer moves once', async () => {
    const { bench, open } = await openDisturbed(seed);
    const [a, b] = [open(), open()];
    const answers = await bench.run(
      Promise.all([publish(a, entryAt(7, { id: 'a' })), publish(b, entryAt(7, { id: 'b' }))]),
    );
    expect(answers.toSorted()).toEqual(['moved', 'overtaken']);
    const { kept, dropping } = await bench.run(a.read());
    expect([kept.length, dropping.length]).toEqual([1, 1]);
  });
});

async function pause(bench: Bench, random: Random): Promise<void> {
  await bench.clock.sleep(random.int(5) === 0 ? 40_000 : random.int(500));
}

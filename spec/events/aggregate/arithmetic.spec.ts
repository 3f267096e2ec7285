// Goal: the number of a state is the number of the events that are in it, and the state is what they give, wherever it comes from: kept,
// from the head, from a snapshot, from events; whoever appended them, in whatever batches.
// Method: random walks of two processes over all three sources of truth, with states that fit in the head and states that don't, compared
// with a plain fold after each step; a process that has just come loads them, too. Sizes of batches cross every boundary.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Truth, Upcaster } from '../../../lib/events/index.js';
import { addTo, type Count, counter, emptyCount, foldOf, openMemory, openProcess } from './counting.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);

type Step =
  | { readonly do: 'execute' | 'append'; readonly by: 0 | 1; readonly numbers: readonly number[] }
  | { readonly do: 'load' | 'settle'; readonly by: 0 | 1 };

const numbers = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 7 });
const who = fc.constantFrom<0 | 1>(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('execute' as const), by: who, numbers }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('append' as const), by: who, numbers }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('load' as const, 'settle' as const), by: who }) },
);
const truth: fc.Arbitrary<Truth> = fc.oneof(
  fc.constantFrom<Truth>('events', 'aggregate'),
  fc.integer({ min: 1, max: 9 }).map((snapshotEvery) => ({ snapshotEvery })),
);
// Nothing; more than the head has room for; more than even an 'aggregate' has in its head.
const padBytes = fc.constantFrom(0, 0, 3_000, 140_000);

describe(`states [LEYDEN_SEED=${seed}]`, () => {
  it('are what a plain fold of the stream gives, with its number', async () => {
    await fc.assert(
      fc.asyncProperty(truth, padBytes, fc.array(step, { maxLength: 14 }), async (source, pad, steps) => {
        const engine = await openMemory();
        const type = counter(source, pad);
        const processes = [openProcess(engine), openProcess(engine)] as const;
        let model: Count = emptyCount(pad);
        const add = (all: readonly number[]) => {
          for (const by of all) model = addTo(model, { data: { by }, seq: model.seq + 1 });
        };
        for (const one of steps) {
          const { store } = processes[one.by];
          if (one.do === 'execute') {
            const { state, version, events } = await store.execute(type, '1', one.numbers);
            add(one.numbers);
            expect([version, events.map(({ data }) => data.by)]).toEqual([model.seq, one.numbers]);
            expect(state).toEqual(model);
          } else if (one.do === 'append') {
            const events = one.numbers.map((by) => ({ type: 'added', data: { by } }));
            const { version } = await store.append('counter-1', events);
            add(one.numbers);
            expect(version).toBe(model.seq);
          } else if (one.do === 'settle') {
            await store.settled();
          }
          expect(await store.load(type, '1')).toEqual({ state: model, version: model.seq });
        }
        for (const { store } of processes) await store.close();
        const fresh = openProcess(engine);
        expect(await fresh.store.load(type, '1')).toEqual({ state: model, version: model.seq });
        expect(await foldOf(engine, 'counter-1', pad)).toEqual(model);
        expect([...processes, fresh].flatMap(({ warnings }) => warnings)).toEqual([]);
      }),
      { seed, numRuns: 50 },
    );
  }, 60_000);

  it.each<Truth>(['aggregate', { snapshotEvery: 1 }, { snapshotEvery: 2 }, { snapshotEvery: 3 }])(
    'are right for each size of batch that crosses a boundary (%j)',
    async (source) => {
      for (const pad of [0, 3_000]) {
        const engine = await openMemory();
        const { store } = openProcess(engine);
        const type = counter(source, pad);
        for (let before = 0; before <= 4; before += 1) {
          for (let batch = 0; batch <= 4; batch += 1) {
            const id = `${before}-${batch}`;
            for (let n = 0; n < before; n += 1) await store.execute(type, id, [1]);
            await store.execute(
              type,
              id,
              Array.from({ length: batch }, () => 1),
            );
            await store.settled();
            const fresh = openProcess(engine);
            const { state, version } = await fresh.store.load(type, id);
            expect([id, state.sum, version]).toEqual([id, before + batch, before + batch]);
            expect(fresh.warnings).toEqual([]);
          }
        }
      }
    },
  );

  it('of commands that are decided together are right', async () => {
    const engine = await openMemory();
    const [one, other] = [openProcess(engine), openProcess(engine)];
    for (const source of ['events', 'aggregate', { snapshotEvery: 3 }] as const) {
      const type = counter(source, 3_000);
      const id = JSON.stringify(source);
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, n) => (n % 3 ? one : other).store.execute(type, id, [1, 1], { retries: 100 })),
      );
      for (const { state, version } of answers) expect([state.sum, state.seq]).toEqual([version, version]);
      expect(new Set(answers.map(({ version }) => version)).size).toBe(40);
      await Promise.all([one.store.settled(), other.store.settled()]);
      expect((await openProcess(engine).store.load(type, id)).state.sum).toBe(80);
    }
  });

  it('of events that are brought to another shape are what the new shape gives', async () => {
    const engine = await openMemory();
    const before = openProcess(engine);
    const upcasters: readonly Upcaster[] = [
      { type: 'plus', to: '2.0.0', upcast: ({ data }) => ({ type: 'added', data: { by: data } }) },
    ];
    const after = openProcess(engine, { upcasters });
    for (const source of ['events', 'aggregate', { snapshotEvery: 2 }] as const) {
      const type = counter(source, 3_000);
      const id = JSON.stringify(source);
      for (let n = 1; n <= 3; n += 1) await before.store.append(`counter-${id}`, [{ type: 'plus', data: n }]);
      const { state } = await after.store.execute(type, id, [10, 20, 30]);
      expect(state.sum).toBe(66);
      await before.store.append(`counter-${id}`, [{ type: 'plus', data: 100 }]);
      await after.store.settled();
      expect((await after.store.execute(type, id, [1])).state.sum).toBe(167);
      expect((await openProcess(engine, { upcasters }).store.load(type, id)).state).toMatchObject({ sum: 167, seq: 8 });
    }
  });
});

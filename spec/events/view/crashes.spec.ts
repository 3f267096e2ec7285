// Goal: whoever dies, sleeps or comes late, a document is the fold of each stream's events in order, each once.
import { describe, expect, it } from '@jest/globals';
import { type Engine, MemoryEngine, seededRandom } from '../../../lib/engine/index.js';
import { EventStore, type StreamCommit, View } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { FrozenEngine } from '../../journal/frozen-engine.js';
import { type Added, added, expectedOf, foundIn, named, perStream, type Trace } from './sample.js';

const seed = Number(process.env.LEYDEN_SEED ?? Math.floor(Math.random() * 2 ** 31));
const tableName = 'state';

/** In virtual time: nobody waits for turns, pauses and deadlines. */
const clock = new VirtualClock({ runMsMax: Number.MAX_SAFE_INTEGER });
const inTime = (work: () => Promise<void>) => () => clock.run(work());

async function world() {
  const engine = new MemoryEngine({ clock });
  const table = new AtomTable({ engine, tableName, clock });
  await table.create();
  return { engine, store: new EventStore(table) };
}

/** Another process on the same table. */
const another = (engine: Engine) => new EventStore(new AtomTable({ engine, tableName, clock }));

/** Commits as the table's stream would deliver them, in order. */
async function write(store: EventStore, draw: ReturnType<typeof seededRandom>, count: number): Promise<StreamCommit[]> {
  const commits: StreamCommit[] = [];
  for (let n = 0; n < count; n += 1) {
    const stream = `s-${draw.int(3)}`;
    const events = Array.from({ length: 1 + draw.int(3) }, () => added(n, 'all', `d-${draw.int(2)}`));
    const { events: recorded, version, time } = await store.append(stream, events);
    commits.push({ stream, events: recorded, version, time });
  }
  return commits;
}

const batchOf = (commits: readonly StreamCommit[]) => ({ records: commits.map((value) => ({ value })) });

describe('EventStore.projector', () => {
  it(
    `is right whatever two deliverers and a sleeper do (LEYDEN_SEED=${seed})`,
    inTime(async () => {
      for (let round = 0; round < 8; round += 1) {
        const draw = seededRandom(seed + round);
        const { engine, store } = await world();
        const commits = await write(store, draw, 25);
        // Each goes over all commits from some checkpoint on, in batches, and begins anew from an earlier one now and then.
        const deliver = async (isAsleep: boolean) => {
          const frozen = new FrozenEngine(engine, {
            request: isAsleep ? 1 + draw.int(40) : Number.POSITIVE_INFINITY,
            delivers: draw.int(2) === 0,
          });
          const own = another(frozen.engine);
          let feed = own.projector(perStream, named);
          const work = async () => {
            for (let at = 0; at < commits.length; ) {
              const size = 1 + draw.int(5);
              await feed(batchOf(commits.slice(at, at + size)));
              if (draw.int(4) === 0) at = Math.max(0, at - draw.int(8));
              else at += size;
              if (draw.int(6) === 0) feed = own.projector(perStream, named);
            }
          };
          const done = work();
          // Asleep for longer than its calls may take: that is told, and what they had begun is there or not.
          return { frozen, done: isAsleep ? done.catch(() => {}) : done };
        };
        const sleeper = await deliver(true);
        const others = await Promise.all([deliver(false), deliver(false)]);
        await Promise.all(others.map(({ done }) => done));
        for (const view of [perStream, named])
          expect(await foundIn(store, view)).toEqual(await expectedOf(store, view));
        // It wakes up, and goes on with what it had begun.
        sleeper.frozen.thaw();
        await sleeper.done;
        for (const view of [perStream, named])
          expect(await foundIn(store, view)).toEqual(await expectedOf(store, view));
      }
    }),
  );

  it(
    'goes on where a process died, at every request',
    inTime(async () => {
      const draw = seededRandom(seed);
      for (let request = 1; ; request += 1) {
        for (const delivers of [true, false]) {
          const { engine, store } = await world();
          const commits = await write(store, seededRandom(7), 6);
          const frozen = new FrozenEngine(engine, { request, delivers });
          const dying = another(frozen.engine);
          const feed = dying.projector(perStream, named);
          const ended = (async () => {
            for (const commit of commits) await feed(batchOf([commit]));
            return 'done' as const;
          })();
          const outcome = await Promise.race([ended, frozen.frozen]);
          if (outcome === 'done') {
            expect(request).toBeGreaterThan(20);
            return;
          }
          const heir = store.projector(perStream, named);
          // Any commit of the streams will do: what came before is read from the log.
          const from = draw.int(commits.length);
          await heir(batchOf([...commits.slice(from), ...commits]));
          for (const view of [perStream, named])
            expect(await foundIn(store, view)).toEqual(await expectedOf(store, view));
        }
      }
    }),
  );

  it(
    'shows a fold that does not know what it has seen to be wrong',
    inTime(async () => {
      const { store } = await world();
      const commits = await write(store, seededRandom(7), 10);
      const naive: string[] = [];
      const feed = (batch: { readonly records: readonly { readonly value: StreamCommit }[] }) => {
        for (const { value } of batch.records) naive.push(...value.events.map(({ id }) => id));
      };
      feed(batchOf(commits));
      feed(batchOf(commits.slice(5)));
      expect(new Set(naive).size).toBeLessThan(naive.length);
    }),
  );
});

describe('EventStore.rebuild', () => {
  it(
    'goes on where a process died, at every request',
    inTime(async () => {
      const next = new View<Trace, Added>({ ...perStream, version: 2 });
      for (let step = 2; ; step += 1) {
        const request = step >> 1;
        const { engine, store } = await world();
        await write(store, seededRandom(7), 8);
        const old = store.project(perStream);
        await old.refresh();
        await old.stop();
        const frozen = new FrozenEngine(engine, { request, delivers: step % 2 === 0 });
        const dying = another(frozen.engine);
        const left = dying.rebuild(next).then(
          () => 'done' as const,
          () => 'failed' as const,
        );
        const outcome = await Promise.race([left, frozen.frozen]);
        if (outcome === 'done') {
          expect(request).toBeGreaterThan(12);
          return;
        }
        // There is always something to be read.
        expect((await foundIn(store, next)).size).toBe(3);
        await store.rebuild(next, { takeOver: true });
        expect(await foundIn(store, next)).toEqual(await expectedOf(store, next));
        // One that sleeps through another rebuild does no harm to what came of it.
        await store.rebuild(next);
        frozen.thaw();
        await left;
        expect(await foundIn(store, next)).toEqual(await expectedOf(store, next));
      }
    }),
  );

  it(
    'misses nothing that is appended and delivered meanwhile, by code of either version',
    inTime(async () => {
      for (let round = 0; round < 10; round += 1) {
        const draw = seededRandom(seed + round);
        const { engine, store } = await world();
        await write(store, draw, 10);
        const next = new View<Trace, Added>({ ...named, version: 2 });
        const old = store.project(named);
        await old.refresh();
        await old.stop();
        const builder = another(engine);
        const feeds = { old: store.projector(named), new: store.projector(next) };
        const rebuilding = builder.rebuild(next);
        let isOver = false;
        const over = rebuilding.then(() => {
          isOver = true;
        });
        let refused: readonly StreamCommit[] = [];
        for (let n = 0; n < 40 && !isOver; n += 1) {
          const commits = await write(store, draw, 1 + draw.int(3));
          try {
            await feeds.old(batchOf([...refused, ...commits]));
            refused = [];
          } catch (error) {
            // Its batches stay undone, and are delivered to others.
            expect(error).toMatchObject({ code: 'ERR_VIEW_VERSION' });
            refused = [...refused, ...commits];
          }
        }
        await over;
        await feeds.new(batchOf(refused));
        expect(await foundIn(store, next)).toEqual(await expectedOf(store, next));
      }
    }),
  );

  it(
    'tells the second of two',
    inTime(async () => {
      const { engine, store } = await world();
      await write(store, seededRandom(1), 3);
      const frozen = new FrozenEngine(engine, { request: 4, delivers: true });
      another(frozen.engine)
        .rebuild(perStream)
        .catch(() => {});
      await frozen.frozen;
      await expect(store.rebuild(perStream)).rejects.toMatchObject({ code: 'ERR_VIEW_REBUILDING', retryable: true });
      expect(await store.rebuild(perStream, { takeOver: true })).toMatchObject({ resumed: true });
    }),
  );
});

// Goal: whatever order the requests of writers, readers and sweepers come in, and wherever a writer dies, a large value is the old or
// the new one and never a mixture, no part that is named is ever removed, and none that is not is left by a sweep.
// Method: all orders of two processes, each a whole one of its own; of more of them, and with deaths, some by seed (LEYDEN_SEED;
// LEYDEN_MODEL=full takes thousands). Then the same with one thing done wrong at a time, which must be noticed.
import { afterAll, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Engine, seededRandom, type WriteAnswer } from '../../lib/engine/index.js';
import {
  Actor,
  type Bend,
  type Case,
  everyOrder,
  idNamed,
  letters,
  openMemory,
  partsIn,
  tableName,
} from './parts-actors.js';

const seed = Number(process.env.LEYDEN_SEED ?? 1);
const isFull = process.env.LEYDEN_MODEL === 'full';
const values = { old: letters('o'), first: letters('f'), second: letters('s') } as const;

interface Cast {
  /** Writers of one new value each. */
  readonly writers: 0 | 1 | 2;
  readonly sweeps?: boolean;
  readonly reads?: boolean;
  /** The first writer may be killed at any time. */
  readonly dies?: boolean;
  /** What is there before: a large value, or no item. */
  readonly begins?: 'large' | 'empty';
  readonly bend?: { readonly writer?: Bend; readonly sweeper?: Bend };
}

const nameOf = (value: unknown): string => {
  if (value === undefined) return 'none';
  const text = JSON.stringify(value);
  return Object.entries(values).find(([, one]) => JSON.stringify(one) === text)?.[0] ?? 'mixture';
};

function open({ writers, sweeps, reads, dies, begins = 'large', bend = {} }: Cast): () => Promise<Case> {
  return async () => {
    const memory = await openMemory();
    const before = begins === 'large' ? 'old' : 'none';
    if (begins === 'large') await new Actor('0', memory).table().atom('a').reset(values.old);
    const actors: Actor[] = [];
    for (const name of ['first', 'second'].slice(0, writers) as ('first' | 'second')[]) {
      const writer = new Actor(name, memory, bend.writer);
      const table = writer.table();
      const atom = table.atom<unknown>('a');
      await atom.deref();
      actors.push(writer);
      writer.start(async () => {
        await atom.reset(values[name]);
        void table.settled();
      });
    }
    const [mortal] = actors;
    const sweeper = new Actor('sweeper', memory, bend.sweeper);
    if (sweeps) actors.push(sweeper);
    sweeper.start(() => sweeper.table().sweepParts({ graceMs: 0 }));
    const reader = new Actor('reader', memory);
    if (reads) actors.push(reader);
    reader.start(() => reader.table().atom('a').deref());

    const verdict = async (): Promise<string | undefined> => {
      const failed = actors.find(({ error }) => error !== undefined);
      if (failed !== undefined) return `${failed.name} failed: ${failed.error}`;
      if (reads && nameOf(reader.result) === 'mixture') return 'the reader saw a mixture';
      if (reads && !sweeps && reader.sent.length > 3) return 'the reader missed a part of what it had begun to read';
      const skipped = (sweeper.result as { skipped?: { error: Error }[] } | undefined)?.skipped?.[0];
      if (skipped !== undefined) return `the sweeper skipped it: ${skipped.error}`;
      const after = new AtomTable({ engine: memory, tableName });
      const found = await after.atom('a').deref().then(nameOf, String);
      const wrote = actors.slice(0, writers).filter(({ isOver }) => isOver);
      const allowed = [...(wrote.length === 0 ? [before] : []), ...actors.slice(0, writers).map(({ name }) => name)];
      if (!allowed.includes(found)) return `found ${found}, and not ${allowed.join(' or ')}`;
      await after.sweepParts({ graceMs: 0 });
      const { ids } = await partsIn(memory);
      const named = await idNamed(memory);
      const expected = named === undefined ? {} : { [named]: 2 };
      const left = Object.fromEntries(ids);
      return JSON.stringify(left) === JSON.stringify(expected)
        ? undefined
        : `parts are ${JSON.stringify(left)}, named is ${named}`;
    };
    return { actors, ...(dies && mortal && { mortal }), verdict };
  };
}

const report: string[] = [];
afterAll(() => console.log(report.join('\n')));

const pairs: readonly (readonly [string, Cast])[] = [
  ['a writer and a reader', { writers: 1, reads: true }],
  ['a writer and a sweeper', { writers: 1, sweeps: true }],
  ['a writer where nothing is, and a sweeper', { writers: 1, sweeps: true, begins: 'empty' }],
  ['a reader and a sweeper', { writers: 0, reads: true, sweeps: true }],
];
const crowds: readonly (readonly [string, Cast])[] = [
  ['a writer that may die, and a sweeper', { writers: 1, sweeps: true, dies: true }],
  ['a writer that may die where nothing is, and a sweeper', { writers: 1, sweeps: true, dies: true, begins: 'empty' }],
  ['a writer that may die, a sweeper and a reader', { writers: 1, sweeps: true, reads: true, dies: true }],
  ['two writers, a sweeper and a reader', { writers: 2, sweeps: true, reads: true, dies: true }],
  ['two writers where nothing is, and a sweeper', { writers: 2, sweeps: true, dies: true, begins: 'empty' }],
];

describe('the orders of requests', () => {
  it.each(pairs)(
    'are all the same for %s',
    async (name, cast) => {
      const { ran, wrong, path } = await everyOrder(open(cast));
      report.push(`${name}: all ${ran} orders`);
      expect({ wrong, path }).toEqual({ wrong: undefined, path: [] });
      expect(ran).toBeGreaterThan(5);
    },
    600_000,
  );

  it.each(crowds)(
    `are the same for %s, by seed ${seed}`,
    async (name, cast) => {
      const some = { random: seededRandom(seed), most: isFull ? 4_000 : 50 };
      const { ran, wrong, path } = await everyOrder(open(cast), some);
      report.push(`${name}: ${ran} orders`);
      expect({ wrong, path }).toEqual({ wrong: undefined, path: [] });
    },
    6_000_000,
  );
});

const applied: WriteAnswer = { status: 'applied' };
const isItem = (request: { readonly item?: { readonly l?: unknown } }) => request.item?.l !== undefined;

/** Does something else for some calls of one kind. */
function bent(
  kind: 'put' | 'update',
  otherwise: (engine: Engine, request: never) => Promise<WriteAnswer> | undefined,
): Bend {
  return (engine) =>
    new Proxy(engine, {
      get(target, name) {
        const own = Reflect.get(target, name) as unknown;
        if (name !== kind) return typeof own === 'function' ? own.bind(target) : own;
        return (request: never, ...rest: unknown[]) =>
          otherwise(target, request) ?? (own as (...all: unknown[]) => unknown).call(target, request, ...rest);
      },
    });
}

describe('the orders of requests notice', () => {
  const plants: readonly (readonly [string, RegExp, Cast])[] = [
    [
      'parts that are removed before the item was moved on',
      /missing|parts are/,
      {
        writers: 1,
        sweeps: true,
        bend: { sweeper: bent('put', (_engine, request) => (isItem(request) ? Promise.resolve(applied) : undefined)) },
      },
    ],
    [
      'old parts that are removed at once',
      /missed a part/,
      {
        writers: 1,
        reads: true,
        bend: {
          writer: bent('update', (engine, { table, key }: { table: string; key: never }) =>
            engine.delete({ table, key }),
          ),
        },
      },
    ],
    [
      'an item that is written before its parts',
      /missed a part|missing/,
      {
        writers: 1,
        reads: true,
        bend: {
          writer: (engine) => {
            const late: (() => unknown)[] = [];
            return bent('put', (target, request) => {
              if (isItem(request)) {
                return target.put(request).then((answer) => {
                  for (const send of late.splice(0)) send();
                  return answer;
                });
              }
              late.push(() => target.put(request));
              return Promise.resolve(applied);
            })(engine);
          },
        },
      },
    ],
    [
      'a write that is made whatever stands there',
      /missing/,
      {
        writers: 1,
        sweeps: true,
        bend: {
          writer: bent('put', (engine, { table, item }: { table: string; item: never }) =>
            isItem({ item }) ? engine.put({ table, item }) : undefined,
          ),
        },
      },
    ],
  ];

  it.each(plants)(
    '%s',
    async (_name, symptom, cast) => {
      const { wrong } = await everyOrder(open(cast));
      expect(wrong).toMatch(symptom);
    },
    60_000,
  );
});

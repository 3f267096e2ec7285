/**
 * Goal: whatever is appended, read and aggregated, and in whatever order, our store answers as Emmett's in-memory store does.
 * Method: random calls on both, through two objects on one table, with small heads, so that events are in heads, pages and bodies.
 * LEYDEN_SEED repeats a run.
 */
import {
  getInMemoryEventStore,
  NO_CONCURRENCY_CHECK,
  STREAM_DOES_NOT_EXIST,
  STREAM_EXISTS,
} from '@event-driven-io/emmett';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { getLeydenEventStore } from '../../../lib/adapters/emmett/index.js';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);

const stream = fc.constantFrom('a', 'b/1', 'ä%');
const data = fc.oneof(
  fc.record({ n: fc.nat(9), text: fc.string({ maxLength: 300 }) }),
  fc.record({ big: fc.bigInt(), when: fc.date({ noInvalidDate: true }) }),
);
const event = fc.record(
  { type: fc.constantFrom('one', 'two'), data, metadata: fc.record({ by: fc.string(), streamPosition: fc.bigInt() }) },
  { requiredKeys: ['type', 'data'] },
);
const expected = fc.option(
  fc.oneof(fc.constantFrom(STREAM_EXISTS, STREAM_DOES_NOT_EXIST, NO_CONCURRENCY_CHECK), fc.bigInt(-1n, 12n)),
  { nil: undefined, freq: 2 },
);
const place = fc.bigInt(0n, 14n);
const range = fc.record(
  { from: place, to: place, maxCount: place, expectedStreamVersion: expected },
  { requiredKeys: [] },
);

const call = fc.oneof(
  fc.record({
    call: fc.constant('append' as const),
    ...{ stream, expected, events: fc.array(event, { minLength: 1, maxLength: 5 }) },
  }),
  fc.record({ call: fc.constant('read' as const), stream, range }),
  // With `from` its version is another one on purpose.
  fc.record({ call: fc.constant('aggregate' as const), stream, range: range.map(({ from: _from, ...rest }) => rest) }),
  fc.record({ call: fc.constant('exists' as const), stream }),
);
type Call = typeof call extends fc.Arbitrary<infer C> ? C : never;
/** What both stores are asked through. */
type Store = Pick<
  ReturnType<typeof getInMemoryEventStore>,
  'readStream' | 'aggregateStream' | 'appendToStream' | 'streamExists'
>;

async function ask(store: Store, one: Call): Promise<unknown> {
  try {
    if (one.call === 'exists') return await store.streamExists(one.stream);
    if (one.call === 'append') {
      const options = one.expected === undefined ? {} : { expectedStreamVersion: one.expected };
      return await store.appendToStream(one.stream, structuredClone(one.events), options);
    }
    if (one.call === 'read') {
      const { events, ...rest } = await store.readStream(one.stream, one.range as never);
      return { ...rest, events: events.map(comparable) };
    }
    const evolve = (seen: readonly unknown[], read: object) => [...seen, comparable(read)];
    return await store.aggregateStream<readonly unknown[], never>(one.stream, {
      ...{ evolve, initialState: () => [], read: one.range as never },
    });
  } catch (error) {
    const { name, message, errorCode } = error as Error & { errorCode?: number };
    return { name, message, errorCode };
  }
}

/** Without what each store numbers in its own way. */
function comparable(read: object): object {
  const {
    messageId: _id,
    globalPosition: _position,
    ...metadata
  } = (read as { metadata: Record<string, unknown> }).metadata;
  return { ...read, metadata };
}

describe(`getLeydenEventStore() [LEYDEN_SEED=${seed}]`, () => {
  it("answers as Emmett's in-memory store does", async () => {
    const calls = fc.array(fc.tuple(fc.nat(1), call), { maxLength: 30, size: 'max' });
    await fc.assert(
      fc.asyncProperty(calls, async (all) => {
        const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
        await table.create();
        const open = () => getLeydenEventStore(new EventStore(table, { headBytesMax: 600 })) as unknown as Store;
        const ours = [open(), open()];
        const theirs = getInMemoryEventStore();
        for (const [which, one] of all) {
          const [mine, other] = [await ask(ours[which] as Store, one), await ask(theirs, one)];
          expect({ one, answer: mine }).toEqual({ one, answer: other });
        }
      }),
      { seed, numRuns: 60 },
    );
  });
});

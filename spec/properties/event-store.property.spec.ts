/**
 * Goal: random calls of two processes on two streams are answered as a model of one list for each stream answers them; calls that are made
 * at one time are answered so in some order. Upcasters make of each event what a plain reading of their rule makes, however it is come by.
 * Method: fast-check, over stores in one memory. `FC_SEED` and `FC_RUNS` repeat or lengthen a run; a failure prints its seed.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryEngine } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import {
  AggregateType,
  type EventInput,
  type EventStore,
  type ExpectedVersion,
  transientEventStore,
  type Upcaster,
} from '../../lib/events/index.js';
import { all, noise, seqs, upTo } from '../contract/event-store-bench.js';

const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
const runs = (numRuns: number) => ({ ...seed, numRuns: Number(process.env.FC_RUNS ?? numRuns) });

type Call =
  | {
      kind: 'append';
      who: number;
      stream: string;
      expected: ExpectedVersion | 'here' | 'before';
      count: number;
      id: string | undefined;
      size: number;
    }
  | { kind: 'archive' | 'unarchive' | 'delete' | 'read'; who: number; stream: string };

const who = fc.integer({ min: 0, max: 1 });
const stream = fc.constantFrom('a', 'b');
const append: fc.Arbitrary<Call> = fc.record({
  ...{ kind: fc.constant('append' as const), who, stream },
  expected: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('any', 'here', 'before', 'no-stream', 'exists') },
    { weight: 1, arbitrary: fc.nat(6) },
  ) as fc.Arbitrary<ExpectedVersion | 'here' | 'before'>,
  count: fc.nat(3),
  id: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined, freq: 2 }),
  size: fc.constantFrom(1, 1, 1, 200, 3_000),
});
const other: fc.Arbitrary<Call> = fc.record({
  ...{ who, stream },
  kind: fc.constantFrom('archive', 'unarchive', 'unarchive', 'unarchive', 'read', 'read', 'delete'),
});
const calls = fc.array(fc.oneof({ weight: 6, arbitrary: append }, { weight: 1, arbitrary: other }), { maxLength: 40 });

/** What a stream is, in short. */
interface Model {
  readonly events: unknown[];
  readonly commands: Map<string, { readonly from: number; readonly to: number }>;
  closed: 'archived' | 'deleted' | undefined;
}

const emptyModel = (): Model => ({ events: [], commands: new Map(), closed: undefined });

function eventsOf(call: Call & { kind: 'append' }, salt: number): { type: string; data: string }[] {
  // Commands of one id have the same events half of the time.
  const tag = call.id === undefined || salt % 2 === 0 ? 'same' : `${salt}`;
  return upTo(call.count).map((n) => ({ type: 'n', data: `${tag}/${n}/${noise(call.size, n)}` }));
}

function holds(expected: ExpectedVersion, version: number): boolean {
  if (expected === 'any') return true;
  if (expected === 'exists') return version > 0;
  return version === (expected === 'no-stream' ? 0 : expected);
}

/** The answers that are right. */
function answersOf(
  model: Model,
  expected: ExpectedVersion,
  events: readonly unknown[],
  id: string | undefined,
): unknown[] {
  if (model.closed === 'deleted')
    return ['ERR_STREAM_CLOSED', ...(holds(expected, model.events.length) ? [] : ['ERR_CONFLICT'])];
  const known = id === undefined ? undefined : model.commands.get(id);
  if (known !== undefined) {
    const { from, to } = known;
    return [
      isDeepStrictEqual(model.events.slice(from - 1, to), events)
        ? { version: to, seqs: range(from, to), repeated: true }
        : 'ERR_COMMAND_ID_REUSED',
    ];
  }
  const version = model.events.length;
  if (!holds(expected, version)) return ['ERR_CONFLICT', ...(model.closed ? ['ERR_STREAM_CLOSED'] : [])];
  if (model.closed !== undefined) return ['ERR_STREAM_CLOSED'];
  const to = version + events.length;
  return [{ version: to, seqs: range(version + 1, to), repeated: false }];
}

function note(model: Model, answer: unknown, events: readonly unknown[], id: string | undefined): void {
  if (
    typeof answer !== 'object' ||
    answer === null ||
    (answer as { repeated: boolean }).repeated ||
    events.length === 0
  )
    return;
  const from = model.events.length + 1;
  model.events.push(...events);
  if (id !== undefined) model.commands.set(id, { from, to: model.events.length });
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

async function codeOr<T>(call: Promise<T>): Promise<T | string> {
  try {
    return await call;
  } catch (error) {
    if (!isLeydenError(error)) throw error;
    return error.code;
  }
}

async function appendTo(
  store: EventStore,
  name: string,
  events: readonly EventInput[],
  expected: ExpectedVersion,
  id: string | undefined,
) {
  const answer = await codeOr(store.append(name, events, { expected, commandId: id }));
  if (typeof answer === 'string') return answer;
  return { version: answer.version, seqs: seqs(answer.events), repeated: answer.repeated };
}

function openTwo(): [EventStore, EventStore] {
  const engine = new MemoryEngine();
  return [transientEventStore({ engine }), transientEventStore({ engine })];
}

describe('EventStore', () => {
  it('answers calls of two processes, one after the other, as a list does', async () => {
    await fc.assert(
      fc.asyncProperty(calls, async (made) => {
        const stores = openTwo();
        const models = new Map([
          ['a', emptyModel()],
          ['b', emptyModel()],
        ]);
        for (const [at, call] of made.entries()) {
          const store = stores[call.who] as EventStore;
          const model = models.get(call.stream) as Model;
          const { closed, events: before } = model;
          if (call.kind === 'append') {
            const { expected } = call;
            const wanted =
              expected === 'here' ? before.length : expected === 'before' ? Math.max(before.length - 1, 0) : expected;
            const events = eventsOf(call, at);
            const answers = answersOf(
              model,
              wanted,
              events.map(({ data }) => data),
              call.id,
            );
            const answer = await appendTo(store, call.stream, events, wanted, call.id);
            expect({ at, answer: answers.some((one) => isDeepStrictEqual(one, answer)) || answer, answers }).toEqual({
              at,
              answer: true,
              answers,
            });
            note(
              model,
              answer,
              events.map(({ data }) => data),
              call.id,
            );
          } else if (call.kind === 'read') {
            const read = await codeOr(all(store.read(call.stream)));
            const data = typeof read === 'string' ? read : read.map((event) => event.data);
            expect({ at, data }).toEqual({ at, data: closed === 'deleted' ? 'ERR_STREAM_CLOSED' : before });
          } else if (call.kind === 'delete') {
            expect(await store.delete(call.stream)).toBe(before.length > 0 && closed !== 'deleted');
            if (before.length > 0) model.closed = 'deleted';
          } else {
            const answer = await codeOr(store[call.kind](call.stream));
            const isChange =
              call.kind === 'archive' ? closed === undefined && before.length > 0 : closed === 'archived';
            expect(answer).toBe(closed === 'deleted' ? 'ERR_STREAM_CLOSED' : isChange);
            if (isChange) model.closed = call.kind === 'archive' ? 'archived' : undefined;
          }
        }
        for (const [name, { events, closed }] of models) {
          if (closed === 'deleted') continue;
          for (const store of stores) expect((await all(store.read(name))).map(({ data }) => data)).toEqual(events);
        }
      }),
      runs(60),
    );
  });

  it('answers calls that are made at one time as if one came after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(append, { minLength: 2, maxLength: 12 }), async (made) => {
        const stores = openTwo();
        const answers = await Promise.all(
          (made as (Call & { kind: 'append' })[]).map(async (call, at) => {
            const expected = call.expected === 'here' || call.expected === 'before' ? at % 4 : call.expected;
            const events = eventsOf(call, at).map(({ type, data }) => ({ type, data: `${at}:${data}` }));
            const answer = await appendTo(stores[call.who] as EventStore, 'a', events, expected, call.id);
            return { expected, events, answer, id: call.id };
          }),
        );
        const stored = await all(stores[0].read('a'));
        const done = answers.flatMap(({ answer, ...rest }) =>
          typeof answer === 'object' && !answer.repeated && rest.events.length > 0 ? [{ ...answer, ...rest }] : [],
        );
        done.sort((one, two) => one.version - two.version);
        // What was acknowledged is there once, in one piece, on exactly the version that was expected.
        expect(done.flatMap(({ events }) => events.map(({ data }) => data))).toEqual(stored.map(({ data }) => data));
        for (const { expected, seqs: numbers } of done) expect(holds(expected, (numbers[0] as number) - 1)).toBe(true);
        // Who was refused was right to be at some version.
        for (const { expected, answer } of answers) {
          if (answer !== 'ERR_CONFLICT') continue;
          expect([0, ...seqs(stored)].some((version) => !holds(expected, version))).toBe(true);
        }
        const ids = done.flatMap(({ id }) => (id === undefined ? [] : [id]));
        expect(new Set(ids).size).toBe(ids.length);
      }),
      runs(80),
    );
  });
});

const types = ['t0', 't1', 't2'] as const;
const versions = ['1.0.0', '1.0.1', '1.2.0', '1.10.0', '2.0.0-beta', '2.0.0', '10.0.0'] as const;
type Step = { type: (typeof types)[number]; to: (typeof versions)[number]; rename: number };

/** Upcasters that write down that they ran; some rename, to a type further on. */
const upcasterSets = fc
  .uniqueArray(
    fc.record({ type: fc.constantFrom(...types), to: fc.constantFrom(...versions), rename: fc.constantFrom(0, 0, 1) }),
    { selector: ({ type, to }) => `${type}@${to}`, maxLength: 10 },
  )
  .map((steps: Step[]) => steps);

const renamed = ({ type, rename }: Step) => types[Math.min(types.indexOf(type) + rename, types.length - 1)] as string;

function upcasterOf(step: Step): Upcaster {
  return {
    type: step.type,
    to: step.to,
    upcast: ({ data, schemaVersion }) => ({
      data: [...(data as string[]), `${schemaVersion} to ${step.type}@${step.to}`],
      ...(step.rename > 0 && { type: renamed(step) }),
    }),
  };
}

/** The rule, read plainly: the lowest one above, again and again. */
function upcasted(
  steps: readonly Step[],
  event: { type: string; schemaVersion: string; data: string[] },
): typeof event {
  const rank = (version: string) => versions.indexOf(version as never);
  const next = steps
    .filter(({ type, to }) => type === event.type && rank(to) > rank(event.schemaVersion))
    .sort((one, two) => rank(one.to) - rank(two.to))[0];
  if (next === undefined) return event;
  const data = [...event.data, `${event.schemaVersion} to ${next.type}@${next.to}`];
  return upcasted(steps, { type: renamed(next), schemaVersion: next.to, data });
}

describe('Upcaster', () => {
  const given = fc.array(fc.record({ type: fc.constantFrom(...types), schemaVersion: fc.constantFrom(...versions) }), {
    minLength: 1,
    maxLength: 8,
  });

  it('is applied in the order of versions, whichever order they are given in, to what is appended, read, loaded and folded', async () => {
    await fc.assert(
      fc.asyncProperty(upcasterSets, given, async (steps, inputs) => {
        const engine = new MemoryEngine();
        const upcasters = steps.map(upcasterOf);
        const store = transientEventStore({ engine, upcasters });
        const events = inputs.map((input) => ({ ...input, data: [] as string[] }));
        const seen = new AggregateType<unknown[], never, EventInput>({
          name: 's',
          initial: [],
          handle: () => [],
          apply: (list, { type, schemaVersion, data }) => [...list, { type, schemaVersion, data }],
          truth: 'events',
        });
        const wanted = events.map((event) => upcasted(steps, event));
        const { events: appended } = await store.append('s-1', events);
        const short = ({ type, schemaVersion, data }: { type: string; schemaVersion: string; data: unknown }) => ({
          type,
          schemaVersion,
          data,
        });
        expect(appended.map(short)).toEqual(wanted);
        const reader = transientEventStore({ engine, upcasters: [...upcasters].reverse() });
        expect((await all(reader.read('s-1'))).map(short)).toEqual(wanted);
        expect((await all(reader.read('s-1', { direction: 'backwards' }))).reverse().map(short)).toEqual(wanted);
        expect((await reader.load(seen, '1')).state).toEqual(wanted);
        // What is stored stays.
        expect((await all(transientEventStore({ engine }).read('s-1'))).map(short)).toEqual(events);
      }),
      runs(100),
    );
  });
});

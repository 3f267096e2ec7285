/** Bugs and lies that the judge has to find out, or it is worth nothing. Each strikes now and then. */
import type { Engine, Random } from '../../../lib/engine/index.js';
import type { EventStore, ExecuteOptions } from '../../../lib/events/index.js';
import type { Note, RetNote } from './notes.js';
import { decide, type Order } from './purse.js';
import type { SimulationOptions } from './simulation.js';

interface Planted {
  readonly name: string;
  /** What the judge says of it, among other things. */
  readonly finds: string;
  readonly spoils: Pick<SimulationOptions, 'spoil' | 'spoilEngine' | 'lie'>;
}

/** A store with some of its members replaced. */
function replacing(replace: (store: EventStore, random: Random) => Partial<EventStore>): Planted['spoils'] {
  const spoil = (store: EventStore, random: Random): EventStore => {
    const replaced = replace(store, random);
    return new Proxy(store, {
      get(target, name) {
        const member = (replaced as Record<PropertyKey, unknown>)[name] ?? Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  };
  return { spoil };
}

/** An engine whose requests of one kind for some keys are replaced. */
function sending<Kind extends 'put' | 'get'>(
  kind: Kind,
  part: string,
  send: (engine: Engine, random: Random, args: Parameters<Engine[Kind]>) => ReturnType<Engine[Kind]>,
): Planted['spoils'] {
  const spoilEngine = (engine: Engine, random: Random): Engine =>
    new Proxy(engine, {
      get(target, name) {
        const member = Reflect.get(target, name, target) as unknown;
        if (typeof member !== 'function') return member;
        const own = member.bind(target) as (...args: unknown[]) => unknown;
        if (name !== kind) return own;
        return (...args: unknown[]) => {
          const [{ item, key }] = args as [{ item?: unknown; key?: unknown }];
          const id = JSON.stringify(((item ?? key) as { readonly id: unknown }).id);
          return id.includes(part) ? send(target, random, args as Parameters<Engine[Kind]>) : own(...args);
        };
      },
    });
  return { spoilEngine };
}

/** A lie now and then, where it fits. */
const lying = (lie: (ret: RetNote) => Partial<RetNote> | undefined): Planted['spoils'] => ({
  lie: (note: Note, random: Random) => {
    const lied = note.on === 'ret' && random.int(5) === 0 ? lie(note) : undefined;
    return lied === undefined ? note : ({ ...note, ...lied } as Note);
  },
});

const hasEvents = ({ outcome, from = 1, to = 0 }: RetNote) => outcome === 'done' && to >= from;

export const planted: readonly Planted[] = [
  {
    name: 'a put of the head that never left, and was answered',
    finds: 'an acknowledged order is not in the stream',
    spoils: sending('put', '/head', async (engine, random, args) =>
      random.int(30) === 0 ? { status: 'applied' as const } : engine.put(...args),
    ),
  },
  {
    name: 'puts of the head without a condition',
    finds: 'an acknowledged order is not in the stream',
    spoils: sending('put', '/head', (engine, _random, [{ condition: _condition, ...request }, ...rest]) =>
      engine.put(request, ...rest),
    ),
  },
  {
    name: 'receipts that are not stored',
    finds: 'one order is in the stream twice',
    spoils: sending('put', '/command/', async () => ({ status: 'applied' as const })),
  },
  {
    name: 'heads that may be behind',
    finds: 'real-time order broken',
    spoils: sending('get', '/head', (engine, _random, [request, ...rest]) =>
      engine.get({ ...request, consistent: false }, ...rest),
    ),
  },
  {
    name: 'a command without its id',
    finds: 'one order is in the stream twice',
    spoils: replacing((store) => ({
      execute: (type, id, command, ...[options]) => {
        const { commandId: _commandId, ...rest } = options as ExecuteOptions<unknown>;
        return store.execute(type, id, command, ...([rest] as never));
      },
    })),
  },
  {
    name: 'a decision on a state of a moment ago',
    finds: 'decided on another state than the one before it',
    spoils: replacing((store, random) => ({
      async execute(type, id, command, ...given) {
        if (random.int(4) > 0) return store.execute(type, id, command, ...given);
        const options = given[0] as ExecuteOptions<unknown>;
        const order = command as unknown as Order;
        const { state } = await store.load(type, id);
        await options.services;
        const events = decide(state as never, order);
        const { commandId, signal } = options;
        const appended = await store.append(order.stream, events, { commandId, signal });
        return { ...appended, state: undefined as never } as never;
      },
    })),
  },
  {
    name: 'an append that expects nothing',
    finds: 'what was expected did not hold',
    spoils: replacing((store) => ({
      append: (stream, events, options) => store.append(stream, events, { ...options, expected: 'any' }),
    })),
  },
  {
    name: 'a part of an append',
    finds: 'a part of what was to be appended together',
    spoils: replacing((store, random) => ({
      append: (stream, events, options) =>
        store.append(stream, random.int(3) === 0 && events.length > 1 ? events.slice(0, -1) : events, options),
    })),
  },
  {
    name: 'a state with another version',
    finds: 'a state of another version was loaded',
    spoils: replacing((store) => ({
      async load(type, id) {
        const { state, version } = await store.load(type, id);
        return { state, version: version - 1 } as never;
      },
    })),
  },
  {
    name: 'an event that is read twice',
    finds: 'other events were read than stand there',
    spoils: replacing((store) => ({
      async *read(stream, options) {
        for await (const event of store.read(stream, options)) {
          yield event as never;
          if (event.seq % 3 === 0) yield event as never;
        }
      },
    })),
  },
  {
    name: 'an acknowledgement of what was not done',
    finds: 'an acknowledged order is not in the stream',
    spoils: lying(({ outcome }) => (outcome === 'conflict' ? { outcome: 'done', from: 1, to: 1 } : undefined)),
  },
  {
    name: 'a denial of what was done',
    finds: 'an order that was told not to be done is in the stream',
    spoils: lying((ret) => (hasEvents(ret) && ret.repeated === false ? { outcome: 'not-done' } : undefined)),
  },
  {
    name: 'a refusal for no reason',
    finds: 'refused for no reason',
    spoils: lying((ret) => (hasEvents(ret) && ret.state !== undefined ? { outcome: 'refused' } : undefined)),
  },
  {
    name: 'a conflict that is none',
    finds: 'a conflict that is none',
    spoils: lying(({ outcome, expected }) =>
      outcome === 'conflict' && typeof expected === 'number' ? { actual: expected } : undefined,
    ),
  },
  {
    name: 'a conflict without the events that were faster',
    finds: 'a conflict with other events than stand there',
    spoils: lying(({ outcome }) => (outcome === 'conflict' ? { digest: '' } : undefined)),
  },
  {
    name: 'an answer with other versions',
    finds: 'an answer with other versions than stand there',
    spoils: lying((ret) =>
      hasEvents(ret) ? { from: (ret.from as number) + 1, to: (ret.to as number) + 1 } : undefined,
    ),
  },
  {
    name: 'an answer with another state',
    finds: 'an answer has another state than the fold gives',
    spoils: lying(({ state, outcome }) =>
      state && outcome === 'done' ? { state: { ...state, rolling: 'x' } } : undefined,
    ),
  },
  {
    name: 'a repeated order that is told to be a new one',
    finds: 'two calls were told that they put one order there',
    spoils: lying(({ repeated }) => (repeated === true ? { repeated: false } : undefined)),
  },
];

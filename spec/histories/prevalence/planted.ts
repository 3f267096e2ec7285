/** Bugs and lies that the judge has to find out, or it is worth nothing. Each strikes now and then. */
import type { Engine, Random } from '../../../lib/engine/index.js';
import type { Log, LogRequest, Storage } from '../../../lib/prevalence/index.js';
import type { EngineSpoils } from '../simulated-tables.js';
import type { Note } from './notes.js';
import type { SimulationOptions } from './simulation.js';

interface Planted {
  readonly name: string;
  /** What the judge says of it, among other things. */
  readonly finds: string;
  readonly spoils: Pick<SimulationOptions, 'spoil' | 'lie'> & EngineSpoils;
}

/** A log with some of its members replaced. */
function replacing(
  replace: (log: Log, random: Random, request: LogRequest) => Partial<Log>,
  alter: (request: LogRequest) => LogRequest = (request) => request,
): Planted['spoils'] {
  const spoil = (storage: Storage, random: Random): Storage => ({
    ...storage,
    open: (given) => {
      const request = alter(given);
      const log = storage.open(request);
      const replaced = replace(log, random, request);
      return new Proxy(log, {
        get(target, name) {
          const member = (replaced as Record<PropertyKey, unknown>)[name] ?? Reflect.get(target, name, target);
          return typeof member === 'function' ? member.bind(target) : member;
        },
      });
    },
  });
  return { spoil };
}

/** An engine whose puts of the head are replaced. */
function puttingHead(
  put: (engine: Engine, random: Random, args: Parameters<Engine['put']>) => ReturnType<Engine['put']>,
) {
  const spoilEngine = (engine: Engine, random: Random): Engine =>
    new Proxy(engine, {
      get(target, name) {
        const member = Reflect.get(target, name, target) as unknown;
        if (typeof member !== 'function') return member;
        if (name !== 'put') return member.bind(target);
        return (...args: Parameters<Engine['put']>) =>
          JSON.stringify(args[0].item.id).includes('/head') ? put(target, random, args) : target.put(...args);
      },
    });
  return { spoilEngine };
}

const lying = (lie: (note: Note) => Note): Planted['spoils'] => ({
  lie: (note, random) => (random.int(3) === 0 ? lie(note) : note),
});

export const planted: readonly Planted[] = [
  {
    name: 'a commit that is made twice',
    finds: 'one event is in the journal twice',
    spoils: replacing((log, random) => ({
      async append(batch, body) {
        let draft: ReturnType<typeof batch.decide>;
        const decide: typeof batch.decide = (base) => {
          draft = batch.decide(base);
          return draft;
        };
        const appended = await log.append({ ...batch, decide, adopt: (commit) => batch.adopt?.(commit) }, body);
        const again = appended.status === 'applied' && body === undefined && random.int(20) === 0;
        if (again) await log.append({ decide: () => draft && { ...draft, time: undefined, stateDigest: undefined } });
        return appended;
      },
    })),
  },
  {
    name: 'a put of the head that never left, and was answered',
    finds: 'an acknowledged event is not in the journal',
    spoils: puttingHead(async (engine, random, args) => {
      if (random.int(30) === 0) return { status: 'applied' };
      return engine.put(...args);
    }),
  },
  {
    name: 'puts of the head without a condition',
    finds: 'an acknowledged event is not in the journal',
    spoils: puttingHead((engine, _random, [{ condition: _condition, ...request }, ...rest]) =>
      engine.put(request, ...rest),
    ),
  },
  {
    name: 'the events of a commit in another order',
    finds: 'an instance showed another state than the replay gives',
    spoils: replacing(
      () => ({}),
      (request) => ({
        ...request,
        consumer: {
          ...request.consumer,
          apply: (read) => request.consumer.apply({ ...read, text: read.text.split('\n').reverse().join('\n') }),
        },
      }),
    ),
  },
  {
    name: 'a sync that may be behind',
    finds: 'real-time order broken',
    spoils: replacing((log) => ({ catchUp: (_consistency, signal) => log.catchUp('eventual', signal) })),
  },
  {
    name: 'an acknowledgement of what was not done',
    finds: 'told that an event is known that is not',
    spoils: lying((note) => (note.on === 'ret' && note.status === 'same' ? { ...note, status: 'known' } : note)),
  },
  {
    name: 'a denial of what was done',
    finds: 'an event that was told not to be done is in the journal',
    spoils: lying((note) => {
      if (note.on !== 'ret' || note.outcome !== 'done') return note;
      return { on: 'ret', id: note.id, at: note.at, outcome: 'not-done' };
    }),
  },
  {
    name: 'a wrong result',
    finds: 'another result than the replay gives',
    spoils: lying((note) =>
      note.on === 'ret' && note.result !== undefined ? { ...note, result: { balance: -1, count: 0 } } : note,
    ),
  },
  {
    name: 'a refusal for no reason',
    finds: 'refused for no reason',
    spoils: lying((note) => {
      if (note.on !== 'ret' || note.status !== 'journalled' || note.saw === undefined) return note;
      const { seq, rolling } = note.saw;
      return { on: 'ret', id: note.id, at: note.at, outcome: 'refused', seq, rolling };
    }),
  },
  {
    name: 'a change that is not told',
    finds: 'changes() left something out',
    spoils: lying((note) => (note.on === 'seen' ? { on: 'digest', instance: note.by, seq: 0, digest: '' } : note)),
  },
];

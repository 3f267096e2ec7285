/** What a worker does with many keys at once. */
import { RawBatch } from '../baselines/raw-batch.js';
import { clientOf, type Place } from '../clients.js';
import { open } from '../opened.js';
import { closedLoop, type Sample } from '../sample.js';
import { makeValue, type Size, type Value } from '../values.js';

export interface ManyArguments {
  readonly place: Place;
  readonly key: string;
  readonly size: Size;
  readonly count: number;
}

const keysOf = ({ key, count }: Pick<ManyArguments, 'key' | 'count'>) =>
  Array.from({ length: count }, (_, at) => `${key}-${at}`);

/** Writes them, through the library. */
export async function makeMany(args: ManyArguments): Promise<void> {
  const { table } = open(args.place);
  await table.putMany(keysOf(args).map((key, n) => [key, { ...makeValue(args.size), n }] as const));
}

/** One caller asks for all of them, again and again. Wrong is an answer in which the last one is another. */
export async function getMany({ forMs, ...args }: ManyArguments & { readonly forMs: number }): Promise<Sample> {
  const { table, engine } = open(args.place);
  const keys = keysOf(args);
  return closedLoop({
    callers: 1,
    forMs,
    counts: () => engine.counts(),
    op: () => table.getMany<Value>(keys),
    judge: (_caller, values) => (values.length === keys.length && values.at(-1)?.n === keys.length - 1) || 'wrong',
  });
}

/** The same by the SDK's own call; nothing is decoded beyond what the SDK does. */
export async function rawGetMany({ forMs, ...args }: ManyArguments & { readonly forMs: number }): Promise<Sample> {
  const batch = new RawBatch(clientOf(args.place.endpoint), args.place);
  const keys = keysOf(args);
  return closedLoop({
    callers: 1,
    forMs,
    counts: () => batch.counts(),
    op: () => batch.get(keys),
    judge: (_caller, items) => items.size === keys.length || 'wrong',
  });
}

/** What the commands on atoms share: which atom, and in which form its value is printed and read. */
import type { ItemAtom } from '../atom/index.js';
import type { Call, Flag } from './command.js';
import { UsageError } from './exit.js';
import { duration, textOfBytes } from './flag-values.js';
import type { Form } from './value-text.js';

/** Which atom. */
export interface KeyFlags {
  readonly jsonKey?: boolean;
  readonly sortKey?: string;
}

/** How values are printed and read. */
export interface FormFlags extends KeyFlags {
  readonly superjson?: boolean;
}

/** Of what writes. */
export interface WriteFlags extends FormFlags {
  readonly ttl?: number;
  readonly opId?: string;
}

export const keyFlags: readonly Flag[] = [
  { words: '--sort-key <value>', about: 'sort key of the atom, in a table with one (default: #)' },
  { words: '--json-key', about: 'KEY (and --sort-key) is JSON: a number, a list, an object' },
];
export const formFlags: readonly Flag[] = [
  ...keyFlags,
  { words: '--superjson', about: "values in superjson's form, which keeps Date, Map, Set, bigint and the like" },
];
export const opIdFlag: Flag = {
  words: '--op-id <id>',
  about: 'does it once for ever under this id, however often it is run',
  read: textOfBytes('--op-id', 512),
};
export const writeFlags: readonly Flag[] = [
  ...formFlags,
  {
    words: '--ttl <duration>',
    about: 'the value expires after this time (default: never)',
    read: duration('--ttl', '1ms'),
  },
  opIdFlag,
];

export const formOf = ({ superjson }: FormFlags): Form => (superjson ? 'superjson' : 'plain');

function keyOf(word: string, { jsonKey, sortKey, sortKeyName }: KeyFlags & { readonly sortKeyName?: string }): unknown {
  const part = (text: string, what: string) => {
    if (!jsonKey) return text;
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new UsageError(`${what} is no JSON: ${(error as Error).message}`);
    }
  };
  if (sortKeyName === undefined) {
    if (sortKey !== undefined) throw new UsageError('--sort-key is for a table with a sort key; give --sort-key-name');
    return part(word, 'KEY');
  }
  return { pk: part(word, 'KEY'), sk: sortKey === undefined ? '#' : part(sortKey, '--sort-key') };
}

/** Opens the atom that the first operand names. */
export function withAtom<F extends KeyFlags, R>(
  { operands, flags, withTable }: Call<F>,
  f: (atom: ItemAtom<unknown>) => Promise<R>,
): Promise<R> {
  const key = keyOf(operands[0] as string, flags);
  const { ttl } = flags as WriteFlags;
  return withTable((table) => f(table.atom<unknown>(key, ttl === undefined ? {} : { ttlMs: ttl })));
}

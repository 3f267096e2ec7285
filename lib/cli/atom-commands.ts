/** `leyden atom …`: the verbs of an atom. */
import {
  type FormFlags,
  formFlags,
  formOf,
  type KeyFlags,
  keyFlags,
  opIdFlag,
  type WriteFlags,
  withAtom,
  writeFlags,
} from './atom-flags.js';
import { type CommandGroup, command } from './command.js';
import { CommandError, exitCodeOf, exitCodes, UsageError } from './exit.js';
import { duration, wholeNumber } from './flag-values.js';
import { stopSignals } from './signals.js';
import { documentOf, functionIn, readAll, textOf, valueIn } from './value-text.js';

const nothing = (key: string): CommandError => new CommandError('ERR_NO_VALUE', `There is no value at ${key}`);

const get = command<FormFlags>(
  {
    words: 'get <key>',
    about: 'print the value of an atom as JSON',
    more:
      'Where there is none, it says so and ends with 1; with --json it prints {"exists":false} and ends with 1 as well.\n\n' +
      'Without --superjson a Date is an ISO text, a Map a list of pairs, a Set a list, a bigint a text of digits.',
    flags: formFlags,
    examples: ['leyden atom get flags --table state', 'leyden atom get flags --json | jq .value.beta'],
  },
  (call) =>
    withAtom(call, async (atom) => {
      const { output, flags } = call;
      const { value, exists, version } = await atom.snapshot();
      const form = formOf(flags);
      if (exists) {
        output.result({ key: atom.key, exists, version, value: documentOf(value, form) }, textOf(value, form));
        return exitCodes.done;
      }
      if (!output.json) throw nothing(atom.key);
      output.result({ key: atom.key, exists, version }, undefined);
      return exitCodes.failed;
    }),
);

const set = command<WriteFlags & { readonly string?: boolean; readonly if?: string; readonly ifAbsent?: boolean }>(
  {
    words: 'set <key> <value>',
    about: 'store a value',
    more: 'VALUE is JSON; "-" reads it from standard input. Its numbers are those of JavaScript, so digits beyond the 15th may get lost.',
    flags: [
      ...writeFlags,
      { words: '--string', about: 'VALUE is a text as it stands, not JSON' },
      { words: '--if-absent', about: 'only if there is none; else ends with 1' },
      { words: '--if <value>', about: 'only if the stored value is this one (JSON); else ends with 1' },
    ],
    examples: [
      `leyden atom set flags '{"beta":true}' --table state`,
      'leyden atom set motd --string "back at noon" --ttl 2h',
      'leyden atom set config - < config.json',
      'leyden atom set phase \'"done"\' --if \'"running"\'',
    ],
  },
  async (call) => {
    const { operands, flags, output, shell } = call;
    const { string, ifAbsent, if: expected, opId } = flags;
    const form = formOf(flags);
    if (ifAbsent && expected !== undefined) throw new UsageError('--if and --if-absent exclude each other');
    const isConditional = ifAbsent || expected !== undefined;
    if (isConditional && opId !== undefined) throw new UsageError('--op-id goes with unconditional writes only');
    const wanted = expected === undefined ? undefined : valueIn(expected, form, '--if');
    const word = operands[1] as string;
    const text = word === '-' ? await readAll(shell.stdin) : word;
    const value = string ? text : valueIn(text, form, 'VALUE');
    return withAtom(call, async (atom) => {
      if (!isConditional) await atom.reset(value, opId === undefined ? {} : { opId });
      else if (!(await atom.compareAndSet(wanted, value))) {
        const what = ifAbsent ? 'there is a value' : 'its value is another one, or there is none';
        throw new CommandError('ERR_CONDITION', `Cannot set ${atom.key}: ${what}; nothing was written`);
      }
      output.result({ key: atom.key, value: documentOf(value, form) }, undefined);
      return exitCodes.done;
    });
  },
);

const swap = command<WriteFlags & { readonly initial?: string }>(
  {
    words: 'swap <key> <function>',
    about: 'change the value by a function, exactly once, and print the new one',
    more:
      'FUNCTION is a JavaScript function of the value. It may run several times, on a newer value each time, and must return ' +
      'the new value. It is code, and runs with your rights: never put texts of strangers into it.',
    flags: [
      ...writeFlags,
      { words: '--initial <value>', about: 'what the function is given where there is no value (JSON)' },
    ],
    examples: [
      "leyden atom swap hits 'n => n + 1' --initial 0 --table state",
      "leyden atom swap flags 'v => ({ ...v, beta: true })'",
      `leyden atom swap total 'n => n + 5' --op-id "$BUILD_ID"`,
    ],
  },
  async (call) => {
    const { operands, flags, output } = call;
    const form = formOf(flags);
    const f = functionIn(operands[1] as string);
    const initial = flags.initial === undefined ? undefined : valueIn(flags.initial, form, '--initial');
    return withAtom(call, async (atom) => {
      const value = await atom.swap(
        (current, { exists }) => {
          if (!exists && initial === undefined) {
            throw new CommandError('ERR_NO_VALUE', `There is no value at ${atom.key}; give --initial`);
          }
          return f(exists ? current : initial);
        },
        flags.opId === undefined ? {} : { opId: flags.opId },
      );
      output.result({ key: atom.key, value: documentOf(value, form) }, textOf(value, form));
      return exitCodes.done;
    });
  },
);

const watch = command<FormFlags & { readonly count?: number; readonly interval?: number }>(
  {
    words: 'watch <key>',
    about: 'print the value, and each newer one, a line each, until Ctrl-C',
    more:
      'Looks at the atom at intervals that grow from 100 ms while nothing happens. Who looks late misses what was between.\n\n' +
      'Where there is no value, it says so on standard error; with --json the line is {"exists":false}.',
    flags: [
      ...formFlags,
      {
        words: '--interval <duration>',
        about: 'longest interval between two looks (default: 12.8s)',
        read: duration('--interval', '1ms', '20d'),
      },
      { words: '--count <n>', about: 'ends after so many lines', read: wholeNumber('--count', 1, 1_000_000_000) },
    ],
    examples: ['leyden atom watch flags --table state', 'leyden atom watch flags --json --interval 1s | jq .value'],
  },
  (call) => {
    const stop = stopSignals();
    const { output, flags } = call;
    const { count = Number.POSITIVE_INFINITY, interval } = flags;
    const form = formOf(flags);
    const tell = (key: string, value: unknown) => {
      const exists = value !== undefined;
      if (output.json) output.result({ key, exists, ...(exists && { value: documentOf(value, form) }) }, undefined);
      else if (exists) output.result(undefined, JSON.stringify(documentOf(value, form)));
      else output.note('no-value', { key }, nothing(key).message);
    };
    return withAtom(call, async (atom) => {
      let lines = 0;
      const pace = interval === undefined ? {} : { pollMsMax: interval };
      try {
        for await (const value of atom.watch({ ...pace, signal: stop.signal })) {
          tell(atom.key, value);
          lines += 1;
          if (lines >= count) break;
        }
      } catch (error) {
        if (stop.by === undefined) throw error;
        return exitCodeOf(stop.by);
      }
      return exitCodes.done;
    }).finally(() => stop.close());
  },
);

const remove = command<KeyFlags & { readonly opId?: string }>(
  {
    words: 'delete <key>',
    about: 'remove the value; says whether there was one',
    flags: [...keyFlags, opIdFlag],
    examples: ['leyden atom delete flags --table state'],
  },
  (call) =>
    withAtom(call, async (atom) => {
      const deleted = await atom.delete(call.flags.opId === undefined ? {} : { opId: call.flags.opId });
      call.output.result({ key: atom.key, deleted }, deleted ? 'deleted' : 'there was no value');
      return exitCodes.done;
    }),
);

const keys = command<{ readonly prefix?: string; readonly partition?: string }>(
  {
    words: 'keys',
    about: 'print the keys of all atoms that have a value, a line each',
    more: 'Reads the whole table, or one partition of a table with a sort key.',
    flags: [
      { words: '--prefix <text>', about: 'only keys that begin so' },
      { words: '--partition <key>', about: 'only this partition, in a table with a sort key' },
    ],
    examples: ['leyden atom keys --prefix job- --table state'],
  },
  async ({ flags: { prefix, partition, sortKeyName }, output, withTable }) => {
    if (partition !== undefined && sortKeyName === undefined) {
      throw new UsageError('--partition is for a table with a sort key; give --sort-key-name');
    }
    return withTable(async (table) => {
      const walk = table.keys({
        ...(prefix !== undefined && { prefix }),
        ...(partition !== undefined && { pk: partition }),
      });
      for await (const key of walk) output.result(documentOf(key, 'plain'), lineOf(key));
      return exitCodes.done;
    });
  },
);

/** A text as it stands, unless it would be more than a line. */
function lineOf(key: unknown): string {
  return typeof key === 'string' && !/[\n\r]/.test(key) ? key : JSON.stringify(documentOf(key, 'plain'));
}

export const atomCommands: CommandGroup = {
  word: 'atom',
  about: 'values that many machines share',
  commands: [get, set, swap, watch, remove, keys],
};

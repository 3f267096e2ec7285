/** `leyden table …`: creating a table, and looking whether it is right. */
import type { CreateOptions, TableReport } from '../atom/index.js';
import { type CommandGroup, command } from './command.js';
import { exitCodes, UsageError } from './exit.js';
import { tableNamed } from './failure.js';
import { oneOf, wholeNumber } from './flag-values.js';

const views = ['NEW_AND_OLD_IMAGES', 'NEW_IMAGE', 'OLD_IMAGE', 'KEYS_ONLY'] as const;
const unitsMax = 1_000_000_000;

interface CreateFlags {
  readonly ifNotExists?: boolean;
  readonly readUnits?: number;
  readonly writeUnits?: number;
  readonly stream?: (typeof views)[number];
}

function words(table: string | undefined, report: TableReport): string {
  const { created, billingMode, timeToLive, streamArn } = report;
  const stream = streamArn === undefined ? 'no stream' : `stream ${streamArn}`;
  return `table ${table}: ${created ? 'created' : 'right'}, ${billingMode}, time to live ${timeToLive}, ${stream}`;
}

const create = command<CreateFlags>(
  {
    words: 'create',
    about: 'create the table, and wait until it is active',
    more: 'On demand unless units are given, with time to live on. Ends with 1 if it exists.',
    flags: [
      { words: '--if-not-exists', about: 'accepts a table that is there and right' },
      { words: '--read-units <n>', about: 'provisioned read units', read: wholeNumber('--read-units', 1, unitsMax) },
      { words: '--write-units <n>', about: 'provisioned write units', read: wholeNumber('--write-units', 1, unitsMax) },
      { words: '--stream <view>', about: `turns the stream on: ${views.join(', ')}`, read: oneOf('--stream', views) },
    ],
    examples: ['leyden table create --table state', 'leyden table create --table state --if-not-exists --json'],
  },
  async ({ flags, output, shell, withTable }) => {
    const { ifNotExists, readUnits, writeUnits, stream } = flags;
    if ((readUnits === undefined) !== (writeUnits === undefined)) {
      throw new UsageError('--read-units and --write-units go together');
    }
    const options: CreateOptions = {
      ...(readUnits !== undefined &&
        writeUnits !== undefined && { billing: { mode: 'provisioned', readUnits, writeUnits } }),
      ...(stream !== undefined && { streamViewType: stream }),
    };
    return withTable(async (table) => {
      const report = ifNotExists ? await table.ensure(options) : await table.create(options);
      const name = tableNamed(flags, shell.env);
      output.result({ table: name, ...report }, words(name, report));
      return exitCodes.done;
    });
  },
);

const check = command<{ readonly allowLastWriterWins?: boolean }>(
  {
    words: 'check',
    about: 'look whether the table is there and right',
    more: 'Ends with 1 when it is missing, has other keys, or is a global table in which the last writer wins.',
    flags: [{ words: '--allow-last-writer-wins', about: 'accepts such a global table' }],
    examples: ['leyden table check --table state', 'leyden table check --table jobs --key-name pk --sort-key-name sk'],
  },
  ({ flags, output, shell, withTable }) =>
    withTable(async (table) => {
      const report = await table.verify({ allowLastWriterWins: flags.allowLastWriterWins === true });
      const name = tableNamed(flags, shell.env);
      output.result({ table: name, ...report }, words(name, report));
      return exitCodes.done;
    }),
);

export const tableCommands: CommandGroup = {
  word: 'table',
  about: 'the table itself',
  commands: [create, check],
};

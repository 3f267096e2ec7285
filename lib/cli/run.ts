/**
 * One run: from the words that were typed to an exit code. The only file that knows the parser.
 *
 *     words --commander--> operands, flags --> command.run --> exit code
 *                |                               |
 *           UsageError, 2                   failure, 1 (or its own)
 *
 * What stands behind `--` is another program's command line and is never looked at.
 */
import { readFileSync } from 'node:fs';
import { Command as Parser } from 'commander';
import { atomCommands } from './atom-commands.js';
import type { Call, Command, CommandGroup, CommonFlags, Flag, Shell } from './command.js';
import { devCommand } from './dev-command.js';
import { electCommand, leaderCommand } from './elect-command.js';
import { exitCodes, UsageError } from './exit.js';
import { failureOf, tableNamed } from './failure.js';
import { duration, httpUrl } from './flag-values.js';
import { lockCommands } from './lock-commands.js';
import { Output } from './output.js';
import { tableCommands } from './table-commands.js';

const groups: readonly CommandGroup[] = [lockCommands, atomCommands, tableCommands];
const single: readonly Command[] = [electCommand, leaderCommand, devCommand];

const commonFlags: readonly Flag[] = [
  { words: '--table <name>', about: 'the table (env: LEYDEN_TABLE)' },
  { words: '--region <region>', about: 'AWS Region (env: AWS_REGION, AWS_DEFAULT_REGION)' },
  { words: '--profile <profile>', about: 'profile of the AWS configuration (env: AWS_PROFILE)' },
  {
    words: '--endpoint-url <url>',
    about: 'another DynamoDB (env: AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL)',
    read: httpUrl('--endpoint-url'),
  },
  { words: '--key-name <name>', about: 'partition key of the table (default: id)' },
  { words: '--sort-key-name <name>', about: 'sort key of the table, if it has one' },
  { words: '--timeout <duration>', about: 'deadline of one call (default: 10s)', read: duration('--timeout') },
  { words: '--json', about: 'one JSON document per result; notes and errors as JSON, too' },
];

const about = `Locks, elections and atoms on a DynamoDB table, for shells.

Region, profile and credentials are found as the AWS CLI finds them.`;

const exitText = `
Exit codes:
  0 done   1 failed   2 wrong usage   75 busy   76 lease lost   128+n ended by signal n
  "lock run" and "elect" end with the code of the command that they run; 126, 127: it can't be run.
`;

/** Runs what the words say; resolves with the exit code. */
export async function run(shell: Shell): Promise<number> {
  const dashes = shell.args.indexOf('--');
  const own = dashes < 0 ? shell.args : shell.args.slice(0, dashes);
  const output = new Output(shell, own.includes('--json'));
  const state: { exitCode: number; flags: CommonFlags } = { exitCode: exitCodes.done, flags: {} };
  const act = async (command: Command, words: readonly string[], flags: CommonFlags): Promise<void> => {
    const table = tableNamed(flags, shell.env);
    state.flags = { ...flags, ...(table !== undefined && { table }) };
    state.exitCode = await command.run(callOf(command, words, flags, shell, output));
  };
  let help = '';
  const parser = parserOf(act, (text) => {
    help += text;
  });
  try {
    await parser.parseAsync(asHelpFlag(shell.args), { from: 'user' });
    return state.exitCode;
  } catch (error) {
    if (isAnswered(error)) {
      shell.stdout.write(help);
      return exitCodes.done;
    }
    const failure = failureOf(usageOf(error), state.flags);
    const { exitCode, ...facts } = failure;
    output.failure(facts, exitCode === exitCodes.usage ? `Try: ${helpFor(own)}` : undefined);
    return exitCode;
  }
}

/** `leyden help lock run` and `leyden lock help run` are what `leyden lock run --help` is. */
function asHelpFlag(args: readonly string[]): string[] {
  const at = args[0] === 'help' ? 0 : groups.some(({ word }) => word === args[0]) && args[1] === 'help' ? 1 : -1;
  return at < 0 ? [...args] : [...args.slice(0, at), ...args.slice(at + 1), '--help'];
}

/** Errors of the parser are told by their code. */
const parserCode = (error: unknown): string => {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' && code.startsWith('commander.') ? code : '';
};

/** Whether the parser has answered by itself: help, version. */
function isAnswered(error: unknown): boolean {
  return ['commander.helpDisplayed', 'commander.version'].includes(parserCode(error));
}

function usageOf(error: unknown): unknown {
  const code = parserCode(error);
  if (code === '') return error;
  if (code === 'commander.help') return new UsageError('Which command?');
  const { message } = error as Error;
  return new UsageError(
    message
      .replace(/^error: /, '')
      .replaceAll('\n', ' ')
      .replace(/^./, (first) => first.toUpperCase()),
  );
}

/** The help that would have told. */
function helpFor(args: readonly string[]): string {
  const [first = '', second = ''] = args.filter((word) => !word.startsWith('-'));
  const group = groups.find(({ word }) => word === first);
  const isKnown = group !== undefined || single.some(({ words }) => wordOf(words) === first);
  const below = group?.commands.some(({ words }) => wordOf(words) === second) ? ` ${second}` : '';
  return `leyden ${isKnown ? `${first}${below} ` : ''}--help`;
}

const wordOf = (words: string): string => words.split(' ')[0] as string;

type Act = (command: Command, words: readonly string[], flags: CommonFlags) => Promise<void>;

function parserOf(act: Act, say: (text: string) => void): Parser {
  const parser = new Parser('leyden')
    .exitOverride()
    .configureOutput({ writeOut: say, writeErr: () => {}, outputError: () => {} })
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .description(about)
    .version(version(), '-V, --version', 'the version')
    .helpOption('-h, --help', 'this text')
    .helpCommand(false)
    .addHelpText('after', exitText);
  addFlags(parser, commonFlags);
  for (const { word, about, commands } of groups) {
    const group = parser.command(word).description(about).helpCommand(false);
    for (const command of commands) addCommand(group, command, act);
  }
  for (const command of single) addCommand(parser, command, act);
  return parser;
}

function addFlags(parser: Parser, flags: readonly Flag[]): void {
  for (const { words, about, read } of flags) {
    if (read === undefined) parser.option(words, about);
    else parser.option(words, about, read);
  }
}

function addCommand(parent: Parser, command: Command, act: Act): void {
  const { words, about, more, flags = [], examples, runsAnother = false } = command;
  const [word, ...operands] = words.split(' ');
  const parser = parent.command(word as string).description(more === undefined ? about : `${about}\n\n${more}`);
  parser.summary(about);
  for (const operand of operands) parser.argument(operand);
  if (runsAnother) {
    parser.argument('[words...]').usage(`${operands.join(' ')} [options] -- <command> [args...]`);
    parser.configureHelp({ ...parser.configureHelp(), visibleArguments: () => [] });
  }
  addFlags(parser, flags);
  parser.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
  parser.action(() => act(command, parser.args, parser.optsWithGlobals<CommonFlags>()));
}

function callOf(
  command: Command,
  words: readonly string[],
  flags: CommonFlags,
  shell: Shell,
  output: Output,
): Call<Readonly<Record<string, unknown>>> {
  const { operands, another } = command.runsAnother
    ? splitWords(command, words, shell.args)
    : { operands: words, another: [] };
  return {
    operands,
    flags: flags as Call['flags'],
    command: another,
    shell,
    output,
    async withTable(f) {
      // Not before it is needed: help comes without the SDK.
      const { openTable } = await import('./connection.js');
      const { table, another, close } = await openTable(flags, shell.env);
      try {
        return await f(table, another);
      } finally {
        await close();
      }
    },
  };
}

/** The operands of a command, and the command line behind `--`: `NAME -- command`, or `-- -NAME -- command` as for other operands. */
function splitWords(command: Command, words: readonly string[], args: readonly string[]) {
  const dashes = args.indexOf('--');
  const behind = dashes < 0 ? [] : args.slice(dashes + 1);
  const before = words.slice(0, words.length - behind.length);
  const wanted = command.words.split(' ').slice(1);
  const missing = wanted.length - before.length;
  const isAgain = missing > 0 && behind[missing] === '--';
  const operands = isAgain ? [...before, ...behind.slice(0, missing)] : before;
  const another = isAgain ? behind.slice(missing + 1) : behind;
  if (another.length === 0 || operands.length !== wanted.length) {
    throw new UsageError(`Wanted are ${wanted.join(' ')} [options] -- <command> [args...]`);
  }
  return { operands, another };
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}

/** What is said of an error, in words and as JSON. */
import { isLeydenError } from '../errors.js';
import type { CommonFlags } from './command.js';
import { CommandError, exitCodes } from './exit.js';

/** A failure as `--json` says it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
  /** Of the library's errors: whether what was to be written was. */
  readonly outcome?: string;
}

/** Explains `error`; `flags` name the table that was asked for. */
export function failureOf(error: unknown, flags: CommonFlags): Failure {
  const { table: tableName } = flags;
  const { failed } = exitCodes;
  if (error instanceof CommandError) return { code: error.code, message: error.message, exitCode: error.exitCode };
  if (isMissingTable(error)) {
    const create = `leyden table create --table ${tableName}${keyWords(flags)}`;
    const message = `Table ${tableName} does not exist here; create it with "${create}", or check --region, --profile and --endpoint-url`;
    return { code: 'ERR_TABLE', message, exitCode: failed };
  }
  if (isOtherKey(error)) {
    const check = `leyden table check --table ${tableName}${keyWords(flags)}`;
    const message = `Table ${tableName} has another key; give --key-name and --sort-key-name as "${check}" says`;
    return { code: 'ERR_TABLE', message, exitCode: failed };
  }
  if (isLeydenError(error)) {
    const { code, outcome } = error;
    return { code, message: inFlags(error.message), exitCode: failed, outcome };
  }
  const { name = 'Error', message = String(error) } = (error ?? {}) as Partial<Error>;
  return { code: name, message: message === '' ? name : `${message} [${name}]`, exitCode: failed };
}

/** The library's advice names its own options and methods. */
const flagFor: readonly (readonly [advice: string, here: string])[] = [
  ['use ensure() to accept it', 'accept it with --if-not-exists'],
  ['set keyName and sortKeyName', 'give --key-name and --sort-key-name'],
  ['or allowLastWriterWins', 'or --allow-last-writer-wins'],
  ['raise timeoutMs', 'raise --timeout'],
];

function inFlags(message: string): string {
  return flagFor.reduce((text, [advice, here]) => text.replace(advice, here), message);
}

/** Of a command that needs a table, the one that it was told. */
export function tableNamed(flags: CommonFlags, env: NodeJS.ProcessEnv): string | undefined {
  return flags.table ?? env.LEYDEN_TABLE;
}

function keyWords({ keyName, sortKeyName }: CommonFlags): string {
  const key = keyName === undefined ? '' : ` --key-name ${keyName}`;
  return sortKeyName === undefined ? key : `${key} --sort-key-name ${sortKeyName}`;
}

/** What DynamoDB, and then DynamoDB Local, say of a request whose key has not the attributes of the table's. */
const otherKey = /key element does not match the schema|required keys was not given a value/;

function isOtherKey(error: unknown): boolean {
  const { name, message } = (error ?? {}) as { readonly name?: string; readonly message?: string };
  return name === 'ValidationException' && otherKey.test(message ?? '');
}

function isMissingTable(error: unknown): boolean {
  const { name, reason } = (error ?? {}) as { readonly name?: string; readonly reason?: string };
  return name === 'ResourceNotFoundException' || (isLeydenError(error, 'ERR_TABLE') && reason === 'missing');
}

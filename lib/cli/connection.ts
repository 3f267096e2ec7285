/**
 * From flags and environment to a table: the AWS CLI's names, and the SDK's own way of finding Region, profile and credentials.
 *
 * One thing is added: a store on this machine wants credentials, too, and does not look at them. Where none are to be found, it is
 * given those of `leyden-jar/embedded`.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { AtomTable } from '../atom/index.js';
import { createClient } from '../engine/index.js';
import type { CommonFlags } from './command.js';
import { asUsage, CommandError, UsageError } from './exit.js';
import { watchFirstContact } from './first-contact.js';
import { httpUrl } from './flag-values.js';

const timeoutMsDefault = 10_000;
const closeMs = 2_000;
/** What `startEmbedded().clientConfig` says. */
const local = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

type Env = Readonly<Record<string, string | undefined>>;

/** A table, and what it is reached by. */
export interface OpenTable {
  readonly table: AtomTable;
  /** The same table once more, with handles and caches of its own. */
  another(): AtomTable;
  close(): Promise<void>;
}

/**
 * Opens the table that flags and environment name. Asks nobody but the sources of Region and credentials.
 *
 * @throws {UsageError} for a missing table or Region, CommandError where no credentials are to be found.
 */
export async function openTable(flags: CommonFlags, env: Env): Promise<OpenTable> {
  const tableName = flags.table ?? (env.LEYDEN_TABLE || undefined);
  if (tableName === undefined) throw new UsageError('Which table? Give --table, or set LEYDEN_TABLE');
  const { timeout = timeoutMsDefault, keyName, sortKeyName } = flags;
  const client = await openClient(flags, env);
  try {
    const another = () =>
      new AtomTable({
        client,
        tableName,
        retry: { timeoutMs: timeout },
        ...(keyName !== undefined && { keyName }),
        ...(sortKeyName !== undefined && { sortKeyName }),
      });
    const table = asUsage(another);
    const close = async () => {
      await table.close({ timeoutMs: closeMs });
      client.destroy();
    };
    return { table, another, close };
  } catch (error) {
    client.destroy();
    throw error;
  }
}

async function openClient(flags: CommonFlags, env: Env) {
  const { endpointUrl, profile } = flags;
  const isLocal = isLoopback(endpointUrl ?? endpointIn(env));
  // The SDK itself does not look at AWS_DEFAULT_REGION, which the AWS CLI has.
  const region = flags.region ?? (env.AWS_REGION || env.AWS_DEFAULT_REGION || undefined);
  // Else the SDK takes credentials and Region from the profile, and not its endpoint_url.
  if (profile !== undefined) process.env.AWS_PROFILE = profile;
  const isBare = isLocal && profile === undefined && !hasCredentials(env);
  const client = createClient({
    ...(region !== undefined && { region }),
    ...(endpointUrl !== undefined && { endpoint: endpointUrl }),
    ...(profile !== undefined && { profile }),
    ...(isBare && { ...local, ...(region !== undefined && { region }) }),
  });
  watchFirstContact(client);
  try {
    await requireRegion(client.config, region);
    await requireCredentials(client.config, profile);
    return client;
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** @throws {UsageError} for what is no URL. */
function endpointIn(env: Env): string | undefined {
  const name = ['AWS_ENDPOINT_URL_DYNAMODB', 'AWS_ENDPOINT_URL'].find((one) => env[one]);
  return name === undefined ? undefined : httpUrl(name)(env[name] as string);
}

/** Whether anything is set up from which the SDK may take credentials. */
function hasCredentials(env: Env): boolean {
  const folder = path.join(env.HOME || homedir(), '.aws');
  return (
    [env.AWS_ACCESS_KEY_ID, env.AWS_PROFILE, env.AWS_WEB_IDENTITY_TOKEN_FILE].some(Boolean) ||
    [env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, env.AWS_CONTAINER_CREDENTIALS_FULL_URI].some(Boolean) ||
    existsSync(env.AWS_SHARED_CREDENTIALS_FILE || path.join(folder, 'credentials')) ||
    existsSync(env.AWS_CONFIG_FILE || path.join(folder, 'config'))
  );
}

function isLoopback(url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}

async function requireRegion(
  { region }: { readonly region: () => Promise<string> },
  wanted: string | undefined,
): Promise<void> {
  try {
    await region();
  } catch {
    if (wanted !== undefined) throw new UsageError(`The Region must be a name such as eu-west-1: "${wanted}"`);
    throw new UsageError('Which Region? Give --region, set AWS_REGION, or name a profile that has one');
  }
}

async function requireCredentials(
  { credentials }: { readonly credentials: () => Promise<unknown> },
  profile: string | undefined,
): Promise<void> {
  try {
    await credentials();
  } catch (cause) {
    const whose = profile === undefined ? 'AWS credentials' : `credentials of profile ${profile}`;
    const { message } = cause as Error;
    throw new CommandError('ERR_CREDENTIALS', `Cannot find ${whose}: ${message}`, { cause });
  }
}

/**
 * Finds the stream that is meant, and looks whether it can be read as it is asked, before anything is read.
 *
 * A table whose stream was turned off and on again has a new one; the old one can be read for a day more, and what was written in
 * between is in neither. So a stream that a table no longer feeds is not read unless that is asked for: a reader that waits at its end
 * would wait for ever, and nobody would be told.
 */
import type { StreamViewType, TableDescription } from '../engine/index.js';
import type { ImagesNeeded } from './change.js';
import { StreamError } from './errors.js';
import type { StreamDescription, StreamName, StreamsPort } from './port.js';
import { refusalOf } from './refusals.js';
import { parseStreamArn } from './stream-arn.js';

/** A stream that was found. */
export interface StreamFacts {
  readonly arn: string;
  /** When it was turned on. Names it among the streams of its table. */
  readonly label: string;
  readonly tableName: string;
  readonly viewType: StreamViewType;
  /** Names of the key attributes, partition key first. */
  readonly keyNames: readonly string[];
  /** Off: it is read to its end, and nothing follows. */
  readonly isDisabled: boolean;
}

/** Describes a table; `undefined` where it does not exist. */
export type DescribeTable = () => Promise<TableDescription | undefined>;

/** How to turn a stream on, for messages. */
const turnOn =
  "turn it on with view NEW_AND_OLD_IMAGES (AtomTable.create with streamViewType, or UpdateTable's StreamSpecification)";

/**
 * The stream of a table, by its description or, where that is not to be had, by the list of its streams.
 *
 * @throws {StreamError} `ERR_STREAM` `not-found`, `no-stream`
 */
export async function streamOfTable(
  port: StreamsPort,
  tableName: string,
  describe?: DescribeTable,
): Promise<StreamFacts> {
  const named = (await describedStream(tableName, describe)) ?? (await listedStream(port, tableName));
  const found = await described(port, named, tableName);
  if (found.isDisabled) {
    throw new StreamError(
      'no-stream',
      tableName,
      `its stream ${named} was turned off; ${turnOn}, or give arn with allowDisabled to read what is left in it`,
    );
  }
  return found;
}

/**
 * The stream that an ARN names.
 *
 * @throws {StreamError} `ERR_STREAM` `wrong-arn`, `not-found`; `replaced`, `no-stream` unless `allowDisabled`
 */
export async function streamOfArn(port: StreamsPort, arn: string, allowDisabled: boolean): Promise<StreamFacts> {
  const { tableName } = parseStreamArn(arn);
  const found = await described(port, arn);
  if (!found.isDisabled || allowDisabled) return found;
  const newer = newestOf(await port.streamsOf(tableName));
  if (newer !== undefined && newer.label > found.label) throw replacedBy(arn, newer.arn);
  throw new StreamError(
    'no-stream',
    arn,
    `it was turned off; ${turnOn}, or set allowDisabled to read what is left in it`,
  );
}

/** Tells that a table has a newer stream than the one that somebody stands in. */
export function replacedBy(arn: string, newer: string): StreamError {
  return new StreamError(
    'replaced',
    arn,
    `the table has a newer one, ${newer}, and what was written between the two is in neither; read what is left in the old one ` +
      "(arn with allowDisabled, for a day), read the table anew, then begin with the newer one from 'trim-horizon'",
  );
}

/** @throws {StreamError} `ERR_STREAM` `view-type`, when the stream leaves out images that are needed. */
export function requireImages({ arn, viewType }: Pick<StreamFacts, 'arn' | 'viewType'>, needs: ImagesNeeded): void {
  if (needs === undefined || viewType === 'NEW_AND_OLD_IMAGES') return;
  if (needs === 'new-image' && viewType === 'NEW_IMAGE') return;
  const needed = needs === 'new-image' ? 'NEW_IMAGE or NEW_AND_OLD_IMAGES' : 'NEW_AND_OLD_IMAGES';
  throw new StreamError(
    'view-type',
    arn,
    `its view is ${viewType}, and the parser needs ${needed}; turn the stream off and on again with that view (which makes a new ` +
      'stream), or use a parser that does with less',
  );
}

async function describedStream(tableName: string, describe: DescribeTable | undefined): Promise<string | undefined> {
  if (describe === undefined) return undefined;
  let table: TableDescription | undefined;
  try {
    table = await describe();
  } catch (error) {
    // Roles of applications often may not; the list of its streams says the same, only a little later.
    if ((error as Error)?.name === 'AccessDeniedException') return undefined;
    throw error;
  }
  if (table === undefined) {
    throw new StreamError(
      'not-found',
      tableName,
      "there is no such table here; create it with streamViewType 'NEW_AND_OLD_IMAGES', or look at the Region, endpoint and account of its client",
    );
  }
  if (table.streamArn === undefined) throw new StreamError('no-stream', tableName, `the table has none; ${turnOn}`);
  return table.streamArn;
}

async function listedStream(port: StreamsPort, tableName: string): Promise<string> {
  let streams: readonly StreamName[] = [];
  try {
    streams = await port.streamsOf(tableName);
  } catch (error) {
    if (refusalOf(error) !== 'gone') throw error;
  }
  const newest = newestOf(streams);
  if (newest !== undefined) return newest.arn;
  throw new StreamError(
    'no-stream',
    tableName,
    `the table has none, or there is no such table in this Region and account; ${turnOn}`,
  );
}

function newestOf(streams: readonly StreamName[]): StreamName | undefined {
  return [...streams].sort((a, b) => (a.label < b.label ? -1 : 1)).at(-1);
}

async function described(port: StreamsPort, arn: string, tableName?: string): Promise<StreamFacts> {
  let found: StreamDescription;
  try {
    found = await port.describe({ arn, limit: 1 });
  } catch (error) {
    if (refusalOf(error) !== 'gone') throw error;
    const remedy =
      tableName === undefined
        ? 'a stream is there for a day after it was turned off; take the newest one of the table (table in the place of arn)'
        : "the table names it, so the client of the streams asks in another place: give it the table's Region, endpoint and account";
    throw new StreamError('not-found', arn, `there is no such stream; ${remedy}`, error);
  }
  const { label, viewType, keyNames, status } = found;
  return {
    arn,
    label,
    tableName: found.tableName,
    viewType,
    keyNames,
    isDisabled: status === 'DISABLED' || status === 'DISABLING',
  };
}

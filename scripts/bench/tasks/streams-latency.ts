/** How soon a committed change comes to who reads the stream. Times are those of the machine's monotonic clock, which all its processes share. */

import { setTimeout as sleep } from 'node:timers/promises';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { raw, TableStream } from '../../../lib/streams/index.js';
import { clientOf, type Place } from '../clients.js';
import { streamsClientOf } from '../stream-clients.js';
import type { Mark } from './watches.js';

export interface NumberedArguments {
  readonly place: Place;
  readonly arn: string;
  /** Numbers are counted from here. */
  readonly from: number;
  readonly changes: number;
}

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Follows a stream at the default pace until it has seen the last number; tells when each came. */
export async function followNumbers({ place, arn, from, changes }: NumberedArguments): Promise<readonly Mark[]> {
  const stream = new TableStream({ client: streamsClientOf(place.endpoint), arn });
  return collect(stream.read({ from: 'trim-horizon', parser: raw() }), from, changes);
}

async function collect(
  reader: ReturnType<TableStream['read']>,
  from: number,
  changes: number,
): Promise<readonly Mark[]> {
  const seen: Mark[] = [];
  for await (const { records } of reader) {
    const atMs = nowMs();
    for (const { value } of records) {
      const n = Number((value as { dynamodb?: { NewImage?: { n?: { N?: string } } } }).dynamodb?.NewImage?.n?.N);
      if (n >= from) seen.push({ n, atMs });
      if (n === from + changes - 1) return seen;
    }
  }
  return seen;
}

/** Writes the numbers, with pauses; tells when each was acknowledged. */
export async function writeNumbers(
  args: NumberedArguments & { readonly pauseMs: number },
  written: () => void = () => {},
): Promise<readonly Mark[]> {
  const { place, from, changes, pauseMs } = args;
  const client = clientOf(place.endpoint);
  const made: Mark[] = [];
  for (let n = from; n < from + changes; n += 1) {
    await sleep(pauseMs * (0.5 + Math.random()));
    await client.send(
      new PutItemCommand({ TableName: place.table, Item: { id: { S: `n${n}` }, n: { N: String(n) } } }),
    );
    made.push({ n, atMs: nowMs() });
    written();
  }
  return made;
}

/** Both in one process, which nudges its reader after each write. */
export async function writeAndNudge(
  args: NumberedArguments & { readonly pauseMs: number },
): Promise<{ readonly made: readonly Mark[]; readonly seen: readonly Mark[] }> {
  const { place, arn, from, changes } = args;
  const stream = new TableStream({ client: streamsClientOf(place.endpoint), arn });
  const reader = stream.read({ from: 'trim-horizon', parser: raw() });
  const seen = collect(reader, from, changes);
  await reader.ready();
  const made = await writeNumbers(args, () => reader.nudge());
  return { made, seen: await seen };
}

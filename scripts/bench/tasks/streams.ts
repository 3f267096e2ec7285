/** What a worker does with streams: fills one, reads it by the plain loop and by the library, and reads one that costs nothing. */
import { type AttributeValue, BatchWriteItemCommand } from '@aws-sdk/client-dynamodb';
import { AtomTable } from '../../../lib/atom/index.js';
import {
  atomChanges,
  memoryCheckpointer,
  type Parser,
  raw,
  TableStream,
  unmarshalled,
} from '../../../lib/streams/index.js';
import { atomsByHand, type ByHand, readRaw, unmarshalledByHand } from '../baselines/raw-stream.js';
import { answered, type ClientKind, clientOf, type Place } from '../clients.js';
import { FreeStreams, freeArn } from '../free-streams.js';
import { noCounts, type Sample } from '../sample.js';
import { noLatencies } from '../statistics.js';
import { streamsClientOf, unpaced } from '../stream-clients.js';

/** What is in the records: items of so many bytes, or atoms. */
export type Filling = number | 'atoms';
/** What is made of them. */
export type Made = 'raw' | 'unmarshalled' | 'atoms';

const batch = 25;

/** Makes a table with a stream and writes to it; tells the ARN of the stream. */
export async function fillStream(args: { place: Place; filling: Filling; records: number }): Promise<string> {
  const { place, filling, records } = args;
  const client = clientOf(place.endpoint);
  const table = new AtomTable({ client, tableName: place.table });
  await table.ensure({ streamViewType: 'NEW_AND_OLD_IMAGES' });
  if (filling === 'atoms') {
    await table.putMany(Array.from({ length: records }, (_, n) => [`atom-${n}`, atomValue(n)] as const));
  } else {
    let next = 0;
    const write = async () => {
      while (next < records) {
        const from = next;
        next += batch;
        const puts = Array.from({ length: Math.min(batch, records - from) }, (_, at) => ({
          PutRequest: { Item: itemOf(from + at, filling) },
        }));
        const command = () => new BatchWriteItemCommand({ RequestItems: { [place.table]: puts } });
        await answered(() => client.send(command()));
      }
    };
    await Promise.all([write(), write()]);
  }
  return (await new TableStream({ client: streamsClientOf(place.endpoint), table }).resolve()).arn;
}

function itemOf(n: number, bytes: number): Record<string, AttributeValue> {
  const item = {
    id: { S: `key-${n}` },
    n: { N: String(n) },
    open: { BOOL: n % 2 === 0 },
    tags: { L: [{ S: 'red' }, { S: 'green' }] },
  };
  return { ...item, text: { S: 'x'.repeat(Math.max(0, bytes - 50)) } };
}

const atomValue = (n: number) => ({
  n,
  name: `record ${n}`,
  open: n % 2 === 0,
  at: new Date(1_767_225_600_000 + n),
  tags: new Set(['red', 'green']),
  text: 'x'.repeat(60),
});

export interface ReadArguments {
  readonly place: Place;
  readonly arn: string;
  readonly client: ClientKind;
  readonly made: Made;
  /** That are there. */
  readonly records: number;
  /** How often they are read, from the beginning. */
  readonly passes: number;
}

const byHand: Readonly<Record<Made, ByHand | undefined>> = {
  raw: undefined,
  unmarshalled: unmarshalledByHand,
  atoms: atomsByHand,
};

/** The plain loop. */
export async function readStreamRaw({ place, arn, client, made, records, passes }: ReadArguments): Promise<Sample> {
  return timed(records * passes, async () => {
    let requests = 0;
    for (let pass = 0; pass < passes; pass += 1) {
      requests += await readRaw({ client: streamsClientOf(place.endpoint, client), arn, records, parse: byHand[made] });
    }
    return requests;
  });
}

/** The library, which saves what is done each second. */
export async function readStream({ place, arn, client, made, records, passes }: ReadArguments): Promise<Sample> {
  const stream = new TableStream({ client: streamsClientOf(place.endpoint, client), arn, pace: unpaced });
  return timed(records * passes, async () => {
    const before = stream.port.spent();
    for (let pass = 0; pass < passes; pass += 1) await readAll(stream, records, parserOf(made, place));
    const { describes, iterators, reads } = stream.port.spent();
    return describes + iterators + reads - before.describes - before.iterators - before.reads;
  });
}

/** The library on a stream that costs nothing. */
export async function readFree({
  made,
  records,
  bytes,
}: {
  made: Made;
  records: number;
  bytes: number;
}): Promise<Sample> {
  const stream = new TableStream({ port: new FreeStreams({ bytes }), arn: freeArn, pace: unpaced });
  return timed(records, () => readAll(stream, records, parserOf(made)));
}

function parserOf(made: Made, place?: Place): Parser<unknown> {
  if (made === 'raw') return raw();
  if (made === 'unmarshalled') return unmarshalled();
  if (place === undefined) throw new RangeError('atoms are of a table');
  return atomChanges(new AtomTable({ client: clientOf(place.endpoint), tableName: place.table }));
}

async function readAll(stream: TableStream, records: number, parser: Parser<unknown>): Promise<number> {
  let seen = 0;
  let batches = 0;
  const checkpointer = memoryCheckpointer();
  for await (const one of stream.read({ from: 'trim-horizon', parser, checkpointer, saveMs: 1_000 })) {
    seen += one.records.length;
    batches += 1;
    if (seen >= records) break;
  }
  return batches;
}

/** A sample of which each record is an operation. */
async function timed(records: number, work: () => Promise<number>): Promise<Sample> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const requests = await work();
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    opsByCaller: [records],
    elapsedMs,
    cpuUs: user + system,
    counts: { ...noCounts, requests },
    latencies: noLatencies(),
    finished: records,
    wrong: 0,
  };
}

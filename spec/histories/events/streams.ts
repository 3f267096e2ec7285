/** When all is over: the streams as they stand there, by all ways that they can be read. */
import type { EventStore } from '../../../lib/events/index.js';
import type { Finding } from '../verdict.js';
import type { Row } from './judge.js';
import { applyToPurse, digestOf, emptyPurse, type PurseEvent, purseOf, streamNumber } from './purse.js';

export interface Look {
  readonly rows: ReadonlyMap<string, readonly Row[]>;
  readonly findings: readonly Finding[];
}

/** Reads all streams, each way with a store that has just come. */
export async function lookAtAll(open: () => EventStore, streams: number): Promise<Look> {
  const rows = new Map<string, readonly Row[]>();
  const findings: Finding[] = [];
  for (let number = 0; number < streams; number += 1) {
    const stream = streamNumber(number);
    const forwards = await read(open(), stream, 'forwards');
    rows.set(stream, forwards);
    const backwards = (await read(open(), stream, 'backwards')).reverse();
    if (digestOf(backwards) !== digestOf(forwards))
      findings.push({ why: 'readers see different streams', about: stream });
    const right = forwards.reduce(applyToPurse, emptyPurse);
    const { type, id } = purseOf(stream);
    const { state, version } = await open().load(type, id);
    if (state.rolling !== right.rolling || version !== forwards.length) {
      findings.push({ why: 'a state that was loaded is not what the fold gives', about: { stream, state, right } });
    }
  }
  return { rows, findings };
}

async function read(store: EventStore, stream: string, direction: 'forwards' | 'backwards'): Promise<Row[]> {
  const events: Row[] = [];
  for await (const event of store.read<PurseEvent>(stream, { direction })) events.push(event);
  return events;
}

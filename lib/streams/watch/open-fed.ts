/** Opens a reader of a stream as those want it who share it. */
import type { TableStream } from '../table-stream.js';
import type { FedEvent, FedReader, FedReadOptions } from './shared-reader.js';

interface Told {
  readonly type: string;
  readonly shardId?: string;
}

/** A reader that keeps no process alive. */
export function openFed(stream: TableStream, { onEvent, ...options }: FedReadOptions): FedReader {
  const { read } = stream as unknown as { read(options: object): FedReader & { events: AsyncIterable<Told> } };
  const reader = read.call(stream, { ...options, background: true });
  void listen(reader.events, onEvent);
  return reader;
}

/** Ends with the reader. */
async function listen(events: AsyncIterable<Told>, onEvent: (event: FedEvent) => void): Promise<void> {
  for await (const { type, shardId } of events) {
    if (shardId === undefined) continue;
    if (type === 'read' || type === 'retry') onEvent({ type, shardId });
    else if (type === 'shard-end') onEvent({ type: 'end', shardId });
  }
}

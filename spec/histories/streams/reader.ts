/** A reader that is alone, with its token in a file, in a process of its own, to be killed. */
import { fileCheckpointer, type StreamReader, TableStream } from '../../../lib/streams/index.js';
import { serve, tell, tellSurely } from '../processes.js';
import { type Note, type ReaderOrder, type Written, writtenOf } from './notes.js';
import { openWires } from './wires.js';

const say = (note: Note): void => tell(note);

async function work(reader: StreamReader<Written>, life: number): Promise<void> {
  const done = new Map<string, string>();
  const doneAtSave = new Map<string, string>();
  void (async () => {
    for await (const { type } of reader.events()) {
      if (type !== 'saved') continue;
      for (const [shardId, seq] of doneAtSave) say({ kind: 'stored', shardId, epoch: life, seq });
      for (const [shardId, seq] of done) doneAtSave.set(shardId, seq);
    }
  })();
  const started = new Set<string>();
  for await (const { shardId, records } of reader) {
    if (!started.has(shardId)) say({ kind: 'started', shardId, epoch: life });
    started.add(shardId);
    const written = records.map(({ value }) => value);
    await tellSurely({ kind: 'delivered', shardId, epoch: life, attempt: 1, records: written } satisfies Note);
    // It is done when the next one is pulled; counted is it one pull later, which is never too early.
    const last = written.at(-1)?.seq ?? '';
    setImmediate(() => done.set(shardId, last));
  }
}

let reader: StreamReader<Written> | undefined;
let working: Promise<void> | undefined;

serve({
  read(order: ReaderOrder & { readonly life: number }): void {
    const { path, saveMs, batchRecordsMax, life } = order;
    const { port, watched } = openWires(order);
    const pace = { shardReadsPerSecondMax: 20, idleMsMax: 200 };
    reader = new TableStream({ port, table: watched, pace }).read<Written>({
      ...{ from: 'trim-horizon', parser: { parse: writtenOf }, checkpointer: fileCheckpointer(path) },
      ...{ saveMs, batchRecordsMax },
    });
    working = work(reader, life);
    working.catch((error: unknown) => say({ kind: 'failed', shardId: '', epoch: life, why: String(error) }));
  },
  async caughtUp(): Promise<void> {
    await reader?.caughtUp();
  },
  async stop(): Promise<void> {
    await reader?.stop();
    await working;
  },
});

/** Several journals of one process, and commits to some of them together. */
import type { Appended, Draft } from '../../lib/journal/batch.js';
import { appendTogether, type TogetherEntry } from '../../lib/journal/together.js';
import type { Bench } from '../atom/bench.js';
import { freshReader, type Instance, type OpenOptions, openJournal } from './bench.js';

/** One process: a journal for each name, on one table object. */
export function openProcess(bench: Bench, names: readonly string[], options: OpenOptions = {}): Instance[] {
  const { engine = bench.memory, tableOptions, ...rest } = options;
  const table = options.table ?? bench.table({ engine, ...tableOptions });
  return names.map((name) => openJournal(bench, { ...rest, table, name }));
}

/** What is appended to one of the journals. */
export interface Part {
  readonly to: Instance;
  readonly events: readonly string[];
  readonly body?: boolean;
  /** Other facts of the commit, or `undefined` for nothing to commit. */
  readonly draft?: (events: readonly string[]) => Partial<Draft> | undefined;
}

/** As `add`, to several journals. */
export async function addTogether(
  parts: readonly Part[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly Appended[]> {
  const [first] = parts;
  if (first === undefined) throw new Error('nothing to append');
  const entries: TogetherEntry[] = [];
  for (const { to, events, body = false, draft } of parts) {
    const { journal, replica } = to;
    const text = events.join('\n');
    const prepared = body ? await journal.prepare(text) : undefined;
    entries.push({
      journal,
      body: prepared,
      batch: {
        bodyText: text,
        decide: ({ seq }) => {
          if (replica.events.length !== seq) throw new Error(`decided on ${replica.events.length} events, not ${seq}`);
          const facts = draft === undefined ? {} : draft(replica.events);
          return facts && { text: prepared === undefined ? text : '', count: events.length, ...facts };
        },
        adopt: (commit) => replica.take(commit, text),
      },
    });
  }
  return appendTogether(first.to.table, entries, options);
}

/** The events of each journal, as readers find them that have just come. */
export async function eventsOf(
  bench: Bench,
  names: readonly string[],
  options: OpenOptions = {},
): Promise<readonly string[][]> {
  const found: string[][] = [];
  for (const name of names) found.push((await freshReader(bench, { ...options, name })).replica.events);
  return found;
}

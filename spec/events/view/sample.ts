/** Views and events for specs of views: documents tell exactly which events are in them, and in which order. */
import { type AnyView, type EventStore, View } from '../../../lib/events/index.js';

export type Added = { readonly type: 'added'; readonly data: number; readonly metadata?: { readonly to?: string[] } };

/** An event for the documents `to`. */
export const added = (data: number, ...to: string[]): Added => ({ type: 'added', data, metadata: { to } });

/** What is in a document: `<stream>/<seq>` of each event, in the order in which they were applied. */
export type Trace = readonly string[];

const apply = (trace: Trace, { stream, seq }: { readonly stream: string; readonly seq: number }): Trace => [
  ...trace,
  `${stream}/${seq}`,
];

/** A document for each stream. */
export const perStream: View<Trace, Added> = new View<Trace, Added>({ name: 'per-stream', initial: [], apply });

/** Documents that are fed by whatever names them. */
export const named: View<Trace, Added> = new View<Trace, Added>({
  name: 'named',
  initial: [],
  id: ({ metadata }) => metadata.to as string[] | undefined,
  apply,
});

/** What the documents of a view have to be: of each stream its events in order, nothing twice, nothing missing. */
export async function expectedOf(store: EventStore, view: AnyView): Promise<Map<string, Map<string, number[]>>> {
  const documents = new Map<string, Map<string, number[]>>();
  for await (const { stream } of store.streams()) {
    for await (const event of store.read<Added>(stream)) {
      const ids = view.id === undefined ? [stream] : ((event.metadata.to as string[] | undefined) ?? []);
      for (const id of ids) put(documents, id, stream, event.seq);
    }
  }
  return documents;
}

/** What they are. */
export async function foundIn(
  store: EventStore,
  view: View<Trace, Added>,
): Promise<Map<string, Map<string, number[]>>> {
  const documents = new Map<string, Map<string, number[]>>();
  for await (const { id, state } of store.view(view).entries()) {
    for (const one of state) {
      const at = one.lastIndexOf('/');
      put(documents, id, one.slice(0, at), Number(one.slice(at + 1)));
    }
  }
  return documents;
}

function put(documents: Map<string, Map<string, number[]>>, id: string, stream: string, seq: number): void {
  const streams = documents.get(id) ?? new Map<string, number[]>();
  documents.set(id, streams.set(stream, [...(streams.get(stream) ?? []), seq]));
}

/** Items of a journal, removed, exchanged and made anew behind everybody's back. */
import type { Item } from '../../lib/codec/index.js';
import { decodePage, encodePage, type Page } from '../../lib/journal/page.js';
import type { Bench } from '../atom/bench.js';
import { add, addEach, event, type Instance, name } from './bench.js';

export const page = (k: number): string => `${name}/page/${k}`;

/** What is told of an item that is wrong. */
export const gap = (key: string, reason: string): object => ({
  ...{ code: 'ERR_JOURNAL_GAP', key, reason, journal: name, outcome: 'not-done' },
});

/** Inline commits, and one with a body; of that of round 3 an event is refused. */
export async function addRound(bench: Bench, writer: Instance, round: number): Promise<void> {
  await bench.run(addEach(writer, round * 10, 5));
  const events = [event(`b${round}`, 'x'.repeat(20)), event(`c${round}`)];
  await bench.run(add(writer, events, { body: true, draft: () => (round === 3 ? { skip: [0], count: 1 } : {}) }));
}

export interface Meddling {
  bytesOf(key: string): Promise<Uint8Array>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  contentOf(k: number): Promise<Page>;
  remake(k: number, made: Page): Promise<void>;
}

/** Works on the items of the journal that `writer` writes, whichever that is at the moment. */
export function meddlingWith(current: () => { readonly bench: Bench; readonly writer: Instance }): Meddling {
  const place = (k: number) => {
    const journalId = current().writer.journal.image?.journalId as string;
    return { kind: 'page' as const, journalId, key: page(k) };
  };
  const bytesOf = async (key: string): Promise<Uint8Array> =>
    (((await current().bench.item(key)) as Item).d as { B: Uint8Array }).B;
  const put = (key: string, bytes: Uint8Array) => current().bench.put({ id: { S: key }, d: { B: bytes } });
  return {
    bytesOf,
    put,
    remove: async (key) => {
      await current().bench.calm().writeOnce().delete(key);
    },
    contentOf: async (k) => {
      const decoded = decodePage(place(k), await bytesOf(page(k)));
      if (typeof decoded === 'string') throw new Error(decoded);
      return decoded;
    },
    remake: (k, made) => put(page(k), encodePage(place(k), made)),
  };
}

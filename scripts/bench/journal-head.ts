/** The head of a journal as an item: what a raw put has to write to be compared with a commit of one event. */
import { type Item, itemBytes } from '../../lib/codec/index.js';
import { openMemoryBank } from './banks.js';
import { landing } from './flights.js';

const commits = 200;
let known: Item | undefined;

/** Of the heads that a single caller's events write one after the other, the one of middle size. */
export async function headItem(): Promise<Item> {
  if (known !== undefined) return known;
  const heads: Item[] = [];
  const { prevayler } = await openMemoryBank((head) => heads.push(head));
  for (let flight = 0; flight < commits; flight += 1) await prevayler.handle(landing(flight));
  await prevayler.close();
  heads.sort((one, other) => itemBytes(one) - itemBytes(other));
  known = heads[heads.length >> 1] as Item;
  return known;
}

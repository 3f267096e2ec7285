/** The head of a journal as an item: what a raw put has to write to be compared with a commit of one event. */
import { AtomTable } from '../../lib/atom/index.js';
import { type Item, itemBytes } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { EventStore } from '../../lib/events/index.js';
import { openMemoryBank } from './banks.js';
import { flightLanded } from './fleet.js';
import { landing } from './flights.js';
import { weighed } from './weighed-engine.js';

const commits = 200;
let known: Item | undefined;
let knownOfStream: Item | undefined;

/** Of the heads that a single caller's events write one after the other, the one of middle size. */
export async function headItem(): Promise<Item> {
  if (known !== undefined) return known;
  const heads: Item[] = [];
  const { prevayler } = await openMemoryBank((head) => heads.push(head));
  for (let flight = 0; flight < commits; flight += 1) await prevayler.handle(landing(flight));
  await prevayler.close();
  known = middleOf(heads);
  return known;
}

/** The same of a stream of events. */
export async function streamHeadItem(): Promise<Item> {
  if (knownOfStream !== undefined) return knownOfStream;
  const heads: Item[] = [];
  const { engine } = weighed(new MemoryEngine(), (head) => heads.push(head));
  const table = new AtomTable({ engine, tableName: 'memory' });
  await table.ensure();
  const store = new EventStore(table);
  for (let flight = 0; flight < commits; flight += 1) await store.append('aircraft-1', [flightLanded(flight)]);
  await store.close();
  knownOfStream = middleOf(heads);
  return knownOfStream;
}

function middleOf(heads: Item[]): Item {
  heads.sort((one, other) => itemBytes(one) - itemBytes(other));
  return heads[heads.length >> 1] as Item;
}

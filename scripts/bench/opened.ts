/** What a worker has open: tables and atoms that stay warm between windows. */
import { AtomTable, type ItemAtom } from '../../lib/atom/index.js';
import { clientOf, type Place } from './clients.js';
import { CountedEngine } from './counted-engine.js';
import { makeValue, type Size, type Value } from './values.js';

export interface Opened {
  readonly table: AtomTable;
  readonly engine: CountedEngine;
  /** Held, so that their cells stay. */
  readonly atoms: Map<string, ItemAtom<Value, Value>>;
}

const tables = new Map<string, Opened>();

export function open({ endpoint, table }: Place): Opened {
  const name = `${endpoint} ${table}`;
  let opened = tables.get(name);
  if (opened === undefined) {
    const engine = new CountedEngine(clientOf(endpoint));
    opened = { table: new AtomTable({ engine, tableName: table }), engine, atoms: new Map() };
    tables.set(name, opened);
  }
  return opened;
}

export function atomOf({ table, atoms }: Opened, key: string, size: Size): ItemAtom<Value, Value> {
  let atom = atoms.get(key);
  if (atom === undefined) {
    atom = table.atom<Value>(key, { initial: makeValue(size) });
    atoms.set(key, atom);
  }
  return atom;
}

/** The atoms of one run. Their keys begin with the run's id, so a run never meets what another one left behind. */
import type { AtomTable, ItemAtom } from '../../lib/index.js';
import { emptyLedger, type Ledger } from './ledger.js';
import { newWorkList, type WorkList } from './work-list.js';

export interface RunAtoms {
  readonly list: ItemAtom<WorkList, WorkList>;
  ledger(name: string): ItemAtom<Ledger, Ledger>;
}

export function openAtoms(table: AtomTable, run: string): RunAtoms {
  // Handles are kept, for a handle is what keeps the cache of its atom.
  const ledgers = new Map<string, ItemAtom<Ledger, Ledger>>();
  return {
    list: table.atom<WorkList>(`${run}/work-list`, { initial: newWorkList }),
    ledger(name) {
      let ledger = ledgers.get(name);
      if (ledger === undefined) {
        ledger = table.atom<Ledger>(`${run}/${name}`, { initial: emptyLedger });
        ledgers.set(name, ledger);
      }
      return ledger;
    },
  };
}

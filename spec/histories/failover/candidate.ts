/**
 * A candidate in a process of its own. While it leads it writes to a fenced atom, again and again, and says in each write who it is; it
 * writes once more when it has learnt that it leads no longer, which a store has to refuse as soon as somebody else has written.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AtomTable } from '../../../lib/atom/index.js';
import { createClient } from '../../../lib/engine/index.js';
import { isLeydenError } from '../../../lib/errors.js';
import { Election, fenced, type Leadership, Session } from '../../../lib/recipes/index.js';
import { serve, tell } from '../processes.js';
import { accepted, type CandidateNote, electionName, noAcceptances, resourceKey } from './notes.js';

/** How a candidate is told to stand. */
export interface CandidateOrder {
  /** Names the process; never the same twice in a run. */
  readonly name: string;
  readonly endpoint: string;
  readonly table: string;
  readonly leaseMs: number;
}

const writeMs = 15;
const say = (note: CandidateNote): void => tell(note);

serve({
  stand({ name, endpoint, table: tableName, leaseMs }: CandidateOrder): void {
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const client = createClient({ endpoint, region: 'local', credentials });
    const table = new AtomTable({ client, tableName });
    const election = new Election<string>(new Session(table, { leaseMs }), electionName);
    const resource = fenced(table, resourceKey, { initial: noAcceptances });
    let served = 0;

    async function act(leadership: Leadership<string>, signal: AbortSignal): Promise<void> {
      served += 1;
      const who = `${name}#${served}`;
      // As a client of the resource would that knows nothing of leases: only the store can refuse it.
      const fence = { name: leadership.name, kind: leadership.kind, token: leadership.term };
      const term = Number(leadership.term);
      const write = () => resource.swap(fence, (state) => accepted(state, term, who));
      say({ kind: 'leads', term, who });
      try {
        await leadership.proclaim(who);
        await write();
        say({ kind: 'accepted', term });
        for (;;) {
          await write();
          if (signal.aborted) break;
          await sleep(writeMs);
        }
        await write();
      } catch (error) {
        if (isLeydenError(error, 'ERR_STALE_TOKEN')) say({ kind: 'refused' });
        else if (!isLeydenError(error, 'ERR_NOT_LEADER')) throw error;
      }
    }

    election.lead(act, { value: name }).catch((error: unknown) => {
      say({ kind: 'failed', why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    });
  },
});

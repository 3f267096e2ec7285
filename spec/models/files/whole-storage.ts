/** Writers that are the shipped storage, each another process that takes all others for dead. */
import { isLeydenError } from '../../../lib/errors.js';
import { SmallLog } from '../../files/small-log.js';
import type { Program, Run } from './schedules.js';
import type { WriterPlan } from './small-journal.js';

/** What one may be told who is late, or has met one who was. All else is a violation. */
const refusals: readonly RegExp[] = [/ERR_DIRECTORY_HELD/, /ERR_APPEND_UNKNOWN/, /one who held it before was late/];

/** A history is the padding of each event: no two writers use the same. */
type History = readonly number[];

export function storageRun(plans: readonly WriterPlan[]): Run {
  const acknowledged: History[] = [];
  const refused: number[] = [];
  return {
    programs: plans.map((plan, at) => writer(plan, (at + 1) * 100, acknowledged, refused)),
    verdict: async (fileSystem) => {
      const small = new SmallLog(fileSystem);
      await small.log.recover();
      const found = historyOf(small);
      for (const history of acknowledged) {
        if (found.slice(0, history.length).join() === history.join()) continue;
        return `acknowledged ${history.join()}, found ${found.join()}`;
      }
      const undead = refused.find((padding) => found.includes(padding));
      return undead === undefined ? undefined : `${undead} was refused as not done, found ${found.join()}`;
    },
  };
}

function writer({ appends, releases }: WriterPlan, first: number, acknowledged: History[], refused: number[]): Program {
  return async (fileSystem) => {
    const small = new SmallLog(fileSystem);
    let padding = first;
    try {
      await small.log.recover();
      acknowledged.push(historyOf(small));
      for (; padding < first + appends; padding += 1) {
        await small.append(1, padding);
        acknowledged.push(historyOf(small));
      }
      if (releases) await small.log.close();
    } catch (error) {
      if (!isLeydenError(error) || !refusals.some((refusal) => refusal.test(error.message))) throw error;
      if (error.outcome === 'not-done') refused.push(padding);
    }
  };
}

function historyOf({ events }: SmallLog): History {
  return events.map(([, padding]) => padding);
}

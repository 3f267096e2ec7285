/** A large state written as a snapshot and read back, against `JSON.stringify` and `JSON.parse` of the same state. */
import { startWorker } from '../processes.js';
import { measure, ratioRow } from '../row.js';
import type { Case } from '../stage.js';

export const prevalenceSnapshots: Case = async ({ plan, home, execArgv, place }) => {
  const where = { place, name: 'archive', rounds: plan.contendedRounds };
  // Each in a process of its own: a large heap makes each collection longer.
  const writer = startWorker({ home, execArgv });
  const reader = startWorker({ home, execArgv });
  try {
    const written = await writer.run('writeSnapshots', { ...where, megabytes: plan.snapshotMegabytes });
    const read = await reader.run('readSnapshots', where);
    const megabytes = written.jsonBytes / 1e6;
    const group = `snapshot of ${plan.snapshotMegabytes} MB of JSON`;
    const rates = (all: readonly number[]) => all.map((ms) => (megabytes * 1_000) / ms);
    return [
      ratioRow({
        group,
        name: 'written; JSON.stringify alone',
        ours: rates(written.writeMs),
        baseline: rates(written.stringifyMs),
        unit: ' MB/s',
      }),
      ratioRow({
        group,
        name: 'read, opening the system; JSON.parse alone',
        ours: rates(read.readMs),
        baseline: rates(read.parseMs),
        unit: ' MB/s',
      }),
      measure({ group, name: 'stored', values: [written.storedBytes / 1e6], unit: ' MB' }),
      measure({
        group,
        name: 'longest pause of the event loop while writing',
        values: written.pauseMs,
        unit: ' ms',
        goal: { atMost: 50 },
      }),
      measure({
        group,
        name: 'digests of the state read that differ',
        values: [read.digest === written.digest ? 0 : 1],
        unit: '',
        goal: { atMost: 0 },
      }),
    ];
  } finally {
    await Promise.all([writer.close(), reader.close()]);
  }
};

/** Prevalence without a store: what events cost by the published rules, as the memory engine counts them, and a read of the state. */
import { interleave, type Plan } from '../plan.js';
import { startWorker } from '../processes.js';
import { measure, type Row } from '../row.js';
import type { Sample } from '../sample.js';
import { callerCounts, costRows } from './prevalence-costs.js';

const commitsPerRound = 200;
const reads = 20_000_000;

export async function prevalenceLibrary(plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const worker = startWorker({ home, execArgv });
  try {
    const rows: Row[] = [];
    let wrong = 0;
    for (const callers of callerCounts) {
      const { samples } = await interleave(1, {
        samples: async (): Promise<Sample> => {
          const sample = await worker.run('handleInMemory', { callers, ops: callers * commitsPerRound });
          wrong += sample.wrong;
          return sample;
        },
      });
      const group = `memory engine, ${callers.toLocaleString('en')} at once`;
      rows.push(...costRows(callers, samples, group));
    }
    const times = [];
    for (let round = 0; round < plan.rounds; round += 1) times.push(await worker.run('readState', { reads }));
    return [
      ...rows,
      measure({
        group: 'memory engine',
        name: 'acknowledged events missing in the end, and wrong answers',
        values: [wrong],
        unit: '',
        goal: { atMost: 0 },
      }),
      measure({
        group: 'state in memory',
        name: 'read of the state; of a property of an object',
        values: times.map(({ ours }) => ours),
        unit: ' ns',
        baseline: `${Math.min(...times.map(({ plain }) => plain)).toPrecision(2)} ns`,
      }),
    ];
  } finally {
    await worker.close();
  }
}

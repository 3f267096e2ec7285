/** How fast one shard is read, by the plain loop and by the library, and what the library itself costs. */
import { interleave, type Plan } from '../plan.js';
import { startWorker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import { cpuPerOp, perSecond } from '../sample.js';
import type { Case } from '../stage.js';
import type { Filling, Made } from '../tasks/streams.js';

interface Reading {
  readonly filling: Filling;
  readonly made: Made;
  readonly records: number;
  readonly passes: number;
  readonly atLeast: number;
}

const readings: readonly Reading[] = [
  { filling: 110, made: 'raw', records: 5_000, passes: 4, atLeast: 0.95 },
  { filling: 350, made: 'raw', records: 5_000, passes: 4, atLeast: 0.95 },
  { filling: 4_096, made: 'raw', records: 1_000, passes: 4, atLeast: 0.95 },
  { filling: 110, made: 'unmarshalled', records: 5_000, passes: 4, atLeast: 0.9 },
  { filling: 350, made: 'unmarshalled', records: 5_000, passes: 4, atLeast: 0.9 },
  { filling: 'atoms', made: 'atoms', records: 2_000, passes: 4, atLeast: 0.9 },
];

/** One shard that is full, with the SDK's client as it comes and with ours. */
export const streamsThroughput: Case = async ({ plan, engine, worker, place, log }) => {
  // It has no streams.
  if (engine.name === 'dynalite') return [];
  const arns = new Map<Filling, Promise<string>>();
  const arnOf = (filling: Filling) => {
    const table = `stream-${filling}`;
    const most = Math.max(...readings.filter((one) => one.filling === filling).map(({ records }) => records));
    const filled = () => worker.run('fillStream', { place: { ...place, table }, filling, records: most });
    const arn = arns.get(filling) ?? filled();
    arns.set(filling, arn);
    return arn;
  };
  const rows: Row[] = [];
  for (const { filling, made, records, passes, atLeast } of readings) {
    const arn = await arnOf(filling);
    log(`one shard of ${filling}, ${made}`);
    const base = { place: { ...place, table: `stream-${filling}` }, arn, made };
    const of = (warm: boolean) => ({ records, passes: warm ? 1 : passes });
    const { plain, ours, plainTuned, oursTuned } = await interleave(plan.rounds, {
      plain: (warm) => worker.run('readStreamRaw', { ...base, client: 'default', ...of(warm) }),
      ours: (warm) => worker.run('readStream', { ...base, client: 'default', ...of(warm) }),
      oursTuned: (warm) => worker.run('readStream', { ...base, client: 'tuned', ...of(warm) }),
      plainTuned: (warm) => worker.run('readStreamRaw', { ...base, client: 'tuned', ...of(warm) }),
    });
    const group = `one shard, ${filling === 'atoms' ? 'atoms of 200 B' : `items of ${filling} B`}, ${made}`;
    const goal = { atLeast };
    rows.push(
      compare({ group, name: "read; plain loop, the SDK's client", figure: 'rate', ours, baseline: plain, goal }),
      compare({
        group,
        name: 'read; plain loop, our client',
        figure: 'rate',
        ours: oursTuned,
        baseline: plainTuned,
        goal,
      }),
      compare({ group, name: "CPU of a record, the SDK's client", figure: 'cpu', ours, baseline: plain }),
      compare({ group, name: 'CPU of a record, our client', figure: 'cpu', ours: oursTuned, baseline: plainTuned }),
    );
  }
  return rows;
};

/** A stream that costs nothing. */
export async function streamsLibrary(plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const worker = startWorker({ home, execArgv });
  try {
    const on = (made: Made) => (warm: boolean) =>
      worker.run('readFree', { made, records: warm ? 100_000 : 500_000, bytes: 110 });
    const samples = await interleave(plan.rounds, { raw: on('raw'), unmarshalled: on('unmarshalled') });
    const group = 'a stream that costs nothing, one shard, 110 B';
    const goals = { atMost: 3 };
    return [
      measure({ group, name: 'CPU of a record, raw', values: samples.raw.map(cpuPerOp), unit: ' us', goal: goals }),
      measure({
        group,
        name: 'records a second, raw',
        values: samples.raw.map(perSecond),
        unit: '',
        goal: { atLeast: 250_000 },
      }),
      measure({
        group,
        name: 'CPU of a record, unmarshalled',
        values: samples.unmarshalled.map(cpuPerOp),
        unit: ' us',
      }),
    ];
  } finally {
    await worker.close();
  }
}

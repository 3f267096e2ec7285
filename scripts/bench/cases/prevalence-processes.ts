/** Several processes that write into one system: rate, latency, price, and whether all of them hold the same. */
import { interleave } from '../plan.js';
import { startWorker, type Worker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import { merge, opsOf, p50, p99, perSecond, type Sample } from '../sample.js';
import type { Case, Stage } from '../stage.js';
import { median } from '../statistics.js';

/** Workers that write, and what must be true of them in the end. */
interface Crew {
  readonly workers: readonly Worker[];
  all(each: (worker: Worker, index: number) => Promise<Sample>): Promise<Sample>;
  close(): Promise<void>;
}

function startCrew({ home, execArgv }: Stage, count: number): Crew {
  const workers = Array.from({ length: count }, () => startWorker({ home, execArgv }));
  const all = async (each: (worker: Worker, index: number) => Promise<Sample>) =>
    merge(await Promise.all(workers.map(each)));
  const close = async () => {
    await Promise.all(workers.map((worker) => worker.run('closeBanks', {})));
    await Promise.all(workers.map((worker) => worker.close()));
  };
  return { workers, all, close };
}

/** 4 processes with 250 callers each, against 1 process with 1,000; then 4 that get 2,000 events a second in all. */
export const prevalenceFourProcesses: Case = async (stage) => {
  const { plan, worker, place } = stage;
  const crew = startCrew(stage, 4);
  try {
    const forMs = (warm: boolean) => (warm ? plan.contendedMs / 2 : plan.contendedMs);
    const acknowledged = { crowd: 0, paced: 0 };
    const counted = async (name: keyof typeof acknowledged, sample: Promise<Sample>) => {
      acknowledged[name] += (await sample).finished;
      return sample;
    };
    const { put, single, crowd, paced } = await interleave(plan.contendedRounds, {
      put: (warm) => rawPuts(stage, crew, forMs(warm) / 4),
      single: (warm) => worker.run('handle', { place, name: 'single', callers: 1_000, forMs: forMs(warm) / 2 }),
      crowd: (warm) =>
        counted(
          'crowd',
          crew.all((one, process) =>
            one.run('handle', { place, name: 'crowd', callers: 250, process, forMs: forMs(warm) }),
          ),
        ),
      paced: (warm) =>
        counted(
          'paced',
          crew.all((one, process) =>
            one.run('pace', { place, name: 'paced', perSecond: 500, process, processes: 4, forMs: forMs(warm) }),
          ),
        ),
    });
    await worker.run('closeBanks', {});
    const putMs = median(put.map(p50));
    const group = '4 processes x 250 callers';
    return [
      compare({
        group,
        name: 'events; 1 process x 1,000 callers',
        figure: 'rate',
        ours: crowd,
        baseline: single,
        goal: { atLeast: 0.5 },
      }),
      p99Row(group, crowd, putMs, 30),
      ...priceRows(group, crowd),
      ...(await agreementRows(stage, crew, { group, name: 'crowd', acknowledged: acknowledged.crowd })),
      ...pacedRows(paced, putMs),
      ...(await agreementRows(stage, crew, { group: pacedGroup, name: 'paced', acknowledged: acknowledged.paced })),
    ];
  } finally {
    await crew.close();
  }
};

const pacedGroup = '4 processes, 2,000 events/s in all';

function pacedRows(paced: readonly Sample[], putMs: number): Row[] {
  const group = pacedGroup;
  return [
    measure({ group, name: 'events a second', values: paced.map(perSecond), unit: '/s', samples: paced }),
    measure({ group, name: 'p50', values: paced.map(p50), unit: ' ms' }),
    p99Row(group, paced, putMs, 20),
    ...priceRows(group, paced, 0.3),
  ];
}

/** One, two, four and ten processes with ten callers each. */
export const prevalenceWriters: Case = async (stage) => {
  const { plan, place } = stage;
  const crew = startCrew(stage, 10);
  try {
    const rows: Row[] = [];
    for (const count of [1, 2, 4, 10]) {
      const part: Crew = { ...crew, workers: crew.workers.slice(0, count) };
      const name = `writers-${count}`;
      let acknowledged = 0;
      const samples: Sample[] = [];
      for (let round = 0; round <= plan.contendedRounds; round += 1) {
        const forMs = round === 0 ? plan.contendedMs / 4 : plan.contendedMs / 2;
        const parts = part.workers.map((one, process) =>
          one.run('handle', { place, name, callers: 10, process, forMs }),
        );
        const sample = merge(await Promise.all(parts));
        acknowledged += sample.finished;
        if (round > 0) samples.push(sample);
      }
      const group = `${count} writer ${count === 1 ? 'process' : 'processes'} x 10 callers`;
      rows.push(
        measure({ group, name: 'events a second', values: samples.map(perSecond), unit: '/s', samples }),
        measure({ group, name: 'p50', values: samples.map(p50), unit: ' ms' }),
        measure({ group, name: 'p99', values: samples.map(p99), unit: ' ms' }),
        ...priceRows(group, samples),
        ...(await agreementRows(stage, part, { group, name, acknowledged })),
      );
      await Promise.all(part.workers.map((one) => one.run('closeBanks', {})));
    }
    return rows;
  } finally {
    await crew.close();
  }
};

/** A round trip: the median of a raw put while each of the processes sends one at a time. */
function rawPuts({ place }: Stage, crew: Crew, forMs: number): Promise<Sample> {
  const put = { place, size: 'journal head', callers: 1, request: 'put', forMs } as const;
  return crew.all((one, index) => one.run('raw', { ...put, key: `prevalence-${index}` }));
}

function p99Row(group: string, samples: readonly Sample[], putMs: number, roundTrips: number): Row {
  return measure({
    group,
    name: `p99 (a raw put of each process: ${putMs.toFixed(2)} ms)`,
    values: samples.map(p99),
    unit: ' ms',
    goal: { atMost: roundTrips * putMs },
  });
}

function priceRows(group: string, samples: readonly Sample[], unitsMost?: number): Row[] {
  const per = (figure: (sample: Sample) => number) => samples.map(figure);
  return [
    measure({
      group,
      name: 'write units per event, all items',
      values: per((sample) => sample.counts.writeUnits / opsOf(sample)),
      unit: '',
      samples,
      ...(unitsMost !== undefined && { goal: { atMost: unitsMost } }),
    }),
    measure({
      group,
      name: 'events per commit',
      values: per((sample) => opsOf(sample) / sample.counts.commits),
      unit: '',
    }),
    measure({
      group,
      name: 'failed puts per commit',
      values: per(({ counts }) => counts.failedPuts / counts.commits),
      unit: '',
    }),
  ];
}

interface Ended {
  readonly group: string;
  readonly name: string;
  readonly acknowledged: number;
}

/** Compares what all writers hold, and a process that only now recovers: number, digest, and order of all events. */
async function agreementRows(
  { place, worker }: Stage,
  crew: Crew,
  { group, name, acknowledged }: Ended,
): Promise<Row[]> {
  const standings = await Promise.all(crew.workers.map((one) => one.run('standing', { place, name })));
  standings.push(await worker.run('standing', { place, name }));
  await worker.run('closeBanks', {});
  const kinds = new Set(standings.map(({ board, seq, digest }) => JSON.stringify([seq, digest, board.order])));
  const missing = standings.map(({ board }) => Math.abs(board.flights - acknowledged));
  return [
    measure({
      group,
      name: 'different states, orders and digests beyond one',
      values: [kinds.size - 1],
      unit: '',
      goal: { atMost: 0 },
    }),
    measure({
      group,
      name: 'acknowledged events missing in the end',
      values: [Math.max(...missing)],
      unit: '',
      goal: { atMost: 0 },
    }),
  ];
}

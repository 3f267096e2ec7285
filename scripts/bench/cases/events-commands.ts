/** 1,000 commands at once on 100 aircraft, from one process and from four. */
import type { OtherKind } from '../event-stores.js';
import { interleave, type Variant } from '../plan.js';
import { startWorker, type Worker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import { merge, opsOf, p99, type Sample } from '../sample.js';
import type { Case, Stage } from '../stage.js';

const aircraft = 100;
const callers = 1_000;

interface Crew {
  readonly name: string;
  readonly group: string;
  readonly workers: readonly Worker[];
}

export const eventsCommands: Case = async (stage) => {
  const { worker, place, home, execArgv } = stage;
  await worker.run('makeAircraft', { place });
  const one = { name: 'one', group: '1,000 commands at once on 100 aggregates', workers: [worker] };
  const rows = await crewRows(stage, one);
  const workers = Array.from({ length: 4 }, () => startWorker({ home, execArgv }));
  try {
    const four = { name: 'four', group: '4 processes x 250 commands at once on 100 aggregates', workers };
    return [...rows, ...(await crewRows(stage, four))];
  } finally {
    await Promise.all(workers.map((each) => each.close()));
  }
};

async function crewRows(stage: Stage, { name, group, workers }: Crew): Promise<Row[]> {
  const { plan, place, engine, worker } = stage;
  const args = (prefix: string, warm: boolean) => ({
    ...{ place, name: `${prefix}-${name}`, aircraft, callers: callers / workers.length },
    forMs: warm ? plan.contendedMs / 2 : plan.contendedMs,
  });
  const all = async (each: (one: Worker) => Promise<Sample>) => merge(await Promise.all(workers.map(each)));
  let executed = 0;
  const ours: Variant = async (warm) => {
    const sample = await all((one) => one.run('executeCommands', args('ours', warm)));
    executed += sample.finished;
    return sample;
  };
  const theirs = (kind: OtherKind, inTurn = false): Variant => {
    const prefix = `${kind}-${inTurn}`;
    return (warm) => all((one) => one.run('commandElsewhere', { ...args(prefix, warm), kind, inTurn }));
  };
  const hasTransactions = engine.name !== 'dynalite';
  const variants: Record<string, Variant> = {
    ours,
    items: theirs('items'),
    itemsInTurn: theirs('items', true),
    castore: theirs('castore'),
    ...(hasTransactions && {
      transactions: theirs('transactions'),
      transactionsInTurn: theirs('transactions', true),
    }),
  };
  const found = await interleave(plan.contendedRounds, variants);
  const mine = found.ours as Sample[];
  const against = (what: string, side: string, goal?: { readonly atLeast: number }) => {
    const baseline = found[side];
    if (baseline === undefined) return [];
    const common = { group, ours: mine, baseline };
    return [
      compare({ ...common, name: `commands a second; ${what}`, figure: 'rate', ...(goal && { goal }) }),
      compare({ ...common, name: `p99; ${what}`, figure: 'p99' }),
    ];
  };
  const held = await worker.run('countFlights', args('ours', false));
  const units = mine.map((one) => one.counts.writeUnits / opsOf(one));
  return [
    ...against('a transaction per command, again after a conflict', 'transactions', { atLeast: 3 }),
    ...against('a transaction per command, one at a time per aggregate and process', 'transactionsInTurn'),
    ...against('an item per event, again after a conflict', 'items'),
    ...against('an item per event, one at a time per aggregate and process', 'itemsInTurn'),
    ...against('castore, as published, again after a conflict', 'castore'),
    measure({ group, name: 'p99', values: mine.map(p99), unit: ' ms' }),
    measure({ group, name: 'write units per command, all items', values: units, unit: '', samples: mine }),
    measure({
      ...{ group, name: 'commands per commit', unit: '' },
      values: mine.map((one) => opsOf(one) / one.counts.commits),
    }),
    measure({
      ...{ group, name: 'acknowledged events missing in the end, or too many', unit: '' },
      values: [Math.abs(executed - held)],
      goal: { atMost: 0 },
    }),
  ];
}

/** A store that knows nothing loads an aircraft of 10, 100 and 10,000 events, which were appended one by one. */
import type { Truth } from '../../../lib/events/index.js';
import type { OtherKind } from '../event-stores.js';
import { interleave, type Variant } from '../plan.js';
import { type Bound, compare, measure, type Row, ratioRow } from '../row.js';
import { opsOf, type Sample } from '../sample.js';
import type { Case, Stage } from '../stage.js';
import { wrongRow } from './events-append.js';

const truths: Readonly<Record<string, Truth>> = {
  events: 'events',
  snapshots: { snapshotEvery: 100 },
  aggregate: 'aggregate',
};
const others = ['items', 'castore', 'transactions', 'transactions, events'] as const satisfies readonly OtherKind[];

/** Loads of one window. */
const opsOfCount = { 10: 60, 100: 60, 10000: 8 } as const;
type Count = keyof typeof opsOfCount;

export const eventsLoad: Case = async (stage) => {
  const { worker, place, log } = stage;
  await worker.run('makeAircraft', { place });
  const rows: Row[] = [];
  for (const count of [10, 100, 10_000] as const) {
    log(`aircraft of ${count.toLocaleString('en')} events`);
    const where = { place, id: `load-${count}`, count };
    // Streams differ, so they are filled at the same time.
    const fills = Object.values(truths).map((truth) => worker.run('fillAircraft', { ...where, truth }));
    await Promise.all([...fills, worker.run('fillElsewhere', where)]);
    rows.push(...(await loadRows(stage, count)));
  }
  return rows;
};

async function loadRows({ plan, worker, place }: Stage, count: Count): Promise<Row[]> {
  const where = { place, id: `load-${count}`, count };
  const ops = (warm: boolean) => ({ ops: warm ? Math.ceil(opsOfCount[count] / 4) : opsOfCount[count] });
  const ours =
    (truth: Truth): Variant =>
    (warm) =>
      worker.run('loadAircraft', { ...where, truth, ...ops(warm) });
  const theirs =
    (kind: OtherKind): Variant =>
    (warm) =>
      worker.run('loadElsewhere', { ...where, kind, ...ops(warm) });
  const variants: Record<string, Variant> = {
    ...Object.fromEntries(Object.entries(truths).map(([name, truth]) => [name, ours(truth)])),
    ...Object.fromEntries(others.map((kind) => [`by ${kind}`, theirs(kind)])),
  };
  const found = await interleave(plan.rounds, variants);
  const of = (name: string) => found[name] as Sample[];
  const group = `cold load of ${count.toLocaleString('en')} events`;
  const pair = (name: string, mine: string, baseline: string, goal?: Bound) =>
    compare({ group, name, figure: 'p50', ours: of(mine), baseline: of(baseline), ...(goal && { goal }) });
  const isLong = count === 10_000;
  return [
    pair('from events; Query of an item per event', 'events', 'by items', isLong ? { atMost: 0.1 } : undefined),
    pair('from events; castore, as published', 'events', 'by castore'),
    pair('from events; Query of dynamo-es items', 'events', 'by transactions, events'),
    pair('from snapshots; Query of an item per event', 'snapshots', 'by items'),
    pair('from the aggregate; get of the dynamo-es state', 'aggregate', 'by transactions'),
    ratioRow({
      ...{ group, name: 'read units from events; Query of an item per event', unit: '' },
      ...{ ours: unitsOf(of('events')), baseline: unitsOf(of('by items')) },
      ...(isLong && { goal: { atMost: 0.2 } }),
    }),
    ...Object.keys(truths).flatMap((name) => {
      const isHead = count === 10 ? { goal: { atMost: 2 } } : {};
      return [
        measure({ group, name: `requests, from ${name}`, values: requestsOf(of(name)), unit: '', ...isHead }),
        measure({ group, name: `read units, from ${name}`, values: unitsOf(of(name)), unit: '' }),
      ];
    }),
    measure({ group, name: 'requests, Query of an item per event', values: requestsOf(of('by items')), unit: '' }),
    wrongRow(group, Object.values(found).flat()),
  ];
}

const requestsOf = (samples: readonly Sample[]) => samples.map((one) => one.counts.requests / opsOf(one));
const unitsOf = (samples: readonly Sample[]) => samples.map((one) => one.counts.readUnits / opsOf(one));

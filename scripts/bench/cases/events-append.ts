/** One caller who appends 1, 10 and 1,000 events at a time to one stream, against a bare put and other layouts. */

import type { OtherKind } from '../event-stores.js';
import { interleave, type Variant } from '../plan.js';
import { compare, measure, type Row } from '../row.js';
import { merge, opsOf, type Sample } from '../sample.js';
import type { Case, Stage } from '../stage.js';

export const eventsAppend: Case = async (stage) => {
  const { worker, place, engine } = stage;
  await worker.run('makeAircraft', { place });
  // The embedded engine has none.
  const hasTransactions = engine.name !== 'dynalite';
  return [...(await oneRows(stage, hasTransactions)), ...(await manyRows(stage, hasTransactions))];
};

function sidesOf({ plan, worker, place }: Stage) {
  const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 2 : plan.windowMs });
  // Of so many at a time only a few would end in a window.
  const length = (events: number, warm: boolean) => (events > 100 ? { ops: warm ? 1 : 6 } : forMs(warm));
  return {
    ours:
      (events: number): Variant =>
      (warm) =>
        worker.run('appendEvents', { place, id: `append-${events}`, events, ...length(events, warm) }),
    theirs:
      (kind: OtherKind, events: number): Variant =>
      (warm) => {
        const where = { place, id: `${kind}-append-${events}`, kind };
        return worker.run('appendElsewhere', { ...where, events, ...length(events, warm) });
      },
    put: (): Variant => (warm) => {
      const head = { place, key: 'stream', size: 'stream head', callers: 1, request: 'put' } as const;
      return worker.run('raw', { ...head, ...forMs(warm) });
    },
  };
}

async function oneRows(stage: Stage, hasTransactions: boolean): Promise<Row[]> {
  const { ours, theirs, put } = sidesOf(stage);
  const variants: Record<string, Variant> = {
    ours: ours(1),
    put: put(),
    items: theirs('items', 1),
    castore: theirs('castore', 1),
    ...(hasTransactions && { transactions: theirs('transactions', 1) }),
  };
  const found = await interleave(stage.plan.rounds, variants);
  const { ours: mine = [], put: puts = [], items = [], castore = [], transactions } = found;
  const group = 'append of 1 event, one caller';
  const against = (name: string, baseline: readonly Sample[]) =>
    compare({ group, name: `append; ${name}`, figure: 'p50', ours: mine, baseline });
  return [
    compare({
      group,
      name: 'append; raw put of an item of the same size',
      figure: 'p50',
      ours: mine,
      baseline: puts,
      goal: { atMost: 1.2 },
    }),
    against('a conditional item per event', items),
    against('castore, as published', castore),
    ...(transactions === undefined ? [] : [against('a transaction of event and state', transactions)]),
    ...priceRows(group, 1, mine, { atMost: 1.3 }),
    priceRow(group, 'a conditional item per event', 1, items),
    ...(transactions === undefined ? [] : [priceRow(group, 'a transaction of event and state', 1, transactions)]),
    wrongRow(group, Object.values(found).flat()),
  ];
}

async function manyRows(stage: Stage, hasTransactions: boolean): Promise<Row[]> {
  const { ours, theirs } = sidesOf(stage);
  const rows: Row[] = [];
  for (const events of [10, 1_000]) {
    const variants: Record<string, Variant> = {
      ours: ours(events),
      ...(hasTransactions && { items: theirs('items', events), transactions: theirs('transactions', events) }),
    };
    const found = await interleave(stage.plan.rounds, variants);
    const { ours: mine = [], items, transactions } = found;
    const group = `append of ${events.toLocaleString('en')} events at once, one caller`;
    // Of more than a hundred, nobody else's are all or none.
    const parts = events > 100 ? ', a hundred at a time' : '';
    const against = (name: string, baseline: readonly Sample[] | undefined) =>
      baseline === undefined
        ? []
        : [
            compare({ group, name: `append; ${name}${parts}`, figure: 'p50', ours: mine, baseline }),
            priceRow(group, `${name}${parts}`, events, baseline),
          ];
    rows.push(
      ...priceRows(group, events, mine),
      ...against('a transaction of an item per event', items),
      ...against('a transaction of the items and the state', transactions),
      wrongRow(group, Object.values(found).flat()),
    );
  }
  return rows;
}

function priceRows(
  group: string,
  events: number,
  samples: readonly Sample[],
  goal?: { readonly atMost: number },
): Row[] {
  const per = (figure: (sample: Sample) => number) => samples.map((one) => figure(one) / (opsOf(one) * events));
  const units = per(({ counts }) => counts.writeUnits);
  const name = 'write units per event, all items';
  return [
    measure({ group, name, values: units, unit: '', samples, ...(goal && { goal }) }),
    measure({ group, name: 'requests per event', values: per(({ counts }) => counts.requests), unit: '' }),
  ];
}

function priceRow(group: string, name: string, events: number, samples: readonly Sample[]): Row {
  const all = merge(samples);
  const values = [all.counts.writeUnits / (opsOf(all) * events)];
  return measure({ group, name: `write units per event by ${name}`, values, unit: '' });
}

/** Answers that were not the right ones, of either side. */
export function wrongRow(group: string, samples: readonly Sample[]): Row {
  return measure({ group, name: 'wrong answers', values: [merge(samples).wrong], unit: '', goal: { atMost: 0 } });
}

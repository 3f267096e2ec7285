/**
 * One process with 1 to 1,000 callers at once: what an event costs, and how fast events become durable, against journals with an
 * item per event.
 */
import { interleave, type Variant } from '../plan.js';
import { type Bound, compare, measure, type Row } from '../row.js';
import { merge, opsOf, perSecond, type Sample } from '../sample.js';
import type { Case, Stage } from '../stage.js';
import type { JournalKind } from '../tasks/event-journals.js';

export const callerCounts = [1, 10, 100, 1_000] as const;
type CallerCount = (typeof callerCounts)[number];

/** Write units per event, all items together. */
const unitGoals: Readonly<Record<CallerCount, Bound>> = {
  1: { atMost: 1.3 },
  10: { atMost: 0.26 },
  100: { atMost: 0.06 },
  1000: { atMost: 0.03 },
};

/** The two sides of this case, and what the checks at the end need of them. */
interface Sides {
  events(callers: CallerCount): Variant;
  items(kind: JournalKind, callers: number): Variant;
  /** Events of ours that were acknowledged, and answers of either side that were wrong. */
  seen(): { readonly acknowledged: number; readonly wrong: number };
}

function sidesOf({ plan, worker, place }: Stage): Sides {
  let [acknowledged, wrong] = [0, 0];
  const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 2 : plan.windowMs });
  return {
    events: (callers) => async (warm) => {
      const where = { place, name: `costs-${callers}` };
      const sample = await worker.run('handle', { ...where, callers, ...forMs(warm) });
      acknowledged += sample.finished;
      wrong += sample.wrong;
      return sample;
    },
    items: (kind, callers) => async (warm) => {
      const name = `${kind}-${callers}`;
      const sample = await worker.run('handleByItems', { place, name, kind, callers, ...forMs(warm) });
      wrong += sample.wrong;
      return sample;
    },
    seen: () => ({ acknowledged, wrong }),
  };
}

export const prevalenceCosts: Case = async (stage) => {
  const { plan, worker, place, engine } = stage;
  await worker.run('makeEvents', { place });
  const sides = sidesOf(stage);
  const { put, one, ten, hundred, thousand, items, locked } = await interleave(plan.rounds, {
    one: sides.events(1),
    put: (warm) => {
      const head = { place, key: 'costs', size: 'journal head', callers: 1, request: 'put' } as const;
      return worker.run('raw', { ...head, forMs: warm ? plan.windowMs / 2 : plan.windowMs });
    },
    ten: sides.events(10),
    hundred: sides.events(100),
    thousand: sides.events(1_000),
    items: sides.items('items', 64),
    locked: sides.items('locked', 1_000),
  });
  const rows = [
    compare({
      group: groupOf(1),
      name: 'handle; raw put of an item of the same size',
      figure: 'p50',
      ours: one,
      baseline: put,
      goal: { atMost: 1.2 },
    }),
    ...costRows(1, one),
    ...costRows(10, ten),
    ...costRows(100, hundred),
    ...costRows(1_000, thousand),
    ratesRow(1_000, 'an item per event, 64 in flight', thousand, items, { atLeast: 60 }),
    ratesRow(1_000, 'a put per event, one at a time under a lock', thousand, locked, { atLeast: 150 }),
    unitsRow('an item per event, 64 in flight', items),
    unitsRow('a put per event, one at a time under a lock', locked),
    // The embedded engine has none.
    ...(engine.name === 'dynalite' ? [] : await transactionRows(stage, sides)),
  ];
  const held = await heldEvents(stage);
  const { acknowledged, wrong } = sides.seen();
  const lost = measure({
    group: 'events',
    name: 'acknowledged and missing in the end, and wrong answers',
    values: [Math.abs(acknowledged - held) + wrong],
    unit: '',
    goal: { atMost: 0 },
  });
  return [...rows, lost];
};

async function transactionRows({ plan }: Stage, sides: Sides): Promise<Row[]> {
  const { one, ten, alone, together } = await interleave(plan.rounds, {
    one: sides.events(1),
    alone: sides.items('transactions', 1),
    ten: sides.events(10),
    together: sides.items('transactions', 10),
  });
  return [
    ratesRow(1, 'a transaction of event and head', one, alone),
    ratesRow(10, 'transactions of all that wait, and head', ten, together),
    unitsRow('a transaction of event and head', alone),
    unitsRow('transactions of all that wait, 10 at once, and head', together),
  ];
}

const groupOf = (callers: number) => `events, ${callers.toLocaleString('en')} at once`;

function ratesRow(
  callers: CallerCount,
  name: string,
  ours: readonly Sample[],
  baseline: readonly Sample[],
  goal?: Bound,
): Row {
  const sides = { group: groupOf(callers), name: `handle; ${name}`, figure: 'rate', ours, baseline } as const;
  return compare({ ...sides, ...(goal && { goal }) });
}

/** What an event costs by a baseline. */
function unitsRow(name: string, samples: readonly Sample[]): Row {
  const all = merge(samples);
  const values = [all.counts.writeUnits / opsOf(all)];
  return measure({ group: 'write units per event', name, values, unit: '', samples });
}

/** The cost table's rows for so many callers. */
export function costRows(callers: CallerCount, samples: readonly Sample[], group: string = groupOf(callers)): Row[] {
  const per = (figure: (sample: Sample) => number) => samples.map((sample) => figure(sample) / opsOf(sample));
  const [units, bytes] = [per(({ counts }) => counts.writeUnits), per(({ counts }) => counts.bytesWritten ?? 0)];
  const perCommit = samples.map((sample) => opsOf(sample) / sample.counts.commits);
  return [
    measure({ group, name: 'events a second', values: samples.map(perSecond), unit: '/s', samples }),
    measure({ group, name: 'events per commit', values: perCommit, unit: '' }),
    measure({ group, name: 'write units per event, all items', values: units, unit: '', goal: unitGoals[callers] }),
    measure({ group, name: 'bytes written per event', values: bytes, unit: ' B' }),
    measure({ group, name: 'requests per event', values: per(({ counts }) => counts.requests), unit: '' }),
  ];
}

/** The events that new instances find in all journals of this case. */
async function heldEvents({ worker, place }: Stage): Promise<number> {
  await worker.run('closeBanks', {});
  let held = 0;
  for (const callers of callerCounts) {
    const { board } = await worker.run('recover', { place, name: `costs-${callers}` });
    held += board.flights;
  }
  return held;
}

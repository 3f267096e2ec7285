/** Recovery of a journal that grows, against the replay of one item per event; and what it holds in memory meanwhile. */
import { landAll } from '../flights.js';
import { inNewProcess } from '../processes.js';
import { measure, type Row, ratioRow } from '../row.js';
import type { Case, Stage } from '../stage.js';
import type { Recovered } from '../tasks/recovery.js';

const name = 'recovery';
const small = 'recovery-small';
const smallEvents = 1_000;
const itemNames = { attributes: 'items-attributes', json: 'items-json' } as const;

export const prevalenceRecovery: Case = async (stage) => {
  const { plan, worker, place, log } = stage;
  await worker.run('makeEvents', { place });
  for (const form of ['attributes', 'json'] as const) {
    await worker.run('fillItems', { place, name: itemNames[form], count: plan.replayedItems, form });
  }
  await worker.run('fillJournal', { place, name: small, count: smallEvents });
  const rows: Row[] = [];
  for (const count of plan.recoveredEvents) {
    log(`recovery of ${count.toLocaleString('en')} events`);
    await worker.run('fillJournal', { place, name, count });
    rows.push(...(await measureRecovery(stage, count)));
  }
  return [...rows, ...(await memoryRows(stage, plan.recoveredEvents.at(-1) as number))];
};

const groupOf = (count: number) => `recovery of ${count.toLocaleString('en')} events`;

async function measureRecovery({ plan, worker, place }: Stage, count: number): Promise<Row[]> {
  const [ours, attributes, json]: [Recovered[], Recovered[], Recovered[]] = [[], [], []];
  // In turn, and one round before for warming up.
  for (let round = 0; round <= plan.contendedRounds; round += 1) {
    const found = await worker.run('recover', { place, name });
    const replayed = await worker.run('replayItems', { place, name: itemNames.attributes });
    const parsed = await worker.run('replayItems', { place, name: itemNames.json });
    if (round === 0) continue;
    ours.push(found);
    attributes.push(replayed);
    json.push(parsed);
  }
  const [whole, part] = [JSON.stringify(landAll(0, count)), JSON.stringify(landAll(0, plan.replayedItems))];
  const different = [
    ...ours.filter(({ board }) => JSON.stringify(board) !== whole),
    ...[...attributes, ...json].filter(({ board }) => JSON.stringify(board) !== part),
  ];
  const group = groupOf(count);
  return [
    measure({ group, name: 'time', values: ours.map(({ ms }) => ms), unit: ' ms' }),
    ...rateRows(count, plan.replayedItems, { ours, attributes, json }),
    ...priceRows(count, plan.replayedItems, ours[0] as Recovered, json[0] as Recovered),
    measure({ group, name: 'CPU per event', values: ours.map(({ cpuUs }) => cpuUs / count), unit: ' us' }),
    measure({
      group,
      name: 'states that differ from the sequential computation',
      values: [different.length],
      unit: '',
      goal: { atMost: 0 },
    }),
  ];
}

const ratioEventsMin = 1_000_000;

interface Sides {
  readonly ours: readonly Recovered[];
  readonly attributes: readonly Recovered[];
  readonly json: readonly Recovered[];
}

function rateRows(count: number, items: number, { ours, attributes, json }: Sides): Row[] {
  const ratesOf = (all: readonly Recovered[], events: number) => all.map(({ ms }) => (events * 1_000) / ms);
  const base = { group: groupOf(count), ours: ratesOf(ours, count), unit: '/s' };
  const replay = `events a second; Query of an item per event (${items.toLocaleString('en')} of them)`;
  return [
    ratioRow({
      ...base,
      name: `${replay}, attributes`,
      baseline: ratesOf(attributes, items),
      ...(count >= ratioEventsMin && { goal: { atLeast: 20 } }),
    }),
    ratioRow({ ...base, name: `${replay}, JSON in a string`, baseline: ratesOf(json, items) }),
  ];
}

function priceRows(count: number, items: number, ours: Recovered, theirs: Recovered): Row[] {
  const group = groupOf(count);
  const perAsMany = (spent: number) => Math.round((spent * count) / items).toLocaleString('en');
  const row = (name: string, figure: 'requests' | 'readUnits') =>
    measure({
      group,
      name: `${name} in all; an item per event, for as many`,
      values: [ours.counts[figure]],
      unit: '',
      baseline: perAsMany(theirs.counts[figure]),
    });
  return [row('requests', 'requests'), row('read units', 'readUnits')];
}

async function memoryRows({ plan, home, place }: Stage, count: number): Promise<Row[]> {
  const args = { place, name, small };
  const [alive, resident, ms]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < plan.contendedRounds; round += 1) {
    const weighed = await inNewProcess(home, (worker) => worker.run('weighRecovery', args));
    const found = await inNewProcess(home, (worker) => worker.run('residentRecovery', args));
    alive.push(weighed.aliveBytes / 2 ** 20);
    resident.push(found.residentBytes / 2 ** 20);
    ms.push(found.recovered.ms);
  }
  const group = groupOf(count);
  const beside = 'memory alive beside the state, at most';
  return [
    measure({ group, name: 'time in a new process', values: ms, unit: ' ms' }),
    measure({ group, name: beside, values: alive, unit: ' MB', goal: { atMost: 64 } }),
    measure({ group, name: 'growth of the resident set, garbage included', values: resident, unit: ' MB' }),
  ];
}

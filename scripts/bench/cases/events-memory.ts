/** What a process holds while it reads a long stream, event by event. */
import { inNewProcess } from '../processes.js';
import { measure, type Row } from '../row.js';
import type { Case } from '../stage.js';

const stream = 'long-stream';
const small = 'long-stream-small';
const smallEvents = 2_000;

export const eventsMemory: Case = async ({ plan, worker, home, place, log }) => {
  const count = plan.recoveredEvents.at(-1) as number;
  log(`a stream of ${count.toLocaleString('en')} events`);
  await worker.run('fillLongStream', { place, stream: small, count: smallEvents });
  await worker.run('fillLongStream', { place, stream, count });
  const args = { place, stream, small };
  const [alive, resident, rates]: [number[], number[], number[]] = [[], [], []];
  let missing = 0;
  for (let round = 0; round < plan.contendedRounds; round += 1) {
    const weighed = await inNewProcess(home, (one) => one.run('weighRead', args));
    const found = await inNewProcess(home, (one) => one.run('residentRead', args));
    alive.push(weighed.aliveBytes / 2 ** 20);
    resident.push(found.residentBytes / 2 ** 20);
    rates.push((found.events * 1_000) / found.ms);
    missing += Math.abs(weighed.events - count) + Math.abs(found.events - count);
  }
  const group = `reading a stream of ${count.toLocaleString('en')} events`;
  const rows: Row[] = [
    measure({ group, name: 'events a second', values: rates, unit: '/s' }),
    measure({ group, name: 'memory alive, at most', values: alive, unit: ' MB', goal: { atMost: 64 } }),
    measure({ group, name: 'growth of the resident set, garbage included', values: resident, unit: ' MB' }),
    measure({ group, name: 'events missing', values: [missing], unit: '', goal: { atMost: 0 } }),
  ];
  return rows;
};

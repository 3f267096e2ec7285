/** What lost answers of a session and a lock must come to, on whatever engine: each call once, and nothing lost for that reason. */
import { AtomTable } from '../../lib/atom/index.js';
import { type Clock, type Engine, FaultyEngine } from '../../lib/engine/index.js';
import { Lock, Session } from '../../lib/recipes/index.js';
import { lostAnswers } from './lock-simulation.js';

interface Books {
  /** Calls that ended well. */
  readonly done: number;
  /** What the item says of them. */
  readonly counted: number;
  readonly losses: number;
  /** Answers that were lost. */
  readonly unclear: number;
}

interface Place {
  readonly engine: Engine;
  readonly tableName: string;
  readonly clock?: Clock;
  readonly name: string;
}

function open({ engine, tableName, clock }: Place, rate: number, of: RegExp) {
  const timed = clock === undefined ? {} : { clock };
  const faulty = new FaultyEngine(engine, { rules: lostAnswers(rate, of), seed: 7, ...timed });
  const table = new AtomTable({ engine: faulty, tableName, ...timed });
  const session = new Session(table, { leaseMs: 15_000, renewal: 'manual' });
  const losses = { count: 0 };
  session.onLost(() => {
    losses.count += 1;
  });
  return { faulty, session, losses };
}

/** Renews a session so often; 30 % of the answers are lost. The item counts beats. */
export async function lostBeats(place: Place, count: number): Promise<Books> {
  const { faulty, session, losses } = open(place, 0.3, /session:/);
  const lease = await session.lease();
  let done = 0;
  for (; done < count && lease.isLive(); done += 1) await session.beat();
  const { engine, tableName, clock } = place;
  const reader = new AtomTable({ engine, tableName, ...(clock !== undefined && { clock }) });
  const { value } = await reader.atom<{ beat: number }>(`session:${lease.id}`).snapshot();
  await session.close();
  return { done, counted: value?.beat ?? 0, losses: losses.count, unclear: faulty.spent().unclear };
}

/** Acquires and releases a lock so often; half of the answers are lost. The item counts grants. */
export async function lostReleases(place: Place, count: number): Promise<Books> {
  const { faulty, session, losses } = open(place, 0.5, /lock:/);
  const lock = new Lock(session, place.name);
  let done = 0;
  let counted = 0;
  for (let turn = 0; turn < count; turn += 1) {
    await session.lease();
    if (turn % 10 === 0) await session.beat();
    const grant = await lock.acquire();
    counted = Number(grant.token);
    if (await grant.release()) done += 1;
  }
  if ((await lock.holder()) !== undefined) counted = -1;
  await session.close();
  return { done, counted, losses: losses.count, unclear: faulty.spent().unclear };
}

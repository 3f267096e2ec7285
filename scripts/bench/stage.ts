/** What a case works with: an engine that runs, workers, and the plan. */
import type { Place } from './clients.js';
import type { Plan } from './plan.js';
import { type EngineName, type RunningEngine, startEngine, startWorker, type Worker } from './processes.js';
import type { Row } from './row.js';

export interface Stage {
  readonly plan: Plan;
  readonly home: string;
  /** Options of node for workers, for profiles. */
  readonly execArgv: readonly string[];
  readonly engine: RunningEngine;
  readonly place: Place;
  /** The one client process of most cases. */
  readonly worker: Worker;
  /** Writes what is going on. */
  readonly log: (text: string) => void;
}

export type Case = (stage: Stage) => Promise<readonly Row[]>;

/** Starts an engine and a worker, makes the table, and warms both up. */
export async function openStage(
  name: EngineName,
  base: Pick<Stage, 'plan' | 'home' | 'execArgv' | 'log'>,
): Promise<Stage & { close(): Promise<void> }> {
  const { plan, home, execArgv, log } = base;
  const engine = await startEngine(name, home);
  const worker = startWorker({ home, execArgv });
  const place = { endpoint: engine.endpoint, table: 'bench' };
  log(`${name} warms up`);
  await worker.run('setup', place);
  const half = { place, key: 'warm', size: '1 KB', callers: 8, forMs: plan.warmUpMs / 2 } as const;
  await worker.run('raw', { ...half, request: 'put' });
  await worker.run('raw', { ...half, request: 'get', forMs: plan.warmUpMs / 6 });
  await worker.run('swap', { ...half, atoms: 'own', forMs: plan.warmUpMs / 3 });
  const close = async () => {
    await worker.close();
    await engine.close();
  };
  return { ...base, engine, place, worker, close };
}

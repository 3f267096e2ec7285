/**
 * The processes of a run, as its main process sees them.
 *
 *   main ──> worker …        clients: measure, and do nothing else
 *        ──> engine process  dynalite, or the fault proxy
 *        ──> guardian ──> java   DynamoDB Local
 *
 * They end with the main process, whatever ends it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { type FaultChoice, startDynamoDBLocal } from '../../lib/testing/index.js';
import type { EngineOrder, EngineReady } from './engine-process.js';
import type { Tasks } from './tasks/index.js';
import type { Report } from './worker.js';

/** A worker process. */
export interface Worker {
  run<Name extends keyof Tasks>(task: Name, args: Parameters<Tasks[Name]>[0]): ReturnType<Tasks[Name]>;
  /** Stops it, lets it go on, or ends it without a farewell. */
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void;
  close(): Promise<void>;
}

export interface WorkerOptions {
  /** Folder of the compiled benchmark. */
  readonly home: string;
  /** Further options of node. */
  readonly execArgv?: readonly string[];
}

export function startWorker({ home, execArgv = [] }: WorkerOptions): Worker {
  const child = start(home, 'worker', execArgv);
  const waiting = new Map<number, (report: Report) => void>();
  let orders = 0;
  child.on('message', (report: Report) => waiting.get(report.id)?.(report));
  child.on('exit', (code, signal) => {
    for (const [id, tell] of waiting) tell({ id, error: `the worker ended: ${signal ?? code}` });
  });
  const run = async (task: string, args: unknown): Promise<unknown> => {
    orders += 1;
    const id = orders;
    const report = await new Promise<Report>((resolve) => {
      waiting.set(id, resolve);
      child.send({ id, task, args });
    });
    waiting.delete(id);
    if ('error' in report) throw new Error(`Task ${task} failed: ${report.error}`);
    return report.result;
  };
  return { run: run as Worker['run'], signal: (name) => void child.kill(name), close: () => end(child) };
}

/** Runs something in a worker of its own, whose garbage can be collected at will. */
export async function inNewProcess<Found>(home: string, run: (worker: Worker) => Promise<Found>): Promise<Found> {
  const worker = startWorker({ home, execArgv: ['--expose-gc'] });
  try {
    return await run(worker);
  } finally {
    await worker.close();
  }
}

export const engineNames = ['dynalite', 'DynamoDB Local'] as const;
export type EngineName = (typeof engineNames)[number];

/** An engine in a process of its own. */
export interface RunningEngine {
  readonly name: EngineName;
  readonly endpoint: string;
  close(): Promise<void>;
}

export async function startEngine(name: EngineName, home: string): Promise<RunningEngine> {
  if (name === 'dynalite') {
    const { child, endpoint } = await startEngineProcess(home, { start: 'dynalite' });
    return { name, endpoint, close: () => end(child) };
  }
  // At full strength: the quick start leaves the better compiler of the JVM out.
  const { endpoint, close } = await startDynamoDBLocal({ quickStart: false });
  return { name, endpoint, close };
}

/** A proxy before an engine, in a process of its own. */
export interface RunningProxy {
  readonly endpoint: string;
  setFaults(choice: FaultChoice): Promise<void>;
  close(): Promise<void>;
}

export async function startProxy(target: string, home: string): Promise<RunningProxy> {
  const { child, endpoint } = await startEngineProcess(home, { start: 'proxy', target });
  return {
    endpoint,
    setFaults: async (faults) => {
      await ask(child, { faults });
    },
    close: () => end(child),
  };
}

async function startEngineProcess(home: string, order: EngineOrder) {
  const child = start(home, 'engine-process', []);
  const { endpoint } = await ask(child, order);
  return { child, endpoint };
}

function ask(child: ChildProcess, order: EngineOrder): Promise<EngineReady> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`the engine process ended: ${code}`));
    child.once('exit', onExit);
    child.once('message', (ready: EngineReady) => {
      child.off('exit', onExit);
      resolve(ready);
    });
    child.send(order);
  });
}

function start(home: string, file: 'worker' | 'engine-process', execArgv: readonly string[]): ChildProcess {
  return fork(path.join(home, `${file}.js`), {
    execArgv: ['--no-warnings', ...execArgv],
    serialization: 'advanced',
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', NODE_OPTIONS: '' },
  });
}

/** Ends a child in its own way: a profile is written on the way out. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  await ended;
}

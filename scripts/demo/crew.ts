/**
 * The worker processes: started, watched, and one of them killed.
 *
 *   fork all -> all ready -> start -> ... progress ... -> SIGKILL one, midway in a chunk
 *                                                           `-> it has exited -> give its chunk back
 *
 * Invariant: when `runCrew` is over, for whatever reason, none of its processes is alive.
 */
import type { ChildProcess } from 'node:child_process';
import type { Spent } from '../../lib/index.js';
import { exitOf, forkScript } from './fork.js';
import type { Job, Report } from './messages.js';

/** Of all rows this part is counted before one process is killed. */
const killAfter = 0.4;
const killDelayMs = 15;

/** `Finding` is what workers tell beside what all of them tell, `Order` what they are told after their job. */
interface CrewOptions<WorkerJob extends Job, Finding, Order> {
  /** What workers are called; a number follows. */
  readonly title: string;
  /** What a worker's process runs. */
  readonly script: URL;
  readonly processes: number;
  readonly kill: boolean;
  readonly job: Omit<WorkerJob, 'worker'>;
  /** Takes back what a dead worker held. */
  giveBack(worker: string): Promise<void> | void;
  /** `tell` says something to that worker; nothing happens when it is dead. */
  hear(worker: string, finding: Finding, tell: (order: Order) => void): void;
  onProgress(rows: number): void;
  onNote(text: string): void;
  readonly signal: AbortSignal;
}

/** The one that was killed. */
interface Killed {
  readonly worker: string;
  readonly pid: number;
  /** Where it was by its last message. */
  readonly chunk: number;
  readonly sent: number;
}

export interface CrewResult {
  readonly killed: Killed | undefined;
  /** What each worker has spent; of a killed one, what its last message said. */
  readonly spent: readonly Spent[];
  /** Chunks finished, per worker. */
  readonly chunksFinished: Readonly<Record<string, number>>;
  readonly seconds: number;
}

interface Member {
  readonly worker: string;
  readonly child: ChildProcess;
  finished: boolean;
  rowsNew: number;
  spent: Spent | undefined;
}

export async function runCrew<WorkerJob extends Job, Finding, Order extends object>(
  options: CrewOptions<WorkerJob, Finding, Order>,
): Promise<CrewResult> {
  const crew = new Crew(options);
  try {
    return await crew.run();
  } finally {
    await crew.end();
  }
}

class Crew<WorkerJob extends Job, Finding, Order extends object> {
  readonly #options: CrewOptions<WorkerJob, Finding, Order>;
  readonly #members: readonly Member[];
  readonly #exits: readonly Promise<void>[];
  readonly #failed: Promise<never>;
  #fail: (error: unknown) => void = () => {};
  #ready = 0;
  #allReady: () => void = () => {};
  #ending = false;
  #killed: Killed | undefined;
  readonly #chunksFinished: Record<string, number> = {};

  constructor(options: CrewOptions<WorkerJob, Finding, Order>) {
    this.#options = options;
    this.#failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {});
    options.signal.addEventListener('abort', () => this.#fail(options.signal.reason), { once: true });
    this.#members = Array.from({ length: options.processes }, (_, n) => this.#start(`${options.title}-${n + 1}`));
    this.#exits = this.#members.map((member) => this.#watch(member));
  }

  async run(): Promise<CrewResult> {
    const { signal, job } = this.#options;
    signal.throwIfAborted();
    const ready = new Promise<void>((resolve) => {
      this.#allReady = resolve;
    });
    await Promise.race([ready, this.#failed]);
    const startedAt = performance.now();
    for (const { child, worker } of this.#members) child.send({ ...job, worker });
    await Promise.race([Promise.all(this.#exits), this.#failed]);
    return {
      killed: this.#killed,
      spent: this.#members.flatMap(({ spent }) => spent ?? []),
      chunksFinished: this.#chunksFinished,
      seconds: (performance.now() - startedAt) / 1_000,
    };
  }

  /** Kills who is left, and waits until nobody is. */
  async end(): Promise<void> {
    this.#ending = true;
    for (const { child } of this.#members) child.kill('SIGKILL');
    await Promise.allSettled(this.#exits);
  }

  #start(worker: string): Member {
    const child = forkScript(this.#options.script);
    const member: Member = { worker, child, finished: false, rowsNew: 0, spent: undefined };
    child.on('message', (report: Report<Finding>) => this.#hear(member, report));
    return member;
  }

  /** Resolves when the process is gone and what it held is given back. */
  #watch(member: Member): Promise<void> {
    const { child, worker } = member;
    const over = exitOf(child).then(async (how) => {
      if (this.#ending || member.finished) return;
      if (this.#killed?.worker !== worker) {
        this.#fail(new Error(`${worker} (pid ${child.pid}) ended before its work was over: ${how}`));
        return;
      }
      // Not a moment earlier: a process that still lives could go on with a chunk that was given to another one.
      await this.#options.giveBack(worker);
    });
    return over.catch(this.#fail);
  }

  #hear(member: Member, report: Report<Finding>): void {
    const { worker, child } = member;
    switch (report.kind) {
      case 'ready':
        this.#ready += 1;
        if (this.#ready === this.#members.length) this.#allReady();
        break;
      case 'progress':
        member.rowsNew = report.rowsNew;
        member.spent = report.spent;
        this.#advance(member, report);
        break;
      case 'finding':
        this.#options.hear(worker, report.finding, (order) => child.connected && child.send(order));
        break;
      case 'finished':
        member.finished = true;
        member.spent = report.spent;
        this.#chunksFinished[worker] = report.chunks;
        // It ends when this channel does, so no message of its is lost.
        child.disconnect();
        break;
      case 'failed':
        this.#fail(new Error(`${worker} failed: ${report.message}`));
    }
  }

  #advance({ worker, child }: Member, report: Extract<Report<Finding>, { kind: 'progress' }>): void {
    const { job, kill, onProgress, onNote } = this.#options;
    const rows = this.#members.reduce((sum, member) => sum + member.rowsNew, 0);
    onProgress(rows);
    const { chunk, sent } = report;
    if (!kill || this.#killed !== undefined || rows < job.rows * killAfter || sent > job.rowsPerChunk / 2) return;
    this.#killed = { worker, pid: child.pid ?? 0, chunk, sent };
    // In the middle of the next rows, when some of them are in and some are not.
    setTimeout(() => {
      child.kill('SIGKILL');
      onNote(`${worker} (pid ${child.pid}) was killed with SIGKILL, some time after row ${sent} of chunk ${chunk}`);
    }, killDelayMs);
  }
}

/** What several have spent, together. */
export function addSpent(all: readonly Spent[]): Spent {
  const [first = {} as Spent] = all;
  const names = Object.keys(first) as (keyof Spent)[];
  return Object.fromEntries(names.map((name) => [name, all.reduce((sum, one) => sum + one[name], 0)])) as never;
}

/** `npm start`: the command line around one run. */
import { constants } from 'node:os';
import { type DemoOptions, helpOf, type JobName, parseOptions, splitJob, UsageError } from './options.js';

class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`Stopped by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** What a job has found. */
interface Outcome {
  readonly figures: { readonly equal: boolean };
  readonly text: string;
}

const jobs: Readonly<Record<JobName, (options: DemoOptions, signal: AbortSignal) => Promise<Outcome>>> = {
  async atoms(options, signal) {
    const [{ runAtoms }, { figuresOf, reportText }] = await Promise.all([import('./run.js'), import('./report.js')]);
    const figures = figuresOf(options, await runAtoms(options, signal));
    return { figures, text: reportText(figures) };
  },
  async prevalence(options, signal) {
    const [{ runPrevalence }, { figuresOf, reportText }] = await Promise.all([
      import('./prevalence/run.js'),
      import('./prevalence/report.js'),
    ]);
    const figures = figuresOf(options, await runPrevalence(options, signal));
    return { figures, text: reportText(figures) };
  },
  async streams(options, signal) {
    const [{ runStreams }, { figuresOf, reportText }] = await Promise.all([
      import('./streams/run.js'),
      import('./streams/report.js'),
    ]);
    const figures = figuresOf(options, await runStreams(options, signal));
    return { figures, text: reportText(figures) };
  },
};

// For this process and the workers: five copies of the SDK's note on versions of Node.js would bury the report.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

async function main(): Promise<number> {
  const [job, flags] = splitJob(process.argv.slice(2));
  const options = parseOptions(flags, job);
  if (options === undefined) {
    process.stdout.write(helpOf(job));
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Runners pass a signal on that the terminal has sent already, so the second one must not cut the first one short.
    process.on(signal, () => stop.abort(new Interrupted(signal)));
  }
  const { figures, text } = await jobs[job](options, stop.signal).catch((error: unknown) => {
    // An interrupt reaches the whole group, and what else has failed of it is no news.
    stop.signal.throwIfAborted();
    throw error;
  });
  process.stdout.write(options.json ? `${JSON.stringify(figures, undefined, 2)}\n` : text);
  return figures.equal ? 0 : 1;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) {
    console.error(`${error.message}\nSee npm start -- --help`);
    return 2;
  }
  console.error(error instanceof Error ? `${error.message}` : error);
  return error instanceof Interrupted ? error.exitCode : 1;
}

const exitCode = await main().catch(exitCodeOf);
// A request that nobody waits for any more must not hold the terminal.
process.stdout.write('', () => process.exit(exitCode));

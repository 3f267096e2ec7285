/** `npm start`: the command line around one run. */
import { constants } from 'node:os';
import { help, parseOptions, UsageError } from './options.js';
import { figuresOf, reportText } from './report.js';
import { runDemo } from './run.js';

class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`Stopped by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

// For this process and the workers: five copies of the SDK's note on versions of Node.js would bury the report.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(help);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Runners pass a signal on that the terminal has sent already, so the second one must not cut the first one short.
    process.on(signal, () => stop.abort(new Interrupted(signal)));
  }
  const figures = figuresOf(options, await runDemo(options, stop.signal));
  process.stdout.write(options.json ? `${JSON.stringify(figures, undefined, 2)}\n` : reportText(figures));
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

process.exitCode = await main().catch(exitCodeOf);

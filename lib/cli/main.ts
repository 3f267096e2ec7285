#!/usr/bin/env node
/** `leyden`: the process around one run. */
import { exitCodeOf, exitCodes } from './exit.js';
import { run } from './run.js';
import { wasInterrupted } from './signals.js';

// As it was found: what this process sets for itself is not for the commands that it runs.
const env = { ...process.env };
// The SDK's note on versions of Node.js would come with every run, in the middle of what is meant for programs.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

// Whoever reads has gone (`leyden atom watch key | head -1`): a quiet end, as by SIGPIPE.
// Nor may a result that was not written (a full disk) look like one that was.
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit(exitCodeOf('SIGPIPE'));
  process.stderr.write(`leyden: Cannot write to standard output: ${message}\n`, () => process.exit(exitCodes.failed));
});
// Nobody hears the notes; the command that runs under a lock is not stopped for that.
process.stderr.on('error', () => {});

// Timers of leases keep no process alive; a run does, until it has ended.
const alive = setInterval(() => {}, 2 ** 30);
const { stdin, stdout, stderr } = process;
const exitCode = await run({ args: process.argv.slice(2), env, stdin, stdout, stderr });
clearInterval(alive);
// A request that nobody waits for any more must not hold the shell; what was said is written out first.
stdout.write('', (failure) => {
  if (failure) return;
  stderr.write('', () => {
    // A shell leaves its loop for a command that Ctrl-C has ended, and not for one that ends with 130.
    if (wasInterrupted() && exitCode === exitCodeOf('SIGINT')) process.kill(process.pid, 'SIGINT');
    else process.exit(exitCode);
  });
});
